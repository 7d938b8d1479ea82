// One recurrent layer of one or two directions: its packed weights, its forward and its backward pass over a ragged batch.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "instruction_sets.h"
#include "kernels.h"
#include "memory.h"
#include "pace.h"

namespace tidegate {

// Blocks of H rows in the weights of a cell.
Index gates_of(Cell cell);

// What a forward pass keeps for the backward one.
template <class T>
class Tape {
 public:
  std::size_t bytes() const;
  // Activated gates [N, gates, H] of one direction in the order of the batch's rows. For rnn, the states.
  void gates(Index direction, T* to) const;

  Index rows() const { return layout.rows; }
  Index sequences() const { return layout.sequences; }
  // Whether a layer of this shape kept it.
  bool fits(const Shape& other, Index count) const {
    return shape.cell == other.cell && shape.input == other.input && shape.hidden == other.hidden && shape.normed == other.normed && shape.zoned == other.zoned &&
           static_cast<Index>(directions.size()) == count;
  }

 private:
  template <class>
  friend class Layer;
  struct Kept {
    bool reverse = false;
    Buffer<T> gates, states, cells, h0, c0, mask;
    Buffer<T> normed_inputs, normed_states, normed_cells, scales;  // layer norm
    Normed<T> normed;                                              // where they stand
    Zoneout<T> zoneout;
  };
  Shape shape{};
  Layout layout;
  Buffer<Index> indices;
  std::vector<Kept> directions;
};

template <class T>
struct ForwardArrays {
  const T* x;             // [N, I], or [U, I] with inputs
  Index distinct;         // U
  const Index* inputs;    // [N] or null
  const Index* memory;    // [N] the row of x and of y at which each step of the flat batch stands, or null
  const Index* offsets;   // [B + 1]
  Index sequences;        // B
  const T* h0;            // [D, B, H] or null
  const T* c0;
  const T* mask;          // [D, B, H] or null
  const std::uint64_t* seed;  // of zoneout's draws; null: in expectation
  T* y;                   // [N, D · H]
  T* hn;                  // [D, B, H]
  T* cn;                  // or null
};

// The gradients of one direction's weights; null where the cell has no such weight.
template <class T>
struct DirectionGradients {
  T *weight_ih = nullptr, *weight_hh = nullptr, *bias_ih = nullptr, *bias_hh = nullptr, *gain_ih = nullptr, *gain_hh = nullptr, *gain_c = nullptr, *shift_c = nullptr;
};

template <class T>
struct BackwardArrays {
  const T* x;
  const T* dy;   // [N, D · H] or null
  const T* dhn;  // [D, B, H] or null
  const T* dcn;
  T* dx;         // [N, I] or null
  std::vector<DirectionGradients<T>> weights;  // a direction; none where they are not wanted
  T* dh0;        // [D, B, H] or null
  T* dc0;
};

template <class T>
class Layer {
 public:
  // `zoneout`: the probabilities of h and of an lstm's c. With gains in the weights the layer is normalised.
  Layer(Cell cell, Index input, Index hidden, const std::vector<DirectionWeights<T>>& weights, bool reverse, bool trains, int threads,
        std::pair<double, double> zoneout = {0, 0});

  const Shape& shape() const { return shape_; }
  Index directions() const { return static_cast<Index>(packed_.size()); }
  bool trains() const { return trains_; }

  // Gives what backward needs, if `keep`.
  std::unique_ptr<Tape<T>> forward(const ForwardArrays<T>& arrays, bool keep, int threads) const;
  // One step of `sequences` sequences of a layer of one direction: x [B, I], h and c [B, H]. On several threads where the layer is large.
  void step(const T* x, const T* h, const T* c, Index sequences, T* h_next, T* c_next, int threads = 1) const;
  void backward(const Tape<T>& tape, const BackwardArrays<T>& arrays, int threads) const;

 private:
  bool reads_backward(Index direction) const { return directions() == 2 ? direction == 1 : reverse_; }

  Zoneout<T> zoneout_of(Index direction, const std::uint64_t* seed) const;
  void norm_gradients(const Tape<T>& tape, Index direction, const Backward<T>& gradients, const DirectionGradients<T>& to, T* memory) const;

  Shape shape_;
  const Kernels<T>& kernels_;
  bool reverse_, trains_;
  std::pair<double, double> zoneout_;
  Buffer<T> storage_;
  std::vector<PackedWeights<T>> packed_;
  mutable std::atomic<unsigned> steps_{0};  // calls of `step`
  mutable Pace pace_;                       // of those that may be shared
};

}  // namespace tidegate
