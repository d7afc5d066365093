// Windows of images, padded, mirrored, standardized.
#pragma once

#include "kernels/crop_flip.h"
#include "ops/images.h"
#include "ops/indices.h"

namespace striate {

/// Windows [N, size[0], size[1], C] of images [M, H, W, C], which are f32, or u8 for values of x/255. Window
/// n is of image indices[n], or of image n, and row n of `windows` tells where: i32 [N, 4], see Window.
/// `fill` [C] are values beyond the image, where those are asked for. With a mean [C] and a deviation [C]
/// all values, also those beyond, become (value − mean)/deviation.
inline Tensor cropFlip(Stream& stream, const Tensor& images, const Tensor& indices, const Tensor& windows,
                       const std::vector<int64_t>& size, Beyond beyond, const Tensor& fill,
                       const Tensor& mean, const Tensor& deviation) {
  const char* operation = "cropFlip";
  const bool bytes = images.dtype == DType::u8;
  if (!bytes) requireType(operation, "images", images, DType::f32);
  requireImages(operation, "images", images);
  requireSize(operation, size);
  const int64_t channels = images.shape[3];
  int64_t samples = images.shape[0];
  if (indices) {
    requireType(operation, "indices", indices, DType::i32);
    requireRank(operation, "indices", indices, 1);
    samples = indices.shape[0];
  }
  requirePerSample(operation, "windows", windows, DType::i32, samples, 4);
  requireChannels(operation, "fill", fill, channels);
  if (static_cast<bool>(mean) != static_cast<bool>(deviation))
    throw TypeError("cropFlip: wants both of mean and std, or none");
  if (mean) {
    requireChannels(operation, "mean", mean, channels);
    requireChannels(operation, "std", deviation, channels);
  }
  const Tensor y(operation, {samples, size[0], size[1], channels}, DType::f32);
  submit(stream, operation, {images, indices, windows, fill, mean, deviation}, {y}, [=] {
    if (indices) checkIndices(indices, images.shape[0]);
    if (y.elements() == 0) return;
    Block factors, means, fills = repeatChannels(fill.f32(), channels, size[1]);
    if (mean) {
      means = repeatChannels(mean.f32(), channels, size[1]);
      factors = repeatChannels(deviation.f32(), channels, size[1]);
      for (int64_t i = 0; i < size[1] * channels; ++i) {
        float& factor = factors.floats()[i];
        factor = 1.0f / factor;
        float& value = fills.floats()[i];
        value = (value - means.floats()[i]) * factor;
      }
    }
    const auto* places = reinterpret_cast<const Window*>(windows.i32());
    const int32_t* numbers = indices ? indices.i32() : nullptr;
    overImageRows(y.shape, [&](int64_t first, int64_t rows) {
      const auto run = [&](const auto* from, float unit) {
        using Element = std::remove_cvref_t<decltype(*from)>;
        dispatch(CropFlip<Element>{from, numbers, places, images.shape[1], images.shape[2], channels, size[0],
                                   size[1], beyond, unit, fills.floats(), means.floats(), factors.floats(),
                                   y.f32(), first, rows});
      };
      if (bytes) {
        run(images.u8(), static_cast<float>(1.0 / 255));
      } else {
        run(images.f32(), 1.0f);
      }
    });
  });
  return y;
}

}  // namespace striate
