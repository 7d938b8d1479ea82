// A layer of random shape and weights on a random batch: its results and gradients held against the equations, and against themselves on several
// threads, with nothing kept, with inputs by place, of two callers and step by step, where every bit must be the same.
#pragma once

#include <memory>
#include <numeric>
#include <thread>

#include "cells.h"
#include "findings.h"
#include "layer.h"

namespace findings {

using truth::CellRow, truth::VariantRow;

// An array's errors are held against its largest entry, or against this, where single numbers are what larger ones left of each other. Of layer norm
// of very few units little is left of gradients that are about 1, divided by a deviation that may be small.
constexpr double kMost = 0.1, kNormedMost = 1;
template <class T>
constexpr double kNormedTolerance = 100 * kTolerance<T>;

struct Case {
  const CellRow* cell;
  const VariantRow* variant;
  Index input, hidden, directions;
  std::vector<Index> lengths;
  int threads;
  bool reverse = false, states = false, shuffled = false;  // shuffled: steps stand anywhere in x and y
  bool biases[2] = {};
  std::uint64_t seed = 0;

  std::string text() const {
    std::string all = std::string(cell->name) + " " + variant->name + " I" + std::to_string(input) + " H" + std::to_string(hidden) + " D" + std::to_string(directions) +
                      (reverse ? " reverse" : "") + (states ? " h0" : "") + (shuffled ? " shuffled" : "") + (biases[0] ? " bias_ih" : "") + (biases[1] ? " bias_hh" : "") + " threads " +
                      std::to_string(threads) + " lengths";
    for (const Index length : lengths) all += " " + std::to_string(length);
    return all;
  }
};

// A direction's weights in the order of their names; what the cell lacks is null in the engine's struct.
inline constexpr const char* kWeightNames[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "gain_ih", "gain_hh", "gain_c", "shift_c"};
inline constexpr std::size_t kWeights = std::size(kWeightNames);

// How many values each of them has; 0 where the cell has none.
inline std::vector<Index> weight_sizes(const Case& of) {
  const Index gates = gates_of(of.cell->cell) * of.hidden, recurrent = of.cell->has_recurrent ? gates : 0, gains = of.variant->normed ? gates : 0,
              cells = of.variant->normed && of.cell->has_c ? of.hidden : 0;
  return {gates * of.input, recurrent * of.hidden, gates, recurrent, gains, gains, cells, cells};
}

template <class T>
struct Outputs {
  Array<T> y, hn, cn;
  Outputs(const Case& of, Index rows, Index plane) : y(rows * of.directions * of.hidden), hn(of.directions * plane), cn(of.cell->has_c ? of.directions * plane : 0) {}

  void expect_same_as(const Outputs& wanted, const std::string& when) const {
    expect_same(("y " + when).c_str(), y, wanted.y);
    expect_same(("hn " + when).c_str(), hn, wanted.hn);
    expect_same(("cn " + when).c_str(), cn, wanted.cn);
  }
};

template <class T>
struct Gradients {
  Array<T> dx, dh0, dc0;
  std::vector<Array<T>> weights;  // [D · kWeights]
  Gradients(const Case& of, Index rows, Index plane) : dx(rows * of.input), dh0(of.directions * plane), dc0(of.cell->has_c ? of.directions * plane : 0) {
    for (Index d = 0; d < of.directions; ++d)
      for (const Index size : weight_sizes(of)) weights.emplace_back(size);
  }

  void expect_same_states_as(const Gradients& wanted, const std::string& when) const {
    expect_same(("dx " + when).c_str(), dx, wanted.dx);
    expect_same(("dh0 " + when).c_str(), dh0, wanted.dh0);
    expect_same(("dc0 " + when).c_str(), dc0, wanted.dc0);
  }
  void expect_same_weights_as(const Gradients& wanted, const std::string& when) const {
    for (std::size_t i = 0; i < weights.size(); ++i) expect_same((std::string("d") + kWeightNames[i % kWeights] + " " + when).c_str(), weights[i], wanted.weights[i]);
  }
  void expect_same_as(const Gradients& wanted, const std::string& when) const {
    expect_same_states_as(wanted, when);
    expect_same_weights_as(wanted, when);
  }
};

template <class T>
class LayerCheck {
 public:
  LayerCheck(const Case& of, Random& random)
      : of_(of),
        random_(random),
        offsets_(offsets_of(of.lengths)),
        x_(N_ * I_, random, 1),
        h0_(D_ * plane_, random, of.states ? 1 : 0),
        c0_(of.cell->has_c ? D_ * plane_ : 0, random, of.states ? 1 : 0),
        mask_(of.variant->masked ? D_ * plane_ : 0),
        dy_(N_ * D_ * H_, random, 1),
        dhn_(D_ * plane_, random, 1),
        dcn_(of.cell->has_c ? D_ * plane_ : 0, random, 1),
        memory_(N_) {
    for (T& value : mask_) value = draw(random, 0, 9) < 7 ? T(1 / 0.75) : T(0);
    std::iota(memory_.begin(), memory_.end(), Index(0));
    if (of.shuffled) std::shuffle(memory_.begin(), memory_.end(), random);
    const double of_inputs = 1 / std::sqrt(static_cast<double>(I_)), of_states = 0.5 / std::sqrt(static_cast<double>(H_));
    const double scales[kWeights] = {of_inputs, of_states, of.biases[0] ? 0.5 : 0, of.biases[1] ? 0.5 : 0, 1, 0.4, 1, 0.5};
    const std::vector<Index> sizes = weight_sizes(of);
    for (Index d = 0; d < D_; ++d)
      for (std::size_t i = 0; i < kWeights; ++i) weights_.emplace_back(sizes[i], random, scales[i]);
  }

