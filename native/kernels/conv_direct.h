// Direct convolution on the matrix micro-kernel: rows are pixels, columns output channels, and the sum runs
// over taps and input channels. A forward pass and each parity of a backward pass by data are the same
// correlation with other taps.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"
#include "kernels/matmul_tile.h"

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

/// A tap's place, relative to a lattice point times the stride.
struct TapPlace {
  int64_t row, column;
};

/// out(i, j) = Σ_taps image(i·strideHeight + dh, j·strideWidth + dw)·panel for lattice rows [rowFrom, rowTo)
/// of `columns` points each, ended by `end`; of several images, since those that are small leave too few
/// points for the weights that are gone through.
struct ConvBand {
  /// Places of values that a product finds through pointers: a tile of points for as many taps at least.
  static constexpr int64_t mostPlaces = 2048, mostPoints = 204;

  GroupImage image;  ///< the first of them
  int64_t images, imageStep;
  TapWindow window;
  const int64_t*
      segments;  ///< of runs of taps, as in TileProduct, from a lattice point's corner of the window
  int64_t segmentCount, length;
  /// Where given, each segment is one of these taps, found in the image itself, or in `zeros` beyond it.
  const TapPlace* taps;
  const float* zeros;
  int64_t rows, rowFrom, rowTo, columns, strideHeight, strideWidth;  ///< `rows`: of an image's lattice
  const float* panels;
  int64_t outputs;
  ConvEnd end;
  float* out;
  int64_t outImage, outRow, outColumn;  ///< from one image or lattice point to the next
  bool stream;                          ///< as in TileProduct
  GatheredMoments moments;              ///< of all these points
  float* scratch;                       ///< for the padded copies of the bands
  int64_t bandFloats;
  template <class Vec>
  void run() const;

