// Attention backward: first the gradients of the scores, row by row, then all that hangs on them, column by column.
#pragma once

#include "attention_forward.h"

namespace tidegate::TIDEGATE_ISA {

// Rows of one tile of gradients of additive scores.
inline constexpr int kGradientRows = kRegisters / 4;

// dscore = weight · (dweight − Σ weight · dweight), in place of `dscores`, which holds dcontext · value.
template <class T>
void softmax_gradient(const T* weights, const T* dweights, Index seen, Index positions, T* dscores) {
  constexpr Index L = kLanes<T>;
  Vector<T> totals{};
  for (Index s = 0; s < seen; s += L) {
    Vector<T> dweight = load_some(dscores + s, seen - s);
    if (dweights) dweight += load_some(dweights + s, seen - s);
    totals += dweight * load_some(weights + s, seen - s);
    store_some(dscores + s, dweight, seen - s);
  }
  const T mean = sum_of_lanes<T>(totals);
  for (Index s = 0; s < seen; s += L)
    store_some(dscores + s, (load_some(dscores + s, seen - s) - mean) * load_some(weights + s, seen - s), seen - s);
  for (Index s = seen; s < positions; ++s) dscores[s] = 0;
}

template <class T>
void score_gradients(const ScoreGradients<T>& job, const TargetRows& rows) {
  const Attention<T>& attention = job.attention;
  const Index S = attention.positions(rows.sequence), D = attention.depth, pair = attention.pair(rows.sequence, rows.first);
  fetch<false>(job.dcontext + rows.first * D, (rows.last - rows.first) * D);
  fetch<false>(attention.values + attention.source_offsets[rows.sequence] * D, S * D);
  seen_dots(attention, rows, job.dcontext + rows.first * D, attention.values + attention.source_offsets[rows.sequence] * D, D, job.dscores + pair);
  for (Index row = rows.first; row < rows.last; ++row) {
    const Index at = pair + (row - rows.first) * S;
    softmax_gradient(job.weights + at, job.dweights ? job.dweights + at : nullptr, attention.seen(rows.sequence, row), S, job.dscores + at);
  }
}

// Powers of the keys and sums of their gradients, one vector wide.
template <class T>
Index backward_scratch(Index most_positions) {
  return 2 * most_positions * kLanes<T>;
}

// One vector of columns of a sequence's additive scores, `valid` of them: with r = σ(−2x), tanh' = 4 r (1 − r), and since the gradients of a
// row's scores sum to zero, Σ dscore · tanh = −2 Σ dscore · r.
template <class T>
void additive_column(const AttentionGradients<T>& job, Index sequence, Index column, Index valid) {
  constexpr Index L = kLanes<T>;
  const Attention<T>& attention = job.attention;
  const Index A = attention.width, S = attention.positions(sequence), row = attention.target_offsets[sequence], source = attention.source_offsets[sequence];
  const T *const queries = attention.queries + row * A + column, *const keys = attention.keys + source * A + column;
  T *const powers = job.scratch, *const sums = powers + S * L;
  const Index all_seen = most_seen(attention, {sequence, row, attention.target_offsets[sequence + 1]});
  Vector<T> most{}, denergy{};
  for (Index s = 0; s < S; ++s) {
    const Vector<T> key = load_some(keys + s * A, valid);
    if (s < all_seen) most = greater<T>(most, magnitude<T>(key));  // what no row sees decides nothing
    store(powers + s * L, doubled_power<T>(key));
    store(sums + s * L, Vector<T>{});
  }
  const bool keys_hold = greatest_lane<T>(most) <= kSplits<T>;
  const Vector<T> factor = load_some(attention.energy + column, valid) * T(4);
  each_tile<kGradientRows>(attention.rows(sequence), [&]<int R>(Index r) {
    const Index seen = most_seen(attention, {sequence, row + r, row + r + R});
    const T* const dscores = job.dscores + attention.pair(sequence, row + r);
    Vector<T> query[R], power[R], dquery[R]{}, far{};
    TIDEGATE_UNROLL
    for (int i = 0; i < R; ++i) {
      query[i] = load_some(queries + (r + i) * A, valid);
      far = greater<T>(far, magnitude<T>(query[i]));
      power[i] = doubled_power<T>(query[i]);
    }
    const auto add = [&](Index s, const auto& logistic) {
      Vector<T> dkey = load(sums + s * L);
      TIDEGATE_UNROLL
      for (int i = 0; i < R; ++i) {
        const Vector<T> value = logistic(i), first = dscores[i * S + s] * value, second = first - first * value;
        denergy += first;
        dquery[i] += second;
        dkey += second;
      }
      store(sums + s * L, dkey);
    };
    if (keys_hold && greatest_lane<T>(far) <= kSplits<T>) {
      for (Index s = 0; s < seen; ++s) {
        const Vector<T> key = load(powers + s * L);
        add(s, [&](int i) { return reciprocal<T>(power[i] * key + T(1)); });
      }
    } else {
      for (Index s = 0; s < seen; ++s) {
        const Vector<T> key = load_some(keys + s * A, valid);
        add(s, [&](int i) { return sigmoid<T>((query[i] + key) * T(-2)); });
      }
    }
    TIDEGATE_UNROLL
    for (int i = 0; i < R; ++i) store_some(job.dqueries + (row + r + i) * A + column, dquery[i] * factor, valid);
  });
  for (Index s = 0; s < S; ++s) store_some(job.dkeys + (source + s) * A + column, load(sums + s * L) * factor, valid);
  store_some(job.denergies + sequence * A + column, denergy * T(-2), valid);
}

template <class T>
void attention_gradients(const AttentionGradients<T>& job, Index sequence) {
  constexpr Index L = kLanes<T>;
  const Attention<T>& attention = job.attention;
  const Index A = attention.width, D = attention.depth, rows = attention.rows(sequence), S = attention.positions(sequence);
  const Index row = attention.target_offsets[sequence], source = attention.source_offsets[sequence], pair = attention.pair_offsets[sequence];
  if (job.last_width - job.first_width == A) {  // else other threads have their part of each row
    fetch<false>(attention.queries + row * A, rows * A);
    fetch<false>(attention.keys + source * A, S * A);
    fetch<true>(job.dqueries + row * A, rows * A);
    fetch<true>(job.dkeys + source * A, S * A);
  }
  const auto all_rows = [&](Index, Index) { return rows; };
  mix(Factors<T>{job.weights + pair, 1, S}, S, job.dcontext + row * D, D, job.first_depth, job.last_depth, job.dvalues + source * D, all_rows);
  if (attention.energy) {
    for (Index column = job.first_width; column < job.last_width; column += L) additive_column(job, sequence, column, job.last_width - column < L ? job.last_width - column : L);
    return;
  }
  mix(Factors<T>{job.dscores + pair, S, 1}, rows, attention.keys + source * A, A, job.first_width, job.last_width, job.dqueries + row * A,
      [&](Index r, Index count) { return most_seen(attention, {sequence, row + r, row + r + count}); });
  mix(Factors<T>{job.dscores + pair, 1, S}, S, attention.queries + row * A, A, job.first_width, job.last_width, job.dkeys + source * A, all_rows);
}

}  // namespace tidegate::TIDEGATE_ISA
