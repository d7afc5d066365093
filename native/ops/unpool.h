// Places that max pooling found, and its partial inverse, which puts values back there.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/unpool.h"
#include "ops/indices.h"
#include "ops/pool.h"

namespace striate {

/// An image whose pixels are counted in 32 bits.
inline void requirePixels(const char* operation, const char* argument, const Shape& shape) {
  if (shape[1] > 0 && shape[2] > INT32_MAX / shape[1])
    throw RangeError(std::string(operation) + ": " + argument + " " + shape.text() +
                     " has more than 2^31 - 1 pixels");
}

/// From maxPool2d's indices, the places in the image, row·width + column.
inline Tensor maxPool2dPlaces(Stream& stream, const Tensor& indices, const Shape& inputShape,
                              const PoolOptions& options) {
  const char* operation = "maxPool2dPlaces";
  if (inputShape.rank() != 4)
    throw RangeError(std::string(operation) + ": inputShape " + inputShape.text() + " has " +
                     std::to_string(inputShape.rank()) + " axes, wants 4");
  const PoolWindows w = poolWindows(operation, inputShape, options);
  requirePixels(operation, "inputShape", inputShape);
  requireType(operation, "indices", indices, smallIndices(w) ? DType::u8 : DType::i32);
  requireShape(operation, "indices", indices, pooledShape(inputShape, w));
  const Tensor places(operation, indices.shape, DType::i32);
  submit(stream, operation, {indices}, {places}, [=] {
    overPoolRows(w, inputShape[0], w.vertical.output, [&](int64_t first, int64_t rows) {
      if (indices.dtype == DType::u8)
        dispatch(PoolPlaces<uint8_t>{w, indices.u8(), places.i32(), first, rows});
      else
        dispatch(PoolPlaces<int32_t>{w, indices.i32(), places.i32(), first, rows});
    });
  });
  return places;
}

/// Calls work(image, fromChannel, toChannel) in parallel.
template <class Work>
void overImageChannels(const Shape& shape, const Work& work) {
  constexpr int64_t channelsAtOnce = 128;
  const int64_t channels = shape[3], cuts = (channels + channelsAtOnce - 1) / channelsAtOnce;
  parallelFor(shape[0] * cuts, [&](int64_t piece) {
    const int64_t from = piece % cuts * channelsAtOnce;
    work(piece / cuts, from, std::min(from + channelsAtOnce, channels));
  });
}

/// Places of x, in images of so many pixels.
inline void requirePlaces(const char* operation, const Tensor& places, const Shape& wanted) {
  requireType(operation, "indices", places, DType::i32);
  requireShape(operation, "indices", places, wanted);
}

/// Zeros of [N, height, width, C] but for x at its places.
inline Tensor maxUnpool2d(Stream& stream, const Tensor& x, const Tensor& places,
                          const std::vector<int64_t>& outputSize) {
  const char* operation = "maxUnpool2d";
  requireType(operation, "input", x, DType::f32);
  requireRank(operation, "input", x, 4);
  requirePlaces(operation, places, x.shape);
  if (outputSize.size() != 2)
    throw RangeError("maxUnpool2d: outputSize has " + std::to_string(outputSize.size()) +
                     " numbers, wants 2");
  for (const int64_t size : outputSize)
    if (size < 1 || size > INT32_MAX)
      throw RangeError("maxUnpool2d: outputSize is " + std::to_string(size) +
                       ", wants a whole number from 1 to " + std::to_string(INT32_MAX));
  const Shape shape{x.shape[0], outputSize[0], outputSize[1], x.shape[3]};
  const Tensor y(operation, shape, DType::f32);
  requirePixels(operation, "the output", shape);
  submit(stream, operation, {x, places}, {y}, [=] {
    const int64_t inputs = x.shape[1] * x.shape[2], outputs = shape[1] * shape[2];
    checkIndices(places, outputs);
    overImageChannels(shape, [&](int64_t image, int64_t from, int64_t to) {
      dispatch(MaxUnpool{x.f32(), places.i32(), y.f32(), inputs, outputs, shape[3], image, from, to});
    });
  });
  return y;
}

inline Tensor maxUnpool2dBackward(Stream& stream, const Tensor& gradient, const Tensor& places) {
  const char* operation = "maxUnpool2dBackward";
  requireType(operation, "gradient", gradient, DType::f32);
  requireRank(operation, "gradient", gradient, 4);
  requireRank(operation, "indices", places, 4);
  const Shape& shape = gradient.shape;
  requirePlaces(operation, places, {shape[0], places.shape[1], places.shape[2], shape[3]});
  requirePixels(operation, "gradient", shape);
  const Tensor dx(operation, places.shape, DType::f32);
  submit(stream, operation, {gradient, places}, {dx}, [=] {
    const int64_t inputs = places.shape[1] * places.shape[2], outputs = gradient.shape[1] * gradient.shape[2];
    checkIndices(places, outputs);
    overImageChannels(gradient.shape, [&](int64_t image, int64_t from, int64_t to) {
      dispatch(MaxUnpoolBackward{gradient.f32(), places.i32(), dx.f32(), inputs, outputs, gradient.shape[3],
                                 image, from, to});
    });
  });
  return dx;
}

}  // namespace striate
