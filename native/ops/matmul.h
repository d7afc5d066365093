// Matrix products and the fully connected layer.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/copy.h"
#include "kernels/matmul_tile.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

inline int64_t roundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// c [m, n] = a·b in one plain layout each: a(r, d) at a[r·aRow + d·aDepth], b(d, n) at b[d·bDepth +
/// n·bColumn].
struct Product {
  int64_t m, n, depth;
  int64_t aRow, aDepth, bDepth, bColumn;
};

/// Rows from which packing b pays: each row reads all of it.
constexpr int64_t rowsWorthPacking = 16;
/// Depth of one pass over c: a packed panel of this depth stays in the L2 cache.
constexpr int64_t depthAtOnce = 512;

/// Rows up to which a transposed b is not packed, which costs as much as using it some hundred times.
constexpr int64_t rowsWorthTurning = 192;

/// Depths of sums that are short, so that a block of rows of a stays in the cache, but worth a copy of it.
constexpr int64_t leastDepth = 4, shortDepth = 512;

/// Depth of which a panel stays in the L2 cache beside what streams by.
constexpr int64_t longestInCache = 4096;

/// Size of b, and the most rows that use it, for which it is streamed.
constexpr int64_t streamedFloats = 1 << 20, rowsWorthStreaming = 256;
/// Size of b from which few rows use it where it lies.
constexpr int64_t thinFloats = 1 << 24;

inline void multiply(const Product& p, const float* a, const float* b, float* c, const float* bias,
                     bool relu);

/// c = a·b by cᵀ = bᵀ·aᵀ, where b's depths lie along memory and it is far larger than a and c.
inline void multiplyTurned(const Product& p, const float* a, const float* b, float* c) {
  const Block turned = Block::take(p.m * p.n * static_cast<int64_t>(sizeof(float)));
  multiply({p.n, p.m, p.depth, p.bColumn, p.bDepth, p.aDepth, p.aRow}, b, a, turned.floats(), nullptr, false);
  CopyLoops loops;
  loops.rows = {p.m, 1, p.n};
  loops.columns = {p.n, p.m, 1};
  const int64_t rowsAtOnce = std::max<int64_t>(lineFloats, elementGrain / 4 / p.m);
  parallelRanges(p.n, rowsAtOnce, [&](int64_t from, int64_t to) {
    dispatch(CopyBlocks<4>{&loops, reinterpret_cast<const std::byte*>(turned.data()),
                           reinterpret_cast<std::byte*>(c), 0, 1, 0, p.m, from, to});
  });
}

/// c = a·b where b is far larger than the caches and used by few rows: it is read once, by the block, of
/// which each panel is packed as it is used, while the next one is on its way.
inline void multiplyStreaming(const Product& p, const float* a, const float* b, float* c, const float* bias,
                              bool relu) {
  // A block fills a part of the L2 cache; its rows are half a page of memory where pieces enough are left.
  constexpr int64_t blockFloats = 64 * 1024;
  const bool wide = p.n >= 4096;
  const int64_t columnsAtOnce = wide ? 512 : 256, depthOfBlock = blockFloats / columnsAtOnce;
  parallelWithScratch(
      (p.n + columnsAtOnce - 1) / columnsAtOnce, panelColumns * depthOfBlock,
      [&](int64_t piece, float* panel) {
        const int64_t first = piece * columnsAtOnce, end = std::min(first + columnsAtOnce, p.n);
        const float* aRows[rowsWorthStreaming];
        float* cRows[rowsWorthStreaming];
        for (int64_t r = 0; r < p.m; ++r) aRows[r] = a + r * p.aRow;
        for (int64_t from = 0; from < p.depth; from += depthOfBlock) {
          const int64_t start = from * p.aDepth, depth = std::min(depthOfBlock, p.depth - from);
          const bool last = from + depth == p.depth;
          for (int64_t column = first; column < end; column += panelColumns) {
            for (int64_t r = 0; r < p.m; ++r) cRows[r] = c + r * p.n + column;
            TileProduct tiles{};
            tiles.aRows = aRows, tiles.cRows = cRows;
            tiles.rows = p.m, tiles.columns = std::min(panelColumns, end - column);
            tiles.segments = &start, tiles.segmentCount = 1, tiles.length = depth, tiles.aStep = p.aDepth;
            tiles.b = b + from * p.bDepth + column, tiles.bStep = p.bDepth, tiles.fill = panel;
            tiles.addedRows = from > 0 ? cRows : nullptr;
            tiles.bias = last && bias ? bias + column : nullptr, tiles.relu = last && relu;
            // Meanwhile the next block: of a wide one some whole rows for each panel.
            FetchRun next[blockFloats / 256];
            tiles.next = next;
            if (last) {
              tiles.nextRuns = 0;
            } else if (wide) {
              tiles.nextRuns = panelColumns * depthOfBlock / columnsAtOnce;
              const float* row =
                  b + (from + depth + (column - first) / panelColumns * tiles.nextRuns) * p.bDepth;
              for (int64_t i = 0; i < tiles.nextRuns; ++i)
                next[i] = {row + i * p.bDepth + first, columnsAtOnce};
            } else {
              tiles.nextRuns = std::min(depth, p.depth - from - depth);
              for (int64_t d = 0; d < tiles.nextRuns; ++d)
                next[d] = {b + (from + depth + d) * p.bDepth + column, tiles.columns};
            }
            dispatch(tiles);
          }
        }
      });
}

