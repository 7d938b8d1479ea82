// The loop over time, backward. Each step turns the gradient of the states into that of the gates before their activation, and one product
// with the recurrent weights into that of the states one step earlier. Everything that can wait until the end (inputs, weights) does.
#pragma once

#include "forward.h"

namespace tidegate::TIDEGATE_ISA {

// One row of one step, from its first unit. The derivatives are those of the cell's equations; σ' = σ(1−σ), tanh' = 1−tanh².
template <class T>
struct BackwardRow {
  const T* gates;    // activated
  const T* h;        // the state after the step (rnn) or before it (gru)
  const T* c;        // lstm: after the step
  const T* c_before;
  const T* dy;       // or null
  T* dh;             // in: from the step after; out: the share that does not go through the recurrent weights
  T* dc;
  T* drh;            // gru: gradient of r∘h
  T* dgates;
};

template <class T>
TIDEGATE_INLINE Vector<T> state_gradient(const BackwardRow<T>& row, Index unit, Index valid) {
  const Vector<T> dh = load(row.dh + unit);
  return row.dy ? dh + load_some(row.dy + unit, valid) : dh;
}

template <class T>
TIDEGATE_INLINE void lstm_gradient(const Shape&, const BackwardRow<T>& row, Index block, Index valid) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const T* const gates = row.gates + block * 4 * L;
  T* const out = row.dgates + block * 4 * L;
  const Vector<T> i = load(gates), f = load(gates + L), g = load(gates + 2 * L), o = load(gates + 3 * L);
  const Vector<T> t = tanh<T>(load(row.c + unit)), dh = state_gradient(row, unit, valid);
  const Vector<T> dc = load(row.dc + unit) + dh * o * (T(1) - t * t);
  store(out, keep_some<T>(dc * g * i * (T(1) - i), valid));
  store(out + L, keep_some<T>(dc * load(row.c_before + unit) * f * (T(1) - f), valid));
  store(out + 2 * L, keep_some<T>(dc * i * (T(1) - g * g), valid));
  store(out + 3 * L, keep_some<T>(dh * t * o * (T(1) - o), valid));
  store(row.dc + unit, Vector<T>(dc * f));
}

// Both GRUs up to the reset gate.
template <class T>
TIDEGATE_INLINE Vector<T> gru_state_gradient(const Shape& shape, const BackwardRow<T>& row, Index block, Index valid) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const Vector<T> z = load(row.gates + 2 * unit + L), n = load(row.gates + 2 * shape.padded + unit), h = load(row.h + unit);
  const Vector<T> dh = state_gradient(row, unit, valid);
  const Vector<T> dn = keep_some<T>(dh * (T(1) - z) * (T(1) - n * n), valid);
  store(row.dgates + 2 * unit + L, keep_some<T>(dh * (h - n) * z * (T(1) - z), valid));
  store(row.dgates + 2 * shape.padded + unit, dn);
  store(row.dh + unit, Vector<T>(dh * z));
  return dn;
}

template <class T>
TIDEGATE_INLINE void gru_reset_after_gradient(const Shape& shape, const BackwardRow<T>& row, Index block, Index valid) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const Vector<T> dn = gru_state_gradient(shape, row, block, valid);
  const Vector<T> r = load(row.gates + 2 * unit), q = load(row.gates + 3 * shape.padded + unit);
  store(row.dgates + 2 * unit, keep_some<T>(dn * q * r * (T(1) - r), valid));
  store(row.dgates + 3 * shape.padded + unit, keep_some<T>(dn * r, valid));
}

template <class T>
TIDEGATE_INLINE void gru_reset_gradient(const Shape&, const BackwardRow<T>& row, Index block, Index valid) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const Vector<T> r = load(row.gates + 2 * unit), h = load(row.h + unit), drh = load(row.drh + unit);
  store(row.dgates + 2 * unit, keep_some<T>(drh * h * r * (T(1) - r), valid));
  store(row.dh + unit, Vector<T>(load(row.dh + unit) + drh * r));
}

template <class T, Cell cell>
TIDEGATE_INLINE void rnn_gradient(const Shape&, const BackwardRow<T>& row, Index block, Index valid) {
  const Index unit = block * kLanes<T>;
  const Vector<T> h = load(row.h + unit), dh = state_gradient(row, unit, valid);
  if constexpr (cell == Cell::rnn_relu)
    store(row.dgates + unit, keep_some<T>(h <= T(0) ? Vector<T>{} : dh, valid));
  else
    store(row.dgates + unit, keep_some<T>(dh * (T(1) - h * h), valid));
}

