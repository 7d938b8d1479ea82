// Layer norm of the columns of one row, and its gradient.  Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450, equation 4.
#pragma once

#include "lanes.h"

namespace tidegate::TIDEGATE_ISA {

template <class T>
inline constexpr T kEpsilon = T(1e-5);

// Columns that are normalised together: `each` gates of all blocks of units, side by side. Padding does not count.
struct Columns {
  Index vectors, each, hidden;

  template <class T>
  TIDEGATE_INLINE Index valid(Index vector) const {
    return hidden - vector / each * kLanes<T>;
  }
  template <class T>
  T count() const {
    return static_cast<T>(each * hidden);
  }
};

// Group `group` of a gate row: where it begins, and its columns.
inline Columns group_columns(const Shape& shape, Index group) {
  const Index each = shape.is_gru() ? (group == 0 ? 2 : 1) : shape.gates;
  return {shape.blocks() * each, each, shape.hidden};
}
inline Index group_begin(const Shape& shape, Index group) { return group == 0 ? 0 : 2 * shape.padded; }

// to = (from − mean) / deviation, zeros in the padding; `from` has zeros there. Gives 1 / deviation.
template <class T>
T normalise(const T* from, T* to, const Columns& columns) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums{}, squares{};
  for (Index v = 0; v < columns.vectors; ++v) sums += load(from + v * L);
  const T mean = sum_of_lanes<T>(sums) / columns.count<T>();
  for (Index v = 0; v < columns.vectors; ++v) {
    const Vector<T> centred = keep_some<T>(load(from + v * L) - mean, columns.valid<T>(v));
    squares += centred * centred;
    store(to + v * L, centred);
  }
  const T scale = T(1) / static_cast<T>(__builtin_sqrt(static_cast<double>(sum_of_lanes<T>(squares) / columns.count<T>() + kEpsilon<T>)));
  for (Index v = 0; v < columns.vectors; ++v) store(to + v * L, Vector<T>(load(to + v * L) * scale));
  return scale;
}

// The gradient of what was normalised, from that of gain times the normalised row. `to` may be `gradient`.
template <class T>
void normalise_gradient(const T* gradient, const T* gain, const T* normal, T scale, T* to, const Columns& columns) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums{}, products{};
  for (Index v = 0; v < columns.vectors; ++v) {
    const Vector<T> inner = load(gradient + v * L) * load(gain + v * L);
    sums += inner;
    products += inner * load(normal + v * L);
  }
  const T mean = sum_of_lanes<T>(sums) / columns.count<T>(), along = sum_of_lanes<T>(products) / columns.count<T>();
  for (Index v = 0; v < columns.vectors; ++v) {
    const Vector<T> inner = load(gradient + v * L) * load(gain + v * L);
    store(to + v * L, keep_some<T>(scale * (inner - mean - load(normal + v * L) * along), columns.valid<T>(v)));
  }
}

// What the input product gave for some rows becomes gain times normalised plus bias; the normalised rows and 1 / deviation are kept where wanted.
template <class T>
void normalise_input(const Shape& shape, const PackedWeights<T>& weights, T* row, T* normal, T* scales) {
  constexpr Index L = kLanes<T>;
  for (Index group = 0; group < shape.groups(); ++group) {
    const Index begin = group_begin(shape, group);
    const Columns columns = group_columns(shape, group);
    T* const to = normal ? normal + begin : row + begin;
    const T scale = normalise(row + begin, to, columns);
    if (scales) scales[group] = scale;
    for (Index v = 0; v < columns.vectors; ++v) {
      const Index at = begin + v * L;
      store(row + at, Vector<T>(load(to + v * L) * load(weights.gain_inputs + at) + load(weights.bias + at)));
    }
  }
}

template <class T>
void normalise_inputs(const Shape& shape, const PackedWeights<T>& weights, T* const* rows, Index count) {
  for (Index row = 0; row < count; ++row) normalise_input<T>(shape, weights, rows[row], nullptr, nullptr);
}

template <class T>
void column_sums(const ColumnSums<T>& job) {
  constexpr Index L = kLanes<T>;
  for (Index v = 0; v < job.vectors; ++v) store(job.sums + v * L, Vector<T>{});
  for (Index n = 0; n < job.rows; ++n) {
    const T* const gradients = job.gradients + n * job.stride;
    const T* const factors = job.factors ? job.factors + n * job.factors_stride : nullptr;
    for (Index v = 0; v < job.vectors; ++v) {
      const Vector<T> value = load(gradients + v * L);
      store(job.sums + v * L, Vector<T>(load(job.sums + v * L) + (factors ? value * load(factors + v * L) : value)));
    }
  }
}

}  // namespace tidegate::TIDEGATE_ISA
