// What operations make of a tensor before they compute with it, kept beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/pool.h"

namespace striate {

/// Weights packed or transformed as a kernel wants them cost a small batch more than its arithmetic. While
/// nothing writes to the weights they are made once: the first use after a write keeps nothing, as training
/// writes between any two uses, and from the second on the result stays. Belongs to the compute thread.
class Preparations {
 public:
  /// All that tells one preparation of a tensor from another: what it is for, and the sizes it depends on.
  using Key = std::vector<int64_t>;

  /// The `count` floats kept for `key`, which make(float*) fills where need be; null at the first use.
  template <class Make>
  const float* kept(const Key& key, int64_t count, const Make& make) {
    for (Entry& entry : entries_) {
      if (entry.key != key) continue;
      if (!entry.made) {
        Block made = Block::take(count * static_cast<int64_t>(sizeof(float)));
        make(made.floats());
        entry.made = std::move(made);
      }
      return entry.made.floats();
    }
    if (entries_.size() == most) entries_.erase(entries_.begin());
    entries_.push_back({key, Block()});
    return nullptr;
  }

  /// The same, but where nothing is kept those that are made in `own`. `preparations` is null for what is
  /// used once.
  template <class Make>
  static const float* keptOrMade(Preparations* preparations, const Key& key, int64_t count, const Make& make,
                                 Block& own) {
    if (const float* floats = preparations ? preparations->kept(key, count, make) : nullptr) return floats;
    own = Block::take(count * static_cast<int64_t>(sizeof(float)));
    make(own.floats());
    return own.floats();
  }

  /// To be called with every write to the tensor; the queue does it for commands that update what they read.
  void clear() { entries_.clear(); }

 private:
  struct Entry {
    Key key;
    Block made;
  };
  /// For images of several sizes, where each size has another algorithm.
  static constexpr size_t most = 3;

  std::vector<Entry> entries_;
};

}  // namespace striate
