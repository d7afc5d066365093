// The OpenMP team of the compute thread. One parallel region stays open from command to command, and what it
// works on is handed out here: a small network has a hundred pieces of work a millisecond, too many to gather
// all threads before and after each. A thread that is not there in time, since it sleeps or another process
// has its core, is not waited for: those that are take its pieces.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace striate {

/// A function of a piece and the thread that does it.
struct Pieces {
  void (*call)(const void* context, int64_t piece, int thread);
  const void* context;
};

/// What the compute thread does between two pieces of work when it is asked to: short commands overtake a
/// long one there. Set once, before there is work; asked for by any thread. Called by any that is at a piece,
/// and so it looks on which thread it is.
struct Interlude {
  std::atomic<bool> wanted{false};
  void (*run)() = nullptr;
};

Interlude& interlude();

inline void betweenPieces() {
  if (interlude().wanted.load(std::memory_order_relaxed)) interlude().run();
}

/// Calls work() on this thread, with a team of `threads` to share out work to meanwhile.
void withTeam(int threads, const std::function<void()>& work);

/// Threads of the team; 1 where there is none.
int teamSize();

/// Calls work for [0, pieces), by this thread and those of the team that are awake or wake in time. Each
/// begins with its own part, and then takes from those of others.
void shareOut(int64_t pieces, Pieces work);

}  // namespace striate
