// Four lanes: NEON of armv8.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace striate {

struct Neon {
  static constexpr int size = 4;
  static constexpr int tileRows[3] = {16, 8, 4};
  struct Mask {
    uint32x4_t m;
  };
  struct Words {
    static constexpr int size = 2;
    uint64x2_t w;

    static Words broadcast(uint64_t x) { return {vdupq_n_u64(x)}; }
    static Words everyOther(uint64_t x) { return {vcombine_u64(vcreate_u64(x), vcreate_u64(x + 2))}; }
    friend Words product(Words a, Words b) { return {vmull_u32(vmovn_u64(a.w), vmovn_u64(b.w))}; }
    friend Words high(Words a) { return {vshrq_n_u64(a.w, 32)}; }
    friend Words exclusiveOr(Words a, Words b, Words c) { return {veorq_u64(a.w, veorq_u64(b.w, c.w))}; }
    static void storeInTurns(Words a, Words b, uint32_t* p) {
      vst1q_u32(p, vreinterpretq_u32_u64(vsliq_n_u64(a.w, b.w, 32)));
    }
  };
  struct Places {
    uint8x16_t bytes;
  };

  float32x4_t v;

  static Neon broadcast(float x) { return {vdupq_n_f32(x)}; }
  static Neon load(const float* p) { return {vld1q_f32(p)}; }
  static Neon loadPartial(const float* p, int n) {
    float lanes[size] = {};
    for (int i = 0; i < n; ++i) lanes[i] = p[i];
    return {vld1q_f32(lanes)};
  }
  void store(float* p) const { vst1q_f32(p, v); }
  void stream(float* p) const { store(p); }
  static void fence() {}
  void storePartial(float* p, int n) const {
    float lanes[size];
    vst1q_f32(lanes, v);
    for (int i = 0; i < n; ++i) p[i] = lanes[i];
  }

  friend Neon operator+(Neon a, Neon b) { return {vaddq_f32(a.v, b.v)}; }
  friend Neon operator-(Neon a, Neon b) { return {vsubq_f32(a.v, b.v)}; }
  friend Neon operator*(Neon a, Neon b) { return {vmulq_f32(a.v, b.v)}; }
  friend Neon operator/(Neon a, Neon b) { return {vdivq_f32(a.v, b.v)}; }
  friend Neon fma(Neon a, Neon b, Neon c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
  friend Neon max(Neon a, Neon b) { return select({vcgtq_f32(a.v, b.v)}, a, b); }
  friend Neon min(Neon a, Neon b) { return select({vcltq_f32(a.v, b.v)}, a, b); }
  friend Neon sqrt(Neon a) { return {vsqrtq_f32(a.v)}; }
  friend Neon abs(Neon a) { return {vabsq_f32(a.v)}; }
  friend Neon round(Neon a) { return {vrndnq_f32(a.v)}; }
  friend Neon exp2Integral(Neon n) {
    return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.v), vdupq_n_s32(127)), 23))};
  }
  friend Mask operator<(Neon a, Neon b) { return {vcltq_f32(a.v, b.v)}; }
  friend Mask operator<=(Neon a, Neon b) { return {vcleq_f32(a.v, b.v)}; }
  friend Mask operator==(Neon a, Neon b) { return {vceqq_f32(a.v, b.v)}; }
  friend Neon select(Mask m, Neon a, Neon b) { return {vbslq_f32(m.m, a.v, b.v)}; }
  static Places places(const int32_t* p) {
    const uint32x4_t first = vmulq_n_u32(vreinterpretq_u32_s32(vld1q_s32(p)), 0x04040404u);
    return {vreinterpretq_u8_u32(vaddq_u32(first, vdupq_n_u32(0x03020100u)))};
  }
  friend Neon permute(Neon a, Places p) {
    return {vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a.v), p.bytes))};
  }
  template <int span>
  static void exchange(Neon& a, Neon& b) {
    const float32x4_t first = a.v, second = b.v;
    if constexpr (span == 1) {
      a.v = vtrn1q_f32(first, second);
      b.v = vtrn2q_f32(first, second);
    } else {
      const float64x2_t low = vreinterpretq_f64_f32(first), high = vreinterpretq_f64_f32(second);
      a.v = vreinterpretq_f32_f64(vtrn1q_f64(low, high));
      b.v = vreinterpretq_f32_f64(vtrn2q_f64(low, high));
    }
  }
  float sum() const { return vaddvq_f32(v); }
  float maximum() const { return vmaxvq_f32(v); }
  static Mask bytesEqual(const uint8_t* p, uint8_t value) {
    const uint32_t lanes[size] = {p[0], p[1], p[2], p[3]};
    return {vceqq_u32(vld1q_u32(lanes), vdupq_n_u32(value))};
  }
  static Mask wordsBelow(const uint32_t* p, uint32_t bound) {
    return {vcltq_u32(vld1q_u32(p), vdupq_n_u32(bound))};
  }
  void storeBytes(uint8_t* p) const {
    uint32_t lanes[size];
    vst1q_u32(lanes, vcvtq_u32_f32(v));
    for (int i = 0; i < size; ++i) p[i] = static_cast<uint8_t>(lanes[i]);
  }
  static constexpr int maskBytes = 1;
  static Mask loadMask(const uint8_t* p) { return {vtstq_u32(vdupq_n_u32(*p), bits())}; }
  static void storeMask(Mask m, uint8_t* p) { *p = static_cast<uint8_t>(vaddvq_u32(vandq_u32(m.m, bits()))); }
  static bool all(Mask m) { return vminvq_u32(m.m) != 0; }

 private:
  /// A bit for each lane.
  static uint32x4_t bits() {
    const uint32_t lanes[size] = {1, 2, 4, 8};
    return vld1q_u32(lanes);
  }
};

}  // namespace striate
