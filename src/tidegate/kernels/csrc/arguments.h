// What comes from Python and what goes back: every argument is checked here before it reaches a pointer, and arrays are handed out.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "memory.h"
#include "sizes.h"

namespace nb = nanobind;

namespace tidegate {

// Set once by engine.py.
struct Registered {
  nb::object output, gradients, shape_error, empty, float32, float64;
  int default_threads = 1;
};

inline constexpr int kMostThreads = 1024;

inline Registered& registered() {
  static Registered* const it = new Registered;  // never destroyed: it holds Python objects
  return *it;
}

[[noreturn]] inline void raise(nb::handle type, const std::string& message) {
  PyErr_SetObject(type.ptr(), nb::str(message.data(), message.size()).ptr());
  throw nb::python_error();
}

[[noreturn]] inline void raise_shape(const std::string& message) {
  const nb::object& type = registered().shape_error;
  raise(type.is_valid() ? nb::handle(type) : nb::handle(PyExc_ValueError), message);
}

inline std::string type_name_of(nb::handle object) { return nb::cast<std::string>(nb::str(object.type().attr("__name__"))); }

// The memory of a NumPy array, or of anything else that offers the buffer protocol, held while this lives.
class Array {
 public:
  Array() = default;
  Array(nb::handle object, const char* name) : holds_(true) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_RECORDS_RO) != 0) {
      PyErr_Clear();
      raise(PyExc_TypeError, std::string(name) + " is " + type_text(object) + "; expected a NumPy array of float32, float64 or int64.");
    }
  }
  Array(Array&& other) noexcept : view_(other.view_), holds_(std::exchange(other.holds_, false)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(view_, other.view_);
    std::swap(holds_, other.holds_);
    return *this;
  }
  ~Array() {
    if (holds_) PyBuffer_Release(&view_);
  }

  const void* data() const { return view_.buf; }
  std::size_t axes() const { return static_cast<std::size_t>(view_.ndim); }
  Index size(std::size_t axis) const { return view_.shape[axis]; }
  Index stride(std::size_t axis) const { return view_.strides[axis]; }
  bool is_empty() const { return view_.len == 0; }
  const char* format() const { return view_.format ? view_.format : "B"; }
  Index item() const { return view_.itemsize; }

 private:
  static std::string type_text(nb::handle object) {
    if (object.is_none()) return "None";
    if (nb::hasattr(object, "dtype")) {
      const nb::object dtype = object.attr("dtype");
      return "of the type " + type_name_of(object) + " and " + nb::cast<std::string>(nb::str(nb::handle(dtype)));
    }
    return "of the type " + type_name_of(object);
  }

  Py_buffer view_{};
  bool holds_ = false;
};

inline std::string shape_text(const Array& array) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < array.axes(); ++axis) text += (axis ? ", " : "") + std::to_string(array.size(axis));
  return text + "]";
}

template <class T>
struct Type;
template <>
struct Type<float> {
  static constexpr const char *name = "float32", *formats = "f";
};
template <>
struct Type<double> {
  static constexpr const char *name = "float64", *formats = "d";
};
template <>
struct Type<Index> {
  static constexpr const char *name = "int64", *formats = sizeof(long) == 8 ? "lq" : "q";
};

// Whether the items are T's, in this machine's byte order.
template <class T>
bool holds(const Array& array) {
  const char* const format = array.format() + (array.format()[0] == '=');  // NumPy writes =f where an f is not aligned
  return format[0] && !format[1] && std::strchr(Type<T>::formats, format[0]) && array.item() == static_cast<Index>(sizeof(T));
}

// A struct format as NumPy names the dtype, as far as the common ones go.
inline std::string dtype_text(const Array& array) {
  static constexpr struct {
    const char *format, *name;
  } names[] = {{"f", "float32"}, {"d", "float64"}, {"e", "float16"}, {"g", "longdouble"}, {"?", "bool"}, {"b", "int8"}, {"h", "int16"}, {"i", "int32"}, {"l", "int64"},
               {"q", "int64"}, {"B", "uint8"}, {"H", "uint16"}, {"I", "uint32"}, {"L", "uint64"}, {"Q", "uint64"}, {"Zf", "complex64"}, {"Zd", "complex128"}, {"O", "object"}};
  for (const auto& entry : names)
    if (std::strcmp(entry.format, array.format()) == 0) return entry.name;
  return std::string("of the format '") + array.format() + "'" + (std::strchr("<>!", array.format()[0]) ? " (another byte order)" : "");
}

// Checks dtype, shape (−1 for any size), order and alignment, and gives the pointer.
template <class T>
const T* checked(const Array& array, const char* name, std::initializer_list<Index> shape, const char* meaning) {
  if (!holds<T>(array))
    raise(PyExc_TypeError, std::string(name) + " is " + dtype_text(array) + "; expected " + Type<T>::name + " " + meaning + ".");
  bool fits = array.axes() == shape.size();
  std::size_t axis = 0;
  for (const Index size : shape) {
    if (!fits) break;
    fits = size < 0 || array.size(axis) == size;
    ++axis;
  }
  if (!fits) {
    std::string sizes;
    for (const Index size : shape) sizes += (sizes.empty() ? "" : ", ") + (size < 0 ? std::string("any") : std::to_string(size));
    raise_shape(std::string(name) + " has the shape " + shape_text(array) + "; expected " + Type<T>::name + " " + meaning + ", here [" + sizes + "].");
  }
  Index step = sizeof(T);
  for (std::size_t i = array.axes(); i-- > 0 && !array.is_empty();) {
    if (array.size(i) > 1 && array.stride(i) != step) raise_shape(std::string(name) + " is not C-contiguous: pass numpy.ascontiguousarray(" + name + ").");
    step *= array.size(i);
  }
  if (reinterpret_cast<std::uintptr_t>(array.data()) % sizeof(T) != 0)
    raise_shape(std::string(name) + " is not aligned to its items: pass a copy, numpy.array(" + name + ").");
  return static_cast<const T*>(array.data());
}

