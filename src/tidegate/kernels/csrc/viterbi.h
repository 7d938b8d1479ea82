// The best path of a linear-chain CRF: one max-plus product with the matrix of pairs a step, with the label that each maximum came from.
//
// Everything is added in the type of the scores and in the order of the plain twin (decoding/twins.py), so that both give the same labels
// to the bit. Of equal scores the lowest label wins.
#pragma once

#include "lanes.h"

namespace tidegate::TIDEGATE_ISA {

// A CRF's scores in whole vectors, −∞ in the padding; what all sequences share.
template <class T>
struct ViterbiTables {
  Index padded;
  T *pair, *start, *end, *not_numbers;  // [K, padded], then [padded] each: NaN where the column of pair has one, else 0

  static Index size(Index labels) { return (labels + 3) * round_up(labels, kLanes<T>); }

  ViterbiTables(T* memory, Index labels)
      : padded(round_up(labels, kLanes<T>)), pair(memory), start(pair + labels * padded), end(start + padded), not_numbers(end + padded) {}
};

template <class T>
Index viterbi_tables_size(Index labels) {
  return ViterbiTables<T>::size(labels);
}

template <class T>
void viterbi_tables(const Crf<T>& crf, T* memory) {
  const Index K = crf.labels;
  const ViterbiTables<T> own(memory, K);
  const auto copy = [&](const T* from, T* to) {
    for (Index k = 0; k < own.padded; ++k) to[k] = k < K ? from[k] : -T(__builtin_inff());
  };
  copy(crf.start, own.start);
  copy(crf.end, own.end);
  for (Index j = 0; j < own.padded; ++j) own.not_numbers[j] = 0;
  for (Index i = 0; i < K; ++i) {
    copy(crf.pair + i * K, own.pair + i * own.padded);
    for (Index j = 0; j < K; ++j)
      if (crf.pair[i * K + j] != crf.pair[i * K + j]) own.not_numbers[j] = crf.pair[i * K + j];
  }
}

// For `Wide` vectors of labels j: after[j] = max_i (before[i] + pair[i][j]), back[j] = the lowest such i.
template <class T, int Wide>
TIDEGATE_INLINE void best_before(const T* before, const T* pair, Index labels, Index padded, T* after, Whole<T>* back) {
  constexpr Index L = kLanes<T>;
  Vector<T> best[Wide];
  Bits<T> from[Wide];
  TIDEGATE_UNROLL
  for (Index c = 0; c < Wide; ++c) {
    best[c] = before[0] + load(pair + c * L);
    from[c] = Bits<T>{};
  }
  for (Index i = 1; i < labels; ++i) {
    pair += padded;
    const Bits<T> here = static_cast<Whole<T>>(i) - Bits<T>{};
    TIDEGATE_UNROLL
    for (Index c = 0; c < Wide; ++c) {
      const Vector<T> score = before[i] + load(pair + c * L);
      const Bits<T> is_better = score > best[c];
      best[c] = is_better ? score : best[c];
      from[c] = is_better ? here : from[c];
    }
  }
  TIDEGATE_UNROLL
  for (Index c = 0; c < Wide; ++c) {
    store(after + c * L, best[c]);
    __builtin_memcpy(back + c * L, &from[c], sizeof from[c]);
  }
}

// Only differences matter, and small numbers keep them in float32: the greatest of `scores` [padded] becomes 0. Infinite ones stay.
template <class T>
TIDEGATE_INLINE void subtract_greatest(T* scores, Index labels, Index padded) {
  const T most = greatest(scores, labels);
  if (most == static_cast<T>(-__builtin_inf())) return;
  for (Index k = 0; k < padded; k += kLanes<T>) store(scores + k, load(scores + k) - most);
}

// The scores [padded] of the best paths to each label at the first step.
template <class T>
void viterbi_start(const ViterbiTables<T>& tables, const T* emissions, Index labels, T* scores) {
  for (Index k = 0; k < tables.padded; k += kLanes<T>) store(scores + k, load_some(emissions + k, labels - k) + load(tables.start + k));
  subtract_greatest(scores, labels, tables.padded);
}

// The same one step further, and for each label that before it.
template <class T>
void viterbi_step(const ViterbiTables<T>& tables, const T* before, const T* emissions, Index labels, T* after, Whole<T>* back) {
  constexpr Index L = kLanes<T>;
  const Index padded = tables.padded;
  Index j = 0;
  for (; j + 4 * L <= padded; j += 4 * L) best_before<T, 4>(before, tables.pair + j, labels, padded, after + j, back + j);
  switch ((padded - j) / L) {
    case 3: best_before<T, 3>(before, tables.pair + j, labels, padded, after + j, back + j); break;
    case 2: best_before<T, 2>(before, tables.pair + j, labels, padded, after + j, back + j); break;
    case 1: best_before<T, 1>(before, tables.pair + j, labels, padded, after + j, back + j); break;
  }
  for (Index k = 0; k < padded; k += L) store(after + k, load(after + k) + load_some(emissions + k, labels - k) + load(tables.not_numbers + k));
  subtract_greatest(after, labels, padded);
}

// The label of the greatest score, with `end` if it is not null; the first NaN where there is one.
template <class T>
Index viterbi_best(const T* scores, const T* end, Index labels, T& most) {
  Index best = 0;
  for (Index k = 0; k < labels; ++k) {
    const T score = end ? scores[k] + end[k] : scores[k];
    if (k > 0 && !(score > most) && !(score != score && most == most)) continue;
    most = score;
    best = k;
  }
  return best;
}

template <class T>
Index viterbi_scratch(Index labels, Index longest) {
  return (longest + 2) * round_up(labels, kLanes<T>);
}

// The score of one path, added from left to right.
template <class T>
double score_of(const Crf<T>& crf, const T* emissions, const Index* path, Index steps) {
  const Index K = crf.labels;
  double score = static_cast<double>(crf.start[path[0]]) + static_cast<double>(emissions[path[0]]);
  for (Index t = 1; t < steps; ++t) score = score + static_cast<double>(crf.pair[path[t - 1] * K + path[t]]) + static_cast<double>(emissions[t * K + path[t]]);
  return score + static_cast<double>(crf.end[path[steps - 1]]);
}

template <class T>
void viterbi(const Viterbi<T>& job) {
  const Crf<T>& crf = job.crf;
  const Index K = crf.labels;
  const ViterbiTables<T> tables(job.tables, K);
  const Index padded = tables.padded;
  T *before = job.scratch, *after = before + padded;
  Whole<T>* const back = reinterpret_cast<Whole<T>*>(after + padded);
  for (Index b = job.first; b < job.last; ++b) {
    const Index steps = crf.steps(b);
    const T* const emissions = crf.emissions + crf.offsets[b] * K;
    Index* const path = job.labels + crf.offsets[b];
    T most = 0;
    for (Index t = 0, decided = 0; t < steps; ++t) {
      if (t == 0)
        viterbi_start(tables, emissions, K, after);
      else
        viterbi_step(tables, before, emissions + t * K, K, after, back + t * padded);
      T* const spent = before;
      before = after;
      after = spent;
      const bool is_last = t == steps - 1;
      if (!is_last && t < job.lag) continue;
      Index label = viterbi_best(before, is_last ? tables.end : nullptr, K, most);
      // Back to where the best path to the step before came by, or to what is decided.
      for (Index u = t; u >= decided; --u) {
        if (u < t && t > job.lag && path[u] == label) break;
        path[u] = label;
        if (u > 0) label = back[u * padded + label];
      }
      decided = t - job.lag + 1 > 0 ? t - job.lag + 1 : 0;
    }
    if (!job.scores) continue;
    job.scores[b] = steps == 0 ? 0 : most != most ? static_cast<double>(most) : score_of(crf, emissions, path, steps);
  }
}

}  // namespace tidegate::TIDEGATE_ISA
