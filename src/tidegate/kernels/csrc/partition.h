// The linear-chain CRF's sums over all paths: log Z with its gradients, and the probability of each label at each step.
//
// Forward and backward probabilities are kept as such, scaled at every step, in double precision: a step is then one product with the
// matrix of e^pair instead of K² logarithms. A sequence whose scale leaves the range of a double goes through logarithms.
#pragma once

#include "activations.h"
#include "lanes.h"

namespace tidegate::TIDEGATE_ISA {

// to[k] = e^max(from[k] − most, floor), zeros up to `padded`. `terms` is room for as many values.
template <class T>
void powers_of(const T* from, double most, double floor, Index count, Index padded, double* terms, double* to) {
  constexpr Index L = kLanes<double>;
  for (Index k = 0; k < count; ++k) terms[k] = static_cast<double>(from[k]);
  for (Index k = 0; k < padded; k += L) {
    const Index left = count - k > 0 ? count - k : 0;
    const Vector<double> shifted = load_some(terms + k, left) - most;
    store(to + k, keep_some<double>(exponential<double>(shifted < floor ? broadcast(floor) : shifted), left));
  }
}

template <int Wide>
TIDEGATE_INLINE void row_product_block(const double* from, const double* matrix, Index count, Index padded, double* to) {
  constexpr Index L = kLanes<double>;
  Vector<double> sums[Wide]{};
  for (Index i = 0; i < count; ++i, matrix += padded) {
    TIDEGATE_UNROLL
    for (Index c = 0; c < Wide; ++c) sums[c] += from[i] * load(matrix + c * L);
  }
  TIDEGATE_UNROLL
  for (Index c = 0; c < Wide; ++c) store(to + c * L, sums[c]);
}

// to[j] = Σ_i from[i] · matrix[i][j].
inline void row_product(const double* from, const double* matrix, Index count, Index padded, double* to) {
  constexpr Index L = kLanes<double>;
  Index j = 0;
  for (; j + 8 * L <= padded; j += 8 * L) row_product_block<8>(from, matrix + j, count, padded, to + j);
  switch ((padded - j) / L) {
    case 7: return row_product_block<7>(from, matrix + j, count, padded, to + j);
    case 6: return row_product_block<6>(from, matrix + j, count, padded, to + j);
    case 5: return row_product_block<5>(from, matrix + j, count, padded, to + j);
    case 4: return row_product_block<4>(from, matrix + j, count, padded, to + j);
    case 3: return row_product_block<3>(from, matrix + j, count, padded, to + j);
    case 2: return row_product_block<2>(from, matrix + j, count, padded, to + j);
    case 1: return row_product_block<1>(from, matrix + j, count, padded, to + j);
  }
}

template <int High, int Wide>
TIDEGATE_INLINE void add_outer_block(const double* left, const double* right, Index steps, Index padded, double weight, double* to) {
  constexpr Index L = kLanes<double>;
  Vector<double> sums[High][Wide]{};
  for (Index t = 0; t < steps; ++t, left += padded, right += padded) {
    TIDEGATE_UNROLL
    for (Index r = 0; r < High; ++r) {
      TIDEGATE_UNROLL
      for (Index c = 0; c < Wide; ++c) sums[r][c] += left[r] * load(right + c * L);
    }
  }
  TIDEGATE_UNROLL
  for (Index r = 0; r < High; ++r) {
    TIDEGATE_UNROLL
    for (Index c = 0; c < Wide; ++c) store(to + r * padded + c * L, load(to + r * padded + c * L) + weight * sums[r][c]);
  }
}

template <int High>
TIDEGATE_INLINE void add_outer_rows(const double* left, const double* right, Index steps, Index padded, double weight, double* to) {
  constexpr Index L = kLanes<double>;
  constexpr int wide = kRegisters == 32 ? 4 : 2;
  Index j = 0;
  for (; j + wide * L <= padded; j += wide * L) add_outer_block<High, wide>(left, right + j, steps, padded, weight, to + j);
  for (; j < padded; j += L) add_outer_block<High, 1>(left, right + j, steps, padded, weight, to + j);
}

// to[i][j] += weight · Σ_t left[t][i] · right[t][j].
inline void add_outer_products(const double* left, const double* right, Index steps, Index count, Index padded, double weight, double* to) {
  Index i = 0;
  for (; i + 4 <= count; i += 4) add_outer_rows<4>(left + i, right, steps, padded, weight, to + i * padded);
  for (; i < count; ++i) add_outer_rows<1>(left + i, right, steps, padded, weight, to + i * padded);
}

// log Σ e^values, for values of any size.
inline double log_sum(const double* values, Index count) {
  const double most = greatest(values, count);
  if (!(most - most == 0)) return most;  // infinite or NaN
  double total = 0;
  for (Index k = 0; k < count; ++k) total += __builtin_exp(values[k] - most);
  return most + __builtin_log(total);
}

// e^score of a CRF's pairs and edges, each over that of the greatest; what all sequences share.
struct CrfPowers {
  Index padded;
  double *pair, *back, *start, *end;                 // [K, padded], the same transposed, [padded], [padded]
  double *most_pair, *most_start, *most_end, *terms;  // the greatest scores; room for [padded] values

