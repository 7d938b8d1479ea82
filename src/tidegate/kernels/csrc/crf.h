// The linear-chain CRF: −log p(labels | emissions) and its gradient, over a ragged batch.
//
// Forward and backward probabilities are kept as such, scaled at every step, in double precision: a step is then one product with the
// matrix of e^pair instead of K² logarithms. A sequence whose scale leaves the range of a double goes through logarithms.
#pragma once

#include "activations.h"

namespace tidegate::TIDEGATE_ISA {

// e^x, 0 where it is below any ordinary number.
TIDEGATE_INLINE Vector<double> exponential(Vector<double> x) {
  constexpr double limit = Exponential<double>::kSigmoidLimit;
  Vector<double> scale, fraction;
  split_exponential<double>(clamp<double>(x, -limit, limit), scale, fraction);
  return x < -limit ? Vector<double>{} : scale + scale * fraction;
}

inline double greatest(const double* values, Index count) {
  double most = values[0];
  for (Index k = 1; k < count; ++k) most = values[k] > most ? values[k] : most;
  return most;
}

// to[k] = e^(from[k] − the greatest), zeros up to `padded`; gives the greatest.
inline double scaled_exponentials(const double* from, Index count, Index padded, double* to) {
  constexpr Index L = kLanes<double>;
  const double most = greatest(from, count);
  for (Index k = 0; k < padded; k += L) store(to + k, keep_some<double>(exponential(load_some(from + k, count - k > 0 ? count - k : 0) - most), count - k));
  return most;
}

TIDEGATE_INLINE double sum(const double* values, Index padded) {
  Vector<double> sums{};
  for (Index k = 0; k < padded; k += kLanes<double>) sums += load(values + k);
  double total = 0;
  for (int lane = 0; lane < kLanes<double>; ++lane) total += sums[lane];
  return total;
}

// to[j] = Σ_i from[i] · matrix[i][j].
inline void row_product(const double* from, const double* matrix, Index count, Index padded, double* to) {
  constexpr Index L = kLanes<double>;
  for (Index j = 0; j < padded; j += 4 * L) {
    const Index wide = (padded - j) / L < 4 ? (padded - j) / L : 4;
    Vector<double> sums[4]{};
    for (Index i = 0; i < count; ++i)
      for (Index c = 0; c < wide; ++c) sums[c] += from[i] * load(matrix + i * padded + j + c * L);
    for (Index c = 0; c < wide; ++c) store(to + j + c * L, sums[c]);
  }
}

// log Σ e^values, for values of any size.
inline double log_sum(const double* values, Index count) {
  const double most = greatest(values, count);
  if (!(most - most == 0)) return most;  // infinite or NaN
  double total = 0;
  for (Index k = 0; k < count; ++k) total += __builtin_exp(values[k] - most);
  return most + __builtin_log(total);
}

template <class T>
struct CrfScratch {
  Index padded;
  double *powers, *powers_back, *start, *end, *alpha, *emissions, *scales, *beta, *through, *pairs, *terms;

  static Index size(Index labels, Index longest) {
    const Index padded = round_up(labels, kLanes<double>);
    return 3 * padded * padded + 6 * padded + 2 * longest * padded + longest + padded;
  }

