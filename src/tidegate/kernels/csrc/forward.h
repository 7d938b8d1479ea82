// The loop over time, forward. Each step is one product of the running rows' states with the recurrent panels; the pointwise part of
// a cell runs on the tile's sums while they stand in registers.
#pragma once

#include "activations.h"
#include "barrier.h"
#include "forward_rows.h"
#include "minimal.h"
#include "product.h"
#include "step.h"

namespace tidegate::TIDEGATE_ISA {

template <class T, int R>
TIDEGATE_INLINE void row_pointers(const T* (&rows)[R], const T* states, Index row, Index stride) {
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) rows[r] = states + (row + r) * stride;
}

// What C gates of R rows are before their activation: the input's share, which stands from `column` on in the gate rows, and the states' product
// with the panel.
template <class T, int R, int C>
TIDEGATE_INLINE void gate_sums(Vector<T> (&sums)[R][C], const Shape& shape, const StepRows<T>& step, const T* states, Index row, Index column,
                               const T* panel) {
  const T* rows[R];
  row_pointers(rows, states, row, step.stride);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) sums[r][c] = load(step.gates[row + r] + column + c * kLanes<T>);
  }
  multiply<T, R, C>(sums, rows, panel, shape.hidden);
}

// i, f, o = σ(…), g = tanh(…); c' = f∘c + i∘g; h' = o∘tanh(c').
template <class T, bool Keep, int R>
TIDEGATE_INLINE void lstm_tile(const Shape& shape, const StepRows<T>& step, Index row, Index block, const T* panel) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[R][4];
  gate_sums<T, R, 4>(sums, shape, step, step.source, row, block * 4 * L, panel);
  const Index unit = block * L;
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    const Vector<T> i = sigmoid<T>(sums[r][0]), f = sigmoid<T>(sums[r][1]), g = tanh<T>(sums[r][2]), o = sigmoid<T>(sums[r][3]);
    const Vector<T> c = f * load(step.c + (row + r) * step.stride + unit) + i * g;
    store(step.c_next + (row + r) * step.stride + unit, c);
    store_state(step, row + r, unit, shape.hidden - unit, Vector<T>(o * tanh<T>(c)));
    if constexpr (Keep) {
      T* const kept = step.gates[row + r] + block * 4 * L;
      store(kept, i);
      store(kept + L, f);
      store(kept + 2 * L, g);
      store(kept + 3 * L, o);
    }
  }
}

// n = tanh(W x + b + r∘(U h + b')); h' = z∘h + (1−z)∘n.
template <class T, bool Keep, int R>
TIDEGATE_INLINE void gru_reset_after_tile(const Shape& shape, const StepRows<T>& step, const T* bias_reset, Index row, Index block,
                                          const T* panel) {
  constexpr int L = kLanes<T>;
  const Index unit = block * L;
  const T* rows[R];
  Vector<T> sums[R][3];
  row_pointers(rows, step.source, row, step.stride);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    sums[r][0] = load(step.gates[row + r] + 2 * unit);
    sums[r][1] = load(step.gates[row + r] + 2 * unit + L);
    sums[r][2] = load(bias_reset + unit);
  }
  multiply<T, R, 3>(sums, rows, panel, shape.hidden);
  TIDEGATE_UNROLL
  for (int i = 0; i < R; ++i) {
    T* const kept = step.gates[row + i];
    const Vector<T> r = sigmoid<T>(sums[i][0]), z = sigmoid<T>(sums[i][1]), q = sums[i][2];
    const Vector<T> n = tanh<T>(load(kept + 2 * shape.padded + unit) + r * q);
    const Vector<T> h = load(step.h + (row + i) * step.stride + unit);
    store_state(step, row + i, unit, shape.hidden - unit, Vector<T>(n + z * (h - n)));
    if constexpr (Keep) {
      store(kept + 2 * unit, r);
      store(kept + 2 * unit + L, z);
      store(kept + 2 * shape.padded + unit, n);
      store(kept + 3 * shape.padded + unit, q);
    }
  }
}

