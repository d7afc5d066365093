// The queue of commands and the one thread that works it off.
//
// Every Node environment (the main thread, each Worker) has a Stream. Commands of all streams go through one
// queue with two lanes to one compute thread, which owns the OpenMP team. Commands of a lane run in order;
// between two commands the thread takes from the express lane first, unless the command there waits for what
// the other lane has yet to produce. It does so between two pieces of an ordinary command, too, while its
// team goes on with that one, unless both use a storage. A read of what the express lane produced overtakes
// as well, wherever it is asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/profile.h"
#include "runtime/tensor.h"

namespace striate {

class Stream;

struct Command {
  const char* operation;
  /// What run() reads; it runs when all of it is there. A failed one fails this command too.
  std::vector<std::shared_ptr<Storage>> reads;
  /// What run() produces; memory is taken before it runs. Empty for a command that updates what it reads,
  /// whose failure leaves that as it was and is told at the stream's next read in the same lane.
  std::vector<std::shared_ptr<Storage>> writes;
  std::function<void()> run;
  /// How many of `reads`, from the first on, may have a result in their place: of those that are as large and
  /// held by nothing but `reads` and `run`, each once, the first has the first of `writes`, and so on.
  size_t replaceable = 0;
  /// Where this is a read: who hears of a failure.
  std::function<void(const std::string& error)> failed;
  /// Memory that waits in the queue for this command (a copy of JavaScript's data).
  int64_t heldBytes = 0;

  Lane lane = Lane::ordinary;
  std::shared_ptr<Stream> stream;
  /// Where the stream is being profiled.
  std::shared_ptr<Profile> profile{};
  std::string detail{};
};

/// One environment's end of the queue. Used from that environment's thread.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  /// Puts a command on the queue; waits where the queue is full. Throws StateError after close().
  void enqueue(Command command);

  /// Drops this stream's commands and waits for the one that is running. Called when the environment ends.
  void close();

  void setLane(Lane lane) { lane_ = lane; }

  // Profiling: of commands enqueued from the start to the stop.
  bool profiling() const { return profile_ != nullptr; }
  /// Throws StateError where a profile is being taken.
  void startProfile();
  /// What has run since the start. Throws StateError where no profile is being taken.
  std::vector<ProfileEntry> stopProfile();

  // The compute thread's side.
  /// An update that failed is told at the next read in its lane.
  void remember(Lane lane, const std::string& error);
  /// What there is to tell, and forgets it.
  std::string recall(Lane lane);
  /// Forgets this error: a read of what depends on it tells it.
  void forget(Lane lane, const std::string& error);

 private:
  Lane laneOf(const Command& command) const;

  Lane lane_ = Lane::ordinary;
  bool closed_ = false;
  std::string errors_[2];  // by lane
  std::shared_ptr<Profile> profile_;
};

/// Commands that wait or run, of all streams.
int64_t queuedCommands();

}  // namespace striate