/// The same for so few rows that memory alone counts: b is used where it lies, some of its rows at a time.
inline void multiplyThin(const Product& p, const float* a, const float* b, float* c, const float* bias,
                         bool relu) {
  constexpr int64_t depthAtOnce = 8;
  const int64_t columnsAtOnce = p.n >= 4096 ? 1024 : 256;
  parallelRanges(p.n, columnsAtOnce, [&](int64_t first, int64_t end) {
    const float* aRows[rowsWorthPacking];
    float* cRows[rowsWorthPacking];
    for (int64_t r = 0; r < p.m; ++r) aRows[r] = a + r * p.aRow;
    for (int64_t from = 0; from < p.depth; from += depthAtOnce) {
      const int64_t start = from * p.aDepth, depth = std::min(depthAtOnce, p.depth - from);
      const bool last = from + depth == p.depth;
      for (int64_t column = first; column < end; column += panelColumns) {
        const float* here = b + from * p.bDepth + column;
        const int64_t following = std::min(depthAtOnce, p.depth - from - depth);
        dispatch(FetchRows{here + depth * p.bDepth, following, p.bDepth, panelColumns});
        for (int64_t r = 0; r < p.m; ++r) cRows[r] = c + r * p.n + column;
        TileProduct tiles{};
        tiles.aRows = aRows, tiles.cRows = cRows;
        tiles.rows = p.m, tiles.columns = std::min(panelColumns, end - column);
        tiles.segments = &start, tiles.segmentCount = 1, tiles.length = depth, tiles.aStep = p.aDepth;
        tiles.b = here, tiles.bStep = p.bDepth;
        tiles.addedRows = from > 0 ? cRows : nullptr;
        tiles.bias = last && bias ? bias + column : nullptr, tiles.relu = last && relu;
        dispatch(tiles);
      }
    }
  });
}

/// b in panels.
inline Block packedPanels(const Product& p, const float* b) {
  Block packed = Block::take(p.depth * roundUp(p.n, panelColumns) * static_cast<int64_t>(sizeof(float)));
  parallelFor((p.n + panelColumns - 1) / panelColumns, [&](int64_t block) {
    const int64_t column = block * panelColumns, start = 0;
    dispatch(PackPanels{b + column * p.bColumn, &start, p.depth, p.depth, p.bDepth,
                        std::min(panelColumns, p.n - column), p.bColumn, packed.floats() + column * p.depth});
  });
  return packed;
}

