// All parameters of a network as one row of elements, however many tensors there are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// All parameters as one row of elements, cut into pieces that may hold many small tensors or part of a large
/// one.
class ParameterRow {
 public:
  explicit ParameterRow(const std::vector<Tensor>& parameters) {
    ends_.reserve(parameters.size());
    for (const Tensor& p : parameters) ends_.push_back(length() + p.elements());
  }

  /// Calls work(tensor, from, n, piece) in parallel, in order within a piece.
  template <class Work>
  void parallel(const Work& work) const {
    parallelRanges(length(), elementGrain, [&](int64_t from, int64_t to) {
      auto tensor = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), from) - ends_.begin());
      for (int64_t at = from; at < to; ++tensor) {
        const int64_t start = tensor == 0 ? 0 : ends_[tensor - 1], end = std::min(to, ends_[tensor]);
        if (end > at) work(tensor, at - start, end - at, from / elementGrain);
        at = end;
      }
    });
  }

  int64_t pieces() const { return (length() + elementGrain - 1) / elementGrain; }

 private:
  int64_t length() const { return ends_.empty() ? 0 : ends_.back(); }

  std::vector<int64_t> ends_;
};

}  // namespace striate
