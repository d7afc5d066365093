// The three passes of a depthwise convolution, and of others whose groups are narrower than a few vectors.
// Runs on the compute thread.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/conv_depthwise.h"
#include "kernels/matmul_tile.h"
#include "ops/conv_direct.h"
#include "ops/conv_shape.h"
#include "runtime/cpu.h"

namespace striate {

/// How outputs lie in vectors, each output with the `channels` channels of its group ⌊k / groupOutputs⌋.
struct LaneLayout {
  int64_t channels, groupOutputs, outputs, lanes, vectors, whole;
  std::vector<LaneInput> inputs;

  LaneLayout(int64_t groups, int64_t channels, int64_t groupOutputs)
      : channels(channels), groupOutputs(groupOutputs), outputs(groups * groupOutputs), lanes(vectorLanes()) {
    const int64_t size = vectorLanes(), pixel = groups * channels;
    // A vector of the image holds the same channel of all its groups.
    while (lanes > 1 && groupsReached(lanes) * channels - (channels - 1) > size) --lanes;
    vectors = (outputs + lanes - 1) / lanes;
    whole = lanes == size && pixel >= size ? outputs / size : 0;
    for (int64_t vector = 0; vector < vectors; ++vector) {
      const int64_t first = vector * lanes, last = std::min(first + lanes, outputs) - 1;
      const int64_t low = first / groupOutputs * channels, high = (last / groupOutputs + 1) * channels;
      for (int64_t c = 0; c < channels; ++c) {
        LaneInput input{};
        input.offset = std::max<int64_t>(0, std::min(high - low <= size ? low : low + c, pixel - size));
        input.held = static_cast<int>(std::min(size, pixel - input.offset));
        for (int64_t lane = 0; lane < size; ++lane) {
          const int64_t k = std::min(first + lane, last);
          input.places[lane] = static_cast<int32_t>(k / groupOutputs * channels + c - input.offset);
        }
        inputs.push_back(input);
      }
    }
  }

  /// Of whole vectors.
  LaneOrder order() const {
    if (channels == 1 && groupOutputs == 1) return LaneOrder::neighbours;
    return groupOutputs % lanes == 0 ? LaneOrder::one : LaneOrder::spread;
  }

 private:
  /// Most groups that so many neighbouring outputs are of.
  int64_t groupsReached(int64_t count) const {
    int64_t most = 0;
    for (int64_t first = 0; first < outputs; first += count)
      most = std::max(most, (std::min(first + count, outputs) - 1) / groupOutputs - first / groupOutputs + 1);
    return most;
  }
};

/// Rows of lattices are worked at in bands whose inputs and outputs stay in a core's cache.
struct LaneBands {
  int64_t images, rows, bandRows, bands;

  /// `rowFloats` is what a lattice row takes of input and output.
  LaneBands(int64_t images, int64_t rows, int64_t rowFloats) : images(images), rows(rows) {
    constexpr int64_t bandFloats = 64 * 1024;
    bandRows =
        std::clamp<int64_t>(bandFloats / std::max<int64_t>(rowFloats, 1), 1, std::max<int64_t>(rows, 1));
    bands = (rows + bandRows - 1) / bandRows;
  }

  int64_t count() const { return images * bands; }
  int64_t image(int64_t band) const { return band / bands; }
  int64_t rowFrom(int64_t band) const { return band % bands * bandRows; }
  int64_t rowTo(int64_t band) const { return std::min(rows, rowFrom(band) + bandRows); }
};

/// The view of a lattice, but for the image, its rows and the room for runs.
inline LaneView laneView(const LaneLayout& layout, const LaneTaps& h, const LaneTaps& w, int64_t points) {
  LaneView view{};
  view.h = h, view.w = w, view.points = points;
  view.channels = layout.channels, view.outputs = layout.outputs;
  view.vectors = layout.vectors, view.lanes = layout.lanes, view.whole = layout.whole;
  view.order = layout.order();
  view.inputs = layout.inputs.data();
  return view;
}

inline int64_t runFloats(const LaneView& view) {
  return view.runCount() * static_cast<int64_t>(sizeof(LaneRun) / sizeof(float));
}

/// Calls use(h, w, c, place) for each weight of a vector's lanes, in their order.
template <class Use>
void forLaneWeights(const LaneView& view, const Use& use) {
  int64_t place = 0;
  for (int64_t h = 0; h < view.h.count; ++h)
    for (int64_t from = 0; from < view.w.count; from += view.w.runTaps()) {
      const int64_t to = std::min(view.w.count, from + view.w.runTaps());
      for (int64_t c = 0; c < view.channels; ++c)
        for (int64_t w = from; w < to; ++w) use(h, w, c, place++);
    }
}

/// Points of a result that the same taps reach.
struct LaneLattice {
  AxisTaps h, w;
  float* out;
  int64_t outImage, outRow, outColumn;
};

/// Correlates images [images, height, width, groups·channels] with taps of a kernel, for each of some
/// lattices. Weights lie at weight[tap·weightTap + channel·weightChannel + output·weightOutput +
/// group·weightGroup].
struct LaneCorrelation {
  const float* source;
  int64_t images, height, width, groups, channels, groupOutputs;
  const float* weight;
  int64_t kernelWidth, weightTap, weightChannel, weightOutput, weightGroup;
  ConvEnd end;  ///< its residual is laid out as the results, which begin where the first lattice's do

