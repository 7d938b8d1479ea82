// One step forward for cells with zoneout or layer norm: the product of all rows first, then the pointwise part row by row, since
// layer norm needs whole rows. Slower than the tiles of forward.h by the way of the sums through the cache.
#pragma once

#include "activations.h"
#include "norm.h"
#include "product.h"
#include "step.h"
#include "zoneout.h"

namespace tidegate::TIDEGATE_ISA {

// One row of the step: where it stands in what is kept, its sums, and its pasts.
template <class T>
struct SumsRow {
  const Forward<T>& job;
  const StepRows<T>& step;
  Index row, kept;  // among the step's, among the tape's
  T* raw;           // U h, normalised in place under layer norm
  Past<T> past_h, past_c;

  SumsRow(const Forward<T>& job, const StepRows<T>& step, Index row, Index number)
      : SumsRow(job, step, row, number, job.part.first + row * job.part.stride) {}

  Index at(Index unit) const { return row * step.stride + unit; }

  // Normalises a group of the product and keeps what backward needs.
  void normalise_group(Index group) const {
    const Shape& shape = *job.part.shape;
    if (!shape.normed) return;
    const Index begin = group_begin(shape, group);
    const Columns columns = group_columns(shape, group);
    const T scale = normalise<T>(raw + begin, raw + begin, columns);
    if (!job.normed.states) return;
    __builtin_memcpy(job.normed.states + kept * shape.projected() + begin, raw + begin, static_cast<std::size_t>(columns.vectors * kLanes<T>) * sizeof(T));
    job.normed.state_scales[kept * shape.groups() + group] = scale;
  }

  // The states' share of the gate at `column`.
  TIDEGATE_INLINE Vector<T> recurrent(Index column) const {
    const Vector<T> sum = load(raw + column);
    return job.part.shape->normed ? sum * load(job.part.weights->gain_states + column) : sum;
  }
  TIDEGATE_INLINE Vector<T> sum(Index column) const { return load(step.gates[row] + column) + recurrent(column); }

  TIDEGATE_INLINE void finish(Index unit, Vector<T> fresh) const {
    store_state(step, row, unit, job.part.shape->hidden - unit, past_h.mix(load(step.h + at(unit)), fresh, unit));
  }

 private:
  SumsRow(const Forward<T>& job, const StepRows<T>& step, Index row, Index number, Index place)
      : job(job),
        step(step),
        row(row),
        kept(job.part.layout->begin[number] + place),
        raw(job.raw + place * job.part.shape->projected()),
        past_h(job.zoneout.h, job.zoneout.draws, job.part.layout->flat(place, number, job.part.reverse)),
        past_c(job.zoneout.c, job.zoneout.draws, job.part.layout->flat(place, number, job.part.reverse)) {}
};

template <class T, bool Keep>
void lstm_row(const SumsRow<T>& sums) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *sums.job.part.shape;
  const StepRows<T>& step = sums.step;
  T *const fresh = sums.job.row, *const output = sums.job.row + shape.padded;
  for (Index block = 0; block < shape.blocks(); ++block) {
    const Index column = block * 4 * L, unit = block * L;
    const Vector<T> i = sigmoid<T>(sums.sum(column)), f = sigmoid<T>(sums.sum(column + L)), g = tanh<T>(sums.sum(column + 2 * L)),
                    o = sigmoid<T>(sums.sum(column + 3 * L)), before = load(step.c + sums.at(unit));
    const Vector<T> c = keep_some<T>(f * before + i * g, shape.hidden - unit);
    store(fresh + unit, c);
    store(output + unit, o);
    store(step.c_next + sums.at(unit), sums.past_c.mix(before, c, unit));
    if constexpr (Keep) {
      T* const kept = step.gates[sums.row] + column;
      store(kept, i);
      store(kept + L, f);
      store(kept + 2 * L, g);
      store(kept + 3 * L, o);
    }
  }
  if (shape.normed) {
    const T scale = normalise<T>(fresh, fresh, Columns{shape.blocks(), 1, shape.hidden});
    if (sums.job.normed.cells) {
      __builtin_memcpy(sums.job.normed.cells + sums.kept * shape.padded, fresh, static_cast<std::size_t>(shape.padded) * sizeof(T));
      sums.job.normed.cell_scales[sums.kept] = scale;
    }
  }
  for (Index unit = 0; unit < shape.padded; unit += L) {
    Vector<T> c = load(fresh + unit);
    if (shape.normed) c = c * load(sums.job.part.weights->gain_cells + unit) + load(sums.job.part.weights->shift_cells + unit);
    sums.finish(unit, load(output + unit) * tanh<T>(c));
  }
}