  static Index size(Index labels) {
    const Index padded = round_up(labels, kLanes<double>);
    return 2 * labels * padded + 3 * padded + 3;
  }

  CrfPowers(double* memory, Index labels)
      : padded(round_up(labels, kLanes<double>)),
        pair(memory),
        back(pair + labels * padded),
        start(back + labels * padded),
        end(start + padded),
        most_pair(end + 2 * padded),
        most_start(most_pair + 1),
        most_end(most_pair + 2),
        terms(end + padded) {}
};

inline Index powers_size(Index labels) { return CrfPowers::size(labels); }

template <class T>
void powers(const Crf<T>& crf, double floor, double* memory) {
  const Index K = crf.labels;
  const CrfPowers own(memory, K);
  *own.most_pair = static_cast<double>(greatest(crf.pair, K * K));
  *own.most_start = static_cast<double>(greatest(crf.start, K));
  *own.most_end = static_cast<double>(greatest(crf.end, K));
  for (Index i = 0; i < K; ++i) powers_of(crf.pair + i * K, *own.most_pair, floor, K, own.padded, own.terms, own.pair + i * own.padded);
  for (Index j = 0; j < K; ++j) {
    for (Index i = 0; i < K; ++i) own.back[j * own.padded + i] = own.pair[i * own.padded + j];
    for (Index i = K; i < own.padded; ++i) own.back[j * own.padded + i] = 0;
  }
  powers_of(crf.start, *own.most_start, floor, K, own.padded, own.terms, own.start);
  powers_of(crf.end, *own.most_end, floor, K, own.padded, own.terms, own.end);
}

// What one thread works in.
struct CrfScratch {
  Index padded;
  double *pairs, *beta, *through, *terms, *alpha, *emissions, *scales;

  static Index size(Index labels, Index longest) {
    const Index padded = round_up(labels, kLanes<double>);
    return labels * padded + 3 * padded + 2 * longest * padded + longest;
  }

  CrfScratch(double* memory, Index labels, Index longest)
      : padded(round_up(labels, kLanes<double>)),
        pairs(memory),
        beta(pairs + labels * padded),
        through(beta + padded),
        terms(through + padded),
        alpha(terms + padded),
        emissions(alpha + longest * padded),
        scales(emissions + longest * padded) {}
};

inline Index scratch_size(Index labels, Index longest) { return CrfScratch::size(labels, longest); }

template <class T>
Index longest_of(const Crf<T>& crf, Index first, Index last) {
  Index longest = 0;
  for (Index b = first; b < last; ++b) longest = crf.steps(b) > longest ? crf.steps(b) : longest;
  return longest;
}

inline bool is_in_range(double scale) { return scale > 1e-290 && scale < 1e290; }

// How much of a label's probability may be lost below the smallest double, where scores lie more than 700 apart. Such a loss matters later where
// the other labels may not go on, or gain nothing. It is followed as a bound on what the labels may lack, which grows by the scale of every step,
// and ends where paths that lack nothing bring each label at least kReached.
struct LostProbability {
  static constexpr double kSmallest = 1e-304, kReached = 1e-130, kMost = 1e-150;
  double bound = 0;

