// Sixteen lanes: AVX-512 F, BW, DQ and VL.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace striate {

struct Avx512 {
  static constexpr int size = 16;
  static constexpr int tileRows[3] = {10, 10, 6};
  struct Mask {
    __mmask16 m;
  };
  struct Words {
    static constexpr int size = 8;
    __m512i w;

    static Words broadcast(uint64_t x) { return {_mm512_set1_epi64(static_cast<int64_t>(x))}; }
    static Words everyOther(uint64_t x) {
      return {_mm512_add_epi64(broadcast(x).w, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14))};
    }
    friend Words product(Words a, Words b) { return {_mm512_mul_epu32(a.w, b.w)}; }
    /// Not shifted, which is for the port that multiplies.
    friend Words high(Words a) { return {_mm512_shuffle_epi32(a.w, _MM_PERM_DDBB)}; }
    friend Words exclusiveOr(Words a, Words b, Words c) {
      return {_mm512_ternarylogic_epi64(a.w, b.w, c.w, 0x96)};
    }
    static void storeInTurns(Words a, Words b, uint32_t* p) {
      _mm512_storeu_si512(p, _mm512_mask_blend_epi32(0xaaaa, a.w, _mm512_slli_epi64(b.w, 32)));
    }
  };
  struct Places {
    __m512i i;
  };

  __m512 v;

  static Avx512 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Avx512 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Avx512 loadPartial(const float* p, int n) { return {_mm512_maskz_loadu_ps(firstLanes(n), p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void stream(float* p) const { _mm512_stream_ps(p, v); }
  static void fence() { _mm_sfence(); }
  void storePartial(float* p, int n) const { _mm512_mask_storeu_ps(p, firstLanes(n), v); }

  friend Avx512 operator+(Avx512 a, Avx512 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend Avx512 operator-(Avx512 a, Avx512 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend Avx512 operator*(Avx512 a, Avx512 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend Avx512 operator/(Avx512 a, Avx512 b) { return {_mm512_div_ps(a.v, b.v)}; }
  friend Avx512 fma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  friend Avx512 max(Avx512 a, Avx512 b) { return {_mm512_max_ps(a.v, b.v)}; }
  friend Avx512 min(Avx512 a, Avx512 b) { return {_mm512_min_ps(a.v, b.v)}; }
  friend Avx512 sqrt(Avx512 a) { return {_mm512_sqrt_ps(a.v)}; }
  friend Avx512 abs(Avx512 a) { return {_mm512_abs_ps(a.v)}; }
  friend Avx512 round(Avx512 a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  friend Avx512 exp2Integral(Avx512 n) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(biased, 23))};
  }
  /// a·2ⁿ, rounded once.
  friend Avx512 scale(Avx512 a, Avx512 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  friend Mask operator<(Avx512 a, Avx512 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
  friend Mask operator<=(Avx512 a, Avx512 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
  friend Mask operator==(Avx512 a, Avx512 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
  friend Avx512 select(Mask m, Avx512 a, Avx512 b) { return {_mm512_mask_blend_ps(m.m, b.v, a.v)}; }
  static Places places(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
  friend Avx512 permute(Avx512 a, Places p) { return {_mm512_permutexvar_ps(p.i, a.v)}; }
  template <int span>
  static void exchange(Avx512& a, Avx512& b) {
    const __m512 first = a.v, second = b.v;
    if constexpr (span == 1) {
      a.v = _mm512_mask_moveldup_ps(first, 0xaaaa, second);
      b.v = _mm512_mask_movehdup_ps(second, 0x5555, first);
    } else if constexpr (span == 2) {
      a.v = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(first), _mm512_castps_pd(second)));
      b.v = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(first), _mm512_castps_pd(second)));
    } else if constexpr (span == 4) {
      a.v = _mm512_mask_shuffle_f32x4(first, 0xf0f0, second, second, 0xa0);
      b.v = _mm512_mask_shuffle_f32x4(second, 0x0f0f, first, first, 0xf5);
    } else {
      a.v = _mm512_shuffle_f32x4(first, second, 0x44);
      b.v = _mm512_shuffle_f32x4(first, second, 0xee);
    }
  }
  float sum() const { return _mm512_reduce_add_ps(v); }
  float maximum() const { return _mm512_reduce_max_ps(v); }
  static Mask bytesEqual(const uint8_t* p, uint8_t value) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm_cmpeq_epi8_mask(bytes, _mm_set1_epi8(static_cast<char>(value)))};
  }
  static Mask wordsBelow(const uint32_t* p, uint32_t bound) {
    return {_mm512_cmplt_epu32_mask(_mm512_loadu_si512(p), _mm512_set1_epi32(static_cast<int32_t>(bound)))};
  }
  void storeBytes(uint8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
  }
  static constexpr int maskBytes = 2;
  static Mask loadMask(const uint8_t* p) {
    __mmask16 m;
    ::memcpy(&m, p, sizeof m);
    return {m};
  }
  static void storeMask(Mask m, uint8_t* p) { ::memcpy(p, &m.m, sizeof m.m); }
  static bool all(Mask m) { return m.m == 0xffff; }

 private:
  static __mmask16 firstLanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
};

}  // namespace striate
