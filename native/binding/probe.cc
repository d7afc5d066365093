// What benchmarks and those who look for lost time ask.
#include "ops/probe.h"

#include "binding/call.h"
#include "runtime/profile.h"

namespace striate {
namespace {

Napi::Value stopProfile(Call& call) {
  const std::vector<ProfileEntry> entries = call.stream().stopProfile();
  const Napi::Env env = call.env();
  Napi::Array list = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const Napi::HandleScope scope(env);
    const ProfileEntry& entry = entries[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("operation", entry.operation);
    object.Set("startNs", static_cast<double>(entry.startNs));
    object.Set("endNs", static_cast<double>(entry.endNs));
    object.Set("detail", entry.detail);
    list[i] = object;
  }
  return list;
}

Export exports[] = {
    {"measurePeak",
     [](Call& call) {
       return call.give(measurePeak(call.stream(), call.integer(0, "milliseconds", 1, 1000),
                                    call.integer(1, "floats", 1, int64_t{1} << 28)));
     }},
    {"startProfile",
     [](Call& call) -> Napi::Value {
       call.stream().startProfile();
       return call.nothing();
     }},
    {"stopProfile", stopProfile},
};

}  // namespace
}  // namespace striate
