// The cells without a recurrent matrix, forward and backward. Nothing couples units or sequences, so a sequence is read from end to end, its
// rows one after another in memory, and what is kept stands in the order of the flat batch.
// Source: Feng et al. 2024, arXiv 2410.01201, section 3, in sequential form.
#pragma once

#include "activations.h"
#include "backward_row.h"
#include "product.h"

namespace tidegate::TIDEGATE_ISA {

// One step of one sequence. `sums` are what the gates are before their activation; activated they go to `kept`, which may be the same.
//   mingru: z = σ(…), n = W x + b; h' = z∘h + (1−z)∘n.  minlstm: i, f = σ(…), g = W x + b, s = f / (f + i); h' = s∘h + (1−s)∘g.
template <class T, Cell cell, bool Keep, bool Stream>
TIDEGATE_INLINE void minimal_row(const Shape& shape, const T* sums, T* kept, const T* h, T* h_next, T* state, T* y) {
  constexpr int L = kLanes<T>, G = cell == Cell::mingru ? 2 : 3;
  const auto keep = [](T* to, Vector<T> value) {
    if constexpr (Stream)
      stream(to, value);
    else
      store(to, value);
  };
  for (Index block = 0; block < shape.blocks(); ++block, sums += G * L, kept += G * L) {
    const Index unit = block * L;
    const Vector<T> before = load(h + unit), last = load(sums + (G - 1) * L);
    Vector<T> after;
    if constexpr (cell == Cell::mingru) {
      const Vector<T> z = sigmoid<T>(load(sums));
      after = last + z * (before - last);
      if constexpr (Keep) keep(kept, z);
    } else {
      const Vector<T> i = positive_sigmoid<T>(load(sums)), f = positive_sigmoid<T>(load(sums + L));
      after = last + f / (f + i) * (before - last);
      if constexpr (Keep) {
        keep(kept, i);
        keep(kept + L, f);
      }
    }
    store(h_next + unit, after);
    if constexpr (Stream) {
      if constexpr (Keep) {
        stream(kept + (G - 1) * L, last);
        stream(state + unit, after);
      }
      stream(y + unit, after);
    } else {
      store_some(y + unit, after, shape.hidden - unit);
    }
  }
}

template <class T, Cell cell, bool Keep, bool Stream>
void minimal_forward(const Forward<T>& job) {
  const Part<T>& part = job.part;
  const Shape& shape = *part.shape;
  const Layout& layout = *part.layout;
  const Index Hp = shape.padded, P = shape.projected(), capacity = kChunkRows + layout.sequences;
  const T** const src = const_cast<const T**>(reinterpret_cast<T**>(job.pointers));
  T** const gates = reinterpret_cast<T**>(job.pointers + capacity);
  const auto finish = [&](Index place, const T* h) {
    __builtin_memcpy(job.hn + layout.order[place] * shape.hidden, h, static_cast<std::size_t>(shape.hidden) * sizeof(T));
  };
  // Rows of one sequence after another, as many as the input product takes at a time.
  Index place = part.first, step = 0;
  const auto next = [&](Index& at, Index& number) {  // false where no row is left
    while (at < layout.sequences && number == layout.length(at)) {
      at += part.stride;
      number = 0;
    }
    return at < layout.sequences;
  };
  for (Index at = part.first; at < layout.sequences; at += part.stride)
    if (layout.length(at) == 0) finish(at, job.h0 + at * Hp);
  const T* h = nullptr;
  while (next(place, step)) {
    Index rows = 0;
    for (Index at = place, number = step; rows < kChunkRows && next(at, number); ++rows, ++number) {
      const Index flat = layout.flat(at, number, part.reverse);
      if (job.projected) {
        gates[rows] = const_cast<T*>(job.projected) + job.inputs[layout.stands(flat)] * P;
      } else {
        src[rows] = job.x + layout.stands(flat) * shape.input;
        gates[rows] = Keep && !Stream ? job.gates + flat * P : job.chunk + rows * P;
      }
    }
    if (!job.projected) product<T>({src, gates, rows, shape.input, P, part.weights->input, part.weights->bias, false});
    for (Index row = 0; row < rows; ++row, ++step) {
      next(place, step);
      const Index flat = layout.flat(place, step, part.reverse);
      if (step == 0) h = job.h0 + place * Hp;
      T* const state = Keep ? job.states + flat * Hp : nullptr;
      T* const h_next = Keep && !Stream ? state : job.h + place * Hp;
      T* const kept = Keep ? job.gates + flat * P : gates[row];
      minimal_row<T, cell, Keep, Stream>(shape, gates[row], kept, h, h_next, state, job.y + layout.stands(flat) * job.y_stride);
      h = h_next;
      if (step == layout.length(place) - 1) finish(place, h);
    }
  }
  if constexpr (Stream) end_streams();
}

template <class T, bool Stream>
TIDEGATE_INLINE void store_gradient(T* to, Vector<T> gradient, Index valid) {
  if constexpr (Stream)
    stream(to, gradient);
  else
    store(to, keep_some<T>(gradient, valid));
}

template <class T, bool Stream>
TIDEGATE_INLINE void mingru_gradient(const BackwardRow<T>& row, Index unit, Index valid) {
  constexpr int L = kLanes<T>;
  const Vector<T> z = load(row.gates + 2 * unit), n = load(row.gates + 2 * unit + L), h = load(row.h + unit), dh = state_gradient(row, unit, valid);
  store_gradient<T, Stream>(row.dgates + 2 * unit, dh * (h - n) * z * (T(1) - z), valid);
  store_gradient<T, Stream>(row.dgates + 2 * unit + L, dh * (T(1) - z), valid);
  store(row.dh + unit, Vector<T>(dh * z));
}

// s = f / (f + i), so ds = s(1−s)(1−f) by f's sum and −s(1−s)(1−i) by i's.
template <class T, bool Stream>
TIDEGATE_INLINE void minlstm_gradient(const BackwardRow<T>& row, Index unit, Index valid) {
  constexpr int L = kLanes<T>;
  const T* const gates = row.gates + 3 * unit;
  T* const out = row.dgates + 3 * unit;
  const Vector<T> i = load(gates), f = load(gates + L), g = load(gates + 2 * L), s = f / (f + i), dh = state_gradient(row, unit, valid);
  const Vector<T> ds = dh * (load(row.h + unit) - g) * s * (T(1) - s);
  store_gradient<T, Stream>(out, -ds * (T(1) - i), valid);
  store_gradient<T, Stream>(out + L, ds * (T(1) - f), valid);
  store_gradient<T, Stream>(out + 2 * L, dh * (T(1) - s), valid);
  store(row.dh + unit, Vector<T>(dh * s));
}

template <class T, Cell cell, bool Stream>
void minimal_backward(const Backward<T>& job) {
  const Part<T>& part = job.part;
  const Shape& shape = *part.shape;
  const Layout& layout = *part.layout;
  const Index Hp = shape.padded, P = shape.projected();
  for (Index place = part.first; place < layout.sequences; place += part.stride) {
    for (Index step = layout.length(place); step-- > 0;) {
      const Index flat = layout.flat(place, step, part.reverse);
      BackwardRow<T> row{};
      row.gates = job.gates + flat * P;
      row.h = step ? job.states + layout.flat(place, step - 1, part.reverse) * Hp : job.h0 + place * Hp;
      row.dy = job.dy ? job.dy + layout.stands(flat) * job.dy_stride : nullptr;
      row.dh = job.dh + place * Hp;
      row.dgates = job.dgates + flat * P;
      for (Index unit = 0; unit < Hp; unit += kLanes<T>) {
        if constexpr (cell == Cell::mingru)
          mingru_gradient<T, Stream>(row, unit, shape.hidden - unit);
        else
          minlstm_gradient<T, Stream>(row, unit, shape.hidden - unit);
      }
    }
  }
  if constexpr (Stream) end_streams();
}

}  // namespace tidegate::TIDEGATE_ISA
