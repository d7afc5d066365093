// Elements moved, and left as they are: copies between strided blocks, rows picked by index and added back.
#pragma once

#include <cstddef>

#include "kernels/kernel.h"

namespace striate {

/// An axis of a copy: its extent, and by how many elements source and result advance along it. A source that
/// stands still is repeated.
struct CopyAxis {
  int64_t n = 1, x = 0, y = 0;
};

/// The loops of a copy, from the outermost in: blocks over the outer axes, then rows and columns.
struct CopyLoops {
  static constexpr int maxOuter = 8;
  CopyAxis outer[maxOuter];
  int outerCount = 0;
  CopyAxis rows, columns;
};

/// Copies a range of blocks, rows and columns; elements of `size` bytes, 1 or 4.
template <int size>
struct CopyBlocks {
  const CopyLoops* loops;
  const std::byte* x;
  std::byte* y;
  int64_t fromBlock, toBlock, fromRow, toRow, fromColumn, toColumn;
  bool stream = false;
  template <class Vec>
  void run() const;
};

/// Rows of `bytes` each, one after the other.
struct RowPart {
  std::byte* rows;
  int64_t bytes;
};

/// Rows of the whole, of `wholeBytes` each, are those of the parts side by side. Moves rows [fromRow, toRow)
/// and of these the bytes [from, to): into the whole, or, where `splits`, out of it.
struct MoveParts {
  bool splits;
  const RowPart* parts;
  int64_t count;
  std::byte* whole;
  int64_t wholeBytes, fromRow, toRow, from, to;
  bool stream;
  template <class Vec>
  void run() const;
};

/// Row r of y = row indices[r] of x; every index is one of x's rows.
struct GatherRows {
  const int32_t* indices;
  const std::byte* x;
  std::byte* y;
  int64_t rows, rowBytes;
  template <class Vec>
  void run() const;
};

/// Row r of y = the sum of the rows order[k] of x, for k from offsets[r] to offsets[r + 1], in that order;
/// columns [fromColumn, toColumn) of `columns`.
struct SumRows {
  const int64_t *order, *offsets;
  const float* x;
  float* y;
  int64_t fromRow, toRow, columns, fromColumn, toColumn;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/math.h"
#include "kernels/stream.h"
#include "kernels/transpose.h"

namespace striate {

/// Rows of `bytes` each, in whole vectors: the compiler's own copy is a call for every row. What comes a few
/// rows later is asked for, as rows of a part of the columns are too short for the processor to foresee.
template <class Vec>
void copyRows(const std::byte* x, std::byte* y, int64_t xRow, int64_t yRow, int64_t height, int64_t bytes,
              bool stream) {
  constexpr int64_t ahead = 2048;
  const int64_t skip = bytes < ahead ? (ahead + bytes - 1) / bytes * xRow : ahead;
  const int64_t floats = bytes / 4, rest = bytes % 4;
  for (int64_t r = 0; r < height; ++r, x += xRow, y += yRow) {
    if constexpr (Vec::size == 1) {
      ::memcpy(y, x, static_cast<size_t>(bytes));
    } else {
      const float* const from = reinterpret_cast<const float*>(x);
      float* const to = reinterpret_cast<float*>(y);
      writeVectors<Vec>(to, floats, stream, [&](int64_t i, auto load, auto store) {
        __builtin_prefetch(x + i * 4 + skip);
        store(to + i, load(from + i));
      });
      if (rest) ::memcpy(to + floats, from + floats, static_cast<size_t>(rest));
    }
  }
}

/// Rows that lie along the source's memory become columns. Through a tile as wide as a cache line, so that
/// source and result are both touched by whole lines.
template <class Vec, int size>
void copyTransposed(const std::byte* x, std::byte* y, int64_t rows, int64_t columns, int64_t xColumn,
                    int64_t yRow) {
  constexpr int side = 64 / size;
  std::byte tile[side * side * size];
  for (int64_t r0 = 0; r0 < rows; r0 += side) {
    for (int64_t c0 = 0; c0 < columns; c0 += side) {
      const std::byte* from = x + (r0 + c0 * xColumn) * size;
      std::byte* to = y + (r0 * yRow + c0) * size;
      const int64_t height = rows - r0, width = columns - c0;
      const bool whole = height >= side && width >= side;
      if (whole && size == 4 && Vec::size > 1) {
        for (int r = 0; r < side; r += Vec::size)
          for (int c = 0; c < side; c += Vec::size)
            transposeSquare<Vec>(reinterpret_cast<const float*>(from) + r + c * xColumn, xColumn,
                                 reinterpret_cast<float*>(to) + r * yRow + c, yRow);
      } else if (whole) {
        for (int c = 0; c < side; ++c)
          ::memcpy(tile + c * side * size, from + c * xColumn * size, side * size);
        for (int r = 0; r < side; ++r)
          for (int c = 0; c < side; ++c)
            ::memcpy(to + (r * yRow + c) * size, tile + (c * side + r) * size, size);
      } else {
        for (int64_t r = 0; r < (height < side ? height : side); ++r)
          for (int64_t c = 0; c < (width < side ? width : side); ++c)
            ::memcpy(to + (r * yRow + c) * size, from + (r + c * xColumn) * size, size);
      }
    }
  }
}

/// One block, by the way in which source and result advance along its columns.
template <class Vec, int size>
void copyBlock(const std::byte* x, std::byte* y, CopyAxis rows, CopyAxis columns, int64_t height,
               int64_t width, bool stream) {
  if (columns.x == 1 && columns.y == 1) {
    copyRows<Vec>(x, y, rows.x * size, rows.y * size, height, width * size, stream);
  } else if (columns.x == 0 && columns.y == 1) {
    for (int64_t r = 0; r < height; ++r) {
      std::byte element[size];
      ::memcpy(element, x + r * rows.x * size, size);
      std::byte* to = y + r * rows.y * size;
      for (int64_t c = 0; c < width; ++c) ::memcpy(to + c * size, element, size);
    }
  } else if (rows.x == 1 && columns.y == 1) {
    copyTransposed<Vec, size>(x, y, height, width, columns.x, rows.y);
  } else {
    for (int64_t r = 0; r < height; ++r)
      for (int64_t c = 0; c < width; ++c)
        ::memcpy(y + (r * rows.y + c * columns.y) * size, x + (r * rows.x + c * columns.x) * size, size);
  }
}

template <int size>
template <class Vec>
void CopyBlocks<size>::run() const {
  const CopyAxis rows = loops->rows, columns = loops->columns;
  int64_t at[CopyLoops::maxOuter];
  int64_t xOffset = fromRow * rows.x + fromColumn * columns.x,
          yOffset = fromRow * rows.y + fromColumn * columns.y;
  int64_t rest = fromBlock;
  for (int i = loops->outerCount - 1; i >= 0; --i) {
    at[i] = rest % loops->outer[i].n;
    rest /= loops->outer[i].n;
    xOffset += at[i] * loops->outer[i].x;
    yOffset += at[i] * loops->outer[i].y;
  }
  for (int64_t block = fromBlock; block < toBlock; ++block) {
    copyBlock<Vec, size>(x + xOffset * size, y + yOffset * size, rows, columns, toRow - fromRow,
                         toColumn - fromColumn, stream);
    for (int i = loops->outerCount - 1; i >= 0; --i) {
      const CopyAxis& axis = loops->outer[i];
      xOffset += axis.x;
      yOffset += axis.y;
      if (++at[i] < axis.n) break;
      at[i] = 0;
      xOffset -= axis.n * axis.x;
      yOffset -= axis.n * axis.y;
    }
  }
  if (stream) Vec::fence();
}

template <class Vec>
void MoveParts::run() const {
  int64_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    const RowPart& part = parts[i];
    const int64_t end = begin + part.bytes, low = from > begin ? from : begin, high = to < end ? to : end;
    if (low < high) {
      std::byte* const inWhole = whole + fromRow * wholeBytes + low;
      std::byte* const inPart = part.rows + fromRow * part.bytes + low - begin;
      if (splits)
        copyRows<Vec>(inWhole, inPart, wholeBytes, part.bytes, toRow - fromRow, high - low, stream);
      else
        copyRows<Vec>(inPart, inWhole, part.bytes, wholeBytes, toRow - fromRow, high - low, stream);
    }
    begin = end;
  }
  if (stream) Vec::fence();
}

template <class Vec>
void GatherRows::run() const {
  if (rowBytes == 4) {
    for (int64_t r = 0; r < rows; ++r) ::memcpy(y + r * 4, x + int64_t{indices[r]} * 4, 4);
  } else {
    for (int64_t r = 0; r < rows; ++r)
      ::memcpy(y + r * rowBytes, x + indices[r] * rowBytes, static_cast<size_t>(rowBytes));
  }
}

template <class Vec>
void SumRows::run() const {
  const int64_t width = toColumn - fromColumn;
  for (int64_t r = fromRow; r < toRow; ++r) {
    float* sum = y + r * columns + fromColumn;
    ::memset(sum, 0, static_cast<size_t>(width) * sizeof(float));
    for (int64_t k = offsets[r]; k < offsets[r + 1]; ++k) {
      const float* row = x + order[k] * columns + fromColumn;
      forVectors<Vec>(
          width, [&](int64_t i, auto load, auto store) { store(sum + i, load(sum + i) + load(row + i)); });
    }
  }
}

template void CopyBlocks<1>::run<STRIATE_VEC>() const;
template void CopyBlocks<4>::run<STRIATE_VEC>() const;
template void MoveParts::run<STRIATE_VEC>() const;
template void GatherRows::run<STRIATE_VEC>() const;
template void SumRows::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
