// Addresses set aside in one piece, of which parts have memory behind them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace striate {

/// Parts of it are told by offsets that are multiples of `page`.
class AddressSpace {
 public:
  /// No system has larger pages, but for the huge ones that are asked for.
  static constexpr int64_t page = int64_t{64} << 10;

  /// As many addresses as the system grants, up to `bytes`; they last as long as the process.
  explicit AddressSpace(int64_t bytes);

  int64_t size() const { return size_; }
  std::byte* at(int64_t offset) const { return base_ + offset; }

  /// Puts memory behind [from, to); false where the system refuses.
  bool commit(int64_t from, int64_t to) const;
  /// Gives that memory back, and what is in it is lost.
  void decommit(int64_t from, int64_t to) const;

 private:
  std::byte* base_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace striate
