// Convolution forward and by data as products on register tiles, straight from the image: any kernel, stride,
// padding, dilation and groups. Runs on the compute thread.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/conv_direct.h"
#include "kernels/conv_unreached.h"
#include "kernels/matmul_tile.h"
#include "kernels/stream.h"
#include "ops/conv_shape.h"
#include "ops/matmul.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// One axis of a correlation: where the taps lie from a lattice point times the stride, in ascending order,
/// and which taps of the kernel they are.
struct AxisTaps {
  std::vector<int64_t> offsets, kernel;
  int64_t points, stride;

  int64_t first() const { return offsets.front(); }
  int64_t reach() const { return offsets.back() - offsets.front() + 1; }
  bool consecutive() const { return reach() == static_cast<int64_t>(offsets.size()); }
  bool leaves(int64_t extent) const {
    return first() < 0 || (points - 1) * stride + offsets.back() >= extent;
  }

  static AxisTaps forward(int64_t kernel, int64_t dilation, int64_t before, int64_t points, int64_t stride) {
    AxisTaps taps{{}, {}, points, stride};
    for (int64_t k = 0; k < kernel; ++k) {
      taps.offsets.push_back(k * dilation - before);
      taps.kernel.push_back(k);
    }
    return taps;
  }

  /// Of the inputs at `parity` + stride·i: those taps through which a forward pass with this stride reached
  /// them.
  static AxisTaps backward(int64_t kernel, int64_t dilation, int64_t before, int64_t extent, int64_t stride,
                           int64_t parity) {
    AxisTaps taps{{}, {}, (extent - parity + stride - 1) / stride, 1};
    for (int64_t k = kernel - 1; k >= 0; --k) {
      const int64_t distance = parity + before - k * dilation;
      if (distance % stride != 0) continue;
      taps.offsets.push_back(distance / stride);
      taps.kernel.push_back(k);
    }
    return taps;
  }
};

/// The window that taps on both axes look through, and their places in it.
struct TapPlan {
  TapWindow window;
  std::vector<int64_t> taps;      ///< offset of each tap
  std::vector<int64_t> segments;  ///< offset of each run of taps whose values are contiguous
  std::vector<TapPlace> places;   ///< where taps are found in the image itself, beyond which are zeros
  int64_t run;                    ///< taps in a run
  int64_t bandFloats;             ///< a padded copy of `bandRows` lattice rows

  TapPlan(const AxisTaps& h, const AxisTaps& w, int64_t height, int64_t width, int64_t pixelStep,
          int64_t channels, int64_t bandRows) {
    window.padded = h.leaves(height) || w.leaves(width);
    window.firstRow = h.first();
    window.firstColumn = w.first();
    window.rows = h.reach();
    window.columns = (w.points - 1) * w.stride + w.reach();
    window.pixelStep = window.padded ? channels : pixelStep;
    window.rowStep = window.padded ? window.columns * channels : width * pixelStep;
    for (const int64_t dh : h.offsets)
      for (const int64_t dw : w.offsets)
        taps.push_back((dh - h.first()) * window.rowStep + (dw - w.first()) * window.pixelStep);
    run = w.consecutive() && window.pixelStep == channels ? static_cast<int64_t>(w.offsets.size()) : 1;
    for (size_t tap = 0; tap < taps.size(); tap += static_cast<size_t>(run)) segments.push_back(taps[tap]);
    bandFloats = window.padded ? ((bandRows - 1) * h.stride + window.rows) * window.rowStep : 0;
  }

  /// Finds each tap in the image itself, without copies of bands: these cost more where channels are many.
  void lookUp(const AxisTaps& h, const AxisTaps& w) {
    for (const int64_t dh : h.offsets)
      for (const int64_t dw : w.offsets) places.push_back({dh, dw});
    run = 1;
    segments.assign(places.size(), 0);
    bandFloats = 0;
  }
};

/// Where outputs fill a part of a vector only: how many neighbouring points, whose outputs lie side by side,
/// fill it. 1 where that does not pay or fit.
inline int64_t neighboursInVector(int64_t outputs, int64_t points, int64_t taps, int64_t stride) {
  int64_t best = 1;
  for (int64_t n = 2; n * outputs <= vectorLanes(); ++n)
    if (points % n == 0 && taps + (n - 1) * stride < n * taps) best = n;
  return best;
}

