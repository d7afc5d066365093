// The direction of L-BFGS, and products of vectors for its line search.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernels/lbfgs.h"
#include "ops/operation.h"
#include "ops/scale.h"
#include "runtime/parallel.h"

namespace striate {

/// Σ a·b; partial sums are added in double precision.
inline double dotProduct(const float* a, const float* b, int64_t n) {
  std::vector<double> sums(static_cast<size_t>((n + elementGrain - 1) / elementGrain));
  parallelRanges(n, elementGrain, [&](int64_t from, int64_t to) {
    dispatch(Dot{a + from, b + from, to - from, &sums[static_cast<size_t>(from / elementGrain)]});
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

/// y += factor·x
inline void addScaled(const float* x, double factor, float* y, int64_t n) {
  parallelRanges(n, elementGrain, [&](int64_t from, int64_t to) {
    dispatch(AddScaled{x + from, y + from, to - from, static_cast<float>(factor)});
  });
}

inline Tensor dot(Stream& stream, const Tensor& a, const Tensor& b) {
  const char* operation = "dot";
  requireType(operation, "a", a, DType::f32);
  requireRank(operation, "a", a, 1);
  requireType(operation, "b", b, DType::f32);
  requireShape(operation, "b", b, a.shape);
  const Tensor product(operation, {}, DType::f32);
  submit(stream, operation, {a, b}, {product},
         [=] { *product.f32() = static_cast<float>(dotProduct(a.f32(), b.f32(), a.elements())); });
  return product;
}

/// −H·gradient, where H approximates the inverse Hessian by how the gradient has changed (`differences`) with
/// moves of the parameters (`moves`), the oldest first: the two loops of Nocedal (1980), from
/// H₀ = (m·d)/(d·d) of the last pair.
inline Tensor lbfgsDirection(Stream& stream, const Tensor& gradient, const std::vector<Tensor>& differences,
                             const std::vector<Tensor>& moves) {
  const char* operation = "lbfgsDirection";
  requireType(operation, "gradient", gradient, DType::f32);
  requireRank(operation, "gradient", gradient, 1);
  if (differences.size() != moves.size())
    throw RangeError("lbfgsDirection: moves has " + std::to_string(moves.size()) + " tensors, wants " +
                     std::to_string(differences.size()) + ", as many as differences");
  const auto requireVector = [&](const char* list, size_t i, const Tensor& t) {
    const std::string argument = std::string(list) + "[" + std::to_string(i) + "]";
    requireType(operation, argument.c_str(), t, DType::f32);
    requireShape(operation, argument.c_str(), t, gradient.shape);
  };
  for (size_t i = 0; i < moves.size(); ++i) {
    requireVector("differences", i, differences[i]);
    requireVector("moves", i, moves[i]);
  }
  const Tensor direction(operation, gradient.shape, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = {gradient.storage};
  for (const Tensor& t : differences) command.reads.push_back(t.storage);
  for (const Tensor& t : moves) command.reads.push_back(t.storage);
  command.writes = {direction.storage};
  command.run = [=] {
    const int64_t n = gradient.elements();
    const size_t pairs = moves.size();
    float* const q = direction.f32();
    std::fill_n(q, n, 0.0f);
    addScaled(gradient.f32(), -1, q, n);
    std::vector<double> curvatures(pairs), shares(pairs);
    for (size_t i = pairs; i-- > 0;) {
      curvatures[i] = dotProduct(moves[i].f32(), differences[i].f32(), n);
      shares[i] = dotProduct(moves[i].f32(), q, n) / curvatures[i];
      addScaled(differences[i].f32(), -shares[i], q, n);
    }
    if (pairs == 0) return;
    const float* const last = differences[pairs - 1].f32();
    const float scale = static_cast<float>(curvatures[pairs - 1] / dotProduct(last, last, n));
    parallelRanges(n, elementGrain,
                   [&](int64_t from, int64_t to) { scaleBy(&scale, 0, q + from, 1, to - from); });
    for (size_t i = 0; i < pairs; ++i) {
      const double share = dotProduct(differences[i].f32(), q, n) / curvatures[i];
      addScaled(moves[i].f32(), shares[i] - share, q, n);
    }
  };
  stream.enqueue(std::move(command));
  return direction;
}

}  // namespace striate
