// The loop over time, backward. Each step turns the gradient of the states into that of the gates before their activation, and one product
// with the recurrent weights into that of the states one step earlier. Everything that can wait until the end (inputs, weights) does.
#pragma once

#include "backward_rows.h"
#include "forward.h"

namespace tidegate::TIDEGATE_ISA {

template <class T>
TIDEGATE_INLINE void lstm_gradient(const BackwardRow<T>& row, Index block, Index valid) {
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

template <class T, Cell cell>
TIDEGATE_INLINE void rnn_gradient(const BackwardRow<T>& row, Index block, Index valid) {
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
      row.dy = job.dy ? job.dy + layout.stands(layout.flat(place, t, part.reverse)) * job.dy_stride : nullptr;
      row.dh = job.dh + state;
      row.drh = cell == Cell::gru ? job.drh + state : nullptr;
      row.dgates = job.dgates + (layout.begin[t] + place) * shape.gate_row();
      row.mask = job.mask ? job.mask + state : nullptr;
      return row;
    };
    for (Index r = 0; r < count; ++r) {
      const BackwardRow<T> row = row_of(r);
      src[r] = job.dgates_states + (row.dgates - job.dgates);
      dst[r] = row.dh;
      if (shape.by_rows()) {
        gradient_by_rows<T, cell>(job, row, t, part.first + r * part.stride);
        continue;
      }
      for (Index block = first_block; block < last_block; ++block) {
        const Index valid = shape.hidden - block * L;
        if constexpr (cell == Cell::lstm)
          lstm_gradient(row, block, valid);
        else if constexpr (cell == Cell::gru)
          gru_state_gradient(shape, row, block, valid);
        else if constexpr (cell == Cell::gru_reset_after)
          gru_reset_after_gradient(shape, row, block, valid);
        else
          rnn_gradient<T, cell>(row, block, valid);
      }
    }
    synchronise();
    const auto point = [&](T* states) {
      for (Index r = 0; r < count; ++r) dst[r] = states + (part.first + r * part.stride) * Hp;
    };
    // Adds to what `dst` points at, or sets it, the product of some gates' columns with their recurrent weights.
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
      point(job.drh);
      through(2 * Hp, Hp, back + 2 * Hp * Hp, false);
      point(job.dh);
      synchronise();
      for (Index r = 0; r < count; ++r) {
        if (shape.by_rows()) {
          reset_gradient_by_rows(job, row_of(r), t, part.first + r * part.stride);
          continue;
        }
        for (Index block = first_block; block < last_block; ++block) gru_reset_gradient(row_of(r), block, shape.hidden - block * L);
      }
      synchronise();
    }
    if (t > 0 || job.needs_first) {
      // What reaches the state not through the weights stands in dh already.
      const bool has_more = shape.is_gru() || shape.zoned;
      if (job.mask) point(job.drh);
      if constexpr (cell == Cell::gru) {
        through(0, 2 * Hp, back, !job.mask);
      } else if constexpr (cell == Cell::gru_reset_after) {
        through(0, 2 * Hp, back, !job.mask);
        through(3 * Hp, Hp, back + 2 * Hp * Hp, true);
      } else {
        through(0, shape.projected(), back, has_more && !job.mask);
      }
      for (Index r = 0; job.mask && r < count; ++r) {
        const Index state = (part.first + r * part.stride) * Hp;
        for (Index v = first_panel * kPanel; v < last_panel * kPanel && v < blocks; ++v) {
          const Index at = state + v * L;
          const Vector<T> masked = load(job.drh + at) * load(job.mask + at);
          store(job.dh + at, has_more ? Vector<T>(load(job.dh + at) + masked) : masked);
        }
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
    case Cell::mingru: return job.streams ? minimal_backward<T, Cell::mingru, true>(job) : minimal_backward<T, Cell::mingru, false>(job);
    case Cell::minlstm: return job.streams ? minimal_backward<T, Cell::minlstm, true>(job) : minimal_backward<T, Cell::minlstm, false>(job);
  }
}

}  // namespace tidegate::TIDEGATE_ISA