template <class T, Cell cell>
void backward_loop(const Backward<T>& job) {
  constexpr Index L = kLanes<T>;
  const Part<T>& part = job.part;
  const Shape& shape = *part.shape;
  const Layout& layout = *part.layout;
  const Index Hp = shape.padded, blocks = shape.blocks(), panels = (blocks + kPanel - 1) / kPanel;
  const Index first_block = blocks * part.member / part.members, last_block = blocks * (part.member + 1) / part.members;
  const Index first_panel = panels * part.member / part.members, last_panel = panels * (part.member + 1) / part.members;
  const T** const src = const_cast<const T**>(reinterpret_cast<T**>(job.pointers));
  T** const dst = reinterpret_cast<T**>(job.pointers + layout.sequences);
  const auto synchronise = [&] {
    if (part.barrier) part.barrier->wait();
  };
  for (Index t = layout.steps; t-- > 0;) {
    const Index count = running(part, t);
    if (count == 0) continue;
    const auto row_of = [&](Index r) {
      const Index place = part.first + r * part.stride, at = (layout.begin[t] + place) * Hp, state = place * Hp;
      const Index before = t ? (layout.begin[t - 1] + place) * Hp : state;
      BackwardRow<T> row;
      row.gates = job.gates ? job.gates + (layout.begin[t] + place) * shape.gate_row() : nullptr;
      if constexpr (cell == Cell::gru || cell == Cell::gru_reset_after)
        row.h = (t ? job.states : job.h0) + before;
      else
        row.h = job.states + at;
      if constexpr (cell == Cell::lstm) {
        row.c = job.cells + at;
        row.c_before = (t ? job.cells : job.c0) + before;
        row.dc = job.dc + state;
      }
      row.dy = job.dy ? job.dy + layout.flat(place, t, part.reverse) * job.dy_stride : nullptr;
      row.dh = job.dh + state;
      row.drh = cell == Cell::gru ? job.drh + state : nullptr;
      row.dgates = job.dgates + (layout.begin[t] + place) * shape.gate_row();
      return row;
    };
    for (Index r = 0; r < count; ++r) {
      const BackwardRow<T> row = row_of(r);
      src[r] = row.dgates;
      dst[r] = row.dh;
      for (Index block = first_block; block < last_block; ++block) {
        const Index valid = shape.hidden - block * L;
        if constexpr (cell == Cell::lstm)
          lstm_gradient(shape, row, block, valid);
        else if constexpr (cell == Cell::gru)
          gru_state_gradient(shape, row, block, valid);
        else if constexpr (cell == Cell::gru_reset_after)
          gru_reset_after_gradient(shape, row, block, valid);
        else
          rnn_gradient<T, cell>(shape, row, block, valid);
      }
    }
    synchronise();
    // Adds to dh, or sets it, the product of some gates' columns with their recurrent weights.
    const auto through = [&](Index column, Index depth, const T* panels_back, bool add) {
      if (column)
        for (Index r = 0; r < count; ++r) src[r] += column;
      product_panels(Product<T>{src, dst, count, depth, Hp, panels_back, nullptr, add}, first_panel, last_panel);
      if (column)
        for (Index r = 0; r < count; ++r) src[r] -= column;
    };
    const T* const back = part.weights->recurrent_back;
    if constexpr (cell == Cell::gru) {
      // The reset gate's gradient needs that of r∘h first, at the first step too.
      for (Index r = 0; r < count; ++r) dst[r] = job.drh + (part.first + r * part.stride) * Hp;
      through(2 * Hp, Hp, back + 2 * Hp * Hp, false);
      for (Index r = 0; r < count; ++r) dst[r] = job.dh + (part.first + r * part.stride) * Hp;
      synchronise();
      for (Index r = 0; r < count; ++r)
        for (Index block = first_block; block < last_block; ++block) gru_reset_gradient(shape, row_of(r), block, shape.hidden - block * L);
      synchronise();
      if (t > 0 || job.needs_first) through(0, 2 * Hp, back, true);
    } else if (t > 0 || job.needs_first) {
      if constexpr (cell == Cell::gru_reset_after) {
        through(0, 2 * Hp, back, true);
        through(3 * Hp, Hp, back + 2 * Hp * Hp, true);
      } else {
        through(0, shape.projected(), back, false);
      }
    }
    synchronise();
  }
}

template <class T>
void backward(const Backward<T>& job) {
  switch (job.part.shape->cell) {
    case Cell::rnn_tanh: return backward_loop<T, Cell::rnn_tanh>(job);
    case Cell::rnn_relu: return backward_loop<T, Cell::rnn_relu>(job);
    case Cell::lstm: return backward_loop<T, Cell::lstm>(job);
    case Cell::gru: return backward_loop<T, Cell::gru>(job);
    case Cell::gru_reset_after: return backward_loop<T, Cell::gru_reset_after>(job);
  }
}

}  // namespace tidegate::TIDEGATE_ISA
