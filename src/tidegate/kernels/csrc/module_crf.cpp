// The CRF's Python face.
#include <nanobind/stl/vector.h>

#include "arguments.h"
#include "crf.h"
#include "module.h"
#include "n_best.h"

namespace {

using namespace tidegate;

// The arguments that all calls have, held while this lives.
template <class T>
class CrfArguments {
 public:
  CrfArguments(const Array& emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end)
      : offsets_array_(offsets, "offsets"), pair_(pair, "pair"), start_(start, "start"), end_(end, "end") {
    crf.emissions = checked<T>(emissions, "emissions", {-1, -1}, "[N, K]");
    const Index K = crf.labels = emissions.size(1);
    if (K < 1) raise_shape("emissions has the shape " + shape_text(emissions) + "; expected [N, K] with K above 0.");
    rows = emissions.size(0);
    offsets_ = Numbers(offsets_array_, "offsets", {-1}, "[B + 1]");
    crf.offsets = offsets_.data();
    crf.sequences = check_offsets(offsets_, rows, "emissions");
    crf.pair = checked<T>(pair_, "pair", {K, K}, "[K, K]");
    crf.start = checked<T>(start_, "start", {K}, "[K]");
    crf.end = checked<T>(end_, "end", {K}, "[K]");
  }

  Crf<T> crf{};
  Index rows = 0;

 private:
  Array offsets_array_, pair_, start_, end_;
  Numbers offsets_;
};

// The gradients of emissions, pair, start and end, or four times None.
template <class T>
struct Gradients {
  Made<T> emissions{nullptr, nb::none()}, pair{nullptr, nb::none()}, start{nullptr, nb::none()}, end{nullptr, nb::none()};

  Gradients(const CrfArguments<T>& arguments, bool are_needed) {
    if (!are_needed) return;
    const Index K = arguments.crf.labels;
    emissions = make_array<T>({arguments.rows, K});
    pair = make_array<T>({K, K});
    start = make_array<T>({K});
    end = make_array<T>({K});
  }

  PartitionArrays<T> arrays(const Index* gold, const double* weights, double* values) const {
    return {gold, weights, values, emissions.data, pair.data, start.data, end.data};
  }
};

nb::object crf_loss(nb::handle emissions, nb::handle labels, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle needs_gradients,
                    nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Crf<T>& crf = arguments.crf;
    const Array labels_array(labels, "labels");
    const Numbers gold(labels_array, "labels", {arguments.rows}, "[N]");
    for (Index n = 0; n < arguments.rows; ++n)
      if (gold.data()[n] < 0 || gold.data()[n] >= crf.labels)
        raise_shape("labels[" + std::to_string(n) + "] is " + std::to_string(gold.data()[n]) + "; expected 0 to " + std::to_string(crf.labels - 1) + ".");
    const Gradients<T> gradients(arguments, is_true(needs_gradients, "needs_gradients"));
    const int team = threads_for(threads);
    double loss = 0;
    {
      const nb::gil_scoped_release release;
      const Buffer<double> values(static_cast<std::size_t>(crf.sequences));
      crf_partition(crf, gradients.arrays(gold.data(), nullptr, values.data()), team);
      for (Index b = 0; b < crf.sequences; ++b) loss += values.data()[b];
    }
    return nb::make_tuple(loss, gradients.emissions.array, gradients.pair.array, gradients.start.array, gradients.end.array);
  });
}

nb::object crf_log_partition(nb::handle emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle weights, nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Index B = arguments.crf.sequences;
    Array weights_array;
    const double* weights_now = nullptr;
    if (!weights.is_none()) {
      weights_array = Array(weights, "weights");
      weights_now = checked<double>(weights_array, "weights", {B}, "[B]");
    }
    const Gradients<T> gradients(arguments, !weights.is_none());
    const Made<double> values = make_array<double>({B});
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      crf_partition(arguments.crf, gradients.arrays(nullptr, weights_now, values.data), team);
    }
    return nb::make_tuple(values.array, gradients.emissions.array, gradients.pair.array, gradients.start.array, gradients.end.array);
  });
}

nb::object crf_marginals(nb::handle emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Made<double> probabilities = make_array<double>({arguments.rows, arguments.crf.labels});
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      tidegate::crf_marginals(arguments.crf, probabilities.data, team);
    }
    return probabilities.array;
  });
}

nb::object crf_viterbi(nb::handle emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) -> nb::object {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Made<Index> labels = make_array<Index>({arguments.rows});
    const Made<double> scores = make_array<double>({arguments.crf.sequences});
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      tidegate::crf_viterbi(arguments.crf, std::numeric_limits<Index>::max(), labels.data, scores.data, team);
    }
    return nb::make_tuple(labels.array, scores.array);
  });
}

nb::object crf_viterbi_fixed_lag(nb::handle emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle lag, nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Index steps = whole_number(lag, "lag", 0, std::numeric_limits<Index>::max());
    const Made<Index> labels = make_array<Index>({arguments.rows});
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      tidegate::crf_viterbi(arguments.crf, steps, labels.data, nullptr, team);
    }
    return labels.array;
  });
}

nb::object crf_n_best(nb::handle emissions, nb::handle offsets, nb::handle pair, nb::handle start, nb::handle end, nb::handle n, nb::handle threads) {
  return by_type(emissions, "emissions", [&]<class T>(const Array& array) -> nb::object {
    const CrfArguments<T> arguments(array, offsets, pair, start, end);
    const Crf<T>& crf = arguments.crf;
    const Index most = whole_number(n, "n", 1, std::numeric_limits<std::int32_t>::max());
    std::vector<Paths> paths;
    nb::list made;
    for (Index b = 0; b < crf.sequences; ++b) {
      const Index count = count_paths(crf.labels, crf.steps(b), most);
      const Made<Index> labels = make_array<Index>({count, crf.steps(b)});
      const Made<double> scores = make_array<double>({count});
      paths.push_back({count, labels.data, scores.data});
      made.append(nb::make_tuple(labels.array, scores.array));
    }
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      tidegate::crf_n_best(crf, paths, team);
    }
    return made;
  });
}

}  // namespace

// Every argument may be anything, None too: what it must be is checked, and said, here.
void tidegate::register_crf(nb::module_& m) {
  const auto none = [](const char* name) { return nb::arg(name).none(); };
  const auto threads = [] { return nb::arg("threads").none() = nb::none(); };
  m.def("crf_loss", &crf_loss, none("emissions"), none("labels"), none("offsets"), none("pair"), none("start"), none("end"), nb::kw_only(),
        nb::arg("needs_gradients").none() = true, threads());
  m.def("crf_log_partition", &::crf_log_partition, none("emissions"), none("offsets"), none("pair"), none("start"), none("end"), nb::kw_only(),
        nb::arg("weights").none() = nb::none(), threads());
  m.def("crf_marginals", &::crf_marginals, none("emissions"), none("offsets"), none("pair"), none("start"), none("end"), nb::kw_only(), threads());
  m.def("crf_viterbi", &::crf_viterbi, none("emissions"), none("offsets"), none("pair"), none("start"), none("end"), nb::kw_only(), threads());
  m.def("crf_viterbi_fixed_lag", &::crf_viterbi_fixed_lag, none("emissions"), none("offsets"), none("pair"), none("start"), none("end"), none("lag"), nb::kw_only(), threads());
  m.def("crf_n_best", &::crf_n_best, none("emissions"), none("offsets"), none("pair"), none("start"), none("end"), none("n"), nb::kw_only(), threads());
}
