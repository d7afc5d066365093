// A tensor as the native side knows it: a shape over storage that the queue fills.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/moments.h"
#include "runtime/pool.h"
#include "runtime/prepared.h"
#include "runtime/shape.h"

namespace striate {

enum class DType : uint8_t { f32, i32, u8 };

inline int64_t itemSize(DType type) { return type == DType::u8 ? 1 : 4; }

inline const char* dtypeName(DType type) {
  return type == DType::f32 ? "f32" : type == DType::i32 ? "i32" : "u8";
}

/// The two lanes of the queue: see queue.h.
enum class Lane : uint8_t { ordinary, express };

/// Bytes that a command will produce. Memory is taken when that command runs and goes back with the last
/// owner: a tensor in JavaScript, or a command in the queue.
class Storage {
 public:
  enum class State : uint8_t { pending, ready, failed };

  explicit Storage(int64_t bytes) : bytes_(bytes) {}

  int64_t bytes() const { return bytes_; }
  void* data() const { return data_; }

  State state() const { return state_.load(std::memory_order_acquire); }
  /// Why the producing command failed; meaningful in State::failed.
  const std::string& error() const { return error_; }

  void allocate() {
    block_ = Block::take(bytes_, lasts);
    data_ = block_.data();
  }
  /// Takes over the memory of another storage, as large as this one and held by nobody but the command that
  /// runs: that one may still read it there.
  void takeOver(Storage& other) {
    block_ = std::move(other.block_);
    data_ = other.data_;
  }
  // For the compute thread.
  Preparations& preparations() { return preparations_; }
  Moments& moments() { return moments_; }
  /// Forgets what was computed from the values, which change.
  void change() {
    preparations_.clear();
    moments_ = Moments();
  }
  void succeed() { state_.store(State::ready, std::memory_order_release); }
  void fail(std::string error) {
    block_ = Block();
    data_ = nullptr;
    error_ = std::move(error);
    state_.store(State::failed, std::memory_order_release);
  }

  // For the thread of the environment that owns the storage; the compute thread leaves them alone.
  /// The express lane while nothing of the ordinary one has been asked to use it: a read may overtake then.
  Lane lane = Lane::ordinary;
  /// How many tensors JavaScript holds over it.
  int64_t handles = 0;
  /// Whether it is to last from step to step; told before the command that produces it is on the queue.
  bool lasts = false;

 private:
  const int64_t bytes_;
  Block block_;
  void* data_ = nullptr;
  Preparations preparations_;
  Moments moments_;
  std::string error_;
  std::atomic<State> state_{State::pending};
};

struct Tensor {
  std::shared_ptr<Storage> storage;
  Shape shape;
  DType dtype = DType::f32;

  Tensor() = default;
  /// A tensor yet to be produced. Throws RangeError where the shape is no tensor's.
  Tensor(const char* operation, const Shape& shape, DType dtype) : shape(shape), dtype(dtype) {
    shape.check(operation);
    storage = std::make_shared<Storage>(shape.elements() * itemSize(dtype));
  }

  int64_t elements() const { return shape.elements(); }
  int64_t bytes() const { return elements() * itemSize(dtype); }
  float* f32() const { return static_cast<float*>(storage->data()); }
  int32_t* i32() const { return static_cast<int32_t*>(storage->data()); }
  uint8_t* u8() const { return static_cast<uint8_t*>(storage->data()); }
  std::byte* raw() const { return static_cast<std::byte*>(storage->data()); }
  explicit operator bool() const { return storage != nullptr; }
};

}  // namespace striate