// r, z = σ(…); leaves r∘h and z for `gru_state_tile`.  C vectors: r and z of C / 2 blocks.
template <class T, bool Keep, int R, int C>
TIDEGATE_INLINE void gru_gates_tile(const Shape& shape, const StepRows<T>& step, Index row, Index vector, const T* panel) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[R][C];
  gate_sums<T, R, C>(sums, shape, step, step.source, row, vector * L, panel);
  TIDEGATE_UNROLL
  for (int i = 0; i < R; ++i) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; c += 2) {
      const Index at = (row + i) * step.stride + (vector + c) / 2 * L;
      const Vector<T> r = sigmoid<T>(sums[i][c]), z = sigmoid<T>(sums[i][c + 1]);
      store(step.reset + at, Vector<T>(r * load(step.source + at)));
      store(step.update + at, z);
      if constexpr (Keep) {
        store(step.gates[row + i] + (vector + c) * L, r);
        store(step.gates[row + i] + (vector + c + 1) * L, z);
      }
    }
  }
}

// n = tanh(W x + U(r∘h) + b); h' = z∘h + (1−z)∘n.
template <class T, bool Keep, int R, int C>
TIDEGATE_INLINE void gru_state_tile(const Shape& shape, const StepRows<T>& step, Index row, Index vector, const T* panel) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[R][C];
  gate_sums<T, R, C>(sums, shape, step, step.reset, row, 2 * shape.padded + vector * L, panel);
  TIDEGATE_UNROLL
  for (int i = 0; i < R; ++i) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) {
      const Index unit = (vector + c) * L, at = (row + i) * step.stride + unit;
      const Vector<T> n = tanh<T>(sums[i][c]), h = load(step.h + at), z = load(step.update + at);
      store_state(step, row + i, unit, shape.hidden - unit, Vector<T>(n + z * (h - n)));
      if constexpr (Keep) store(step.gates[row + i] + 2 * shape.padded + unit, n);
    }
  }
}

// h' = tanh(W x + U h + b), or relu.
template <class T, Cell cell, int R, int C>
TIDEGATE_INLINE void rnn_tile(const Shape& shape, const StepRows<T>& step, Index row, Index vector, const T* panel) {
  constexpr int L = kLanes<T>;
  Vector<T> sums[R][C];
  gate_sums<T, R, C>(sums, shape, step, step.source, row, vector * L, panel);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) {
      const Index unit = (vector + c) * L;
      const Vector<T> a = sums[r][c];
      if constexpr (cell == Cell::rnn_relu)
        store_state(step, row + r, unit, shape.hidden - unit, Vector<T>(a < T(0) ? Vector<T>{} : a));
      else
        store_state(step, row + r, unit, shape.hidden - unit, tanh<T>(a));
    }
  }
}

// This member's share of `count` panels, taken up on even steps and down on odd ones: what the last step left in the cache comes first.
struct Share {
  Index first, last;
  bool down;

  Share(Index count, int member, int members, Index step)
      : first(count * member / members), last(count * (member + 1) / members), down(step % 2 != 0) {}

  template <class Panel>
  TIDEGATE_INLINE void each(Panel&& panel) const {
    for (Index i = first; i < last; ++i) panel(down ? last - 1 - (i - first) : i);
  }
};

