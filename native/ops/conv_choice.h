// Which algorithm computes a pass of a convolution: a model of what each costs.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "ops/conv_depthwise.h"
#include "ops/conv_narrow.h"
#include "ops/conv_phases.h"
#include "ops/conv_polyphase.h"
#include "ops/conv_polyphase_by_input.h"
#include "ops/conv_scatter.h"
#include "ops/conv_shape.h"
#include "ops/conv_winograd.h"
#include "runtime/cpu.h"

namespace striate {

enum class ConvPass : uint8_t { forward, byInput, byWeight };
enum class ConvAlgorithm : uint8_t {
  direct,
  depthwise,
  narrow,
  phases,
  polyphase,
  scatter,
  winograd2,
  winograd4
};

struct ConvPlan {
  ConvAlgorithm algorithm;
  double milliseconds;  ///< by the model; only their ratios count
};

inline const char* algorithmName(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::depthwise:
      return "depthwise";
    case ConvAlgorithm::narrow:
      return "narrow";
    case ConvAlgorithm::phases:
      return "phases";
    case ConvAlgorithm::polyphase:
      return "polyphase";
    case ConvAlgorithm::scatter:
      return "scatter";
    case ConvAlgorithm::winograd2:
      return "winograd2";
    case ConvAlgorithm::winograd4:
      return "winograd4";
    default:
      return "direct";
  }
}

/// The model: vector multiply-adds at the share of the peak that each algorithm reaches, and vector
/// operations of the transforms at the rate that loads and stores leave them. A core does two multiply-adds a
/// cycle, at 3 GHz.
struct ConvCost {
  const ConvPass pass;
  const ConvShape& s;
  const double lanes = static_cast<double>(vectorLanes());

  double milliseconds(ConvAlgorithm algorithm) const {
    const double cycles = algorithm == ConvAlgorithm::direct      ? direct()
                          : algorithm == ConvAlgorithm::depthwise ? depthwise()
                          : algorithm == ConvAlgorithm::narrow    ? narrow()
                          : algorithm == ConvAlgorithm::phases    ? phases()
                          : algorithm == ConvAlgorithm::polyphase ? polyphase()
                          : algorithm == ConvAlgorithm::scatter   ? scatter()
                          : algorithm == ConvAlgorithm::winograd2 ? winograd(2)
                                                                  : winograd(4);
    return cycles / (3e6 * threads());
  }

 private:
  double vectors(int64_t n) const { return std::ceil(static_cast<double>(n) / lanes); }

  double direct() const {
    constexpr double packCycles = 30;
    const int64_t channels = s.channels / s.groups, outputs = s.outputs / s.groups;
    const double across = pass == ConvPass::byInput ? vectors(channels) : vectors(outputs);
    const double depth = static_cast<double>(pass == ConvPass::byInput ? outputs : channels);
    const double weights = static_cast<double>(s.kernelHeight * s.kernelWidth * s.groups) * across * depth;
    const double points = static_cast<double>(s.images * s.outHeight * s.outWidth);
    const double share = directShare(across);
    return weights * (points / (2 * share) + (pass == ConvPass::byWeight ? 0 : packCycles));
  }

  /// With one vector of results each value that is loaded serves one multiply-add; by weights, where rows and
  /// columns may change places, it need not be so. A group's channels are picked from between the others';
  /// few of them leave little to a tile's rows.
  double directShare(double across) const {
    constexpr int64_t few = 16;
    const double share = across > 1 ? 0.85 : 0.6;
    if (s.groups == 1) return pass == ConvPass::byWeight ? 0.85 : share;
    if (pass == ConvPass::byWeight && s.channels < few * s.groups) return 0.22;
    return share * (s.moves.strideWidth > 1 ? 0.65 : 1);
  }

  double depthwise() const {
    // With a stride neighbouring taps look at columns of their own.
    const double share = s.moves.strideWidth == 1 ? 0.75 : pass == ConvPass::byWeight ? 0.35 : 0.45;
    const bool back = pass == ConvPass::byInput;
    const int64_t depth = (back ? s.outputs : s.channels) / s.groups;
    return static_cast<double>(s.images * s.outHeight * s.outWidth * s.kernelHeight * s.kernelWidth) *
           static_cast<double>(depth) * vectors(back ? s.channels : s.outputs) / (2 * share);
  }

  double narrow() const {
    // Several channels are picked from between each other.
    const double share = s.channels == 1 ? 0.5 : 0.25;
    return static_cast<double>(s.images * s.outHeight) * vectors(s.outWidth * s.outputs) *
           static_cast<double>(s.kernelHeight * s.kernelWidth * s.channels) / (2 * share);
  }

  double scatter() const {
    constexpr double share = 0.75, addCycles = 3;
    const double across = static_cast<double>(s.images * s.outWidth) * vectors(s.kernelWidth * s.channels);
    const double sums = across * static_cast<double>(s.outHeight * s.kernelHeight * s.outputs) / (2 * share);
    return sums + across * static_cast<double>(s.height) * addCycles;
  }

