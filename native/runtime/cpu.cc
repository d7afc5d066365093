#include "runtime/cpu.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
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

#if defined(__x86_64__) || defined(_M_X64)
const std::vector<std::string> names{"scalar", "avx2", "avx512"};
constexpr int64_t lanes[] = {1, 8, 16};

#if defined(_MSC_VER)
bool hasAvx2() { return IsProcessorFeaturePresent(40 /* PF_AVX2_INSTRUCTIONS_AVAILABLE */); }
bool hasAvx512() { return IsProcessorFeaturePresent(41 /* PF_AVX512F_INSTRUCTIONS_AVAILABLE */); }
#else
bool hasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool hasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

size_t countSupported() { return hasAvx2() ? (hasAvx512() ? 3 : 2) : 1; }
#else
const std::vector<std::string> names{"scalar", "neon"};
constexpr int64_t lanes[] = {1, 4};
size_t countSupported() { return 2; }  // every armv8 has NEON
#endif

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
  info.supported.assign(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(countSupported()));
  info.isa = names[static_cast<size_t>(isaIndex)];
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

int64_t vectorLanes() { return lanes[isaIndex]; }

void chooseIsa(const char* forced) {
  const size_t count = countSupported();
  isaIndex = static_cast<int>(count) - 1;
  if (!forced || !*forced) return;
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(count);
  const auto found = std::find(names.begin(), end, forced);
  if (found == end) {
    std::string known;
    for (auto name = names.begin(); name != end; ++name) known += (name == names.begin() ? "" : ", ") + *name;
    throw RangeError(std::string("STRIATE_ISA: this machine does not run ") + forced + ", only " + known);
  }
  isaIndex = static_cast<int>(found - names.begin());
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
