// Attention forward: the scores of every row with every position that it sees, their softmax, and the contexts.
//
// Additive scores go through σ(−2x) = 1 / (e^2q e^2k + 1), x = q + k, of which tanh(x) = 1 − 2 σ(−2x): the powers are taken once for each query
// and each key, not for each pair. Σ energy, the same for every position, leaves the softmax as it is and is left out.
#pragma once

#include "activations.h"
#include "attention_products.h"

namespace tidegate::TIDEGATE_ISA {

// Queries and keys whose powers are held at a time.
inline constexpr Index kRowsHeld = 32, kPositionsHeld = 64;

// Up to here e^2q e^2k is far from overflowing; beyond it pairs go through the logistic function itself.
template <class T>
inline constexpr T kSplits = Exponential<T>::kLimit / 4 - 1;

template <class T>
TIDEGATE_INLINE Vector<T> magnitude(Vector<T> v) {
  return v < broadcast(T(0)) ? -v : v;
}

// e^2x, for x within ±kSplits.
template <class T>
TIDEGATE_INLINE Vector<T> doubled_power(Vector<T> x) {
  Vector<T> scale, mantissa;
  split_exponential<T>(x + x, scale, mantissa);
  return scale * mantissa;
}

// e^2x of a row, 1 in the padding; whether all of them hold.
template <class T>
bool doubled_powers(const T* row, Index width, T* to) {
  constexpr Index L = kLanes<T>;
  Vector<T> most{};
  for (Index a = 0; a < width; a += L) {
    const Vector<T> x = load_some(row + a, width - a);
    most = greater<T>(most, magnitude<T>(x));
    store(to + a, doubled_power<T>(x));
  }
  return greatest_lane<T>(most) <= kSplits<T>;
}

// Scores but for a term that all positions share: to[r · stride + c] = Σ_a energy σ(−2x), from powers and with the energy times −2, both padded.
template <class T, int R, int C>
TIDEGATE_INLINE void additive_tile(const T* queries, const T* keys, Index padded, const T* energy, T* to, Index stride) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums[R * C]{};
  for (Index a = 0; a < padded; a += L) {
    const Vector<T> factor = load(energy + a);
    Vector<T> key[C];
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) key[c] = load(keys + c * padded + a);
    TIDEGATE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> query = load(queries + r * padded + a);
      TIDEGATE_UNROLL
      for (int c = 0; c < C; ++c) sums[r * C + c] += factor * reciprocal<T>(query * key[c] + T(1));
    }
  }
  T totals[R * C];
  sums_of_lanes<T, R * C>(sums, totals);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) to[r * stride + c] = totals[r * C + c];
  }
}

// The same of one pair, from query and key themselves, of any size.
template <class T>
T additive_score(const T* query, const T* key, Index width, const T* energy) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums{};
  for (Index a = 0; a < width; a += L)
    sums += load(energy + a) * sigmoid<T>((load_some(query + a, width - a) + load_some(key + a, width - a)) * T(-2));
  return sum_of_lanes<T>(sums);
}

// Scores of a row become weights; 0 from `seen` on.
template <class T>
void softmax(T* scores, Index seen, Index positions) {
  constexpr Index L = kLanes<T>;
  const T most = greatest(scores, seen);
  Vector<T> totals{};
  for (Index s = 0; s < positions; s += L) {
    Vector<T> scale, mantissa;
    split_exponential<T>(clamp<T>(load_some(scores + s, seen - s > 0 ? seen - s : 0) - most, -Exponential<T>::kLimit, T(0)), scale, mantissa);
    const Vector<T> power = keep_some<T>(scale * mantissa, seen - s > 0 ? seen - s : 0);
    totals += power;
    store_some(scores + s, power, positions - s);
  }
  const T share = T(1) / sum_of_lanes<T>(totals);
  for (Index s = 0; s < seen; s += L) store_some(scores + s, load_some(scores + s, seen - s) * share, seen - s);
}

template <class T>
Index forward_scratch(Index width) {
  return (kRowsHeld + kPositionsHeld + 1) * round_up(width, kLanes<T>);
}

// Where the powers of an additive call stand, and whether each row's hold.
template <class T>
struct Powers {
  Index padded;
  T *energy, *queries, *keys;
  bool query_holds[kRowsHeld], key_holds[kPositionsHeld];

  Powers(const Attention<T>& attention, T* scratch)
      : padded(round_up(attention.width, kLanes<T>)), energy(scratch), queries(energy + padded), keys(queries + kRowsHeld * padded) {
    for (Index a = 0; attention.energy && a < padded; ++a) energy[a] = a < attention.width ? -2 * attention.energy[a] : T(0);
  }
};

