#include "runtime/pool.h"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "runtime/cpu.h"
#include "runtime/errors.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace striate {
namespace {

constexpr int64_t alignment = 64;
constexpr int64_t largePage = int64_t{2} << 20;
constexpr int64_t maxBlock = int64_t{1} << 60;
/// Free blocks are trimmed beyond this, where all blocks are more than five quarters of the peak of live
/// bytes.
constexpr int64_t keptAtLeast = int64_t{64} << 20;

/// Eight sizes for each power of two: at most an eighth is wasted, and equal shapes meet in one bin.
int64_t binSize(int64_t bytes) {
  const int64_t n = std::max<int64_t>(bytes, 512);
  const int64_t step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n))) / 8;
  return (n + step - 1) / step * step;
}

std::align_val_t alignmentOf(int64_t capacity) {
  return static_cast<std::align_val_t>(capacity >= largePage ? largePage : alignment);
}

void* fromSystem(int64_t capacity) {
  void* data = ::operator new(static_cast<size_t>(capacity), alignmentOf(capacity), std::nothrow);
#if defined(__linux__)
  if (data && capacity >= largePage) madvise(data, static_cast<size_t>(capacity), MADV_HUGEPAGE);
#endif
  return data;
}

void toSystem(void* data, int64_t capacity) { ::operator delete(data, alignmentOf(capacity)); }

class Pool {
 public:
  /// A block of this capacity or, where there is none but a somewhat larger one, that one's: `capacity` is
  /// then its own.
  void* take(int64_t& capacity) {
    std::lock_guard lock(mutex_);
    void* data = nullptr;
    if (auto bin = fitting(capacity); bin != free_.end()) {
      capacity = bin->first;
      data = bin->second.back();
      bin->second.pop_back();
      stats_.pooledBytes -= capacity;
    } else {
      data = fresh(capacity);
    }
    stats_.liveBytes += capacity;
    stats_.peakBytes = std::max(stats_.peakBytes, stats_.liveBytes);
    return data;
  }

  void give(void* data, int64_t capacity) {
    std::lock_guard lock(mutex_);
    stats_.liveBytes -= capacity;
    stats_.pooledBytes += capacity;
    free_[capacity].push_back(data);
    // The largest go first: they are the fewest calls for the most bytes.
    for (auto bin = free_.rbegin(); keepsTooMuch() && bin != free_.rend(); ++bin)
      while (keepsTooMuch() && !bin->second.empty()) drop(*bin);
  }

  void empty() {
    std::lock_guard lock(mutex_);
    dropAll();
  }

  PoolStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }

  void resetPeak() {
    std::lock_guard lock(mutex_);
    stats_.peakBytes = stats_.liveBytes;
  }

 private:
  using Bin = std::pair<const int64_t, std::vector<void*>>;

  bool keepsTooMuch() const {
    return stats_.pooledBytes > keptAtLeast &&
           stats_.liveBytes + stats_.pooledBytes > stats_.peakBytes + stats_.peakBytes / 4;
  }

  /// Pages that were touched are worth more than the part of them that is not needed.
  std::map<int64_t, std::vector<void*>>::iterator fitting(int64_t capacity) {
    const int64_t most = capacity < largePage ? capacity : capacity + capacity / 2;
    auto bin = free_.lower_bound(capacity);
    while (bin != free_.end() && bin->first <= most && bin->second.empty()) ++bin;
    return bin != free_.end() && bin->first <= most ? bin : free_.end();
  }

  void* fresh(int64_t capacity) {
    if (stats_.liveBytes + stats_.pooledBytes + capacity > limit_) dropAll();
    void* data = stats_.liveBytes + capacity > limit_ ? nullptr : fromSystem(capacity);
    if (data) return data;
    throw StateError("out of memory: wanted " + std::to_string(capacity) + " bytes beside " +
                     std::to_string(stats_.liveBytes) + " in use; this process may use " +
                     std::to_string(limit_));
  }

  void drop(Bin& bin) {
    toSystem(bin.second.back(), bin.first);
    bin.second.pop_back();
    stats_.pooledBytes -= bin.first;
  }

  void dropAll() {
    for (Bin& bin : free_)
      while (!bin.second.empty()) drop(bin);
  }

  std::mutex mutex_;
  std::map<int64_t, std::vector<void*>> free_;
  PoolStats stats_;
  // Beyond nine tenths the system would end the process rather than refuse.
  const int64_t limit_ = memoryLimit() / 10 * 9;
};

/// Never destroyed: the compute thread may still run when the process leaves main.
Pool& pool() {
  static Pool& instance = *std::make_unique<Pool>().release();
  return instance;
}

}  // namespace

Block Block::take(int64_t bytes) {
  // Sizes of scratch are products of what JavaScript gave.
  if (bytes < 0 || bytes > maxBlock) throw StateError("out of memory: wanted more than 2^60 bytes");
  int64_t capacity = binSize(bytes);
  void* data = pool().take(capacity);
  return {data, capacity};
}

Block::~Block() {
  if (data_) pool().give(data_, capacity_);
}

PoolStats poolStats() { return pool().stats(); }
void resetPeak() { pool().resetPeak(); }
void emptyPool() { pool().empty(); }

}  // namespace striate
