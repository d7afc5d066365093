// Convolution in narrow groups, depthwise ones first: the lanes of a vector are neighbouring outputs, and
// each lane has inputs of its own group. Rows of the image are brought into that order once, in a ring of as
// many rows as the kernel reaches over, and then serve all taps; zeros around them stand for the padding.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

/// One image [height, width, pixelStep], of which output k sees channels g·channels … (g + 1)·channels of its
/// group g = ⌊k / groupOutputs⌋.
struct LaneImage {
  const float* values;
  int64_t height, width, pixelStep;
  int64_t channels, groupOutputs;
};

/// Taps along one axis: at first + t·step from a lattice point times the stride.
struct LaneTaps {
  int64_t first, step, count, stride;
  int64_t reach() const { return count > 0 ? (count - 1) * step + 1 : 0; }
};

/// The part of a lattice that one call works at, and the ring for it.
struct LaneWindow {
  LaneTaps h, w;
  int64_t rowFrom, rowTo, points;  ///< lattice rows, and the points in each
  int64_t vectorFrom, vectorTo;    ///< of outputs
  float* ring;                     ///< ringFloats()

  int64_t columns() const { return w.count > 0 ? (points - 1) * w.stride + w.reach() : 0; }
  int64_t ringFloats(int64_t channels, int64_t lanes) const {
    return h.reach() * channels * columns() * lanes;
  }
};

/// What the next call will touch, brought near while this one computes: `floats` from each of two places.
struct Upcoming {
  const float* first;
  const float* second;
  int64_t firstFloats, secondFloats;
};

/// out(i, j, k) = Σ_taps Σ_c image(i·stride + dh, j·stride + dw, channel c of k's group)·weight(tap, c, k),
/// ended by `end`.
struct LaneConv {
  LaneImage image;
  LaneWindow window;
  int64_t outputs;
  const float* weights;  ///< [vector][tap row][c][tap column][lane]
  ConvEnd end;
  float* out;
  int64_t outRow, outColumn;  ///< from one lattice point to the next
  bool stream;                ///< past the caches: outputs are whole vectors at multiples of their size
  Upcoming upcoming;
  template <class Vec>
  void run() const;
};

/// sums(tap, c, k) += Σ_points image(point + tap, channel c of k's group)·gradient(point, k), laid out as the
/// weights of LaneConv.
struct LaneConvWeights {
  LaneImage image;
  LaneWindow window;
  int64_t outputs;
  const float* gradient;
  int64_t gradientRow, gradientColumn;
  float* sums;
  Upcoming upcoming;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

/// Rows of one vector's inputs: [row mod reach][channel][column][lane].
template <class Vec>
class LaneRing {
 public:
  LaneRing(const LaneImage& image, const LaneWindow& window)
      : image_(image), window_(window), columns_(window.columns()), reach_(window.h.reach()) {
    // The columns beyond the image are never written.
    ::memset(window.ring, 0,
             static_cast<size_t>(window.ringFloats(image.channels, Vec::size)) * sizeof(float));
  }

  int64_t plane() const { return columns_ * Vec::size; }

  /// Turns to a vector of outputs.
  void turnTo(int64_t vector, int64_t outputs) {
    const int64_t output = vector * Vec::size;
    const int64_t lanes = outputs - output < Vec::size ? outputs - output : Vec::size;
    base_ = output / image_.groupOutputs * image_.channels;
    for (int64_t lane = 0; lane < Vec::size; ++lane) {
      const int64_t used = lane < lanes ? lane : lanes - 1;
      first_[lane] = static_cast<int32_t>((output + used) / image_.groupOutputs * image_.channels - base_);
    }
    span_ = first_[lanes - 1] + image_.channels;
    for (int64_t c = 0; span_ <= Vec::size && c < image_.channels; ++c)
      for (int lane = 0; lane < Vec::size; ++lane) places_[c][lane] = first_[lane] + static_cast<int32_t>(c);
    next_ = window_.rowFrom * window_.h.stride + window_.h.first;
  }

  /// Brings in what a lattice row looks at.
  void advance(int64_t row) {
    start_ = row * window_.h.stride + window_.h.first;
    if (next_ < start_) next_ = start_;
    for (const int64_t end = start_ + reach_; next_ < end; ++next_)
      if (next_ >= 0 && next_ < image_.height) bring(next_);
    slot_ = reach_ > 0 ? (start_ % reach_ + reach_) % reach_ : 0;
  }

