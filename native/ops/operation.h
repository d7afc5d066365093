// What every operation starts with: checks that name the operation and the argument, and the way onto the
// queue.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "runtime/queue.h"
#include "runtime/tensor.h"

namespace striate {

/// Elements of a vectorized pass that one thread takes at a time: half an L2 of input and output.
constexpr int64_t elementGrain = 32 * 1024;

inline Block takeFloats(int64_t count) { return Block::take(count * static_cast<int64_t>(sizeof(float))); }

inline std::string describe(const Tensor& t) {
  return std::string(dtypeName(t.dtype)) + " " + t.shape.text();
}

inline void requireType(const char* operation, const char* argument, const Tensor& t, DType wanted) {
  if (t.dtype != wanted)
    throw TypeError(std::string(operation) + ": " + argument + " is " + describe(t) + ", wants dtype " +
                    dtypeName(wanted));
}

inline void requireRank(const char* operation, const char* argument, const Tensor& t, int wanted) {
  if (t.shape.rank() != wanted)
    throw RangeError(std::string(operation) + ": " + argument + " " + t.shape.text() + " has " +
                     std::to_string(t.shape.rank()) + " axes, wants " + std::to_string(wanted));
}

inline void requireShape(const char* operation, const char* argument, const Tensor& t, const Shape& wanted) {
  if (!(t.shape == wanted))
    throw RangeError(std::string(operation) + ": " + argument + " has shape " + t.shape.text() + ", wants " +
                     wanted.text());
}

/// An axis counted from the front, or from the back where negative.
inline int requireAxis(const char* operation, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw RangeError(std::string(operation) + ": axis " + std::to_string(axis) + " is not in a tensor of " +
                     std::to_string(rank) + " axes");
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

inline std::vector<std::shared_ptr<Storage>> storages(std::initializer_list<Tensor> tensors) {
  std::vector<std::shared_ptr<Storage>> list;
  list.reserve(tensors.size());
  for (const Tensor& t : tensors)
    if (t) list.push_back(t.storage);
  return list;
}

/// "[8, 32, 32, 3] [3, 3, 3, 16] → [8, 30, 30, 16]", for a profile.
inline std::string describeShapes(std::initializer_list<Tensor> reads, std::initializer_list<Tensor> writes) {
  std::string text;
  for (const Tensor& t : reads)
    if (t) text.append(t.shape.text()).append(" ");
  text.append("→");
  for (const Tensor& t : writes) text.append(" ").append(t.shape.text());
  return text;
}

/// Puts `run` on the queue, to be called when `reads` are there and memory for `writes` is taken.
template <class Run>
void submit(Stream& stream, const char* operation, std::initializer_list<Tensor> reads,
            std::initializer_list<Tensor> writes, Run run) {
  Command command{};
  command.operation = operation;
  command.reads = storages(reads);
  command.writes = storages(writes);
  command.run = std::move(run);
  if (stream.profiling()) command.detail = describeShapes(reads, writes);
  stream.enqueue(std::move(command));
}

/// Puts on the queue what changes tensors in place: all of them count as read.
template <class Run>
void submitUpdate(Stream& stream, const char* operation, std::vector<std::shared_ptr<Storage>> touched,
                  Run run) {
  Command command{};
  command.operation = operation;
  command.reads = std::move(touched);
  command.run = std::move(run);
  stream.enqueue(std::move(command));
}

}  // namespace striate
