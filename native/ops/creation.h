// Tensors made of a value, of indices, of random numbers, and of other types of number.
#pragma once

#include <cfloat>
#include <cmath>
#include <string>

#include "kernels/creation.h"
#include "kernels/random.h"
#include "kernels/stream.h"
#include "ops/copy.h"
#include "ops/indices.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

static_assert(elementGrain % randomGroup == 0, "pieces of random numbers start with a group");

inline Tensor full(Stream& stream, const Shape& shape, double value, DType dtype, bool lasts = false) {
  const ElementBytes element = elementOf("full", value, dtype);
  Tensor y("full", shape, dtype);
  y.storage->lasts = lasts;
  submit(stream, "full", {}, {y}, [=] { fillBlock(y.shape, denseSteps(y.shape), dtype, element, y.raw()); });
  return y;
}

/// first, first + step, … before `end`.
inline Tensor arange(Stream& stream, double first, double end, double step, DType dtype) {
  for (const auto& [name, value] : {std::pair{"start", first}, {"end", end}, {"step", step}})
    if (!std::isfinite(value) || std::abs(value) > FLT_MAX ||
        (dtype != DType::f32 && value != std::trunc(value)))
      throw RangeError(std::string("arange: ") + name + " is " + numberText(value) + ", wants " +
                       (dtype == DType::f32 ? "a finite number" : "a whole number"));
  if (step == 0) throw RangeError("arange: step is 0, wants another number");
  const double length = std::max(0.0, std::ceil((end - first) / step));
  if (length > static_cast<double>(Shape::maxElements))
    throw RangeError("arange: from " + numberText(first) + " to " + numberText(end) + " in steps of " +
                     numberText(step) + " are more than 2^48 elements");
  const auto n = static_cast<int64_t>(length);
  if (n > 0) {
    for (const double value : {first, first + static_cast<double>(n - 1) * step})
      elementOf("arange", value, dtype);
  }
  Tensor y("arange", Shape{n}, dtype);
  submit(stream, "arange", {}, {y}, [=] {
    parallelRanges(n, elementGrain, [&](int64_t from, int64_t to) {
      switch (dtype) {
        case DType::f32:
          return dispatch(Arange<float>{first, step, from, y.f32() + from, to - from});
        case DType::i32:
          return dispatch(Arange<int32_t>{first, step, from, y.i32() + from, to - from});
        case DType::u8:
          return dispatch(Arange<uint8_t>{first, step, from, y.u8() + from, to - from});
      }
    });
  });
  return y;
}

/// y[…, c] = 1 where c = indices[…], else 0. An index out of range is found when the command runs.
inline Tensor oneHot(Stream& stream, const Tensor& indices, int64_t classes) {
  requireType("oneHot", "indices", indices, DType::i32);
  if (indices.shape.rank() == Shape::maxRank)
    throw RangeError("oneHot: indices " + indices.shape.text() +
                     " and classes make 9 axes, a tensor has at most 8");
  Shape shape = indices.shape;
  shape.append(classes);
  Tensor y("oneHot", shape, DType::f32);
  submit(stream, "oneHot", {indices}, {y}, [=] {
    checkIndices(indices, classes);
    parallelRanges(indices.elements(), std::max<int64_t>(1, elementGrain / std::max<int64_t>(1, classes)),
                   [&](int64_t from, int64_t to) {
                     dispatch(OneHot{indices.i32() + from, y.f32() + from * classes, to - from, classes});
                   });
  });
  return y;
}

/// x as another type; another tensor over the same storage where it has that type already.
inline Tensor cast(Stream& stream, const Tensor& x, DType dtype) {
  if (x.dtype == dtype) return x;
  Tensor y("cast", x.shape, dtype);
  submit(stream, "cast", {x}, {y}, [=] {
    parallelRanges(x.elements(), elementGrain, [&](int64_t from, int64_t to) {
      const auto run = [&](const auto* in, auto* out) {
        using From = std::remove_cvref_t<decltype(*in)>;
        using To = std::remove_cvref_t<decltype(*out)>;
        if constexpr (!std::is_same_v<From, To>) dispatch(Cast<From, To>{in + from, out + from, to - from});
      };
      const auto into = [&](const auto* in) {
        switch (dtype) {
          case DType::f32:
            return run(in, y.f32());
          case DType::i32:
            return run(in, y.i32());
          case DType::u8:
            return run(in, y.u8());
        }
      };
      switch (x.dtype) {
        case DType::f32:
          return into(x.f32());
        case DType::i32:
          return into(x.i32());
        case DType::u8:
          return into(x.u8());
      }
    });
  });
  return y;
}

