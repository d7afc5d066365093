// Tensors out of nothing but numbers, and from one type of number to another.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y[i] = first + (from + i)·step; Element is float, int32_t or uint8_t, and holds every value.
template <class Element>
struct Arange {
  double first, step;
  int64_t from;
  Element* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// y[r, c] = 1 where c = indices[r], else 0. Every index is in [0, classes).
struct OneHot {
  const int32_t* indices;
  float* y;
  int64_t rows, classes;
  template <class Vec>
  void run() const;
};

/// y[i] = x[i] as another type: towards zero, then to the nearest that To has; what is no number becomes 0.
template <class From, class To>
struct Cast {
  const From* x;
  To* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

template <class Element>
template <class Vec>
void Arange<Element>::run() const {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Element>(first + static_cast<double>(from + i) * step);
}

template <class Vec>
void OneHot::run() const {
  ::memset(y, 0, static_cast<size_t>(rows * classes) * sizeof(float));
  for (int64_t r = 0; r < rows; ++r) y[r * classes + indices[r]] = 1.0f;
}

// One number cast; overloads chosen by the type of a null pointer. A float is brought into range before it
// becomes whole, where what is out of range would be undefined; the float next below 2³¹ is the largest that
// fits.
template <class Vec>
float castOne(uint8_t x, const float*) {
  return static_cast<float>(x);
}
template <class Vec>
float castOne(int32_t x, const float*) {
  return static_cast<float>(x);
}
template <class Vec>
int32_t castOne(uint8_t x, const int32_t*) {
  return x;
}
template <class Vec>
int32_t castOne(float x, const int32_t*) {
  const float number = x == x ? x : 0.0f;
  const float above = number > -0x1p31f ? number : -0x1p31f;
  const float within = above < 0x1.fffffep30f ? above : 0x1.fffffep30f;
  const int32_t whole = static_cast<int32_t>(within);
  return number >= 0x1p31f ? INT32_MAX : whole;
}
template <class Vec>
uint8_t castOne(int32_t x, const uint8_t*) {
  const int32_t above = x > 0 ? x : 0;
  return static_cast<uint8_t>(above < 255 ? above : 255);
}
template <class Vec>
uint8_t castOne(float x, const uint8_t*) {
  const float above = x > 0.0f ? x : 0.0f;
  return static_cast<uint8_t>(static_cast<int32_t>(above < 255.0f ? above : 255.0f));
}

template <class From, class To>
template <class Vec>
void Cast<From, To>::run() const {
  // In variables of their own: a byte that is stored might else be one of the fields.
  const From* from = x;
  To* to = y;
  const int64_t count = n;
  for (int64_t i = 0; i < count; ++i) to[i] = castOne<Vec>(from[i], static_cast<const To*>(nullptr));
}

template void Arange<float>::run<STRIATE_VEC>() const;
template void Arange<int32_t>::run<STRIATE_VEC>() const;
template void Arange<uint8_t>::run<STRIATE_VEC>() const;
template void OneHot::run<STRIATE_VEC>() const;
template void Cast<float, int32_t>::run<STRIATE_VEC>() const;
template void Cast<float, uint8_t>::run<STRIATE_VEC>() const;
template void Cast<int32_t, float>::run<STRIATE_VEC>() const;
template void Cast<int32_t, uint8_t>::run<STRIATE_VEC>() const;
template void Cast<uint8_t, float>::run<STRIATE_VEC>() const;
template void Cast<uint8_t, int32_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