  void run(const std::vector<LaneLattice>& lattices) const {
    const LaneLayout layout(groups, channels, groupOutputs);
    const int64_t pixelStep = groups * channels, lanes = vectorLanes();
    int64_t rows = 0, points = 0, weights = 0, scratch = 0;
    for (const LaneLattice& lattice : lattices) {
      rows = std::max(rows, lattice.h.points), points += lattice.h.points * lattice.w.points;
      weights += static_cast<int64_t>(lattice.h.kernel.size() * lattice.w.kernel.size());
    }
    const int64_t results = images * points * layout.outputs;
    if (results == 0) return;
    // What the caches cannot hold until it is read anyway.
    constexpr int64_t streamedFloats = 1024 * 1024;
    const bool stream = layout.outputs % lanes == 0 && layout.whole > 0 && results >= streamedFloats &&
                        reinterpret_cast<uintptr_t>(lattices[0].out) % 64 == 0;
    const int64_t floats = weights * channels * layout.vectors * lanes;
    const Block block = Block::take((pixelStep + floats) * static_cast<int64_t>(sizeof(float)));
    float *packed = block.floats(), *zeros = packed + floats;
    std::memset(zeros, 0, static_cast<size_t>(pixelStep) * sizeof(float));

    std::vector<LaneConv> convs;
    for (const LaneLattice& lattice : lattices) {
      LaneConv conv{};
      conv.view = laneView(layout, taps(lattice.h), taps(lattice.w), lattice.w.points);
      conv.view.image = {source, zeros, height, width, pixelStep};
      conv.weights = packed;
      conv.end = end;
      conv.out = lattice.out;
      conv.outRow = lattice.outRow;
      conv.outColumn = lattice.outColumn;
      conv.stream = stream;
      const int64_t depth = conv.view.weights() * lanes;
      parallelFor(layout.vectors,
                  [&](int64_t vector) { pack(lattice, conv.view, vector, packed + vector * depth); });
      packed += layout.vectors * depth;
      scratch = std::max(scratch, runFloats(conv.view));
      convs.push_back(conv);
    }
    const LaneBands cut(images, rows, (height * width * pixelStep + points * layout.outputs) / rows);
    parallelWithScratch(cut.count(), scratch, [&](int64_t band, float* room) {
      for (size_t i = 0; i < convs.size(); ++i) {
        LaneConv conv = convs[i];
        conv.view.runs = reinterpret_cast<LaneRun*>(room);
        conv.view.image.values += cut.image(band) * height * width * pixelStep;
        conv.view.rowFrom = cut.rowFrom(band);
        conv.view.rowTo = std::min(cut.rowTo(band), lattices[i].h.points);
        conv.out += cut.image(band) * lattices[i].outImage;
        if (end.residual) conv.end.residual += conv.out - lattices[0].out;
        dispatch(conv);
      }
    });
  }

 private:
  static LaneTaps taps(const AxisTaps& axis) {
    const int64_t count = static_cast<int64_t>(axis.offsets.size());
    return {count > 0 ? axis.offsets[0] : 0, count > 1 ? axis.offsets[1] - axis.offsets[0] : 1, count,
            axis.stride};
  }

