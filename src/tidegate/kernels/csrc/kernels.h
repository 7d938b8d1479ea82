// What the engine's host side and its instruction sets say to each other: cells, layouts, jobs, and a table of kernels.
//
// Letters: B sequences, T steps of the longest, N all steps, I input width, H hidden width, L lanes of one vector.
#pragma once

#include "attention_jobs.h"
#include "crf_jobs.h"
#include "ctc_jobs.h"
#include "sizes.h"

namespace tidegate {

enum class Cell { rnn_tanh, rnn_relu, lstm, gru, gru_reset_after, mingru, minlstm };

// Whether a cell multiplies its state with a matrix.
constexpr bool has_recurrent(Cell cell) { return cell != Cell::mingru && cell != Cell::minlstm; }

// Products take at most so many rows of the panel at a time, so that the slice of the panel stays in the second-level cache.
inline constexpr Index kDepth = 512;
// Steps are taken in chunks of at least so many rows: enough for the input product, few enough for the caches.
inline constexpr Index kChunkRows = 96;

// Sizes of one layer. Hidden units are padded to whole vectors; weights of the padding are zero.
//
// A *gate row* holds the gates of one step, its columns in this order, units in blocks of L:
//   rnn               [unit]
//   lstm              [block][i f g o][lane]
//   gru               [block][r z][lane], then [unit] of n
//   gru_reset_after   as gru, then [unit] of q = U h + b', what the reset gate multiplies
//   mingru, minlstm   [block][z n][lane], [block][i f g][lane]
struct Shape {
  Cell cell;
  Index input;   // I
  Index hidden;  // H
  Index lanes;   // L
  Index padded;  // H in whole vectors
  Index gates;   // blocks of H rows in the weights
  bool normed;   // layer-normalised
  bool zoned;    // with zoneout