 private:
  template <class Vec, class Visit>
  void visitRows(int64_t from, int64_t count, Visit visit) const;
  template <class Vec>
  void findCorners(int64_t from, int64_t count, const float** places) const;
  template <class Vec>
  void findTaps(int64_t from, int64_t count, const float** places) const;
  template <class Vec>
  const float* reached(int64_t point) const;
  template <class Vec>
  int64_t findInput(int64_t from, int64_t count, FetchRun* runs) const;
  template <class Vec>
  int64_t findResidual(int64_t from, int64_t count, int64_t columnFrom, int64_t columnTo,
                       FetchRun* runs) const;
  template <class Vec>
  void multiply(TileProduct& tiles, int64_t from, FetchRun* next, float** cRows,
                const float** addedRows) const;
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

/// Calls visit(image, row, column, n) for the parts of lattice rows that points [from, from + count) of the
/// band are, which go on beyond it.
template <class Vec, class Visit>
void ConvBand::visitRows(int64_t from, int64_t count, Visit visit) const {
  int64_t row = rowFrom + from / columns, column = from % columns;
  while (count > 0) {
    const int64_t left = columns - column, n = left < count ? left : count;
    visit(row / rows, row % rows, column, n);
    count -= n, column = 0, ++row;
  }
}

/// Where points find their values from `segments` on.
template <class Vec>
void ConvBand::findCorners(int64_t from, int64_t count, const float** places) const {
  const bool copied = window.padded && !taps;
  const float* corner =
      copied ? scratch - rowFrom * strideHeight * window.rowStep
             : image.values + window.firstRow * window.rowStep + window.firstColumn * window.pixelStep;
  const int64_t step = copied ? bandFloats : imageStep;
  visitRows<Vec>(from, count, [&](int64_t i, int64_t row, int64_t column, int64_t n) {
    const float* first =
        corner + i * step + row * strideHeight * window.rowStep + column * strideWidth * window.pixelStep;
    for (int64_t k = 0; k < n; ++k) places[k] = first + k * strideWidth * window.pixelStep;
    places += n;
  });
}

/// Where each of the taps finds its values for the points, one tap after the other.
template <class Vec>
void ConvBand::findTaps(int64_t from, int64_t count, const float** places) const {
  for (int64_t t = 0; t < segmentCount; ++t)
    visitRows<Vec>(from, count, [&](int64_t i, int64_t row, int64_t column, int64_t n) {
      const int64_t y = row * strideHeight + taps[t].row, x = column * strideWidth + taps[t].column;
      const float* pixels = image.values + i * imageStep + y * image.width * image.pixelStep;
      const bool inRow = y >= 0 && y < image.height;
      for (int64_t k = 0; k < n; ++k) {
        const int64_t at = x + k * strideWidth;
        places[k] = inRow && at >= 0 && at < image.width ? pixels + at * image.pixelStep : zeros;
      }
      places += n;
    });
}

/// About how far in the image those have gone that computed all points before this one.
template <class Vec>
const float* ConvBand::reached(int64_t point) const {
  const float* place = nullptr;
  visitRows<Vec>(point, 1, [&](int64_t i, int64_t row, int64_t column, int64_t) {
    const int64_t y = (row - 1) * strideHeight + window.firstRow + window.rows;
    place = image.values + i * imageStep + (y * image.width + column * strideWidth) * image.pixelStep;
  });
  return place;
}

template <class Vec>
void ConvBand::run() const {
  const float* places[mostPlaces];
  FetchRun next[2 * mostPoints + 1];
  float* cRows[mostPoints];
  const float* addedRows[mostPoints];
  TileProduct tiles{};
  tiles.aRows = places;
  tiles.cRows = cRows;
  tiles.segments = segments;
  tiles.segmentCount = segmentCount;
  tiles.length = length;
  tiles.aStep = 1;
  tiles.panelDepth = segmentCount * length;
  tiles.next = next;
  tiles.addedRows = end.residual ? addedRows : nullptr;
  tiles.relu = end.relu;
  tiles.stream = stream;
  const bool copied = window.padded && !taps;
  for (int64_t i = 0; copied && i < images; ++i) {
    GroupImage here = image;
    here.values += i * imageStep;
    copyPadded<Vec>(here, window, rowFrom, rowTo, strideHeight, scratch + i * bandFloats);
  }

  // Some hundred points use what has been brought into the caches of the weights; their own values fit as
  // well.
  constexpr int64_t rowsOfTile = Vec::tileRows[panelVectors<Vec>(4) / 2], valuesAtOnce = 128 * 1024;
  const int64_t points = images * (rowTo - rowFrom) * columns;
  int64_t most = taps ? mostPlaces / segmentCount : valuesAtOnce / length;
  if (most > mostPoints) most = mostPoints;
  if (!taps && most < mostPoints / 2) most = mostPoints / 2;
  most -= most % rowsOfTile;
  const int64_t blocks = (points + most - 1) / most;
  const int64_t evenly = (points + blocks - 1) / blocks, rest = evenly % rowsOfTile;
  const int64_t atOnce = rest == 0 ? evenly : evenly + rowsOfTile - rest;
  for (int64_t from = 0; from < points; from += atOnce) {
    tiles.rows = points - from < atOnce ? points - from : atOnce;
    if (taps)
      findTaps<Vec>(from, tiles.rows, places), tiles.segmentRows = tiles.rows;
    else
      findCorners<Vec>(from, tiles.rows, places);
    float** to = cRows;
    visitRows<Vec>(from, tiles.rows, [&](int64_t i, int64_t row, int64_t column, int64_t n) {
      for (int64_t k = 0; k < n; ++k) *to++ = out + i * outImage + row * outRow + (column + k) * outColumn;
    });
    for (int64_t r = 0; end.residual && r < tiles.rows; ++r) addedRows[r] = end.residual + (cRows[r] - out);
    multiply<Vec>(tiles, from, next, cRows, addedRows);
  }
  if (stream) Vec::fence();
}

/// Adds to `count` runs one more, which may go on the last one; their number then.
template <class Vec>
int64_t addRun(FetchRun* runs, int64_t count, const float* from, int64_t length) {
  if (count > 0 && runs[count - 1].from + runs[count - 1].length == from) {
    runs[count - 1].length += length;
    return count;
  }
  runs[count] = {from, length};
  return count + 1;
}

/// Lists as much of the image's rows as points from `from` on add to what has been read, or of those that are
/// skipped over only their own values.
template <class Vec>
int64_t ConvBand::findInput(int64_t from, int64_t count, FetchRun* runs) const {
  if (segmentCount == 1 && !window.padded && strideHeight * strideWidth > 1) {
    const float* places[mostPoints];
    findCorners<Vec>(from, count, places);
    int64_t n = 0;
    for (int64_t i = 0; i < count; ++i) n = addRun<Vec>(runs, n, places[i], length);
    return n;
  }
  if (image.channels != image.pixelStep) return 0;
  const int64_t each = strideHeight * strideWidth * image.pixelStep;
  const int64_t points = images * (rowTo - rowFrom) * columns;
  const bool copied = window.padded && !taps;
  runs[0] = {copied ? reached<Vec>(points) + from * each : reached<Vec>(from), count * each};
  return 1;
}

/// Lists these columns of what is added to points from `from` on.
template <class Vec>
int64_t ConvBand::findResidual(int64_t from, int64_t count, int64_t columnFrom, int64_t columnTo,
                               FetchRun* runs) const {
  int64_t n = 0;
  if (end.residual)
    visitRows<Vec>(from, count, [&](int64_t i, int64_t row, int64_t column, int64_t points) {
      const float* place = end.residual + i * outImage + row * outRow + column * outColumn + columnFrom;
      for (int64_t k = 0; k < points; ++k)
        n = addRun<Vec>(runs, n, place + k * outColumn, columnTo - columnFrom);
    });
  return n;
}

/// Products with all panels; where those exceed the cache, each brings in the next. Meanwhile comes what else
/// the next product reads, and of the input of the next points a part.
template <class Vec>
void ConvBand::multiply(TileProduct& tiles, int64_t from, FetchRun* next, float** cRows,
                        const float** addedRows) const {
  constexpr int64_t panelsInCache = 256 * 1024;
  const int64_t depth = tiles.panelDepth, rows = tiles.rows, following = from + rows;
  const int64_t columnsAtOnce = depth * outputs < panelsInCache ? outputs : panelColumns;
  for (int64_t column = 0, columnEnd = 0; column < outputs; column = columnEnd) {
    const auto endOf = [&](int64_t first) {
      return first + columnsAtOnce < outputs ? first + columnsAtOnce : outputs;
    };
    columnEnd = endOf(column);
    tiles.b = panels + column * depth;
    tiles.bias = end.bias ? end.bias + column : nullptr;
    tiles.columns = columnEnd - column;
    tiles.moments = moments.from(column);
    tiles.momentsBegin = from == 0;
    const int64_t part = rows * column / outputs, partEnd = rows * columnEnd / outputs;
    FetchRun* run = next + findInput<Vec>(following + part, partEnd - part, next);
    if (columnEnd < outputs) {
      *run++ = {panels + columnEnd * depth, panelColumns * depth};
      run += findResidual<Vec>(from, rows, columnEnd, endOf(columnEnd), run);
    } else {
      run += findResidual<Vec>(following, rows, 0, endOf(0), run);
    }
    tiles.nextRuns = run - next;
    tiles.run<Vec>();
    for (int64_t r = 0; r < rows; ++r) cRows[r] += columnsAtOnce;
    for (int64_t r = 0; end.residual && r < rows; ++r) addedRows[r] += columnsAtOnce;
  }
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
