// Calls of the linear-chain CRF: how each is divided among threads, and who holds what memory. The result is the same on any number.
#pragma once

#include "crf_jobs.h"

namespace tidegate {

// What log Z depends on besides the CRF, and where its gradients go: all of them or none.
template <class T>
struct PartitionArrays {
  const Index* gold;      // as in Partition
  const double* weights;
  double* values;
  T *d_emissions, *d_pair, *d_start, *d_end;
};

template <class T>
void crf_partition(const Crf<T>& crf, const PartitionArrays<T>& arrays, int threads);

// To probabilities [N, K].
template <class T>
void crf_marginals(const Crf<T>& crf, double* probabilities, int threads);

// To labels [N] and, unless null, the scores [B] of the paths.
template <class T>
void crf_viterbi(const Crf<T>& crf, Index lag, Index* labels, double* scores, int threads);

// How many threads a call of so much work is worth.
template <class T>
int crf_threads(const Crf<T>& crf, double work, int threads);

// The sequences in `runs` runs of about equally many steps: the first of run `number`, which is 0 … runs.
template <class T>
Index run_begin(const Crf<T>& crf, Index number, Index runs);

}  // namespace tidegate
