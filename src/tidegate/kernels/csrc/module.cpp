// The Python face: the module, its layers and their tapes. Nothing holds the interpreter's lock while it computes.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "layer.h"
#include "module.h"
#include "threads.h"

namespace {

using namespace tidegate;

constexpr const char* kCells = "rnn, rnn-relu, lstm, gru, gru-reset-after, mingru, minlstm";

Cell cell_named(const std::string& name) {
  if (name == "rnn") return Cell::rnn_tanh;
  if (name == "rnn-relu") return Cell::rnn_relu;
  if (name == "lstm") return Cell::lstm;
  if (name == "gru") return Cell::gru;
  if (name == "gru-reset-after") return Cell::gru_reset_after;
  if (name == "mingru") return Cell::mingru;
  if (name == "minlstm") return Cell::minlstm;
  raise(PyExc_ValueError, "cell is '" + name + "'; expected one of " + kCells + ".");
}

// The entries of a direction's weights, in this order.
struct Entry {
  const char *name, *meaning;
  bool is_gate, is_matrix;  // [gates · H] or [H], and with a second axis
};
constexpr Entry kEntries[] = {{"weight_ih", "[gates · H, I]", true, true}, {"weight_hh", "[gates · H, H]", true, true}, {"bias_ih", "[gates · H]", true, false},
                              {"bias_hh", "[gates · H]", true, false},     {"gain_ih", "[gates · H]", true, false},     {"gain_hh", "[gates · H]", true, false},
                              {"gain_c", "[H]", false, false},             {"shift_c", "[H]", false, false}};
template <class T>
constexpr const T* DirectionWeights<T>::* kWeights[] = {&DirectionWeights<T>::weight_ih, &DirectionWeights<T>::weight_hh, &DirectionWeights<T>::bias_ih,
                                                        &DirectionWeights<T>::bias_hh,   &DirectionWeights<T>::gain_ih,   &DirectionWeights<T>::gain_hh,
                                                        &DirectionWeights<T>::gain_c,    &DirectionWeights<T>::shift_c};
template <class T>
constexpr T* DirectionGradients<T>::* kGradients[] = {&DirectionGradients<T>::weight_ih, &DirectionGradients<T>::weight_hh, &DirectionGradients<T>::bias_ih,
                                                      &DirectionGradients<T>::bias_hh,   &DirectionGradients<T>::gain_ih,   &DirectionGradients<T>::gain_hh,
                                                      &DirectionGradients<T>::gain_c,    &DirectionGradients<T>::shift_c};
constexpr std::size_t kPlainEntries = 4;

// How many entries a direction's weights have under layer norm; 0 for a cell that has none.
std::size_t normed_entries(Cell cell) {
  if (cell == Cell::lstm) return 8;
  return cell == Cell::gru || cell == Cell::gru_reset_after ? 6 : 0;
}

struct PyTape {
  std::unique_ptr<Tape<float>> of_float;
  std::unique_ptr<Tape<double>> of_double;
  Index gates, hidden, directions;
};

// What a call may say besides its arrays.
struct Call {
  bool keep = false;
  std::optional<std::uint64_t> seed;
  int threads = 1;
};

class PyLayer {
 public:
  PyLayer(nb::handle cell, nb::handle weights_given, nb::handle reverse_given, nb::handle trains_given, nb::handle threads, nb::handle zoneout_given) {
    if (!nb::isinstance<nb::str>(cell)) raise(PyExc_TypeError, "cell is " + nb::cast<std::string>(nb::repr(cell)) + "; expected a string.");
    Py_ssize_t length = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(cell.ptr(), &length);
    if (!text) {  // a lone surrogate
      PyErr_Clear();
      raise(PyExc_ValueError, "cell is " + nb::cast<std::string>(nb::steal(PyObject_ASCII(cell.ptr()))) + "; expected one of " + kCells + ".");
    }
    cell_.assign(text, static_cast<std::size_t>(length));
    kind_ = cell_named(cell_);
    const nb::sequence weights = sequence_of(weights_given, "weights", "one (weight_ih, weight_hh, bias_ih, bias_hh) for each of one or two directions");
    const bool reverse = is_true(reverse_given, "reverse"), trains = is_true(trains_given, "trains");
    directions_ = static_cast<Index>(nb::len(weights));
    if (directions_ != 1 && directions_ != 2)
      raise_shape("weights has " + std::to_string(directions_) + " entries; expected one (weight_ih, weight_hh, bias_ih, bias_hh) for each of one or two directions.");
    if (directions_ == 2 && reverse) raise(PyExc_ValueError, "reverse was given with two directions; it is for a layer of one.");
    const auto zoneout = zoneout_of(zoneout_given);
    const nb::sequence first = direction_of(weights, 0);
    entries_ = nb::len(first);
    const Array array = Array(first[0], "weight_ih");
    is_double_ = holds<double>(array);
    if (is_double_)
      build<double>(of_double_, weights, reverse, trains, threads_for(threads), zoneout);
    else
      build<float>(of_float_, weights, reverse, trains, threads_for(threads), zoneout);
  }

