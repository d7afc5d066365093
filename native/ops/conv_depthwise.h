// The three passes of a depthwise convolution, and of others whose groups are narrower than a few vectors.
// Runs on the compute thread.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/conv_depthwise.h"
#include "kernels/matmul_tile.h"
#include "ops/conv_direct.h"
#include "ops/conv_shape.h"

namespace striate {

/// Lattice rows are worked at in bands whose inputs and outputs stay in a core's cache, and these are dealt
/// out to the threads in pieces: parts of the vectors too, where there are few bands.
struct LanePieces {
  static constexpr int64_t runsWanted = 32;
  int64_t images, bandRows, bands, vectors, parts;

  static LanePieces cut(int64_t images, int64_t rows, int64_t rowFloats, int64_t outputs, int64_t least) {
    constexpr int64_t bandFloats = 64 * 1024;
    LanePieces p{};
    p.images = images;
    p.bandRows = std::clamp<int64_t>(std::max(bandFloats / std::max<int64_t>(rowFloats, 1), least), 1, rows);
    p.bands = (rows + p.bandRows - 1) / p.bandRows;
    p.vectors = (outputs + vectorLanes() - 1) / vectorLanes();
    p.parts = std::clamp<int64_t>(runsWanted / (images * p.bands), 1, p.vectors);
    return p;
  }

  /// Each band brings its first rows in again, which costs where groups have several channels.
  static int64_t leastRows(int64_t channels, int64_t reach) { return channels > 1 ? 4 * reach : 1; }

  /// Bands one after the other are one thread's, so that it can bring the next one near.
  int64_t runs() const { return std::min(images * bands, runsWanted); }

  /// The band that a thread will probably work at after this one, or −1.
  int64_t upcoming(int64_t unit, int64_t run) const {
    const int64_t units = images * bands;
    if (parts > 1) return -1;
    if (unit + 1 < (run + 1) * units / runs()) return unit + 1;
    const int64_t next = run + threads();
    return next < runs() ? next * units / runs() : -1;
  }
};

/// Correlates images [images, height, width, pixelStep], of which output k sees the `channels` channels of
/// group ⌊k / groupOutputs⌋, with taps of a kernel. Weights lie at weight[tap·weightTap +
/// channel·weightChannel
/// + (k mod groupOutputs)·weightOutput + group·weightGroup].
struct LaneCorrelation {
  const float* source;
  int64_t images, height, width, pixelStep, channels, groupOutputs, outputs;
  AxisTaps h, w;
  const float* weight;
  int64_t kernelWidth, weightTap, weightChannel, weightOutput, weightGroup;
  const float* bias;
  bool relu;
  float* out;
  int64_t outImage, outRow, outColumn;

  void run() const {
    if (images * h.points * w.points * outputs == 0) return;
    const LanePieces cut =
        LanePieces::cut(images, h.points, w.points * (pixelStep * h.stride * w.stride + outputs), outputs,
                        LanePieces::leastRows(channels, taps(h).reach()));
    const int64_t lanes = vectorLanes(), depth = kernelPlaces() * channels * lanes;
    const Block packed = Block::take(std::max<int64_t>(1, cut.vectors * depth) * int64_t{sizeof(float)});
    parallelFor(cut.vectors, [&](int64_t vector) { pack(vector, packed.floats() + vector * depth); });

    LaneConv whole{};
    whole.image = {source, height, width, pixelStep, channels, groupOutputs};
    whole.window = {taps(h), taps(w), 0, 0, w.points, 0, 0, nullptr};
    whole.outputs = outputs;
    whole.weights = packed.floats();
    whole.bias = bias;
    whole.relu = relu;
    whole.outRow = outRow;
    whole.outColumn = outColumn;
    // What the caches cannot hold until it is read anyway.
    constexpr int64_t streamedFloats = 1024 * 1024;
    whole.stream = outputs % lanes == 0 && reinterpret_cast<uintptr_t>(out) % 64 == 0 &&
                   images * h.points * w.points * outputs >= streamedFloats;
    const int64_t units = images * cut.bands, runs = cut.runs();
    const auto bandRows = [&](int64_t unit) { return unit % cut.bands * cut.bandRows; };
    const int64_t sourceRow = width * pixelStep;
    parallelWithScratch(
        runs * cut.parts, whole.window.ringFloats(channels, lanes), [&](int64_t piece, float* ring) {
          const int64_t run = piece / cut.parts, part = piece % cut.parts;
          LaneConv conv = whole;
          conv.window.vectorFrom = part * cut.vectors / cut.parts;
          conv.window.vectorTo = (part + 1) * cut.vectors / cut.parts;
          conv.window.ring = ring;
          const int64_t last = (run + 1) * units / runs;
          for (int64_t unit = run * units / runs; unit < last; ++unit) {
            const int64_t image = unit / cut.bands;
            conv.image.values = source + image * height * sourceRow;
            conv.window.rowFrom = bandRows(unit);
            conv.window.rowTo = std::min(h.points, conv.window.rowFrom + cut.bandRows);
            conv.out = out + image * outImage;
            conv.upcoming = {};
            if (const int64_t ahead = cut.upcoming(unit, run); ahead >= 0) {
              const int64_t next = ahead / cut.bands, row = bandRows(ahead);
              const int64_t rows = std::min(h.points - row, cut.bandRows);
              const int64_t top = std::clamp<int64_t>(row * h.stride, 0, height);
              conv.upcoming = {
                  source + (next * height + top) * sourceRow, out + next * outImage + row * outRow,
                  std::min(height - top, rows * h.stride) * sourceRow, whole.stream ? 0 : rows * outRow};
            }
            dispatch(conv);
          }
        });
  }

