#include "n_best.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>

#include "crf.h"
#include "memory.h"
#include "threads.h"

namespace tidegate {
namespace {

// A path to a label at some step, as one of the paths to a label at the step before: which label, and which of its paths.
struct Origin {
  std::int32_t label, rank;
};

// The best path that goes on from a label and was not taken yet.
struct Head {
  double score;
  Origin origin;
};

// Rounding keeps scores in order, so that those through one label come in the order of its own paths.
bool comes_later(const Head& a, const Head& b) { return a.score < b.score || (a.score == b.score && a.origin.label > b.origin.label); }

// The best `count` of the paths score[rank][i] + add[i], i < labels, rank < ranks: their scores and origins, each `labels` further.
void merge(const double* score, const double* add, Index labels, Index ranks, Index count, Head* heads, double* scores, Origin* origins) {
  // The best path through each label, of which the best `count` can be needed: in order, and so a heap already.
  const Index most = std::min(count, labels);
  Index filled = 0;
  for (Index i = 0; i < labels; ++i) {
    const double value = score[i] + add[i];
    if (filled == most && !(value > heads[most - 1].score)) continue;
    Index at = filled < most ? filled++ : most - 1;
    for (; at > 0 && heads[at - 1].score < value; --at) heads[at] = heads[at - 1];
    heads[at] = {value, {static_cast<std::int32_t>(i), 0}};
  }
  Head* end = heads + filled;
  for (Index taken = 0; taken < count; ++taken) {
    std::pop_heap(heads, end, comes_later);
    Head& head = end[-1];
    scores[taken * labels] = head.score;
    origins[taken * labels] = head.origin;
    if (++head.origin.rank < ranks) {
      head.score = score[head.origin.rank * labels + head.origin.label] + add[head.origin.label];
      std::push_heap(heads, end, comes_later);
    } else {
      --end;
    }
  }
}

// What one thread works in.
struct Scratch {
  Buffer<double> scores;   // [2, n, K]
  Buffer<Origin> origins;  // [T, n, K]; of the whole paths [n, K] in the place of the first step, which has none
  Buffer<Head> heads;      // [K]
};

std::size_t product(Index a, Index b, Index c) {
  Index result;
  if (__builtin_mul_overflow(a, b, &result) || __builtin_mul_overflow(result, c, &result) || result > std::numeric_limits<Index>::max() / 16) throw std::bad_alloc();
  return static_cast<std::size_t>(result);
}

template <class T>
bool has_only_numbers(const T* values, Index count) {
  return std::none_of(values, values + count, [](T value) { return std::isnan(value); });
}

// `pair` is [K, K] from the column's label to the row's.
template <class T>
void n_best_of(const Crf<T>& crf, const double* pair, const double* end, Index b, const Paths& paths, const Scratch& own) {
  const Index K = crf.labels, n = paths.count, steps = crf.steps(b);
  const T* const emissions = crf.emissions + crf.offsets[b] * K;
  double *before = own.scores.data(), *after = before + K * n;
  Origin* const origins = own.origins.data();
  Head* const heads = own.heads.data();
  for (Index k = 0; k < K; ++k) after[k] = static_cast<double>(crf.start[k]) + static_cast<double>(emissions[k]);
  Index ranks = 1;
  for (Index t = 1; t < steps; ++t) {
    std::swap(before, after);
    const Index wider = count_paths(K, t, n);
    for (Index j = 0; j < K; ++j) {
      merge(before, pair + j * K, K, ranks, wider, heads, after + j, origins + t * n * K + j);
      for (Index rank = 0; rank < wider; ++rank) after[rank * K + j] += static_cast<double>(emissions[t * K + j]);
    }
    ranks = wider;
  }
  merge(after, end, K, ranks, n, heads, before, origins);
  for (Index path = 0; path < n; ++path) {
    paths.scores[path] = before[path * K];
    Origin at = origins[path * K];
    for (Index t = steps - 1;; --t) {
      paths.labels[path * steps + t] = at.label;
      if (t == 0) break;
      at = origins[(t * n + at.rank) * K + at.label];
    }
  }
}

}  // namespace

Index count_paths(Index labels, Index steps, Index most) {
  Index count = 1;
  for (Index t = 0; t < steps && count < most && labels > 1; ++t)
    if (__builtin_mul_overflow(count, labels, &count)) return most;
  return std::min(count, most);
}

template <class T>
void crf_n_best(const Crf<T>& crf, const std::vector<Paths>& paths, int threads) {
  const Index K = crf.labels;
  std::size_t scores = 0, origins = 0;
  double work = 0;
  for (Index b = 0; b < crf.sequences; ++b) {
    const Index n = paths[static_cast<std::size_t>(b)].count, steps = crf.steps(b);
    scores = std::max(scores, product(2, K, n));
    origins = std::max(origins, product(std::max<Index>(steps, 1), K, n));
    work += 4.0 * static_cast<double>(steps) * static_cast<double>(K * (K + n));
  }
  const int team = crf_threads(crf, work, threads);
  std::vector<Scratch> own(static_cast<std::size_t>(team));
  for (Scratch& scratch : own) scratch = {Buffer<double>(scores), Buffer<Origin>(origins), Buffer<Head>(static_cast<std::size_t>(K))};
  const bool are_numbers = has_only_numbers(crf.pair, K * K) && has_only_numbers(crf.start, K) && has_only_numbers(crf.end, K);
  const Buffer<double> pair(static_cast<std::size_t>(K * K)), end(static_cast<std::size_t>(K));
  for (Index i = 0; i < K; ++i)
    for (Index j = 0; j < K; ++j) pair.data()[j * K + i] = static_cast<double>(crf.pair[i * K + j]);
  std::copy_n(crf.end, K, end.data());
  parallel(team, [&](int thread, int count) {
    for (Index b = run_begin(crf, thread, count); b < run_begin(crf, thread + 1, count); ++b) {
      const Paths& here = paths[static_cast<std::size_t>(b)];
      const Index steps = crf.steps(b);
      if (steps == 0) {
        here.scores[0] = 0;
      } else if (are_numbers && has_only_numbers(crf.emissions + crf.offsets[b] * K, steps * K)) {
        n_best_of(crf, pair.data(), end.data(), b, here, own[static_cast<std::size_t>(thread)]);
      } else {
        std::fill_n(here.scores, here.count, std::numeric_limits<double>::quiet_NaN());
        std::fill_n(here.labels, here.count * steps, Index(0));
      }
    }
  });
}

template void crf_n_best(const Crf<float>&, const std::vector<Paths>&, int);
template void crf_n_best(const Crf<double>&, const std::vector<Paths>&, int);

}  // namespace tidegate
