// What the compute thread did and when, for those who look for lost time.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace striate {

struct ProfileEntry {
  const char* operation;
  std::string detail;  ///< the shapes it reads → those it writes
  int64_t startNs = 0, endNs = 0;
};

/// The commands of one stream from startProfile() to stopProfile(). Commands hold on to it, so it outlives
/// those that run after the end; what they still write is lost.
class Profile {
 public:
  /// A profile that nobody stops holds no more than this.
  static constexpr size_t maxEntries = size_t{1} << 20;

  int64_t now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_)
        .count();
  }

  void add(ProfileEntry entry) {
    std::lock_guard lock(mutex_);
    if (entries_.size() < maxEntries) entries_.push_back(std::move(entry));
  }

  std::vector<ProfileEntry> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(entries_, {});
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::vector<ProfileEntry> entries_;
};

}  // namespace striate
