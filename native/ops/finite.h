// What stops the work that depends on a number that is none.
#pragma once

#include <cmath>

#include "ops/operation.h"

namespace striate {

/// A scalar, `value`. Fails, and with it all that depends on it, where `input`, which has one element, is not
/// finite, or where `previous`, which may be none, has failed.
inline Tensor whenFinite(Stream& stream, const Tensor& input, double value, const Tensor& previous) {
  const char* operation = "whenFinite";
  requireType(operation, "input", input, DType::f32);
  if (input.elements() != 1)
    throw RangeError("whenFinite: input " + input.shape.text() + " has " + std::to_string(input.elements()) +
                     " elements, wants 1");
  Tensor y(operation, input.shape, DType::f32);
  submit(stream, operation, {input, previous}, {y}, [=] {
    if (!std::isfinite(*input.f32())) throw StateError("input is not finite");
    *y.f32() = static_cast<float>(value);
  });
  return y;
}

}  // namespace striate
