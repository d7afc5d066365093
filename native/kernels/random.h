// Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", 2011). Its block of four words is a function of a 128-bit counter, here (block, stream),
// and a 64-bit key, the seed. Number 64·g + 16·w + b of a stream is word w of block 16·g + b, so it depends
// on nothing but its index; and only on IEEE arithmetic without fused products, so all instruction sets give
// the same bits.
#pragma once

#include "kernels/kernel.h"

namespace striate {

struct RandomStream {
  uint64_t seed, stream;
};

/// Numbers that are drawn at once; kernels start at a multiple of it.
constexpr int randomGroup = 64;

/// words[16·w + b] = word w of block `block` + b, for b < 16.
struct RandomWords {
  RandomStream source;
  uint64_t block;
  uint32_t* words;
  template <class Vec>
  void run() const;
};

/// y[i] = low + span·u, u uniform in [0, 1), held within [least, most].
struct RandomUniform {
  RandomStream source;
  int64_t group;
  float low, span, least, most;
  float* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// y[i] = mean + deviation·z, z standard normal.
struct RandomNormal {
  RandomStream source;
  int64_t group;
  float mean, deviation;
  float* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// y = a permutation of 0 … n − 1, each as likely as any other.
struct RandomPermutation {
  RandomStream source;
  int32_t* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// y[i] = word[i] < threshold ? 0 : scale·x[i]
struct Dropout {
  RandomStream source;
  int64_t group;
  uint32_t threshold;
  float scale;
  const float* x;
  float* y;
  int64_t n;
  bool stream;  ///< stores past the caches
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>
#include <string.h>

#include "kernels/stream.h"

namespace striate {

/// Sixteen blocks from `block` on, as RandomWords lays them out. A word has a lane of 64 bits, in which its
/// products have room: their low halves are words again, whatever the high ones hold.
template <class Vec>
void philox(const RandomStream& source, uint64_t block, uint32_t* words) {
  using Words = typename Vec::Words;
  constexpr int each = randomGroup / 4;
  const Words factorA = Words::broadcast(0xD2511F53u), factorC = Words::broadcast(0xCD9E8D57u);
  for (int at = 0; at < each; at += 2 * Words::size) {
    // Blocks with even and odd numbers.
    Words a[2], b[2], c[2], d[2];
    for (int odd = 0; odd < 2; ++odd) {
      a[odd] = Words::everyOther(block + static_cast<uint64_t>(at + odd));
      b[odd] = high(a[odd]);
      c[odd] = Words::broadcast(source.stream);
      d[odd] = high(c[odd]);
    }
    uint32_t key0 = static_cast<uint32_t>(source.seed), key1 = static_cast<uint32_t>(source.seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      for (int odd = 0; odd < 2; ++odd) {
        const Words productA = product(a[odd], factorA), productC = product(c[odd], factorC);
        a[odd] = exclusiveOr(high(productC), b[odd], Words::broadcast(key0));
        b[odd] = productC;
        c[odd] = exclusiveOr(high(productA), d[odd], Words::broadcast(key1));
        d[odd] = productA;
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    Words::storeInTurns(a[0], a[1], words + at);
    Words::storeInTurns(b[0], b[1], words + each + at);
    Words::storeInTurns(c[0], c[1], words + 2 * each + at);
    Words::storeInTurns(d[0], d[1], words + 3 * each + at);
  }
}

template <class Vec>
void RandomWords::run() const {
  philox<Vec>(source, block, words);
}

/// Calls body(i, words, count) for the groups of n numbers from `group` on; number i + j comes from words[j].
template <class Vec, class Body>
void forRandomGroups(const RandomStream& source, int64_t group, int64_t n, const Body& body) {
  uint32_t words[randomGroup];
  for (int64_t i = 0; i < n; i += randomGroup, ++group) {
    philox<Vec>(source, static_cast<uint64_t>(group) * (randomGroup / 4), words);
    body(i, words, n - i < randomGroup ? static_cast<int>(n - i) : randomGroup);
  }
}

template <class Vec>
void RandomUniform::run() const {
  const Vec scale = Vec::broadcast(span * 0x1p-24f), from = Vec::broadcast(low);
  const Vec bottom = Vec::broadcast(least), top = Vec::broadcast(most);
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    float values[randomGroup];
    for (int j = 0; j < randomGroup; ++j) values[j] = static_cast<float>(static_cast<int32_t>(words[j] >> 8));
    for (int j = 0; j < randomGroup; j += Vec::size)
      max(bottom, min(top, from + scale * Vec::load(values + j))).store(values + j);
    ::memcpy(y + i, values, static_cast<size_t>(count) * sizeof(float));
  });
}

/// Two normal numbers of two words (Box and Muller, 1958): √(−2 ln u)·cos 2πv and √(−2 ln u)·sin 2πv, for 16
/// pairs.
template <class Vec>
void normalPairs(const uint32_t* u, const uint32_t* v, float* first, float* second) {
  constexpr int pairs = randomGroup / 4;
  // u is m·2ᵏ with m in [√½, √2); 2πv is x, |x| ≤ π/4, past a multiple of a quarter turn.
  float m[pairs], k[pairs], x[pairs], turned[pairs], cosineSign[pairs], sineSign[pairs];
  for (int i = 0; i < pairs; ++i) {
    const float uniform = (static_cast<float>(static_cast<int32_t>(u[i] >> 1)) + 0.5f) * 0x1p-31f;
    uint32_t bits;
    ::memcpy(&bits, &uniform, sizeof bits);
    const int32_t exponent = static_cast<int32_t>(bits - 0x3F3504F3u) >> 23;
    bits -= static_cast<uint32_t>(exponent) << 23;
    ::memcpy(&m[i], &bits, sizeof bits);
    k[i] = static_cast<float>(exponent);
    const uint32_t quarter = (v[i] + 0x20000000u) >> 30;
    x[i] = static_cast<float>(static_cast<int32_t>(v[i] - (quarter << 30))) * 1.46291808e-9f;
    turned[i] = static_cast<float>(static_cast<int32_t>(quarter & 1u));
    cosineSign[i] = 1.0f - static_cast<float>(static_cast<int32_t>((quarter + 1u) & 2u));
    sineSign[i] = 1.0f - static_cast<float>(static_cast<int32_t>(quarter & 2u));
  }
  const auto c = [](float value) { return Vec::broadcast(value); };
  for (int i = 0; i < pairs; i += Vec::size) {
    // ln m = 2·artanh s; the series end below a float's precision.
    const Vec one = c(1.0f), mantissa = Vec::load(m + i), s = (mantissa - one) / (mantissa + one), z = s * s;
    const Vec lnM =
        s *
        (c(2.0f) + z * (c(2.0f / 3.0f) + z * (c(2.0f / 5.0f) + z * (c(2.0f / 7.0f) + z * c(2.0f / 9.0f)))));
    const Vec radius = sqrt(c(-2.0f) * (Vec::load(k + i) * c(0.693147181f) + lnM));
    const Vec angle = Vec::load(x + i), w = angle * angle;
    const Vec sine =
        angle * (one + w * (c(-1.0f / 6.0f) +
                            w * (c(1.0f / 120.0f) + w * (c(-1.0f / 5040.0f) + w * c(1.0f / 362880.0f)))));
    const Vec cosine =
        one + w * (c(-0.5f) + w * (c(1.0f / 24.0f) + w * (c(-1.0f / 720.0f) + w * c(1.0f / 40320.0f))));
    const auto swaps = c(0.0f) < Vec::load(turned + i);
    (radius * Vec::load(cosineSign + i) * select(swaps, sine, cosine)).store(first + i);
    (radius * Vec::load(sineSign + i) * select(swaps, cosine, sine)).store(second + i);
  }
}

template <class Vec>
void RandomNormal::run() const {
  const Vec scale = Vec::broadcast(deviation), center = Vec::broadcast(mean);
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    constexpr int plane = randomGroup / 4;
    float values[randomGroup];
    normalPairs<Vec>(words, words + plane, values, values + plane);
    normalPairs<Vec>(words + 2 * plane, words + 3 * plane, values + 2 * plane, values + 3 * plane);
    for (int j = 0; j < randomGroup; j += Vec::size)
      (center + scale * Vec::load(values + j)).store(values + j);
    ::memcpy(y + i, values, static_cast<size_t>(count) * sizeof(float));
  });
}

/// Fisher and Yates' shuffle, grown from the front (Durstenfeld, 1964). A place below `bound` is the high
/// part of bound · (a fraction of 64 bits): its bias, bound/2⁶⁴, is far below what any sample shows.
template <class Vec>
void RandomPermutation::run() const {
  constexpr int half = randomGroup / 2;
  uint32_t words[randomGroup];
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = i % half;
    if (j == 0) philox<Vec>(source, static_cast<uint64_t>(i / half) * (randomGroup / 4), words);
    const uint64_t bound = static_cast<uint64_t>(i) + 1;
    const uint64_t place = (words[j] * bound + ((words[half + j] * bound) >> 32)) >> 32;
    y[i] = y[place];
    y[place] = static_cast<int32_t>(i);
  }
}

template <class Vec>
void Dropout::run() const {
  // While the words of a group are made, nothing is loaded.
  constexpr int64_t ahead = 1024;
  constexpr int lineFloats = 16;
  const Vec factor = Vec::broadcast(scale), zero = Vec::broadcast(0.0f);
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    for (int j = 0; j < randomGroup; j += lineFloats) __builtin_prefetch(x + i + ahead + j);
    writeVectors<Vec>(y + i, count, stream, [&](int64_t j, auto load, auto store) {
      store(y + i + j, select(Vec::wordsBelow(words + j, threshold), zero, factor * load(x + i + j)));
    });
  });
  if (stream) Vec::fence();
}

template void RandomWords::run<STRIATE_VEC>() const;
template void RandomUniform::run<STRIATE_VEC>() const;
template void RandomNormal::run<STRIATE_VEC>() const;
template void RandomPermutation::run<STRIATE_VEC>() const;
template void Dropout::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
