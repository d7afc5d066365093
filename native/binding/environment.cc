#include "binding/environment.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "ops/operation.h"
#include "runtime/cpu.h"
#include "runtime/errors.h"

namespace striate {
namespace {

/// Environments that a handle can tell apart; after that many the count starts anew.
constexpr uint64_t environments = 4096;
/// Whole numbers below are exact in JavaScript.
constexpr double maxHandle = 9007199254740992.0;
std::atomic<uint64_t> nextOrdinal{0};
std::atomic<uint64_t> nextSerial{1};

/// V8 hears of more memory from this size on, and by an eighth of what it knows of: telling it costs more
/// than a small operation, and where 64 MB were added it looks for garbage, for milliseconds at a time. Of
/// less it hears when it was V8 that freed so much: a training step takes hundreds of megabytes and gives
/// them back, and if V8 heard of that it would search the heap in every step, on the cores that compute.
constexpr int64_t reportedStep = int64_t{32} << 20;

const char* arrayClassName(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "Float32Array";
    case DType::i32:
      return "Int32Array";
    default:
      return "Uint8Array";
  }
}

Block copyOf(const Tensor& tensor) {
  Block copy = Block::take(tensor.bytes());
  if (tensor.bytes() > 0) std::memcpy(copy.data(), tensor.raw(), static_cast<size_t>(tensor.bytes()));
  return copy;
}

/// What V8 hears of a tensor; nothing of one that can never be.
int64_t reportedBytes(const Storage& storage) {
  static const int64_t limit = memoryLimit();
  return storage.bytes() > limit ? 0 : storage.bytes();
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
  Napi::Promise::Deferred deferred;
  bool value;  // false: the promise is of the place in the queue alone
  DType dtype = DType::f32;
  int64_t elements = 0;
  Block bytes{};
  std::string error{};
};

Environment::Environment(Napi::Env env)
    : env_(env),
      ordinal_(nextOrdinal.fetch_add(1) % environments),
      stream_(std::make_shared<Stream>()),
      channel_(std::make_shared<Channel>()) {
  const Napi::String name = Napi::String::New(env, "striate");
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                                       this, settle, &channel_->function);
  if (status == napi_ok) status = napi_unref_threadsafe_function(env, channel_->function);
  // Hooks run in reverse order: this one closes the channel before Node frees the function.
  if (status == napi_ok) status = napi_add_env_cleanup_hook(env, cleanUp, this);
  if (status != napi_ok)
    throw Napi::Error::New(env, "striate: this environment takes no thread-safe function");
  for (const DType dtype : {DType::f32, DType::i32, DType::u8})
    arrayClasses_[static_cast<size_t>(dtype)] =
        Napi::Persistent(env.Global().Get(arrayClassName(dtype)).As<Napi::Function>());
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
  if (tensor.storage->handles++ == 0) {
    heldBytes_ += reportedBytes(*tensor.storage);
    if (heldBytes_ - reportedBytes_ >= std::max(reportedStep, reportedBytes_ / 8)) reportMemory();
  }
  const uint64_t handle = nextSerial.fetch_add(1, std::memory_order_relaxed) * environments + ordinal_;
  tensors_.emplace(handle, std::move(tensor));
  return static_cast<double>(handle);
}

const Tensor* Environment::findIfAlive(double number) const {
  if (!(number >= environments && number < maxHandle)) return nullptr;
  const auto found = tensors_.find(static_cast<uint64_t>(number));
  return found != tensors_.end() && static_cast<double>(found->first) == number ? &found->second : nullptr;
}

const Tensor& Environment::find(double number, const char* operation, const char* argument) const {
  if (const Tensor* tensor = findIfAlive(number)) return *tensor;
  const bool possible = number >= environments && number < maxHandle;
  const uint64_t handle = possible ? static_cast<uint64_t>(number) : 0;
  const std::string where = std::string(operation) + ": " + argument;
  if (!possible || static_cast<double>(handle) != number || handle / environments >= nextSerial.load())
    throw TypeError(where + " is no tensor");
  if (handle % environments != ordinal_) throw StateError(where + " is a tensor of another Worker");
  throw StateError(where + " has been disposed");
}

