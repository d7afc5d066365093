// The extents of a dense, row-major tensor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "runtime/errors.h"

namespace striate {

class Shape {
 public:
  static constexpr int maxRank = 8;
  /// Elements that one tensor may have: offsets in bytes stay far inside 63 bits.
  static constexpr int64_t maxElements = int64_t{1} << 48;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    for (int64_t extent : extents) append(extent);
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) { return extents_[static_cast<size_t>(axis)]; }
  /// The extent of the last axis; 1 for a scalar.
  int64_t last() const { return rank_ == 0 ? 1 : (*this)[rank_ - 1]; }

  void append(int64_t extent) {
    if (rank_ == maxRank) throw RangeError("a tensor has at most 8 axes");
    extents_[static_cast<size_t>(rank_++)] = extent;
  }

  /// Product of the extents of axes [from, to).
  int64_t product(int from, int to) const {
    int64_t n = 1;
    for (int axis = from; axis < to; ++axis) n *= (*this)[axis];
    return n;
  }
  int64_t elements() const { return product(0, rank_); }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int axis = 0; axis < rank_; ++axis)
      if ((*this)[axis] != other[axis]) return false;
    return true;
  }

  /// "[2, 3]", as errors quote it.
  std::string text() const {
    std::string s = "[";
    for (int axis = 0; axis < rank_; ++axis) s += (axis ? ", " : "") + std::to_string((*this)[axis]);
    return s + "]";
  }

  /// Throws RangeError where an extent is negative or the elements are more than a tensor may have.
  void check(const char* operation) const {
    int64_t n = 1;
    for (int axis = 0; axis < rank_; ++axis) {
      const int64_t extent = (*this)[axis];
      if (extent < 0) throw RangeError(std::string(operation) + ": shape " + text() + " has a negative size");
      // An empty axis does not excuse the others: products of parts of the shape are formed all over.
      if (extent > 0 && n > maxElements / extent)
        throw RangeError(std::string(operation) + ": shape " + text() + " has more than 2^48 elements");
      if (extent > 0) n *= extent;
    }
  }

 private:
  std::array<int64_t, maxRank> extents_{};
  int rank_ = 0;
};

}  // namespace striate