  double winograd(int64_t m) const {
    const bool back = pass == ConvPass::byInput;
    const int64_t height = back ? s.height : s.outHeight, width = back ? s.width : s.outWidth;
    const auto gridOf = m == 4                ? WinogradGrid::of<4, 3>
                        : m == 3              ? WinogradGrid::of<3, 4>
                        : s.kernelHeight == 3 ? WinogradGrid::of<2, 3>
                                              : WinogradGrid::of<2, 5>;
    const int64_t dilation = s.moves.dilationHeight, images = s.images * dilation * dilation;
    const WinogradGrid grid = gridOf(s.images, height, width, dilation);
    const int64_t side = m + s.kernelHeight - 1, spared = m - grid.edge;
    const double places =
        static_cast<double>(images * (grid.rows * side - spared) * (grid.columns * side - spared));
    return minimal(places, places * (vectors(s.channels) + vectors(s.outputs)), side * side);
  }

  double phases() const {
    constexpr double copyCycles = 3;
    const ConvShape of = phaseShape(s);
    const double pixels = static_cast<double>(of.images * of.height * of.width * s.moves.strideHeight);
    return ConvCost{pass, of}.winograd(of.kernelHeight == 3 ? 4 : 3) +
           pixels * vectors(s.moves.strideHeight * s.channels) * copyCycles;
  }

  double polyphase() const {
    const bool back = pass == ConvPass::byInput;
    const int64_t height = back ? PolyphaseSide(s.height, s.moves.top).pairs : s.outHeight;
    const int64_t width = back ? PolyphaseSide(s.width, s.moves.left).pairs : s.outWidth;
    const WinogradGrid grid = WinogradGrid::of<Polyphase::m, 2>(s.images, height, width);
    const int64_t spared = Polyphase::m - grid.edge;
    const auto of = [&](int64_t side, int64_t less) {
      return static_cast<double>(s.images * (grid.rows * side - less) * (grid.columns * side - less));
    };
    const double places = of(2 * Polyphase::m + 1, 2 * spared), points = of(Polyphase::n, spared);
    return minimal(places, places * vectors(s.channels) + points * vectors(s.outputs), Polyphase::planes);
  }

  /// Winograd's: `places` products of channels and outputs, and so many vectors of values transformed.
  double minimal(double places, double transformed, int64_t planes) const {
    // To begin and end a sum costs as much as some steps of it.
    constexpr double share = 0.7, steps = 6, transformCycles = 4, weightCycles = 12;
    const bool back = pass == ConvPass::byInput;
    const int64_t in = back ? s.outputs : s.channels, out = back ? s.channels : s.outputs;
    // By weights, rows of the register tiles are channels.
    const double sums = static_cast<double>(pass == ConvPass::byWeight ? roundUp(in, 12) : in);
    const double products = places * (sums + steps) * vectors(out) / (2 * share);
    const double weights = static_cast<double>(planes * in) * vectors(out) * weightCycles;
    return products + transformed * transformCycles + weights;
  }
};

/// Those that can compute it, the cheapest first.
inline std::vector<ConvPlan> convPlans(ConvPass pass, const ConvShape& s) {
  const ConvCost cost{pass, s};
  std::vector<ConvPlan> plans;
  const auto add = [&](ConvAlgorithm algorithm) {
    plans.push_back({algorithm, cost.milliseconds(algorithm)});
  };
  add(ConvAlgorithm::direct);
  if (depthwiseSuits(s)) add(ConvAlgorithm::depthwise);
  if (pass == ConvPass::byInput && scatterSuits(s)) add(ConvAlgorithm::scatter);
  if (pass != ConvPass::byInput && narrowSuits(s)) add(ConvAlgorithm::narrow);
  if (pass != ConvPass::byInput && phasesSuit(s)) add(ConvAlgorithm::phases);
  if (polyphaseSuits(s)) add(ConvAlgorithm::polyphase);
  if (winogradSuits(s)) {
    add(ConvAlgorithm::winograd2);
    if (s.kernelHeight == 3) add(ConvAlgorithm::winograd4);
  }
  std::stable_sort(plans.begin(), plans.end(),
                   [](const ConvPlan& a, const ConvPlan& b) { return a.milliseconds < b.milliseconds; });
  return plans;
}

/// The algorithm of that name, or the cheapest for 'auto'. Throws RangeError where there is none such, or it
/// cannot compute this.
inline ConvAlgorithm chooseAlgorithm(const char* operation, ConvPass pass, const ConvShape& s,
                                     const std::string& name) {
  const std::vector<ConvPlan> plans = convPlans(pass, s);
  if (name == "auto") return plans.front().algorithm;
  std::string able = "'auto'";
  for (const ConvPlan& plan : plans) {
    if (name == algorithmName(plan.algorithm)) return plan.algorithm;
    able += std::string(", '") + algorithmName(plan.algorithm) + "'";
  }
  throw RangeError(std::string(operation) + ": algorithm is " +
                   (name.size() > 20 ? "a long string" : "'" + name + "'") + ", wants one of " + able +
                   " for this shape");
}

}  // namespace striate
