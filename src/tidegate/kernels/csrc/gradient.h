// Gradients of the weights: sums over all steps of a gate's gradient times a feature, as one product over the steps in the layout's order.
#pragma once

#include "tiles.h"

namespace tidegate::TIDEGATE_ISA {

// Steps packed at a time, units and feature vectors of one tile.
inline constexpr Index kSlice = 128;
template <class T>
inline constexpr int kUnits = kRegisters == 32 ? (kLanes<T> < 8 ? kLanes<T> : 8) : (kLanes<T> < 4 ? kLanes<T> : 4);
inline constexpr int kFeatures = 3;

template <class T>
Index gradient_scratch(Index width) {
  return kSlice * (round_up(width, kLanes<T>) + kLanes<T>);
}

// Rows of the slice [first, first + count) of the layout's order, one after another: step(index in the slice, place, step number).
template <class Step>
void each_place(const Layout& layout, Index step, Index first, Index count, const Step& visit) {
  for (Index i = 0; i < count; ++step)
    for (; i < count && first + i < layout.begin[step + 1]; ++i) visit(i, first + i - layout.begin[step], step);
}

template <class T>
void pack_features(const WeightGradient<T>& job, Index step, Index first, Index count) {
  constexpr Index L = kLanes<T>;
  const Shape& shape = *job.shape;
  const Layout& layout = *job.layout;
  const Index vectors = round_up(job.width, L) / L;
  each_place(layout, step, first, count, [&](Index i, Index place, Index t) {
    const T* row;
    if (job.features == WeightGradient<T>::Features::inputs)
      row = job.x + layout.stands(layout.flat(place, t, job.reverse)) * shape.input;
    else
      row = t ? job.states + (layout.begin[t - 1] + place) * shape.padded : job.h0 + place * shape.padded;
    const bool through_reset = job.features == WeightGradient<T>::Features::reset_states;
    const T* const mask = job.mask && job.features != WeightGradient<T>::Features::inputs ? job.mask + place * shape.padded : nullptr;
    const T* const gates = through_reset ? job.gates + (first + i) * shape.gate_row() : nullptr;
    for (Index v = 0; v < vectors; v += kFeatures) {
      const Index wide = vectors - v < kFeatures ? vectors - v : kFeatures;
      T* const to = job.scratch + v * L * kSlice + i * wide * L;
      for (Index c = 0; c < wide; ++c) {
        const Index at = (v + c) * L;
        Vector<T> values = load_some(row + at, job.width - at);
        if (through_reset) values *= load(gates + 2 * at);
        if (mask) values *= load(mask + at);
        store(to + c * L, values);
      }
    }
  });
}

template <class T, int C>
TIDEGATE_INLINE void gradient_tile(const T* units, const T* features, Index count, T* dweight, Index width, Index rows, Index valid, bool add) {
  constexpr Index L = kLanes<T>;
  constexpr int R = kUnits<T>;
  Vector<T> sums[R][C];
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) sums[r][c] = add && r < rows ? load_some(dweight + r * width + c * L, valid - c * L) : Vector<T>{};
  }
  for (Index k = 0; k < count; ++k) {
    Vector<T> values[C];
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) values[c] = load(features + c * L);
    TIDEGATE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> unit = broadcast(units[r]);
      TIDEGATE_UNROLL
      for (int c = 0; c < C; ++c) sums[r][c] += unit * values[c];
    }
    units += R;
    features += C * L;
  }
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    if (r >= rows) break;
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) store_some(dweight + r * width + c * L, sums[r][c], valid - c * L);
  }
}

template <class T>
void weight_gradient(const WeightGradient<T>& job) {
  constexpr Index L = kLanes<T>;
  constexpr Index R = kUnits<T>;
  const Shape& shape = *job.shape;
  const Layout& layout = *job.layout;
  const Index vectors = round_up(job.width, L) / L, blocks = shape.blocks();
  alignas(kAlignment) T units[kSlice * L];
  for (Index v = job.first; layout.rows == 0 && v < job.last; ++v) {
    const Index row = (job.gate_begin + v / blocks) * shape.hidden + v % blocks * L, left = shape.hidden - v % blocks * L, rows = left < L ? left : L;
    __builtin_memset(job.dweight + row * job.width, 0, static_cast<std::size_t>(rows * job.width) * sizeof(T));
    if (job.dbias) __builtin_memset(job.dbias + row, 0, static_cast<std::size_t>(rows) * sizeof(T));
  }
  Index step = 0;
  for (Index first = 0; first < layout.rows; first += kSlice) {
    const Index count = layout.rows - first < kSlice ? layout.rows - first : kSlice;
    while (layout.begin[step + 1] <= first) ++step;
    pack_features(job, step, first, count);
    for (Index v = job.first; v < job.last; ++v) {
      const Index gate = job.gate_begin + v / blocks, block = v % blocks;
      // Seen from the states, gru_reset_after's third gate is q.
      const bool is_q = shape.cell == Cell::gru_reset_after && gate == 2 && job.features == WeightGradient<T>::Features::states;
      const T* from = job.dgates + first * shape.gate_row() + shape.column(is_q ? 3 : gate, block);
      const Index row = gate * shape.hidden + block * L, left = shape.hidden - block * L;
      Vector<T> sum{};
      for (Index k = 0; k < count; ++k, from += shape.gate_row()) {
        const Vector<T> values = load(from);
        sum += values;
        for (Index part = 0; part < L / R; ++part) __builtin_memcpy(units + (part * kSlice + k) * R, reinterpret_cast<const T*>(&values) + part * R, R * sizeof(T));
      }
      if (job.dbias) {
        if (first > 0) sum += load_some(job.dbias + row, left);
        store_some(job.dbias + row, sum, left);
      }
      for (Index part = 0; part < L / R && part * R < left; ++part) {
        T* const dweight = job.dweight + (row + part * R) * job.width;
        const Index rows = left - part * R;
        for (Index f = 0; f < vectors; f += kFeatures) {
          const T* const features = job.scratch + f * L * kSlice;
          const auto tile = [&]<int C>() {
            gradient_tile<T, C>(units + part * kSlice * R, features, count, dweight + f * L, job.width, rows, job.width - f * L, first > 0);
          };
          switch (vectors - f) {
            case 1: tile.template operator()<1>(); break;
            case 2: tile.template operator()<2>(); break;
            default: tile.template operator()<3>(); break;
          }
        }
      }
    }
  }
}

}  // namespace tidegate::TIDEGATE_ISA