template <class T, Cell cell, bool Keep>
void forward_step(const Forward<T>& job, const StepRows<T>& step, Index number) {
  constexpr int L = kLanes<T>;
  const Shape& shape = *job.part.shape;
  const Index H = shape.hidden, blocks = shape.blocks();
  const T* const recurrent = job.part.weights->recurrent;
  const int member = job.part.member, members = job.part.members;
  if constexpr (cell == Cell::lstm) {
    Share(blocks, member, members, number).each([&](Index block) {
      each_tile<tallest(4)>(step.count, [&]<int R>(Index row) { lstm_tile<T, Keep, R>(shape, step, row, block, recurrent + block * 4 * L * H); });
    });
  } else if constexpr (cell == Cell::gru_reset_after) {
    Share(blocks, member, members, number).each([&](Index block) {
      each_tile<tallest(3)>(step.count, [&]<int R>(Index row) {
        gru_reset_after_tile<T, Keep, R>(shape, step, job.part.weights->bias_reset, row, block, recurrent + block * 3 * L * H);
      });
    });
  } else if constexpr (cell == Cell::gru) {
    Share((2 * blocks + kPanel - 1) / kPanel, member, members, number).each([&](Index p) {
      const Index v = p * kPanel;
      const auto panel = [&]<int C>() {
        each_tile<tallest(C)>(step.count, [&]<int R>(Index row) { gru_gates_tile<T, Keep, R, C>(shape, step, row, v, recurrent + v * L * H); });
      };
      if (2 * blocks - v >= kPanel)
        panel.template operator()<kPanel>();
      else
        panel.template operator()<2>();
    });
    if (job.part.barrier) job.part.barrier->wait();
    const T* const second = recurrent + 2 * shape.padded * H;
    Share((blocks + kPanel - 1) / kPanel, member, members, number).each([&](Index p) {
      const Index v = p * kPanel;
      with_width(blocks - v < kPanel ? blocks - v : kPanel, [&]<int C>() {
        each_tile<tallest(C)>(step.count, [&]<int R>(Index row) { gru_state_tile<T, Keep, R, C>(shape, step, row, v, second + v * L * H); });
      });
    });
  } else {
    Share((blocks + kPanel - 1) / kPanel, member, members, number).each([&](Index p) {
      const Index v = p * kPanel;
      with_width(blocks - v < kPanel ? blocks - v : kPanel, [&]<int C>() {
        each_tile<tallest(C)>(step.count, [&]<int R>(Index row) { rnn_tile<T, cell, R, C>(shape, step, row, v, recurrent + v * L * H); });
      });
    });
  }
}

// Normalises what the input product gave for the steps first .. last, whose rows are `gates`.
template <class T>
void normalise_chunk(const Forward<T>& job, T* const* gates, Index first, Index last) {
  const Part<T>& part = job.part;
  const Shape& shape = *part.shape;
  for (Index t = first, row = 0; t < last; ++t) {
    for (Index r = 0, count = running(part, t); r < count; ++r, ++row) {
      const Index at = part.layout->begin[t] + part.first + r * part.stride;
      const bool keeps = job.normed.inputs != nullptr;
      normalise_input(shape, *part.weights, gates[row], keeps ? job.normed.inputs + at * shape.projected() : nullptr,
                      keeps ? job.normed.input_scales + at * shape.groups() : nullptr);
    }
  }
}