// The most positions that any of these rows sees.
template <class T>
Index most_seen(const Attention<T>& attention, const TargetRows& rows) {
  if (!attention.limits && rows.first < rows.last) return attention.positions(rows.sequence);
  Index most = 0;
  for (Index row = rows.first; row < rows.last; ++row) {
    const Index seen = attention.seen(rows.sequence, row);
    most = seen > most ? seen : most;
  }
  return most;
}

// Additive scores of kRowsHeld rows at most, to `scores` [rows, S]. `held` is the first position whose keys' powers are there, or −1, and `ends`
// the one after the last.
template <class T>
void additive_scores(const Attention<T>& attention, const TargetRows& rows, Powers<T>& powers, Index& held, Index& ends, T* scores) {
  const Index A = attention.width, padded = powers.padded, S = attention.positions(rows.sequence), seen = most_seen(attention, rows);
  const T *const queries = attention.queries + rows.first * A, *const keys = attention.keys + attention.source_offsets[rows.sequence] * A;
  bool all_queries_hold = true;
  for (Index r = 0; r < rows.last - rows.first; ++r)
    all_queries_hold &= powers.query_holds[r] = doubled_powers(queries + r * A, A, powers.queries + r * padded);
  for (Index first = 0; first < seen; first += kPositionsHeld) {
    const Index last = seen < first + kPositionsHeld ? seen : first + kPositionsHeld;
    if (held != first) ends = held = first;
    for (; ends < last; ++ends) powers.key_holds[ends - first] = doubled_powers(keys + ends * A, A, powers.keys + (ends - first) * padded);
    bool all_hold = all_queries_hold;
    for (Index s = first; s < last; ++s) all_hold &= powers.key_holds[s - first];
    each_tile<kTileRows>(rows.last - rows.first, [&]<int R>(Index r) {
      const Index tile_seen = most_seen(attention, {rows.sequence, rows.first + r, rows.first + r + R});
      const Index count = (tile_seen < last ? tile_seen : last) - first;
      if (count <= 0) return;
      T* const to = scores + r * S + first;
      if (all_hold)
        return each_tile<kTilePositions>(
            count, [&]<int C>(Index s) { additive_tile<T, R, C>(powers.queries + r * padded, powers.keys + s * padded, padded, powers.energy, to + s, S); });
      for (Index i = 0; i < R; ++i)
        for (Index s = 0; s < count; ++s)
          if (powers.query_holds[r + i] && powers.key_holds[s])
            additive_tile<T, 1, 1>(powers.queries + (r + i) * padded, powers.keys + s * padded, padded, powers.energy, to + i * S + s, S);
          else
            to[i * S + s] = additive_score(queries + (r + i) * A, keys + (first + s) * A, A, powers.energy);
    });
  }
}

// to[r, s] = rows[r] · columns[s], as far as each tile of rows sees.
template <class T>
void seen_dots(const Attention<T>& attention, const TargetRows& rows, const T* from, const T* columns, Index width, T* to) {
  const Index S = attention.positions(rows.sequence);
  each_tile<kTileRows>(rows.last - rows.first, [&]<int R>(Index r) {
    each_tile<kTilePositions>(most_seen(attention, {rows.sequence, rows.first + r, rows.first + r + R}),
                              [&]<int C>(Index s) { dot_tile<T, R, C>(from + r * width, columns + s * width, width, to + r * S + s, S); });
  });
}

template <class T>
void attention_forward(const AttentionForward<T>& job, const TargetRows& all) {
  const Attention<T>& attention = job.attention;
  const Index S = attention.positions(all.sequence), source = attention.source_offsets[all.sequence];
  Powers<T> powers(attention, job.scratch);
  fetch<false>(attention.queries + all.first * attention.width, (all.last - all.first) * attention.width);
  fetch<false>(attention.keys + source * attention.width, S * attention.width);
  fetch<false>(attention.values + source * attention.depth, S * attention.depth);
  Index held = -1, ends = -1;
  for (TargetRows rows{all.sequence, all.first, all.first}; rows.first < all.last; rows.first = rows.last) {
    rows.last = rows.first + kRowsHeld < all.last ? rows.first + kRowsHeld : all.last;
    T* const weights = job.weights + attention.pair(all.sequence, rows.first);
    if (attention.energy)
      additive_scores(attention, rows, powers, held, ends, weights);
    else
      seen_dots(attention, rows, attention.queries + rows.first * attention.width, attention.keys + source * attention.width, attention.width, weights);
    for (Index row = rows.first; row < rows.last; ++row) softmax(weights + (row - rows.first) * S, attention.seen(all.sequence, row), S);
    mix(Factors<T>{weights, S, 1}, rows.last - rows.first, attention.values + source * attention.depth, attention.depth, 0, attention.depth,
        job.context + rows.first * attention.depth,
        [&](Index r, Index count) { return most_seen(attention, {all.sequence, rows.first + r, rows.first + r + count}); });
  }
}

}  // namespace tidegate::TIDEGATE_ISA