  Index blocks() const { return padded / lanes; }
  Index projected() const { return gates * padded; }  // columns that the input product fills
  Index gate_row() const { return cell == Cell::gru_reset_after ? 4 * padded : projected(); }
  bool is_rnn() const { return cell == Cell::rnn_tanh || cell == Cell::rnn_relu; }
  bool is_gru() const { return cell == Cell::gru || cell == Cell::gru_reset_after; }
  bool has_cells() const { return cell == Cell::lstm; }
  bool has_recurrent() const { return tidegate::has_recurrent(cell); }
  // Whether the pointwise part goes over whole rows after the product, instead of over its tiles.
  bool by_rows() const { return normed || zoned; }
  bool keeps_gates() const { return !is_rnn() || zoned; }
  // Parts of a gate row that are normalised each on its own: all gates of an lstm; r and z, and n, of a gru.
  Index groups() const { return is_gru() ? 2 : 1; }
  // Where gate `gate` of block `block` begins in a gate row. For gru_reset_after, gate 3 is q.
  Index column(Index gate, Index block) const {
    if (is_gru()) return gate < 2 ? (block * 2 + gate) * lanes : gate * padded + block * lanes;
    return (block * gates + gate) * lanes;
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
  const Index* memory = nullptr;   // [N] where each row of the flat batch stands in x, y and their gradients; null: there

  Index active(Index step) const { return begin[step + 1] - begin[step]; }
  Index length(Index place) const { return offsets[order[place] + 1] - offsets[order[place]]; }
  // The row of the flat batch that `place` reads at `step`.
  Index flat(Index place, Index step, bool reverse) const {
    const Index sequence = order[place];
    return reverse ? offsets[sequence + 1] - 1 - step : offsets[sequence] + step;
  }
  Index stands(Index flat) const { return memory ? memory[flat] : flat; }
  // Where the step's row of a tape is. Steps side by side where the recurrent product takes them together, else as in the flat batch.
  Index kept(const Shape& shape, Index place, Index step, bool reverse) const { return shape.has_recurrent() ? begin[step] + place : flat(place, step, reverse); }
};

// One direction's weights as torch.nn lays them out.
template <class T>
struct DirectionWeights {
  const T* weight_ih = nullptr;  // [gates · H, I]
  const T* weight_hh = nullptr;  // [gates · H, H]; null where the cell has no recurrent matrix
  const T* bias_ih = nullptr;    // [gates · H] or null
  const T* bias_hh = nullptr;
  const T* gain_ih = nullptr;    // [gates · H], layer norm
  const T* gain_hh = nullptr;
  const T* gain_c = nullptr;     // [H], layer norm of an lstm
  const T* shift_c = nullptr;
};

// One direction's weights as panels: the columns four vectors at a time, each panel [rows][4 · L], the last one narrower.
template <class T>
struct PackedWeights {
  T* input = nullptr;          // I rows, columns as in a gate row
  T* recurrent = nullptr;      // H rows; gru: r z, then n; gru_reset_after over tiles: panels of one block's r z n
  T* bias = nullptr;           // [projected]
  T* bias_reset = nullptr;     // [padded], b' of gru_reset_after
  T* input_back = nullptr;     // gate-row columns as rows, I columns
  T* recurrent_back = nullptr; // gate-row columns as rows, H columns; the GRUs: of r z, then of n or q
  // Layer norm's; zeros in the padding.
  T* gain_inputs = nullptr;    // [projected]
  T* gain_states = nullptr;    // [projected], columns as there
  T* gain_cells = nullptr;     // [padded], lstm
  T* shift_cells = nullptr;
};

class Barrier;

// Zoneout in one direction: each unit keeps its past with a probability, by a draw or in expectation. The draws are those of
// `tidegate.kernels.zoneout`: hashes of these keys, the row of the flat batch and the unit.
template <class T>
struct Zoneout {
  struct State {
    T probability = 0;
    std::uint32_t threshold = 0;  // the probability, of 2^32
    std::uint32_t row_key = 0, unit_key = 0;
  };
  State h, c;
  bool draws = false;
};

// What layer norm keeps for backward: rows normalised, before gain and shift, and 1 / deviation.
template <class T>
struct Normed {
  T* inputs = nullptr;         // [N, projected], of W x
  T* states = nullptr;         // [N, projected], of U h
  T* cells = nullptr;          // [N, padded], lstm
  T* input_scales = nullptr;   // [N, groups]
  T* state_scales = nullptr;
  T* cell_scales = nullptr;    // [N]
};

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
  Normed<T> normed;
  const T* mask;        // [B, padded] by place, or null: multiplies what enters the recurrent product
  Zoneout<T> zoneout;
  T* masked;            // scratch [2][B, padded], the first plane h0 times the mask
  T* raw;               // scratch [B, projected], by rows
  T* row;               // scratch [2 · padded], this part's own, by rows
  T* h;                 // scratch [2][B, padded], shared by the members
  T* c;                 // scratch [B, padded], lstm
  T* reset;             // scratch [2][B, padded], gru: r∘h and z
  T* chunk;             // scratch [chunk rows, projected] where nothing is kept or `streams`, shared by the members
  bool streams;         // without a recurrent matrix: what is written is larger than the caches, its rows whole vectors on their boundaries
  void** pointers;  // scratch [4 · (kChunkRows + B)], this member's own
  Index steps_before;  // by how many calls of one step each: the panels are taken up and down in turn
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
  Normed<T> normed;
  const T* mask;
  Zoneout<T> zoneout;
  T* dh;     // [B, padded] by place: in, of the last states; out, of the first
  T* dc;
  T* drh;    // scratch [B, padded]: gru, what a mask multiplies, and layer norm of an lstm's cells
  T* dgates; // [N, gate_row]: gradients before the activations; for gru_reset_after gate 3 is that of q
  T* dgates_inputs;  // of W x and of U h, as `dgates`; the same memory without layer norm
  T* dgates_states;
  T* dcells;         // lstm with layer norm, [N, padded]: of the normalised cells after gain and shift
  bool needs_first;  // whether the gradient of h0 is wanted
  bool streams;      // as in forward
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
  const T* mask;     // [B, padded] by place, or null
  const T* dgates;
  Index first, last; // of the list of vectors (gate, block) that stand in the rows `gate_begin` … of the weights
  int gate_begin, gate_end;
  T* dweight;        // [gates · H, width]
  T* dbias;          // [gates · H] or null
  T* scratch;        // gradient_scratch() values
};

// Sums over all steps of some columns of a row's gradients, times those of other rows where such are given: the gradients of biases and gains.
template <class T>
struct ColumnSums {
  Index rows, vectors;   // adjacent vectors
  const T* gradients;    // at the first column
  Index stride;          // of their rows
  const T* factors;      // or null
  Index factors_stride;
  T* sums;               // [vectors · L]
};

template <class T>
struct Kernels {
  Index lanes;
  Index (*packed_size)(Index rows, Index columns);
  void (*pack)(const Shape&, const DirectionWeights<T>&, bool trains, const PackedWeights<T>&);
  void (*product)(const Product<T>&);
  // What the input product gave for some rows becomes gain times normalised plus bias.
  void (*normalise_inputs)(const Shape&, const PackedWeights<T>&, T* const* rows, Index count);
  void (*forward)(const Forward<T>&);
  void (*backward)(const Backward<T>&);
  Index (*gradient_scratch)(Index width);
  void (*weight_gradient)(const WeightGradient<T>&);
  void (*column_sums)(const ColumnSums<T>&);
  CrfKernels<T> crf;
  CtcKernels<T> ctc;
  AttentionKernels<T> attention;
};

}  // namespace tidegate
