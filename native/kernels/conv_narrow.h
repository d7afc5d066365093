// Convolution to so few outputs that a pixel's fill a part of a vector only: lanes run on over neighbouring
// pixels, as the outputs lie in memory. Each pixel of the image is repeated for all outputs first, so that a
// tap is a vector of the image that begins elsewhere. Strides and dilations are 1.
#pragma once

#include "kernels/kernel.h"
#include "kernels/matmul_tile.h"

namespace striate {

/// The sizes of such a convolution, and of the image's rows with its pixels repeated. Where points are two
/// columns apart, pixels at even columns (counted with the padding) and at odd ones lie in rows of their own.
struct NarrowShape {
  int64_t height, width, channels;
  int64_t kernelHeight, kernelWidth, outputs;
  int64_t points;  ///< in a row
  int64_t columnStep;
  int64_t top, left;
  int64_t vectors;     ///< in a row of outputs
  int64_t phases;      ///< ways in which outputs and vectors meet, in turn
  int64_t rowFloats;   ///< repeated pixels of a row and channel, whole vectors, as far as taps may load them
  int64_t lineLength;  ///< the pixels themselves, whole vectors too

  /// For `rows` rows of outputs.
  int64_t scratchFloats(int64_t rows) const {
    return (rows + kernelHeight - 1) * channels * (columnStep * rowFloats + lineLength);
  }
  /// Weights lie as [phase][channel][kernel column][kernel row][lane].
  int64_t tapVectors() const { return channels * kernelWidth * kernelHeight; }
};

/// out = image ⋆ weights + bias + residual, then ReLU, for rows [rowFrom, rowTo) of one image.
struct NarrowConv {
  static constexpr int64_t bandRows = 14;

  NarrowShape shape;
  const float* image;
  int64_t rowFrom, rowTo;
  const float* weights;
  const float* bias;      ///< [phase][lane]
  const float* residual;  ///< laid out as out; or null
  bool relu;
  float* out;      ///< of row rowFrom
  float* scratch;  ///< scratchFloats(rowTo − rowFrom)
  template <class Vec>
  void run() const;
};

/// sums (+)= what rows [rowFrom, rowTo) of one image's outputs give to the gradient by the weights, each lane
/// on its own.
struct NarrowConvWeights {
  static constexpr int64_t bandRows = 64;

