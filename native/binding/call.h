// A call from JavaScript: its arguments, checked as they are taken. Nothing past this file sees a JavaScript
// value.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "binding/environment.h"
#include "runtime/shape.h"
#include "runtime/tensor.h"

namespace striate {

class Call {
 public:
  /// Far more than a model has parameters.
  static constexpr uint32_t maxTensors = 1 << 16;
  /// Past it not every number is one of JavaScript's.
  static constexpr int64_t maxInteger = int64_t{1} << 53;

  Call(const Napi::CallbackInfo& info, const char* operation)
      : info_(info), operation_(operation), environment_(Environment::of(info.Env())) {}

  Environment& environment() { return environment_; }
  Stream& stream() { return environment_.stream(); }
  Napi::Env env() const { return info_.Env(); }
  Napi::Value value(size_t index) const { return info_[index]; }
  const char* operation() const { return operation_; }

  /// The number that a tensor goes by, whether or not there is such a tensor.
  double handle(size_t index, const char* argument) const;
  Tensor tensor(size_t index, const char* argument) const;
  /// No tensor where JavaScript gives null.
  Tensor tensorOrNull(size_t index, const char* argument) const;
  /// `handles`, where given, takes the numbers that they go by: elements can be read once only.
  std::vector<Tensor> tensors(size_t index, const char* argument,
                              std::vector<double>* handles = nullptr) const;
  /// The same, where JavaScript gives them up: the handles are disposed.
  Tensor taken(size_t index, const char* argument) const;
  std::vector<Tensor> allTaken(size_t index, const char* argument) const;
  /// A whole number in [least, most].
  int64_t integer(size_t index, const char* argument, int64_t least, int64_t most) const;
  int size(size_t index, const char* argument) const {
    return static_cast<int>(integer(index, argument, 1, INT32_MAX));
  }
  /// Any number but NaN.
  double number(size_t index, const char* argument) const;
  bool flag(size_t index, const char* argument) const;
  DType dtype(size_t index, const char* argument) const;
  std::string text(size_t index, const char* argument) const;
  /// Whole numbers in [least, most].
  std::vector<int64_t> integers(size_t index, const char* argument, int64_t least = -maxInteger,
                                int64_t most = maxInteger, uint32_t maxLength = 64) const;
  Shape shape(size_t index, const char* argument) const;

  Napi::Value give(Tensor tensor) {
    return Napi::Number::New(info_.Env(), environment_.add(std::move(tensor)));
  }
  /// A list, with null for no tensor.
  Napi::Value give(std::vector<Tensor> tensors);
  Napi::Value nothing() const { return info_.Env().Undefined(); }

 private:
  /// An argument or an element of one, whose name is made where it is told: most are right.
  struct Argument {
    const char* list;
    int64_t element = -1;
    std::string name() const;
  };
  std::string what(const char* argument) const { return std::string(operation_) + ": " + argument; }
  [[noreturn]] void refuse(size_t index, const char* argument, const char* wanted) const;
  int64_t whole(const Napi::Value& value, const Argument& argument, int64_t least, int64_t most) const;

  const Napi::CallbackInfo& info_;
  const char* operation_;
  Environment& environment_;
};

/// A function of binding.d.ts. Static objects of this class, one in each place that defines one, are the
/// addon's exports.
class Export {
 public:
  using Body = Napi::Value (*)(Call& call);
  Export(const char* name, Body body);

  static void all(Napi::Env env, Napi::Object exports);

 private:
  static Napi::Value invoke(const Napi::CallbackInfo& info);

  const char* name_;
  Body body_;
  Export* next_;
};

}  // namespace striate
