// The rates that the machine reaches at most, for benchmarks to measure themselves by.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "kernels/probe.h"
#include "ops/operation.h"
#include "runtime/cpu.h"
#include "runtime/parallel.h"

namespace striate {

/// The best of the rates, in units a nanosecond, at which work() does `units` within the time: others on the
/// machine only ever lower a rate.
template <class Work>
double bestRate(double nanoseconds, double units, const Work& work) {
  using Clock = std::chrono::steady_clock;
  const auto passed = [](Clock::time_point since) {
    return std::chrono::duration<double, std::nano>(Clock::now() - since).count();
  };
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto from = Clock::now();
    work();
    best = std::max(best, units / std::max(1.0, passed(from)));
  } while (passed(start) < nanoseconds);
  return best;
}

/// [3]: 10⁹ operations of multiply-adds (two each), bytes of a copy and bytes of a triad a second, with the
/// instruction set and the threads of all other operations. Each is measured for a third of the time, the
/// memory's on arrays of `floats`; a copy counts what is read and what is written.
inline Tensor measurePeak(Stream& stream, int64_t milliseconds, int64_t floats) {
  Tensor y("measurePeak", Shape({3}), DType::f32);
  submit(stream, "measurePeak", {}, {y}, [=] {
    const double share = static_cast<double>(milliseconds) * 1e6 / 3;
    const int64_t team = threads();
    constexpr int64_t rounds = 1 << 14, most = ProbeMultiplyAdd::most;
    const Block values = Block::take(team * most * static_cast<int64_t>(sizeof(float)));
    std::fill_n(values.floats(), team * most, 0.5f);
    int64_t sums = 0;
    const auto multiplyAdd = [&](int64_t i) {
      int64_t mine = 0;
      // Many calls a piece, so that no thread is done before another has started.
      for (int call = 0; call < 64; ++call)
        dispatch(ProbeMultiplyAdd{values.floats() + i * most, rounds, &mine});
      if (i == 0) sums = mine;
    };
    parallelFor(team, multiplyAdd);  // wakes the team, and tells how many sums there are
    const double operations = 2.0 * static_cast<double>(sums * rounds * 64 * team);
    y.f32()[0] = static_cast<float>(bestRate(share, operations, [&] { parallelFor(team, multiplyAdd); }));

    const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
    const Block a = Block::take(bytes), b = Block::take(bytes), c = Block::take(bytes);
    const auto streams = [&](const auto& work) { parallelRanges(floats, elementGrain, work); };
    streams([&](int64_t from, int64_t to) {
      for (float* each : {a.floats(), b.floats(), c.floats()}) std::fill(each + from, each + to, 1.0f);
    });
    const double each = static_cast<double>(bytes);
    y.f32()[1] = static_cast<float>(bestRate(share, 2 * each, [&] {
      streams([&](int64_t from, int64_t to) {
        dispatch(ProbeCopy{a.floats() + from, b.floats() + from, to - from});
      });
    }));
    y.f32()[2] = static_cast<float>(bestRate(share, 3 * each, [&] {
      streams([&](int64_t from, int64_t to) {
        dispatch(ProbeTriad{a.floats() + from, b.floats() + from, c.floats() + from, 3.0f, to - from});
      });
    }));
  });
  return y;
}

}  // namespace striate