  void pack(const LaneLattice& lattice, const LaneView& view, int64_t vector, float* to) const {
    const int64_t size = vectorLanes(), first = vector * view.lanes;
    const int64_t end = std::min(first + view.lanes, view.outputs);
    forLaneWeights(view, [&](int64_t h, int64_t w, int64_t c, int64_t place) {
      const int64_t tap =
          lattice.h.kernel[static_cast<size_t>(h)] * kernelWidth + lattice.w.kernel[static_cast<size_t>(w)];
      const float* from = weight + tap * weightTap + c * weightChannel;
      for (int64_t k = first; k < first + size; ++k)
        to[place * size + k - first] =
            k < end ? from[k % groupOutputs * weightOutput + k / groupOutputs * weightGroup] : 0.0f;
    });
  }
};

/// Groups of one channel, or so few that they leave a dense product's vectors half empty.
inline bool depthwiseSuits(const ConvShape& s) {
  if (s.groups < 2) return false;
  // Beyond this what a tile's taps look at is no longer found in a core's cache.
  constexpr int64_t mostPlaces = 2048;
  return std::max(s.channels, s.outputs) <= 16 * s.groups && s.kernelHeight * s.kernelWidth <= mostPlaces;
}

inline void depthwiseForward(const ConvShape& s, const float* x, const float* weight, const ConvEnd& end,
                             float* y) {
  const WindowMoves& m = s.moves;
  LaneCorrelation c{};
  c.source = x;
  c.images = s.images, c.height = s.height, c.width = s.width, c.groups = s.groups;
  c.channels = s.channels / s.groups, c.groupOutputs = s.outputs / s.groups;
  c.weight = weight, c.kernelWidth = s.kernelWidth;
  c.weightTap = c.channels * s.outputs, c.weightChannel = s.outputs, c.weightOutput = 1;
  c.weightGroup = c.groupOutputs;
  c.end = end;
  const int64_t row = s.outWidth * s.outputs;
  c.run({{AxisTaps::forward(s.kernelHeight, m.dilationHeight, m.top, s.outHeight, m.strideHeight),
          AxisTaps::forward(s.kernelWidth, m.dilationWidth, m.left, s.outWidth, m.strideWidth), y,
          s.outHeight * row, row, s.outputs}});
}

/// For each parity of the stride a correlation of dL/dy with the taps that reach it, mirrored. Bias and ReLU
/// are those of a transposed convolution.
inline void depthwiseByInput(const ConvShape& s, const float* gradient, const float* weight,
                             const ConvEnd& end, float* dx) {
  const WindowMoves& m = s.moves;
  LaneCorrelation c{};
  c.source = gradient;
  c.images = s.images, c.height = s.outHeight, c.width = s.outWidth, c.groups = s.groups;
  c.channels = s.outputs / s.groups, c.groupOutputs = s.channels / s.groups;
  c.weight = weight, c.kernelWidth = s.kernelWidth;
  c.weightTap = c.groupOutputs * s.outputs, c.weightChannel = 1, c.weightOutput = s.outputs;
  c.weightGroup = c.channels;
  c.end = end;
  const int64_t step = s.width * s.channels;
  std::vector<LaneLattice> lattices;
  for (int64_t row = 0; row < std::min(m.strideHeight, s.height); ++row)
    for (int64_t column = 0; column < std::min(m.strideWidth, s.width); ++column)
      lattices.push_back(
          {AxisTaps::backward(s.kernelHeight, m.dilationHeight, m.top, s.height, m.strideHeight, row),
           AxisTaps::backward(s.kernelWidth, m.dilationWidth, m.left, s.width, m.strideWidth, column),
           dx + row * step + column * s.channels, s.height * step, m.strideHeight * step,
           m.strideWidth * s.channels});
  c.run(lattices);
}

/// Blocks of bands have sums of their own, which are added in order.
inline void depthwiseByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  constexpr int64_t mostBlocks = 32;
  const WindowMoves& m = s.moves;
  const int64_t lanes = vectorLanes(), pixelStep = s.channels;
  const LaneLayout layout(s.groups, s.channels / s.groups, s.outputs / s.groups);
  const LaneBands cut(s.images, s.outHeight,
                      (s.height * s.width * s.channels + s.outHeight * s.outWidth * s.outputs) / s.outHeight);
  const int64_t blocks = std::min(cut.count(), mostBlocks);
  LaneConvWeights whole{};
  whole.view = laneView(layout, {-m.top, m.dilationHeight, s.kernelHeight, m.strideHeight},
                        {-m.left, m.dilationWidth, s.kernelWidth, m.strideWidth}, s.outWidth);
  whole.gradientColumn = s.outputs;
  whole.gradientRow = s.outWidth * s.outputs;
  const int64_t depth = whole.view.weights() * lanes, elements = layout.vectors * depth;
  const Block block =
      Block::take(((blocks + 1) * elements + pixelStep) * static_cast<int64_t>(sizeof(float)));
  float *sums = block.floats(), *total = sums + blocks * elements, *zeros = total + elements;
  std::memset(zeros, 0, static_cast<size_t>(pixelStep) * sizeof(float));
  whole.view.image = {x, zeros, s.height, s.width, pixelStep};
  parallelWithScratch(blocks, runFloats(whole.view), [&](int64_t i, float* room) {
    LaneConvWeights conv = whole;
    conv.view.runs = reinterpret_cast<LaneRun*>(room);
    conv.sums = sums + i * elements;
    std::memset(conv.sums, 0, static_cast<size_t>(elements) * sizeof(float));
    for (int64_t band = i * cut.count() / blocks; band < (i + 1) * cut.count() / blocks; ++band) {
      conv.view.image.values = x + cut.image(band) * s.height * s.width * pixelStep;
      conv.view.rowFrom = cut.rowFrom(band);
      conv.view.rowTo = cut.rowTo(band);
      conv.gradient = gradient + cut.image(band) * s.outHeight * whole.gradientRow;
      dispatch(conv);
    }
  });
  parallelRanges(elements, elementGrain, [&](int64_t from, int64_t to) {
    dispatch(SumBlocks{sums + from, blocks, elements, to - from, total + from});
  });
  for (int64_t vector = 0; vector < layout.vectors; ++vector) {
    const int64_t first = vector * layout.lanes;
    const auto bytes = static_cast<size_t>(std::min(layout.lanes, s.outputs - first)) * sizeof(float);
    forLaneWeights(whole.view, [&](int64_t h, int64_t w, int64_t c, int64_t place) {
      std::memcpy(dw + ((h * s.kernelWidth + w) * layout.channels + c) * s.outputs + first,
                  total + vector * depth + place * lanes, bytes);
    });
  }
}

}  // namespace striate