/// c = a·b where c is far larger than the caches and sums are short, as of a gradient by weights: c goes past
/// the caches, in whole lines, and rows of a that lie along memory are copied to where their depths are close
/// together.
inline void multiplyOuter(const Product& p, const float* a, const float* b, float* c) {
  constexpr int64_t rowsAtOnce = 48, columnsAtOnce = 1024;
  const Block packed = packedPanels(p, b);
  const int64_t rowBlocks = (p.m + rowsAtOnce - 1) / rowsAtOnce;
  const int64_t columnBlocks = (p.n + columnsAtOnce - 1) / columnsAtOnce;
  parallelWithScratch(rowBlocks * columnBlocks, p.depth * rowsAtOnce, [&](int64_t piece, float* values) {
    const int64_t row = piece / columnBlocks * rowsAtOnce, column = piece % columnBlocks * columnsAtOnce;
    const int64_t rows = std::min(rowsAtOnce, p.m - row), start = 0;
    for (int64_t d = 0; d < p.depth; ++d)
      std::memcpy(values + d * rowsAtOnce, a + d * p.aDepth + row, static_cast<size_t>(rows) * sizeof(float));
    const float* aRows[rowsAtOnce];
    float* cRows[rowsAtOnce];
    for (int64_t r = 0; r < rows; ++r) aRows[r] = values + r, cRows[r] = c + (row + r) * p.n + column;
    TileProduct tiles{};
    tiles.aRows = aRows, tiles.cRows = cRows;
    tiles.rows = rows, tiles.columns = std::min(columnsAtOnce, p.n - column);
    tiles.segments = &start, tiles.segmentCount = 1, tiles.length = p.depth, tiles.aStep = rowsAtOnce;
    tiles.b = packed.floats() + column * p.depth, tiles.panelDepth = p.depth;
    tiles.stream = true;
    dispatch(StreamedProduct{tiles});
  });
}

/// Runs on the compute thread. Pieces are blocks of rows by blocks of columns.
inline void multiply(const Product& p, const float* a, const float* b, float* c, const float* bias,
                     bool relu) {
  if (p.bDepth == 1 && p.bColumn != 1 && p.m <= rowsWorthTurning && p.n > 2 * p.m && !bias && !relu)
    return multiplyTurned(p, a, b, c);
  if (p.bColumn == 1 && p.m < rowsWorthPacking && p.n * p.depth >= thinFloats)
    return multiplyThin(p, a, b, c, bias, relu);
  if (p.bColumn == 1 && p.m <= rowsWorthStreaming && p.n * p.depth >= streamedFloats)
    return multiplyStreaming(p, a, b, c, bias, relu);
  if (p.aRow == 1 && p.bColumn == 1 && p.depth >= leastDepth && p.depth <= shortDepth && !bias && !relu &&
      p.n % lineFloats == 0 && streams(p.m * p.n * static_cast<int64_t>(sizeof(float))))
    return multiplyOuter(p, a, b, c);
  const bool pack = p.bColumn != 1 || p.m >= rowsWorthPacking;
  const int64_t columnBlocks = (p.n + panelColumns - 1) / panelColumns;
  Block packed;
  if (pack) packed = packedPanels(p, b);
  // Rows of a that come from memory do so in one go, and the next tile's meanwhile.
  const bool fromMemory = pack && p.aDepth == 1 && p.aRow == p.depth && p.n <= panelColumns &&
                          p.depth <= longestInCache && p.m * p.depth >= streamedFloats;
  constexpr int64_t rowsAtOnce = 48;
  const int64_t rowBlocks = (p.m + rowsAtOnce - 1) / rowsAtOnce;
  parallelFor(rowBlocks * columnBlocks, [&](int64_t piece) {
    // The larger one of b and c is gone through along its memory.
    const int64_t rowBlock = p.depth > p.m ? piece % rowBlocks : piece / columnBlocks;
    const int64_t columnBlock = p.depth > p.m ? piece / rowBlocks : piece % columnBlocks;
    const int64_t row = rowBlock * rowsAtOnce, column = columnBlock * panelColumns;
    const int64_t rows = std::min(rowsAtOnce, p.m - row), columns = std::min(panelColumns, p.n - column);
    const float* aRows[rowsAtOnce];
    float* cRows[rowsAtOnce];
    for (int64_t r = 0; r < rows; ++r) {
      aRows[r] = a + (row + r) * p.aRow;
      cRows[r] = c + (row + r) * p.n + column;
    }
    const int64_t cut = pack && !fromMemory ? depthAtOnce : std::max<int64_t>(1, p.depth);
    for (int64_t from = 0; from == 0 || from < p.depth; from += cut) {
      const int64_t start = from * p.aDepth;
      const bool last = from + cut >= p.depth;
      TileProduct tiles{};
      tiles.aRows = aRows;
      tiles.cRows = cRows;
      tiles.rows = rows;
      tiles.columns = columns;
      tiles.segments = &start;
      tiles.segmentCount = 1;
      tiles.length = std::min(cut, p.depth - from);
      tiles.aStep = p.aDepth;
      tiles.b = pack ? packed.floats() + column * p.depth : b + column;
      tiles.bStep = pack ? 0 : p.bDepth;
      tiles.panelDepth = p.depth;
      tiles.panelFrom = from;
      tiles.addedRows = from > 0 ? cRows : nullptr;
      tiles.bias = last && bias ? bias + column : nullptr;
      tiles.relu = last && relu;
      constexpr int64_t rowsOfTile = 6;
      const FetchRun ahead{aRows[0] + rowsOfTile * p.depth, rows * p.depth};
      if (fromMemory && row + rows < p.m) tiles.next = &ahead, tiles.nextRuns = 1;
      dispatch(tiles);
    }
  });
}