/// Correlates images [images, height, width, groups·channels] with taps of a kernel. Weights lie at
/// weight[tap·weightTap + channel·weightChannel + output·weightOutput + group·weightGroup].
struct Correlation {
  const float* source;
  int64_t images, height, width, groups, channels, outputs;
  AxisTaps h, w;
  const float* weight;
  int64_t kernelWidth, weightTap, weightChannel, weightOutput, weightGroup;
  Preparations* preparations;  ///< of the weights as a forward pass takes them, or null
  ConvEnd end;
  Moments* moments;  ///< of the outputs, where those can be gathered; or null
  float* out;
  int64_t outImage, outRow, outColumn;

  void run() const {
    const int64_t points = h.points * w.points;
    if (images * points * groups * outputs == 0) return;
    if (h.offsets.empty() || w.offsets.empty() || channels == 0) return clear();
    if (const int64_t neighbours = narrowNeighbours(); neighbours > 1) return runWidened(neighbours);
    // Some hundred points at once, in pieces of much the same size.
    const int64_t target = std::clamp<int64_t>(images * points / 64, ConvBand::mostPoints, 2048);
    const auto cuts = [](int64_t all, int64_t most) { return (all + most - 1) / most; };
    const int64_t bandRows = cuts(h.points, cuts(h.points, std::max<int64_t>(1, target / w.points)));
    const int64_t bands = cuts(h.points, bandRows);
    TapPlan plan(h, w, height, width, groups * channels, channels, bandRows);
    constexpr int64_t channelsWorthLooking = 32, mostTaps = 64;
    if (plan.window.padded && channels >= channelsWorthLooking &&
        static_cast<int64_t>(plan.taps.size()) <= mostTaps)
      plan.lookUp(h, w);
    const int64_t depth = static_cast<int64_t>(plan.taps.size()) * channels;
    const int64_t panels = depth * roundUp(outputs, panelColumns);
    Block own;
    const float* packed = Preparations::keptOrMade(
        preparations, key(), groups * panels, [&](float* to) { pack(to, depth, panels); }, own);
    const Block zeros = takeFloats(channels);
    std::fill_n(zeros.floats(), channels, 0.0f);
    const bool past = wholeLines() && streams(outBytes());

    const int64_t together =
        bands > 1 ? 1 : cuts(images, cuts(images, std::max<int64_t>(1, target / points)));
    const int64_t pieces = cuts(images, together) * bands;
    const auto imagesOf = [&](int64_t piece) {
      return std::min(together, images - piece / bands * together);
    };
    const auto rowsTo = [&](int64_t piece) { return std::min(h.points, (piece % bands + 1) * bandRows); };
    float* sums = nullptr;
    if (moments && groups == 1) {
      std::vector<int64_t> rows;
      for (int64_t piece = 0; piece < pieces; ++piece)
        rows.push_back(imagesOf(piece) * (rowsTo(piece) - piece % bands * bandRows) * w.points);
      sums = moments->add(rows, outputs);
    }
    parallelWithScratch(pieces, together * plan.bandFloats, [&](int64_t piece, float* scratch) {
      const int64_t image = piece / bands * together, row = piece % bands * bandRows;
      for (int64_t g = 0; g < groups; ++g) {
        ConvBand band{};
        band.image = {source + image * height * width * groups * channels + g * channels, height, width,
                      groups * channels, channels};
        band.images = imagesOf(piece);
        band.imageStep = height * width * groups * channels;
        band.window = plan.window;
        band.segments = plan.segments.data();
        band.segmentCount = static_cast<int64_t>(plan.segments.size());
        band.length = plan.run * channels;
        band.taps = plan.places.empty() ? nullptr : plan.places.data();
        band.zeros = zeros.floats();
        band.rows = h.points;
        band.rowFrom = row;
        band.rowTo = rowsTo(piece);
        band.columns = w.points;
        band.strideHeight = h.stride;
        band.strideWidth = w.stride;
        band.panels = packed + g * panels;
        band.outputs = outputs;
        band.out = out + image * outImage + g * outputs;
        band.end = {end.bias ? end.bias + g * outputs : nullptr,
                    end.residual ? end.residual + (band.out - out) : nullptr, end.relu};
        band.outImage = outImage;
        band.outRow = outRow;
        band.outColumn = outColumn;
        band.stream = past;
        if (sums) band.moments = {sums + piece * 3 * moments->step(), moments->step()};
        band.scratch = scratch;
        band.bandFloats = plan.bandFloats;
        dispatch(band);
      }
    });
  }