void Environment::release(double handle) {
  const auto found = tensors_.find(handle >= 0 && handle < maxHandle ? static_cast<uint64_t>(handle) : 0);
  if (found == tensors_.end() || static_cast<double>(found->first) != handle) return;
  Storage& storage = *found->second.storage;
  if (--storage.handles == 0) heldBytes_ -= reportedBytes(storage);
  tensors_.erase(found);
}

void Environment::collect(double handle) {
  const int64_t before = heldBytes_;
  release(handle);
  collectedBytes_ += before - heldBytes_;
  if (collectedBytes_ >= reportedStep) reportMemory();
}

/// Made by JavaScript's constructor, which throws where there is no array of that length, or no memory for
/// it: the functions of Node-API end the process.
Napi::Value Environment::typedArray(const char* operation, DType dtype, int64_t elements,
                                    const void* bytes) const {
  const auto size = Napi::Number::New(env_, static_cast<double>(elements));
  Napi::Object array;
  size_t length = 0;
  void* data = nullptr;
  try {
    array = arrayClasses_[static_cast<size_t>(dtype)].New({size});
    napi_get_typedarray_info(env_, array, nullptr, &length, &data, nullptr, nullptr);
  } catch (const Napi::Error&) {
  }
  if (static_cast<int64_t>(length) != elements)
    throw error(std::string(operation) + ": JavaScript gives no " + arrayClassName(dtype) + " of " +
                std::to_string(elements) + " elements; read a slice at a time");
  if (elements > 0) std::memcpy(data, bytes, static_cast<size_t>(elements * itemSize(dtype)));
  return array;
}

void Environment::reportMemory() {
  Napi::MemoryManagement::AdjustExternalMemory(env_, heldBytes_ - reportedBytes_);
  reportedBytes_ = heldBytes_;
  collectedBytes_ = 0;
}

Napi::Error Environment::error(const std::string& message) const {
  if (errorClass_.IsEmpty()) return Napi::Error::New(env_, message);
  return Napi::Error(env_, errorClass_.New({Napi::String::New(env_, message)}));
}

Napi::Value Environment::read(const Tensor& tensor) {
  auto reading = std::make_unique<Reading>(
      Reading{Napi::Promise::Deferred::New(env_), true, tensor.dtype, tensor.elements()});
  return enqueueRead("data", std::move(reading), tensor);
}

Napi::Value Environment::synchronize() {
  auto reading = std::make_unique<Reading>(Reading{Napi::Promise::Deferred::New(env_), false});
  return enqueueRead("synchronize", std::move(reading), Tensor());
}

Napi::Value Environment::enqueueRead(const char* operation, std::unique_ptr<Reading> reading,
                                     const Tensor& tensor) {
  const Napi::Promise promise = reading->deferred.Promise();
  if (++pendingReads_ == 1) napi_ref_threadsafe_function(env_, channel_->function);
  // std::function wants what can be copied, so the two ends share the owner.
  const auto owner = std::make_shared<std::unique_ptr<Reading>>(std::move(reading));
  Command command{};
  command.operation = operation;
  command.reads = storages({tensor});
  command.run = [owner, tensor, channel = channel_] {
    if (tensor) (*owner)->bytes = copyOf(tensor);
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
  if (--self.pendingReads_ == 0) napi_unref_threadsafe_function(env, self.channel_->function);
  // No exception may leave: this is called from C.
  try {
    const Napi::HandleScope scope(env);
    try {
      if (!reading->error.empty()) {
        reading->deferred.Reject(self.error(reading->error).Value());
      } else if (reading->value) {
        reading->deferred.Resolve(
            self.typedArray("data", reading->dtype, reading->elements, reading->bytes.data()));
      } else {
        reading->deferred.Resolve(env.Undefined());
      }
    } catch (const Napi::Error& error) {
      reading->deferred.Reject(error.Value());
    }
  } catch (const Napi::Error&) {
    // The environment is ending and runs no more JavaScript: nobody waits.
  }
}

Napi::Value Environment::readNow(const Tensor& tensor) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable there;
    bool done = false;
    Block bytes;
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
  return typedArray("dataSync", tensor.dtype, tensor.elements(), outcome->bytes.data());
}

}  // namespace striate
