// Large blocks side by side in one range of addresses. A block goes into the smallest hole that it fits in,
// the first of these, so that blocks of all sizes use the same pages again, and large holes stay for large
// blocks.
#pragma once

#include <cstdint>
#include <map>

#include "runtime/address_space.h"

namespace striate {

/// Ranges of numbers, none of which touch.
class Ranges {
 public:
  using Map = std::map<int64_t, int64_t>;  // from → to

  const Map& map() const { return map_; }
  int64_t total() const { return total_; }
  void add(int64_t from, int64_t to);
  void remove(int64_t from, int64_t to);

 private:
  Map map_;
  int64_t total_ = 0;
};

class Arena {
 public:
  explicit Arena(int64_t most);

  /// What a block of so many bytes takes up.
  static int64_t rounded(int64_t bytes) {
    return (bytes + AddressSpace::page - 1) / AddressSpace::page * AddressSpace::page;
  }

  /// A block of `capacity`, which is rounded; null where addresses end, where the system has no memory, and
  /// where it would take more than `fresh` bytes of that. After all others, where `atEnd` and there are
  /// addresses.
  void* take(int64_t capacity, int64_t fresh, bool atEnd);
  void give(void* data, int64_t capacity);

  /// Bytes of memory that no block uses.
  int64_t kept() const { return holes_.total() - bare_.total(); }

  /// Gives the memory of the last hole that has some back to the system.
  void dropLast();
  /// That of all holes.
  void clear();

 private:
  const AddressSpace space_;
  Ranges holes_;  ///< in no block
  Ranges bare_;   ///< without memory behind them; in holes
};

}  // namespace striate
