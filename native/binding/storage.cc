// Tensors between JavaScript and the native side, and what the machine room tells of itself.
#include <algorithm>
#include <cstring>

#include "binding/call.h"
#include "ops/copy.h"
#include "runtime/cpu.h"

namespace striate {
namespace {

/// The OpenMP runtime ends the process where the system refuses it a thread.
int64_t maxThreads() { return std::max(64, cpuInfo().cores); }

/// The element type of a typed array that a tensor can be made of.
DType elementType(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
      return DType::f32;
    case napi_int32_array:
      return DType::i32;
    case napi_uint8_array:
      return DType::u8;
    default:
      throw TypeError("tensor: data is another typed array, wants Float32Array, Int32Array or Uint8Array");
  }
}

/// Copies the data now, so that the caller may change them at once.
Napi::Value fromData(Call& call) {
  if (!call.value(0).IsTypedArray())
    throw TypeError("tensor: data is no typed array, wants Float32Array, Int32Array or Uint8Array");
  const Shape shape = call.shape(1, "shape");
  // Asked of Node-API itself, and last: reading the shape may run JavaScript, which may change the array, and
  // the wrapper knows no array over a SharedArrayBuffer.
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(call.env(), call.value(0), &type, &length, &data, nullptr, nullptr) != napi_ok)
    throw Napi::Error::New(call.env());
  Tensor t("tensor", shape, elementType(type));
  if (static_cast<int64_t>(length) != shape.elements())
    throw RangeError("tensor: data has " + std::to_string(length) + " elements, shape " + shape.text() +
                     " wants " + std::to_string(shape.elements()));
  try {
    t.storage->allocate();
  } catch (const StateError& error) {
    throw StateError(std::string("tensor: ") + error.what());
  }
  if (t.bytes() > 0) std::memcpy(t.raw(), data, static_cast<size_t>(t.bytes()));
  Command command{};
  command.operation = "tensor";
  command.writes = {t.storage};
  command.run = [] {};
  command.heldBytes = t.bytes();
  call.stream().enqueue(std::move(command));
  return call.give(t);
}

Napi::Value shapeOf(Call& call) {
  const Shape shape = call.tensor(0, "tensor").shape;
  Napi::Array extents = Napi::Array::New(call.env(), static_cast<size_t>(shape.rank()));
  for (int axis = 0; axis < shape.rank(); ++axis)
    extents[static_cast<uint32_t>(axis)] = Napi::Number::New(call.env(), static_cast<double>(shape[axis]));
  return extents;
}

/// Another handle on the same storage, under a shape with as many elements.
Napi::Value reshape(Call& call) {
  Tensor t = call.tensor(0, "input");
  const Shape shape = call.shape(1, "shape");
  if (shape.elements() != t.elements())
    throw RangeError("reshape: shape " + shape.text() + " has " + std::to_string(shape.elements()) +
                     " elements, input " + t.shape.text() + " has " + std::to_string(t.elements()));
  t.shape = shape;
  return call.give(std::move(t));
}

/// target ← source, in place.
Napi::Value assign(Call& call) {
  const Tensor target = call.tensor(0, "target"), source = call.tensor(1, "source");
  requireType("assign", "source", source, target.dtype);
  requireShape("assign", "source", source, target.shape);
  submitUpdate(call.stream(), "assign", storages({target, source}), [=] { copyAll(source, target); });
  return call.nothing();
}

Napi::Value memory(Call& call) {
  const PoolStats stats = poolStats();
  Napi::Object report = Napi::Object::New(call.env());
  report.Set("liveTensors", static_cast<double>(call.environment().liveTensors()));
  report.Set("liveBytes", static_cast<double>(stats.liveBytes));
  report.Set("pooledBytes", static_cast<double>(stats.pooledBytes));
  report.Set("peakBytes", static_cast<double>(stats.peakBytes));
  report.Set("queuedCommands", static_cast<double>(queuedCommands()));
  return report;
}

Napi::Value info(Call& call) {
  const CpuInfo& cpu = cpuInfo();
  Napi::Object report = Napi::Object::New(call.env());
  report.Set("isa", cpu.isa);
  Napi::Array supported = Napi::Array::New(call.env(), cpu.supported.size());
  for (uint32_t i = 0; i < cpu.supported.size(); ++i) supported[i] = cpu.supported[i];
  report.Set("supported", supported);
  report.Set("model", cpu.model);
  report.Set("cores", cpu.cores);
  report.Set("threads", threads());
  Napi::Object caches = Napi::Object::New(call.env());
  caches.Set("l1", static_cast<double>(cpu.l1));
  caches.Set("l2", static_cast<double>(cpu.l2));
  caches.Set("l3", static_cast<double>(cpu.l3));
  report.Set("caches", caches);
  report.Set("openmp", cpu.openmp);
  return report;
}

Export exports[] = {
    {"initialize",
     [](Call& call) -> Napi::Value {
       if (!call.value(0).IsFunction()) throw TypeError("initialize: wants the class of errors");
       call.environment().setErrorClass(call.value(0).As<Napi::Function>());
       return call.nothing();
     }},
    {"tensor", fromData},
    {"shape", shapeOf},
    {"dtype",
     [](Call& call) -> Napi::Value {
       return Napi::String::New(call.env(), dtypeName(call.tensor(0, "tensor").dtype));
     }},
    {"alias", [](Call& call) { return call.give(call.tensor(0, "tensor")); }},
    {"reshape", reshape},
    {"assign", assign},
    {"dispose",
     [](Call& call) -> Napi::Value {
       call.environment().release(call.handle(0, "tensor"));
       return call.nothing();
     }},
    {"collect",
     [](Call& call) -> Napi::Value {
       call.environment().collect(call.handle(0, "tensor"));
       return call.nothing();
     }},
    {"data", [](Call& call) { return call.environment().read(call.tensor(0, "tensor")); }},
    {"dataSync", [](Call& call) { return call.environment().readNow(call.tensor(0, "tensor")); }},
    {"synchronize", [](Call& call) { return call.environment().synchronize(); }},
    {"setExpress",
     [](Call& call) -> Napi::Value {
       call.stream().setLane(call.flag(0, "express") ? Lane::express : Lane::ordinary);
       return call.nothing();
     }},
    {"setThreads",
     [](Call& call) -> Napi::Value {
       setThreads(static_cast<int>(call.integer(0, "threads", 1, maxThreads())));
       return call.nothing();
     }},
    {"memory", memory},
    {"resetPeak",
     [](Call& call) -> Napi::Value {
       resetPeak();
       return call.nothing();
     }},
    {"emptyPool",
     [](Call& call) -> Napi::Value {
       emptyPool();
       return call.nothing();
     }},
    {"cpuInfo", info},
};

}  // namespace
}  // namespace striate