  void run() {
    const Layer<T> layer = made(true, of_.threads), inference = made(false, 1);
    Outputs<T> out(of_, N_, plane_);
    const std::unique_ptr<Tape<T>> tape = forward(layer, x_, nullptr, true, 1, out);
    Gradients<T> gradients(of_, N_, plane_);
    backward(layer, *tape, 1, gradients);
    expect_truth(out, gradients);
    expect_gates(*tape);
    on_several_threads(layer, inference, *tape, out, gradients);
    if (D_ == 1 && !of_.reverse && !of_.variant->masked && !of_.variant->draws) step_by_step(layer, out);
  }

 private:
  Layer<T> made(bool trains, int threads) const {
    std::vector<DirectionWeights<T>> directions;
    for (std::size_t d = 0; d < weights_.size(); d += kWeights) {
      const auto pointer = [&](std::size_t i) { return weights_[d + i].size() ? weights_[d + i].data() : nullptr; };
      directions.push_back({pointer(0), pointer(1), of_.biases[0] ? pointer(2) : nullptr, of_.biases[1] ? pointer(3) : nullptr, pointer(4), pointer(5), pointer(6), pointer(7)});
    }
    return Layer<T>(of_.cell->cell, I_, H_, directions, of_.reverse, trains, threads, {of_.variant->zoneout, of_.cell->has_c ? of_.variant->zoneout_cell : 0});
  }

  std::unique_ptr<Tape<T>> forward(const Layer<T>& by, const Array<T>& inputs, const Index* places, bool keep, int threads, Outputs<T>& to) const {
    return by.forward({.x = inputs.data(),
                       .distinct = static_cast<Index>(inputs.size()) / I_,
                       .inputs = places,
                       .memory = of_.shuffled ? memory_.data() : nullptr,
                       .offsets = offsets_.data(),
                       .sequences = B_,
                       .h0 = of_.states ? h0_.data() : nullptr,
                       .c0 = of_.states && of_.cell->has_c ? c0_.data() : nullptr,
                       .mask = of_.variant->masked ? mask_.data() : nullptr,
                       .seed = of_.variant->draws ? &of_.seed : nullptr,
                       .y = to.y.data(),
                       .hn = to.hn.data(),
                       .cn = of_.cell->has_c ? to.cn.data() : nullptr},
                      keep, threads);
  }

  void backward(const Layer<T>& by, const Tape<T>& tape, int threads, Gradients<T>& to, bool needs_weights = true, bool needs_states = true) const {
    const bool has_c = of_.cell->has_c;
    BackwardArrays<T> arrays{.x = x_.data(),
                             .dy = dy_.data(),
                             .dhn = dhn_.data(),
                             .dcn = has_c ? dcn_.data() : nullptr,
                             .dx = needs_states ? to.dx.data() : nullptr,
                             .weights = {},
                             .dh0 = needs_states ? to.dh0.data() : nullptr,
                             .dc0 = needs_states && has_c ? to.dc0.data() : nullptr};
    for (std::size_t d = 0; needs_weights && d < to.weights.size(); d += kWeights) {
      const auto pointer = [&](std::size_t i) { return to.weights[d + i].size() ? to.weights[d + i].data() : nullptr; };
      arrays.weights.push_back({pointer(0), pointer(1), pointer(2), pointer(3), pointer(4), pointer(5), pointer(6), pointer(7)});
    }
    by.backward(tape, arrays, threads);
  }

