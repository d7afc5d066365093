// Maximum pooling of few channels by windows of 2×2 that lie side by side: a vector takes in several windows,
// where otherwise most of its lanes would be idle.
#pragma once

#include "kernels/pool_windows.h"

#ifdef STRIATE_VEC
namespace striate {

/// Whether windows are of 2×2, side by side from the first place on, and all whole.
template <class Vec>
bool arePairs(const PoolWindows& windows) {
  const auto along = [](const PoolAxis& axis) { return axis.kernel == 2 && 2 * axis.output <= axis.input; };
  return areTiles<Vec>(windows) && along(windows.vertical) && along(windows.horizontal);
}

/// Where row `row` of the output, counted through all images, finds the first of its two rows of the input.
template <class Vec>
int64_t firstOfPair(const PoolWindows& windows, int64_t row) {
  const PoolAxis& axis = windows.vertical;
  return (row / axis.output * axis.input + row % axis.output * 2) * windows.horizontal.input *
         windows.channels;
}

/// The largest values so far, and their places in the windows.
template <class Vec>
struct Largest {
  Vec value, place;

  /// One more, a number as all before it.
  template <bool wantsPlaces>
  void meet(Vec v, Vec here) {
    if constexpr (wantsPlaces) place = select(value < v, here, place);
    value = max(v, value);
  }

  void meetAny(Vec v, Vec here) {
    const auto larger = value < v, valid = v == v;
    value = select(valid, select(larger, v, value), v);
    place = select(valid, select(larger, here, place), here);
  }
};

/// Forward. The pixels of one side of the windows, left or right, come from two neighbouring vectors.
template <class Vec>
class LargestOfPairs {
 public:
  static bool suits(const PoolWindows& windows) {
    return 2 * windows.channels <= Vec::size && arePairs<Vec>(windows);
  }

  explicit LargestOfPairs(int64_t channels) : lanes_(Vec::size / channels * channels) {
    for (int64_t side = 0; side < 2; ++side) {
      int32_t near[Vec::size] = {}, far[Vec::size] = {};
      float isFar[Vec::size] = {};
      for (int64_t lane = 0; lane < lanes_; ++lane) {
        const int64_t at = lane + (lane / channels + side) * channels;
        (at < Vec::size ? near : far)[lane] = static_cast<int32_t>(at % Vec::size);
        isFar[lane] = at < Vec::size ? 0.0f : 1.0f;
      }
      near_[side] = Vec::places(near);
      far_[side] = Vec::places(far);
      isFar_[side] = Vec::broadcast(0.0f) < Vec::load(isFar);
    }
  }

  /// A row of n outputs from two of the input. Reads up to two vectors past these, and writes up to one past
  /// the row.
  template <bool wantsPlaces>
  void row(const float* above, const float* below, int64_t n, float* y, uint8_t* places) const {
    const Vec here[4] = {Vec::broadcast(0.0f), Vec::broadcast(1.0f), Vec::broadcast(2.0f),
                         Vec::broadcast(3.0f)};
    for (int64_t i = 0; i < n; i += lanes_) {
      const Vec a = Vec::load(above + 2 * i), b = Vec::load(above + 2 * i + Vec::size);
      const Vec c = Vec::load(below + 2 * i), d = Vec::load(below + 2 * i + Vec::size);
      const Vec v[4] = {pick(a, b, 0), pick(a, b, 1), pick(c, d, 0), pick(c, d, 1)};
      Largest<Vec> most{v[0], here[0]};
      for (int k = 1; k < 4; ++k) most.template meet<wantsPlaces>(v[k], here[k]);
      // No number, if one is; also with infinities of both signs.
      const Vec sum = (v[0] + v[1]) + (v[2] + v[3]);
      if (!Vec::all(sum == sum)) {
        most = {v[0], here[0]};
        for (int k = 1; k < 4; ++k) most.meetAny(v[k], here[k]);
      }
      most.value.store(y + i);
      if constexpr (wantsPlaces) most.place.storeBytes(places + i);
    }
  }

 private:
  Vec pick(Vec near, Vec far, int side) const {
    return select(isFar_[side], permute(far, far_[side]), permute(near, near_[side]));
  }

  int64_t lanes_;
  typename Vec::Places near_[2], far_[2];
  typename Vec::Mask isFar_[2];
};

/// Backward: what the vectors of a row of the gradient by the input take from the gradient by the output,
/// which repeats itself after a few of them.
template <class Vec>
class GradientOfPairs {
 public:
  explicit GradientOfPairs(const PoolWindows& windows) {
    const int64_t channels = windows.channels;
    if (channels >= Vec::size || !arePairs<Vec>(windows)) return;
    do {
      if (period_ == most) return;
      Step& step = steps_[period_++];
      int64_t sources[Vec::size];
      float right[Vec::size];
      for (int64_t lane = 0; lane < Vec::size; ++lane) {
        const int64_t pixel = (elements_ + lane) / channels;
        sources[lane] = pixel / 2 * channels + (elements_ + lane) % channels;
        right[lane] = static_cast<float>(pixel % 2);
      }
      step.from = sources[0];
      for (const int64_t source : sources) step.from = source < step.from ? source : step.from;
      int32_t places[Vec::size];
      for (int lane = 0; lane < Vec::size; ++lane) {
        if (sources[lane] - step.from >= Vec::size) return;
        places[lane] = static_cast<int32_t>(sources[lane] - step.from);
      }
      step.places = Vec::places(places);
      step.right = Vec::broadcast(0.0f) < Vec::load(right);
      elements_ += Vec::size;
    } while (elements_ % (2 * channels) != 0);
    suits_ = true;
  }

  bool suits() const { return suits_; }

  /// A row of n elements, the `lower` or upper ones of their windows, from the gradient by the output and its
  /// indices. Reads up to one vector past these; writes whole vectors as far as `end`.
  void row(const float* dy, const uint8_t* indices, bool lower, int64_t n, float* dx,
           const float* end) const {
    const Vec zero = Vec::broadcast(0.0f);
    const uint8_t left = lower ? 2 : 0, right = lower ? 3 : 1;
    int64_t k = 0;
    for (int64_t i = 0; i < n; i += Vec::size, ++k) {
      if (k == period_) {
        k = 0;
        dy += elements_ / 2;
        indices += elements_ / 2;
      }
      const Step& step = steps_[k];
      const Vec gradient = Vec::load(dy + step.from);
      const uint8_t* index = indices + step.from;
      const Vec toLeft = permute(select(Vec::bytesEqual(index, left), gradient, zero), step.places);
      const Vec toRight = permute(select(Vec::bytesEqual(index, right), gradient, zero), step.places);
      const Vec to = select(step.right, toRight, toLeft);
      if (dx + i + Vec::size <= end)
        to.store(dx + i);
      else
        to.storePartial(dx + i, static_cast<int>(n - i));
    }
  }

 private:
  struct Step {
    int64_t from;  ///< the first of the gradients by the output
    typename Vec::Places places;
    typename Vec::Mask right;
  };
  static constexpr int64_t most = 16;
  Step steps_[most];
  int64_t period_ = 0, elements_ = 0;
  bool suits_ = false;
};

}  // namespace striate
#endif
