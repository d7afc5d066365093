// Bounds on the norms of units' weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/gradient_norm.h"
#include "kernels/reduce.h"
#include "ops/operation.h"
#include "ops/scale.h"
#include "runtime/parallel.h"

namespace striate {

/// Scales the columns of weights [.., columns] whose norm is above a bound down to it.
class MaxNorm {
 public:
  /// Takes the memory that it needs: an exception must leave the parameters as they were.
  MaxNorm(const std::vector<Tensor>& parameters, double bound) : bound_(bound) {
    if (std::isinf(bound)) return;
    int64_t floats = 0;
    for (const Tensor& p : parameters) {
      if (p.shape.rank() < 2 || p.elements() == 0) continue;
      const Rows rows(p);
      weights_.push_back(p);
      floats = std::max(floats, (rows.blocks + 1) * rows.columns);
    }
    scratch_ = Block::take(floats * static_cast<int64_t>(sizeof(float)));
  }

  void run() const {
    for (const Tensor& w : weights_) scale(w);
  }

 private:
  /// Blocks of rows, few enough that their sums are a small part of the weights, and short enough for a sum.
  struct Rows {
    explicit Rows(const Tensor& w)
        : columns(w.shape.last()),
          rows(w.elements() / columns),
          perBlock(std::clamp<int64_t>(elementGrain / columns, 64, 1024)),
          blocks((rows + perBlock - 1) / perBlock) {}
    int64_t columns, rows, perBlock, blocks;
  };

  void scale(const Tensor& w) const {
    const Rows r(w);
    float *const factors = scratch_.floats(), *const partial = factors + r.columns, *const data = w.f32();
    parallelRanges(r.rows, r.perBlock, [&](int64_t from, int64_t to) {
      float* const sums = partial + from / r.perBlock * r.columns;
      std::fill_n(sums, r.columns, 0.0f);
      dispatch(SquaresOfColumns{data + from * r.columns, to - from, r.columns, sums});
    });
    parallelRanges(r.columns, 1024, [&](int64_t from, int64_t to) {
      dispatch(ReduceColumns<float>{Reduction::sum, partial + from, factors + from, r.blocks, to - from,
                                    r.columns, false});
      for (int64_t c = from; c < to; ++c) {
        const float norm = std::sqrt(factors[c]);
        factors[c] = norm > bound_ ? static_cast<float>(bound_ / norm) : 1.0f;
      }
    });
    if (std::all_of(factors, factors + r.columns, [](float factor) { return factor == 1; })) return;
    parallelRanges(r.rows, r.perBlock, [&](int64_t from, int64_t to) {
      scaleBy(factors, 1, data + from * r.columns, to - from, r.columns);
    });
  }

  double bound_;
  std::vector<Tensor> weights_;
  Block scratch_;
};

}  // namespace striate
