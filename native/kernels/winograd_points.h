// The 1-D transforms of Winograd's minimal filtering: its matrices A, B and G, with sums that share their
// terms.
//
// n = 4 interpolates at 0, 1, −1 and infinity; n = 5 at −½ as well, n = 6 at ½ and −2, which errs half as
// much as ±2. A kernel of one tap needs no infinity: F(4, 1) has the other points of F(4, 2), so that their
// sums are taken together.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Products for each tile, channel and output, with kernels of r × s.
template <int m, int r, int s = r>
constexpr int winogradPlanes = (m + r - 1) * (m + s - 1);

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// a·factor + b
template <class Vec>
inline __attribute__((always_inline)) Vec times(float factor, Vec a, Vec b) {
  return fma(Vec::broadcast(factor), a, b);
}

/// Bᵀ, which depends on the points alone.
template <class Vec, int n>
struct WinogradPoints;

template <class Vec>
struct WinogradPoints<Vec, 4> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }
};

template <class Vec>
struct WinogradPoints<Vec, 6> {
  static void input(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec even = d[4] - d[2], odd = d[3] - d[1];
    v[0] = times(1.5f, odd, times(-2.0f, d[2], d[0] + d[4]));
    v[1] = times(1.5f, d[2] + d[3], even + odd);
    v[2] = times(1.5f, d[3] - d[2], even - odd);
    v[3] = times(2.0f, odd, even);
    v[4] = times(-0.5f, odd, even);
    v[5] = times(1.5f, even, times(-2.0f, d[3], d[1] + d[5]));
  }
};

/// A, Aᵀ and G, with sums that share their terms.
template <class Vec, int m, int r>
struct Winograd;

