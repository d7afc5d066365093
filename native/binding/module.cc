// The addon's entry.
#include <napi.h>

#include <cstdlib>
#include <memory>
#include <mutex>

#include "binding/call.h"
#include "binding/environment.h"
#include "runtime/cpu.h"
#include "runtime/errors.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  try {
    static std::once_flag chosen;
    std::call_once(chosen, [] { striate::chooseIsa(std::getenv("STRIATE_ISA")); });
  } catch (const striate::RangeError& error) {
    throw Napi::RangeError::New(env, error.what());
  }
  env.SetInstanceData(std::make_unique<striate::Environment>(env).release());
  striate::Export::all(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(striate, initialize)
