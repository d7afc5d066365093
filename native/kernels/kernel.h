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

/// Index, in the order of dispatch(), of the instruction set that this process uses (runtime/cpu.cc).
int activeIsa();

/// Floats in a vector of that instruction set.
int64_t vectorLanes();

/// Runs a kernel in the instruction set chosen at load.
template <class Kernel>
inline void dispatch(const Kernel& kernel) {
  using Run = void (Kernel::*)() const;
#if defined(__x86_64__) || defined(_M_X64)
  static constexpr Run table[] = {&Kernel::template run<Scalar>, &Kernel::template run<Avx2>,
                                  &Kernel::template run<Avx512>};
#else
  static constexpr Run table[] = {&Kernel::template run<Scalar>, &Kernel::template run<Neon>};
#endif
  (kernel.*table[activeIsa()])();
}

}  // namespace striate