template <class Vec>
struct Winograd<Vec, 2, 3> : WinogradPoints<Vec, 4> {
  static void gradient(const Vec (&y)[2], Vec (&v)[4]) {
    v[0] = y[0];
    v[1] = y[0] + y[1];
    v[2] = y[0] - y[1];
    v[3] = y[1];
  }
  static void output(const Vec (&v)[4], Vec (&y)[2]) {
    y[0] = v[0] + v[1] + v[2];
    y[1] = v[1] - v[2] + v[3];
  }
  static constexpr float weight[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
};

template <class Vec>
struct Winograd<Vec, 4, 3> : WinogradPoints<Vec, 6> {
  static void gradient(const Vec (&y)[4], Vec (&v)[6]) {
    const Vec even = y[0] + y[2], odd = y[1] + y[3];
    v[0] = y[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = times(0.125f, y[3], times(0.25f, y[2], times(0.5f, y[1], y[0])));
    v[4] = times(-8.0f, y[3], times(4.0f, y[2], times(-2.0f, y[1], y[0])));
    v[5] = y[3];
  }
  static void output(const Vec (&v)[6], Vec (&y)[4]) {
    const Vec sum = v[1] + v[2], difference = v[1] - v[2];
    y[0] = v[0] + sum + (v[3] + v[4]);
    y[1] = times(-2.0f, v[4], times(0.5f, v[3], difference));
    y[2] = times(4.0f, v[4], times(0.25f, v[3], sum));
    y[3] = times(-8.0f, v[4], times(0.125f, v[3], difference)) + v[5];
  }
  static constexpr float weight[6][3] = {{1, 0, 0},
                                         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
                                         {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f},
                                         {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f},
                                         {1 / 15.0f, -2 / 15.0f, 4 / 15.0f},
                                         {0, 0, 1}};
};

template <class Vec>
struct Winograd<Vec, 3, 4> : WinogradPoints<Vec, 6> {
  static void gradient(const Vec (&y)[3], Vec (&v)[6]) {
    const Vec even = y[0] + y[2];
    v[0] = y[0];
    v[1] = even + y[1];
    v[2] = even - y[1];
    v[3] = times(0.25f, y[2], times(0.5f, y[1], y[0]));
    v[4] = times(4.0f, y[2], times(-2.0f, y[1], y[0]));
    v[5] = y[2];
  }
  static void output(const Vec (&v)[6], Vec (&y)[3]) {
    const Vec sum = v[1] + v[2];
    y[0] = v[0] + sum + (v[3] + v[4]);
    y[1] = times(-2.0f, v[4], times(0.5f, v[3], v[1] - v[2]));
    y[2] = times(4.0f, v[4], times(0.25f, v[3], sum)) + v[5];
  }
  static constexpr float weight[6][4] = {{1, 0, 0, 0},
                                         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
                                         {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f, 1 / 3.0f},
                                         {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f, -2 / 15.0f},
                                         {1 / 15.0f, -2 / 15.0f, 4 / 15.0f, -8 / 15.0f},
                                         {0, 0, 0, 1}};
};

template <class Vec>
struct Winograd<Vec, 4, 1> {
  template <int n>
  static void input(const Vec (&d)[n], Vec (&v)[n]) {
    const Vec odd = d[3] - d[1];
    v[0] = times(-2.0f, odd, d[0] - d[2]);
    v[1] = times(0.5f, d[1], times(1.5f, d[2], d[3]));
    v[2] = times(-0.5f, d[1] + d[2], d[3]);
    v[3] = odd;
  }
  template <int n>
  static void output(const Vec (&v)[n], Vec (&y)[4]) {
    const Vec sum = v[1] + v[2], difference = v[1] - v[2];
    y[0] = v[0] + sum + v[3];
    y[1] = times(-0.5f, v[3], difference);
    y[2] = times(0.25f, v[3], sum);
    y[3] = times(-0.125f, v[3], difference);
  }
  static constexpr float weight[4][1] = {{1}, {1 / 3.0f}, {-1}, {8 / 3.0f}};
};

template <class Vec>
struct Winograd<Vec, 4, 2> {
  static void input(const Vec (&d)[5], Vec (&v)[5]) {
    Winograd<Vec, 4, 1>::input(d, v);
    v[4] = times(0.5f, d[3] - d[1], d[4] - d[2]);
  }
  static void gradient(const Vec (&y)[4], Vec (&v)[5]) {
    const Vec even = y[0] + y[2], odd = y[1] + y[3];
    v[0] = y[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = times(-0.125f, y[3], times(0.25f, y[2], times(-0.5f, y[1], y[0])));
    v[4] = y[3];
  }
  static void output(const Vec (&v)[5], Vec (&y)[4]) {
    Winograd<Vec, 4, 1>::output(v, y);
    y[3] = y[3] + v[4];
  }
  static constexpr float weight[5][2] = {
      {1, 0}, {1 / 3.0f, 1 / 3.0f}, {-1, 1}, {8 / 3.0f, -4 / 3.0f}, {0, 1}};
};

template <class Vec>
struct Winograd<Vec, 2, 5> : WinogradPoints<Vec, 6> {
  static void gradient(const Vec (&y)[2], Vec (&v)[6]) {
    v[0] = y[0];
    v[1] = y[0] + y[1];
    v[2] = y[0] - y[1];
    v[3] = times(0.5f, y[1], y[0]);
    v[4] = times(-2.0f, y[1], y[0]);
    v[5] = y[1];
  }
  static void output(const Vec (&v)[6], Vec (&y)[2]) {
    y[0] = v[0] + (v[1] + v[2]) + (v[3] + v[4]);
    y[1] = times(-2.0f, v[4], times(0.5f, v[3], v[1] - v[2])) + v[5];
  }
  static constexpr float weight[6][5] = {{1, 0, 0, 0, 0},
                                         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
                                         {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f, 1 / 3.0f, -1 / 3.0f},
                                         {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f, -2 / 15.0f, -1 / 15.0f},
                                         {1 / 15.0f, -2 / 15.0f, 4 / 15.0f, -8 / 15.0f, 16 / 15.0f},
                                         {0, 0, 0, 0, 1}};
};

/// The transforms of tiles with `side` outputs, beside those with m: their weights are the same, so they
/// interpolate at the first side + r − 2 of the same points, and at infinity.
template <class Vec, int m, int r, int side>
struct WinogradSide;

template <class Vec, int m, int r>
struct WinogradSide<Vec, m, r, m> : Winograd<Vec, m, r> {};

template <class Vec>
struct WinogradSide<Vec, 4, 3, 1> {
  static void input(const Vec (&d)[3], Vec (&v)[3]) {
    v[0] = d[0] - d[1];
    v[1] = Vec::broadcast(3.0f) * d[1];
    v[2] = d[2] - d[1];
  }
  static void gradient(const Vec (&y)[1], Vec (&v)[3]) { v[0] = v[1] = v[2] = y[0]; }
  static void output(const Vec (&v)[3], Vec (&y)[1]) { y[0] = v[0] + v[1] + v[2]; }
};

/// At the points of F(2, 3), but with the weights of F(4, 3), which are others by constant factors.
template <class Vec>
struct WinogradSide<Vec, 4, 3, 2> : Winograd<Vec, 2, 3> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = Vec::broadcast(1.5f) * (d[1] + d[2]);
    v[2] = Vec::broadcast(1.5f) * (d[1] - d[2]);
    v[3] = d[3] - d[1];
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 3, 3> {
  static void input(const Vec (&d)[5], Vec (&v)[5]) {
    const Vec odd = d[3] - d[1];
    v[0] = times(2.0f, odd, d[0] - d[2]);
    v[1] = times(3.0f, d[3], Vec::broadcast(1.5f) * (d[2] - d[1]));
    v[2] = times(0.5f, d[1], times(-1.5f, d[2], d[3]));
    v[3] = Vec::broadcast(2.5f) * odd;
    v[4] = times(-0.5f, odd, d[4] - d[2]);
  }
  static void gradient(const Vec (&y)[3], Vec (&v)[5]) {
    const Vec even = y[0] + y[2];
    v[0] = y[0];
    v[1] = even + y[1];
    v[2] = even - y[1];
    v[3] = times(0.25f, y[2], times(0.5f, y[1], y[0]));
    v[4] = y[2];
  }
  static void output(const Vec (&v)[5], Vec (&y)[3]) {
    const Vec sum = v[1] + v[2];
    y[0] = v[0] + sum + v[3];
    y[1] = times(0.5f, v[3], v[1] - v[2]);
    y[2] = times(0.25f, v[3], sum) + v[4];
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 1, 1> {
  template <int n>
  static void input(const Vec (&d)[n], Vec (&v)[n]) {
    v[0] = d[0];
  }
  template <int n>
  static void output(const Vec (&v)[n], Vec (&y)[1]) {
    y[0] = v[0];
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 2, 1> {
  static void input(const Vec (&d)[2], Vec (&v)[2]) { v[0] = d[0], v[1] = d[1]; }
  static void gradient(const Vec (&y)[1], Vec (&v)[2]) { v[0] = v[1] = y[0]; }
  static void output(const Vec (&v)[2], Vec (&y)[1]) { y[0] = v[0] + v[1]; }
};

template <class Vec>
struct WinogradSide<Vec, 4, 1, 2> {
  template <int n>
  static void input(const Vec (&d)[n], Vec (&v)[n]) {
    v[0] = d[0] - d[1];
    v[1] = Vec::broadcast(3.0f) * d[1];
  }
  template <int n>
  static void output(const Vec (&v)[n], Vec (&y)[2]) {
    y[0] = v[0] + v[1];
    y[1] = v[1];
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 2, 2> {
  static void input(const Vec (&d)[3], Vec (&v)[3]) {
    WinogradSide<Vec, 4, 1, 2>::input(d, v);
    v[2] = d[2] - d[1];
  }
  static void gradient(const Vec (&y)[2], Vec (&v)[3]) {
    v[0] = y[0];
    v[1] = y[0] + y[1];
    v[2] = y[1];
  }
  static void output(const Vec (&v)[3], Vec (&y)[2]) {
    WinogradSide<Vec, 4, 1, 2>::output(v, y);
    y[1] = y[1] + v[2];
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 1, 3> {
  template <int n>
  static void input(const Vec (&d)[n], Vec (&v)[n]) {
    v[0] = d[0] - d[2];
    v[1] = Vec::broadcast(1.5f) * (d[1] + d[2]);
    v[2] = Vec::broadcast(0.5f) * (d[1] - d[2]);
  }
  template <int n>
  static void output(const Vec (&v)[n], Vec (&y)[3]) {
    const Vec sum = v[1] + v[2];
    y[0] = v[0] + sum;
    y[1] = v[1] - v[2];
    y[2] = sum;
  }
};

template <class Vec>
struct WinogradSide<Vec, 4, 2, 3> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) {
    WinogradSide<Vec, 4, 1, 3>::input(d, v);
    v[3] = d[3] - d[1];
  }
  static void gradient(const Vec (&y)[3], Vec (&v)[4]) {
    const Vec even = y[0] + y[2];
    v[0] = y[0];
    v[1] = even + y[1];
    v[2] = even - y[1];
    v[3] = y[2];
  }
  static void output(const Vec (&v)[4], Vec (&y)[3]) {
    WinogradSide<Vec, 4, 1, 3>::output(v, y);
    y[2] = y[2] + v[3];
  }
};

/// The place among all points of the one that a tile with `side` outputs has at i.
template <int m, int r>
constexpr int winogradPoint(int i, int side) {
  return r == 1 || i < side + r - 2 ? i : m + r - 2;
}

}  // namespace striate
#endif
