// A convolution with stride s, forward and by weights, as one with stride 1 by Winograd's minimal filtering:
// s × s pixels side by side count as one with s² times the channels, and of k × k taps ⌈k / s⌉² remain, with
// zeros where k is no multiple. What first layers are, of few channels. Runs on the compute thread.
#pragma once

#include <algorithm>

#include "kernels/phases.h"
#include "ops/conv_winograd.h"
#include "ops/conv_winograd_by_weight.h"

namespace striate {

/// Taps along a side that remain.
inline int64_t phaseTaps(const ConvShape& s) {
  return (s.kernelHeight + s.moves.strideHeight - 1) / s.moves.strideHeight;
}

inline bool phasesSuit(const ConvShape& s) {
  const WindowMoves& m = s.moves;
  const int64_t taps = phaseTaps(s);
  return s.groups == 1 && s.images * s.channels > 0 && s.kernelHeight == s.kernelWidth &&
         m.strideHeight > 1 && m.strideHeight == m.strideWidth && m.dilationHeight == 1 &&
         m.dilationWidth == 1 && (taps == 3 || taps == 4);
}

/// The convolution with stride 1.
inline ConvShape phaseShape(const ConvShape& s) {
  const int64_t stride = s.moves.strideHeight, taps = phaseTaps(s);
  ConvShape phases = s;
  phases.height = s.outHeight + taps - 1, phases.width = s.outWidth + taps - 1;
  phases.channels = stride * stride * s.channels;
  phases.kernelHeight = phases.kernelWidth = taps;
  phases.moves = {1, 1, 0, 0, 0, 0, 1, 1};
  return phases;
}

/// Calls body(phases, first, images) for groups of images, whose pixels stay in a cache from where they are
/// laid side by side to where they are used; `phases` is the shape of a group from image `first` on.
template <class Body>
void forPhaseImages(const ConvShape& s, const float* x, const Body& body) {
  constexpr int64_t groupFloats = 1024 * 1024;
  ConvShape phases = phaseShape(s);
  const int64_t row = phases.width * phases.channels, image = phases.height * row;
  const int64_t most = std::clamp<int64_t>(groupFloats / image, 1, s.images);
  const int64_t groups = (s.images + most - 1) / most;
  const Block images = takeFloats((s.images + groups - 1) / groups * image);
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t first = group * s.images / groups;
    phases.images = (group + 1) * s.images / groups - first;
    parallelFor(phases.images * phases.height, [&](int64_t at) {
      const int64_t stride = s.moves.strideHeight;
      dispatch(GatherPhases{x + (first + at / phases.height) * s.height * s.width * s.channels, s.height,
                            s.width, s.channels, stride, at % phases.height * stride - s.moves.top,
                            -s.moves.left, phases.width, images.floats() + at * row});
    });
    body(phases, first, images.floats());
  }
}

/// Calls body(own, among), in parallel, with the offsets of each tap's matrix [channels, outputs], in the
/// weights and in those of the phases.
template <class Body>
void forPhaseTaps(const ConvShape& s, const ConvShape& phases, const Body& body) {
  const int64_t stride = s.moves.strideHeight, matrix = s.channels * s.outputs;
  parallelFor(s.kernelHeight * s.kernelWidth, [&](int64_t place) {
    const int64_t row = place / s.kernelWidth, column = place % s.kernelWidth;
    const int64_t tap = row / stride * phases.kernelWidth + column / stride;
    const int64_t phase = row % stride * stride + column % stride;
    body(place * matrix, (tap * stride * stride + phase) * matrix);
  });
}

inline void phasesForward(const ConvShape& s, const float* x, const float* weight, Preparations& preparations,
                          const ConvEnd& end, Moments* moments, float* y) {
  const ConvShape all = phaseShape(s);
  const Block weights = takeFloats(all.weightElements());
  std::fill_n(weights.floats(), all.weightElements(), 0.0f);
  forPhaseTaps(s, all, [&](int64_t from, int64_t to) {
    std::copy_n(weight + from, s.channels * s.outputs, weights.floats() + to);
  });
  const auto pass = all.kernelHeight == 3 ? winogradForward<4, 3> : winogradForward<3, 4>;
  forPhaseImages(s, x, [&](const ConvShape& phases, int64_t first, const float* images) {
    const int64_t at = first * s.outHeight * s.outWidth * s.outputs;
    const ConvEnd here{end.bias, end.residual ? end.residual + at : nullptr, end.relu};
    pass(phases, images, weights.floats(), preparations, here, moments, y + at);
  });
}

inline void phasesByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  const ConvShape all = phaseShape(s);
  const int64_t elements = all.weightElements();
  const Block sums = takeFloats(2 * elements);
  const auto pass = all.kernelHeight == 3 ? winogradByWeight<4, 3> : winogradByWeight<3, 4>;
  forPhaseImages(s, x, [&](const ConvShape& phases, int64_t first, const float* images) {
    const float* from = gradient + first * s.outHeight * s.outWidth * s.outputs;
    pass(phases, from, images, sums.floats() + (first > 0 ? elements : 0));
    if (first > 0)
      parallelRanges(elements, elementGrain, [&](int64_t begin, int64_t end) {
        dispatch(SumBlocks{sums.floats() + begin, 2, elements, end - begin, sums.floats() + begin});
      });
  });
  forPhaseTaps(s, all, [&](int64_t to, int64_t from) {
    std::copy_n(sums.floats() + from, s.channels * s.outputs, dw + to);
  });
}

}  // namespace striate
