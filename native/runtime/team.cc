#include "runtime/team.h"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace striate {
namespace {

using Clock = std::chrono::steady_clock;

/// A thread looks for work this long before it sleeps: waking it costs more than a small operation.
constexpr auto patience = std::chrono::microseconds(100);
/// Who has not run for so long, while it looked for work, is on a core that others want, and sleeps at once.
constexpr auto interruption = std::chrono::microseconds(30);
/// How long a thread holds its core against others that could run on it.
constexpr auto greed = std::chrono::microseconds(10);

/// Tells the processor that this is a loop that waits.
void relax() {
#if defined(_MSC_VER)
  YieldProcessor();
#elif defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

class Team {
 public:
  explicit Team(int size) : size_(size), parts_(std::make_unique<Part[]>(static_cast<size_t>(size))) {}

  int size() const { return size_; }

  void shareOut(int64_t pieces, Pieces work) {
    work_ = work;
    for (int64_t t = 0; t < size_; ++t) {
      parts_[static_cast<size_t>(t)].next.store(pieces * t / size_, std::memory_order_relaxed);
      parts_[static_cast<size_t>(t)].end = pieces * (t + 1) / size_;
    }
    round_ += oneRound;
    state_.store(round_ | open);
    wake();
    take(0);
    state_.fetch_and(~open);
    // Those who have come are at their last piece.
    const auto start = Clock::now();
    while (state_.load(std::memory_order_acquire) & membersMask) {
      betweenPieces();
      if (Clock::now() - start < greed) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

  /// The others of the team work here until dismiss().
  void serve(int thread) {
    uint64_t seen = 0;
    for (;;) {
      uint64_t state = news(seen);
      if (state & dismissed) return;
      // Failed: others came, or the round is over.
      if (!state_.compare_exchange_weak(state, state + oneMember, std::memory_order_acquire)) continue;
      seen = state & roundMask;
      take(thread);
      state_.fetch_sub(oneMember, std::memory_order_release);
    }
  }

  void dismiss() {
    state_.store(dismissed);
    wake();
  }

 private:
  /// The bits of state_: whether there is work to come to, or none will be; how many have come; the round.
  static constexpr uint64_t open = 1, dismissed = 2, oneMember = 4, oneRound = uint64_t{1} << 32,
                            roundMask = ~(oneRound - 1), membersMask = oneRound - oneMember;

  /// The pieces that a thread begins with.
  struct alignas(64) Part {
    std::atomic<int64_t> next;
    int64_t end;
  };

  void take(int thread) {
    for (int t = 0; t < size_; ++t) {
      Part& part = parts_[static_cast<size_t>((thread + t) % size_)];
      while (part.next.load(std::memory_order_relaxed) < part.end) {
        const int64_t piece = part.next.fetch_add(1, std::memory_order_relaxed);
        if (piece < part.end) work_.call(work_.context, piece, thread);
        if (thread == 0) betweenPieces();
      }
    }
  }

  static bool isNews(uint64_t state, uint64_t seen) {
    return (state & dismissed) || ((state & open) && (state & roundMask) != seen);
  }

  /// The state when it is another round than the one seen, or the end.
  uint64_t news(uint64_t seen) {
    const auto start = Clock::now();
    for (auto last = start;;) {
      for (int i = 0; i < 16; ++i) {
        if (const uint64_t state = state_.load(std::memory_order_relaxed); isNews(state, seen)) return state;
        relax();
      }
      const auto now = Clock::now();
      if (now - start > patience || now - last > interruption) break;
      if (now - start > greed) std::this_thread::yield();
      last = now;
    }
    // Either this sees the news, or who brings them sees the sleeper.
    std::unique_lock lock(sleeping_);
    for (;;) {
      asleep_.store(true);
      if (const uint64_t state = state_.load(); isNews(state, seen)) return state;
      alarm_.wait(lock);
    }
  }

  void wake() {
    if (!asleep_.load() || !asleep_.exchange(false)) return;
    // Whoever is about to sleep does so before the alarm.
    const std::lock_guard lock(sleeping_);
    alarm_.notify_all();
  }

  const int size_;
  const std::unique_ptr<Part[]> parts_;
  Pieces work_{};
  uint64_t round_ = 0;
  alignas(64) std::atomic<uint64_t> state_{0};
  /// Whether there may be someone to wake.
  alignas(64) std::atomic<bool> asleep_{false};
  std::mutex sleeping_;
  std::condition_variable alarm_;
};

/// Of the compute thread; others look only while they are at a piece.
Team* current = nullptr;

}  // namespace

Interlude& interlude() {
  static Interlude instance;
  return instance;
}

int teamSize() { return current ? current->size() : 1; }

void withTeam(int threads, const std::function<void()>& work) {
  if (threads == 1) return work();
  Team team(threads);
#pragma omp parallel num_threads(threads)
  {
    if (const int thread = omp_get_thread_num(); thread == 0) {
      current = &team;
      work();
      current = nullptr;
      team.dismiss();
    } else {
      team.serve(thread);
    }
  }
}

void shareOut(int64_t pieces, Pieces work) {
  // A piece that shares out work itself does it alone.
  Team* const team = std::exchange(current, nullptr);
  team->shareOut(pieces, work);
  current = team;
}

}  // namespace striate
