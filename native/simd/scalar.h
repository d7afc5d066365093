// One lane: the vocabulary on a machine without vector instructions, and the plainest reading of the kernels.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace striate {

struct Scalar {
  static constexpr int size = 1;
  /// Pixels of a register tile for 1, 2 and 4 vectors of columns (see kernels/matmul_tile.h).
  static constexpr int tileRows[3] = {8, 4, 4};
  using Mask = bool;
  /// Lanes of 64 bits, for random numbers.
  struct Words {
    static constexpr int size = 1;
    uint64_t w;

    static Words broadcast(uint64_t x) { return {x}; }
    /// x, x + 2, x + 4, …
    static Words everyOther(uint64_t x) { return {x}; }
    /// Of the low halves.
    friend Words product(Words a, Words b) { return {(a.w & 0xffffffffu) * (b.w & 0xffffffffu)}; }
    friend Words high(Words a) { return {a.w >> 32}; }
    friend Words exclusiveOr(Words a, Words b, Words c) { return {a.w ^ b.w ^ c.w}; }
    /// The low halves of both: the first of a, the first of b, the second of a, …
    static void storeInTurns(Words a, Words b, uint32_t* p) {
      p[0] = static_cast<uint32_t>(a.w);
      p[1] = static_cast<uint32_t>(b.w);
    }
  };
  struct Places {};

  float v;

  static Scalar broadcast(float x) { return {x}; }
  static Scalar load(const float* p) { return {*p}; }
  static Scalar loadPartial(const float*, int) { return {0.0f}; }
  void store(float* p) const { *p = v; }
  /// Past the caches, to an address that is a multiple of the vector's size; fence() comes before another
  /// thread may read it.
  void stream(float* p) const { store(p); }
  static void fence() {}
  void storePartial(float*, int) const {}

  friend Scalar operator+(Scalar a, Scalar b) { return {a.v + b.v}; }
  friend Scalar operator-(Scalar a, Scalar b) { return {a.v - b.v}; }
  friend Scalar operator*(Scalar a, Scalar b) { return {a.v * b.v}; }
  friend Scalar operator/(Scalar a, Scalar b) { return {a.v / b.v}; }
  /// a·b + c; rounded twice here, since a fused one would be a call into the C library.
  friend Scalar fma(Scalar a, Scalar b, Scalar c) { return {a.v * b.v + c.v}; }
  /// The second operand where either is not a number.
  friend Scalar max(Scalar a, Scalar b) { return {a.v > b.v ? a.v : b.v}; }
  friend Scalar min(Scalar a, Scalar b) { return {a.v < b.v ? a.v : b.v}; }
  friend Scalar sqrt(Scalar a) { return {::sqrtf(a.v)}; }
  friend Scalar abs(Scalar a) { return {a.v < 0 ? -a.v : (a.v == 0 ? 0.0f : a.v)}; }
  friend Scalar round(Scalar a) { return {::nearbyintf(a.v)}; }
  /// 2ⁿ for integral n in [−126, 127].
  friend Scalar exp2Integral(Scalar n) {
    const int32_t bits = (static_cast<int32_t>(n.v) + 127) << 23;
    float power;
    ::memcpy(&power, &bits, sizeof power);
    return {power};
  }
  friend Mask operator<(Scalar a, Scalar b) { return a.v < b.v; }
  friend Mask operator<=(Scalar a, Scalar b) { return a.v <= b.v; }
  friend Mask operator==(Scalar a, Scalar b) { return a.v == b.v; }
  /// By bits: which way a branch goes may be anyone's guess.
  friend Scalar select(Mask m, Scalar a, Scalar b) {
    uint32_t first, second;
    ::memcpy(&first, &a, sizeof first);
    ::memcpy(&second, &b, sizeof second);
    const uint32_t mask = m ? ~0u : 0u, bits = (first & mask) | (second & ~mask);
    ::memcpy(&a, &bits, sizeof bits);
    return a;
  }
  static Places places(const int32_t*) { return {}; }
  /// Lane i of the result is lane places[i] of a.
  friend Scalar permute(Scalar a, Places) { return a; }
  /// Every other block of `span` lanes changes places: the second ones of a with the first ones of b.
  template <int span>
  static void exchange(Scalar&, Scalar&) {}
  float sum() const { return v; }
  float maximum() const { return v; }
  /// Which of the bytes from p on, one a lane, have this value.
  static Mask bytesEqual(const uint8_t* p, uint8_t value) { return *p == value; }
  /// Which of the words from p on, one a lane, are less than a bound.
  static Mask wordsBelow(const uint32_t* p, uint32_t bound) { return *p < bound; }
  /// Whole numbers from 0 to 255 as bytes.
  void storeBytes(uint8_t* p) const { *p = static_cast<uint8_t>(v); }
  /// A mask in memory: so many bytes.
  static constexpr int maskBytes = 1;
  static Mask loadMask(const uint8_t* p) { return *p != 0; }
  static void storeMask(Mask m, uint8_t* p) { *p = m ? 1 : 0; }
  /// Whether it holds in every lane.
  static bool all(Mask m) { return m; }
};

}  // namespace striate
