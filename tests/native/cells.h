// The cells and their variants by their equations, one step of one sequence: the tables from which the driver takes what it checks.
#pragma once

#include <utility>

#include "kernels.h"
#include "scalars.h"

namespace truth {

// One direction's. Without layer norm there are no gains; the cells without a recurrent matrix have ih and b_ih alone.
struct Weights {
  Scalars ih, hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c;
};

struct State {
  Scalars h, c;
};

// Layer norm of the values, before gain and shift.
inline Scalars normalised(const Scalars& values) {
  const Scalar share = 1 / static_cast<double>(values.size());
  Scalar sum = 0, squares = 0;
  for (const Scalar& value : values) sum = sum + value;
  Scalars centred;
  for (const Scalar& value : values) centred.push_back(value - sum * share);
  for (const Scalar& value : centred) squares = plus_product(squares, value, value);
  const Scalar scale = inverse_root(squares * share + 1e-5);
  for (Scalar& value : centred) value = value * scale;
  return centred;
}

// What a cell reads at a step.
struct Step {
  const Weights& w;
  const Scalars& x;
  const State& before;
  Scalars entering;  // h times the recurrent mask

  std::size_t hidden() const { return before.h.size(); }
  // Gates `first` … `last` − 1 of one of the products, normalised together under layer norm, plus the bias.
  Scalars sums(const Scalars& matrix, const Scalars& gain, const Scalars& bias, const Scalars& with, std::size_t first, std::size_t last) const {
    const std::size_t begin = first * hidden(), count = (last - first) * hidden();
    Scalars values;
    for (std::size_t row = begin; row < begin + count; ++row) {
      Scalar sum = 0;
      for (std::size_t k = 0; k < with.size(); ++k) sum = plus_product(sum, matrix[row * with.size() + k], with[k]);
      values.push_back(sum);
    }
    if (!gain.empty()) values = normalised(values);
    for (std::size_t i = 0; i < count; ++i) values[i] = gain.empty() ? values[i] + bias[begin + i] : plus_product(bias[begin + i], values[i], gain[begin + i]);
    return values;
  }
  Scalars input(std::size_t first, std::size_t last) const { return sums(w.ih, w.gain_ih, w.b_ih, x, first, last); }
  Scalars recurrent(const Scalars& h, std::size_t first, std::size_t last) const { return sums(w.hh, w.gain_hh, w.b_hh, h, first, last); }
  Scalars both(const Scalars& h, std::size_t first, std::size_t last) const {
    Scalars all = input(first, last);
    const Scalars second = recurrent(h, first, last);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = all[i] + second[i];
    return all;
  }
};

// Each gives the new state as it is before zoneout.
using Equations = State (*)(const Step&);

template <Scalar (*activation)(Scalar)>
State rnn(const Step& step) {
  State next{step.both(step.entering, 0, 1), {}};
  for (Scalar& value : next.h) value = activation(value);
  return next;
}

inline State lstm(const Step& step) {
  const std::size_t H = step.hidden();
  const Scalars gates = step.both(step.entering, 0, 4);
  State next;
  for (std::size_t u = 0; u < H; ++u) next.c.push_back(sigmoid(gates[H + u]) * step.before.c[u] + sigmoid(gates[u]) * tanh(gates[2 * H + u]));
  Scalars shown = next.c;
  if (!step.w.gain_c.empty()) {
    shown = normalised(shown);
    for (std::size_t u = 0; u < H; ++u) shown[u] = plus_product(step.w.shift_c[u], shown[u], step.w.gain_c[u]);
  }
  for (std::size_t u = 0; u < H; ++u) next.h.push_back(sigmoid(gates[3 * H + u]) * tanh(shown[u]));
  return next;
}

template <bool reset_after>
State gru(const Step& step) {
  const std::size_t H = step.hidden();
  const Scalars gates = step.both(step.entering, 0, 2);
  Scalars reset = step.entering, sums = step.input(2, 3);
  if (!reset_after)
    for (std::size_t u = 0; u < H; ++u) reset[u] = sigmoid(gates[u]) * reset[u];
  const Scalars second = step.recurrent(reset, 2, 3);
  State next;
  for (std::size_t u = 0; u < H; ++u) {
    const Scalar z = sigmoid(gates[H + u]), n = tanh(sums[u] + (reset_after ? sigmoid(gates[u]) * second[u] : second[u]));
    next.h.push_back(n + z * (step.before.h[u] - n));
  }
  return next;
}

inline State mingru(const Step& step) {
  const std::size_t H = step.hidden();
  const Scalars gates = step.input(0, 2);
  State next;
  for (std::size_t u = 0; u < H; ++u) next.h.push_back(gates[H + u] + sigmoid(gates[u]) * (step.before.h[u] - gates[H + u]));
  return next;
}

inline State minlstm(const Step& step) {
  const std::size_t H = step.hidden();
  const Scalars gates = step.input(0, 3);
  State next;
  for (std::size_t u = 0; u < H; ++u) {
    const Scalar i = sigmoid(gates[u]), f = sigmoid(gates[H + u]), g = gates[2 * H + u];
    next.h.push_back(g + f / (f + i) * (step.before.h[u] - g));
  }
  return next;
}

struct CellRow {
  const char* name;
  tidegate::Cell cell;
  bool has_c, has_recurrent, has_norm;
  Equations step;
};

inline constexpr CellRow kCells[] = {
    {"rnn", tidegate::Cell::rnn_tanh, false, true, false, rnn<tanh>},
    {"rnn-relu", tidegate::Cell::rnn_relu, false, true, false, rnn<relu>},
    {"lstm", tidegate::Cell::lstm, true, true, true, lstm},
    {"gru", tidegate::Cell::gru, false, true, true, gru<false>},
    {"gru-reset-after", tidegate::Cell::gru_reset_after, false, true, true, gru<true>},
    {"mingru", tidegate::Cell::mingru, false, false, false, mingru},
    {"minlstm", tidegate::Cell::minlstm, false, false, false, minlstm},
};

struct VariantRow {
  const char* name;
  bool masked, normed;
  double zoneout, zoneout_cell;
  bool draws;  // zoneout by a seed, not in expectation

