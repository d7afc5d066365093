// Memory for tensors and scratch: aligned blocks that are kept and used again, because a fresh page costs
// more than most kernels that write to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace striate {

struct PoolStats {
  int64_t liveBytes = 0;    ///< in blocks handed out
  int64_t pooledBytes = 0;  ///< in blocks kept for the next taker
  int64_t peakBytes = 0;    ///< the most that liveBytes has been
};

/// A block of the pool; gives itself back. Aligned to 64 bytes, and from 1 MiB on to 64 KiB.
class Block {
 public:
  Block() = default;
  /// Throws StateError where the process has no such memory. What `lasts` takes memory that no block had
  /// before, rather than parting what blocks that come and go have left.
  static Block take(int64_t bytes, bool lasts = false);

  Block(Block&& other) noexcept : data_(std::exchange(other.data_, nullptr)), capacity_(other.capacity_) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Block();

  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  Block(void* data, int64_t capacity) : data_(data), capacity_(capacity) {}

  void* data_ = nullptr;
  int64_t capacity_ = 0;
};

PoolStats poolStats();

/// Starts the peak anew from what is live now.
void resetPeak();

/// Gives the pooled blocks back to the system.
void emptyPool();

}  // namespace striate
