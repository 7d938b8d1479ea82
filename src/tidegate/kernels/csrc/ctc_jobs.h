// What the engine's host side and its instruction sets say to each other about CTC.
//
// Letters: B sequences, T steps of one, N all steps, K labels with the blank, L labels of a transcript, M those of all transcripts.
#pragma once

#include "sizes.h"

namespace tidegate {

// Logits and transcripts of a ragged batch. An alignment says a label or the blank at each step; what it spells is its labels, of equal
// neighbours one, without blanks. The probability of a transcript is the sum over the alignments that spell it, p(label) = softmax(logits).
template <class T>
struct Ctc {
  const T* logits;       // [N, K]
  const Index* offsets;  // [B + 1]
  Index sequences, labels;
  const Index* targets;         // [M], 0 … K − 1 and none of them the blank
  const Index* target_offsets;  // [B + 1]
  Index blank;

  Index steps(Index sequence) const { return offsets[sequence + 1] - offsets[sequence]; }
  Index length(Index sequence) const { return target_offsets[sequence + 1] - target_offsets[sequence]; }
};

// −log p(transcript) of one sequence and its gradient.
template <class T>
struct CtcLoss {
  Ctc<T> ctc;
  Index sequence;
  double* losses;  // [B]; infinite where no alignment spells the transcript
  T* gradient;     // [N, K], or null: no gradient
  T* scratch;      // scratch_size() values
  Index* shifts;   // shifts_size() values
};

template <class T>
struct CtcKernels {
  Index (*scratch_size)(Index steps, Index length, bool needs_gradient);
  Index (*shifts_size)(Index steps);
  void (*loss)(const CtcLoss<T>&);
};

}  // namespace tidegate
