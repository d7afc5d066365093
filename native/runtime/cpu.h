// What the processor can do, and how many threads may do it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace striate {

struct CpuInfo {
  std::string isa;                     ///< in use
  std::vector<std::string> supported;  ///< by this machine, the best one last
  std::string model;
  int cores = 1;                   ///< that this process may run on
  int64_t l1 = 0, l2 = 0, l3 = 0;  ///< data caches in bytes; 0 where the system does not tell
  int openmp = 0;                  ///< the date of the OpenMP standard, as in _OPENMP
};

/// Picks the instruction set: the best supported, or the one that `forced` names. Throws RangeError where
/// this machine lacks it. Called once, before the first kernel.
void chooseIsa(const char* forced);

const CpuInfo& cpuInfo();

/// Bytes of memory that this process may use: of the machine, or of its control group.
int64_t memoryLimit();

int threads();
void setThreads(int count);

}  // namespace striate
