// Direct convolution on the matrix micro-kernel: rows are pixels, columns output channels, and the sum runs
// over taps and input channels. A forward pass and each parity of a backward pass by data are the same
// correlation with other taps.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

/// How taps find their values: in the image itself, or, where some reach beyond it, in a copy of a band of
/// its rows with zeros around (and with one group's channels alone).
struct TapWindow {
  bool padded;
  int64_t firstRow, firstColumn;  ///< of the window, relative to a lattice point times the stride
  int64_t rows, columns;          ///< that the taps of one lattice row reach
  int64_t rowStep, pixelStep;     ///< in floats
};

/// The channels of one group of one image [height, width, pixelStep].
struct GroupImage {
  const float* values;
  int64_t height, width, pixelStep, channels;
};

/// out(i, j) = Σ_taps image(i·strideHeight + dh, j·strideWidth + dw)·panel for lattice rows [rowFrom, rowTo)
/// of `columns` points each, ended by `end`; of several images, since those that are small leave too few
/// points for the weights that are gone through.
struct ConvBand {
  GroupImage image;  ///< the first of them
  int64_t images, imageStep;
  TapWindow window;
  const int64_t*
      segments;  ///< of runs of taps, as in TileProduct, from a lattice point's corner of the window
  int64_t segmentCount, length;
  int64_t rowFrom, rowTo, columns, strideHeight, strideWidth;
  const float* panels;
  int64_t outputs;
  ConvEnd end;
  float* out;
  int64_t outImage, outRow, outColumn;  ///< from one image or lattice point to the next
  bool stream;                          ///< as in TileProduct
  float* scratch;                       ///< for the padded copies of the bands
  int64_t bandFloats;
  template <class Vec>
  void run() const;
};

