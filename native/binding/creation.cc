#include "ops/creation.h"

#include <array>

#include "binding/call.h"
#include "ops/bernoulli.h"

namespace striate {
namespace {

constexpr int64_t maxSafeInteger = (int64_t{1} << 53) - 1;

RandomStream source(const Call& call, size_t index) {
  return {static_cast<uint64_t>(call.integer(index, "seed", 0, maxSafeInteger)),
          static_cast<uint64_t>(call.integer(index + 1, "stream", 0, maxSafeInteger))};
}

/// NaN is a value like any other here.
double anyNumber(Call& call, size_t index, const char* name) {
  const Napi::Value given = call.value(index);
  return given.IsNumber() ? given.As<Napi::Number>().DoubleValue() : call.number(index, name);
}

/// One block of the generator, for its published answers.
Napi::Value philox(Call& call) {
  std::array<uint32_t, 6> given{};
  const auto counter = call.integers(0, "counter"), key = call.integers(1, "key");
  if (counter.size() != 4 || key.size() != 2)
    throw RangeError("philox: wants 4 words of counter and 2 of key");
  for (size_t i = 0; i < given.size(); ++i) {
    const int64_t word = i < 4 ? counter[i] : key[i - 4];
    if (word < 0 || word > UINT32_MAX)
      throw RangeError("philox: word " + std::to_string(i) + " is " + std::to_string(word) +
                       ", wants 32 bits");
    given[i] = static_cast<uint32_t>(word);
  }
  const auto two = [&](size_t low) { return given[low] | static_cast<uint64_t>(given[low + 1]) << 32; };
  uint32_t words[randomGroup];
  dispatch(RandomWords{{two(4), two(2)}, two(0), words});
  Napi::Array block = Napi::Array::New(call.env(), 4);
  for (uint32_t i = 0; i < 4; ++i) block[i] = Napi::Number::New(call.env(), words[i * (randomGroup / 4)]);
  return block;
}

Export exports[] = {
    {"full",
     [](Call& call) {
       const double value = anyNumber(call, 1, "value");
       return call.give(full(call.stream(), call.shape(0, "shape"), value, call.dtype(2, "dtype")));
     }},
    {"lasting",
     [](Call& call) {
       const double value = anyNumber(call, 1, "value");
       return call.give(full(call.stream(), call.shape(0, "shape"), value, DType::f32, true));
     }},
    {"arange",
     [](Call& call) {
       return call.give(arange(call.stream(), call.number(0, "start"), call.number(1, "end"),
                               call.number(2, "step"), call.dtype(3, "dtype")));
     }},
    {"oneHot",
     [](Call& call) {
       return call.give(
           oneHot(call.stream(), call.tensor(0, "indices"), call.integer(1, "classes", 0, maxSafeInteger)));
     }},
    {"cast",
     [](Call& call) {
       return call.give(cast(call.stream(), call.tensor(0, "input"), call.dtype(1, "dtype")));
     }},
    {"uniform",
     [](Call& call) {
       return call.give(uniform(call.stream(), call.shape(0, "shape"), call.number(1, "low"),
                                call.number(2, "high"), source(call, 3)));
     }},
    {"normal",
     [](Call& call) {
       return call.give(normal(call.stream(), call.shape(0, "shape"), call.number(1, "mean"),
                               call.number(2, "deviation"), source(call, 3)));
     }},
    {"permutation",
     [](Call& call) {
       return call.give(permutation(call.stream(), call.integer(0, "length", 0, INT32_MAX), source(call, 1)));
     }},
    {"dropout",
     [](Call& call) {
       return call.give(dropout(call.stream(), call.tensor(0, "input"), call.number(1, "probability"),
                                call.flag(2, "training"), call.flag(3, "inverted"), source(call, 4)));
     }},
    {"bernoulli",
     [](Call& call) {
       return call.give(bernoulli(call.stream(), call.tensor(0, "probabilities"), source(call, 1)));
     }},
    {"philox", philox},
};

}  // namespace
}  // namespace striate
