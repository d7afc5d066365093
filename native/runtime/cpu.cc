#include "runtime/cpu.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>

#include "kernels/kernel.h"
#include "runtime/errors.h"

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif
#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace striate {
namespace {

struct Isa {
  std::string_view name;
  int64_t lanes;
  bool (*runs)();  // on this machine
};

template <class Vec>
struct IsaOf;

bool always() { return true; }

template <>
struct IsaOf<Scalar> {
  static constexpr Isa isa{"scalar", 1, always};
};

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
bool hasAvx2() { return IsProcessorFeaturePresent(40 /* PF_AVX2_INSTRUCTIONS_AVAILABLE */); }
bool hasAvx512() {
  return hasAvx2() && IsProcessorFeaturePresent(41 /* PF_AVX512F_INSTRUCTIONS_AVAILABLE */);
}
#else
bool hasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

template <>
struct IsaOf<Avx2> {
  static constexpr Isa isa{"avx2", 8, hasAvx2};
};

template <>
struct IsaOf<Avx512> {
  static constexpr Isa isa{"avx512", 16, hasAvx512};
};
#else
template <>
struct IsaOf<Neon> {
  static constexpr Isa isa{"neon", 4, always};  // every armv8 has it
};
#endif

template <class... Vecs>
constexpr std::array<Isa, sizeof...(Vecs)> isasOf(IsaList<Vecs...>) {
  return {IsaOf<Vecs>::isa...};
}

// A constant: the compute thread may still ask for lanes when the process has destroyed its variables.
constexpr auto compiled = isasOf(Isas{});

int isaIndex = 0;
std::atomic<int> threadCount{0};

int availableCores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int64_t cacheSize([[maybe_unused]] int level) {
#if defined(__linux__) && defined(_SC_LEVEL1_DCACHE_SIZE)
  static constexpr int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  return std::max<int64_t>(0, sysconf(names[level - 1]));
#else
  return 0;
#endif
}

std::string modelName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

CpuInfo readInfo() {
  CpuInfo info;
  for (const Isa& isa : compiled)
    if (isa.runs()) info.supported.emplace_back(isa.name);
  info.isa = compiled[static_cast<size_t>(isaIndex)].name;
  info.model = modelName();
  info.cores = availableCores();
  info.l1 = cacheSize(1);
  info.l2 = cacheSize(2);
  info.l3 = cacheSize(3);
  info.openmp = _OPENMP;
  return info;
}

}  // namespace

int activeIsa() { return isaIndex; }

int64_t vectorLanes() { return compiled[static_cast<size_t>(isaIndex)].lanes; }

void chooseIsa(const char* forced) {
  const bool any = !forced || !*forced;
  std::string known;
  int chosen = -1;
  for (size_t i = 0; i < compiled.size(); ++i) {
    if (!compiled[i].runs()) continue;
    known.append(known.empty() ? "" : ", ").append(compiled[i].name);
    if (any || compiled[i].name == forced) chosen = static_cast<int>(i);
  }
  if (known.empty())
    throw RangeError("this machine runs none of the instruction sets that striate was built for");
  if (chosen < 0)
    throw RangeError(std::string("STRIATE_ISA: this machine does not run ") + forced + ", only " + known);
  isaIndex = chosen;
}

// Never destroyed: the compute thread may still run when the process leaves main.
const CpuInfo& cpuInfo() {
  static const CpuInfo& info = *std::make_unique<CpuInfo>(readInfo()).release();
  return info;
}

int64_t memoryLimit() {
  int64_t limit = int64_t{1} << 40;
#if defined(__linux__)
  limit = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::ifstream group("/sys/fs/cgroup/memory.max");
  if (int64_t bytes; group >> bytes) limit = std::min(limit, bytes);
#endif
  return limit;
}

int threads() {
  const int count = threadCount.load(std::memory_order_relaxed);
  return count ? count : cpuInfo().cores;
}

void setThreads(int count) { threadCount.store(count, std::memory_order_relaxed); }

}  // namespace striate
