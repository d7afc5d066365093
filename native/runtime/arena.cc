#include "runtime/arena.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace striate {

void Ranges::add(int64_t from, int64_t to) {
  remove(from, to);
  total_ += to - from;
  auto next = map_.lower_bound(from);
  if (next != map_.end() && next->first == to) {
    to = next->second;
    next = map_.erase(next);
  }
  if (next != map_.begin()) {
    if (const auto before = std::prev(next); before->second == from) {
      before->second = to;
      return;
    }
  }
  map_.emplace_hint(next, from, to);
}

void Ranges::remove(int64_t from, int64_t to) {
  auto range = map_.upper_bound(from);
  if (range != map_.begin()) --range;
  while (range != map_.end() && range->first < to) {
    const auto [first, end] = *range;
    if (end <= from) {
      ++range;
      continue;
    }
    range = map_.erase(range);
    total_ -= std::min(end, to) - std::max(first, from);
    if (first < from) map_.emplace(first, from);
    if (end > to) map_.emplace(to, end);
  }
}

Arena::Arena(int64_t most) : space_(most) {
  if (space_.size() == 0) return;
  holes_.add(0, space_.size());
  bare_.add(0, space_.size());
}

void* Arena::take(int64_t capacity, int64_t fresh, bool atEnd) {
  const auto size = [](const auto& hole) { return hole.second - hole.first; };
  const auto& holes = holes_.map();
  auto hole = holes.end();
  for (auto other = holes.begin(); other != holes.end(); ++other)
    if (size(*other) >= capacity && (hole == holes.end() || size(*other) < size(*hole))) hole = other;
  if (hole == holes.end()) return nullptr;
  if (const auto last = std::prev(holes.end()); atEnd && size(*last) >= capacity) hole = last;
  const int64_t from = hole->first, to = from + capacity;
  std::vector<std::pair<int64_t, int64_t>> bare;
  auto range = bare_.map().upper_bound(from);
  if (range != bare_.map().begin()) --range;
  for (; range != bare_.map().end() && range->first < to; ++range)
    if (range->second > from) bare.emplace_back(std::max(from, range->first), std::min(to, range->second));
  int64_t wanted = 0;
  for (const auto& [first, end] : bare) wanted += end - first;
  if (wanted > fresh) return nullptr;
  for (const auto& [first, end] : bare) {
    if (!space_.commit(first, end)) return nullptr;
    bare_.remove(first, end);
  }
  holes_.remove(from, to);
  return space_.at(from);
}

void Arena::give(void* data, int64_t capacity) {
  const int64_t from = static_cast<std::byte*>(data) - space_.at(0);
  holes_.add(from, from + capacity);
}

void Arena::dropLast() {
  for (auto hole = holes_.map().rbegin(); hole != holes_.map().rend(); ++hole) {
    const auto [from, to] = *hole;
    const int64_t before = bare_.total();
    bare_.add(from, to);
    if (bare_.total() == before) continue;
    space_.decommit(from, to);
    return;
  }
}

void Arena::clear() {
  if (kept() == 0) return;
  for (const auto& [from, to] : holes_.map()) space_.decommit(from, to);
  bare_ = holes_;
}

}  // namespace striate
