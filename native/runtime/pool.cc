#include "runtime/pool.h"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "runtime/arena.h"
#include "runtime/cpu.h"
#include "runtime/errors.h"

namespace striate {
namespace {

constexpr std::align_val_t alignment{64};
constexpr int64_t maxBlock = int64_t{1} << 60;
/// Free memory is trimmed beyond this, where all memory is more than one and a half times the peak of live
/// bytes.
constexpr int64_t keptAtLeast = int64_t{64} << 20;

/// Blocks from this size on share an arena: there are few of them, and they are nearly all the memory. The
/// address sanitizer only knows the ends of blocks that the system gives.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t large = maxBlock;
#else
constexpr int64_t large = int64_t{256} << 10;
#endif

/// Eight sizes for each power of two: at most an eighth is wasted, and equal shapes meet in one bin.
int64_t binSize(int64_t bytes) {
  const int64_t n = std::max<int64_t>(bytes, 512);
  const int64_t step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n))) / 8;
  return (n + step - 1) / step * step;
}

/// Small blocks, kept by size.
class Bins {
 public:
  int64_t kept() const { return kept_; }

  /// Null where the system has no memory, or none is kept and `fresh` is less than the capacity.
  void* take(int64_t capacity, int64_t fresh) {
    std::vector<void*>& bin = free_[capacity];
    if (bin.empty())
      return capacity > fresh ? nullptr
                              : ::operator new(static_cast<size_t>(capacity), alignment, std::nothrow);
    void* data = bin.back();
    bin.pop_back();
    kept_ -= capacity;
    return data;
  }

  void give(void* data, int64_t capacity) {
    free_[capacity].push_back(data);
    kept_ += capacity;
  }

  void clear() {
    for (auto& [capacity, bin] : free_)
      for (void* data : bin) ::operator delete(data, alignment);
    free_.clear();
    kept_ = 0;
  }

 private:
  std::map<int64_t, std::vector<void*>> free_;
  int64_t kept_ = 0;
};

class Pool {
 public:
  void* take(int64_t capacity, bool lasts) {
    std::lock_guard lock(mutex_);
    void* data = takeFrom(capacity, lasts);
    if (!data) {
      clear();
      data = takeFrom(capacity, lasts);
    }
    if (!data)
      throw StateError("out of memory: wanted " + std::to_string(capacity) + " bytes beside " +
                       std::to_string(live_) + " in use; this process may use " + std::to_string(limit_));
    live_ += capacity;
    peak_ = std::max(peak_, live_);
    return data;
  }

  void give(void* data, int64_t capacity) {
    std::lock_guard lock(mutex_);
    live_ -= capacity;
    if (capacity < large)
      bins_.give(data, capacity);
    else
      arena_.give(data, capacity);
    while (keepsTooMuch() && arena_.kept() > 0) arena_.dropLast();
    if (keepsTooMuch()) bins_.clear();
  }

  void empty() {
    std::lock_guard lock(mutex_);
    clear();
  }

  PoolStats stats() {
    std::lock_guard lock(mutex_);
    return {live_, kept(), peak_};
  }

  void resetPeak() {
    std::lock_guard lock(mutex_);
    peak_ = live_;
  }

 private:
  int64_t kept() const { return bins_.kept() + arena_.kept(); }

  bool keepsTooMuch() const { return kept() > keptAtLeast && live_ + kept() > peak_ + peak_ / 2; }

  void* takeFrom(int64_t capacity, bool lasts) {
    const int64_t fresh = limit_ - live_ - kept();
    return capacity < large ? bins_.take(capacity, fresh) : arena_.take(capacity, fresh, lasts);
  }

  void clear() {
    bins_.clear();
    arena_.clear();
  }

  std::mutex mutex_;
  // Beyond nine tenths the system would end the process rather than refuse.
  const int64_t limit_ = memoryLimit() / 10 * 9;
  Bins bins_;
  Arena arena_{4 * limit_};  // with room for holes
  int64_t live_ = 0, peak_ = 0;
};

/// Never destroyed: the compute thread may still run when the process leaves main.
Pool& pool() {
  static Pool& instance = *std::make_unique<Pool>().release();
  return instance;
}

}  // namespace

Block Block::take(int64_t bytes, bool lasts) {
  // Sizes of scratch are products of what JavaScript gave.
  if (bytes < 0 || bytes > maxBlock) throw StateError("out of memory: wanted more than 2^60 bytes");
  const int64_t capacity = bytes < large ? binSize(bytes) : Arena::rounded(bytes);
  return {pool().take(capacity, lasts), capacity};
}

Block::~Block() {
  if (data_) pool().give(data_, capacity_);
}

PoolStats poolStats() { return pool().stats(); }
void resetPeak() { pool().resetPeak(); }
void emptyPool() { pool().empty(); }

}  // namespace striate