  /// The planes of a row of taps, one a channel, at the first point's first tap; null beyond the image.
  const float* at(int64_t tap) const {
    const int64_t ahead = tap * window_.h.step, row = start_ + ahead;
    if (row < 0 || row >= image_.height) return nullptr;
    const int64_t slot = slot_ + ahead < reach_ ? slot_ + ahead : slot_ + ahead - reach_;
    return window_.ring + slot * image_.channels * plane();
  }

 private:
  void bring(int64_t row) {
    const int64_t left = window_.w.first;
    const int64_t start = left > 0 ? left : 0;
    const int64_t end = left + columns_ < image_.width ? left + columns_ : image_.width;
    const float* from = image_.values + (row * image_.width + start) * image_.pixelStep + base_;
    float* to = window_.ring + row % reach_ * image_.channels * plane() + (start - left) * Vec::size;
    const int64_t step = image_.pixelStep, channels = image_.channels;
    const int64_t there = step - base_;
    const int held = static_cast<int>(there < Vec::size ? there : Vec::size);
    if (channels == 1 && image_.groupOutputs == 1) {
      if (held == Vec::size)
        for (int64_t i = start; i < end; ++i, from += step, to += Vec::size) Vec::load(from).store(to);
      else
        for (int64_t i = start; i < end; ++i, from += step, to += Vec::size)
          Vec::loadPartial(from, held).store(to);
    } else if (span_ <= Vec::size) {
      int64_t c = 0;
      if constexpr (Vec::size >= 8)
        for (; c + 8 <= channels; c += 8) spread<8>(c, end - start, held, from, to + c * plane());
      if constexpr (Vec::size >= 4)
        for (; c + 4 <= channels; c += 4) spread<4>(c, end - start, held, from, to + c * plane());
      for (; c < channels; ++c) spread<1>(c, end - start, held, from, to + c * plane());
    } else {
      for (int64_t c = 0; c < channels; ++c, to += plane())
        for (int64_t i = start; i < end; ++i)
          for (int lane = 0; lane < Vec::size; ++lane)
            to[(i - start) * Vec::size + lane] = from[(i - start) * step + first_[lane] + c];
    }
  }

  /// Channels from..from + count of each pixel, in the order of lanes, to a plane each.
  template <int count>
  void spread(int64_t channel, int64_t pixels, int held, const float* from, float* to) const {
    typename Vec::Places order[count];
#pragma GCC unroll 8
    for (int c = 0; c < count; ++c) order[c] = Vec::places(places_[channel + c]);
    const int64_t step = image_.pixelStep, apart = plane();
    for (int64_t i = 0; i < pixels; ++i, from += step, to += Vec::size) {
      const Vec pixel = held == Vec::size ? Vec::load(from) : Vec::loadPartial(from, held);
#pragma GCC unroll 8
      for (int c = 0; c < count; ++c) permute(pixel, order[c]).store(to + c * apart);
    }
  }

  const LaneImage& image_;
  const LaneWindow& window_;
  const int64_t columns_, reach_;
  int64_t base_ = 0, span_ = 0, next_ = 0, slot_ = 0, start_ = 0;
  int32_t first_[Vec::size];
  int32_t places_[Vec::size][Vec::size];  ///< by channel, where one vector of the source holds all lanes'
};

/// Works an Upcoming off in as many steps as the call has: prefetches in bursts would stall it.
class Prefetcher {
 public:
  Prefetcher(const Upcoming& upcoming, int64_t steps)
      : first_(upcoming.first),
        second_(upcoming.second),
        firstEnd_(first_ + upcoming.firstFloats),
        secondEnd_(second_ + upcoming.secondFloats) {
    const int64_t most =
        upcoming.firstFloats > upcoming.secondFloats ? upcoming.firstFloats : upcoming.secondFloats;
    lines_ = steps > 0 ? (most / line + steps - 1) / steps : 0;
  }
  void step() {
    for (int64_t i = 0; i < lines_; ++i, first_ += line, second_ += line) {
      if (first_ < firstEnd_) __builtin_prefetch(first_, 0, 2);
      if (second_ < secondEnd_) __builtin_prefetch(second_, 0, 2);
    }
  }