 private:
  int64_t outBytes() const { return images * outImage * static_cast<int64_t>(sizeof(float)); }
  /// Whether outputs of a point are whole lines, which alone can go past the caches.
  bool wholeLines() const { return outputs % lineFloats == 0 && outColumn % lineFloats == 0; }

  int64_t narrowNeighbours() const {
    if (groups != 1 || outColumn != outputs || !w.consecutive()) return 1;
    return neighboursInVector(outputs, w.points, static_cast<int64_t>(w.offsets.size()), w.stride);
  }

  /// Treats n neighbouring points as one with n times the outputs: its taps are all of theirs, and the
  /// weights of each point are zero where the others' taps lie.
  void runWidened(int64_t n) const {
    const int64_t taps = static_cast<int64_t>(w.offsets.size()), reach = taps + (n - 1) * w.stride;
    const int64_t rows = static_cast<int64_t>(h.offsets.size()), wide = n * outputs;
    const Block block =
        Block::take((rows * reach * channels + 1) * wide * static_cast<int64_t>(sizeof(float)));
    float *weights = block.floats(), *biases = weights + rows * reach * channels * wide;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t tap = 0; tap < reach; ++tap)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t point = 0; point < n; ++point, weights += outputs) {
            const int64_t own = tap - point * w.stride;
            const bool reached = own >= 0 && own < taps;
            const float* from = weight + (reached ? c * weightChannel + tapOffset(row, own) : 0);
            for (int64_t k = 0; k < outputs; ++k) weights[k] = reached ? from[k * weightOutput] : 0.0f;
          }
    for (int64_t i = 0; end.bias && i < wide; ++i) biases[i] = end.bias[i % outputs];

    Correlation widened = *this;
    widened.outputs = wide;
    widened.w = {{}, {}, w.points / n, w.stride * n};
    widened.h.kernel.clear();
    for (int64_t row = 0; row < rows; ++row) widened.h.kernel.push_back(row);
    for (int64_t tap = 0; tap < reach; ++tap) {
      widened.w.offsets.push_back(w.first() + tap);
      widened.w.kernel.push_back(tap);
    }
    widened.weight = block.floats();
    widened.preparations = nullptr;
    widened.kernelWidth = reach;
    widened.weightTap = channels * wide, widened.weightChannel = wide, widened.weightOutput = 1;
    widened.end.bias = end.bias ? biases : nullptr;
    widened.moments = nullptr;
    widened.outColumn = wide;
    widened.run();
  }

  /// Of the panels; begins with 0 where Winograd's begin with the side of a tile.
  Preparations::Key key() const {
    Preparations::Key key{0, groups, channels, outputs, kernelWidth, static_cast<int64_t>(h.kernel.size())};
    key.insert(key.end(), h.kernel.begin(), h.kernel.end());
    key.insert(key.end(), w.kernel.begin(), w.kernel.end());
    return key;
  }

  int64_t tapOffset(int64_t row, int64_t column) const {
    return (h.kernel[static_cast<size_t>(row)] * kernelWidth + w.kernel[static_cast<size_t>(column)]) *
           weightTap;
  }

  void pack(float* packed, int64_t depth, int64_t panels) const {
    std::vector<int64_t> rows;
    for (size_t row = 0; row < h.kernel.size(); ++row)
      for (size_t column = 0; column < w.kernel.size(); ++column)
        rows.push_back(tapOffset(static_cast<int64_t>(row), static_cast<int64_t>(column)));
    const int64_t blocks = (outputs + panelColumns - 1) / panelColumns;
    parallelFor(groups * blocks, [&](int64_t piece) {
      const int64_t g = piece / blocks, column = piece % blocks * panelColumns;
      dispatch(PackPanels{weight + g * weightGroup + column * weightOutput, rows.data(), depth, channels,
                          weightChannel, std::min(panelColumns, outputs - column), weightOutput,
                          packed + g * panels + column * depth});
    });
  }

  /// Points that no tap reaches, and sums of nothing.
  void clear() const {
    // From less on than products, which have work to do while plain stores read their lines.
    const bool past = wholeLines() && streamsKept(outBytes());
    parallelFor(images * h.points, [&](int64_t piece) {
      const int64_t row = piece / h.points * outImage + piece % h.points * outRow;
      ConvEnd ofRow = end;
      if (end.residual) ofRow.residual += row;
      dispatch(ConvUnreached{ofRow, out + row, w.points, groups * outputs, outColumn, past});
    });
  }
};