  nb::object forward(nb::handle x, nb::handle offsets, nb::handle h0, nb::handle c0, nb::handle mask, nb::handle seed, nb::handle rows, nb::handle places, nb::handle keep,
                     nb::handle threads) const {
    const Call call{is_true(keep, "keep"), seed_of(seed), threads_for(threads)};
    return is_double_ ? forward_as<double>(*of_double_, x, offsets, h0, c0, mask, rows, places, call) : forward_as<float>(*of_float_, x, offsets, h0, c0, mask, rows, places, call);
  }

  nb::object step(nb::handle x, nb::handle h, nb::handle c, nb::handle threads) const {
    const int count = threads.is_none() ? 1 : threads_for(threads);
    return is_double_ ? step_as<double>(*of_double_, x, h, c, count) : step_as<float>(*of_float_, x, h, c, count);
  }

  nb::object backward(nb::handle tape_given, nb::handle x, nb::handle dy, nb::handle dhn, nb::handle dcn, nb::handle needs_dx, nb::handle needs_dh0, nb::handle needs_weights,
                      nb::handle threads) const {
    const PyTape* tape = nullptr;
    if (!nb::try_cast(tape_given, tape) || !tape)
      raise(PyExc_TypeError, "tape is of the type " + type_name_of(tape_given) + "; expected what forward gave with keep=True.");
    if (is_double_ ? !tape->of_double : !tape->of_float) raise(PyExc_TypeError, std::string("tape is of another dtype than the layer; expected ") + dtype() + ".");
    const bool dx = is_true(needs_dx, "needs_dx"), dh0 = is_true(needs_dh0, "needs_dh0"), weights = is_true(needs_weights, "needs_weights");
    return is_double_ ? backward_as<double>(*of_double_, *tape->of_double, x, dy, dhn, dcn, dx, dh0, weights, threads_for(threads))
                      : backward_as<float>(*of_float_, *tape->of_float, x, dy, dhn, dcn, dx, dh0, weights, threads_for(threads));
  }

  const std::string& cell() const { return cell_; }
  Index directions() const { return directions_; }
  Index input_size() const { return input_; }
  Index hidden_size() const { return hidden_; }
  const char* dtype() const { return is_double_ ? "float64" : "float32"; }

 private:
  static nb::sequence sequence_of(nb::handle object, const char* name, const char* expected) {
    if (!nb::isinstance<nb::sequence>(object) || nb::isinstance<nb::str>(object))
      raise(PyExc_TypeError, std::string(name) + " is of the type " + type_name_of(object) + "; expected " + expected + ".");
    return nb::borrow<nb::sequence>(object);
  }

  // (weight_ih, weight_hh, …) as far as this cell has them, with layer norm or without.
  std::string entries_text(std::size_t count) const {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += (i ? ", " : "(") + std::string(!has_recurrent(kind_) && i % 2 ? "None" : kEntries[i].name);
    return text + ")";
  }

