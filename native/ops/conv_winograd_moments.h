// The moments of a convolution's outputs, gathered from Winograd's tiles.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/moments.h"
#include "ops/conv_winograd_grid.h"
#include "runtime/moments.h"

namespace striate {

/// Room for those of each `atOnce` tiles of m × m outputs; none with a dilation, or where `to` is null.
class WinogradMoments {
 public:
  WinogradMoments(Moments* to, const WinogradGrid& grid, int64_t m, int64_t height, int64_t width,
                  int64_t outputs, int64_t atOnce)
      : atOnce_(atOnce) {
    if (!to || grid.dilation != 1) return;
    std::vector<int64_t> rows;
    for (int64_t first = 0; first < grid.count; first += atOnce) {
      int64_t& count = rows.emplace_back(0);
      for (int64_t tile = first; tile < std::min(first + atOnce, grid.count); ++tile) {
        const int64_t row = tile / grid.columns % grid.rows, column = tile % grid.columns;
        count += std::min(m, height - row * m) * std::min(m, width - column * m);
      }
    }
    sums_ = to->add(rows, outputs);
    step_ = to->step();
  }

  /// For the tiles from `first` on and outputs from `column` on.
  GatheredMoments of(int64_t first, int64_t column) const {
    return GatheredMoments{sums_ ? sums_ + first / atOnce_ * 3 * step_ : nullptr, step_}.from(column);
  }

 private:
  float* sums_ = nullptr;
  int64_t atOnce_, step_ = 0;
};

}  // namespace striate
