// What the engine's host side and its instruction sets say to each other about the CRF.
//
// Letters: B sequences, T steps of one, N all steps, K labels.
#pragma once

#include "sizes.h"

namespace tidegate {

// A linear-chain CRF and the ragged batch that it reads. A path's score is start + emissions + pairs (from the row to the column) + end.
template <class T>
struct Crf {
  const T* emissions;    // [N, K]
  const Index* offsets;  // [B + 1]
  Index sequences, labels;
  const T *pair, *start, *end;  // [K, K], [K], [K]

  Index steps(Index sequence) const { return offsets[sequence + 1] - offsets[sequence]; }
};

// log Z = log Σ_paths e^score of some sequences, and gradients; with `gold`, −log p(gold).
template <class T>
struct Partition {
  Crf<T> crf;
  Index first, last;      // of the sequences
  double* powers;         // as the kernel `powers` gives them, without a floor; read alone, as in the other jobs
  const Index* gold;      // [N], 0 … K − 1, or null
  const double* weights;  // [B], of each sequence in the gradients; null: 1
  double* values;         // [B]
  T* d_emissions;         // [N, K], or null: no gradients
  double *d_pair, *d_start, *d_end;  // [K, K], [K], [K], added to
  double* scratch;                   // scratch_size() values
};

// p(label at step | emissions) for some sequences.
template <class T>
struct Marginals {
  Crf<T> crf;
  Index first, last;
  double* powers;         // with a floor, so that every path keeps some probability
  double* probabilities;  // [N, K]
  double* scratch;        // scratch_size() values
};

// The best path of some sequences. The label of a step is decided `lag` steps later, by the best path up to there, or at the end.
template <class T>
struct Viterbi {
  Crf<T> crf;
  Index first, last;
  T* tables;  // as the kernel `viterbi_tables` gives them
  Index lag;
  Index* labels;   // [N]
  double* scores;  // [B], or null
  T* scratch;      // viterbi_scratch() values
};

template <class T>
struct CrfKernels {
  Index (*powers_size)(Index labels);
  void (*powers)(const Crf<T>&, double floor, double* powers);
  Index (*scratch_size)(Index labels, Index longest);
  void (*partition)(const Partition<T>&);
  void (*marginals)(const Marginals<T>&);
  Index (*viterbi_tables_size)(Index labels);
  void (*viterbi_tables)(const Crf<T>&, T* tables);
  Index (*viterbi_scratch)(Index labels, Index longest);
  void (*viterbi)(const Viterbi<T>&);
};

}  // namespace tidegate