/// y = op(a)·op(b) over the last two axes, where op transposes if asked. The leading axes are the same, or
/// one of the two is a single matrix for all of the other's.
inline Tensor matmul(Stream& stream, const Tensor& a, const Tensor& b, bool transposeA, bool transposeB) {
  requireType("matmul", "a", a, DType::f32);
  requireType("matmul", "b", b, DType::f32);
  const int aRank = a.shape.rank(), bRank = b.shape.rank();
  const auto axis = [](const Tensor& t, int fromEnd) { return t.shape[t.shape.rank() - fromEnd]; };
  bool fits = aRank >= 2 && bRank >= 2 && (aRank == bRank || aRank == 2 || bRank == 2) &&
              axis(a, transposeA ? 2 : 1) == axis(b, transposeB ? 1 : 2);
  for (int i = 0; fits && aRank == bRank && i < aRank - 2; ++i) fits = a.shape[i] == b.shape[i];
  if (!fits)
    throw RangeError("matmul: a " + a.shape.text() + (transposeA ? " transposed" : "") + " and b " +
                     b.shape.text() + (transposeB ? " transposed" : "") +
                     " do not fit: wants a [..., M, K] and b [..., K, N]");
  const int64_t m = axis(a, transposeA ? 1 : 2), depth = axis(a, transposeA ? 2 : 1);
  const int64_t n = axis(b, transposeB ? 2 : 1);
  Shape shape = aRank >= bRank ? a.shape : b.shape;
  shape[shape.rank() - 2] = m;
  shape[shape.rank() - 1] = n;
  Tensor y("matmul", shape, DType::f32);
  submit(stream, "matmul", {a, b}, {y}, [=] {
    if (y.elements() == 0) return;  // of perhaps many matrices
    int64_t batches = y.shape.product(0, y.shape.rank() - 2);
    const int64_t aMatrix = aRank == 2 ? 0 : m * depth, bMatrix = bRank == 2 ? 0 : depth * n;
    Product p{m, n, depth, depth, 1, n, 1};
    if (transposeA) p.aRow = 1, p.aDepth = m;
    if (transposeB) p.bDepth = 1, p.bColumn = depth;
    if (bRank == 2 && !transposeA) {
      // One tall matrix.
      p.m *= batches;
      batches = 1;
    }
    for (int64_t i = 0; i < batches; ++i)
      multiply(p, a.f32() + i * aMatrix, b.f32() + i * bMatrix, y.f32() + i * m * n, nullptr, false);
  });
  return y;
}

/// y [..., out] = x [..., in]·weight [in, out] + bias [out], then ReLU where asked.
inline Tensor linear(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias, bool relu) {
  requireType("linear", "input", x, DType::f32);
  requireType("linear", "weight", weight, DType::f32);
  requireRank("linear", "weight", weight, 2);
  const int64_t in = weight.shape[0], out = weight.shape[1];
  if (x.shape.rank() < 1 || x.shape.last() != in)
    throw RangeError("linear: input " + x.shape.text() + " wants " + std::to_string(in) +
                     " features in its last axis, as weight " + weight.shape.text() + " has rows");
  if (bias) {
    requireType("linear", "bias", bias, DType::f32);
    requireShape("linear", "bias", bias, {out});
  }
  Shape shape = x.shape;
  shape[shape.rank() - 1] = out;
  Tensor y("linear", shape, DType::f32);
  submit(stream, "linear", {x, weight, bias}, {y}, [=] {
    const int64_t m = x.shape.product(0, x.shape.rank() - 1);
    multiply({m, out, in, in, 1, out, 1}, x.f32(), weight.f32(), y.f32(), bias ? bias.f32() : nullptr, relu);
  });
  return y;
}

}  // namespace striate
