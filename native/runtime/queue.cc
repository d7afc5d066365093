#include "runtime/queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "runtime/cpu.h"
#include "runtime/errors.h"
#include "runtime/team.h"

namespace striate {
namespace {

constexpr size_t maxCommands = 4096;
constexpr int64_t maxHeldBytes = int64_t{256} << 20;
/// A caller who found the queue full is woken when an eighth of it is free, and so not for every single
/// place.
constexpr size_t roomyCommands = maxCommands / 8 * 7;
constexpr int64_t roomyHeldBytes = maxHeldBytes / 8 * 7;
/// The thread looks for work this long before it sleeps: waking it costs its caller more than most small
/// operations.
constexpr auto patience = std::chrono::microseconds(50);

bool produced(const Command& command) {
  return std::none_of(command.reads.begin(), command.reads.end(),
                      [](const auto& storage) { return storage->state() == Storage::State::pending; });
}

const std::string* failedInput(const Command& command) {
  for (const auto& storage : command.reads)
    if (storage->state() == Storage::State::failed) return &storage->error();
  return nullptr;
}

/// Tells whoever depends on the command.
void fail(Command& command, const std::string& error) {
  for (const auto& storage : command.writes) storage->fail(error);
  if (command.failed) {
    command.failed(error);
  } else if (command.writes.empty()) {
    command.stream->remember(command.lane, error);
  }
}

/// Who holds what is read counts down alone: those that could hold it anew do not.
void takeOverInputs(const Command& command) {
  auto result = command.writes.begin();
  for (size_t i = 0; i < command.replaceable && result != command.writes.end(); ++i) {
    Storage& input = *command.reads[i];
    if (command.reads[i].use_count() == 2 && input.bytes() == (*result)->bytes())
      (*result++)->takeOver(input);
  }
}

void execute(Command& command) {
  if (const std::string* error = failedInput(command)) {
    if (command.failed) command.stream->forget(command.lane, *error);  // this read tells it
    return fail(command, *error);
  }
  if (command.failed) {
    if (const std::string error = command.stream->recall(command.lane); !error.empty())
      return fail(command, error);
  }
  try {
    takeOverInputs(command);
    const bool updates = command.writes.empty() && !command.failed;
    for (const auto& storage : command.reads)
      if (updates) storage->change();
    for (const auto& storage : command.writes)
      if (!storage->data()) storage->allocate();
    command.run();
  } catch (const std::bad_alloc&) {
    return fail(command, std::string(command.operation) + ": out of memory");
  } catch (const std::exception& error) {
    return fail(command, std::string(command.operation) + ": " + error.what());
  }
  for (const auto& storage : command.writes) storage->succeed();
}

void executeProfiled(Command& command) {
  if (!command.profile) return execute(command);
  const int64_t start = command.profile->now();
  execute(command);
  const int64_t end = command.profile->now();
  // A profile is no reason for a training run to fail: where memory ends, so does the record.
  try {
    command.profile->add({command.operation, std::move(command.detail), start, end});
  } catch (const std::bad_alloc&) {
  }
}

/// Whether `command` may run in the middle of `other`: neither sees or changes anything of the other's. What
/// only marks a place in the queue stays where it is.
bool mayInterrupt(const Command& command, const Command& other) {
  if ((command.reads.empty() && command.writes.empty()) || !produced(command)) return false;
  return std::none_of(command.reads.begin(), command.reads.end(), [&](const auto& storage) {
    return std::find(other.reads.begin(), other.reads.end(), storage) != other.reads.end();
  });
}

class Queue {
 public:
  Queue();

  void push(Command command) {
    std::unique_lock lock(mutex_);
    ++blocked_;
    room_.wait(lock, [&] { return waiting_ < maxCommands && heldBytes_ <= maxHeldBytes; });
    --blocked_;
    heldBytes_ += command.heldBytes;
    ++waiting_;
    count_.store(waiting_ + (running_ ? 1 : 0), std::memory_order_release);
    if (command.lane == Lane::express) interlude().wanted.store(true, std::memory_order_relaxed);
    lanes_[static_cast<size_t>(command.lane)].push_back(std::move(command));
    if (asleep_) {
      asleep_ = false;
      arrival_.notify_one();
    }
  }

  void cancel(const Stream* stream) {
    std::vector<Command> dropped;
    {
      std::unique_lock lock(mutex_);
      for (auto& lane : lanes_) {
        const auto mine = std::stable_partition(lane.begin(), lane.end(),
                                                [&](const Command& c) { return c.stream.get() != stream; });
        std::move(mine, lane.end(), std::back_inserter(dropped));
        lane.erase(mine, lane.end());
      }
      for (const Command& command : dropped) heldBytes_ -= command.heldBytes;
      waiting_ -= dropped.size();
      room_.notify_all();
      finished_.wait(lock, [&] { return running_ != stream && interrupting_ != stream; });
      count_.store(waiting_ + (running_ ? 1 : 0), std::memory_order_release);
    }
  }

  /// Works off what may overtake the command that runs. Called in the middle of that.
  void serveExpress() {
    if (std::this_thread::get_id() != thread_ || !current_ || interrupting_) return;
    while (std::optional<Command> command = nextInterrupting()) {
      executeProfiled(*command);
      // Memory goes back before the next command asks for some.
      command.reset();
      std::lock_guard lock(mutex_);
      interrupting_ = nullptr;
      count_.store(waiting_ + 1, std::memory_order_release);
      finished_.notify_all();
    }
  }