/// Adds one image's share to the gradient by weights: dw(r, k) (+)= Σ_points image(point + tap
/// r)·gradient(point, k) for rows r = (tap, channel) in [rowFrom, rowTo).
struct ConvWeightRows {
  GroupImage image;
  TapWindow window;
  const int64_t* taps;  ///< offsets from a point's corner of the window
  int64_t rowFrom, rowTo;
  const int64_t* segments;  ///< offsets of the lattice's rows
  int64_t latticeRows, latticeColumns, columnStep;
  int64_t latticeRowsAtOnce;  ///< whose points are gone through once for each tile of dw
  int64_t strideHeight;
  const float* gradient;
  int64_t gradientStep, outputs;
  float* dw;
  int64_t dwStep;
  bool accumulate;
  float* scratch;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/matmul_tile.h"

namespace striate {

/// Copies the part of the image that lattice rows [from, to) reach, with zeros where there is none.
template <class Vec>
void copyPadded(const GroupImage& image, const TapWindow& w, int64_t from, int64_t to, int64_t strideHeight,
                float* band) {
  const int64_t first = from * strideHeight + w.firstRow;
  const int64_t last = (to - 1) * strideHeight + w.firstRow + w.rows;
  const int64_t c = image.channels;
  const int64_t left = w.firstColumn < 0 ? -w.firstColumn : 0;
  const int64_t start = w.firstColumn > 0 ? w.firstColumn : 0;
  const int64_t reach = w.firstColumn + w.columns;
  const int64_t end = reach < image.width ? reach : image.width;
  const int64_t copied = end > start ? end - start : 0;
  for (int64_t row = first; row < last; ++row, band += w.rowStep) {
    if (row < 0 || row >= image.height || copied == 0) {
      ::memset(band, 0, static_cast<size_t>(w.rowStep) * sizeof(float));
      continue;
    }
    const float* source = image.values + (row * image.width + start) * image.pixelStep;
    float* inside = band + left * c;
    ::memset(band, 0, static_cast<size_t>(left * c) * sizeof(float));
    if (image.pixelStep == c) {
      ::memcpy(inside, source, static_cast<size_t>(copied * c) * sizeof(float));
    } else {
      for (int64_t x = 0; x < copied; ++x)
        ::memcpy(inside + x * c, source + x * image.pixelStep, static_cast<size_t>(c) * sizeof(float));
    }
    ::memset(inside + copied * c, 0, static_cast<size_t>(w.rowStep - (left + copied) * c) * sizeof(float));
  }
}

template <class Vec>
void ConvBand::run() const {
  constexpr int64_t pixels = 192;
  const float* aRows[pixels];
  float* cRows[pixels];
  const float* addedRows[pixels];
  TileProduct tiles{};
  tiles.aRows = aRows;
  tiles.cRows = cRows;
  tiles.columns = outputs;
  tiles.segments = segments;
  tiles.segmentCount = segmentCount;
  tiles.length = length;
  tiles.aStep = 1;
  tiles.b = panels;
  tiles.panelDepth = segmentCount * length;
  tiles.addedRows = end.residual ? addedRows : nullptr;
  tiles.bias = end.bias;
  tiles.relu = end.relu;
  tiles.stream = stream;
  // Where points are pixels and lie side by side, those of the next product are brought nearer.
  const bool dense = !window.padded && segmentCount == 1 && strideWidth * window.pixelStep == length;
  const int64_t atOnce = !dense || length <= 256 ? pixels : length <= 512 ? pixels / 2 : pixels / 4;
  for (int64_t i = 0; i < images; ++i) {
    GroupImage here = image;
    here.values += i * imageStep;
    const float* corner =
        here.values + window.firstRow * window.rowStep + window.firstColumn * window.pixelStep;
    if (window.padded) {
      float* band = scratch + i * bandFloats;
      copyPadded<Vec>(here, window, rowFrom, rowTo, strideHeight, band);
      corner = band - rowFrom * strideHeight * window.rowStep;
    }
    for (int64_t row = rowFrom; row < rowTo; ++row) {
      const float* from = corner + row * strideHeight * window.rowStep;
      float* to = out + i * outImage + row * outRow;
      for (int64_t column = 0; column < columns; ++column) {
        aRows[tiles.rows] = from + column * strideWidth * window.pixelStep;
        cRows[tiles.rows] = to + column * outColumn;
        if (end.residual) addedRows[tiles.rows] = end.residual + (cRows[tiles.rows] - out);
        const bool last = i + 1 == images && row + 1 == rowTo && column + 1 == columns;
        if (++tiles.rows < atOnce && !last) continue;
        if (dense) {
          // Spread over all tiles: as evenly as memory gives it.
          constexpr int64_t step = 6;
          tiles.next = aRows[0] + tiles.rows * length;
          tiles.nextStep = step, tiles.nextTileStep = length * step;
          tiles.nextTiles = (tiles.rows + step - 1) / step;
        }
        tiles.run<Vec>();
        tiles.rows = 0;
      }
    }
  }
  if (stream) Vec::fence();
}

template <class Vec>
void ConvWeightRows::run() const {
  constexpr int64_t atOnce = 192;
  const float* aRows[atOnce];
  float* cRows[atOnce];
  TileProduct tiles{};
  tiles.aRows = aRows;
  tiles.cRows = cRows;
  tiles.columns = outputs;
  tiles.segments = segments;
  tiles.length = latticeColumns;
  tiles.aStep = columnStep;
  tiles.bStep = gradientStep;
  for (int64_t first = 0; first < latticeRows; first += latticeRowsAtOnce) {
    tiles.segmentCount = latticeRows - first < latticeRowsAtOnce ? latticeRows - first : latticeRowsAtOnce;
    tiles.b = gradient + first * latticeColumns * gradientStep;
    tiles.addedRows = accumulate || first > 0 ? cRows : nullptr;
    const float* corner = scratch;
    if (window.padded)
      copyPadded<Vec>(image, window, first, first + tiles.segmentCount, strideHeight, scratch);
    else
      corner = image.values + (first * strideHeight + window.firstRow) * window.rowStep +
               window.firstColumn * window.pixelStep;
    for (int64_t row = rowFrom; row < rowTo; ++row) {
      aRows[tiles.rows] = corner + taps[row / image.channels] + row % image.channels;
      cRows[tiles.rows] = dw + row * dwStep;
      if (++tiles.rows < atOnce && row + 1 < rowTo) continue;
      tiles.run<Vec>();
      tiles.rows = 0;
    }
  }
}

template void ConvBand::run<STRIATE_VEC>() const;
template void ConvWeightRows::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