  nb::sequence direction_of(const nb::sequence& weights, Index direction) const {
    const std::string name = "weights[" + std::to_string(direction) + "]", plain = entries_text(kPlainEntries);
    const nb::sequence one = sequence_of(nb::object(weights[direction]), name.c_str(), plain.c_str());
    const std::size_t count = nb::len(one), normed = normed_entries(kind_);
    if (count != kPlainEntries && (count != normed || !normed))
      raise_shape(name + " has " + std::to_string(count) + " entries; expected " + plain + (normed ? " or, with layer norm, " + entries_text(normed) : "") + ".");
    if (direction > 0 && count != entries_)
      raise_shape(name + " has " + std::to_string(count) + " entries, but weights[0] has " + std::to_string(entries_) + "; expected as many.");
    return one;
  }

  std::pair<double, double> zoneout_of(nb::handle given) const {
    const nb::sequence pair = sequence_of(given, "zoneout", "two probabilities, of h and of an lstm's c");
    if (nb::len(pair) != 2) raise_shape("zoneout has " + std::to_string(nb::len(pair)) + " entries; expected two probabilities, of h and of an lstm's c.");
    double values[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const nb::object one = pair[i];
      values[i] = PyFloat_AsDouble(one.ptr());
      if (values[i] == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        raise(PyExc_TypeError, "zoneout[" + std::to_string(i) + "] is of the type " + type_name_of(one) + "; expected a number.");
      }
      if (!(values[i] >= 0 && values[i] < 1))
        raise(PyExc_ValueError, "zoneout[" + std::to_string(i) + "] is " + nb::cast<std::string>(nb::str(nb::handle(one))) + "; expected a probability, at least 0 and below 1.");
    }
    if (values[1] > 0 && kind_ != Cell::lstm) raise(PyExc_ValueError, "zoneout[1] was given, but " + cell_ + " has no cell state; expected 0.");
    if (values[0] > 0 && !has_recurrent(kind_)) raise(PyExc_ValueError, "zoneout was given, but " + cell_ + " has no recurrent matrix; expected (0, 0).");
    return {values[0], values[1]};
  }

  static std::optional<std::uint64_t> seed_of(nb::handle given) {
    if (given.is_none()) return std::nullopt;
    const nb::object index = nb::steal(PyNumber_Index(given.ptr()));
    const unsigned long long value = index.is_valid() ? PyLong_AsUnsignedLongLong(index.ptr()) : 0;
    if (PyErr_Occurred()) {
      PyErr_Clear();
      raise(index.is_valid() ? PyExc_ValueError : PyExc_TypeError, "seed is " + nb::cast<std::string>(nb::repr(given)) + "; expected a whole number from 0 to 2^64 − 1, or None.");
    }
    return value;
  }

  template <class T>
  void build(std::unique_ptr<Layer<T>>& layer, const nb::sequence& weights, bool reverse, bool trains, int threads, std::pair<double, double> zoneout) {
    const Index gates = gates_of(kind_);
    std::vector<DirectionWeights<T>> pointers;
    std::vector<Array> held;
    for (Index d = 0; d < directions_; ++d) {
      const nb::sequence one = direction_of(weights, d);
      DirectionWeights<T> w{};
      // The recurrent matrix first: H is its width.
      for (const std::size_t i : {1, 0, 2, 3, 4, 5, 6, 7}) {
        const Entry& entry = kEntries[i];
        if (i >= entries_) continue;
        const nb::object given = one[i];
        if (i < kPlainEntries && i % 2 && !has_recurrent(kind_)) {
          if (!given.is_none()) raise(PyExc_TypeError, std::string(entry.name) + " was given, but " + cell_ + " has no recurrent matrix; expected None.");
          continue;
        }
        if ((i == 2 || i == 3) && given.is_none()) continue;
        Array array(given, entry.name);
        if (d == 0 && i < 2) {
          if (array.axes() != 2 || array.size(1) < 1) raise_shape(std::string(entry.name) + " has the shape " + shape_text(array) + "; expected " + entry.meaning + (i == 0 ? " with I above 0." : "."));
          if (i == 0) {
            input_ = array.size(1);
            if (!has_recurrent(kind_)) hidden_ = array.size(0) / gates;
            if (hidden_ < 1) raise_shape("weight_ih has the shape " + shape_text(array) + "; expected [gates · H, I] with H above 0.");
          } else {
            hidden_ = array.size(1);
          }
        }
        const Index rows = entry.is_gate ? gates * hidden_ : hidden_;
        w.*kWeights<T>[i] =
            entry.is_matrix ? checked<T>(array, entry.name, {rows, i == 0 ? input_ : hidden_}, entry.meaning) : checked<T>(array, entry.name, {rows}, entry.meaning);
        held.push_back(std::move(array));
      }
      pointers.push_back(w);
    }
    const nb::gil_scoped_release release;
    layer = std::make_unique<Layer<T>>(kind_, input_, hidden_, pointers, reverse, trains, threads, zoneout);
  }

