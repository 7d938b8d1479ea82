// What the engine's host side and its instruction sets say to each other: cells, layouts, jobs, and a table of kernels.
//
// Letters: B sequences, T steps of the longest, N all steps, I input width, H hidden width, L lanes of one vector.
#pragma once

#include <cstdint>

namespace tidegate {

using Index = std::int64_t;

enum class Cell { rnn_tanh, rnn_relu, lstm, gru, gru_reset_after };

// Every buffer that vectors are stored to begins on this boundary, and so does every row of a padded one.
inline constexpr Index kAlignment = 64;
// Products take at most so many rows of the panel at a time, so that the slice of the panel stays in the second-level cache.
inline constexpr Index kDepth = 512;
// Steps are taken in chunks of at least so many rows: enough for the input product, few enough for the caches.
inline constexpr Index kChunkRows = 96;

constexpr Index round_up(Index value, Index to) { return (value + to - 1) / to * to; }

// Sizes of one layer. Hidden units are padded to whole vectors; weights of the padding are zero.
//
// A *gate row* holds the gates of one step, its columns in this order, units in blocks of L:
//   rnn               [unit]
//   lstm              [block][i f g o][lane]
//   gru               [block][r z][lane], then [unit] of n
//   gru_reset_after   as gru, then [unit] of q = U h + b', what the reset gate multiplies
struct Shape {
  Cell cell;
  Index input;   // I
  Index hidden;  // H
  Index lanes;   // L
  Index padded;  // H in whole vectors
  Index gates;   // blocks of H rows in the weights

  Index blocks() const { return padded / lanes; }
  Index projected() const { return gates * padded; }  // columns that the input product fills
  Index gate_row() const { return cell == Cell::gru_reset_after ? 4 * padded : projected(); }
  bool keeps_gates() const { return cell != Cell::rnn_tanh && cell != Cell::rnn_relu; }
  // Where gate `gate` of block `block` begins in a gate row. For gru_reset_after, gate 3 is q.
  Index column(Index gate, Index block) const {
    if (cell == Cell::lstm) return (block * 4 + gate) * lanes;
    if (gates == 3) return gate < 2 ? (block * 2 + gate) * lanes : gate * padded + block * lanes;
    return block * lanes;
  }
};

// The steps of a ragged batch side by side, longest sequence first: step t has the rows begin[t] .. begin[t + 1], the first of
// them belonging to the longest sequence. As sequences end the rows become fewer; nothing is padded.
struct Layout {
  Index sequences = 0, steps = 0, rows = 0;
  const Index* offsets = nullptr;  // [B + 1]
  const Index* order = nullptr;    // [B] the sequence at each place
  const Index* places = nullptr;   // [B] the place of each sequence
  const Index* begin = nullptr;    // [T + 1]