  CrfScratch(double* memory, Index labels, Index longest) : padded(round_up(labels, kLanes<double>)) {
    const auto take = [&](Index count) {
      double* const part = memory;
      memory += count;
      return part;
    };
    powers = take(padded * padded);
    powers_back = take(padded * padded);
    pairs = take(padded * padded);
    start = take(padded);
    end = take(padded);
    beta = take(padded);
    through = take(padded);
    terms = take(2 * padded);
    alpha = take(longest * padded);
    emissions = take(longest * padded);
    scales = take(longest);
  }
};

// One sequence by logarithms; slow, and right for scores of any size. Adds to the gradients; gives log Z.
template <class T>
double crf_by_logarithms(const Crf<T>& job, const CrfScratch<T>& own, Index begin, Index steps) {
  const Index K = job.labels, Kp = own.padded;
  const auto pair = [&](Index i, Index j) { return static_cast<double>(job.pair[i * K + j]); };
  const auto emission = [&](Index t, Index k) { return static_cast<double>(job.emissions[(begin + t) * K + k]); };
  double* const terms = own.terms;
  for (Index k = 0; k < K; ++k) own.alpha[k] = static_cast<double>(job.start[k]) + emission(0, k);
  for (Index t = 1; t < steps; ++t)
    for (Index j = 0; j < K; ++j) {
      for (Index i = 0; i < K; ++i) terms[i] = own.alpha[(t - 1) * Kp + i] + pair(i, j);
      own.alpha[t * Kp + j] = log_sum(terms, K) + emission(t, j);
    }
  for (Index k = 0; k < K; ++k) {
    own.beta[k] = static_cast<double>(job.end[k]);
    terms[k] = own.alpha[(steps - 1) * Kp + k] + own.beta[k];
  }
  const double whole = log_sum(terms, K);
  if (!job.d_emissions) return whole;
  for (Index t = steps; t-- > 0;) {
    for (Index k = 0; k < K; ++k) {
      const double marginal = __builtin_exp(own.alpha[t * Kp + k] + own.beta[k] - whole);
      job.d_emissions[(begin + t) * K + k] = static_cast<T>(marginal);
      if (t == 0) job.d_start[k] += marginal;
      if (t == steps - 1) job.d_end[k] += marginal;
    }
    if (t == 0) break;
    for (Index i = 0; i < K; ++i) {
      for (Index j = 0; j < K; ++j) {
        terms[j] = pair(i, j) + emission(t, j) + own.beta[j];
        job.d_pair[i * K + j] += __builtin_exp(own.alpha[(t - 1) * Kp + i] + terms[j] - whole);
      }
      own.through[i] = log_sum(terms, K);
    }
    for (Index k = 0; k < K; ++k) own.beta[k] = own.through[k];
  }
  return whole;
}

// One sequence by scaled probabilities. Gives false, with nothing added, where they leave the range of a double.
template <class T>
bool crf_by_probabilities(const Crf<T>& job, const CrfScratch<T>& own, Index begin, Index steps, double most_pair, double most_start, double most_end,
                          double& whole) {
  constexpr Index L = kLanes<double>;
  const Index K = job.labels, Kp = own.padded;
  whole = most_start + most_end + most_pair * static_cast<double>(steps - 1);
  for (Index t = 0; t < steps; ++t) {
    double* const alpha = own.alpha + t * Kp;
    double* const emissions = own.emissions + t * Kp;
    for (Index k = 0; k < K; ++k) own.terms[k] = static_cast<double>(job.emissions[(begin + t) * K + k]);
    whole += scaled_exponentials(own.terms, K, Kp, emissions);
    if (t > 0) row_product(alpha - Kp, own.powers, K, Kp, alpha);
    const double* const before = t > 0 ? alpha : own.start;
    for (Index k = 0; k < Kp; k += L) store(alpha + k, load(before + k) * load(emissions + k));
    const double scale = sum(alpha, Kp);
    if (!(scale > 1e-290 && scale < 1e290)) return false;
    own.scales[t] = 1 / scale;
    for (Index k = 0; k < Kp; k += L) store(alpha + k, load(alpha + k) * own.scales[t]);
    whole += __builtin_log(scale);
  }
  const double* const last = own.alpha + (steps - 1) * Kp;
  for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(last + k) * load(own.end + k));
  const double scale = sum(own.beta, Kp);
  if (!(scale > 1e-290 && scale < 1e290)) return false;
  whole += __builtin_log(scale);
  if (!job.d_emissions) return true;
  for (Index k = 0; k < Kp; k += L) store(own.beta + k, load(own.end + k) / scale);
  for (Index t = steps; t-- > 0;) {
    const double* const alpha = own.alpha + t * Kp;
    for (Index k = 0; k < K; ++k) {
      const double marginal = alpha[k] * own.beta[k];
      job.d_emissions[(begin + t) * K + k] = static_cast<T>(marginal);
      if (t == 0) job.d_start[k] += marginal;
      if (t == steps - 1) job.d_end[k] += marginal;
    }
    if (t == 0) break;
    for (Index k = 0; k < Kp; k += L) store(own.through + k, load(own.beta + k) * load(own.emissions + t * Kp + k) * own.scales[t]);
    // The expected pairs are e^pair times these outer products, summed over all steps first.
    for (Index i = 0; i < K; ++i)
      for (Index j = 0; j < Kp; j += L) store(own.pairs + i * Kp + j, load(own.pairs + i * Kp + j) + (alpha - Kp)[i] * load(own.through + j));
    row_product(own.through, own.powers_back, K, Kp, own.beta);
  }
  return true;
}