  NarrowShape shape;
  const float* image;
  int64_t rowFrom, rowTo;
  const float* gradient;  ///< of row rowFrom
  const float* next;      ///< as much memory to be brought nearer: what comes after these gradients
  float* sums;
  bool accumulate;
  float* scratch;  ///< scratchFloats(rowTo − rowFrom) and rowFloats more
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// Sums that fit in registers beside what is multiplied.
template <class Vec>
constexpr bool manyRegisters = Vec::tileRows[2] >= 4;

/// spread[row][channel][place % columnStep][place / columnStep·outputs + k] = the pixel's value, where places
/// are counted from the padding on, with zeros beyond the image, for `rows` rows from `first` on.
template <class Vec>
void spreadRows(const NarrowShape& s, const float* image, int64_t first, int64_t rows, float* spread) {
  const int64_t vectors = s.rowFloats / Vec::size, rowStep = s.channels * s.columnStep * s.rowFloats;
  // All pixels before any vector of them, whose load would wait for the stores.
  float* const lines = spread + rows * rowStep;
  const int64_t left = s.left < s.lineLength ? s.left : s.lineLength;
  const int64_t pixels = s.width < s.lineLength - left ? s.width : s.lineLength - left;
  for (int64_t row = 0; row < rows; ++row) {
    float* line = lines + row * s.channels * s.lineLength;
    const int64_t y = first + row;
    if (y < 0 || y >= s.height) continue;
    const float* from = image + y * s.width * s.channels;
    for (int64_t c = 0; c < s.channels; ++c, line += s.lineLength) {
      for (int64_t i = 0; i < s.lineLength; i += Vec::size) Vec::broadcast(0.0f).store(line + i);
      if (s.channels == 1)
        forVectors<Vec>(pixels,
                        [&](int64_t i, auto load, auto store) { store(line + left + i, load(from + i)); });
      else
        for (int64_t i = 0; i < pixels; ++i) line[left + i] = from[i * s.channels + c];
    }
  }
  for (int64_t phase = 0, phases = s.phases; phase < phases && phase < vectors; ++phase) {
    int32_t placeOf[Vec::size];
    const int64_t start = phase * Vec::size / s.outputs;
    for (int64_t lane = 0; lane < Vec::size; ++lane)
      placeOf[lane] = static_cast<int32_t>(((phase * Vec::size + lane) / s.outputs - start) * s.columnStep);
    const auto places = Vec::places(placeOf);
    const int64_t step = phases * Vec::size / s.outputs * s.columnStep;
    for (int64_t row = 0; row < rows; ++row) {
      const bool inside = first + row >= 0 && first + row < s.height;
      for (int64_t c = 0; c < s.channels; ++c)
        for (int64_t part = 0; part < s.columnStep; ++part) {
          const float* from = lines + (row * s.channels + c) * s.lineLength + start * s.columnStep + part;
          float* to = spread + row * rowStep + (c * s.columnStep + part) * s.rowFloats;
          for (int64_t v = phase; v < vectors; v += phases, from += step)
            (inside ? permute(Vec::load(from), places) : Vec::broadcast(0.0f)).store(to + v * Vec::size);
        }
    }
  }
}

/// A vector of each of some rows of outputs: a vector of the image serves the kernel's rows at once, each for
/// another row of outputs.
template <class Vec, int rows, int kernelRows>
void narrowTile(const NarrowConv& p, int64_t kernelRow, int64_t row, int64_t vector) {
  const NarrowShape& s = p.shape;
  const int64_t phase = vector % s.phases, rowStep = s.channels * s.rowFloats;
  const float* weights = p.weights + (phase * s.tapVectors() + kernelRow) * Vec::size;
  const float* from = p.scratch + (row + kernelRow) * rowStep + vector * Vec::size;
  const int64_t outRow = s.points * s.outputs, left = outRow - vector * Vec::size;
  float* const out = p.out + row * outRow + vector * Vec::size;
  const auto update = [&](auto load, auto store) __attribute__((always_inline)) {
    Vec sum[rows];
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
      sum[r] = kernelRow == 0 ? Vec::load(p.bias + phase * Vec::size) : load(out + r * outRow);
    for (int64_t c = 0; c < s.channels; ++c, from += s.rowFloats)
      for (int64_t column = 0; column < s.kernelWidth; ++column, weights += s.kernelHeight * Vec::size) {
        Vec weight[kernelRows];
#pragma GCC unroll 8
        for (int k = 0; k < kernelRows; ++k) weight[k] = Vec::load(weights + k * Vec::size);
        // By turns from two places, since rows side by side add to the same sums.
        constexpr int reach = rows + kernelRows - 1, half = (reach + 1) / 2;
        const float *low = from + column * s.outputs, *high = low + half * rowStep;
#pragma GCC unroll 64
        for (int i = 0; i < reach; ++i) {
          const int y = i % 2 == 0 ? i / 2 : half + i / 2;
          const float*& at = i % 2 == 0 ? low : high;
          const Vec value = Vec::load(at);
          at += rowStep;
#pragma GCC unroll 8
          for (int k = 0; k < kernelRows; ++k)
            if (y >= k && y - k < rows) sum[y - k] = fma(value, weight[k], sum[y - k]);
        }
      }
    const bool last = kernelRow + kernelRows == s.kernelHeight, relu = p.relu && last;
    if (last && p.residual) {
      const float* residual = p.residual + (out - p.out);
#pragma GCC unroll 32
      for (int r = 0; r < rows; ++r) sum[r] = sum[r] + load(residual + r * outRow);
    }
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) store(out + r * outRow, relu ? max(Vec::broadcast(0.0f), sum[r]) : sum[r]);
  };
  if (left >= Vec::size)
    return update([](const float* x) { return Vec::load(x); }, [](float* x, Vec v) { v.store(x); });
  const int lanes = static_cast<int>(left);
  update([lanes](const float* x) { return Vec::loadPartial(x, lanes); },
         [lanes](float* x, Vec v) { v.storePartial(x, lanes); });
}

template <class Vec, int rows, int kernelRows>
void narrowTileOf(const NarrowConv& p, int64_t rowCount, int64_t kernelCount, int64_t kernelRow, int64_t row,
                  int64_t vector) {
  if constexpr (rows > 1) {
    if (rowCount < rows)
      return narrowTileOf<Vec, rows - 1, kernelRows>(p, rowCount, kernelCount, kernelRow, row, vector);
  }
  if constexpr (kernelRows > 1) {
    if (kernelCount < kernelRows)
      return narrowTileOf<Vec, rows, kernelRows - 1>(p, rowCount, kernelCount, kernelRow, row, vector);
  }
  narrowTile<Vec, rows, kernelRows>(p, kernelRow, row, vector);
}

template <class Vec>
void NarrowConv::run() const {
  constexpr int most = manyRegisters<Vec> ? 14 : 7, mostOfKernel = 5;
  const int64_t rows = rowTo - rowFrom;
  spreadRows<Vec>(shape, image, rowFrom - shape.top, rows + shape.kernelHeight - 1, scratch);
  const int64_t tiles = (rows + most - 1) / most;
  const int64_t parts = (shape.kernelHeight + mostOfKernel - 1) / mostOfKernel;
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t count = (rows - row + tiles - i - 1) / (tiles - i);
    for (int64_t vector = 0, vectors = shape.vectors; vector < vectors; ++vector)
      for (int64_t part = 0, kernelRow = 0; part < parts; ++part) {
        const int64_t kernelCount = (shape.kernelHeight - kernelRow + parts - part - 1) / (parts - part);
        narrowTileOf<Vec, most, mostOfKernel>(*this, count, kernelCount, kernelRow, row, vector);
        kernelRow += kernelCount;
      }
    row += count;
  }
}

