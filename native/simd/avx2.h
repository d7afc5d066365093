// Eight lanes: AVX2 with FMA.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace striate {

struct Avx2 {
  static constexpr int size = 8;
  static constexpr int tileRows[3] = {12, 6, 3};
  struct Mask {
    __m256 m;
  };
  struct Words {
    static constexpr int size = 4;
    __m256i w;

    static Words broadcast(uint64_t x) { return {_mm256_set1_epi64x(static_cast<int64_t>(x))}; }
    static Words everyOther(uint64_t x) {
      return {_mm256_add_epi64(broadcast(x).w, _mm256_setr_epi64x(0, 2, 4, 6))};
    }
    friend Words product(Words a, Words b) { return {_mm256_mul_epu32(a.w, b.w)}; }
    friend Words high(Words a) { return {_mm256_srli_epi64(a.w, 32)}; }
    friend Words exclusiveOr(Words a, Words b, Words c) {
      return {_mm256_xor_si256(a.w, _mm256_xor_si256(b.w, c.w))};
    }
    static void storeInTurns(Words a, Words b, uint32_t* p) {
      const __m256i both = _mm256_blend_epi32(a.w, _mm256_slli_epi64(b.w, 32), 0xaa);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), both);
    }
  };
  struct Places {
    __m256i i;
  };

  __m256 v;

  static Avx2 broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Avx2 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Avx2 loadPartial(const float* p, int n) { return {_mm256_maskload_ps(p, firstLanes(n))}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void stream(float* p) const { _mm256_stream_ps(p, v); }
  static void fence() { _mm_sfence(); }
  void storePartial(float* p, int n) const { _mm256_maskstore_ps(p, firstLanes(n), v); }

  friend Avx2 operator+(Avx2 a, Avx2 b) { return {_mm256_add_ps(a.v, b.v)}; }
  friend Avx2 operator-(Avx2 a, Avx2 b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend Avx2 operator*(Avx2 a, Avx2 b) { return {_mm256_mul_ps(a.v, b.v)}; }
  friend Avx2 operator/(Avx2 a, Avx2 b) { return {_mm256_div_ps(a.v, b.v)}; }
  friend Avx2 fma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  friend Avx2 max(Avx2 a, Avx2 b) { return {_mm256_max_ps(a.v, b.v)}; }
  friend Avx2 min(Avx2 a, Avx2 b) { return {_mm256_min_ps(a.v, b.v)}; }
  friend Avx2 sqrt(Avx2 a) { return {_mm256_sqrt_ps(a.v)}; }
  friend Avx2 abs(Avx2 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
  friend Avx2 round(Avx2 a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  friend Avx2 exp2Integral(Avx2 n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(biased, 23))};
  }
  friend Mask operator<(Avx2 a, Avx2 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
  friend Mask operator<=(Avx2 a, Avx2 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
  friend Mask operator==(Avx2 a, Avx2 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
  friend Avx2 select(Mask m, Avx2 a, Avx2 b) { return {_mm256_blendv_ps(b.v, a.v, m.m)}; }
  static Places places(const int32_t* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
  friend Avx2 permute(Avx2 a, Places p) { return {_mm256_permutevar8x32_ps(a.v, p.i)}; }
  template <int span>
  static void exchange(Avx2& a, Avx2& b) {
    const __m256 first = a.v, second = b.v;
    if constexpr (span == 1) {
      a.v = _mm256_blend_ps(first, _mm256_moveldup_ps(second), 0xaa);
      b.v = _mm256_blend_ps(_mm256_movehdup_ps(first), second, 0xaa);
    } else if constexpr (span == 2) {
      a.v = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(first), _mm256_castps_pd(second)));
      b.v = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(first), _mm256_castps_pd(second)));
    } else {
      a.v = _mm256_permute2f128_ps(first, second, 0x20);
      b.v = _mm256_permute2f128_ps(first, second, 0x31);
    }
  }
  float sum() const {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  float maximum() const {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  static Mask bytesEqual(const uint8_t* p, uint8_t value) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    const __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(value)));
    return {_mm256_castsi256_ps(_mm256_cvtepi8_epi32(equal))};
  }
  static Mask wordsBelow(const uint32_t* p, uint32_t bound) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i least = _mm256_set1_epi32(static_cast<int32_t>(bound));
    // words ≥ least where the greater of both is words.
    const __m256i above = _mm256_cmpeq_epi32(_mm256_max_epu32(words, least), words);
    return {_mm256_castsi256_ps(_mm256_xor_si256(above, _mm256_set1_epi32(-1)))};
  }
  void storeBytes(uint8_t* p) const {
    const __m256i whole = _mm256_cvtps_epi32(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
  }
  static constexpr int maskBytes = 1;
  static Mask loadMask(const uint8_t* p) {
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(*p), bit), bit))};
  }
  static void storeMask(Mask m, uint8_t* p) { *p = static_cast<uint8_t>(_mm256_movemask_ps(m.m)); }
  static bool all(Mask m) { return _mm256_movemask_ps(m.m) == 0xff; }

 private:
  static __m256i firstLanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace striate
