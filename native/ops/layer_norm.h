// Normalization along rows; see kernels/layer_norm.h.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/layer_norm.h"
#include "kernels/stream.h"
#include "ops/norm.h"
#include "ops/reduce.h"

namespace striate {

/// Each of `images` has `places` of `channels`, in `groups` equal parts that are normalized each on their
/// own. With one place, groups are rows of memory.
struct GroupShape {
  int64_t images, places, channels, groups;

  int64_t rows() const { return images * groups; }
  int64_t elements() const { return images * places * channels; }
};

struct GroupNormalized {
  /// [4, images·groups]: NormStatistics, and the variance.
  Tensor output, statistics;
};

struct GroupNormGradients {
  /// Those by weight and bias have `channels`; none where they are not asked for.
  Tensor byInput, byWeight, byBias;
};

inline NormStatistics groupStatistics(const Tensor& t, int64_t first = 0) {
  const int64_t rows = t.shape[1];
  return {t.f32() + first, t.f32() + rows + first, t.f32() + 2 * rows + first};
}
inline float* groupVariances(const Tensor& t) { return t.f32() + 3 * t.shape[1]; }

/// The gradient of each channel from those of `parts` in memory one after the other.
inline void sumParts(const float* data, int64_t parts, const Tensor& sum) {
  ReductionLoops({parts, sum.elements()}, AxisSet("sum", std::vector<int64_t>{0}, 2))
      .run(Reduction::sum, data, sum.f32(), [](const float*, int64_t) {});
}

/// How rows are cut into tiles, by their shape alone: rows as a whole where they are short.
struct LayerPlan {
  int64_t rows, groups, length, rowsAtOnce, columnsAtOnce, rowTiles, columnTiles;

  explicit LayerPlan(const GroupShape& shape)
      : rows(shape.rows()), groups(shape.groups), length(shape.channels / shape.groups) {
    constexpr int64_t longest = 4096;
    columnsAtOnce = std::min(length, longest);
    // Sixteen of each group at least, so that sums over the rows of a tile are small beside the data.
    rowsAtOnce = std::max(16 * groups, elementGrain / columnsAtOnce);
    rowTiles = (rows + rowsAtOnce - 1) / rowsAtOnce;
    columnTiles = (length + columnsAtOnce - 1) / columnsAtOnce;
  }

  /// In parallel for all rows: calls whole(rows) for some of them, then each(tile, rows, from, to) for their
  /// columns [from, to), tile counting the rows. Long rows are gone through as a whole before any tile of
  /// them.
  template <class Whole, class Each>
  void overTiles(const Whole& whole, const Each& each) const {
    const auto rowsOf = [&](int64_t tile) {
      const int64_t first = tile * rowsAtOnce;
      return LayerRows{first, std::min(rowsAtOnce, rows - first), groups, length};
    };
    if (columnTiles == 1) {
      parallelFor(rowTiles, [&](int64_t tile) {
        whole(rowsOf(tile));
        each(tile, rowsOf(tile), int64_t{0}, length);
      });
      return;
    }
    parallelFor(rows, [&](int64_t row) { whole(LayerRows{row, 1, groups, length}); });
    parallelFor(rowTiles * columnTiles, [&](int64_t i) {
      const int64_t from = i % columnTiles * columnsAtOnce;
      each(i / columnTiles, rowsOf(i / columnTiles), from, std::min(length, from + columnsAtOnce));
    });
  }
};

/// The forward pass where groups are rows.
inline void normalizeRows(const GroupShape& shape, const Tensor& x, const float* weight, const float* bias,
                          double eps, const GroupNormalized& result) {
  const NormStatistics statistics = groupStatistics(result.statistics);
  float *const variance = groupVariances(result.statistics), *const y = result.output.f32();
  const bool past = streams(result.output.bytes());
  LayerPlan(shape).overTiles(
      [&](const LayerRows& rows) { dispatch(LayerMoments{rows, x.f32(), eps, statistics, variance}); },
      [&](int64_t, const LayerRows& rows, int64_t from, int64_t to) {
        dispatch(LayerNormalize{rows, from, to, x.f32(), weight, bias, statistics, y, past});
      });
}

/// The backward pass where groups are rows.
inline void differentiateRows(const GroupShape& shape, const Tensor& dy, const Tensor& x, const float* weight,
                              const Tensor& statistics, const GroupNormGradients& result) {
  const LayerPlan plan(shape);
  const NormStatistics made = groupStatistics(statistics);
  const Block lines = takeFloats(2 * plan.rows);
  float *const slope = lines.floats(), *const offset = slope + plan.rows;
  const int64_t parts = plan.rowTiles * shape.channels;
  const Block sums = takeFloats(result.byWeight ? 2 * parts : 0);
  plan.overTiles(
      [&](const LayerRows& rows) {
        dispatch(LayerGradientSums{rows, dy.f32(), x.f32(), weight, made, slope, offset});
      },
      [&](int64_t tile, const LayerRows& rows, int64_t from, int64_t to) {
        float* const part = result.byWeight ? sums.floats() + tile * shape.channels : nullptr;
        dispatch(LayerGradient{rows, from, to, dy.f32(), x.f32(), weight, made, slope, offset,
                               result.byInput.f32(), part, part ? part + parts : nullptr});
      });
  if (!result.byWeight) return;
  sumParts(sums.floats(), plan.rowTiles, result.byWeight);
  sumParts(sums.floats() + parts, plan.rowTiles, result.byBias);
}

}  // namespace striate
