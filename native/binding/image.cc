#include "binding/call.h"
#include "ops/affine.h"
#include "ops/blur.h"
#include "ops/boxes.h"
#include "ops/color.h"
#include "ops/crop_flip.h"
#include "ops/resized_crop.h"

namespace striate {
namespace {

Beyond beyond(const Call& call, size_t index) {
  const std::string name = call.text(index, "paddingMode");
  if (name == "constant") return Beyond::fill;
  if (name == "edge") return Beyond::edge;
  if (name == "reflect") return Beyond::reflect;
  if (name == "symmetric") return Beyond::symmetric;
  throw RangeError(std::string(call.operation()) + ": paddingMode is '" + name.substr(0, 20) +
                   "', wants 'constant', 'edge', 'reflect' or 'symmetric'");
}

Resampling resampling(const Call& call, size_t index) {
  const std::string name = call.text(index, "interpolation");
  if (name == "nearest") return Resampling::nearest;
  if (name == "bilinear") return Resampling::linear;
  if (name == "bilinear, antialiased") return Resampling::antialiased;
  throw RangeError(std::string(call.operation()) + ": interpolation is '" + name.substr(0, 20) +
                   "', wants 'nearest', 'bilinear' or 'bilinear, antialiased'");
}

Export exports[] = {
    {"cropFlip",
     [](Call& call) {
       const Beyond outside = beyond(call, 4);
       return call.give(cropFlip(call.stream(), call.tensor(0, "images"), call.tensorOrNull(1, "indices"),
                                 call.tensor(2, "windows"), call.integers(3, "size"), outside,
                                 call.tensor(5, "fill"), call.tensorOrNull(6, "mean"),
                                 call.tensorOrNull(7, "std")));
     }},
    {"affine",
     [](Call& call) {
       return call.give(affine(call.stream(), call.tensor(0, "input"), call.tensor(1, "matrices"),
                               call.integers(2, "size"), call.flag(3, "bilinear"),
                               call.tensorOrNull(4, "fill")));
     }},
    {"resizedCrop",
     [](Call& call) {
       const Resampling how = resampling(call, 3);
       return call.give(resizedCrop(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "boxes"),
                                    call.integers(2, "size"), how));
     }},
    {"blur",
     [](Call& call) {
       return call.give(blur(call.stream(), call.tensor(0, "input"), call.tensor(1, "vertical"),
                             call.tensor(2, "horizontal")));
     }},
    {"eraseBoxes",
     [](Call& call) {
       return call.give(eraseBoxes(call.stream(), call.tensor(0, "input"), call.tensor(1, "boxes"),
                                   call.tensor(2, "fill")));
     }},
    {"pasteBoxes",
     [](Call& call) {
       return call.give(pasteBoxes(call.stream(), call.tensor(0, "input"), call.tensor(1, "other"),
                                   call.tensor(2, "boxes"), call.tensor(3, "partners")));
     }},
    {"rgbToHsv",
     [](Call& call) {
       return call.give(hueSaturationValue(call.stream(), "rgbToHsv", call.tensor(0, "input"), false));
     }},
    {"hsvToRgb",
     [](Call& call) {
       return call.give(hueSaturationValue(call.stream(), "hsvToRgb", call.tensor(0, "input"), true));
     }},
    {"adjustColors",
     [](Call& call) {
       return call.give(adjustColors(call.stream(), call.tensor(0, "input"), call.tensor(1, "factors"),
                                     call.tensor(2, "order")));
     }},
};

}  // namespace
}  // namespace striate
