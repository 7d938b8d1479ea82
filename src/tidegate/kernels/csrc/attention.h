// Calls of attention over ragged batches: how each is divided among threads, and who holds what memory. The result is the same on any number.
#pragma once

#include "attention_jobs.h"

namespace tidegate {

// pair_offsets [B + 1] of the attention, from its other offsets; gives the number of pairs.
template <class T>
Index lay_out_pairs(const Attention<T>& attention, Index* pair_offsets);

// To context [all T, D] and weights [pairs].
template <class T>
void attention_forward(const Attention<T>& attention, T* context, T* weights, int threads);

// What the gradients depend on besides the attention, and where they go.
template <class T>
struct AttentionArrays {
  const T *dcontext, *dweights, *weights;        // dweights: null for zeros
  T *dqueries, *dkeys, *dvalues, *denergy;       // denergy: null where there is no energy
};

template <class T>
void attention_backward(const Attention<T>& attention, const AttentionArrays<T>& arrays, int threads);

}  // namespace tidegate