/// Some rows and columns of the kernel, for all vectors of a phase.
template <class Vec, int kernelRows, int kernelColumns>
void narrowWeights(const NarrowConvWeights& p, const float* const* gradients, int64_t phase, int64_t channel,
                   int64_t kernelRow, int64_t kernelColumn) {
  const NarrowShape& s = p.shape;
  const int64_t phases = s.phases, vectors = s.vectors, rowStep = s.channels * s.rowFloats;
  float* const sums = p.sums + (phase * s.tapVectors() +
                                (channel * s.kernelWidth + kernelColumn) * s.kernelHeight + kernelRow) *
                                   Vec::size;
  const int64_t sumStep = s.kernelHeight * Vec::size;
  Vec sum[kernelRows][kernelColumns];
#pragma GCC unroll 8
  for (int k = 0; k < kernelRows; ++k)
#pragma GCC unroll 8
    for (int t = 0; t < kernelColumns; ++t)
      sum[k][t] = p.accumulate ? Vec::load(sums + t * sumStep + k * Vec::size) : Vec::broadcast(0.0f);
  // Rows of the image that are not there are zeros.
  const int64_t first = p.rowFrom - s.top, end = p.rowTo - s.top + s.kernelHeight - 1;
  const int64_t from = (first < 0 ? -first : 0) > kernelRow ? -first : kernelRow;
  const int64_t inside = (end < s.height ? end : s.height) - first;
  const int64_t reached = p.rowTo - p.rowFrom + kernelRow + kernelRows - 1;
  const int64_t to = inside < reached ? inside : reached;
  const auto add = [&](int64_t vector, auto load) __attribute__((always_inline)) {
    const float* values =
        p.scratch + from * rowStep + channel * s.rowFloats + vector * Vec::size + kernelColumn * s.outputs;
    const int64_t at = vector * Vec::size;
    // Gradients are gone through in columns, those that come next as they lie.
    const float* next = p.next + vector * (to - from) * lineFloats;
    for (int64_t y = from; y < to; ++y, values += rowStep, next += lineFloats) {
      __builtin_prefetch(next, 0, 2);
      Vec gradient[kernelRows];
#pragma GCC unroll 8
      for (int k = 0; k < kernelRows; ++k) gradient[k] = load(gradients[y - kernelRow - k] + at);
#pragma GCC unroll 8
      for (int t = 0; t < kernelColumns; ++t) {
        const Vec value = Vec::load(values + t * s.outputs);
#pragma GCC unroll 8
        for (int k = 0; k < kernelRows; ++k) sum[k][t] = fma(value, gradient[k], sum[k][t]);
      }
    }
  };
  const int64_t left = s.points * s.outputs - (vectors - 1) * Vec::size;
  const bool partial = left < Vec::size;
  int64_t vector = phase;
  for (; vector < vectors - (partial ? 1 : 0); vector += phases)
    add(vector, [](const float* x) { return Vec::load(x); });
  if (vector < vectors)
    add(vector, [left](const float* x) { return Vec::loadPartial(x, static_cast<int>(left)); });
#pragma GCC unroll 8
  for (int k = 0; k < kernelRows; ++k)
#pragma GCC unroll 8
    for (int t = 0; t < kernelColumns; ++t) sum[k][t].store(sums + t * sumStep + k * Vec::size);
}