 private:
  static constexpr int64_t line = 16;
  const float *first_, *second_;
  const float *firstEnd_, *secondEnd_;
  int64_t lines_;
};

/// Adds `taps` neighbouring taps of `pixels` points; stride 0 is one known at run time only.
template <class Vec, int pixels, int stride, int taps>
__attribute__((always_inline)) inline void addTaps(const float* x, int64_t step, const float* w,
                                                   Vec (&sum)[pixels]) {
  Vec weight[taps];
#pragma GCC unroll 3
  for (int t = 0; t < taps; ++t) weight[t] = Vec::load(w + t * Vec::size);
#pragma GCC unroll 16
  for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 3
    for (int t = 0; t < taps; ++t)
      sum[p] =
          fma(Vec::load(x + (stride ? p * stride * Vec::size : p * step) + t * Vec::size), weight[t], sum[p]);
}

/// `pixels` neighbouring points of one vector of outputs.
template <class Vec, int pixels, int stride>
void laneTile(const LaneConv& conv, const LaneRing<Vec>& ring, const float* weights, int64_t column,
              int64_t output, float* out, Prefetcher& ahead) {
  const int64_t channels = conv.image.channels, taps = conv.window.w.count, tapStep = conv.window.w.step;
  const int64_t step = conv.window.w.stride * Vec::size, plane = ring.plane();
  Vec sum[pixels];
#pragma GCC unroll 16
  for (int p = 0; p < pixels; ++p) sum[p] = Vec::broadcast(0.0f);
  for (int64_t row = 0; row < conv.window.h.count; ++row) {
    const float* x = ring.at(row);
    if (x == nullptr) {
      weights += channels * taps * Vec::size;
      continue;
    }
    x += column * step;
    for (int64_t c = 0; c < channels; ++c, x += plane) {
      ahead.step();
      int64_t t = 0;
      if (stride != 0 && tapStep == 1) {
        for (; t + 3 <= taps; t += 3, weights += 3 * Vec::size)
          addTaps<Vec, pixels, stride, 3>(x + t * Vec::size, step, weights, sum);
        for (; t + 2 <= taps; t += 2, weights += 2 * Vec::size)
          addTaps<Vec, pixels, stride, 2>(x + t * Vec::size, step, weights, sum);
      }
      for (; t < taps; ++t, weights += Vec::size)
        addTaps<Vec, pixels, stride, 1>(x + t * tapStep * Vec::size, step, weights, sum);
    }
  }
  const int lanes = static_cast<int>(conv.outputs - output < Vec::size ? conv.outputs - output : Vec::size);
  const bool whole = lanes == Vec::size;
  const auto load = [&](const float* from) {
    return whole ? Vec::load(from) : Vec::loadPartial(from, lanes);
  };
  const Vec bias = conv.end.bias ? load(conv.end.bias + output) : Vec::broadcast(0.0f);
  const float* added = conv.end.residual ? conv.end.residual + (out - conv.out) : nullptr;
  const int64_t outColumn = conv.outColumn;
  const bool relu = conv.end.relu, stream = conv.stream;
#pragma GCC unroll 16
  for (int p = 0; p < pixels; ++p, out += outColumn) {
    Vec result = sum[p] + bias;
    if (added) result = result + load(added + p * outColumn);
    if (relu) result = max(Vec::broadcast(0.0f), result);
    if (stream)
      result.stream(out);
    else
      whole ? result.store(out) : result.storePartial(out, lanes);
  }
}

/// The tile for a number of points known at run time.
template <class Vec, int pixels, int stride, class... Arguments>
void laneTileOf(int64_t points, Arguments&... arguments) {
  if constexpr (pixels > 1) {
    if (points < pixels) return laneTileOf<Vec, pixels - 1, stride>(points, arguments...);
  }
  laneTile<Vec, pixels, stride>(arguments...);
}

template <class Vec>
void LaneConv::run() const {
  constexpr int most = Vec::tileRows[0];
  LaneRing<Vec> ring(image, window);
  const int64_t weightFloats = window.h.count * image.channels * window.w.count * Vec::size;
  const int64_t tiles = (window.points + most - 1) / most;
  Prefetcher ahead(upcoming, (window.vectorTo - window.vectorFrom) * (window.rowTo - window.rowFrom) * tiles *
                                 window.h.count * image.channels);
  for (int64_t vector = window.vectorFrom; vector < window.vectorTo; ++vector) {
    const float* own = weights + vector * weightFloats;
    const int64_t output = vector * Vec::size;
    ring.turnTo(vector, outputs);
    for (int64_t row = window.rowFrom; row < window.rowTo; ++row) {
      ring.advance(row);
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t column = i * window.points / tiles;
        const int64_t count = (i + 1) * window.points / tiles - column;
        float* to = out + row * outRow + column * outColumn + output;
        if (window.w.stride == 1)
          laneTileOf<Vec, most, 1>(count, *this, ring, own, column, output, to, ahead);
        else if (window.w.stride == 2)
          laneTileOf<Vec, most, 2>(count, *this, ring, own, column, output, to, ahead);
        else
          laneTileOf<Vec, most, 0>(count, *this, ring, own, column, output, to, ahead);
      }
    }
  }
  if (stream) Vec::fence();
}

