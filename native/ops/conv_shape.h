// The sizes of a convolution.
#pragma once

#include <cstdint>
#include <string>

#include "ops/operation.h"

namespace striate {

/// How a window moves over an image.
struct WindowMoves {
  int64_t strideHeight, strideWidth;
  int64_t top, bottom, left, right;  ///< zeros around the image
  int64_t dilationHeight, dilationWidth;
};

/// Places that a kernel may have.
constexpr int64_t maxKernelPlaces = int64_t{1} << 24;

/// A convolution's sizes, checked.
struct ConvShape {
  int64_t images, height, width, channels;
  int64_t kernelHeight, kernelWidth, outputs;
  int64_t outHeight, outWidth;
  int64_t groups;
  WindowMoves moves;

  ConvShape(const char* operation, const Shape& input, const Shape& weight, const WindowMoves& moves,
            int64_t groups)
      : groups(groups), moves(moves) {
    const std::string name = operation;
    if (input.rank() != 4) throw RangeError(name + ": input " + input.text() + " wants 4 axes, [N, H, W, C]");
    if (weight.rank() != 4)
      throw RangeError(name + ": weight " + weight.text() + " wants 4 axes, [KH, KW, C/groups, K]");
    // Sizes below 2^31 keep every product of two of them in 64 bits.
    for (const Shape& shape : {input, weight})
      for (int axis = 0; axis < 4; ++axis)
        if (shape[axis] > INT32_MAX) throw RangeError(name + ": shape " + shape.text() + " is too large");
    images = input[0], height = input[1], width = input[2], channels = input[3];
    kernelHeight = weight[0], kernelWidth = weight[1], outputs = weight[3];
    if (kernelHeight < 1 || kernelWidth < 1)
      throw RangeError(name + ": weight " + weight.text() + " wants a kernel of at least 1 by 1");
    // A weight without elements may have any; each place is listed.
    if (kernelHeight > maxKernelPlaces / kernelWidth)
      throw RangeError(name + ": the kernel of weight " + weight.text() + " has more than 2^24 places");
    if (channels % groups != 0 || outputs % groups != 0)
      throw RangeError(name + ": groups is " + std::to_string(groups) + ", wants a divisor of the input's " +
                       std::to_string(channels) + " channels and of the weight's " + std::to_string(outputs));
    if (weight[2] != channels / groups)
      throw RangeError(name + ": input has " + std::to_string(channels) + " channels, weight " +
                       weight.text() + " wants " + std::to_string(weight[2] * groups));
    outHeight = extent(name, "height", height + moves.top + moves.bottom, kernelHeight, moves.dilationHeight,
                       moves.strideHeight);
    outWidth = extent(name, "width", width + moves.left + moves.right, kernelWidth, moves.dilationWidth,
                      moves.strideWidth);
  }

  Shape out() const { return {images, outHeight, outWidth, outputs}; }
  int64_t weightElements() const { return kernelHeight * kernelWidth * (channels / groups) * outputs; }

 private:
  static int64_t extent(const std::string& name, const char* side, int64_t padded, int64_t kernel,
                        int64_t dilation, int64_t stride) {
    const int64_t reach = dilation * (kernel - 1) + 1;
    if (padded < reach)
      throw RangeError(name + ": the kernel reaches over " + std::to_string(reach) +
                       " of the input's padded " + side + " of " + std::to_string(padded));
    return (padded - reach) / stride + 1;
  }
};

}  // namespace striate