template <class T, bool Keep>
void gru_gates_row(const SumsRow<T>& sums) {
  constexpr Index L = kLanes<T>;
  const StepRows<T>& step = sums.step;
  for (Index block = 0; block < sums.job.part.shape->blocks(); ++block) {
    const Index column = block * 2 * L, unit = block * L;
    const Vector<T> r = sigmoid<T>(sums.sum(column)), z = sigmoid<T>(sums.sum(column + L));
    store(step.reset + sums.at(unit), Vector<T>(r * load(step.source + sums.at(unit))));
    store(step.update + sums.at(unit), z);
    if constexpr (Keep) {
      store(step.gates[sums.row] + column, r);
      store(step.gates[sums.row] + column + L, z);
    }
  }
}

template <class T, bool Keep>
void gru_state_row(const SumsRow<T>& sums) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *sums.job.part.shape;
  const StepRows<T>& step = sums.step;
  for (Index unit = 0; unit < shape.padded; unit += L) {
    const Vector<T> n = tanh<T>(sums.sum(2 * shape.padded + unit)), z = load(step.update + sums.at(unit)), h = load(step.h + sums.at(unit));
    if constexpr (Keep) store(step.gates[sums.row] + 2 * shape.padded + unit, n);
    sums.finish(unit, n + z * (h - n));
  }
}

template <class T, bool Keep>
void gru_reset_after_row(const SumsRow<T>& sums) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *sums.job.part.shape;
  const StepRows<T>& step = sums.step;
  T* const gates = step.gates[sums.row];
  for (Index block = 0; block < shape.blocks(); ++block) {
    const Index column = block * 2 * L, unit = block * L, last = 2 * shape.padded + unit;
    const Vector<T> r = sigmoid<T>(sums.sum(column)), z = sigmoid<T>(sums.sum(column + L)),
                    q = sums.recurrent(last) + load(sums.job.part.weights->bias_reset + unit), n = tanh<T>(load(gates + last) + r * q),
                    h = load(step.h + sums.at(unit));
    if constexpr (Keep) {
      store(gates + column, r);
      store(gates + column + L, z);
      store(gates + last, n);
      store(gates + last + shape.padded, q);
    }
    sums.finish(unit, n + z * (h - n));
  }
}

template <class T, Cell cell, bool Keep>
void rnn_row(const SumsRow<T>& sums) {
  const Shape& shape = *sums.job.part.shape;
  for (Index unit = 0; unit < shape.padded; unit += kLanes<T>) {
    const Vector<T> a = sums.sum(unit);
    const Vector<T> h = cell == Cell::rnn_relu ? Vector<T>(a < T(0) ? Vector<T>{} : a) : tanh<T>(a);
    if constexpr (Keep) store(sums.step.gates[sums.row] + unit, h);
    sums.finish(unit, h);
  }
}

// `src` and `dst` are room for a pointer to each of the step's rows.
template <class T, Cell cell, bool Keep>
void forward_step_by_rows(const Forward<T>& job, const StepRows<T>& step, Index number, const T** src, T** dst) {
  const Shape& shape = *job.part.shape;
  const Index H = shape.hidden, Hp = shape.padded;
  const T* const recurrent = job.part.weights->recurrent;
  // The rows' states, or what the reset gates left of them, times the weights of `columns` columns.
  const auto multiply_rows = [&](const T* states, Index column, Index columns, const T* panels) {
    for (Index r = 0; r < step.count; ++r) {
      src[r] = states + r * step.stride;
      dst[r] = job.raw + (job.part.first + r * job.part.stride) * shape.projected() + column;
    }
    product<T>({src, dst, step.count, H, columns, panels, nullptr, false});
  };
  const auto each_row = [&](const auto& visit) {
    for (Index r = 0; r < step.count; ++r) visit(SumsRow<T>(job, step, r, number));
  };
  if constexpr (cell == Cell::gru || cell == Cell::gru_reset_after) {
    multiply_rows(step.source, 0, 2 * Hp, recurrent);
    if constexpr (cell == Cell::gru) {
      each_row([](const SumsRow<T>& sums) {
        sums.normalise_group(0);
        gru_gates_row<T, Keep>(sums);
      });
      multiply_rows(step.reset, 2 * Hp, Hp, recurrent + 2 * Hp * H);
      each_row([](const SumsRow<T>& sums) {
        sums.normalise_group(1);
        gru_state_row<T, Keep>(sums);
      });
    } else {
      multiply_rows(step.source, 2 * Hp, Hp, recurrent + 2 * Hp * H);
      each_row([](const SumsRow<T>& sums) {
        sums.normalise_group(0);
        sums.normalise_group(1);
        gru_reset_after_row<T, Keep>(sums);
      });
    }
  } else {
    multiply_rows(step.source, 0, shape.projected(), recurrent);
    each_row([](const SumsRow<T>& sums) {
      sums.normalise_group(0);
      if constexpr (cell == Cell::lstm)
        lstm_row<T, Keep>(sums);
      else if constexpr (cell == Cell::rnn_tanh || cell == Cell::rnn_relu)
        rnn_row<T, cell, Keep>(sums);
    });
  }
}

}  // namespace tidegate::TIDEGATE_ISA