  static LaneTaps taps(const AxisTaps& axis) {
    const int64_t count = static_cast<int64_t>(axis.offsets.size());
    return {count > 0 ? axis.offsets[0] : 0, count > 1 ? axis.offsets[1] - axis.offsets[0] : 1, count,
            axis.stride};
  }

 private:
  int64_t kernelPlaces() const { return static_cast<int64_t>(h.kernel.size() * w.kernel.size()); }

  void pack(int64_t vector, float* to) const {
    const int64_t lanes = vectorLanes(), first = vector * lanes;
    for (const int64_t row : h.kernel)
      for (int64_t c = 0; c < channels; ++c)
        for (const int64_t column : w.kernel) {
          const float* from = weight + (row * kernelWidth + column) * weightTap + c * weightChannel;
          for (int64_t k = first; k < first + lanes; ++k)
            *to++ =
                k < outputs ? from[k % groupOutputs * weightOutput + k / groupOutputs * weightGroup] : 0.0f;
        }
  }
};

/// Groups of one channel, or so few that they leave a dense product's vectors half empty.
inline bool depthwiseSuits(const ConvShape& s) {
  if (s.groups < 2) return false;
  const int64_t channels = s.channels / s.groups, outputs = s.outputs / s.groups;
  const int64_t most = std::max(channels, outputs);
  // Beyond this a row of taps no longer fits a core's cache in the order of lanes.
  constexpr int64_t ringFloats = 256 * 1024;
  const WindowMoves& m = s.moves;
  const int64_t reach = (s.kernelHeight - 1) * m.dilationHeight + 1;
  const int64_t columns = s.width + m.left + m.right + (s.kernelWidth - 1) * m.dilationWidth;
  return most <= 16 && reach <= ringFloats && columns <= ringFloats &&
         reach * columns * most * vectorLanes() <= ringFloats;
}

inline void depthwiseForward(const ConvShape& s, const float* x, const float* weight, const float* bias,
                             bool relu, float* y) {
  const WindowMoves& m = s.moves;
  LaneCorrelation c{};
  c.source = x;
  c.images = s.images, c.height = s.height, c.width = s.width, c.pixelStep = s.channels;
  c.channels = s.channels / s.groups, c.groupOutputs = s.outputs / s.groups, c.outputs = s.outputs;
  c.h = AxisTaps::forward(s.kernelHeight, m.dilationHeight, m.top, s.outHeight, m.strideHeight);
  c.w = AxisTaps::forward(s.kernelWidth, m.dilationWidth, m.left, s.outWidth, m.strideWidth);
  c.weight = weight, c.kernelWidth = s.kernelWidth;
  c.weightTap = c.channels * s.outputs, c.weightChannel = s.outputs, c.weightOutput = 1;
  c.weightGroup = c.groupOutputs;
  c.bias = bias, c.relu = relu;
  c.out = y;
  c.outColumn = s.outputs, c.outRow = s.outWidth * c.outColumn, c.outImage = s.outHeight * c.outRow;
  c.run();
}

/// For each parity of the stride a correlation of dL/dy with the taps that reach it, mirrored. Bias and ReLU
/// are those of a transposed convolution.
inline void depthwiseByInput(const ConvShape& s, const float* gradient, const float* weight, float* dx,
                             const float* bias = nullptr, bool relu = false) {
  const WindowMoves& m = s.moves;
  for (int64_t row = 0; row < std::min(m.strideHeight, s.height); ++row)
    for (int64_t column = 0; column < std::min(m.strideWidth, s.width); ++column) {
      LaneCorrelation c{};
      c.source = gradient;
      c.images = s.images, c.height = s.outHeight, c.width = s.outWidth, c.pixelStep = s.outputs;
      c.channels = s.outputs / s.groups, c.groupOutputs = s.channels / s.groups, c.outputs = s.channels;
      c.h = AxisTaps::backward(s.kernelHeight, m.dilationHeight, m.top, s.height, m.strideHeight, row);
      c.w = AxisTaps::backward(s.kernelWidth, m.dilationWidth, m.left, s.width, m.strideWidth, column);
      c.weight = weight, c.kernelWidth = s.kernelWidth;
      c.weightTap = c.groupOutputs * s.outputs, c.weightChannel = 1, c.weightOutput = s.outputs;
      c.weightGroup = c.channels;
      c.bias = bias, c.relu = relu;
      const int64_t rowStep = s.width * s.channels;
      c.out = dx + row * rowStep + column * s.channels;
      c.outImage = s.height * rowStep, c.outRow = m.strideHeight * rowStep;
      c.outColumn = m.strideWidth * s.channels;
      c.run();
    }
}

/// Blocks of bands have sums of their own, which are added in order.
inline void depthwiseByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  const WindowMoves& m = s.moves;
  const int64_t channels = s.channels / s.groups, lanes = vectorLanes();
  LaneConvWeights whole{};
  whole.image = {x, s.height, s.width, s.channels, channels, s.outputs / s.groups};
  whole.window.h = {-m.top, m.dilationHeight, s.kernelHeight, m.strideHeight};
  whole.window.w = {-m.left, m.dilationWidth, s.kernelWidth, m.strideWidth};
  whole.window.points = s.outWidth;
  whole.outputs = s.outputs;
  whole.gradient = gradient;
  whole.gradientColumn = s.outputs;
  whole.gradientRow = s.outWidth * s.outputs;