  // `reached`: the least that a label has before its emission. Gives false where the loss could matter.
  bool follow(double reached, Index labels, double scale) {
    if (reached > kReached) bound = 0;
    bound = static_cast<double>(labels) * (bound + kSmallest) / scale;
    return bound < kMost;
  }
};

// The forward probabilities alpha [T, padded], each step's scaled to sum to one; `whole` becomes log Z. Gives false where they leave the
// range of a double. `Floor`: the powers have one, so that nothing of them is lost.
template <bool Floor, class T>
bool forward_probabilities(const T* emissions, Index steps, Index labels, const CrfPowers& powers, const CrfScratch& own, double& whole) {
  constexpr Index L = kLanes<double>;
  const Index Kp = own.padded;
  LostProbability lost;
  whole = *powers.most_start + *powers.most_end + (steps > 1 ? *powers.most_pair * static_cast<double>(steps - 1) : 0);
  for (Index t = 0; t < steps; ++t, emissions += labels) {
    double* const alpha = own.alpha + t * Kp;
    double* const here = own.emissions + t * Kp;
    const double most = static_cast<double>(greatest(emissions, labels));
    powers_of(emissions, most, -__builtin_inf(), labels, Kp, own.terms, here);
    if (t > 0) row_product(alpha - Kp, powers.pair, labels, Kp, alpha);
    const double* const before = t > 0 ? alpha : powers.start;
    const double reached = Floor ? 1 : least(before, labels);
    for (Index k = 0; k < Kp; k += L) store(alpha + k, load(before + k) * load(here + k));
    const double scale = sum(alpha, Kp);
    if (!is_in_range(scale) || (!Floor && !lost.follow(reached, labels, scale))) return false;
    own.scales[t] = 1 / scale;
    for (Index k = 0; k < Kp; k += L) store(alpha + k, load(alpha + k) * own.scales[t]);
    whole += most + __builtin_log(scale);
  }
  const double* const last = own.alpha + (steps - 1) * Kp;
  for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(last + k) * load(powers.end + k));
  const double scale = sum(own.beta, Kp);
  whole += __builtin_log(scale);
  return is_in_range(scale) && (Floor || scale > LostProbability::kReached);
}

// log Z of one sequence by scaled probabilities. Gives false, with nothing added, where they leave the range of a double.
template <class T>
bool by_probabilities(const Partition<T>& job, const CrfPowers& powers, const CrfScratch& own, Index begin, Index steps, double weight, double& whole) {
  constexpr Index L = kLanes<double>;
  const Index K = job.crf.labels, Kp = own.padded;
  if (!forward_probabilities<false>(job.crf.emissions + begin * K, steps, K, powers, own, whole)) return false;
  if (!job.d_emissions) return true;
  const double scale = sum(own.beta, Kp);
  for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(powers.end + k) / scale);
  for (Index t = steps; t-- > 0;) {
    const double* const alpha = own.alpha + t * Kp;
    for (Index k = 0; k < K; ++k) {
      const double marginal = weight * (alpha[k] * own.beta[k]);
      job.d_emissions[(begin + t) * K + k] = static_cast<T>(marginal);
      if (t == 0) job.d_start[k] += marginal;
      if (t == steps - 1) job.d_end[k] += marginal;
    }
    if (t == 0) break;
    double* const through = own.emissions + t * Kp;
    for (Index k = 0; k < Kp; k += L) store(through + k, load(own.beta + k) * load(through + k) * own.scales[t]);
    row_product(through, powers.back, K, Kp, own.beta);
  }
  // The expected pairs are e^pair times these sums.
  add_outer_products(own.alpha, own.emissions + Kp, steps - 1, K, Kp, weight, own.pairs);
  return true;
}

// log Z of one sequence by logarithms; slow, and right for scores of any size.
template <class T>
double by_logarithms(const Partition<T>& job, const CrfScratch& own, Index begin, Index steps, double weight) {
  const Crf<T>& crf = job.crf;
  const Index K = crf.labels, Kp = own.padded;
  const auto pair = [&](Index i, Index j) { return static_cast<double>(crf.pair[i * K + j]); };
  const auto emission = [&](Index t, Index k) { return static_cast<double>(crf.emissions[(begin + t) * K + k]); };
  double* const terms = own.terms;
  for (Index k = 0; k < K; ++k) own.alpha[k] = static_cast<double>(crf.start[k]) + emission(0, k);
  for (Index t = 1; t < steps; ++t)
    for (Index j = 0; j < K; ++j) {
      for (Index i = 0; i < K; ++i) terms[i] = own.alpha[(t - 1) * Kp + i] + pair(i, j);
      own.alpha[t * Kp + j] = log_sum(terms, K) + emission(t, j);
    }
  for (Index k = 0; k < K; ++k) {
    own.beta[k] = static_cast<double>(crf.end[k]);
    terms[k] = own.alpha[(steps - 1) * Kp + k] + own.beta[k];
  }
  const double whole = log_sum(terms, K);
  if (!job.d_emissions) return whole;
  for (Index t = steps; t-- > 0;) {
    for (Index k = 0; k < K; ++k) {
      const double marginal = weight * __builtin_exp(own.alpha[t * Kp + k] + own.beta[k] - whole);
      job.d_emissions[(begin + t) * K + k] = static_cast<T>(marginal);
      if (t == 0) job.d_start[k] += marginal;
      if (t == steps - 1) job.d_end[k] += marginal;
    }
    if (t == 0) break;
    for (Index i = 0; i < K; ++i) {
      for (Index j = 0; j < K; ++j) {
        terms[j] = pair(i, j) + emission(t, j) + own.beta[j];
        job.d_pair[i * K + j] += weight * __builtin_exp(own.alpha[(t - 1) * Kp + i] + terms[j] - whole);
      }
      own.through[i] = log_sum(terms, K);
    }
    for (Index k = 0; k < K; ++k) own.beta[k] = own.through[k];
  }
  return whole;
}

