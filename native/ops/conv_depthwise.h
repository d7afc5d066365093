// The three passes of a depthwise convolution, and of others whose groups are narrower than a few vectors.
// Runs on the compute thread.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/conv_depthwise.h"
#include "kernels/matmul_tile.h"
#include "ops/conv_direct.h"
#include "ops/conv_shape.h"
#include "runtime/cpu.h"

namespace striate {

/// Lattice rows are worked at in bands whose inputs and outputs stay in a core's cache, and these are dealt
/// out to the threads in pieces: parts of the vectors too, where there are few bands.
struct LanePieces {
  static constexpr int64_t runsWanted = 32;
  int64_t images, height;
  LaneTaps h;
  int64_t rows, bandRows, bands, vectors, parts;

  /// `rowFloats` is what a lattice row takes of input and output.
  LanePieces(int64_t images, int64_t height, const LaneTaps& h, int64_t rows, int64_t rowFloats,
             int64_t channels, int64_t outputs)
      : images(images), height(height), h(h), rows(rows) {
    constexpr int64_t bandFloats = 64 * 1024;
    // Each band brings its first rows in again, which costs where groups have several channels.
    const int64_t least = channels > 1 ? 4 * h.reach() : 1;
    bandRows = std::clamp<int64_t>(std::max(bandFloats / std::max<int64_t>(rowFloats, 1), least), 1, rows);
    bands = (rows + bandRows - 1) / bandRows;
    vectors = (outputs + vectorLanes() - 1) / vectorLanes();
    parts = std::clamp<int64_t>(runsWanted / (images * bands), 1, vectors);
  }

  /// Bands one after the other are one thread's.
  int64_t runs() const { return std::min(images * bands, runsWanted); }
  int64_t firstOf(int64_t run) const { return run * images * bands / runs(); }

  int64_t image(int64_t band) const { return band / bands; }
  int64_t rowFrom(int64_t band) const { return band % bands * bandRows; }
  int64_t rowTo(int64_t band) const { return std::min(rows, rowFrom(band) + bandRows); }

  /// The band that a thread will probably work at after this one: its rows of the source that are new, and
  /// its rows of another tensor.
  Upcoming after(int64_t band, int64_t run, const float* source, int64_t sourceRow, const float* other,
                 int64_t otherImage, int64_t otherRow) const {
    if (parts > 1) return {};
    const int64_t nextRun = run + threads();
    int64_t next = band + 1;
    if (next == firstOf(run + 1)) {
      if (nextRun >= runs()) return {};
      next = firstOf(nextRun);
    }
    const int64_t from = rowFrom(next), count = rowTo(next) - from, lowest = h.first + h.reach() - h.stride;
    const int64_t top = from == 0 ? 0 : std::clamp<int64_t>(from * h.stride + lowest, 0, height);
    const int64_t end = std::clamp<int64_t>(rowTo(next) * h.stride + lowest, top, height);
    return {source + (image(next) * height + top) * sourceRow,
            other + image(next) * otherImage + from * otherRow, (end - top) * sourceRow, count * otherRow};
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
  ConvEnd end;
  float* out;
  int64_t outImage, outRow, outColumn;

  void run() const {
    if (images * h.points * w.points * outputs == 0) return;
    const LanePieces cut(images, height, taps(h), h.points,
                         w.points * (pixelStep * h.stride * w.stride + outputs), channels, outputs);
    const int64_t lanes = vectorLanes(), depth = kernelPlaces() * channels * lanes;
    const Block packed = Block::take(std::max<int64_t>(1, cut.vectors * depth) * int64_t{sizeof(float)});
    parallelFor(cut.vectors, [&](int64_t vector) { pack(vector, packed.floats() + vector * depth); });

    LaneConv whole{};
    whole.image = {source, height, width, pixelStep, channels, groupOutputs};
    whole.window = {taps(h), taps(w), 0, 0, w.points, 0, 0, nullptr};
    whole.outputs = outputs;
    whole.weights = packed.floats();
    whole.end = end;
    whole.outRow = outRow;
    whole.outColumn = outColumn;
    // What the caches cannot hold until it is read anyway.
    constexpr int64_t streamedFloats = 1024 * 1024;
    whole.stream = outputs % lanes == 0 && reinterpret_cast<uintptr_t>(out) % 64 == 0 &&
                   images * h.points * w.points * outputs >= streamedFloats;
    parallelWithScratch(
        cut.runs() * cut.parts, whole.window.ringFloats(channels, lanes), [&](int64_t piece, float* ring) {
          const int64_t run = piece / cut.parts, part = piece % cut.parts;
          LaneConv conv = whole;
          conv.window.vectorFrom = part * cut.vectors / cut.parts;
          conv.window.vectorTo = (part + 1) * cut.vectors / cut.parts;
          conv.window.ring = ring;
          for (int64_t band = cut.firstOf(run); band < cut.firstOf(run + 1); ++band) {
            conv.image.values = source + cut.image(band) * height * width * pixelStep;
            conv.window.rowFrom = cut.rowFrom(band);
            conv.window.rowTo = cut.rowTo(band);
            conv.out = out + cut.image(band) * outImage;
            if (end.residual) conv.end.residual = end.residual + (conv.out - out);
            conv.upcoming = cut.after(band, run, source, width * pixelStep, out, outImage, outRow);
            if (whole.stream) conv.upcoming.secondFloats = 0;
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

inline void depthwiseForward(const ConvShape& s, const float* x, const float* weight, const ConvEnd& end,
                             float* y) {
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
  c.end = end;
  c.out = y;
  c.outColumn = s.outputs, c.outRow = s.outWidth * c.outColumn, c.outImage = s.outHeight * c.outRow;
  c.run();
}

/// For each parity of the stride a correlation of dL/dy with the taps that reach it, mirrored. Bias and ReLU
/// are those of a transposed convolution.
inline void depthwiseByInput(const ConvShape& s, const float* gradient, const float* weight,
                             const ConvEnd& end, float* dx) {
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
      c.end = end;
      const int64_t rowStep = s.width * s.channels;
      const int64_t corner = row * rowStep + column * s.channels;
      c.out = dx + corner;
      if (end.residual) c.end.residual = end.residual + corner;
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

  const LanePieces cut(s.images, s.height, whole.window.h, s.outHeight,
                       s.outWidth * (s.channels * m.strideHeight * m.strideWidth + s.outputs), channels,
                       s.outputs);
  const int64_t blocks = cut.runs();
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
    for (int64_t band = cut.firstOf(block); band < cut.firstOf(block + 1); ++band) {
      const int64_t gradientImage = s.outHeight * whole.gradientRow;
      conv.image.values = x + cut.image(band) * s.height * s.width * s.channels;
      conv.gradient = gradient + cut.image(band) * gradientImage;
      conv.window.rowFrom = cut.rowFrom(band);
      conv.window.rowTo = cut.rowTo(band);
      conv.upcoming =
          cut.after(band, block, x, s.width * s.channels, gradient, gradientImage, whole.gradientRow);
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