  int64_t count() const { return static_cast<int64_t>(count_.load(std::memory_order_acquire)); }

 private:
  void work() {
    {
      std::lock_guard lock(mutex_);
      thread_ = std::this_thread::get_id();
    }
    Command command = next();
    for (;;) {
      const int team = threads();
      withTeam(team, [&] {
        do {
          current_ = &command;
          executeProfiled(command);
          current_ = nullptr;
          // Memory goes back before the next command asks for some.
          command.run = nullptr;
          command.reads.clear();
          command.writes.clear();
          finish();
          command = next();
        } while (threads() == team);
      });
    }
  }

  Command next() {
    const auto start = std::chrono::steady_clock::now();
    while (count_.load(std::memory_order_acquire) == 0 && std::chrono::steady_clock::now() - start < patience)
      std::this_thread::yield();
    std::unique_lock lock(mutex_);
    arrival_.wait(lock, [&] { return !(asleep_ = waiting_ == 0); });
    Command command = takeFrom(chooseLane());
    running_ = command.stream.get();
    interlude().wanted.store(!lanes_[static_cast<size_t>(Lane::express)].empty(), std::memory_order_relaxed);
    return command;
  }

  /// The next command that may interrupt the one that runs; nothing where there is none, and then none comes
  /// before another command runs, or is pushed.
  std::optional<Command> nextInterrupting() {
    std::lock_guard lock(mutex_);
    auto& express = lanes_[static_cast<size_t>(Lane::express)];
    if (express.empty() || !mayInterrupt(express.front(), *current_)) {
      interlude().wanted.store(false, std::memory_order_relaxed);
      return std::nullopt;
    }
    Command command = takeFrom(express);
    interrupting_ = command.stream.get();
    return command;
  }

  Command takeFrom(std::deque<Command>& lane) {
    Command command = std::move(lane.front());
    lane.pop_front();
    --waiting_;
    heldBytes_ -= command.heldBytes;
    if (blocked_ && waiting_ <= roomyCommands && heldBytes_ <= roomyHeldBytes) room_.notify_all();
    return command;
  }

  void finish() {
    std::lock_guard lock(mutex_);
    running_ = nullptr;
    count_.store(waiting_, std::memory_order_release);
    finished_.notify_all();
  }

  /// One of the two fronts can always run: the older one needs only what came before it, and all that has
  /// run.
  std::deque<Command>& chooseLane() {
    auto& [ordinary, express] = lanes_;
    if (express.empty()) return ordinary;
    if (ordinary.empty() || produced(express.front())) return express;
    return produced(ordinary.front()) ? ordinary : express;
  }

  std::mutex mutex_;
  std::condition_variable arrival_, room_, finished_;
  std::deque<Command> lanes_[2];
  size_t waiting_ = 0;
  int blocked_ = 0;
  int64_t heldBytes_ = 0;
  bool asleep_ = false;
  const Stream* running_ = nullptr;
  /// That of the command that runs in the middle of another.
  const Stream* interrupting_ = nullptr;
  std::atomic<size_t> count_{0};
  // The compute thread's own.
  std::thread::id thread_;
  const Command* current_ = nullptr;
};

/// Never destroyed: its thread may still run when the process leaves main.
Queue& queue() {
  static Queue& instance = *std::make_unique<Queue>().release();
  return instance;
}

Queue::Queue() {
  interlude().run = [] { queue().serveExpress(); };
  std::thread([this] { work(); }).detach();
}

}  // namespace

void Stream::enqueue(Command command) {
  if (closed_) throw StateError(std::string(command.operation) + ": this environment has ended");
  command.lane = laneOf(command);
  command.stream = shared_from_this();
  // What only marks a place in the queue is no work: whoever waits for it may ask before it is on record.
  if (profile_ && !(command.reads.empty() && command.writes.empty())) command.profile = profile_;
  queue().push(std::move(command));
}

void Stream::close() {
  closed_ = true;
  queue().cancel(this);
}

void Stream::startProfile() {
  if (profile_) throw StateError("startProfile: a profile is being taken");
  profile_ = std::make_shared<Profile>();
}

std::vector<ProfileEntry> Stream::stopProfile() {
  if (!profile_) throw StateError("stopProfile: no profile is being taken");
  return std::exchange(profile_, nullptr)->take();
}

Lane Stream::laneOf(const Command& command) const {
  if (command.failed) {
    const bool overtakes = !command.reads.empty() && command.reads.front()->lane == Lane::express;
    return overtakes ? Lane::express : lane_;
  }
  if (lane_ == Lane::ordinary)
    for (const auto& storage : command.reads) storage->lane = Lane::ordinary;
  for (const auto& storage : command.writes) storage->lane = lane_;
  return lane_;
}

void Stream::remember(Lane lane, const std::string& error) {
  std::string& remembered = errors_[static_cast<size_t>(lane)];
  if (remembered.empty()) remembered = error;
}

std::string Stream::recall(Lane lane) { return std::exchange(errors_[static_cast<size_t>(lane)], {}); }

void Stream::forget(Lane lane, const std::string& error) {
  std::string& remembered = errors_[static_cast<size_t>(lane)];
  if (remembered == error) remembered.clear();
}

int64_t queuedCommands() { return queue().count(); }

}  // namespace striate
