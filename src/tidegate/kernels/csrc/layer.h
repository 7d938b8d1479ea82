// One recurrent layer of one or two directions: its packed weights, its forward and its backward pass over a ragged batch.
#pragma once

#include <memory>
#include <vector>

#include "instruction_sets.h"
#include "kernels.h"
#include "memory.h"

namespace tidegate {

// Blocks of H rows in the weights of a cell.
Index gates_of(Cell cell);

// One direction's weights as torch.nn lays them out; biases may be null.
template <class T>
struct DirectionWeights {
  const T* weight_ih;  // [gates · H, I]
  const T* weight_hh;  // [gates · H, H]
  const T* bias_ih;    // [gates · H]
  const T* bias_hh;
};

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
    return shape.cell == other.cell && shape.input == other.input && shape.hidden == other.hidden && static_cast<Index>(directions.size()) == count;
  }

 private:
  template <class>
  friend class Layer;
  struct Kept {
    bool reverse = false;
    Buffer<T> gates, states, cells, h0, c0;
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
  const Index* offsets;   // [B + 1]
  Index sequences;        // B
  const T* h0;            // [D, B, H] or null
  const T* c0;
  T* y;                   // [N, D · H]
  T* hn;                  // [D, B, H]
  T* cn;                  // or null
};

template <class T>
struct BackwardArrays {
  const T* x;
  const T* dy;   // [N, D · H] or null
  const T* dhn;  // [D, B, H] or null
  const T* dcn;
  T* dx;         // [N, I] or null
  std::vector<T*> dweight_ih, dweight_hh, dbias_ih, dbias_hh;  // a direction
  T* dh0;        // [D, B, H] or null
  T* dc0;
};

template <class T>
class Layer {
 public:
  Layer(Cell cell, Index input, Index hidden, const std::vector<DirectionWeights<T>>& weights, bool reverse, bool trains, int threads);

  const Shape& shape() const { return shape_; }
  Index directions() const { return static_cast<Index>(packed_.size()); }
  bool trains() const { return trains_; }

  // Gives what backward needs, if `keep`.
  std::unique_ptr<Tape<T>> forward(const ForwardArrays<T>& arrays, bool keep, int threads) const;
  // One step of `sequences` sequences of a layer of one direction: x [B, I], h and c [B, H].
  void step(const T* x, const T* h, const T* c, Index sequences, T* h_next, T* c_next) const;
  void backward(const Tape<T>& tape, const BackwardArrays<T>& arrays, int threads) const;

 private:
  bool reads_backward(Index direction) const { return directions() == 2 ? direction == 1 : reverse_; }

  Shape shape_;
  const Kernels<T>& kernels_;
  bool reverse_, trains_;
  Buffer<T> storage_;
  std::vector<PackedWeights<T>> packed_;
};

}  // namespace tidegate