  void expect_truth(const Outputs<T>& out, const Gradients<T>& gradients) const {
    record.clear();
    const double tolerance = of_.variant->normed ? kNormedTolerance<T> : kTolerance<T>, most = of_.variant->normed ? kNormedMost : kMost;
    const Scalars x = x_.scalars(), h0 = h0_.scalars(), c0 = c0_.scalars();
    const auto slice = [](const Scalars& from, Index at, Index count) { return Scalars(from.begin() + at, from.begin() + at + count); };
    Scalars y(static_cast<std::size_t>(N_ * D_ * H_)), hn, cn;
    std::vector<Scalars> weights;
    for (const Array<T>& of_one : weights_) weights.push_back(of_one.scalars());
    for (Index d = 0; d < D_; ++d) {
      const Scalars* const w = &weights[static_cast<std::size_t>(d) * kWeights];
      const truth::Weights own{w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]};
      for (Index b = 0; b < B_; ++b) {
        truth::State state{slice(h0, (d * B_ + b) * H_, H_), of_.cell->has_c ? slice(c0, (d * B_ + b) * H_, H_) : Scalars()};
        const Index length = of_.lengths[static_cast<std::size_t>(b)];
        for (Index t = 0; t < length; ++t) {
          const bool from_the_end = D_ == 2 ? d == 1 : of_.reverse;
          const Index flat = offsets_[static_cast<std::size_t>(b)] + (from_the_end ? length - 1 - t : t), row = memory_[static_cast<std::size_t>(flat)];
          truth::State fresh = step_of(own, slice(x, row * I_, I_), state, d, b);
          zone_out(state.h, fresh.h, of_.variant->zoneout, d, 0, flat);
          zone_out(state.c, fresh.c, of_.variant->zoneout_cell, d, 1, flat);
          state = fresh;
          std::copy(state.h.begin(), state.h.end(), y.begin() + (row * D_ + d) * H_);
        }
        hn.insert(hn.end(), state.h.begin(), state.h.end());
        cn.insert(cn.end(), state.c.begin(), state.c.end());
      }
    }
    record.gradients.assign(record.values.size(), 0);
    add_gradients(y, dy_);
    add_gradients(hn, dhn_);
    add_gradients(cn, dcn_);
    record.backward();
    expect_close("y", out.y, values_of(y), tolerance, most);
    expect_close("hn", out.hn, values_of(hn), tolerance, most);
    expect_close("cn", out.cn, values_of(cn), tolerance, most);
    expect_close("dx", gradients.dx, gradients_of(x), tolerance, most);
    expect_close("dh0", gradients.dh0, gradients_of(h0), tolerance, most);
    expect_close("dc0", gradients.dc0, gradients_of(c0), tolerance, most);
    for (std::size_t i = 0; i < weights.size(); ++i) expect_close((std::string("d") + kWeightNames[i % kWeights]).c_str(), gradients.weights[i], gradients_of(weights[i]), tolerance, most);
  }

  truth::State step_of(const truth::Weights& weights, const Scalars& x, const truth::State& before, Index d, Index b) const {
    Scalars entering = before.h;
    for (std::size_t u = 0; of_.variant->masked && u < entering.size(); ++u)
      entering[u] = entering[u] * static_cast<double>(mask_[static_cast<std::size_t>((d * B_ + b) * H_) + u]);
    return of_.cell->step({weights, x, before, entering});
  }

  // Of the fresh state, what zoneout leaves.
  void zone_out(const Scalars& before, Scalars& fresh, double probability, Index d, int state, Index flat) const {
    for (std::size_t u = 0; probability > 0 && u < fresh.size(); ++u) {
      if (!of_.variant->draws)
        fresh[u] = before[u] * probability + fresh[u] * (1 - probability);
      else if (truth::is_kept(of_.seed, static_cast<std::uint64_t>(d), state, static_cast<std::uint32_t>(flat), static_cast<std::uint32_t>(u), probability))
        fresh[u] = before[u];
    }
  }

  void expect_gates(const Tape<T>& tape) const {
    const Array<T> gates(N_ * gates_of(of_.cell->cell) * H_);
    for (Index d = 0; d < D_; ++d) {
      tape.gates(d, gates.data());
      if (!std::all_of(gates.begin(), gates.end(), [](T value) { return std::isfinite(value); })) return report("a gate was not filled");
    }
  }

