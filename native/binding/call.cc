#include "binding/call.h"

#include <cmath>
#include <cstdio>
#include <new>
#include <utility>

#include "runtime/errors.h"

namespace striate {
namespace {

Export* exported = nullptr;

std::string given(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number: {
      const double number = value.As<Napi::Number>().DoubleValue();
      if (std::isnan(number)) return "NaN";
      if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
      char text[32];
      std::snprintf(text, sizeof text, "%.16g", number);
      return text;
    }
    case napi_string:
      return "a string";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      return value.IsArray() ? "an array" : "an object";
  }
}

}  // namespace

std::string Call::Argument::name() const {
  return element < 0 ? list : std::string(list) + "[" + std::to_string(element) + "]";
}

void Call::refuse(size_t index, const char* argument, const char* wanted) const {
  throw TypeError(what(argument) + " is " + given(info_[index]) + ", wants " + wanted);
}

double Call::handle(size_t index, const char* argument) const {
  if (!info_[index].IsNumber()) refuse(index, argument, "a tensor");
  return info_[index].As<Napi::Number>().DoubleValue();
}

Tensor Call::tensor(size_t index, const char* argument) const {
  return environment_.find(handle(index, argument), operation_, argument);
}

Tensor Call::tensorOrNull(size_t index, const char* argument) const {
  return info_[index].IsNull() ? Tensor() : tensor(index, argument);
}

std::vector<Tensor> Call::tensors(size_t index, const char* argument, std::vector<double>* handles) const {
  if (!info_[index].IsArray()) refuse(index, argument, "an array of tensors");
  const auto array = info_[index].As<Napi::Array>();
  const uint32_t length = array.Length();  // an element may be a getter that makes the array longer
  if (length > maxTensors)
    throw RangeError(what(argument) + " has " + std::to_string(length) + " elements, wants at most " +
                     std::to_string(maxTensors));
  std::vector<Tensor> list;
  for (uint32_t i = 0; i < length; ++i) {
    const Napi::Value item = array[i];
    const Argument element{argument, i};
    if (!item.IsNumber())
      throw TypeError(what(element.name().c_str()) + " is " + given(item) + ", wants a tensor");
    const double handle = item.As<Napi::Number>().DoubleValue();
    const Tensor* tensor = environment_.findIfAlive(handle);
    list.push_back(tensor ? *tensor : environment_.find(handle, operation_, element.name().c_str()));
    if (handles) handles->push_back(handle);
  }
  return list;
}

Tensor Call::taken(size_t index, const char* argument) const {
  Tensor given = tensor(index, argument);
  environment_.release(handle(index, argument));
  return given;
}

std::vector<Tensor> Call::allTaken(size_t index, const char* argument) const {
  std::vector<double> handles;
  std::vector<Tensor> list = tensors(index, argument, &handles);
  for (const double handle : handles) environment_.release(handle);
  return list;
}

int64_t Call::whole(const Napi::Value& value, const Argument& argument, int64_t least, int64_t most) const {
  // Anything but a number becomes one that is no whole number.
  double number = NAN;
  if (value.IsNumber()) number = value.As<Napi::Number>().DoubleValue();
  if (number >= static_cast<double>(least) && number <= static_cast<double>(most) &&
      number == std::trunc(number))
    return static_cast<int64_t>(number);
  const std::string told = what(argument.name().c_str()) + " is " + given(value) +
                           ", wants a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most);
  if (!value.IsNumber()) throw TypeError(told);
  throw RangeError(told);
}

int64_t Call::integer(size_t index, const char* argument, int64_t least, int64_t most) const {
  return whole(info_[index], {argument}, least, most);
}

double Call::number(size_t index, const char* argument) const {
  if (!info_[index].IsNumber()) refuse(index, argument, "a number");
  const double number = info_[index].As<Napi::Number>().DoubleValue();
  if (std::isnan(number)) throw RangeError(what(argument) + " is NaN, wants a number");
  return number;
}

bool Call::flag(size_t index, const char* argument) const {
  if (!info_[index].IsBoolean()) refuse(index, argument, "true or false");
  return info_[index].As<Napi::Boolean>().Value();
}

std::string Call::text(size_t index, const char* argument) const {
  if (!info_[index].IsString()) refuse(index, argument, "a string");
  return info_[index].As<Napi::String>().Utf8Value();
}

DType Call::dtype(size_t index, const char* argument) const {
  const std::string name = text(index, argument);
  for (const DType type : {DType::f32, DType::i32, DType::u8})
    if (name == dtypeName(type)) return type;
  throw RangeError(what(argument) + " is " + (name.size() > 20 ? "a long string" : "'" + name + "'") +
                   ", wants 'f32', 'i32' or 'u8'");
}

std::vector<int64_t> Call::integers(size_t index, const char* argument, int64_t least, int64_t most,
                                    uint32_t maxLength) const {
  if (!info_[index].IsArray()) refuse(index, argument, "an array of whole numbers");
  const auto array = info_[index].As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > maxLength)
    throw RangeError(what(argument) + " has " + std::to_string(length) + " elements, wants at most " +
                     std::to_string(maxLength));
  std::vector<int64_t> list;
  for (uint32_t i = 0; i < length; ++i) list.push_back(whole(array[i], {argument, i}, least, most));
  return list;
}

Shape Call::shape(size_t index, const char* argument) const {
  const std::vector<int64_t> extents = integers(index, argument);
  if (extents.size() > Shape::maxRank)
    throw RangeError(what(argument) + " has " + std::to_string(extents.size()) + " axes, wants at most 8");
  Shape shape;
  for (const int64_t extent : extents) shape.append(extent);
  shape.check(operation_);
  return shape;
}

Napi::Value Call::give(std::vector<Tensor> tensors) {
  Napi::Array array = Napi::Array::New(info_.Env(), tensors.size());
  uint32_t i = 0;
  for (Tensor& tensor : tensors) array[i++] = tensor ? give(std::move(tensor)) : info_.Env().Null();
  return array;
}

Export::Export(const char* name, Body body) : name_(name), body_(body), next_(exported) { exported = this; }

void Export::all(Napi::Env env, Napi::Object exports) {
  for (Export* e = exported; e; e = e->next_)
    exports.Set(e->name_, Napi::Function::New<&Export::invoke>(env, e->name_, e));
}

Napi::Value Export::invoke(const Napi::CallbackInfo& info) {
  const auto& self = *static_cast<const Export*>(info.Data());
  const Napi::Env env = info.Env();
  try {
    Call call(info, self.name_);
    return self.body_(call);
  } catch (const TypeError& error) {
    throw Napi::TypeError::New(env, error.what());
  } catch (const RangeError& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Environment::of(env).error(std::string(self.name_) + ": out of memory");
  } catch (const std::exception& error) {
    throw Environment::of(env).error(error.what());
  }
}

}  // namespace striate
