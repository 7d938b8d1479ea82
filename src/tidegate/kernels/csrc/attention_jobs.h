// What the engine's host side and its instruction sets say to each other about attention.
//
// Letters: B sequences, each with T rows of its target and S positions of its source; A width of queries and keys, D width of values.
#pragma once

#include "sizes.h"

namespace tidegate {

// Every row of a target attends over the positions of its own source: weights = softmax(scores), context = Σ weight · value.
template <class T>
struct Attention {
  const T *queries, *keys, *values;              // [all T, A], [all S, A], [all S, D]
  const T* energy;                               // [A]: a score is energy · tanh(query + key); null: query · key
  const Index *target_offsets, *source_offsets;  // [B + 1]
  const Index* pair_offsets;                     // [B + 1]: where each sequence's weights [T, S] begin
  const Index* limits;                           // [all T]: how many positions of its source a row sees, 1 at least; null: all
  Index sequences, width, depth;                 // B, A, D

  Index rows(Index sequence) const { return target_offsets[sequence + 1] - target_offsets[sequence]; }
  Index positions(Index sequence) const { return source_offsets[sequence + 1] - source_offsets[sequence]; }
  // Where the weights of a row [S] begin.
  Index pair(Index sequence, Index row) const { return pair_offsets[sequence] + (row - target_offsets[sequence]) * positions(sequence); }
  Index seen(Index sequence, Index row) const {
    const Index all = positions(sequence);
    return limits && limits[row] < all ? limits[row] : all;
  }
};

// Some rows of one sequence's target.
struct TargetRows {
  Index sequence, first, last;
};

template <class T>
struct AttentionForward {
  Attention<T> attention;
  T *context, *weights;  // [all T, D], [pairs]
  T* scratch;            // forward_scratch() values
};

// The gradients of the scores: of one row they hang on that row alone.
template <class T>
struct ScoreGradients {
  Attention<T> attention;
  const T *dcontext, *dweights, *weights;  // [all T, D]; [pairs] or null; [pairs]
  T* dscores;                              // [pairs]
};

// The gradients of all else, in some whole vectors of columns. The energy's are those of one sequence.
template <class T>
struct AttentionGradients {
  Attention<T> attention;
  const T *dcontext, *weights, *dscores;
  T *dqueries, *dkeys, *dvalues;  // as what they are the gradients of
  T* denergies;                   // [B, A], or null where there is no energy
  Index first_width, last_width, first_depth, last_depth;
  T* scratch;  // backward_scratch() values
};

template <class T>
struct AttentionKernels {
  Index (*forward_scratch)(Index width);
  void (*forward)(const AttentionForward<T>&, const TargetRows&);
  void (*score_gradients)(const ScoreGradients<T>&, const TargetRows&);
  Index (*backward_scratch)(Index most_positions);
  void (*gradients)(const AttentionGradients<T>&, Index sequence);
};

}  // namespace tidegate
