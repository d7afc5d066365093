// Convolution in narrow groups, depthwise ones first: the lanes of a vector are neighbouring outputs, and
// each lane has inputs of its own group. A tile is some neighbouring points of a row, for one vector after
// the other: what its taps see is found through pointers, those beyond the image leading to zeros, and a
// vector of the image that is loaded serves all neighbouring taps that look at it.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

/// Most points in a tile, and most taps that share what they see: of columns, a run has one less than both.
constexpr int mostLanePoints = 14, mostRunTaps = 3;

/// One image [height, width, pixelStep], and as many zeros as a pixel has values.
struct LaneImage {
  const float* values;
  const float* zeros;
  int64_t height, width, pixelStep;
};

/// Taps along one axis: at first + t·step from a lattice point times the stride.
struct LaneTaps {
  int64_t first, step, count, stride;
  int64_t runTaps() const { return step == 1 && stride == 1 ? mostRunTaps : 1; }
};

/// Neighbouring taps of a row of the kernel, at a tile: taps t of the p-th point look at columns[p + t].
struct LaneRun {
  const float* columns[mostLanePoints + mostRunTaps - 1];
  int64_t taps;
  int64_t place;  ///< of its weights: [channel][tap][lane]
};

/// Where a vector of outputs finds one channel of their groups: lane i at offset + places[i] of a pixel,
/// which has `held` values from there on.
struct LaneInput {
  int64_t offset;
  int held;
  int32_t places[16];
};

/// How a vector is loaded: lanes that are neighbours; one value for all lanes, which are of one group;
/// others; and others from what may end before a vector.
enum class LaneOrder : uint8_t { neighbours, one, spread, partial };

/// What both kernels look at: lattice rows of an image, by vectors of `lanes` outputs.
struct LaneView {
  LaneImage image;
  LaneTaps h, w;
  int64_t rowFrom, rowTo, points;
  int64_t channels, outputs;
  int64_t vectors, lanes;
  int64_t whole;            ///< the vectors, first of all, that may be loaded and stored whole
  LaneOrder order;          ///< of these
  const LaneInput* inputs;  ///< [vector][channel]
  LaneRun* runs;            ///< room for runCount()

  int64_t runCount() const { return h.count * ((w.count + w.runTaps() - 1) / w.runTaps()); }
  /// Weights of a vector's lanes: by run, channel, tap of the run.
  int64_t weights() const { return h.count * w.count * channels; }
};

/// out(i, j, k) = Σ_taps Σ_c image(i·stride + dh, j·stride + dw, channel c of k's group)·weight(tap, c, k),
/// ended by `end`.
struct LaneConv {
  LaneView view;
  const float* weights;  ///< [vector][weights()][lane]
  ConvEnd end;
  float* out;
  int64_t outRow, outColumn;  ///< from one lattice point to the next
  bool stream;                ///< past the caches: all vectors are whole, at multiples of their size
  template <class Vec>
  void run() const;
};

