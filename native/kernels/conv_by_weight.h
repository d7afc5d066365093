// The gradient of a convolution by its weights where there are channels enough to fill vectors: a sum of
// outer products over the points of the output. Some points at a time, whose values stay in the L1 cache, are
// gone through for each register tile of the sums; where a point finds its values is listed, so that strides,
// borders and the ends of images cost nothing in the loop.
#pragma once

#include "kernels/kernel.h"
#include "kernels/matmul_tile.h"

namespace striate {

/// A tap: the place of its pixel relative to a point's times the stride.
struct ConvTap {
  int64_t row, column;
};

/// Images [images, height, width, pixelStep], the points of a lattice over them, and the channels in use.
struct LatticeImages {
  const float* values;  ///< of the first channel in use
  int64_t height, width, pixelStep;
  int64_t strideHeight, strideWidth;
};

struct OuterTile;

/// sums(r, n) = Σ_points left(point + tap(r), channel(r))·right(point, n) for rows r = (tap, channel) in
/// [rowFrom, rowTo) and points, of all images, in [pointFrom, pointTo).
struct ConvWeightProduct {
  /// A panel of their values on the right fills two thirds of an L1 cache.
  static constexpr int64_t pointsAtOnce = 128;

  LatticeImages left, right;
  int64_t latticeRows, latticeColumns;
  const ConvTap* taps;  ///< of the left side; the right side has one, at 0, 0
  int64_t channels;     ///< rows of a tap
  int64_t rowFrom, rowTo, columns;
  int64_t pointFrom, pointTo;
  float* sums;  ///< of row rowFrom
  int64_t sumStep;
  const ConvWeightProduct* following;  ///< what is likely to run next, to be brought nearer; or null
  float* scratch;
  template <class Vec>
  void run() const;

  /// Floats of scratch, for products of up to as many taps, rows and columns.
  static constexpr int64_t scratchFloats(int64_t taps, int64_t channels, int64_t rows, int64_t columns) {
    const int64_t padded = (columns + 63) / 64 * 64;
    return pointsAtOnce * (padded + copyStep(rows)) + padded + channels + zerosBeyond +
           2 * listsOf(taps) * listFloats;
  }