/// A row of gradients and the rows of the image that it meets.
struct LaneProducts {
  const float* x[8];
  float* sums[8];
  int64_t points, step, tapStep;
  const float* gradient;
  int64_t gradientStep;
  int lanes;
};

/// sums[r][t] += Σ_points x[r](point + t)·gradient(point)
template <class Vec, int rows, int taps, bool whole>
void addProducts(const LaneProducts& p) {
  const float* x[rows];
  Vec sum[rows][taps];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    x[r] = p.x[r];
#pragma GCC unroll 3
    for (int t = 0; t < taps; ++t) sum[r][t] = Vec::load(p.sums[r] + t * Vec::size);
  }
  const float* gradient = p.gradient;
  const int64_t tapStep = p.tapStep, step = p.step, end = p.points * step;
  for (int64_t i = 0; i < end; i += step, gradient += p.gradientStep) {
    const Vec g = whole ? Vec::load(gradient) : Vec::loadPartial(gradient, p.lanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
      for (int t = 0; t < taps; ++t) sum[r][t] = fma(Vec::load(x[r] + i + t * tapStep), g, sum[r][t]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int t = 0; t < taps; ++t) sum[r][t].store(p.sums[r] + t * Vec::size);
}

template <class Vec, int rows, int taps>
void addProductsOf(int count, const LaneProducts& p) {
  if constexpr (rows > 1) {
    if (count < rows) return addProductsOf<Vec, rows - 1, taps>(count, p);
  }
  p.lanes == Vec::size ? addProducts<Vec, rows, taps, true>(p) : addProducts<Vec, rows, taps, false>(p);
}

template <class Vec>
void LaneConvWeights::run() const {
  constexpr int registers = Vec::tileRows[0] == 16 ? 24 : 12;
  LaneRing<Vec> ring(image, window);
  const int64_t taps = window.w.count, channels = image.channels, sumRow = taps * Vec::size;
  Prefetcher ahead(upcoming, (window.vectorTo - window.vectorFrom) * (window.rowTo - window.rowFrom) *
                                 window.h.count * channels);
  LaneProducts p{};
  p.points = window.points;
  p.step = window.w.stride * Vec::size;
  p.tapStep = window.w.step * Vec::size;
  p.gradientStep = gradientColumn;
  for (int64_t vector = window.vectorFrom; vector < window.vectorTo; ++vector) {
    float* own = sums + vector * window.h.count * channels * sumRow;
    const int64_t output = vector * Vec::size;
    p.lanes = static_cast<int>(outputs - output < Vec::size ? outputs - output : Vec::size);
    ring.turnTo(vector, outputs);
    for (int64_t row = window.rowFrom; row < window.rowTo; ++row) {
      ring.advance(row);
      p.gradient = gradient + row * gradientRow + output;
      for (int64_t tap = 0; tap < taps;) {
        const int64_t left = taps - tap;
        const int width = left >= 3 ? 3 : static_cast<int>(left);
        const int atOnce = registers / width < 8 ? registers / width : 8;
        int count = 0;
        const auto flush = [&] {
          if (count == 0) return;
          if (width == 3)
            addProductsOf<Vec, registers / 3, 3>(count, p);
          else if (width == 2)
            addProductsOf<Vec, registers / 2 < 8 ? registers / 2 : 8, 2>(count, p);
          else
            addProductsOf<Vec, 8, 1>(count, p);
          count = 0;
        };
        for (int64_t h = 0; h < window.h.count; ++h) {
          const float* x = ring.at(h);
          if (x == nullptr) continue;
          for (int64_t c = 0; c < channels; ++c) {
            ahead.step();
            p.x[count] = x + c * ring.plane() + tap * p.tapStep;
            p.sums[count] = own + (h * channels + c) * sumRow + tap * Vec::size;
            if (++count == atOnce) flush();
          }
        }
        flush();
        tap += width;
      }
    }
  }
}

template void LaneConv::run<STRIATE_VEC>() const;
template void LaneConvWeights::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
