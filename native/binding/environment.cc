#include "binding/environment.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "ops/operation.h"
#include "runtime/errors.h"

namespace striate {
namespace {

/// Environments that a handle can tell apart; after that many the count starts anew.
constexpr uint64_t environments = 4096;
std::atomic<uint64_t> nextOrdinal{0};
std::atomic<uint64_t> nextSerial{1};

/// V8 hears of changes from this size on: telling it costs more than a small operation.
constexpr int64_t reportedStep = int64_t{4} << 20;

Napi::Value typedArray(Napi::Env env, DType dtype, const std::vector<std::byte>& bytes) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.Data(), bytes.data(), bytes.size());
  const size_t n = bytes.size() / static_cast<size_t>(itemSize(dtype));
  switch (dtype) {
    case DType::f32: return Napi::Float32Array::New(env, n, buffer, 0);
    case DType::i32: return Napi::Int32Array::New(env, n, buffer, 0);
    default: return Napi::Uint8Array::New(env, n, buffer, 0);
  }
}

std::vector<std::byte> copyOf(const Tensor& tensor) {
  return {tensor.raw(), tensor.raw() + tensor.bytes()};
}

}  // namespace

/// The way from the compute thread to this environment, closed when the environment ends.
struct Environment::Channel {
  std::mutex mutex;
  napi_threadsafe_function function = nullptr;

  void send(std::unique_ptr<Reading> reading) {
    std::lock_guard lock(mutex);
    if (function && napi_call_threadsafe_function(function, reading.get(), napi_tsfn_nonblocking) == napi_ok)
      static_cast<void>(reading.release());  // settle() owns it now
  }
};

/// A promise on its way.
struct Environment::Reading {
  Tensor tensor;  // none: the promise is of the place in the queue alone
  Napi::Promise::Deferred deferred;
  std::vector<std::byte> bytes;
  std::string error;
};

Environment::Environment(Napi::Env env)
    : env_(env),
      ordinal_(nextOrdinal.fetch_add(1) % environments),
      stream_(std::make_shared<Stream>()),
      channel_(std::make_shared<Channel>()) {
  const Napi::String name = Napi::String::New(env, "striate");
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                       settle, &channel_->function);
  if (status == napi_ok) status = napi_unref_threadsafe_function(env, channel_->function);
  // Hooks run in reverse order: this one closes the channel before Node frees the function.
  if (status == napi_ok) status = napi_add_env_cleanup_hook(env, cleanUp, this);
  if (status != napi_ok) throw Napi::Error::New(env, "striate: this environment takes no thread-safe function");
}

Environment::~Environment() = default;

void Environment::cleanUp(void* data) {
  auto& self = *static_cast<Environment*>(data);
  {
    std::lock_guard lock(self.channel_->mutex);
    self.channel_->function = nullptr;
  }
  self.stream_->close();
  self.tensors_.clear();
}

double Environment::add(Tensor tensor) {
  reportMemory(tensor.bytes());
  const uint64_t handle = nextSerial.fetch_add(1, std::memory_order_relaxed) * environments + ordinal_;
  tensors_.emplace(handle, std::move(tensor));
  return static_cast<double>(handle);
}

const Tensor& Environment::find(double number, const char* operation, const char* argument) const {
  const bool possible = number >= environments && number < 9007199254740992.0;
  const uint64_t handle = possible ? static_cast<uint64_t>(number) : 0;
  if (static_cast<double>(handle) == number) {
    if (const auto found = tensors_.find(handle); found != tensors_.end()) return found->second;
  }
  const std::string where = std::string(operation) + ": " + argument;
  if (!possible || static_cast<double>(handle) != number || handle / environments >= nextSerial.load())
    throw TypeError(where + " is no tensor");
  if (handle % environments != ordinal_) throw StateError(where + " is a tensor of another Worker");
  throw StateError(where + " has been disposed");
}