template <class Vec, int kernelRows, int kernelColumns>
void narrowWeightsOf(const NarrowConvWeights& p, const float* const* gradients, int64_t rowCount,
                     int64_t columnCount, int64_t phase, int64_t channel, int64_t kernelRow,
                     int64_t kernelColumn) {
  if constexpr (kernelRows > 1) {
    if (rowCount < kernelRows)
      return narrowWeightsOf<Vec, kernelRows - 1, kernelColumns>(p, gradients, rowCount, columnCount, phase,
                                                                 channel, kernelRow, kernelColumn);
  }
  if constexpr (kernelColumns > 1) {
    if (columnCount < kernelColumns)
      return narrowWeightsOf<Vec, kernelRows, kernelColumns - 1>(p, gradients, rowCount, columnCount, phase,
                                                                 channel, kernelRow, kernelColumn);
  }
  narrowWeights<Vec, kernelRows, kernelColumns>(p, gradients, phase, channel, kernelRow, kernelColumn);
}

template <class Vec>
void NarrowConvWeights::run() const {
  constexpr int most = 5, mostColumns = manyRegisters<Vec> ? 5 : 2;
  const NarrowShape& s = shape;
  const int64_t rows = rowTo - rowFrom, outRow = s.points * s.outputs;
  spreadRows<Vec>(s, image, rowFrom - s.top, rows + s.kernelHeight - 1, scratch);
  float* const zeros = scratch + s.scratchFloats(rows);
  for (int64_t i = 0; i < s.rowFloats; i += Vec::size) Vec::broadcast(0.0f).store(zeros + i);
  // Where a kernel's row reaches beyond the rows of outputs it meets zeros.
  const float* lines[bandRows + 2 * most];
  for (int64_t r = -most; r < rows + most; ++r)
    lines[most + r] = r >= 0 && r < rows ? gradient + r * outRow : zeros;
  const int64_t rowParts = (s.kernelHeight + most - 1) / most,
                columnParts = (s.kernelWidth + mostColumns - 1) / mostColumns;
  for (int64_t phase = 0; phase < s.phases; ++phase)
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t i = 0, row = 0; i < rowParts; ++i) {
        const int64_t rowCount = (s.kernelHeight - row + rowParts - i - 1) / (rowParts - i);
        for (int64_t j = 0, column = 0; j < columnParts; ++j) {
          const int64_t columnCount = (s.kernelWidth - column + columnParts - j - 1) / (columnParts - j);
          narrowWeightsOf<Vec, most, mostColumns>(*this, lines + most, rowCount, columnCount, phase, c, row,
                                                  column);
          column += columnCount;
        }
        row += rowCount;
      }
}

template void NarrowConv::run<STRIATE_VEC>() const;
template void NarrowConvWeights::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
