// CTC's Python face.
#include <limits>

#include "arguments.h"
#include "ctc.h"
#include "module.h"
#include "prefixes.h"

namespace {

using namespace tidegate;

std::string at(const char* name, Index place) { return std::string(name) + "[" + std::to_string(place) + "]"; }

// The logits of a ragged batch and its blank, held while this lives.
template <class T>
class CtcArguments {
 public:
  CtcArguments(const Array& logits, nb::handle offsets, nb::handle blank) : offsets_array_(offsets, "offsets") {
    ctc.logits = checked<T>(logits, "logits", {-1, -1}, "[N, K]");
    ctc.labels = logits.size(1);
    if (ctc.labels < 1) raise_shape("logits has the shape " + shape_text(logits) + "; expected [N, K] with K above 0.");
    rows = logits.size(0);
    offsets_ = Numbers(offsets_array_, "offsets", {-1}, "[B + 1]");
    ctc.offsets = offsets_.data();
    ctc.sequences = check_offsets(offsets_, rows, "logits");
    ctc.blank = whole_number(blank, "blank", 0, ctc.labels - 1);
  }

  Ctc<T> ctc{};
  Index rows = 0;

 private:
  Array offsets_array_;
  Numbers offsets_;
};

nb::object ctc_loss(nb::handle logits, nb::handle offsets, nb::handle targets, nb::handle target_offsets, nb::handle blank, nb::handle needs_gradient,
                    nb::handle threads) {
  return by_type(logits, "logits", [&]<class T>(const Array& array) -> nb::object {
    CtcArguments<T> arguments(array, offsets, blank);
    Ctc<T>& ctc = arguments.ctc;
    const Array targets_array(targets, "targets"), target_offsets_array(target_offsets, "target_offsets");
    const Numbers labels(targets_array, "targets", {-1}, "[M]");
    const Numbers begins(target_offsets_array, "target_offsets", {ctc.sequences + 1}, "[B + 1]");
    check_offsets(begins, labels.count, "targets", "target_offsets");
    for (Index m = 0; m < labels.count; ++m) {
      const Index label = labels.data()[m];
      if (label == ctc.blank) raise_shape(at("targets", m) + " is " + std::to_string(label) + ", the blank; expected the labels of the transcripts alone.");
      if (label < 0 || label >= ctc.labels) raise_shape(at("targets", m) + " is " + std::to_string(label) + "; expected 0 to " + std::to_string(ctc.labels - 1) + ".");
    }
    ctc.targets = labels.data();
    ctc.target_offsets = begins.data();
    const Made<double> losses = make_array<double>({ctc.sequences});
    const bool is_needed = is_true(needs_gradient, "needs_gradient");
    const Made<T> gradient = is_needed ? make_array<T>({arguments.rows, ctc.labels}) : Made<T>{nullptr, nb::none()};
    const int team = threads_for(threads);
    {
      const nb::gil_scoped_release release;
      tidegate::ctc_loss(ctc, losses.data, gradient.data, team);
    }
    return nb::make_tuple(losses.array, gradient.array);
  });
}

nb::object ctc_beam(nb::handle logits, nb::handle offsets, nb::handle beam, nb::handle n_best, nb::handle blank, nb::handle prune, nb::handle threads) {
  return by_type(logits, "logits", [&]<class T>(const Array& array) -> nb::object {
    const CtcArguments<T> arguments(array, offsets, blank);
    Search search{whole_number(beam, "beam", 1, std::numeric_limits<std::int32_t>::max()), 0, 0};
    search.n_best = whole_number(n_best, "n_best", 1, search.beam);
    search.prune = PyFloat_AsDouble(prune.ptr());
    const bool is_number = !PyErr_Occurred();
    PyErr_Clear();
    if (!is_number || !(search.prune >= 0 && search.prune < 1))
      raise(is_number ? PyExc_ValueError : PyExc_TypeError, "prune is " + nb::cast<std::string>(nb::repr(prune)) + "; expected a probability, 0 or more and below 1.");
    const int team = threads_for(threads);
    std::vector<std::vector<Transcript>> found;
    {
      const nb::gil_scoped_release release;
      found = tidegate::ctc_beam(arguments.ctc, search, team);
    }
    nb::list made;
    for (const std::vector<Transcript>& transcripts : found) {
      nb::list best;
      for (const Transcript& transcript : transcripts) {
        const Index length = static_cast<Index>(transcript.labels.size());
        const Made<Index> labels = make_array<Index>({length}), steps = make_array<Index>({length});
        std::copy(transcript.labels.begin(), transcript.labels.end(), labels.data);
        std::copy(transcript.steps.begin(), transcript.steps.end(), steps.data);
        best.append(nb::make_tuple(labels.array, steps.array, transcript.score));
      }
      made.append(best);
    }
    return made;
  });
}

}  // namespace

// Every argument may be anything, None too: what it must be is checked, and said, here.
void tidegate::register_ctc(nb::module_& m) {
  const auto none = [](const char* name) { return nb::arg(name).none(); };
  m.def("ctc_loss", &::ctc_loss, none("logits"), none("offsets"), none("targets"), none("target_offsets"), nb::kw_only(), nb::arg("blank").none() = 0,
        nb::arg("needs_gradient").none() = true, nb::arg("threads").none() = nb::none());
  m.def("ctc_beam", &::ctc_beam, none("logits"), none("offsets"), nb::kw_only(), nb::arg("beam").none() = 16, nb::arg("n_best").none() = 1, nb::arg("blank").none() = 0,
        nb::arg("prune").none() = 0.0, nb::arg("threads").none() = nb::none());
}
