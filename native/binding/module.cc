// The addon's entry.
#include <napi.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "binding/call.h"
#include "binding/environment.h"
#include "runtime/cpu.h"
#include "runtime/errors.h"

namespace {

/// Why the instruction set asked for cannot be had, or nothing.
std::string chooseOnce() {
  try {
    striate::chooseIsa(std::getenv("STRIATE_ISA"));
    return {};
  } catch (const striate::RangeError& error) {
    return error.what();
  }
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  static const std::string refusal = chooseOnce();
  if (!refusal.empty()) throw Napi::RangeError::New(env, refusal);
  env.SetInstanceData(std::make_unique<striate::Environment>(env).release());
  striate::Export::all(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(striate, initialize)
