// A linear-chain CRF with random scores on a random batch: log Z and its gradients held against the recursion in double precision, the best paths
// against plain loops and against all paths there are. Every call runs on one thread and on several, where every bit must be the same.
#pragma once

#include <numeric>

#include "crf.h"
#include "findings.h"
#include "n_best.h"

namespace findings {

template <class T>
struct CrfBatch {
  Index labels;
  std::vector<Index> lengths;
  Index B = static_cast<Index>(lengths.size()), K = labels;
  Array<Index> offsets = offsets_of(lengths);
  Index N = offsets[lengths.size()];
  Array<T> emissions{N * K}, pair{K * K}, start{K}, end{K};
  Array<Index> gold{N};

  template <class Draw>
  void fill(const Draw& score) {
    for (const Array<T>* part : {&emissions, &pair, &start, &end})
      for (T& value : *part) value = static_cast<T>(score());
  }
  Crf<T> crf() const { return {emissions.data(), offsets.data(), B, K, pair.data(), start.data(), end.data()}; }
  std::string text() const {
    std::string all = std::string(sizeof(T) == 4 ? "float32" : "float64") + " crf K" + std::to_string(K) + " lengths";
    for (const Index length : lengths) all += " " + std::to_string(length);
    return all;
  }
};

// Calls run(threads, to its own arrays) on one thread and on several; gives what the first call wrote.
template <class Arrays, class Run>
Arrays on_threads(const Run& run) {
  Arrays one = run(1);
  const Arrays several = run(3);
  one.expect_same_as(several);
  return one;
}

inline Scalar score_at(const Scalars& of, Index i) { return of[static_cast<std::size_t>(i)]; }

// log Z of one sequence.
inline Scalar log_partition(const Scalars& emissions, const Scalars& pair, const Scalars& start, const Scalars& end, Index first, Index last, Index K) {
  Scalars alpha;
  for (Index n = first; n <= last; ++n) {
    Scalars next;
    for (Index j = 0; j < K; ++j) {
      Scalars terms;
      for (Index i = 0; n > first && i < K; ++i) terms.push_back(score_at(alpha, i) + score_at(pair, i * K + j));
      next.push_back((n > first ? log_sum(terms) : score_at(start, j)) + score_at(emissions, n * K + j));
    }
    alpha = next;
  }
  for (Index k = 0; k < K; ++k) alpha[static_cast<std::size_t>(k)] = score_at(alpha, k) + score_at(end, k);
  return log_sum(alpha);
}

template <class T>
struct PartitionResult {
  Array<double> values, probabilities;
  Array<T> d_emissions, d_pair, d_start, d_end;
  void expect_same_as(const PartitionResult& other) const {
    expect_same("log Z on several threads", other.values, values);
    expect_same("marginals on several threads", other.probabilities, probabilities);
    for (const auto part : {&PartitionResult::d_emissions, &PartitionResult::d_pair, &PartitionResult::d_start, &PartitionResult::d_end})
      expect_same("a gradient on several threads", other.*part, this->*part);
  }
};

// −log p(gold), or log Z with a weight for each sequence, and their gradients; marginals, which are those of log Z.
template <class T>
void check_partition(const CrfBatch<T>& of, double scale, bool needs_gradients, bool has_gold, Random& random) {
  ++cases;
  now = of.text() + " scale " + std::to_string(scale) + (has_gold ? " gold" : " weights");
  const Index B = of.B, K = of.K, N = of.N;
  const Array<double> weights(B, random, 1);
  const auto result = on_threads<PartitionResult<T>>([&](int threads) {
    const Index given = needs_gradients;
    PartitionResult<T> to{Array<double>(B), Array<double>(N * K), Array<T>(given * N * K), Array<T>(given * K * K), Array<T>(given * K), Array<T>(given * K)};
    const auto pointer = [&](const Array<T>& array) { return needs_gradients ? array.data() : nullptr; };
    crf_partition<T>(of.crf(),
                     {has_gold ? of.gold.data() : nullptr, has_gold ? nullptr : weights.data(), to.values.data(), pointer(to.d_emissions), pointer(to.d_pair), pointer(to.d_start),
                      pointer(to.d_end)},
                     threads);
    crf_marginals<T>(of.crf(), to.probabilities.data(), threads);
    return to;
  });

  record.clear();
  const Scalars emissions = of.emissions.scalars(), pair = of.pair.scalars(), start = of.start.scalars(), end = of.end.scalars();
  Scalars values, whole;
  for (Index b = 0; b < B; ++b) {
    const Index first = of.offsets[static_cast<std::size_t>(b)], last = of.offsets[static_cast<std::size_t>(b) + 1] - 1;
    values.push_back(0);
    whole.push_back(0);
    if (last < first) continue;
    values.back() = whole.back() = log_partition(emissions, pair, start, end, first, last, K);
    if (!has_gold) continue;
    const Index* const gold = of.gold.data();
    Scalar path = score_at(start, gold[first]) + score_at(end, gold[last]);
    for (Index n = first; n <= last; ++n) {
      path = path + score_at(emissions, n * K + gold[n]);
      if (n > first) path = path + score_at(pair, gold[n - 1] * K + gold[n]);
    }
    values.back() = whole.back() - path;
  }
  expect_close("the values", result.values, values_of(values), 1e-12, scale * static_cast<double>(N + 1));
  const auto backward = [&](const Scalars& from, const auto& weight) {
    record.gradients.assign(record.values.size(), 0);
    for (std::size_t b = 0; b < from.size(); ++b) from[b].gradient() += weight(b);
    record.backward();
  };
  // Probabilities: off by a share of 1, not of themselves.
  const double rounding = sizeof(T) == 4 ? 1e-6 : 1e-10;
  if (needs_gradients) {
    backward(values, [&](std::size_t b) { return has_gold ? 1 : weights[b]; });
    expect_close("d_emissions", result.d_emissions, gradients_of(emissions), rounding, 1);
    expect_close("d_pair", result.d_pair, gradients_of(pair), rounding, 1);
    expect_close("d_start", result.d_start, gradients_of(start), rounding, 1);
    expect_close("d_end", result.d_end, gradients_of(end), rounding, 1);
  }
  if (scale > 20) return;  // there the floor under forbidden paths shows
  backward(whole, [](std::size_t) { return 1; });
  expect_close("the marginals", result.probabilities, gradients_of(emissions), 1e-10, 1);
}

struct PathsResult {
  Array<Index> labels;
  Array<double> scores;
  void expect_same_as(const PathsResult& other) const {
    expect_same("labels on several threads", other.labels, labels);
    expect_same("scores on several threads", other.scores, scores);
  }
};

// The labels that fixed-lag Viterbi decides, by plain loops: that of a step by the best path up to `lag` steps later. Scores are whole numbers,
// so every sum is exact and equal ones are equal.
template <class T>
std::vector<Index> decided(const CrfBatch<T>& of, Index lag) {
  const Index K = of.K;
  std::vector<Index> labels;
  for (std::size_t b = 0; b < of.lengths.size(); ++b) {
    const Index steps = of.lengths[b];
    const T* const emissions = of.emissions.data() + of.offsets[b] * K;
    std::vector<double> scores(static_cast<std::size_t>(steps * K));
    std::vector<Index> back(scores.size());
    const auto score = [&](Index t, Index k) -> double& { return scores[static_cast<std::size_t>(t * K + k)]; };
    for (Index t = 0; t < steps; ++t)
      for (Index j = 0; j < K; ++j) {
        Index from = 0;
        for (Index i = 1; t > 0 && i < K; ++i)
          if (score(t - 1, i) + of.pair.data()[i * K + j] > score(t - 1, from) + of.pair.data()[from * K + j]) from = i;
        score(t, j) = emissions[t * K + j] + (t > 0 ? score(t - 1, from) + of.pair.data()[from * K + j] : static_cast<double>(of.start.data()[j]));
        back[static_cast<std::size_t>(t * K + j)] = from;
      }
    for (Index t = 0; t < steps; ++t) {
      const Index until = t + std::min(lag, steps - 1 - t);
      const auto last = [&](Index k) { return score(until, k) + (until == steps - 1 ? static_cast<double>(of.end.data()[k]) : 0); };
      Index best = 0;
      for (Index k = 1; k < K; ++k)
        if (last(k) > last(best)) best = k;
      for (Index u = until; u > t; --u) best = back[static_cast<std::size_t>(u * K + best)];
      labels.push_back(best);
    }
  }
  return labels;
}

template <class T>
double path_score(const CrfBatch<T>& of, std::size_t b, const Index* path) {
  const Index steps = of.lengths[b], K = of.K;
  if (steps == 0) return 0;
  double score = static_cast<double>(of.start.data()[path[0]]) + static_cast<double>(of.end.data()[path[steps - 1]]);
  for (Index t = 0; t < steps; ++t) {
    score += static_cast<double>(of.emissions.data()[(of.offsets[b] + t) * K + path[t]]);
    if (t > 0) score += static_cast<double>(of.pair.data()[path[t - 1] * K + path[t]]);
  }
  return score;
}

// All paths of a sequence, the best first; of equal ones that whose last label is lower, then the label before it.
template <class T>
std::vector<std::vector<Index>> all_paths(const CrfBatch<T>& of, std::size_t b) {
  std::vector<std::vector<Index>> paths{{}};
  for (Index t = 0; t < of.lengths[b]; ++t) {
    std::vector<std::vector<Index>> longer;
    for (const std::vector<Index>& path : paths)
      for (Index k = 0; k < of.K; ++k) {
        longer.push_back(path);
        longer.back().push_back(k);
      }
    paths = std::move(longer);
  }
  std::sort(paths.begin(), paths.end(), [&](const auto& one, const auto& other) {
    const double first = path_score(of, b, one.data()), second = path_score(of, b, other.data());
    return first != second ? first > second : std::lexicographical_compare(one.rbegin(), one.rend(), other.rbegin(), other.rend());
  });
  return paths;
}

template <class T>
void check_paths(const CrfBatch<T>& of, Index lag, Index most, bool enumerates) {
  ++cases;
  now = of.text() + " lag " + std::to_string(lag) + " n " + std::to_string(most);
  const auto viterbi = [&](Index within) {
    return on_threads<PathsResult>([&](int threads) {
      PathsResult to{Array<Index>(of.N), Array<double>(of.B)};
      crf_viterbi<T>(of.crf(), within, to.labels.data(), to.scores.data(), threads);
      return to;
    });
  };
  const Index longest = of.lengths.empty() ? 0 : *std::max_element(of.lengths.begin(), of.lengths.end());
  for (const Index within : {lag, longest}) {
    const PathsResult found = viterbi(within);
    const std::vector<Index> wanted = decided(of, within);
    if (!std::equal(wanted.begin(), wanted.end(), found.labels.begin(), found.labels.end())) report("the best path within " + std::to_string(within) + " steps is another");
    for (std::size_t b = 0; b < of.lengths.size(); ++b)
      if (found.scores[b] != path_score(of, b, found.labels.data() + of.offsets[b])) report("the score of sequence " + std::to_string(b) + " is not its path's");
  }
  Index all_labels = 0, all_scores = 0;
  for (const Index steps : of.lengths) {
    all_scores += count_paths(of.K, steps, most);
    all_labels += count_paths(of.K, steps, most) * steps;
  }
  const PathsResult found = on_threads<PathsResult>([&](int threads) {
    PathsResult to{Array<Index>(all_labels), Array<double>(all_scores)};
    std::vector<Paths> paths;
    Index* labels = to.labels.data();
    double* scores = to.scores.data();
    for (const Index steps : of.lengths) {
      paths.push_back({count_paths(of.K, steps, most), labels, scores});
      labels += paths.back().count * steps;
      scores += paths.back().count;
    }
    crf_n_best<T>(of.crf(), paths, threads);
    return to;
  });
  const PathsResult best = viterbi(longest);
  const Index* labels = found.labels.data();
  const double* scores = found.scores.data();
  for (std::size_t b = 0; b < of.lengths.size(); ++b) {
    const Index steps = of.lengths[b], count = count_paths(of.K, steps, most);
    if (!std::equal(labels, labels + steps, best.labels.data() + of.offsets[b])) report("the first of the n best paths is not the best one");
    const std::vector<std::vector<Index>> wanted = enumerates ? all_paths(of, b) : std::vector<std::vector<Index>>();
    if (enumerates && count != std::min<Index>(most, static_cast<Index>(wanted.size()))) report("the number of paths is another");
    for (Index path = 0; path < count; ++path, labels += steps, ++scores) {
      if (*scores != path_score(of, b, labels)) report("a score of the n best is not its path's");
      if (enumerates && !std::equal(labels, labels + steps, wanted[static_cast<std::size_t>(path)].begin())) report("path " + std::to_string(path) + " of the n best is another");
    }
  }
}

inline std::vector<Index> draw_lengths(Random& random, Index most_sequences, Index longest) {
  std::vector<Index> lengths(static_cast<std::size_t>(draw(random, 0, most_sequences)));
  for (Index& length : lengths) length = draw(random, 0, 3) == 0 ? draw(random, 0, 1) : draw(random, 0, longest);
  return lengths;
}

template <class T>
void check_crf(Random& random, int rounds) {
  const auto partition = [&](Index labels, const std::vector<Index>& lengths, Index scale, bool needs_gradients, bool has_gold) {
    CrfBatch<T> batch{labels, lengths};
    std::normal_distribution<double> normal(0, static_cast<double>(scale));
    batch.fill([&] { return normal(random); });
    for (Index& label : batch.gold) label = draw(random, 0, labels - 1);
    check_partition(batch, static_cast<double>(scale), needs_gradients, has_gold, random);
  };
  const auto paths = [&](Index labels, const std::vector<Index>& lengths, Index greatest, Index most, bool enumerates) {
    CrfBatch<T> batch{labels, lengths};
    batch.fill([&] { return draw(random, -greatest, greatest); });
    check_paths(batch, draw(random, 0, 4), most, enumerates);
  };
  for (int round = 0; round < rounds; ++round) {
    partition(draw_of(random, {1, 2, 3, 7, 8, 9, 17}), draw_lengths(random, 6, 9), draw_of(random, {1, 20, 500, 500}), draw(random, 0, 4) > 0, draw(random, 0, 2) > 0);
    paths(draw_of(random, {1, 2, 3, 7, 9}), draw_lengths(random, 5, 3), draw_of(random, {1, 3, 1000}), draw(random, 1, 40), true);
    paths(draw_of(random, {1, 2, 8, 17, 33, 70}), draw_lengths(random, 5, 12), draw_of(random, {1, 3, 1000}), draw(random, 1, 9), false);
  }
  // Enough work for threads, and more than one run of sums.
  partition(64, {45, 0, 40, 1, 50}, 2, true, true);
  paths(40, {60, 0, 30, 80, 1}, 3, 5, false);
}

}  // namespace findings