  void on_several_threads(const Layer<T>& layer, const Layer<T>& inference, const Tape<T>& tape, const Outputs<T>& out, const Gradients<T>& gradients) const {
    {
      Outputs<T> again(of_, N_, plane_);
      const std::unique_ptr<Tape<T>> second = forward(layer, x_, nullptr, true, of_.threads, again);
      again.expect_same_as(out, "on several threads");
      Gradients<T> whole(of_, N_, plane_), states(of_, N_, plane_), weights(of_, N_, plane_);
      backward(layer, *second, of_.threads, whole);
      whole.expect_same_as(gradients, "on several threads");
      backward(layer, *second, of_.threads, states, false, true);
      states.expect_same_states_as(gradients, "without the weights'");
      backward(layer, *second, of_.threads, weights, true, false);
      weights.expect_same_weights_as(gradients, "without the inputs'");
    }
    {
      Outputs<T> again(of_, N_, plane_);
      forward(inference, x_, nullptr, false, of_.threads, again);
      again.expect_same_as(out, "with nothing kept");
    }
    if (N_ > 0) {
      // Every row twice, the steps reading either.
      Array<T> twice(2 * N_ * I_);
      std::copy(x_.begin(), x_.end(), std::copy(x_.begin(), x_.end(), twice.begin()));
      Array<Index> places(N_);
      for (Index n = 0; n < N_; ++n) places[static_cast<std::size_t>(n)] = n + draw(random_, 0, 1) * N_;
      Outputs<T> again(of_, N_, plane_);
      forward(inference, twice, places.data(), false, of_.threads, again);
      again.expect_same_as(out, "by places");
    }
    // Two callers share the layer and the tape.
    Outputs<T> outs[] = {{of_, N_, plane_}, {of_, N_, plane_}};
    Gradients<T> both[] = {{of_, N_, plane_}, {of_, N_, plane_}};
    std::vector<std::thread> callers;
    for (int i = 0; i < 2; ++i)
      callers.emplace_back([&, i] {
        forward(layer, x_, nullptr, false, of_.threads, outs[i]);
        backward(layer, tape, of_.threads, both[i]);
      });
    for (std::thread& caller : callers) caller.join();
    for (int i = 0; i < 2; ++i) {
      outs[i].expect_same_as(out, "of two callers");
      both[i].expect_same_as(gradients, "of two callers");
    }
  }

  void step_by_step(const Layer<T>& layer, const Outputs<T>& out) const {
    const bool has_c = of_.cell->has_c;
    const auto part = [](const Array<T>& from, Index at, Index count) {
      Array<T> of_one(count);
      std::copy_n(from.data() + at, count, of_one.data());
      return of_one;
    };
    const auto step = [&](const Array<T>& x, const Array<T>& h, const Array<T>& c, Index sequences, Array<T>& h_next, Array<T>& c_next) {
      layer.step(x.data(), h.data(), has_c ? c.data() : nullptr, sequences, h_next.data(), has_c ? c_next.data() : nullptr, of_.threads);
    };
    for (std::size_t b = 0; b < static_cast<std::size_t>(B_); ++b) {
      Array<T> h = part(h0_, static_cast<Index>(b) * H_, H_), c = part(c0_, static_cast<Index>(b) * H_, has_c ? H_ : 0);
      for (Index n = offsets_[b]; n < offsets_[b + 1]; ++n) {
        const Index row = memory_[static_cast<std::size_t>(n)];
        Array<T> h_next(H_), c_next(has_c ? H_ : 0);
        step(part(x_, row * I_, I_), h, c, 1, h_next, c_next);
        expect_same("h step by step", h_next, part(out.y, row * H_, H_));
        std::swap(h, h_next);
        std::swap(c, c_next);
      }
    }
    // All sequences at once, one step of each.
    const Array<T> first(B_ * I_, random_, 1);
    Array<T> h_next(plane_), c_next(has_c ? plane_ : 0), h_one(H_), c_one(has_c ? H_ : 0);
    step(first, h0_, c0_, B_, h_next, c_next);
    for (Index b = 0; b < B_; ++b) {
      step(part(first, b * I_, I_), part(h0_, b * H_, H_), part(c0_, b * H_, has_c ? H_ : 0), 1, h_one, c_one);
      expect_same("h of one sequence alone", h_one, part(h_next, b * H_, H_));
      if (has_c) expect_same("c of one sequence alone", c_one, part(c_next, b * H_, H_));
    }
  }

  const Case& of_;
  Random& random_;
  const Array<Index> offsets_;
  const Index D_ = of_.directions, H_ = of_.hidden, I_ = of_.input, B_ = static_cast<Index>(of_.lengths.size()), N_ = offsets_[of_.lengths.size()], plane_ = B_ * H_;
  const Array<T> x_, h0_, c0_, mask_, dy_, dhn_, dcn_;
  const Array<Index> memory_;
  std::vector<Array<T>> weights_;
};

template <class T>
void check_layer(const Case& of, Random& random) {
  ++cases;
  now = std::string(sizeof(T) == 4 ? "float32 " : "float64 ") + of.text();
  LayerCheck<T>(of, random).run();
}

}  // namespace findings
