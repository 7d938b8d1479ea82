// Attention's Python face.
#include "arguments.h"
#include "attention.h"
#include "module.h"

namespace {

using namespace tidegate;

// The arguments that both passes have, held while this lives.
template <class T>
class AttentionArguments {
 public:
  AttentionArguments(const Array& queries, nb::handle keys, nb::handle values, nb::handle target_offsets, nb::handle source_offsets, nb::handle energy, nb::handle limits)
      : keys_(keys, "keys"), values_(values, "values"), targets_array_(target_offsets, "target_offsets"), sources_array_(source_offsets, "source_offsets") {
    attention.queries = checked<T>(queries, "queries", {-1, -1}, "[Nt, A]");
    const Index A = attention.width = queries.size(1);
    if (A < 1) raise_shape("queries has the shape " + shape_text(queries) + "; expected [Nt, A] with A above 0.");
    rows = queries.size(0);
    attention.keys = checked<T>(keys_, "keys", {-1, A}, "[Ns, A]");
    positions = keys_.size(0);
    attention.values = checked<T>(values_, "values", {positions, -1}, "[Ns, D]");
    attention.depth = values_.size(1);
    if (attention.depth < 1) raise_shape("values has the shape " + shape_text(values_) + "; expected [Ns, D] with D above 0.");
    targets_ = Numbers(targets_array_, "target_offsets", {-1}, "[B + 1]");
    attention.target_offsets = targets_.data();
    const Index B = attention.sequences = check_offsets(targets_, rows, "queries", "target_offsets");
    sources_ = Numbers(sources_array_, "source_offsets", {B + 1}, "[B + 1]");
    attention.source_offsets = sources_.data();
    check_offsets(sources_, positions, "keys", "source_offsets");
    for (Index b = 0; b < B; ++b)
      if (attention.rows(b) > 0 && attention.positions(b) == 0)
        raise_shape("sequence " + std::to_string(b) + " has " + std::to_string(attention.rows(b)) + " queries and no keys; expected no queries where the source is empty.");
    if (!energy.is_none()) {
      energy_ = Array(energy, "energy");
      attention.energy = checked<T>(energy_, "energy", {A}, "[A]");
    }
    if (!limits.is_none()) {
      limits_array_ = Array(limits, "limits");
      limits_ = Numbers(limits_array_, "limits", {rows}, "[Nt]");
      for (Index row = 0; row < rows; ++row)
        if (limits_.data()[row] < 1) raise_shape("limits[" + std::to_string(row) + "] is " + std::to_string(limits_.data()[row]) + "; expected 1 or more.");
      if (rows) attention.limits = limits_.data();
    }
    pair_offsets_ = Buffer<Index>(static_cast<std::size_t>(B + 1));
    attention.pair_offsets = pair_offsets_.data();
    pairs = lay_out_pairs(attention, pair_offsets_.data());
  }

  Attention<T> attention{};
  Index rows = 0, positions = 0, pairs = 0;

 private:
  Array keys_, values_, targets_array_, sources_array_, energy_, limits_array_;
  Numbers targets_, sources_, limits_;
  Buffer<Index> pair_offsets_;
};

nb::object attention(nb::handle queries, nb::handle keys, nb::handle values, nb::handle target_offsets, nb::handle source_offsets, nb::handle energy, nb::handle limits,
                     nb::handle threads) {
  return by_type(queries, "queries", [&]<class T>(const Array& array) -> nb::object {
    const AttentionArguments<T> arguments(array, keys, values, target_offsets, source_offsets, energy, limits);
    const int team = threads_for(threads);
    const Made<T> context = make_array<T>({arguments.rows, arguments.attention.depth}), weights = make_array<T>({arguments.pairs});
    {
      const nb::gil_scoped_release release;
      attention_forward(arguments.attention, context.data, weights.data, team);
    }
    return nb::make_tuple(context.array, weights.array);
  });
}

nb::object attention_backward(nb::handle dcontext, nb::handle dweights, nb::handle queries, nb::handle keys, nb::handle values, nb::handle weights, nb::handle target_offsets,
                              nb::handle source_offsets, nb::handle energy, nb::handle limits, nb::handle threads) {
  return by_type(queries, "queries", [&]<class T>(const Array& array) -> nb::object {
    const AttentionArguments<T> arguments(array, keys, values, target_offsets, source_offsets, energy, limits);
    const Attention<T>& of = arguments.attention;
    const Array dcontext_array(dcontext, "dcontext"), weights_array(weights, "weights");
    Array dweights_array;
    AttentionArrays<T> arrays{};
    arrays.dcontext = checked<T>(dcontext_array, "dcontext", {arguments.rows, of.depth}, "[Nt, D]");
    arrays.weights = checked<T>(weights_array, "weights", {arguments.pairs}, "[P]");
    if (!dweights.is_none()) {
      dweights_array = Array(dweights, "dweights");
      arrays.dweights = checked<T>(dweights_array, "dweights", {arguments.pairs}, "[P]");
    }
    const int team = threads_for(threads);
    const Made<T> dqueries = make_array<T>({arguments.rows, of.width}), dkeys = make_array<T>({arguments.positions, of.width}),
                  dvalues = make_array<T>({arguments.positions, of.depth});
    Made<T> denergy{nullptr, nb::none()};
    if (of.energy) denergy = make_array<T>({of.width});
    arrays.dqueries = dqueries.data;
    arrays.dkeys = dkeys.data;
    arrays.dvalues = dvalues.data;
    arrays.denergy = denergy.data;
    {
      const nb::gil_scoped_release release;
      tidegate::attention_backward(of, arrays, team);
    }
    return nb::make_tuple(dqueries.array, dkeys.array, dvalues.array, denergy.array);
  });
}

}  // namespace

// Every argument may be anything, None too: what it must be is checked, and said, here.
void tidegate::register_attention(nb::module_& m) {
  const auto none = [](const char* name) { return nb::arg(name).none(); };
  const auto optional = [](const char* name) { return nb::arg(name).none() = nb::none(); };
  m.def("attention", &::attention, none("queries"), none("keys"), none("values"), none("target_offsets"), none("source_offsets"), nb::kw_only(), optional("energy"),
        optional("limits"), optional("threads"));
  m.def("attention_backward", &::attention_backward, none("dcontext"), none("dweights"), none("queries"), none("keys"), none("values"), none("weights"),
        none("target_offsets"), none("source_offsets"), optional("energy"), optional("limits"), nb::kw_only(), optional("threads"));
}
