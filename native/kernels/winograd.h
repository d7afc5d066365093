// The transforms of Winograd's minimal filtering for kernels of r × r: an m × m tile of the output costs n² =
// (m + r − 1)² products for each pair of channels instead of (m·r)² (Lavin and Gray, 2016). With 1-D matrices
// A [n, m], B [n, n] and G [n, r]
//   y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A   and   dg = Gᵀ[(A dy Aᵀ) ⊙ (Bᵀ d B)]G.
// Each place of the n × n is a plane: over tiles and channels it is a matrix, and ⊙ becomes n² products.
//
// The kernels take r × s taps, for the phases of a convolution with stride 2 (ops/conv_polyphase.h).
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"
#include "kernels/moments.h"
#include "kernels/winograd_points.h"

namespace striate {

/// A number known to the compiler.
template <int number>
struct WinogradSize {
  static constexpr int value = number;
};

/// Tiles list[0..count) of images [height, width, channels], as counted row by row through all images. Tile
/// (0, 0) of an image starts at its place (−top, −left), and values of a tile are `pitch` apart, along each
/// side. Those of the last row and column have `edge` ≤ m rows and columns of outputs: they do without the
/// points from edge + r − 2 on, save infinity, and so without their planes. An image may count as phases ×
/// phases of them, row by row, that lie in each other: phase (i, j) starts i rows and j columns further.
struct WinogradTiles {
  int64_t height, width, channels;
  int64_t rows, columns;  ///< of tiles in an image
  int64_t top, left, pitch;
  int64_t edge;
  const int64_t* list;
  int64_t count;
  int64_t phases = 1;
};

/// Whether tiles of m × m may have an edge smaller than m.
template <int m>
constexpr bool winogradEdges = m == 4;

/// (Bᵀ d B)ₚ of the tiles' n² values, which are zero beyond the image:
/// planes[p·planeStep + c / 64·blockStep + t·64 + c mod 64], the last vector of channels filled up with
/// zeros.
template <int m, int r, int s = r>
struct WinogradInput {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;  ///< as many as channels
  float* planes;
  int64_t blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// (A dy Aᵀ)ₚ of the tiles' m² values, laid out in the same way.
template <int m, int r>
struct WinogradGradient {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;
  float* planes;
  int64_t blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// The tiles' outputs Aᵀ[planes]A that lie in the image, ended by `end`, for columns of the channels from
/// `column` on; planes[p][t][64].
template <int m, int r, int s = r>
struct WinogradOutput {
  WinogradTiles tiles;
  const float* planes;
  int64_t planeStep;
  int64_t column, columns;
  ConvEnd end;
  bool stream;  ///< stores past the caches; pixels are aligned to a cache line
  float* images;
  GatheredMoments moments{};  ///< of these columns; begun with the first tile
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/math.h"
#include "kernels/matmul_tile.h"
#include "kernels/stream.h"

namespace striate {

/// Applies a 1-D transform to the rows, and another to the columns.
template <class Vec, int inRows, int inColumns, int outRows, int outColumns, class AlongRow,
          class AlongColumn, class Load, class Store>
inline __attribute__((always_inline)) void transformTile(AlongRow alongRow, AlongColumn alongColumn,
                                                         Load load, Store store) {
  Vec half[inRows][outColumns];
#pragma GCC unroll 6
  for (int i = 0; i < inRows; ++i) {
    Vec row[inColumns];
#pragma GCC unroll 6
    for (int j = 0; j < inColumns; ++j) row[j] = load(i, j);
    alongRow(row, half[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < outColumns; ++j) {
    Vec column[inRows], result[outRows];
#pragma GCC unroll 6
    for (int i = 0; i < inRows; ++i) column[i] = half[i][j];
    alongColumn(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < outRows; ++i) store(i, j, result[i]);
  }
}

/// Where a tile lies: its first value at (top, left) of an image, tiles being `step` values apart.
struct WinogradPlace {
  int64_t image, row, column, top, left;

  WinogradPlace(const WinogradTiles& tiles, int64_t tile, int step)
      : image(tile / (tiles.rows * tiles.columns)),
        row(tile / tiles.columns % tiles.rows),
        column(tile % tiles.columns),
        top(row * step * tiles.pitch - tiles.top),
        left(column * step * tiles.pitch - tiles.left) {
    if (tiles.phases == 1) return;
    top += image / tiles.phases % tiles.phases;
    left += image % tiles.phases;
    image /= tiles.phases * tiles.phases;
  }
};

/// body(rows, columns), the sizes of a tile's outputs.
template <int m, int edge, class Body>
inline __attribute__((always_inline)) void withEdge(const WinogradTiles& tiles, const WinogradPlace& at,
                                                    const Body& body) {
  const bool low = at.row == tiles.rows - 1, right = at.column == tiles.columns - 1;
  if (low && right)
    body(WinogradSize<edge>{}, WinogradSize<edge>{});
  else if (low)
    body(WinogradSize<edge>{}, WinogradSize<m>{});
  else if (right)
    body(WinogradSize<m>{}, WinogradSize<edge>{});
  else
    body(WinogradSize<m>{}, WinogradSize<m>{});
}

template <int m, class Body>
inline __attribute__((always_inline)) void withSizes(const WinogradTiles& tiles, const WinogradPlace& at,
                                                     const Body& body) {
  if constexpr (winogradEdges<m>) {
    switch (tiles.edge) {
      case 1:
        return withEdge<m, 1>(tiles, at, body);
      case 2:
        return withEdge<m, 2>(tiles, at, body);
      case 3:
        return withEdge<m, 3>(tiles, at, body);
      default:
        break;
    }
  }
  body(WinogradSize<m>{}, WinogradSize<m>{});
}

/// Pointers to a tile's values, those beyond the image to zeros.
template <int high, int wide>
inline void winogradValues(const WinogradTiles& tiles, const float* images, const float* zeros,
                           const WinogradPlace& at, const float* (&values)[high][wide]) {
  const int64_t pitch = tiles.pitch, top = at.top, left = at.left;
  const float* corner = images + ((at.image * tiles.height + top) * tiles.width + left) * tiles.channels;
  const bool inside = top >= 0 && left >= 0 && top + (high - 1) * pitch < tiles.height &&
                      left + (wide - 1) * pitch < tiles.width;
  for (int i = 0; i < high; ++i)
    for (int j = 0; j < wide; ++j) {
      const int64_t row = top + i * pitch, column = left + j * pitch;
      values[i][j] = inside || (row >= 0 && row < tiles.height && column >= 0 && column < tiles.width)
                         ? corner + (i * tiles.width + j) * pitch * tiles.channels
                         : zeros;
    }
}

/// The transform of each tile's values to (m + r − 1) × (m + s − 1) planes in blocks of 64 channels, from
/// `down` × `across` more than its outputs. alongRow(size, from, to) is the 1-D one for a size of
/// outputs.
template <class Vec, int m, int r, int s, int down, int across, class Kernel, class AlongRow,
          class AlongColumn>
void transformTiles(const Kernel& k, AlongRow alongRow, AlongColumn alongColumn) {
  constexpr int n = m + s - 1;
  const WinogradTiles& tiles = k.tiles;
  const int64_t planeStep = k.planeStep;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const float* d[m + down][m + across];
    const WinogradPlace at(tiles, tiles.list[t], m);
    winogradValues<m + down, m + across>(tiles, k.images, k.zeros, at, d);
    withSizes<m>(tiles, at, [&](auto rows, auto columns) __attribute__((always_inline)) {
      constexpr int high = rows.value, wide = columns.value;
      for (int64_t first = 0; first < tiles.channels; first += panelColumns) {
        const int64_t rest = tiles.channels - first;
        float* to = k.planes + first / panelColumns * k.blockStep + t * panelColumns;
        forVectors<Vec>(rest < panelColumns ? rest : panelColumns, [&](int64_t c, auto load,
                                                                       auto) __attribute__((always_inline)) {
          // Of its own, so that the compiler knows that no store changes them.
          const int64_t step = planeStep, channel = first + c;
          float* const planes = to + c;
          transformTile<Vec, high + down, wide + across, high + r - 1, wide + s - 1>(
              [&](const auto& from, auto& result)
                  __attribute__((always_inline)) { alongRow(columns, from, result); },
              [&](const auto& from, auto& result)
                  __attribute__((always_inline)) { alongColumn(rows, from, result); },
              [&](int i, int j) __attribute__((always_inline)) { return load(d[i][j] + channel); },
              [&](int i, int j, Vec v) __attribute__((always_inline)) {
                v.store(planes + (winogradPoint<m, r>(i, high) * n + winogradPoint<m, s>(j, wide)) * step);
              });
        });
      }
    });
  }
}

template <int m, int r, int s>
template <class Vec>
void WinogradInput<m, r, s>::run() const {
  transformTiles<Vec, m, r, s, r - 1, s - 1>(
      *this,
      [](auto size, const auto& from, auto& result)
          __attribute__((always_inline)) { WinogradSide<Vec, m, s, size.value>::input(from, result); },
      [](auto size, const auto& from, auto& result)
          __attribute__((always_inline)) { WinogradSide<Vec, m, r, size.value>::input(from, result); });
}

template <int m, int r>
template <class Vec>
void WinogradGradient<m, r>::run() const {
  const auto transform = [](auto size, const auto& from, auto& result) __attribute__((always_inline)) {
    WinogradSide<Vec, m, r, size.value>::gradient(from, result);
  };
  transformTiles<Vec, m, r, r, 0, 0>(*this, transform, transform);
}

template <int m, int r, int s>
template <class Vec>
void WinogradOutput<m, r, s>::run() const {
  constexpr int n = m + s - 1;
  const int64_t pixel = tiles.channels, pitch = tiles.pitch;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const WinogradPlace at(tiles, tiles.list[t], m);
    const int64_t top = at.top, left = at.left;
    const int64_t corner = ((at.image * tiles.height + top) * tiles.width + left) * pixel + column;
    const float* from = planes + t * panelColumns;
    const Vec floor = Vec::broadcast(end.relu ? 0.0f : -INFINITY);
    withSizes<m>(tiles, at, [&](auto rowSize, auto columnSize) __attribute__((always_inline)) {
      constexpr int high = rowSize.value, wide = columnSize.value;
      const bool inside = top >= 0 && left >= 0 && top + (high - 1) * pitch < tiles.height &&
                          left + (wide - 1) * pitch < tiles.width;
      const auto tile = [&](auto whole) __attribute__((always_inline)) {
        writeVectors<Vec>(
            images + column, columns, stream,
            [&](int64_t k, auto load, auto store) __attribute__((always_inline)) {
              // Of its own, so that the compiler knows that no store changes them.
              const int64_t step = planeStep, down = tiles.width * pitch * pixel, across = pitch * pixel;
              const float *const sums = from + k, *const added = end.residual;
              float* const to = images + corner + k;
              const Vec lowest = floor;
              const Vec shift = end.bias ? load(end.bias + column + k) : Vec::broadcast(0.0f);
              const bool gathers = moments.sums != nullptr, first = t == 0;
              MomentsOfVector<Vec> gathered(gathers && !first ? Vec::load(moments.sums + k) : shift);
              transformTile<Vec, high + r - 1, wide + s - 1, high, wide>(
                  [&](const auto& in, auto& result)
                      __attribute__((always_inline)) { WinogradSide<Vec, m, s, wide>::output(in, result); },
                  [&](const auto& in, auto& result)
                      __attribute__((always_inline)) { WinogradSide<Vec, m, r, high>::output(in, result); },
                  [&](int i, int j) __attribute__((always_inline)) {
                    return load(sums +
                                (winogradPoint<m, r>(i, high) * n + winogradPoint<m, s>(j, wide)) * step);
                  },
                  [&](int i, int j, Vec v) __attribute__((always_inline)) {
                    if (!whole() && !(0 <= top + i * pitch && top + i * pitch < tiles.height &&
                                      0 <= left + j * pitch && left + j * pitch < tiles.width))
                      return;
                    Vec sum = v + shift;
                    const int64_t place = i * down + j * across;
                    if (added) sum = sum + load(added + corner + k + place);
                    const Vec value = max(lowest, sum);
                    store(to + place, value);
                    if (!gathers) return;
                    if (i == 0 && j == 0 && first) gathered.about = value;
                    gathered.add(value);
                  });
              if (gathers) gathered.store(moments, k, first);
            });
      };
      if (inside)
        tile([] { return true; });
      else
        tile([] { return false; });
    });
  }
  if (stream) Vec::fence();
}

template void WinogradInput<2, 3>::run<STRIATE_VEC>() const;
template void WinogradGradient<2, 3>::run<STRIATE_VEC>() const;
template void WinogradOutput<2, 3>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 3>::run<STRIATE_VEC>() const;
template void WinogradGradient<4, 3>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 3>::run<STRIATE_VEC>() const;
template void WinogradInput<2, 5>::run<STRIATE_VEC>() const;
template void WinogradGradient<2, 5>::run<STRIATE_VEC>() const;
template void WinogradOutput<2, 5>::run<STRIATE_VEC>() const;
template void WinogradInput<3, 4>::run<STRIATE_VEC>() const;
template void WinogradGradient<3, 4>::run<STRIATE_VEC>() const;
template void WinogradOutput<3, 4>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 2>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 2>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 2, 1>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 2, 1>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 1, 2>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 1, 2>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 1>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 1>::run<STRIATE_VEC>() const;
template void WinogradGradient<4, 2>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