template <class T, Cell cell, bool Keep>
void forward_loop(const Forward<T>& job) {
  const Part<T>& part = job.part;
  const Shape& shape = *part.shape;
  const Layout& layout = *part.layout;
  const Index Hp = shape.padded, P = shape.projected(), panels = (P / kLanes<T> + kPanel - 1) / kPanel;
  const Index capacity = kChunkRows + layout.sequences, start = part.first * Hp, plane = layout.sequences * Hp;
  const T** const src = const_cast<const T**>(reinterpret_cast<T**>(job.pointers));
  T** const gates = reinterpret_cast<T**>(job.pointers + capacity);
  T** const y = reinterpret_cast<T**>(job.pointers + 2 * capacity);
  T** const dst = reinterpret_cast<T**>(job.pointers + 3 * capacity);
  const auto finish = [&](Index row, const T* h, const T* c) {
    if (part.member != 0) return;
    const Index sequence = layout.order[part.first + row * part.stride];
    __builtin_memcpy(job.hn + sequence * shape.hidden, h, static_cast<std::size_t>(shape.hidden) * sizeof(T));
    if constexpr (cell == Cell::lstm) __builtin_memcpy(job.cn + sequence * shape.hidden, c, static_cast<std::size_t>(shape.hidden) * sizeof(T));
  };
  for (Index row = running(part, 0); part.first + row * part.stride < layout.sequences; ++row) {
    const Index at = (part.first + row * part.stride) * Hp;
    finish(row, job.h0 + at, cell == Cell::lstm ? job.c0 + at : nullptr);
  }
  for (Index first = 0; first < layout.steps && running(part, first) > 0;) {
    Index rows = 0, last = first;
    for (; last < layout.steps && rows < kChunkRows; ++last) {
      const Index count = running(part, last);
      if (count == 0) break;
      for (Index r = 0; r < count; ++r, ++rows) {
        const Index place = part.first + r * part.stride, flat = layout.flat(place, last, part.reverse);
        y[rows] = job.y + layout.stands(flat) * job.y_stride;
        if (job.projected) {
          gates[rows] = const_cast<T*>(job.projected) + job.inputs[layout.stands(flat)] * P;
        } else {
          src[rows] = job.x + layout.stands(flat) * shape.input;
          gates[rows] = job.gates ? job.gates + (layout.begin[last] + place) * shape.gate_row() : job.chunk + rows * P;
        }
      }
    }
    if (!job.projected) {
      const Product<T> product{src, gates, rows, shape.input, P, part.weights->input, shape.normed ? nullptr : part.weights->bias, false};
      product_panels(product, panels * part.member / part.members, panels * (part.member + 1) / part.members);
      if (part.barrier) part.barrier->wait();
      if (shape.normed) normalise_chunk(job, gates, first, last);
    }
    Index done = 0;
    for (Index t = first; t < last; ++t) {
      StepRows<T> step;
      step.count = running(part, t);
      step.stride = part.stride * Hp;
      step.gates = gates + done;
      step.y = y + done;
      if constexpr (Keep) {
        const Index now = layout.begin[t] * Hp + start, before = t ? layout.begin[t - 1] * Hp + start : 0;
        step.h = t ? job.states + before : job.h0 + start;
        step.h_next = job.states + now;
        if constexpr (cell == Cell::lstm) {
          step.c = t ? job.cells + before : job.c0 + start;
          step.c_next = job.cells + now;
        }
      } else {
        step.h = (t ? job.h + (t % 2) * plane : job.h0) + start;
        step.h_next = job.h + ((t + 1) % 2) * plane + start;
        if constexpr (cell == Cell::lstm) {
          step.c = (t ? job.c : job.c0) + start;
          step.c_next = job.c + start;
        }
      }
      if constexpr (cell == Cell::gru) {
        step.reset = job.reset + start;
        step.update = job.reset + plane + start;
      }
      step.mask = job.mask ? job.mask + start : nullptr;
      step.source = job.mask ? job.masked + (t % 2) * plane + start : step.h;
      step.source_next = job.mask ? job.masked + ((t + 1) % 2) * plane + start : nullptr;
      if (shape.by_rows())
        forward_step_by_rows<T, cell, Keep>(job, step, t, src, dst);
      else
        forward_step<T, cell, Keep>(job, step, job.steps_before + t);
      if (part.barrier) part.barrier->wait();
      for (Index row = running(part, t + 1); row < step.count; ++row)
        finish(row, step.h_next + row * step.stride, cell == Cell::lstm ? step.c_next + row * step.stride : nullptr);
      done += step.count;
    }
    first = last;
  }
}

template <class T>
void forward(const Forward<T>& job) {
  const bool keep = job.states != nullptr;
  const auto run = [&]<Cell cell>() { keep ? forward_loop<T, cell, true>(job) : forward_loop<T, cell, false>(job); };
  const auto minimal = [&]<Cell cell>() {
    if (job.streams) return keep ? minimal_forward<T, cell, true, true>(job) : minimal_forward<T, cell, false, true>(job);
    keep ? minimal_forward<T, cell, true, false>(job) : minimal_forward<T, cell, false, false>(job);
  };
  switch (job.part.shape->cell) {
    case Cell::rnn_tanh: return run.template operator()<Cell::rnn_tanh>();
    case Cell::rnn_relu: return run.template operator()<Cell::rnn_relu>();
    case Cell::lstm: return run.template operator()<Cell::lstm>();
    case Cell::gru: return run.template operator()<Cell::gru>();
    case Cell::gru_reset_after: return run.template operator()<Cell::gru_reset_after>();
    case Cell::mingru: return minimal.template operator()<Cell::mingru>();
    case Cell::minlstm: return minimal.template operator()<Cell::minlstm>();
  }
}

}  // namespace tidegate::TIDEGATE_ISA