  bool fits(const CellRow& cell) const {
    const bool zones = zoneout > 0 || zoneout_cell > 0;
    return (cell.has_recurrent || (!masked && !zones)) && (cell.has_norm || !normed) && (cell.has_c || zoneout > 0 || !zones);
  }
};

inline constexpr VariantRow kVariants[] = {
    {"plain", false, false, 0, 0, false},
    {"masked", true, false, 0, 0, false},
    {"zoneout drawn", false, false, 0.375, 0.25, true},
    {"zoneout", false, false, 0.375, 0.25, false},
    {"zoneout of c", false, false, 0, 0.5, true},
    {"layer norm", false, true, 0, 0, false},
    {"masked zoneout drawn", true, false, 0.375, 0.25, true},
    {"masked zoneout drawn layer norm", true, true, 0.25, 0.5, true},
};

// Whether zoneout keeps a unit's past at a row of the flat batch: the hash of tidegate/kernels/zoneout.py; state 0 is h, 1 is c.
inline bool is_kept(std::uint64_t seed, std::uint64_t direction, int state, std::uint32_t row, std::uint32_t unit, double probability) {
  const auto mix = [](std::uint32_t v) {
    v = (v ^ (v >> 16)) * 0x85EBCA6Bu;
    v = (v ^ (v >> 13)) * 0xC2B2AE35u;
    return v ^ (v >> 16);
  };
  std::uint64_t key = seed + 0x9E3779B97F4A7C15u * (1 + 2 * direction + static_cast<std::uint64_t>(state));
  key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
  key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
  key ^= key >> 31;
  const std::uint32_t drawn = mix((mix(row ^ static_cast<std::uint32_t>(key)) + unit * 0x9E3779B1u) ^ static_cast<std::uint32_t>(key >> 32));
  return drawn < probability * 4294967296.0;
}

}  // namespace truth