 private:
  static constexpr int64_t listFloats =
      pointsAtOnce * static_cast<int64_t>(sizeof(const float*) / sizeof(float));
  static constexpr int64_t zerosBeyond = 64;
  /// Points that lie a multiple of so much apart share the same sets of an L1 cache, which then holds fewer
  /// of them than a tile goes through.
  static constexpr int64_t setsFloats = 1024;
  /// From one point to the next in a copy that is free of that.
  static constexpr int64_t copyStep(int64_t rows) {
    return (rows + lineFloats - 1) / lineFloats * lineFloats + lineFloats;
  }
  /// Lines of a point that are fetched one after the other.
  static constexpr int64_t linesAtOnce = 4;
  /// Those of the points' places, and for each side those of lines.
  static constexpr int64_t listsOf(int64_t taps) { return taps + 1 + 2 * linesAtOnce; }
  struct Lists;
  template <class Vec>
  Lists listed(int64_t from, int64_t to, const float* zeros, const float** places) const;
  template <class Vec>
  void fetch(int64_t nth, const Lists& from, OuterTile& tile) const;
  template <class Vec>
  int64_t firstTap() const;
  template <class Vec>
  int64_t tapsInUse() const;
  template <class Vec>
  bool dense(const LatticeImages& side, const ConvTap& tap, int64_t inUse) const;
  template <class Vec>
  void list(const LatticeImages& side, const ConvTap& tap, int64_t from, int64_t count, const float* zeros,
            const float** places) const;
  template <class Vec>
  void copyLeft(const Lists& now, float* copy) const;
  template <class Vec>
  void multiply(const Lists& now, const Lists& next, float* panels, bool accumulate) const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// What a tile does beside its sums, whose loop has room for it: fill its panel, whose last vector may not be
/// whole, for those that come after it; or bring what is needed next into the L2 cache, a line for each
/// point.
enum class Meanwhile : uint8_t { nothing, fill, fillPart, fetch };

/// A register tile of the sums: the left side's values broadcast, the right side's in panels.
struct OuterTile {
  Meanwhile meanwhile;
  const float* const* left;
  int64_t channel;
  float* panel;
  const float* const* right;  ///< what fills the panel, from `column` on
  int64_t column;
  int64_t count;
  const float* const* next;  ///< the lines to fetch
  int64_t nextAt;
  float* sums;
  int64_t sumStep;
  int lastLanes;  ///< columns in the last vector
  bool accumulate;
};

/// In which order a side's values are fetched: a line of each point, then the next; all lines as they lie in
/// memory; or a few lines of each point, which memory gives sooner than single ones.
enum class FetchOrder : uint8_t { lines, dense, grouped };

/// Where some points find their values: for each tap, and then on the right side, a list of places. For each
/// side one of lines follows, for orders that want it.
struct ConvWeightProduct::Lists {
  const ConvWeightProduct* product;
  int64_t count;
  const float** places;
  FetchOrder left, right;
  int64_t lines;  ///< of the cache, of each point
};

template <class Vec, int rows, int vectors, bool whole, bool added>
inline __attribute__((always_inline)) void storeSums(const Vec (&sum)[rows][vectors], const OuterTile& t) {
  // Out of t, which the compiler cannot tell from what is stored to.
  float* const sums = t.sums;
  const int64_t sumStep = t.sumStep;
  const int lastLanes = t.lastLanes;
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* place = sums + r * sumStep + v * Vec::size;
      Vec result = sum[r][v];
      if (whole || v < vectors - 1) {
        if constexpr (added) result = result + Vec::load(place);
        result.store(place);
      } else {
        if constexpr (added) result = result + Vec::loadPartial(place, lastLanes);
        result.storePartial(place, lastLanes);
      }
    }
}

template <class Vec, int rows, int vectors, Meanwhile meanwhile>
void outerTile(const OuterTile& t) {
  const int lastLanes = t.lastLanes;
  Vec sum[rows][vectors];
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[r][v] = Vec::broadcast(0.0f);

  float* panel = t.panel;
  const int64_t channel = t.channel, column = t.column, nextAt = t.nextAt;
  const float* const* place = t.right;
  const float* const* next = t.next;
  const float* const* end = t.left + t.count;
  for (const float* const* left = t.left; left != end; ++left) {
    if constexpr (meanwhile == Meanwhile::fetch) __builtin_prefetch(*next++ + nextAt, 0, 2);
    const float* values = *left + channel;
    Vec right[vectors];
    if constexpr (meanwhile == Meanwhile::fill || meanwhile == Meanwhile::fillPart) {
      const float* from = *place++ + column;
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        right[v] = meanwhile == Meanwhile::fill || v < vectors - 1
                       ? Vec::load(from + v * Vec::size)
                       : Vec::loadPartial(from + v * Vec::size, lastLanes);
        right[v].store(panel + v * Vec::size);
      }
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) right[v] = Vec::load(panel + v * Vec::size);
    }
    panel += vectors * Vec::size;
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const Vec value = Vec::broadcast(values[r]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(value, right[v], sum[r][v]);
    }
  }

  if (lastLanes == Vec::size)
    t.accumulate ? storeSums<Vec, rows, vectors, true, true>(sum, t)
                 : storeSums<Vec, rows, vectors, true, false>(sum, t);
  else
    t.accumulate ? storeSums<Vec, rows, vectors, false, true>(sum, t)
                 : storeSums<Vec, rows, vectors, false, false>(sum, t);
}

template <class Vec, int rows, int vectors>
void outerTileOf(int64_t wanted, const OuterTile& t) {
  if constexpr (rows > 1) {
    if (wanted < rows) return outerTileOf<Vec, rows - 1, vectors>(wanted, t);
  }
  switch (t.meanwhile) {
    case Meanwhile::fill:
      return outerTile<Vec, rows, vectors, Meanwhile::fill>(t);
    case Meanwhile::fillPart:
      return outerTile<Vec, rows, vectors, Meanwhile::fillPart>(t);
    case Meanwhile::fetch:
      return outerTile<Vec, rows, vectors, Meanwhile::fetch>(t);
    default:
      return outerTile<Vec, rows, vectors, Meanwhile::nothing>(t);
  }
}

template <class Vec>
int64_t ConvWeightProduct::firstTap() const {
  return rowFrom / channels;
}

template <class Vec>
int64_t ConvWeightProduct::tapsInUse() const {
  return (rowTo - 1) / channels - firstTap<Vec>() + 1;
}

/// Whether points, `inUse` channels of each, lie side by side.
template <class Vec>
bool ConvWeightProduct::dense(const LatticeImages& side, const ConvTap& tap, int64_t inUse) const {
  return inUse == side.pixelStep && side.height == latticeRows && side.width == latticeColumns &&
         side.strideHeight == 1 && side.strideWidth == 1 && tap.row == 0 && tap.column == 0;
}

