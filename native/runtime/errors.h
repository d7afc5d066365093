// The errors that native/ops and native/binding throw; native/binding/call.cc makes them JavaScript's.
#pragma once

#include <stdexcept>
#include <string>

namespace striate {

/// An argument of the wrong kind: a string for a tensor, u8 for f32.
struct TypeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// An argument of the right kind and a wrong value: shapes that do not fit, a negative size.
struct RangeError : std::out_of_range {
  using std::out_of_range::out_of_range;
};

/// Everything else: a disposed tensor, memory that cannot be had.
struct StateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace striate