/// sums(tap, c, k) += Σ_points image(point + tap, channel c of k's group)·gradient(point, k), laid out as the
/// weights of LaneConv.
struct LaneConvWeights {
  LaneView view;
  const float* gradient;
  int64_t gradientRow, gradientColumn;
  float* sums;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// Lines that tiles to come will look at, a few at each step: prefetches in bursts would stall.
class Prefetcher {
 public:
  Prefetcher(const float* from, int64_t floats, int64_t steps)
      : at_(from), lines_(steps > 0 ? (floats + line * steps - 1) / (line * steps) : 0) {}
  void step() {
    for (int64_t i = 0; i < lines_; ++i, at_ += line) __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr int64_t line = 16;
  const float* at_;
  int64_t lines_;
};

/// Neighbouring vectors that a convolution works at together, where lanes are neighbours: a cache line, as
/// far as there are registers. Half a line that is stored past the caches costs as much as a whole one.
template <class Vec>
constexpr int laneWidth = Vec::size == 8 ? 2 : 1;

/// Calls use(point, tap, values) for each pair of a run.
template <class Vec, LaneOrder order, int points, int taps, class Use>
__attribute__((always_inline)) inline void alongRun(const LaneRun& run, const LaneInput& input,
                                                    int64_t offset, const Use& use) {
  [[maybe_unused]] typename Vec::Places places{};
  constexpr bool permuted = order == LaneOrder::spread || order == LaneOrder::partial;
  if constexpr (permuted) places = Vec::places(input.places);
#pragma GCC unroll 16
  for (int column = 0; column < points + taps - 1; ++column) {
    const float* x = run.columns[column] + offset;
    Vec values = order == LaneOrder::partial ? Vec::loadPartial(x, input.held)
                 : order == LaneOrder::one   ? Vec::broadcast(*x)
                                             : Vec::load(x);
    if constexpr (permuted) values = permute(values, places);
#pragma GCC unroll 3
    for (int tap = 0; tap < taps; ++tap)
      if (const int point = column - tap; point >= 0 && point < points) use(point, tap, values);
  }
}

/// Adds a run's part to the sums of some points.
template <class Vec, LaneOrder order, int points, int taps>
__attribute__((always_inline)) inline void addRun(const LaneRun& run, const LaneInput& input, int64_t offset,
                                                  const float* weights, Vec (&sum)[points]) {
  Vec weight[taps];
#pragma GCC unroll 3
  for (int tap = 0; tap < taps; ++tap) weight[tap] = Vec::load(weights + tap * Vec::size);
  alongRun<Vec, order, points, taps>(run, input, offset,
                                     [&](int point, int tap, Vec x) __attribute__((always_inline)) {
                                       sum[point] = fma(x, weight[tap], sum[point]);
                                     });
}

/// Adds what some points' gradients make of a run to the sums of its taps.
template <class Vec, LaneOrder order, int points, int taps>
__attribute__((always_inline)) inline void addProducts(const LaneRun& run, const LaneInput& input,
                                                       int64_t offset, float* sums,
                                                       const Vec (&gradient)[points]) {
  Vec sum[taps];
#pragma GCC unroll 3
  for (int tap = 0; tap < taps; ++tap) sum[tap] = Vec::load(sums + tap * Vec::size);
  alongRun<Vec, order, points, taps>(run, input, offset,
                                     [&](int point, int tap, Vec x) __attribute__((always_inline)) {
                                       sum[tap] = fma(x, gradient[point], sum[tap]);
                                     });
#pragma GCC unroll 3
  for (int tap = 0; tap < taps; ++tap) sum[tap].store(sums + tap * Vec::size);
}

/// Where in a pixel a vector of outputs from `output` on is loaded.
template <LaneOrder order>
inline int64_t offsetOf(const LaneInput& input, int64_t output) {
  if constexpr (order == LaneOrder::neighbours) return output;
  return input.offset + (order == LaneOrder::one ? input.places[0] : 0);
}

/// Part of a row, and the vectors to compute there.
struct LaneTile {
  int64_t row, column;
  int64_t runs;  ///< that look at the image
  int64_t vectorFrom, vectorTo;
  const float* ahead;
  int64_t aheadFloats;
};

template <class Vec, LaneOrder order, int points, int width>
void laneTile(const LaneConv& conv, const LaneTile& tile) {
  const LaneView& view = conv.view;
  const int64_t channels = view.channels, outColumn = conv.outColumn;
  const bool relu = conv.end.relu, stream = conv.stream;
  const float* weights = conv.weights + tile.vectorFrom * view.weights() * Vec::size;
  const int64_t weightsOfVector = view.weights() * Vec::size;
  Prefetcher ahead(tile.ahead, tile.aheadFloats,
                   (tile.vectorTo - tile.vectorFrom) / width * tile.runs * channels);
  for (int64_t vector = tile.vectorFrom; vector < tile.vectorTo; vector += width) {
    const int64_t output = vector * view.lanes;
    const int lanes =
        static_cast<int>(view.outputs - output < view.lanes ? view.outputs - output : view.lanes);
    Vec sum[width][points];
    const auto load = [&](const float* from) {
      return order == LaneOrder::partial ? Vec::loadPartial(from, lanes) : Vec::load(from);
    };
#pragma GCC unroll 2
    for (int v = 0; v < width; ++v) {
      sum[v][0] = conv.end.bias ? load(conv.end.bias + output + v * Vec::size) : Vec::broadcast(0.0f);
#pragma GCC unroll 16
      for (int p = 1; p < points; ++p) sum[v][p] = sum[v][0];
    }
    for (int64_t r = 0; r < tile.runs; ++r) {
      const LaneRun& run = view.runs[r];
      const float* w = weights + run.place * Vec::size;
      const LaneInput* input = view.inputs + vector * channels;
      for (int64_t c = 0; c < channels; ++c, ++input, w += run.taps * Vec::size) {
        ahead.step();
        const int64_t offset = offsetOf<order>(*input, output);
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v) {
          const int64_t at = offset + v * Vec::size;
          const float* own = w + v * weightsOfVector;
          if (run.taps == 3)
            addRun<Vec, order, points, 3>(run, *input, at, own, sum[v]);
          else if (run.taps == 2)
            addRun<Vec, order, points, 2>(run, *input, at, own, sum[v]);
          else
            addRun<Vec, order, points, 1>(run, *input, at, own, sum[v]);
        }
      }
    }
    weights += width * weightsOfVector;
    const int64_t place = tile.row * conv.outRow + tile.column * outColumn + output;
    if (const float* added = conv.end.residual) {
#pragma GCC unroll 16
      for (int p = 0; p < points; ++p)
        for (int v = 0; v < width; ++v)
          sum[v][p] = sum[v][p] + load(added + place + p * outColumn + v * Vec::size);
    }
    if (relu) {
#pragma GCC unroll 16
      for (int p = 0; p < points; ++p)
        for (int v = 0; v < width; ++v) sum[v][p] = max(Vec::broadcast(0.0f), sum[v][p]);
    }
    float* out = conv.out + place;
#pragma GCC unroll 16
    for (int p = 0; p < points; ++p, out += outColumn) {
#pragma GCC unroll 2
      for (int v = 0; v < width; ++v) {
        if constexpr (order == LaneOrder::partial)
          sum[v][p].storePartial(out, lanes);
        else if (stream)
          sum[v][p].stream(out + v * Vec::size);
        else
          sum[v][p].store(out + v * Vec::size);
      }
    }
  }
}

template <class Vec, LaneOrder order, int points, int width>
void laneTile(const LaneConvWeights& conv, const LaneTile& tile) {
  const LaneView& view = conv.view;
  const int64_t channels = view.channels, gradientColumn = conv.gradientColumn;
  float* sums = conv.sums + tile.vectorFrom * view.weights() * Vec::size;
  Prefetcher ahead(tile.ahead, tile.aheadFloats, (tile.vectorTo - tile.vectorFrom) * tile.runs * channels);
  const float* from = conv.gradient + tile.row * conv.gradientRow + tile.column * gradientColumn;
  for (int64_t vector = tile.vectorFrom; vector < tile.vectorTo; ++vector) {
    const int64_t output = vector * view.lanes;
    const int lanes =
        static_cast<int>(view.outputs - output < view.lanes ? view.outputs - output : view.lanes);
    Vec gradient[points];
    const float* g = from + output;
#pragma GCC unroll 16
    for (int p = 0; p < points; ++p, g += gradientColumn) {
      gradient[p] = order == LaneOrder::partial ? Vec::loadPartial(g, lanes) : Vec::load(g);
      __builtin_prefetch(g + conv.gradientRow, 0, 2);
    }
    for (int64_t r = 0; r < tile.runs; ++r) {
      const LaneRun& run = view.runs[r];
      float* own = sums + run.place * Vec::size;
      const LaneInput* input = view.inputs + vector * channels;
      for (int64_t c = 0; c < channels; ++c, ++input, own += run.taps * Vec::size) {
        ahead.step();
        const int64_t offset = offsetOf<order>(*input, output);
        if (run.taps == 3)
          addProducts<Vec, order, points, 3>(run, *input, offset, own, gradient);
        else if (run.taps == 2)
          addProducts<Vec, order, points, 2>(run, *input, offset, own, gradient);
        else
          addProducts<Vec, order, points, 1>(run, *input, offset, own, gradient);
      }
    }
    sums += view.weights() * Vec::size;
  }
}

/// Finds what the taps look at from `points` points on; how many runs look at the image.
template <class Vec>
int64_t findRuns(const LaneView& view, int64_t row, int64_t column, int64_t points) {
  const LaneImage& image = view.image;
  const int64_t most = view.w.runTaps(), stride = view.w.stride, step = view.w.step;
  LaneRun* run = view.runs;
  for (int64_t h = 0; h < view.h.count; ++h) {
    const int64_t y = row * view.h.stride + view.h.first + h * view.h.step;
    if (y < 0 || y >= image.height) continue;
    const float* from = image.values + y * image.width * image.pixelStep;
    for (int64_t tap = 0; tap < view.w.count; tap += run++->taps) {
      run->taps = view.w.count - tap < most ? view.w.count - tap : most;
      run->place = (h * view.w.count + tap) * view.channels;
      int64_t x = column * stride + view.w.first + tap * step;
      for (int64_t i = 0; i < points + run->taps - 1; ++i, x += stride)
        run->columns[i] = x >= 0 && x < image.width ? from + x * image.pixelStep : image.zeros;
    }
  }
  return run - view.runs;
}

/// Computes a row from a point on: tiles of as many points as fit the registers, then of about half as many.
template <class Vec, int points, class Conv>
void laneRow(const Conv& conv, int64_t row, int64_t column) {
  const LaneView& view = conv.view;
  const int64_t share = view.h.stride * view.w.stride * view.image.pixelStep;
  for (; column + points <= view.points; column += points) {
    LaneTile tile{};
    tile.row = row, tile.column = column;
    tile.runs = findRuns<Vec>(view, row, column, points);
    // The rows that the next row of points is the first to see.
    tile.ahead = view.image.values +
                 (row * view.h.stride + view.h.first + (view.h.count - 1) * view.h.step + 1) *
                     view.image.width * view.image.pixelStep +
                 column * share;
    tile.aheadFloats = points * share;
    // The first part brings in what lies ahead.
    const auto part = [&](int64_t vectorTo, auto work) {
      tile.vectorFrom = tile.vectorTo, tile.vectorTo = vectorTo;
      if (tile.vectorFrom == vectorTo) return;
      work();
      tile.aheadFloats = 0;
    };
    if (view.order == LaneOrder::neighbours) {
      constexpr int width = laneWidth<Vec>;
      part(view.whole / width * width,
           [&] { laneTile<Vec, LaneOrder::neighbours, points, width>(conv, tile); });
      part(view.whole, [&] { laneTile<Vec, LaneOrder::neighbours, points, 1>(conv, tile); });
    } else if (view.order == LaneOrder::one) {
      part(view.whole, [&] { laneTile<Vec, LaneOrder::one, points, 1>(conv, tile); });
    } else {
      part(view.whole, [&] { laneTile<Vec, LaneOrder::spread, points, 1>(conv, tile); });
    }
    part(view.vectors, [&] { laneTile<Vec, LaneOrder::partial, points, 1>(conv, tile); });
  }
  if constexpr (points > 1) laneRow<Vec, (points + 1) / 2>(conv, row, column);
}

/// With few registers, tiles are of half as many points.
template <class Vec>
constexpr int lanePoints = Vec::tileRows[2] >= 4 ? mostLanePoints : mostLanePoints / 2;

template <class Vec>
void LaneConv::run() const {
  for (int64_t row = view.rowFrom; row < view.rowTo; ++row) laneRow<Vec, lanePoints<Vec>>(*this, row, 0);
  if (stream) Vec::fence();
}

template <class Vec>
void LaneConvWeights::run() const {
  for (int64_t row = view.rowFrom; row < view.rowTo; ++row) laneRow<Vec, lanePoints<Vec>>(*this, row, 0);
}

template void LaneConv::run<STRIATE_VEC>() const;
template void LaneConvWeights::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
