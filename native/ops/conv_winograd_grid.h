// How Winograd's tiles lie over images, and in which order they are gone through.
#pragma once

#include <algorithm>

#include "kernels/winograd.h"
#include "kernels/winograd_product.h"
#include "ops/conv_shape.h"

namespace striate {

inline bool winogradSuits(const ConvShape& s) {
  const WindowMoves& m = s.moves;
  return (s.kernelHeight == 3 || s.kernelHeight == 5) && s.kernelWidth == s.kernelHeight &&
         m.strideHeight == 1 && m.strideWidth == 1 && s.groups == 1 && m.dilationHeight == m.dilationWidth &&
         m.dilationHeight <= std::max<int64_t>(1, std::min({s.height, s.width, s.outHeight, s.outWidth}));
}

/// Tiles in the chunks that all threads share: about so many.
constexpr int64_t winogradChunk = 192;

/// Chunks of equal size, of about so many tiles, since each makes the transformed weights anew.
inline int64_t winogradChunkOf(int64_t tiles, int64_t about = winogradChunk) {
  const int64_t chunks = std::max<int64_t>(1, (tiles + about / 2) / about);
  return (tiles + chunks - 1) / chunks;
}

/// Images [height, width, channels] that tiles read, from one tile to the next `step` rows and columns of
/// pixels, and `below` further rows.
struct WinogradPixels {
  const float* images;
  int64_t height, width, channels, step, below;
};

/// Tiles of m × m outputs over images. With a dilation, the outputs whose places differ by multiples of it in
/// both directions are an image of their own, which takes part in no other's sums: a phase.
struct WinogradGrid {
  int64_t rows, columns, count;
  int64_t edge;  ///< as of WinogradTiles
  int64_t dilation;

  template <int m, int r>
  static WinogradGrid of(int64_t images, int64_t wholeHeight, int64_t wholeWidth, int64_t dilation = 1) {
    const int64_t height = (wholeHeight + dilation - 1) / dilation;
    const int64_t width = (wholeWidth + dilation - 1) / dilation;
    WinogradGrid grid{(height + m - 1) / m, (width + m - 1) / m, 0, m, dilation};
    grid.count = images * dilation * dilation * grid.rows * grid.columns;
    const int64_t low = height - (grid.rows - 1) * m, right = width - (grid.columns - 1) * m;
    if (winogradEdges<m> && low == right) grid.edge = low;
    return grid;
  }

  /// The pixels that tiles [from, to), those that there are, read beyond those of all tiles before, for which
  /// a transform would wait long where they come from memory. Of a row of tiles that is cut, as many whole
  /// rows of pixels, so that what is fetched lies in one piece.
  WinogradAhead pixels(const WinogradPixels& of, int64_t from, int64_t to) const {
    to = std::min(to, count);
    if (from >= to || dilation != 1) return {};
    const int64_t width = of.width * of.channels, all = count / (rows * columns) * of.height * width;
    const auto place = [&](int64_t tile) {
      const int64_t image = tile / (rows * columns),
                    row = std::min(tile / columns % rows * of.step, of.height);
      const int64_t some = std::min(of.step, of.height - row) * width * (tile % columns) / columns;
      return std::clamp<int64_t>((image * of.height + row + of.below) * width + some, 0, all);
    };
    const int64_t begin = place(from);
    return {of.images + begin, (place(to) - begin) / lineFloats};
  }
};

/// Tiles that go through all steps together, in such an order that each plane has a range of them: first
/// those of the last column, in the end those of the last row.
template <int m, int r>
struct WinogradChunk {
  static constexpr int64_t n = m + r - 1, most = winogradChunk * 3 / 2;

  int64_t list[most];
  int64_t first, count;

  WinogradChunk(const WinogradGrid& grid, int64_t from, int64_t count)
      : first(from), count(count), edge_(grid.edge) {
    const bool edges = grid.edge < m;
    int64_t at = 0;
    for (int kind = 0; kind < 4; ++kind) {
      starts_[kind] = at;
      for (int64_t tile = from; tile < from + count; ++tile) {
        const bool right = edges && tile % grid.columns == grid.columns - 1;
        const bool low = edges && tile / grid.columns % grid.rows == grid.rows - 1;
        if (kind == (low ? right ? 3 : 2 : right ? 0 : 1)) list[at++] = tile;
      }
    }
  }

  /// The tiles that have a plane.
  int64_t begin(int64_t plane) const { return has(plane % n) ? 0 : starts_[1]; }
  int64_t end(int64_t plane) const {
    return has(plane / n) ? (has(plane % n) ? count : starts_[3]) : starts_[2];
  }

 private:
  /// Whether the tiles of an edge have a point.
  bool has(int64_t point) const { return point < edge_ + r - 2 || point == n - 1; }

  int64_t edge_;
  int64_t starts_[4];
};

}  // namespace striate