template <class Vec>
void ConvWeightProduct::run() const {
  float* const panels = scratch;
  float* const copy = panels + pointsAtOnce * ((columns + panelColumns - 1) / panelColumns * panelColumns);
  float* const zeros = copy + pointsAtOnce * copyStep(rowTo - rowFrom);
  // What follows may be wider.
  const int64_t widest = following && following->columns > columns ? following->columns : columns;
  const int64_t zeroFloats = (channels > widest ? channels : widest) / lineFloats * lineFloats + zerosBeyond;
  for (int64_t i = 0; i < zeroFloats; ++i) zeros[i] = 0.0f;
  const float** places = reinterpret_cast<const float**>(zeros + zeroFloats);
  const int64_t points = pointTo - pointFrom, blocks = (points + pointsAtOnce - 1) / pointsAtOnce;

  // Blocks of equal size: a short one at the end would cost as much to add up.
  const auto block = [&](int64_t b) { return pointFrom + b * points / blocks; };
  const int64_t taps = tapsInUse<Vec>();
  const int64_t most = following && following->tapsInUse<Vec>() > taps ? following->tapsInUse<Vec>() : taps;
  Lists now = listed<Vec>(block(0), block(1), zeros, places);
  for (int64_t b = 0; b < blocks; ++b) {
    const float** other = now.places == places ? places + listsOf(most) * pointsAtOnce : places;
    Lists next{};
    if (b + 1 < blocks) {
      next = listed<Vec>(block(b + 1), block(b + 2), zeros, other);
    } else if (following) {
      const int64_t from = following->pointFrom, left = following->pointTo - from;
      next = following->listed<Vec>(from, from + (left < pointsAtOnce ? left : pointsAtOnce), zeros, other);
    }
    if (taps == 1 && left.strideWidth * left.pixelStep % setsFloats == 0) copyLeft<Vec>(now, copy);
    multiply<Vec>(now, next, panels, b > 0);
    now = next;
  }
}

/// Moves the left side's values of one tap to where they do not share sets of a cache.
template <class Vec>
void ConvWeightProduct::copyLeft(const Lists& now, float* copy) const {
  const int64_t rows = rowTo - rowFrom, channel = rowFrom % channels;
  for (int64_t i = 0; i < now.count; ++i, copy += copyStep(rows)) {
    const float* from = now.places[i] + channel;
    forVectors<Vec>(rows, [&](int64_t n, auto load, auto store) { store(copy + n, load(from + n)); });
    now.places[i] = copy - channel;
  }
}

/// All tiles of the sums over the points of `now`, and meanwhile the values of `next` to the L2 cache, evenly
/// spread: more at a time than memory gives would hold up what the tiles wait for.
template <class Vec>
void ConvWeightProduct::multiply(const Lists& now, const Lists& next, float* panels, bool accumulate) const {
  const int64_t rows = rowTo - rowFrom;
  const int64_t work = rows * ((columns + panelColumns - 1) / panelColumns);
  const int64_t lines = next.lines;
  int64_t fetched = 0, done = 0;
  OuterTile t{};
  t.count = now.count;
  t.sumStep = sumStep;
  t.accumulate = accumulate;
  for (int64_t column = 0; column < columns;) {
    const int vectors = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size);
    const int64_t width = vectors * Vec::size, left = columns - column;
    const int64_t atOnce = Vec::tileRows[vectors == 4 ? 2 : vectors == 2 ? 1 : 0];
    t.panel = panels + column * now.count;
    t.right = now.places + tapsInUse<Vec>() * pointsAtOnce;
    t.column = column;
    bool filled = false;
    t.lastLanes = static_cast<int>(left < width ? left - width + Vec::size : Vec::size);
    for (int64_t tap = 0, row = rowFrom; row < rowTo; ++tap) {
      const int64_t tapEnd = (firstTap<Vec>() + tap + 1) * channels, end = tapEnd < rowTo ? tapEnd : rowTo;
      t.left = now.places + tap * pointsAtOnce;
      while (row < end) {
        const int64_t n = end - row < atOnce ? end - row : atOnce;
        t.channel = row - (tapEnd - channels);
        t.sums = sums + (row - rowFrom) * sumStep + column;
        t.meanwhile = Meanwhile::nothing;
        if (!filled) {
          t.meanwhile = t.lastLanes == Vec::size ? Meanwhile::fill : Meanwhile::fillPart;
          filled = true;
        } else if (fetched < lines && fetched * work <= done * lines) {
          t.meanwhile = Meanwhile::fetch;
          next.product->fetch<Vec>(fetched, next, t);
          ++fetched;
        }
        if (vectors == 4)
          outerTileOf<Vec, Vec::tileRows[2], 4>(n, t);
        else if (vectors == 2)
          outerTileOf<Vec, Vec::tileRows[1], 2>(n, t);
        else
          outerTileOf<Vec, Vec::tileRows[0], 1>(n, t);
        row += n, done += n;
      }
    }
    column += width;
  }
}

