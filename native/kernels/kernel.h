// How a kernel is declared, compiled and called.
//
// A kernel is a struct: its fields are its arguments, run<Vec>() its arithmetic, written once against a
// vocabulary of native/simd. Its header has two parts. The first, the struct, is all that native/ops sees.
// The second, guarded by STRIATE_VEC, is compiled once per instruction set and ends with the explicit
// instantiation for that one.
#pragma once

#include <cstdint>

namespace striate {

struct Scalar;
struct Avx2;
struct Avx512;
struct Neon;

/// The instruction sets that kernels are compiled for, as CMakeLists.txt lists them: each does all that those
/// before it do.
template <class... Vecs>
struct IsaList {};
using Isas = IsaList<STRIATE_ISAS>;

/// Index among them of the one that this process uses (runtime/cpu.cc).
int activeIsa();

/// Floats in a vector of that instruction set.
int64_t vectorLanes();

template <class Kernel, class... Vecs>
inline void dispatch(const Kernel& kernel, IsaList<Vecs...>) {
  using Run = void (Kernel::*)() const;
  static constexpr Run table[] = {&Kernel::template run<Vecs>...};
  (kernel.*table[activeIsa()])();
}

/// Runs a kernel in the instruction set chosen at load.
template <class Kernel>
inline void dispatch(const Kernel& kernel) {
  dispatch(kernel, Isas{});
}

}  // namespace striate