  Index active(Index step) const { return begin[step + 1] - begin[step]; }
  Index length(Index place) const { return offsets[order[place] + 1] - offsets[order[place]]; }
  // The row of the flat batch that `place` reads at `step`.
  Index flat(Index place, Index step, bool reverse) const {
    const Index sequence = order[place];
    return reverse ? offsets[sequence + 1] - 1 - step : offsets[sequence] + step;
  }
};

// One direction's weights as panels: the columns four vectors at a time, each panel [rows][4 · L], the last one narrower.
template <class T>
struct PackedWeights {
  T* input = nullptr;          // I rows, columns as in a gate row
  T* recurrent = nullptr;      // H rows; gru: r z, then n; gru_reset_after: panels of one block's r z n
  T* bias = nullptr;           // [projected]
  T* bias_reset = nullptr;     // [padded], b' of gru_reset_after
  T* input_back = nullptr;     // gate-row columns as rows, I columns
  T* recurrent_back = nullptr; // gate-row columns as rows, H columns; the GRUs: of r z, then of n or q
};

class Barrier;

// Some sequences (first, first + stride, …) in one direction, or all of them for some of the units.
template <class T>
struct Part {
  const Shape* shape;
  const Layout* layout;
  const PackedWeights<T>* weights;
  bool reverse;
  Index first, stride;
  int member, members;  // this part's share of the units is member / members of the panels
  Barrier* barrier;     // of the members; null where there is one
};

template <class T>
struct Forward {
  Part<T> part;
  const T* x;           // [N, I], or null where `projected` is given
  const T* projected;   // [U, projected] or null
  const Index* inputs;  // [N] with `projected`: the row of it that each step reads
  const T* h0;          // [B, padded] by place
  const T* c0;          // lstm
  T* y;                 // this direction's first column
  Index y_stride;
  T* hn;                // [B, H] by sequence
  T* cn;
  T* gates;             // kept for backward: [N, gate_row], or null
  T* states;            // [N, padded]
  T* cells;             // lstm, [N, padded]
  T* h;                 // scratch [2][B, padded], shared by the members
  T* c;                 // scratch [B, padded], lstm
  T* reset;             // scratch [2][B, padded], gru: r∘h and z
  T* chunk;             // scratch [chunk rows, projected] where nothing is kept, shared by the members
  void** pointers;  // scratch [3 · (kChunkRows + B)], this member's own
};

template <class T>
struct Backward {
  Part<T> part;
  const T* dy;  // this direction's first column, or null
  Index dy_stride;
  const T* h0;  // as in forward
  const T* c0;
  const T* gates;
  const T* states;
  const T* cells;
  T* dh;     // [B, padded] by place: in, of the last states; out, of the first
  T* dc;
  T* drh;    // scratch [B, padded], gru
  T* dgates; // [N, gate_row]: gradients before the activations; for gru_reset_after gate 3 is that of q
  bool needs_first;  // whether the gradient of h0 is wanted
  void** pointers;  // scratch [2 · B], this member's own
};

// dst[i][0 .. columns) (+)= src[i] · panels (+ bias), i < count.
template <class T>
struct Product {
  const T* const* src;
  T* const* dst;
  Index count, depth, columns;
  const T* panels;  // packed over round_up(columns, L)
  const T* bias;    // or null
  bool add;
};

// dweight[gate · H + unit][feature] = Σ_steps dgates[step][unit] · feature[step], over some of the units' vectors.
template <class T>
struct WeightGradient {
  enum class Features { inputs, states, reset_states };
  const Shape* shape;
  const Layout* layout;
  bool reverse;
  Features features;
  Index width;       // I or H
  const T* x;        // [N, I]
  const T* h0;
  const T* states;
  const T* gates;    // for reset_states
  const T* dgates;
  Index first, last; // of the list of vectors (gate, block) that stand in the rows `gate_begin` … of the weights
  int gate_begin, gate_end;
  T* dweight;        // [gates · H, width]
  T* dbias;          // [gates · H] or null
  T* scratch;        // outer_scratch() values
};

// −log p(labels | emissions) of a linear-chain CRF, summed over the sequences.
template <class T>
struct Crf {
  const T* emissions;    // [N, K]
  const Index* gold;     // [N], 0 … K − 1
  const Index* offsets;  // [B + 1]
  Index sequences, labels;
  const T *pair, *start, *end;  // [K, K], [K], [K]
  T* d_emissions;               // or null: no gradients
  double *d_pair, *d_start, *d_end;  // zeros before the call
  double* scratch;                   // crf_scratch() values
};

template <class T>
struct Kernels {
  Index lanes;
  Index (*packed_size)(Index rows, Index columns);
  void (*pack)(const Shape&, const T* weight_ih, const T* weight_hh, const T* bias_ih, const T* bias_hh, bool trains, const PackedWeights<T>&);
  void (*product)(const Product<T>&);
  void (*forward)(const Forward<T>&);
  void (*backward)(const Backward<T>&);
  Index (*gradient_scratch)(Index width);
  void (*weight_gradient)(const WeightGradient<T>&);
  Index (*crf_scratch)(Index labels, Index longest);
  double (*crf)(const Crf<T>&);
};

}  // namespace tidegate