// The score of the right labels of one sequence; the gradients become those of log Z less that score.
template <class T>
double take_gold(const Partition<T>& job, Index begin, Index steps) {
  const Crf<T>& crf = job.crf;
  const Index K = crf.labels;
  const Index* const gold = job.gold + begin;
  const Index first = gold[0], last = gold[steps - 1];
  double score = static_cast<double>(crf.start[first]) + static_cast<double>(crf.end[last]);
  for (Index t = 0; t < steps; ++t) {
    score += static_cast<double>(crf.emissions[(begin + t) * K + gold[t]]);
    if (t > 0) score += static_cast<double>(crf.pair[gold[t - 1] * K + gold[t]]);
    if (!job.d_emissions) continue;
    job.d_emissions[(begin + t) * K + gold[t]] -= T(1);
    if (t > 0) job.d_pair[gold[t - 1] * K + gold[t]] -= 1;
  }
  if (job.d_emissions) {
    job.d_start[first] -= 1;
    job.d_end[last] -= 1;
  }
  return score;
}

template <class T>
void partition(const Partition<T>& job) {
  const Crf<T>& crf = job.crf;
  const Index K = crf.labels;
  const CrfPowers powers(job.powers, K);
  const CrfScratch own(job.scratch, K, longest_of(crf, job.first, job.last));
  if (job.d_emissions)
    for (Index i = 0; i < K * own.padded; ++i) own.pairs[i] = 0;
  for (Index b = job.first; b < job.last; ++b) {
    const Index begin = crf.offsets[b], steps = crf.steps(b);
    job.values[b] = 0;
    if (steps == 0) continue;
    const double weight = job.weights ? job.weights[b] : 1;
    double whole;
    if (!by_probabilities(job, powers, own, begin, steps, weight, whole)) whole = by_logarithms(job, own, begin, steps, weight);
    job.values[b] = job.gold ? whole - take_gold(job, begin, steps) : whole;
  }
  if (job.d_emissions)
    for (Index i = 0; i < K; ++i)
      for (Index j = 0; j < K; ++j) job.d_pair[i * K + j] += powers.pair[i * own.padded + j] * own.pairs[i * own.padded + j];
}

template <class T>
void marginals(const Marginals<T>& job) {
  constexpr Index L = kLanes<double>;
  const Crf<T>& crf = job.crf;
  const Index K = crf.labels;
  const CrfPowers powers(job.powers, K);
  const CrfScratch own(job.scratch, K, longest_of(crf, job.first, job.last));
  const Index Kp = own.padded;
  for (Index b = job.first; b < job.last; ++b) {
    const Index begin = crf.offsets[b], steps = crf.steps(b);
    if (steps == 0) continue;
    double* const probabilities = job.probabilities + begin * K;
    double whole;
    if (!forward_probabilities<true>(crf.emissions + begin * K, steps, K, powers, own, whole)) {  // the floor leaves NaN alone out of range
      for (Index i = 0; i < steps * K; ++i) probabilities[i] = __builtin_nan("");
      continue;
    }
    for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(powers.end + k));
    for (Index t = steps; t-- > 0;) {
      const double* const alpha = own.alpha + t * Kp;
      for (Index k = 0; k < Kp; k += L) store(own.through + k, load(alpha + k) * load(own.beta + k));
      const double scale = 1 / sum(own.through, Kp);
      for (Index k = 0; k < K; k += L) store_some(probabilities + t * K + k, load(own.through + k) * scale, K - k);
      if (t == 0) break;
      for (Index k = 0; k < Kp; k += L) store(own.through + k, load(own.beta + k) * load(own.emissions + t * Kp + k));
      row_product(own.through, powers.back, K, Kp, own.beta);
      const double beta_scale = 1 / sum(own.beta, Kp);
      for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(own.beta + k) * beta_scale);
    }
  }
}

}  // namespace tidegate::TIDEGATE_ISA