template <class T>
Index crf_scratch(Index labels, Index longest) {
  return CrfScratch<T>::size(labels, longest);
}

template <class T>
double crf(const Crf<T>& job) {
  const Index K = job.labels;
  Index longest = 0;
  for (Index b = 0; b < job.sequences; ++b) {
    const Index steps = job.offsets[b + 1] - job.offsets[b];
    longest = steps > longest ? steps : longest;
  }
  const CrfScratch<T> own(job.scratch, K, longest);
  const Index Kp = own.padded;
  double most_pair = job.pair[0], most_start, most_end;
  for (Index i = 0; i < K * K; ++i) most_pair = job.pair[i] > most_pair ? static_cast<double>(job.pair[i]) : most_pair;
  for (Index i = 0; i < Kp * Kp; ++i) own.powers[i] = own.powers_back[i] = own.pairs[i] = 0;
  for (Index i = 0; i < K; ++i) {
    for (Index j = 0; j < K; ++j) own.terms[j] = static_cast<double>(job.pair[i * K + j]) - most_pair;
    for (Index j = 0; j < Kp; j += kLanes<double>)
      store(own.powers + i * Kp + j, keep_some<double>(exponential(load_some(own.terms + j, K - j)), K - j));
    for (Index j = 0; j < K; ++j) own.powers_back[j * Kp + i] = own.powers[i * Kp + j];
  }
  for (Index k = 0; k < K; ++k) own.terms[k] = static_cast<double>(job.start[k]);
  most_start = scaled_exponentials(own.terms, K, Kp, own.start);
  for (Index k = 0; k < K; ++k) own.terms[k] = static_cast<double>(job.end[k]);
  most_end = scaled_exponentials(own.terms, K, Kp, own.end);

  double loss = 0;
  for (Index b = 0; b < job.sequences; ++b) {
    const Index begin = job.offsets[b], steps = job.offsets[b + 1] - begin;
    if (steps == 0) continue;
    double whole;
    if (!crf_by_probabilities(job, own, begin, steps, most_pair, most_start, most_end, whole)) whole = crf_by_logarithms(job, own, begin, steps);
    double path = 0;
    for (Index t = 0; t < steps; ++t) {
      const Index now = job.gold[begin + t];
      path += static_cast<double>(job.emissions[(begin + t) * K + now]);
      if (t > 0) path += static_cast<double>(job.pair[job.gold[begin + t - 1] * K + now]);
      if (!job.d_emissions) continue;
      job.d_emissions[(begin + t) * K + now] -= T(1);
      if (t > 0) job.d_pair[job.gold[begin + t - 1] * K + now] -= 1;
    }
    const Index first = job.gold[begin], last = job.gold[begin + steps - 1];
    path += static_cast<double>(job.start[first]) + static_cast<double>(job.end[last]);
    loss += whole - path;
    if (!job.d_emissions) continue;
    job.d_start[first] -= 1;
    job.d_end[last] -= 1;
  }
  if (job.d_emissions)
    for (Index i = 0; i < K; ++i)
      for (Index j = 0; j < K; ++j) job.d_pair[i * K + j] += own.powers[i * Kp + j] * own.pairs[i * Kp + j];
  return loss;
}

}  // namespace tidegate::TIDEGATE_ISA