/// A kernel of one place that visits every pixel looks at pixels, not images: the same convolution over
/// images of one row, of some hundred pixels where their number can be divided so.
inline ConvShape asRows(const ConvShape& given) {
  ConvShape s = given;
  const WindowMoves& m = s.moves;
  const bool each = s.kernelHeight == 1 && s.kernelWidth == 1 && m.strideHeight == 1 && m.strideWidth == 1 &&
                    s.outHeight == s.height && s.outWidth == s.width && m.top == 0 && m.left == 0;
  const int64_t pixels = s.images * s.height * s.width;
  if (!each || pixels == 0) return s;
  int64_t row = std::min(pixels, std::clamp<int64_t>(pixels / 64, ConvBand::mostPoints, 512));
  while (pixels % row != 0) --row;
  if (row < s.width) row = s.width;
  s.images = pixels / row;
  s.width = s.outWidth = row;
  s.height = s.outHeight = 1;
  return s;
}

inline void directForward(const ConvShape& given, const float* x, const float* weight,
                          Preparations& preparations, const ConvEnd& end, Moments* moments, float* y) {
  const ConvShape s = asRows(given);
  const WindowMoves& m = s.moves;
  Correlation c{};
  c.source = x;
  c.images = s.images, c.height = s.height, c.width = s.width, c.groups = s.groups;
  c.channels = s.channels / s.groups, c.outputs = s.outputs / s.groups;
  c.h = AxisTaps::forward(s.kernelHeight, m.dilationHeight, m.top, s.outHeight, m.strideHeight);
  c.w = AxisTaps::forward(s.kernelWidth, m.dilationWidth, m.left, s.outWidth, m.strideWidth);
  c.weight = weight, c.kernelWidth = s.kernelWidth;
  c.weightTap = c.channels * s.outputs, c.weightChannel = s.outputs, c.weightOutput = 1;
  c.weightGroup = c.outputs;
  c.preparations = &preparations;
  c.end = end;
  c.moments = moments;
  c.out = y;
  c.outColumn = s.outputs, c.outRow = s.outWidth * c.outColumn, c.outImage = s.outHeight * c.outRow;
  c.run();
}

/// For each parity of the stride a correlation of dL/dy with the taps that reach it, mirrored.
inline void directByInput(const ConvShape& given, const float* gradient, const float* weight,
                          const ConvEnd& end, float* dx) {
  const ConvShape s = asRows(given);
  const WindowMoves& m = s.moves;
  for (int64_t row = 0; row < std::min(m.strideHeight, s.height); ++row)
    for (int64_t column = 0; column < std::min(m.strideWidth, s.width); ++column) {
      Correlation c{};
      c.source = gradient;
      c.images = s.images, c.height = s.outHeight, c.width = s.outWidth, c.groups = s.groups;
      c.channels = s.outputs / s.groups, c.outputs = s.channels / s.groups;
      c.h = AxisTaps::backward(s.kernelHeight, m.dilationHeight, m.top, s.height, m.strideHeight, row);
      c.w = AxisTaps::backward(s.kernelWidth, m.dilationWidth, m.left, s.width, m.strideWidth, column);
      c.weight = weight, c.kernelWidth = s.kernelWidth;
      c.weightTap = c.outputs * s.outputs, c.weightChannel = 1, c.weightOutput = s.outputs;
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

}  // namespace striate
