// The Python face: checks every argument before it reaches a pointer, hands out arrays, and holds no lock while it computes.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "layer.h"
#include "threads.h"

namespace nb = nanobind;

namespace {

using namespace tidegate;

// Set once by engine.py.
struct Registered {
  nb::object output, gradients, shape_error, empty, float32, float64;
  int default_threads = 1;
};

constexpr int kMostThreads = 1024;

Registered& registered() {
  static Registered* const it = new Registered;  // never destroyed: it holds Python objects
  return *it;
}

[[noreturn]] void raise(nb::handle type, const std::string& message) {
  PyErr_SetObject(type.ptr(), nb::str(message.data(), message.size()).ptr());
  throw nb::python_error();
}

[[noreturn]] void raise_shape(const std::string& message) {
  const nb::object& type = registered().shape_error;
  raise(type.is_valid() ? nb::handle(type) : nb::handle(PyExc_ValueError), message);
}

std::string type_name_of(nb::handle object) { return nb::cast<std::string>(nb::str(object.type().attr("__name__"))); }

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

std::string shape_text(const Array& array) {
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
std::string dtype_text(const Array& array) {
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
Index check_offsets(const Numbers& numbers, Index rows, const char* of) {
  const Index count = numbers.count;
  const Index* const offsets = numbers.data();
  if (count < 1) raise_shape("offsets is empty; expected int64 [B + 1], rising from 0: [0] for no sequence.");
  if (offsets[0] != 0) raise_shape("offsets[0] is " + std::to_string(offsets[0]) + "; expected 0.");
  for (Index i = 1; i < count; ++i)
    if (offsets[i] < offsets[i - 1])
      raise_shape("offsets[" + std::to_string(i) + "] is " + std::to_string(offsets[i]) + ", below offsets[" + std::to_string(i - 1) + "], " +
                  std::to_string(offsets[i - 1]) + "; expected offsets that never fall.");
  if (offsets[count - 1] != rows)
    raise_shape("offsets ends with " + std::to_string(offsets[count - 1]) + ", but " + of + " has " + std::to_string(rows) + " rows; expected the two to be equal.");
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

Cell cell_named(const std::string& name) {
  if (name == "rnn") return Cell::rnn_tanh;
  if (name == "rnn-relu") return Cell::rnn_relu;
  if (name == "lstm") return Cell::lstm;
  if (name == "gru") return Cell::gru;
  if (name == "gru-reset-after") return Cell::gru_reset_after;
  raise(PyExc_ValueError, "cell is '" + name + "'; expected one of rnn, rnn-relu, lstm, gru, gru-reset-after.");
}

struct PyTape {
  std::unique_ptr<Tape<float>> of_float;
  std::unique_ptr<Tape<double>> of_double;
  Index gates, hidden, directions;
};

class PyLayer {
 public:
  PyLayer(nb::handle cell, nb::handle weights_given, nb::handle reverse_given, nb::handle trains_given, nb::handle threads) {
    if (!nb::isinstance<nb::str>(cell)) raise(PyExc_TypeError, "cell is " + nb::cast<std::string>(nb::repr(cell)) + "; expected a string.");
    Py_ssize_t length = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(cell.ptr(), &length);
    if (!text) {  // a lone surrogate
      PyErr_Clear();
      raise(PyExc_ValueError, "cell is " + nb::cast<std::string>(nb::steal(PyObject_ASCII(cell.ptr()))) + "; expected one of rnn, rnn-relu, lstm, gru, gru-reset-after.");
    }
    cell_.assign(text, static_cast<std::size_t>(length));
    const Cell kind = cell_named(cell_);
    const nb::sequence weights = sequence_of(weights_given, "weights", "one (weight_ih, weight_hh, bias_ih, bias_hh) for each of one or two directions");
    const bool reverse = is_true(reverse_given, "reverse"), trains = is_true(trains_given, "trains");
    directions_ = static_cast<Index>(nb::len(weights));
    if (directions_ != 1 && directions_ != 2)
      raise_shape("weights has " + std::to_string(directions_) + " entries; expected one (weight_ih, weight_hh, bias_ih, bias_hh) for each of one or two directions.");
    if (directions_ == 2 && reverse) raise(PyExc_ValueError, "reverse was given with two directions; it is for a layer of one.");
    const nb::sequence first = direction_of(weights, 0);
    const Array array = Array(first[0], "weight_ih");
    is_double_ = holds<double>(array);
    if (is_double_)
      build<double>(of_double_, kind, weights, reverse, trains, threads_for(threads));
    else
      build<float>(of_float_, kind, weights, reverse, trains, threads_for(threads));
  }

  nb::object forward(nb::handle x, nb::handle offsets, nb::handle h0, nb::handle c0, nb::handle places, nb::handle keep, nb::handle threads) const {
    return is_double_ ? forward_as<double>(*of_double_, x, offsets, h0, c0, places, is_true(keep, "keep"), threads_for(threads))
                      : forward_as<float>(*of_float_, x, offsets, h0, c0, places, is_true(keep, "keep"), threads_for(threads));
  }

  nb::object step(nb::handle x, nb::handle h, nb::handle c) const {
    return is_double_ ? step_as<double>(*of_double_, x, h, c) : step_as<float>(*of_float_, x, h, c);
  }

  nb::object backward(nb::handle tape_given, nb::handle x, nb::handle dy, nb::handle dhn, nb::handle dcn, nb::handle needs_dx, nb::handle needs_dh0, nb::handle threads) const {
    const PyTape* tape = nullptr;
    if (!nb::try_cast(tape_given, tape) || !tape)
      raise(PyExc_TypeError, "tape is of the type " + type_name_of(tape_given) + "; expected what forward gave with keep=True.");
    if (is_double_ ? !tape->of_double : !tape->of_float) raise(PyExc_TypeError, std::string("tape is of another dtype than the layer; expected ") + dtype() + ".");
    const bool dx = is_true(needs_dx, "needs_dx"), dh0 = is_true(needs_dh0, "needs_dh0");
    return is_double_ ? backward_as<double>(*of_double_, *tape->of_double, x, dy, dhn, dcn, dx, dh0, threads_for(threads))
                      : backward_as<float>(*of_float_, *tape->of_float, x, dy, dhn, dcn, dx, dh0, threads_for(threads));
  }

  const std::string& cell() const { return cell_; }
  Index directions() const { return directions_; }
  Index input_size() const { return input_; }
  Index hidden_size() const { return hidden_; }
  const char* dtype() const { return is_double_ ? "float64" : "float32"; }

 private:
  static int threads_for(nb::handle threads) {
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

  static nb::sequence sequence_of(nb::handle object, const char* name, const char* expected) {
    if (!nb::isinstance<nb::sequence>(object) || nb::isinstance<nb::str>(object))
      raise(PyExc_TypeError, std::string(name) + " is of the type " + type_name_of(object) + "; expected " + expected + ".");
    return nb::borrow<nb::sequence>(object);
  }

  static nb::sequence direction_of(const nb::sequence& weights, Index direction) {
    const std::string name = "weights[" + std::to_string(direction) + "]";
    const nb::sequence one = sequence_of(nb::object(weights[direction]), name.c_str(), "(weight_ih, weight_hh, bias_ih, bias_hh)");
    if (nb::len(one) != 4) raise_shape(name + " has " + std::to_string(nb::len(one)) + " entries; expected (weight_ih, weight_hh, bias_ih, bias_hh).");
    return one;
  }

  static bool is_true(nb::handle flag, const char* name) {
    const int value = PyObject_IsTrue(flag.ptr());
    if (value < 0) {
      PyErr_Clear();
      raise(PyExc_TypeError, std::string(name) + " is neither true nor false; expected a bool.");
    }
    return value != 0;
  }

  template <class T>
  void build(std::unique_ptr<Layer<T>>& layer, Cell cell, const nb::sequence& weights, bool reverse, bool trains, int threads) {
    const Index gates = gates_of(cell);
    std::vector<DirectionWeights<T>> pointers;
    std::vector<Array> held;
    for (Index d = 0; d < directions_; ++d) {
      const nb::sequence one = direction_of(weights, d);
      Array hh = Array(one[1], "weight_hh"), ih = Array(one[0], "weight_ih");
      if (d == 0) {
        if (hh.axes() != 2 || hh.size(1) < 1) raise_shape("weight_hh has the shape " + shape_text(hh) + "; expected [gates · H, H].");
        if (ih.axes() != 2 || ih.size(1) < 1) raise_shape("weight_ih has the shape " + shape_text(ih) + "; expected [gates · H, I] with I above 0.");
        hidden_ = hh.size(1);
        input_ = ih.size(1);
      }
      DirectionWeights<T> w{};
      w.weight_hh = checked<T>(hh, "weight_hh", {gates * hidden_, hidden_}, "[gates · H, H]");
      w.weight_ih = checked<T>(ih, "weight_ih", {gates * hidden_, input_}, "[gates · H, I]");
      held.push_back(std::move(hh));
      held.push_back(std::move(ih));
      for (int b = 0; b < 2; ++b) {
        if (nb::handle(one[2 + b]).is_none()) continue;
        const char* const name = b ? "bias_hh" : "bias_ih";
        Array bias = Array(one[2 + b], name);
        (b ? w.bias_hh : w.bias_ih) = checked<T>(bias, name, {gates * hidden_}, "[gates · H]");
        held.push_back(std::move(bias));
      }
      pointers.push_back(w);
    }
    const nb::gil_scoped_release release;
    layer = std::make_unique<Layer<T>>(cell, input_, hidden_, pointers, reverse, trains, threads);
  }

  template <class T>
  nb::object forward_as(const Layer<T>& layer, nb::handle x, nb::handle offsets, nb::handle h0, nb::handle c0, nb::handle places, bool keep, int threads) const {
    const bool is_lstm = layer.shape().cell == Cell::lstm;
    const Index H = hidden_, D = directions_;
    if (keep && !layer.trains()) raise(PyExc_ValueError, "keep was given, but the layer was built without trains=True.");
    if (keep && !places.is_none()) raise(PyExc_ValueError, "keep was given with places; places are for inference.");
    ForwardArrays<T> arrays{};
    const Array x_array = Array(x, "x"), offsets_array = Array(offsets, "offsets");
    arrays.x = checked<T>(x_array, "x", {-1, input_}, "[N, I]");
    arrays.distinct = x_array.size(0);
    const Numbers offsets_now(offsets_array, "offsets", {-1}, "[B + 1]");
    arrays.offsets = offsets_now.data();
    Index rows = arrays.distinct;
    Numbers places_now;
    if (!places.is_none()) {
      places_now = Numbers(Array(places, "places"), "places", {-1}, "[N]");
      rows = places_now.count;
      static const Index none = 0;  // a pointer even where there are no rows: what says that places were given
      arrays.inputs = rows ? places_now.data() : &none;
      for (Index n = 0; n < rows; ++n)
        if (arrays.distinct == 0)
          raise_shape("x has no rows, but places has " + std::to_string(rows) + "; expected none.");
        else if (arrays.inputs[n] < 0 || arrays.inputs[n] >= arrays.distinct)
          raise_shape("places[" + std::to_string(n) + "] is " + std::to_string(arrays.inputs[n]) + ", but x has " + std::to_string(arrays.distinct) + " rows; expected 0 to " +
                      std::to_string(arrays.distinct - 1) + ".");
    }
    arrays.sequences = check_offsets(offsets_now, rows, places.is_none() ? "x" : "places");
    const Index B = arrays.sequences;
    Array h0_array, c0_array;
    if (!h0.is_none()) {
      h0_array = Array(h0, "h0");
      arrays.h0 = checked<T>(h0_array, "h0", {D, B, H}, "[directions, B, H]");
    }
    if (!c0.is_none()) {
      if (!is_lstm) raise(PyExc_TypeError, "c0 was given, but " + cell_ + " has no cell state.");
      c0_array = Array(c0, "c0");
      arrays.c0 = checked<T>(c0_array, "c0", {D, B, H}, "[directions, B, H]");
    }
    const Made<T> y = make_array<T>({rows, D * H}), hn = make_array<T>({D, B, H});
    Made<T> cn{nullptr, nb::none()};
    if (is_lstm) cn = make_array<T>({D, B, H});
    arrays.y = y.data;
    arrays.hn = hn.data;
    arrays.cn = cn.data;
    std::unique_ptr<Tape<T>> tape;
    {
      const nb::gil_scoped_release release;
      tape = layer.forward(arrays, keep, threads);
    }
    nb::object kept = nb::none();
    if (tape) {
      auto holder = std::make_unique<PyTape>();
      holder->gates = layer.shape().gates;
      holder->hidden = H;
      holder->directions = D;
      if constexpr (sizeof(T) == 4)
        holder->of_float = std::move(tape);
      else
        holder->of_double = std::move(tape);
      kept = nb::cast(holder.release(), nb::rv_policy::take_ownership);
    }
    return registered().output(y.array, hn.array, cn.array, kept);
  }

  template <class T>
  nb::object step_as(const Layer<T>& layer, nb::handle x, nb::handle h, nb::handle c) const {
    const bool is_lstm = layer.shape().cell == Cell::lstm;
    if (directions_ != 1) raise(PyExc_ValueError, "step was called on a layer of two directions; the second needs what comes later.");
    const Array x_array = Array(x, "x"), h_array = Array(h, "h");
    const T* const from_x = checked<T>(x_array, "x", {-1, input_}, "[B, I]");
    const Index B = x_array.size(0);
    const T* const from_h = checked<T>(h_array, "h", {B, hidden_}, "[B, H]");
    Array c_array;
    const T* from_c = nullptr;
    if (is_lstm) {
      if (c.is_none()) raise(PyExc_TypeError, "c is missing; an lstm's step needs float [B, H], zeros at the start.");
      c_array = Array(c, "c");
      from_c = checked<T>(c_array, "c", {B, hidden_}, "[B, H]");
    } else if (!c.is_none()) {
      raise(PyExc_TypeError, "c was given, but " + cell_ + " has no cell state.");
    }
    const Made<T> h_next = make_step_array<T>(B, hidden_);
    if (!is_lstm) {
      run_step(layer, from_x, from_h, from_c, B, h_next.data, static_cast<T*>(nullptr));
      return h_next.array;
    }
    const Made<T> c_next = make_step_array<T>(B, hidden_);
    run_step(layer, from_x, from_h, from_c, B, h_next.data, c_next.data);
    return nb::make_tuple(h_next.array, c_next.array);
  }

  template <class T>
  void run_step(const Layer<T>& layer, const T* x, const T* h, const T* c, Index B, T* h_next, T* c_next) const {
    // Letting go of the interpreter and taking it again pays only when the step is long.
    if (B * (input_ + hidden_) * hidden_ < (Index{1} << 20)) return layer.step(x, h, c, B, h_next, c_next);
    const nb::gil_scoped_release release;
    layer.step(x, h, c, B, h_next, c_next);
  }

  template <class T>
  nb::object backward_as(const Layer<T>& layer, const Tape<T>& tape, nb::handle x, nb::handle dy, nb::handle dhn, nb::handle dcn, bool needs_dx, bool needs_dh0,
                         int threads) const {
    const bool is_lstm = layer.shape().cell == Cell::lstm;
    const Index gates = layer.shape().gates, H = hidden_, D = directions_, N = tape.rows(), B = tape.sequences();
    if (!layer.trains()) raise(PyExc_ValueError, "backward was called on a layer built without trains=True.");
    if (!tape.fits(layer.shape(), D)) raise_shape("tape was kept by another layer than this one; expected that of " + cell_ + " with input_size " + std::to_string(input_) + ", hidden_size " +
                  std::to_string(hidden_) + " and " + std::to_string(D) + " directions.");
    BackwardArrays<T> arrays{};
    const Array x_array = Array(x, "x");
    arrays.x = checked<T>(x_array, "x", {N, input_}, "[N, I], the same as in forward");
    Array dy_array, dhn_array, dcn_array;
    if (!dy.is_none()) {
      dy_array = Array(dy, "dy");
      arrays.dy = checked<T>(dy_array, "dy", {N, D * H}, "[N, directions · H]");
    }
    if (!dhn.is_none()) {
      dhn_array = Array(dhn, "dhn");
      arrays.dhn = checked<T>(dhn_array, "dhn", {D, B, H}, "[directions, B, H]");
    }
    if (!dcn.is_none()) {
      if (!is_lstm) raise(PyExc_TypeError, "dcn was given, but " + cell_ + " has no cell state.");
      dcn_array = Array(dcn, "dcn");
      arrays.dcn = checked<T>(dcn_array, "dcn", {D, B, H}, "[directions, B, H]");
    }
    Made<T> dx{nullptr, nb::none()}, dh0{nullptr, nb::none()}, dc0{nullptr, nb::none()};
    if (needs_dx) dx = make_array<T>({N, input_});
    if (needs_dh0) dh0 = make_array<T>({D, B, H});
    if (needs_dh0 && is_lstm) dc0 = make_array<T>({D, B, H});
    arrays.dx = dx.data;
    arrays.dh0 = dh0.data;
    arrays.dc0 = dc0.data;
    nb::list weights;
    for (Index d = 0; d < D; ++d) {
      const Made<T> ih = make_array<T>({gates * H, input_}), hh = make_array<T>({gates * H, H}), b_ih = make_array<T>({gates * H}), b_hh = make_array<T>({gates * H});
      arrays.dweight_ih.push_back(ih.data);
      arrays.dweight_hh.push_back(hh.data);
      arrays.dbias_ih.push_back(b_ih.data);
      arrays.dbias_hh.push_back(b_hh.data);
      weights.append(nb::make_tuple(ih.array, hh.array, b_ih.array, b_hh.array));
    }
    {
      const nb::gil_scoped_release release;
      layer.backward(tape, arrays, threads);
    }
    return registered().gradients(dx.array, weights, dh0.array, dc0.array);
  }

  std::string cell_;
  Index directions_ = 0, input_ = 0, hidden_ = 0;
  bool is_double_ = false;
  std::unique_ptr<Layer<float>> of_float_;
  std::unique_ptr<Layer<double>> of_double_;
};

template <class T>
nb::object crf_loss_as(const Array& emissions, nb::handle labels, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, bool needs_gradients) {
  Crf<T> job{};
  job.emissions = checked<T>(emissions, "emissions", {-1, -1}, "[N, K]");
  const Index N = emissions.size(0), K = job.labels = emissions.size(1);
  if (K < 1) raise_shape("emissions has the shape " + shape_text(emissions) + "; expected [N, K] with K above 0.");
  const Array labels_array(labels, "labels"), offsets_array(offsets, "offsets"), pair_array(pair, "pair"), start_array(start, "start"), end_array(end, "end");
  const Numbers labels_now(labels_array, "labels", {N}, "[N]"), offsets_now(offsets_array, "offsets", {-1}, "[B + 1]");
  job.gold = labels_now.data();
  for (Index n = 0; n < N; ++n)
    if (job.gold[n] < 0 || job.gold[n] >= K)
      raise_shape("labels[" + std::to_string(n) + "] is " + std::to_string(job.gold[n]) + "; expected 0 to " + std::to_string(K - 1) + ".");
  job.offsets = offsets_now.data();
  job.sequences = check_offsets(offsets_now, N, "emissions");
  job.pair = checked<T>(pair_array, "pair", {K, K}, "[K, K]");
  job.start = checked<T>(start_array, "start", {K}, "[K]");
  job.end = checked<T>(end_array, "end", {K}, "[K]");
  Made<T> de{nullptr, nb::none()}, dp{nullptr, nb::none()}, ds{nullptr, nb::none()}, dn{nullptr, nb::none()};
  if (needs_gradients) {
    de = make_array<T>({N, K});
    dp = make_array<T>({K, K});
    ds = make_array<T>({K});
    dn = make_array<T>({K});
  }
  double loss;
  {
    const nb::gil_scoped_release release;
    Index longest = 0;
    for (Index b = 0; b < job.sequences; ++b) longest = std::max(longest, job.offsets[b + 1] - job.offsets[b]);
    const Kernels<T>& kernels = instruction_set().kernels<T>();
    const Index sums = K * K + 2 * K;
    Buffer<double> memory(static_cast<std::size_t>(round_up(sums, 8) + kernels.crf_scratch(K, longest)));
    std::fill_n(memory.data(), sums, 0.0);
    job.d_emissions = de.data;
    job.d_pair = memory.data();
    job.d_start = job.d_pair + K * K;
    job.d_end = job.d_start + K;
    job.scratch = memory.data() + round_up(sums, 8);
    parallel(1, [&](int, int) { loss = kernels.crf(job); });
    if (needs_gradients) {
      std::copy_n(job.d_pair, K * K, dp.data);
      std::copy_n(job.d_start, K, ds.data);
      std::copy_n(job.d_end, K, dn.data);
    }
  }
  return nb::make_tuple(loss, de.array, dp.array, ds.array, dn.array);
}

nb::object crf_loss(nb::handle emissions, nb::handle labels, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, bool needs_gradients) {
  const Array array(emissions, "emissions");
  return holds<double>(array) ? crf_loss_as<double>(array, labels, offsets, pair, start, end, needs_gradients)
                              : crf_loss_as<float>(array, labels, offsets, pair, start, end, needs_gradients);
}

nb::object tape_gates(const PyTape& tape, Index direction) {
  if (direction < 0 || direction >= tape.directions)
    raise(PyExc_IndexError, "direction is " + std::to_string(direction) + "; expected 0 to " + std::to_string(tape.directions - 1) + ".");
  const auto from = [&]<class T>(const Tape<T>& kept) {
    const Made<T> made = make_array<T>({kept.rows(), tape.gates, tape.hidden});
    kept.gates(direction, made.data);
    return made.array;
  };
  return tape.of_float ? from(*tape.of_float) : from(*tape.of_double);
}

}  // namespace

NB_MODULE(_engine, m) {
  nb::set_leak_warnings(false);
  m.def(
      "register",
      [](nb::object output, nb::object gradients, nb::object shape_error, int default_threads) {
        const nb::object numpy = nb::module_::import_("numpy");
        registered() = {output, gradients, shape_error, numpy.attr("empty"), numpy.attr("float32"), numpy.attr("float64"), default_threads};
      },
      nb::arg("output"), nb::arg("gradients"), nb::arg("shape_error"), nb::arg("default_threads"));
  m.def("instruction_set", [] { return instruction_set().name; });
  m.def("usable_instruction_sets", &usable_instruction_sets);
  m.def("parallel_runtime", &parallel_runtime);
  m.def("release_kept_memory", &release_kept_memory);
  m.def("crf_loss", &crf_loss, nb::arg("emissions").none(), nb::arg("labels").none(), nb::arg("offsets").none(), nb::arg("pair").none(), nb::arg("start").none(),
        nb::arg("end").none(), nb::kw_only(), nb::arg("needs_gradients") = true);
  nb::class_<PyTape>(m, "Tape")
      .def_prop_ro("nbytes", [](const PyTape& tape) { return tape.of_float ? tape.of_float->bytes() : tape.of_double->bytes(); })
      .def("gates", &tape_gates, nb::arg("direction") = 0);
  // Every argument may be anything, None too: what it must be is checked, and said, here.
  nb::class_<PyLayer>(m, "Layer")
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle, nb::handle>(), nb::arg("cell").none(), nb::arg("weights").none(), nb::kw_only(),
           nb::arg("reverse").none() = false, nb::arg("trains").none() = false, nb::arg("threads").none() = nb::none())
      .def_prop_ro("cell", &PyLayer::cell)
      .def_prop_ro("input_size", &PyLayer::input_size)
      .def_prop_ro("hidden_size", &PyLayer::hidden_size)
      .def_prop_ro("directions", &PyLayer::directions)
      .def_prop_ro("dtype", &PyLayer::dtype)
      .def("forward", &PyLayer::forward, nb::arg("x").none(), nb::arg("offsets").none(), nb::arg("h0").none() = nb::none(), nb::arg("c0").none() = nb::none(),
           nb::kw_only(), nb::arg("places").none() = nb::none(), nb::arg("keep").none() = false, nb::arg("threads").none() = nb::none())
      .def("step", &PyLayer::step, nb::arg("x").none(), nb::arg("h").none(), nb::arg("c").none() = nb::none())
      .def("backward", &PyLayer::backward, nb::arg("tape").none(), nb::arg("x").none(), nb::arg("dy").none() = nb::none(), nb::arg("dhn").none() = nb::none(),
           nb::arg("dcn").none() = nb::none(), nb::kw_only(), nb::arg("needs_dx").none() = true, nb::arg("needs_dh0").none() = false,
           nb::arg("threads").none() = nb::none());
}
