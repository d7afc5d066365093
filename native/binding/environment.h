// One Node environment (the main thread or a Worker): the tensors that its JavaScript holds, its stream, and
// the way back from the compute thread.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "runtime/queue.h"
#include "runtime/tensor.h"

namespace striate {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Stream& stream() { return *stream_; }

  // Handles. A handle is a number that is never used twice in the process, so that a stale one, or one of
  // another environment, is told from a live one.
  double add(Tensor tensor);
  /// Null where the handle is no live tensor of this environment.
  const Tensor* findIfAlive(double handle) const;
  /// Throws StateError there.
  const Tensor& find(double handle, const char* operation, const char* argument) const;
  void release(double handle);
  /// Releases what the program has lost and the garbage collector found.
  void collect(double handle);
  int64_t liveTensors() const { return static_cast<int64_t>(tensors_.size()); }

  // Reads. The promise settles, the call returns, at the tensor's place in the queue.
  Napi::Value read(const Tensor& tensor);
  Napi::Value readNow(const Tensor& tensor);
  /// Resolves to undefined when all that was enqueued before has run.
  Napi::Value synchronize();

  void setErrorClass(Napi::Function errorClass) { errorClass_ = Napi::Persistent(errorClass); }
  /// A StriateError for JavaScript.
  Napi::Error error(const std::string& message) const;

 private:
  struct Channel;
  struct Reading;

  Napi::Value enqueueRead(const char* operation, std::unique_ptr<Reading> reading, const Tensor& tensor);
  static void settle(napi_env env, napi_value, void* context, void* data);
  static void cleanUp(void* environment);
  Napi::Value typedArray(const char* operation, DType dtype, int64_t elements, const void* bytes) const;
  /// Tells V8 what is held.
  void reportMemory();

  Napi::Env env_;
  const uint64_t ordinal_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Channel> channel_;
  std::unordered_map<uint64_t, Tensor> tensors_;
  Napi::FunctionReference errorClass_;
  Napi::FunctionReference arrayClasses_[3];  // by DType
  int64_t pendingReads_ = 0;
  int64_t heldBytes_ = 0, reportedBytes_ = 0;
  int64_t collectedBytes_ = 0;  ///< since the last report
};

}  // namespace striate