template <class Vec>
ConvWeightProduct::Lists ConvWeightProduct::listed(int64_t from, int64_t to, const float* zeros,
                                                   const float** places) const {
  const int64_t count = tapsInUse<Vec>(), rows = rowTo - rowFrom, points = to - from;
  const ConvTap *first = taps + firstTap<Vec>(), center{0, 0};
  for (int64_t t = 0; t < count; ++t)
    list<Vec>(left, first[t], from, points, zeros, places + t * pointsAtOnce);
  const float** const rightPlaces = places + count * pointsAtOnce;
  list<Vec>(right, center, from, points, zeros, rightPlaces);
  const auto linesOf = [](int64_t floats) { return (floats + lineFloats - 1) / lineFloats; };
  const auto ordered = [points](bool dense, int64_t lines, const float* const* values, const float** list) {
    if (dense) {
      for (int64_t i = 0; i < points; ++i) list[i] = values[0] + i * lineFloats;
      return FetchOrder::dense;
    }
    if (lines < 2 * linesAtOnce || lines % linesAtOnce != 0) return FetchOrder::lines;
    for (int64_t i = 0; i < points; ++i)
      for (int64_t line = 0; line < linesAtOnce; ++line)
        list[i * linesAtOnce + line] = values[i] + line * lineFloats;
    return FetchOrder::grouped;
  };
  const float** const leftLines = rightPlaces + pointsAtOnce;
  const float** const rightLines = leftLines + linesAtOnce * pointsAtOnce;
  const bool leftDense = dense<Vec>(left, *first, rows), rightDense = dense<Vec>(right, center, columns);
  return {this,
          points,
          places,
          count > 1 ? FetchOrder::lines : ordered(leftDense, linesOf(rows), places, leftLines),
          ordered(rightDense, linesOf(columns), rightPlaces, rightLines),
          linesOf(rows) + linesOf(columns)};
}

/// Gives a tile the nth part of what there is to bring nearer, as many lines as there are points.
template <class Vec>
void ConvWeightProduct::fetch(int64_t nth, const Lists& from, OuterTile& tile) const {
  const int64_t leftLines = (rowTo - rowFrom + lineFloats - 1) / lineFloats, taps = tapsInUse<Vec>();
  const bool onLeft = nth < leftLines;
  const int64_t at = onLeft ? nth : nth - leftLines, row = rowFrom + at * lineFloats;
  const float** const lines = from.places + (taps + 1 + (onLeft ? 0 : linesAtOnce)) * pointsAtOnce;
  switch (onLeft ? from.left : from.right) {
    case FetchOrder::dense:
      tile.next = lines;
      tile.nextAt = at * lineFloats * from.count;
      break;
    case FetchOrder::grouped:
      tile.next = lines + at % linesAtOnce * from.count;
      tile.nextAt = at / linesAtOnce * linesAtOnce * lineFloats + (onLeft ? rowFrom % channels : 0);
      break;
    default:
      tile.next = from.places + (onLeft ? row / channels - firstTap<Vec>() : taps) * pointsAtOnce;
      tile.nextAt = onLeft ? row % channels : at * lineFloats;
  }
}

/// Lists where the points from `from` on find a tap's pixel: at zeros where that lies beyond the image.
template <class Vec>
void ConvWeightProduct::list(const LatticeImages& side, const ConvTap& tap, int64_t from, int64_t count,
                             const float* zeros, const float** places) const {
  const int64_t points = latticeRows * latticeColumns;
  int64_t image = from / points, row = from % points / latticeColumns, column = from % latticeColumns;
  int64_t i = 0;
  while (i < count) {
    const int64_t y = row * side.strideHeight + tap.row;
    const bool inside = y >= 0 && y < side.height;
    const int64_t first = (image * side.height + y) * side.width;
    for (; column < latticeColumns && i < count; ++column, ++i) {
      const int64_t x = column * side.strideWidth + tap.column;
      places[i] = inside && x >= 0 && x < side.width ? side.values + (first + x) * side.pixelStep : zeros;
    }
    column = 0;
    if (++row == latticeRows) row = 0, ++image;
  }
}

template void ConvWeightProduct::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