// Calls `call.operator()<T>(array)` for the type that the array has; float for a wrong one, which is then refused.
template <class Call>
nb::object by_type(nb::handle given, const char* name, const Call& call) {
  const Array array(given, name);
  return holds<double>(array) ? call.template operator()<double>(array) : call.template operator()<float>(array);
}

// Whole numbers as they are now: checked and used as this copy, since another thread may write into the array during the call.
struct Numbers {
  Buffer<Index> buffer;
  Index count = 0;

  Numbers() = default;
  Numbers(const Array& array, const char* name, std::initializer_list<Index> shape, const char* meaning) {
    const Index* const from = checked<Index>(array, name, shape, meaning);
    count = array.size(0);
    buffer = Buffer<Index>(static_cast<std::size_t>(count));
    std::copy_n(from, count, buffer.data());
  }
  const Index* data() const { return buffer.data(); }
};

// Offsets rise from 0 to `rows`, one more than there are sequences.
inline Index check_offsets(const Numbers& numbers, Index rows, const char* of, const std::string& name = "offsets") {
  const Index count = numbers.count;
  const Index* const offsets = numbers.data();
  const auto at = [&](Index i) { return name + "[" + std::to_string(i) + "]"; };
  if (count < 1) raise_shape(name + " is empty; expected int64 [B + 1], rising from 0: [0] for no sequence.");
  if (offsets[0] != 0) raise_shape(at(0) + " is " + std::to_string(offsets[0]) + "; expected 0.");
  for (Index i = 1; i < count; ++i)
    if (offsets[i] < offsets[i - 1])
      raise_shape(at(i) + " is " + std::to_string(offsets[i]) + ", below " + at(i - 1) + ", " + std::to_string(offsets[i - 1]) + "; expected offsets that never fall.");
  if (offsets[count - 1] != rows)
    raise_shape(name + " ends with " + std::to_string(offsets[count - 1]) + ", but " + of + " has " + std::to_string(rows) + " rows; expected the two to be equal.");
  return count - 1;
}

template <class T>
struct Made {
  T* data;
  nb::object array;
};

// A new array in memory of the engine's own, which comes back when Python drops it. It begins on a boundary of 64 bytes: libraries of matrix
// products sum in another order where it does not, and a run could not be repeated.
template <class T>
Made<T> make_array(std::initializer_list<Index> shape) {
  std::size_t sizes[3] = {1, 1, 1}, count = 1, axis = 0;
  for (const Index size : shape) count *= sizes[axis++] = static_cast<std::size_t>(size);
  Buffer<T> buffer(std::max<std::size_t>(count, 1));
  T* const data = buffer.data();
  nb::capsule owner(data, [](void* block) noexcept { release_block(block); });
  buffer.release();
  return {data, nb::cast(nb::ndarray<nb::numpy, T>(data, shape.size(), sizes, owner))};
}

// A new array of NumPy's own: sooner made, for the few numbers of one step.
template <class T>
Made<T> make_step_array(Index rows, Index columns) {
  const nb::object array = registered().empty(nb::make_tuple(rows, columns), sizeof(T) == 4 ? registered().float32 : registered().float64);
  return {static_cast<T*>(const_cast<void*>(Array(array, "array").data())), array};
}

// A whole number as Python counts them, NumPy's too.
inline Index whole_number(nb::handle given, const char* name, Index least, Index most) {
  const nb::object whole = nb::steal(PyNumber_Index(given.ptr()));
  if (!whole.is_valid()) PyErr_Clear();
  int is_huge = 0;
  const Index number = whole.is_valid() ? PyLong_AsLongLongAndOverflow(whole.ptr(), &is_huge) : 0;
  if (whole.is_valid() && !is_huge && number >= least && number <= most) return number;
  raise(whole.is_valid() ? PyExc_ValueError : PyExc_TypeError,
        std::string(name) + " is " + nb::cast<std::string>(nb::repr(given)) + "; expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ".");
}

inline int threads_for(nb::handle threads) {
  if (threads.is_none()) return registered().default_threads;
  const nb::object whole = nb::steal(PyNumber_Index(threads.ptr()));
  if (!whole.is_valid()) {
    PyErr_Clear();
    raise(PyExc_TypeError, "threads is " + nb::cast<std::string>(nb::repr(threads)) + "; expected a whole number above 0, or None.");
  }
  const long long count = PyLong_AsLongLong(whole.ptr());
  const bool is_huge = PyErr_Occurred();  // more than a long long, or far below 0
  PyErr_Clear();
  if (count < 1 && !is_huge) raise(PyExc_ValueError, "threads is " + std::to_string(count) + "; expected a whole number above 0.");
  if (is_huge || count > kMostThreads) raise(PyExc_ValueError, "threads is " + nb::cast<std::string>(nb::str(whole)) + "; expected at most " + std::to_string(kMostThreads) + ".");
  return static_cast<int>(count);
}

inline bool is_true(nb::handle flag, const char* name) {
  const int value = PyObject_IsTrue(flag.ptr());
  if (value < 0) {
    PyErr_Clear();
    raise(PyExc_TypeError, std::string(name) + " is neither true nor false; expected a bool.");
  }
  return value != 0;
}

}  // namespace tidegate