void Environment::release(double handle) {
  const auto found = tensors_.find(handle >= 0 && handle < 9007199254740992.0 ? static_cast<uint64_t>(handle) : 0);
  if (found == tensors_.end()) return;
  reportMemory(-found->second.bytes());
  tensors_.erase(found);
}

void Environment::reportMemory(int64_t change) {
  unreportedBytes_ += change;
  if (unreportedBytes_ < reportedStep && unreportedBytes_ > -reportedStep) return;
  Napi::MemoryManagement::AdjustExternalMemory(env_, unreportedBytes_);
  unreportedBytes_ = 0;
}

Napi::Error Environment::error(const std::string& message) const {
  if (errorClass_.IsEmpty()) return Napi::Error::New(env_, message);
  return Napi::Error(env_, errorClass_.New({Napi::String::New(env_, message)}));
}

Napi::Value Environment::read(const Tensor& tensor) {
  return enqueueRead(std::make_unique<Reading>(
      Reading{tensor, Napi::Promise::Deferred::New(env_), {}, {}}));
}

Napi::Value Environment::synchronize() {
  return enqueueRead(std::make_unique<Reading>(Reading{{}, Napi::Promise::Deferred::New(env_), {}, {}}));
}

Napi::Value Environment::enqueueRead(std::unique_ptr<Reading> reading) {
  const Napi::Promise promise = reading->deferred.Promise();
  if (++pendingReads_ == 1) napi_ref_threadsafe_function(env_, channel_->function);
  // std::function wants what can be copied, so the two ends share the owner.
  const auto owner = std::make_shared<std::unique_ptr<Reading>>(std::move(reading));
  Command command{};
  command.operation = "data";
  if ((*owner)->tensor) command.reads = {(*owner)->tensor.storage};
  command.run = [owner, channel = channel_] {
    if ((*owner)->tensor) (*owner)->bytes = copyOf((*owner)->tensor);
    channel->send(std::move(*owner));
  };
  command.failed = [owner, channel = channel_](const std::string& error) {
    if (!*owner) return;
    (*owner)->error = error;
    channel->send(std::move(*owner));
  };
  stream_->enqueue(std::move(command));
  return promise;
}

void Environment::settle(napi_env raw, napi_value, void* context, void* data) {
  const std::unique_ptr<Reading> reading(static_cast<Reading*>(data));
  if (!raw) return;  // the environment has ended; nobody waits
  auto& self = *static_cast<Environment*>(context);
  const Napi::Env env(raw);
  const Napi::HandleScope scope(env);
  if (--self.pendingReads_ == 0) napi_unref_threadsafe_function(env, self.channel_->function);
  try {
    if (!reading->error.empty()) {
      reading->deferred.Reject(self.error(reading->error).Value());
    } else if (reading->tensor) {
      reading->deferred.Resolve(typedArray(env, reading->tensor.dtype, reading->bytes));
    } else {
      reading->deferred.Resolve(env.Undefined());
    }
  } catch (const Napi::Error& error) {
    // The array could not be made (no memory), or the environment is ending and runs no more JavaScript.
    reading->deferred.Reject(error.Value());
  }
}

Napi::Value Environment::readNow(const Tensor& tensor) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable there;
    bool done = false;
    std::vector<std::byte> bytes;
    std::string error;
    void finish() {
      std::lock_guard lock(mutex);
      done = true;
      there.notify_one();
    }
  };
  const auto outcome = std::make_shared<Outcome>();
  Command command{};
  command.operation = "dataSync";
  command.reads = {tensor.storage};
  command.run = [outcome, tensor] {
    outcome->bytes = copyOf(tensor);
    outcome->finish();
  };
  command.failed = [outcome](const std::string& error) {
    outcome->error = error;
    outcome->finish();
  };
  stream_->enqueue(std::move(command));
  std::unique_lock lock(outcome->mutex);
  outcome->there.wait(lock, [&] { return outcome->done; });
  if (!outcome->error.empty()) throw StateError(outcome->error);
  return typedArray(env_, tensor.dtype, outcome->bytes);
}

}  // namespace striate
