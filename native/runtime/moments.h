// Sums over the rows of a tensor, kept beside it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "runtime/pool.h"

namespace striate {

/// What a batch norm begins with, gathered by the operation that stored the tensor: for each piece of its
/// rows [3, step] with a value near their mean, Σ(x − value) and Σ(x − value)². Belongs to the compute
/// thread.
class Moments {
 public:
  /// Room for pieces of so many rows of `channels` each, after those there are.
  float* add(const std::vector<int64_t>& rows, int64_t channels) {
    const int64_t before = floats();
    channels_ = channels;
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    Block longer = Block::take(floats() * static_cast<int64_t>(sizeof(float)));
    if (before > 0) std::copy_n(sums_.floats(), before, longer.floats());
    sums_ = std::move(longer);
    return sums_.floats() + before;
  }

  /// Whether they are those of a tensor seen as so many elements in rows of `channels`.
  bool areOf(int64_t elements, int64_t channels) const {
    return channels == channels_ &&
           elements == channels * std::accumulate(rows_.begin(), rows_.end(), int64_t{0});
  }

  const float* sums() const { return sums_.floats(); }
  /// Whole vectors of channels.
  int64_t step() const { return (channels_ + 15) / 16 * 16; }
  /// Of each piece.
  const std::vector<int64_t>& rows() const { return rows_; }

 private:
  int64_t floats() const { return static_cast<int64_t>(rows_.size()) * 3 * step(); }

  Block sums_;
  int64_t channels_ = 0;
  std::vector<int64_t> rows_;
};

}  // namespace striate
