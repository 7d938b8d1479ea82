// One step backward for cells with zoneout or layer norm, row by row; forward_rows.h is the way there.
#pragma once

#include "activations.h"
#include "backward_row.h"
#include "norm.h"
#include "zoneout.h"

namespace tidegate::TIDEGATE_ISA {

// The gradients of W x and of U h from those of the sums, for one group of a gate row. Seen from the states, gru_reset_after's n is q.
template <class T>
void normed_gradient(const Backward<T>& job, Index kept, Index group) {
  const Shape& shape = *job.part.shape;
  if (!shape.normed) return;
  const PackedWeights<T>& weights = *job.part.weights;
  const Index begin = group_begin(shape, group), row = kept * shape.gate_row(), at = kept * shape.projected() + begin, scale = kept * shape.groups() + group;
  const Columns columns = group_columns(shape, group);
  const Index states = begin + (shape.cell == Cell::gru_reset_after && group == 1 ? shape.padded : 0);
  normalise_gradient<T>(job.dgates + row + begin, weights.gain_inputs + begin, job.normed.inputs + at, job.normed.input_scales[scale],
                        job.dgates_inputs + row + begin, columns);
  normalise_gradient<T>(job.dgates + row + states, weights.gain_states + begin, job.normed.states + at, job.normed.state_scales[scale],
                        job.dgates_states + row + states, columns);
}

template <class T>
void lstm_gradient_by_row(const Backward<T>& job, const BackwardRow<T>& row, Index kept, const Past<T>& past_h, const Past<T>& past_c) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *job.part.shape;
  const PackedWeights<T>& weights = *job.part.weights;
  // Of the new cells, by way of the output; stands where the gradient of the forget gate goes last.
  const auto through_output = [&](Index block) { return row.dgates + block * 4 * L + L; };
  T* const dcells = shape.normed ? job.dcells + kept * shape.padded : nullptr;
  for (Index block = 0; block < shape.blocks(); ++block) {
    const Index unit = block * L, valid = shape.hidden - unit;
    const T* const gates = row.gates + block * 4 * L;
    const Vector<T> o = load(gates + 3 * L), whole = state_gradient(row, unit, valid), share = past_h.share(unit), dh = whole * (T(1) - share);
    Vector<T> c = load(gates + L) * load(row.c_before + unit) + load(gates) * load(gates + 2 * L);
    if (shape.normed) c = load(job.normed.cells + kept * shape.padded + unit) * load(weights.gain_cells + unit) + load(weights.shift_cells + unit);
    const Vector<T> t = tanh<T>(c), dc = keep_some<T>(dh * o * (T(1) - t * t), valid);
    store(row.dh + unit, Vector<T>(whole * share));
    store(row.dgates + block * 4 * L + 3 * L, keep_some<T>(dh * t * o * (T(1) - o), valid));
    store(shape.normed ? dcells + unit : through_output(block), dc);
  }
  const T* normal = nullptr;
  if (shape.normed) {
    T* const into = job.drh + (row.dh - job.dh);
    normalise_gradient<T>(dcells, weights.gain_cells, job.normed.cells + kept * shape.padded, job.normed.cell_scales[kept], into,
                          Columns{shape.blocks(), 1, shape.hidden});
    normal = into;
  }
  for (Index block = 0; block < shape.blocks(); ++block) {
    const Index unit = block * L, valid = shape.hidden - unit;
    const T* const gates = row.gates + block * 4 * L;
    T* const out = row.dgates + block * 4 * L;
    const Vector<T> i = load(gates), f = load(gates + L), g = load(gates + 2 * L), whole = load(row.dc + unit), share = past_c.share(unit);
    const Vector<T> dc = whole * (T(1) - share) + load(normal ? normal + unit : through_output(block));
    store(out, keep_some<T>(dc * g * i * (T(1) - i), valid));
    store(out + L, keep_some<T>(dc * load(row.c_before + unit) * f * (T(1) - f), valid));
    store(out + 2 * L, keep_some<T>(dc * i * (T(1) - g * g), valid));
    store(row.dc + unit, Vector<T>(whole * share + dc * f));
  }
}

// Both GRUs up to the reset gate; of gru_reset_after, that too.
template <class T, Cell cell>
void gru_gradient_by_row(const Backward<T>& job, const BackwardRow<T>& row, const Past<T>& past) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *job.part.shape;
  for (Index unit = 0; unit < shape.padded; unit += L) {
    const Index valid = shape.hidden - unit, last = 2 * shape.padded + unit;
    const Vector<T> r = load(row.gates + 2 * unit), z = load(row.gates + 2 * unit + L), n = load(row.gates + last), h = load(row.h + unit);
    const Vector<T> whole = state_gradient(row, unit, valid), share = past.share(unit), dh = whole * (T(1) - share);
    const Vector<T> dn = keep_some<T>(dh * (T(1) - z) * (T(1) - n * n), valid);
    store(row.dgates + 2 * unit + L, keep_some<T>(dh * (h - n) * z * (T(1) - z), valid));
    store(row.dgates + last, dn);
    store(row.dh + unit, Vector<T>(whole * share + dh * z));
    if constexpr (cell == Cell::gru_reset_after) {
      store(row.dgates + 2 * unit, keep_some<T>(dn * load(row.gates + last + shape.padded) * r * (T(1) - r), valid));
      store(row.dgates + last + shape.padded, keep_some<T>(dn * r, valid));
    }
  }
}

template <class T, Cell cell>
void rnn_gradient_by_row(const Backward<T>& job, const BackwardRow<T>& row, const Past<T>& past) {
  const Shape& shape = *job.part.shape;
  for (Index unit = 0; unit < shape.padded; unit += kLanes<T>) {
    const Index valid = shape.hidden - unit;
    const Vector<T> h = load(row.gates + unit), whole = state_gradient(row, unit, valid), share = past.share(unit), dh = whole * (T(1) - share);
    store(row.dgates + unit, keep_some<T>(cell == Cell::rnn_relu ? Vector<T>(h <= T(0) ? Vector<T>{} : dh) : Vector<T>(dh * (T(1) - h * h)), valid));
    store(row.dh + unit, Vector<T>(whole * share));
  }
}

template <class T, Cell cell>
void gradient_by_rows(const Backward<T>& job, const BackwardRow<T>& row, Index number, Index place) {
  const Layout& layout = *job.part.layout;
  const Index kept = layout.begin[number] + place, flat = layout.flat(place, number, job.part.reverse);
  const Past<T> past_h(job.zoneout.h, job.zoneout.draws, flat), past_c(job.zoneout.c, job.zoneout.draws, flat);
  if constexpr (cell == Cell::lstm)
    lstm_gradient_by_row(job, row, kept, past_h, past_c);
  else if constexpr (cell == Cell::gru || cell == Cell::gru_reset_after)
    gru_gradient_by_row<T, cell>(job, row, past_h);
  else
    rnn_gradient_by_row<T, cell>(job, row, past_h);
  if constexpr (cell == Cell::gru)
    normed_gradient(job, kept, 1);
  else
    for (Index group = 0; group < job.part.shape->groups(); ++group) normed_gradient(job, kept, group);
}

// gru: the reset gate's, once the gradient of r∘h is there.
template <class T>
void reset_gradient_by_rows(const Backward<T>& job, const BackwardRow<T>& row, Index number, Index place) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *job.part.shape;
  for (Index block = 0; block < shape.blocks(); ++block) gru_reset_gradient(row, block, shape.hidden - block * L);
  normed_gradient(job, job.part.layout->begin[number] + place, 0);
}

}  // namespace tidegate::TIDEGATE_ISA