/// A double as an f32. Throws RangeError where it is beyond those.
inline float requireFloat(const char* operation, const char* argument, double value) {
  if (!(std::abs(value) <= FLT_MAX))
    throw RangeError(std::string(operation) + ": " + argument + " is " + numberText(value) +
                     ", wants a number in the range of f32");
  return static_cast<float>(value);
}

/// Uniform in [low, high): also where low and high are no floats, and where the product is rounded up to
/// high. Two equal bounds give just that number.
inline Tensor uniform(Stream& stream, const Shape& shape, double low, double high, RandomStream source) {
  const float from = requireFloat("uniform", "low", low);
  requireFloat("uniform", "high", high);
  if (low > high)
    throw RangeError("uniform: low is " + numberText(low) + " and high is " + numberText(high) +
                     ", wants low below high");
  const float span = requireFloat("uniform", "high - low", high - low);
  float least = from, most = static_cast<float>(high);
  if (least < low) least = std::nextafter(least, HUGE_VALF);
  if (most >= high) most = std::nextafter(most, -HUGE_VALF);
  if (least > most) least = most = from;
  Tensor y("uniform", shape, DType::f32);
  submit(stream, "uniform", {}, {y}, [=] {
    parallelRanges(y.elements(), elementGrain, [&](int64_t begin, int64_t end) {
      dispatch(
          RandomUniform{source, begin / randomGroup, from, span, least, most, y.f32() + begin, end - begin});
    });
  });
  return y;
}

inline Tensor normal(Stream& stream, const Shape& shape, double mean, double deviation, RandomStream source) {
  const float center = requireFloat("normal", "mean", mean),
              scale = requireFloat("normal", "deviation", deviation);
  if (scale < 0) throw RangeError("normal: deviation is " + numberText(deviation) + ", wants at least 0");
  Tensor y("normal", shape, DType::f32);
  submit(stream, "normal", {}, {y}, [=] {
    parallelRanges(y.elements(), elementGrain, [&](int64_t begin, int64_t end) {
      dispatch(RandomNormal{source, begin / randomGroup, center, scale, y.f32() + begin, end - begin});
    });
  });
  return y;
}

/// 0 … n − 1 in random order. By one thread: each place depends on those before it.
inline Tensor permutation(Stream& stream, int64_t n, RandomStream source) {
  Tensor y("permutation", Shape{n}, DType::i32);
  submit(stream, "permutation", {}, {y}, [=] { dispatch(RandomPermutation{source, y.i32(), n}); });
  return y;
}

/// Zeros with the given probability, to a 32nd binary place, and the rest scaled so that the mean stays,
/// where `inverted`; the input itself where nothing is to be dropped. The gradient is the same operation on
/// the gradient.
inline Tensor dropout(Stream& stream, const Tensor& x, double probability, bool training, bool inverted,
                      RandomStream source) {
  requireType("dropout", "input", x, DType::f32);
  if (!(probability >= 0 && probability <= 1))
    throw RangeError("dropout: probability is " + numberText(probability) + ", wants a number from 0 to 1");
  if (probability == 0 || !training) return x;
  Tensor y("dropout", x.shape, DType::f32);
  if (probability == 1) {
    submit(stream, "dropout", {}, {y},
           [=] { fillBlock(y.shape, denseSteps(y.shape), y.dtype, ElementBytes{}, y.raw()); });
    return y;
  }
  const double threshold = std::min(std::round(probability * 0x1p32), 0x1p32 - 1);
  const auto scale = inverted ? static_cast<float>(0x1p32 / (0x1p32 - threshold)) : 1.0f;
  submit(stream, "dropout", {x}, {y}, [=] {
    const bool past = streams(y.bytes());
    parallelRanges(x.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(Dropout{source, from / randomGroup, static_cast<uint32_t>(threshold), scale, x.f32() + from,
                       y.f32() + from, to - from, past});
    });
  });
  return y;
}

}  // namespace striate
