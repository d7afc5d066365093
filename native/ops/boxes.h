// Boxes of images, painted over with a colour or with what other images have there.
#pragma once

#include "kernels/boxes.h"
#include "ops/images.h"
#include "ops/indices.h"

namespace striate {

/// x [N, H, W, C], but the box that row n of `boxes` i32 [N, 4] tells (see Box; what lies beyond the image is
/// left out) has in image n the value `fill` [C].
inline Tensor eraseBoxes(Stream& stream, const Tensor& x, const Tensor& boxes, const Tensor& fill) {
  const char* operation = "eraseBoxes";
  requireFloatImages(operation, "input", x);
  requirePerSample(operation, "boxes", boxes, DType::i32, x.shape[0], 4);
  requireChannels(operation, "fill", fill, x.shape[3]);
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, boxes, fill}, {y}, [=] {
    overImageRows(x.shape, [&](int64_t first, int64_t rows) {
      dispatch(PaintBoxes{x.f32(), reinterpret_cast<const Box*>(boxes.i32()), fill.f32(), nullptr, x.shape[1],
                          x.shape[2], x.shape[3], y.f32(), first, rows});
    });
  });
  return y;
}

/// The same with what image partners[n] of `other` has there, [M, H, W, C].
inline Tensor pasteBoxes(Stream& stream, const Tensor& x, const Tensor& other, const Tensor& boxes,
                         const Tensor& partners) {
  const char* operation = "pasteBoxes";
  requireFloatImages(operation, "input", x);
  requireFloatImages(operation, "other", other);
  requireShape(operation, "other", other, {other.shape[0], x.shape[1], x.shape[2], x.shape[3]});
  requirePerSample(operation, "boxes", boxes, DType::i32, x.shape[0], 4);
  requireType(operation, "partners", partners, DType::i32);
  requireShape(operation, "partners", partners, Shape{x.shape[0]});
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, other, boxes, partners}, {y}, [=] {
    checkIndices(partners, other.shape[0]);
    overImageRows(x.shape, [&](int64_t first, int64_t rows) {
      dispatch(PaintBoxes{x.f32(), reinterpret_cast<const Box*>(boxes.i32()), other.f32(), partners.i32(),
                          x.shape[1], x.shape[2], x.shape[3], y.f32(), first, rows});
    });
  });
  return y;
}

}  // namespace striate
