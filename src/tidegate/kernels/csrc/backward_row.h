// One row of one step of the backward pass.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

// One row of one step, from its first unit. The derivatives are those of the cell's equations; σ' = σ(1−σ), tanh' = 1−tanh².
template <class T>
struct BackwardRow {
  const T* gates;    // activated
  const T* h;        // the state after the step (rnn) or before it (gru, mingru, minlstm)
  const T* c;        // lstm: after the step
  const T* c_before;
  const T* dy;       // or null
  T* dh;             // in: from the step after; out: the share that does not go through the recurrent weights
  T* dc;
  T* drh;            // gru: gradient of r∘h
  T* dgates;
  const T* mask;     // or null
};

template <class T>
TIDEGATE_INLINE Vector<T> state_gradient(const BackwardRow<T>& row, Index unit, Index valid) {
  const Vector<T> dh = load(row.dh + unit);
  return row.dy ? dh + load_some(row.dy + unit, valid) : dh;
}

// gru: the reset gate's gradient, once that of r∘h is there.
template <class T>
TIDEGATE_INLINE void gru_reset_gradient(const BackwardRow<T>& row, Index block, Index valid) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const Vector<T> r = load(row.gates + 2 * unit);
  Vector<T> h = load(row.h + unit), drh = load(row.drh + unit);
  if (row.mask) {  // what was reset is m∘h
    h *= load(row.mask + unit);
    store(row.dh + unit, Vector<T>(load(row.dh + unit) + drh * r * load(row.mask + unit)));
  } else {
    store(row.dh + unit, Vector<T>(load(row.dh + unit) + drh * r));
  }
  store(row.dgates + 2 * unit, keep_some<T>(drh * h * r * (T(1) - r), valid));
}

}  // namespace tidegate::TIDEGATE_ISA
