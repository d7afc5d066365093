#include "runtime/address_space.h"

#include <algorithm>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <sys/resource.h>
#endif

namespace striate {
namespace {

#if defined(_WIN32)

int64_t allowedAddresses() { return INT64_MAX; }

void* reserve(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE, PAGE_NOACCESS); }

bool commitAt(void* p, size_t bytes) { return VirtualAlloc(p, bytes, MEM_COMMIT, PAGE_READWRITE); }

void decommitAt(void* p, size_t bytes) { VirtualFree(p, bytes, MEM_DECOMMIT); }

#else

/// Where addresses are limited, most of them are for others.
int64_t allowedAddresses() {
  rlimit limit{};
  const bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? static_cast<int64_t>(limit.rlim_cur / 4) : INT64_MAX;
}

constexpr int untouched = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void* reserve(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_NONE, untouched, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

bool commitAt(void* p, size_t bytes) {
  if (mprotect(p, bytes, PROT_READ | PROT_WRITE) != 0) return false;
#if defined(__linux__)
  madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return true;
}

void decommitAt(void* p, size_t bytes) { mmap(p, bytes, PROT_NONE, untouched | MAP_FIXED, -1, 0); }

#endif

}  // namespace

AddressSpace::AddressSpace(int64_t bytes) {
  // To begin at a page, one more.
  for (int64_t size = std::min(bytes, allowedAddresses()) / page * page; size > page && !base_; size /= 2) {
    void* p = reserve(static_cast<size_t>(size));
    if (!p) continue;
    const auto address = reinterpret_cast<uintptr_t>(p);
    const auto skipped = static_cast<int64_t>((page - address % page) % page);
    base_ = static_cast<std::byte*>(p) + skipped;
    size_ = (size - skipped) / page * page;
  }
}

bool AddressSpace::commit(int64_t from, int64_t to) const {
  return commitAt(at(from), static_cast<size_t>(to - from));
}

void AddressSpace::decommit(int64_t from, int64_t to) const {
  decommitAt(at(from), static_cast<size_t>(to - from));
}

}  // namespace striate