  const LanePieces cut = LanePieces::cut(
      s.images, s.outHeight, s.outWidth * (s.channels * m.strideHeight * m.strideWidth + s.outputs),
      s.outputs, LanePieces::leastRows(channels, whole.window.h.reach()));
  const int64_t units = s.images * cut.bands, blocks = cut.runs();
  const int64_t rows = s.kernelHeight * channels * s.kernelWidth, elements = cut.vectors * rows * lanes;
  const Block sums = Block::take((blocks + 1) * elements * int64_t{sizeof(float)});
  float* total = sums.floats() + blocks * elements;
  const int64_t ringFloats = whole.window.ringFloats(channels, lanes);
  parallelWithScratch(blocks * cut.parts, ringFloats, [&](int64_t piece, float* ring) {
    const int64_t block = piece / cut.parts, part = piece % cut.parts;
    LaneConvWeights conv = whole;
    conv.window.ring = ring;
    conv.window.vectorFrom = part * cut.vectors / cut.parts;
    conv.window.vectorTo = (part + 1) * cut.vectors / cut.parts;
    conv.sums = sums.floats() + block * elements;
    std::memset(
        conv.sums + conv.window.vectorFrom * rows * lanes, 0,
        static_cast<size_t>((conv.window.vectorTo - conv.window.vectorFrom) * rows * lanes) * sizeof(float));
    const int64_t last = (block + 1) * units / blocks;
    for (int64_t unit = block * units / blocks; unit < last; ++unit) {
      const int64_t image = unit / cut.bands;
      conv.image.values = x + image * s.height * s.width * s.channels;
      conv.gradient = gradient + image * s.outHeight * whole.gradientRow;
      conv.window.rowFrom = unit % cut.bands * cut.bandRows;
      conv.window.rowTo = std::min(s.outHeight, conv.window.rowFrom + cut.bandRows);
      conv.upcoming = {};
      if (const int64_t ahead = cut.upcoming(unit, block); ahead >= 0) {
        const int64_t next = ahead / cut.bands, row = ahead % cut.bands * cut.bandRows;
        const int64_t top = std::min(row * m.strideHeight, s.height),
                      count = std::min(s.outHeight - row, cut.bandRows);
        conv.upcoming = {x + (next * s.height + top) * s.width * s.channels,
                         gradient + (next * s.outHeight + row) * whole.gradientRow,
                         std::min(s.height - top, count * m.strideHeight) * s.width * s.channels,
                         count * whole.gradientRow};
      }
      dispatch(conv);
    }
  });
  parallelRanges(elements, elementGrain, [&](int64_t from, int64_t to) {
    dispatch(SumBlocks{sums.floats() + from, blocks, elements, to - from, total + from});
  });
  for (int64_t row = 0; row < s.kernelHeight; ++row)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t column = 0; column < s.kernelWidth; ++column)
        for (int64_t vector = 0; vector < cut.vectors; ++vector) {
          const int64_t place = (row * channels + c) * s.kernelWidth + column;
          std::memcpy(dw + ((row * s.kernelWidth + column) * channels + c) * s.outputs + vector * lanes,
                      total + (vector * rows + place) * lanes,
                      static_cast<size_t>(std::min(lanes, s.outputs - vector * lanes)) * sizeof(float));
        }
}

}  // namespace striate