  // Where each row of the flat batch stands in x and y: every row once.
  static void check_rows(const Numbers& rows) {
    std::vector<bool> seen(static_cast<std::size_t>(rows.count));
    for (Index n = 0; n < rows.count; ++n) {
      const Index row = rows.data()[n];
      if (row < 0 || row >= rows.count)
        raise_shape("rows[" + std::to_string(n) + "] is " + std::to_string(row) + "; expected 0 to " + std::to_string(rows.count - 1) + ".");
      if (seen[static_cast<std::size_t>(row)]) raise_shape("rows[" + std::to_string(n) + "] is " + std::to_string(row) + " once more; expected every row once.");
      seen[static_cast<std::size_t>(row)] = true;
    }
  }

  template <class T>
  nb::object forward_as(const Layer<T>& layer, nb::handle x, nb::handle offsets, nb::handle h0, nb::handle c0, nb::handle mask, nb::handle rows_given, nb::handle places,
                        const Call& call) const {
    const bool keep = call.keep, is_lstm = layer.shape().cell == Cell::lstm;
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
    Array mask_array;
    if (!mask.is_none()) {
      if (!has_recurrent(kind_)) raise(PyExc_TypeError, "mask was given, but " + cell_ + " has no recurrent matrix.");
      mask_array = Array(mask, "mask");
      arrays.mask = checked<T>(mask_array, "mask", {D, B, H}, "[directions, B, H]");
    }
    Numbers rows_now;
    if (!rows_given.is_none()) {
      rows_now = Numbers(Array(rows_given, "rows"), "rows", {rows}, "[N]");
      check_rows(rows_now);
      arrays.memory = rows ? rows_now.data() : nullptr;
    }
    arrays.seed = call.seed ? &*call.seed : nullptr;
    const Made<T> y = make_array<T>({rows, D * H}), hn = make_array<T>({D, B, H});
    Made<T> cn{nullptr, nb::none()};
    if (is_lstm) cn = make_array<T>({D, B, H});
    arrays.y = y.data;
    arrays.hn = hn.data;
    arrays.cn = cn.data;
    std::unique_ptr<Tape<T>> tape;
    {
      const nb::gil_scoped_release release;
      tape = layer.forward(arrays, keep, call.threads);
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
  nb::object step_as(const Layer<T>& layer, nb::handle x, nb::handle h, nb::handle c, int threads) const {
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
      run_step(layer, from_x, from_h, from_c, B, h_next.data, static_cast<T*>(nullptr), threads);
      return h_next.array;
    }
    const Made<T> c_next = make_step_array<T>(B, hidden_);
    run_step(layer, from_x, from_h, from_c, B, h_next.data, c_next.data, threads);
    return nb::make_tuple(h_next.array, c_next.array);
  }

  template <class T>
  void run_step(const Layer<T>& layer, const T* x, const T* h, const T* c, Index B, T* h_next, T* c_next, int threads) const {
    // Letting go of the interpreter and taking it again pays only when the step is long.
    if (B * (input_ + hidden_) * hidden_ < (Index{1} << 20)) return layer.step(x, h, c, B, h_next, c_next, threads);
    const nb::gil_scoped_release release;
    layer.step(x, h, c, B, h_next, c_next, threads);
  }

  template <class T>
  nb::object backward_as(const Layer<T>& layer, const Tape<T>& tape, nb::handle x, nb::handle dy, nb::handle dhn, nb::handle dcn, bool needs_dx, bool needs_dh0,
                         bool needs_weights, int threads) const {
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
    for (Index d = 0; needs_weights && d < D; ++d) {
      nb::list made;
      DirectionGradients<T> gradients;
      for (std::size_t i = 0; i < entries_; ++i) {
        const Entry& entry = kEntries[i];
        if (i < kPlainEntries && i % 2 && !has_recurrent(kind_)) {
          made.append(nb::none());
          continue;
        }
        const Index rows = entry.is_gate ? gates * H : H;
        const Made<T> one = entry.is_matrix ? make_array<T>({rows, i == 0 ? input_ : H}) : make_array<T>({rows});
        gradients.*kGradients<T>[i] = one.data;
        made.append(one.array);
      }
      arrays.weights.push_back(gradients);
      weights.append(nb::tuple(made));
    }
    {
      const nb::gil_scoped_release release;
      layer.backward(tape, arrays, threads);
    }
    return registered().gradients(dx.array, weights, dh0.array, dc0.array);
  }

  std::string cell_;
  Cell kind_ = Cell::lstm;
  std::size_t entries_ = 0;  // of a direction's weights
  Index directions_ = 0, input_ = 0, hidden_ = 0;
  bool is_double_ = false;
  std::unique_ptr<Layer<float>> of_float_;
  std::unique_ptr<Layer<double>> of_double_;
};

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
  register_attention(m);
  register_crf(m);
  register_ctc(m);
  nb::class_<PyTape>(m, "Tape")
      .def_prop_ro("nbytes", [](const PyTape& tape) { return tape.of_float ? tape.of_float->bytes() : tape.of_double->bytes(); })
      .def("gates", &tape_gates, nb::arg("direction") = 0);
  // Every argument may be anything, None too: what it must be is checked, and said, here.
  nb::class_<PyLayer>(m, "Layer")
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle, nb::handle, nb::handle>(), nb::arg("cell").none(), nb::arg("weights").none(), nb::kw_only(),
           nb::arg("reverse").none() = false, nb::arg("trains").none() = false, nb::arg("threads").none() = nb::none(),
           nb::arg("zoneout").none() = nb::make_tuple(0.0, 0.0))
      .def_prop_ro("cell", &PyLayer::cell)
      .def_prop_ro("input_size", &PyLayer::input_size)
      .def_prop_ro("hidden_size", &PyLayer::hidden_size)
      .def_prop_ro("directions", &PyLayer::directions)
      .def_prop_ro("dtype", &PyLayer::dtype)
      .def("forward", &PyLayer::forward, nb::arg("x").none(), nb::arg("offsets").none(), nb::arg("h0").none() = nb::none(), nb::arg("c0").none() = nb::none(),
           nb::kw_only(), nb::arg("mask").none() = nb::none(), nb::arg("seed").none() = nb::none(), nb::arg("rows").none() = nb::none(),
           nb::arg("places").none() = nb::none(), nb::arg("keep").none() = false, nb::arg("threads").none() = nb::none())
      .def("step", &PyLayer::step, nb::arg("x").none(), nb::arg("h").none(), nb::arg("c").none() = nb::none(), nb::kw_only(),
           nb::arg("threads").none() = nb::none())
      .def("backward", &PyLayer::backward, nb::arg("tape").none(), nb::arg("x").none(), nb::arg("dy").none() = nb::none(), nb::arg("dhn").none() = nb::none(),
           nb::arg("dcn").none() = nb::none(), nb::kw_only(), nb::arg("needs_dx").none() = true, nb::arg("needs_dh0").none() = false,
           nb::arg("needs_weights").none() = true, nb::arg("threads").none() = nb::none());
}
