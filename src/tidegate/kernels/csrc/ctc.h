// Calls of CTC (Graves et al. 2006): how each is divided among threads, and who holds what memory. The result is the same on any number.
#pragma once

#include "ctc_jobs.h"

namespace tidegate {

// −log p of each transcript to losses [B] and, unless null, the gradient of their sum by the logits [N, K].
template <class T>
void ctc_loss(const Ctc<T>& ctc, double* losses, T* gradient, int threads);

// How many threads a call is worth of which each sequence is so much work in all.
int ctc_threads(Index sequences, double work, int threads);

}  // namespace tidegate
