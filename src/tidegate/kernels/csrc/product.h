// Products of many rows with packed weights, and the packing.
#pragma once

#include "tiles.h"

namespace tidegate::TIDEGATE_ISA {

// Values that `rows` rows of `columns` columns take as panels.
template <class T>
Index packed_size(Index rows, Index columns) {
  return rows * round_up(columns, kLanes<T>);
}

// Panels from columns that are rows of a matrix: column vector v holds source(v) = (first row, rows there; fewer than L leave zeros).
template <class T, class Source>
void pack_transposed(const T* matrix, Index depth, Index vectors, int width, const Source& source, T* panels) {
  constexpr int L = kLanes<T>;
  for (Index v = 0; v < vectors; v += width) {
    const Index wide = vectors - v < width ? vectors - v : width;
    T* const panel = panels + v * L * depth;
    for (Index c = 0; c < wide; ++c) {
      const auto [row, rows] = source(v + c);
      const T* from[L];
      for (int lane = 0; lane < L; ++lane) from[lane] = matrix + (row + (lane < rows ? lane : 0)) * depth;
      T* to = panel + c * L;
      Index k = 0;
      for (; rows >= L && k + L <= depth; k += L) {
        Vector<T> square[L];
        TIDEGATE_UNROLL
        for (int lane = 0; lane < L; ++lane) square[lane] = load(from[lane] + k);
        transpose<T>(square);
        TIDEGATE_UNROLL
        for (int lane = 0; lane < L; ++lane, to += wide * L) store(to, square[lane]);
      }
      for (; k < depth; ++k, to += wide * L)
        for (int lane = 0; lane < L; ++lane) to[lane] = lane < rows ? from[lane][k] : T(0);
    }
  }
}

// Panels from a matrix [rows][columns] as it stands: `row_of(k)` gives the source row of packed row k, or a negative number for zeros.
template <class T, class RowOf>
void pack_rows(const T* matrix, Index depth, Index columns, const RowOf& row_of, T* panels) {
  constexpr int L = kLanes<T>;
  const Index vectors = round_up(columns, L) / L;
  for (Index v = 0; v < vectors; v += kPanel) {
    const Index wide = vectors - v < kPanel ? vectors - v : kPanel;
    T* to = panels + v * L * depth;
    for (Index k = 0; k < depth; ++k) {
      const Index row = row_of(k);
      for (Index c = 0; c < wide; ++c, to += L) {
        const Index column = (v + c) * L;
        store(to, row < 0 ? Vector<T>{} : load_some(matrix + row * columns + column, columns - column));
      }
    }
  }
}

template <class T, int R, int C>
TIDEGATE_INLINE void product_tile(const T* const* src, T* const* dst, Index first_k, Index depth, const T* panel, Index column, Index valid,
                                  const T* bias, bool add) {
  constexpr int L = kLanes<T>;
  const T* rows[R];
  Vector<T> sums[R][C];
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    rows[r] = src[r] + first_k;
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) {
      if (add)
        sums[r][c] = load_some(dst[r] + column + c * L, valid - c * L);
      else
        sums[r][c] = bias ? load(bias + column + c * L) : Vector<T>{};
    }
  }
  multiply<T, R, C>(sums, rows, panel, depth);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) store_some(dst[r] + column + c * L, sums[r][c], valid - c * L);
  }
}

// The panels first_panel .. last_panel of a product. `valid` columns are written; what lies past them is not touched.
template <class T>
void product_panels(const Product<T>& job, Index first_panel, Index last_panel) {
  constexpr int L = kLanes<T>;
  const Index vectors = round_up(job.columns, L) / L;
  for (Index first_k = 0; first_k < job.depth || first_k == 0; first_k += kDepth) {
    const Index depth = job.depth - first_k < kDepth ? job.depth - first_k : kDepth;
    const bool add = job.add || first_k > 0;
    for (Index p = first_panel; p < last_panel; ++p) {
      const Index v = p * kPanel;
      with_width(vectors - v < kPanel ? vectors - v : kPanel, [&]<int C>() {
        const T* const panel = job.panels + v * L * job.depth + first_k * C * L;
        each_tile<tallest(C)>(job.count, [&]<int R>(Index row) {
          product_tile<T, R, C>(job.src + row, job.dst + row, first_k, depth, panel, v * L, job.columns - v * L, job.bias, add);
        });
      });
    }
  }
}

template <class T>
void product(const Product<T>& job) {
  product_panels(job, 0, (round_up(job.columns, kLanes<T>) / kLanes<T> + kPanel - 1) / kPanel);
}

// All that one direction needs, from the weights as torch.nn lays them out.
template <class T>
void pack(const Shape& shape, const DirectionWeights<T>& from, bool trains, const PackedWeights<T>& to) {
  constexpr Index L = kLanes<T>;
  const T *const weight_ih = from.weight_ih, *const weight_hh = from.weight_hh;
  const Index H = shape.hidden, Hp = shape.padded;
  struct Rows {
    Index first, count;
  };
  const auto rows_of = [&](Index gate, Index block) {
    const Index left = H - block * L;
    return Rows{gate * H + block * L, left < L ? left : L};
  };
  const auto column_vector = [&](Index v) {
    if (!shape.is_gru()) return rows_of(v % shape.gates, v / shape.gates);
    return v * L < 2 * Hp ? rows_of(v % 2, v / 2) : rows_of(2, v - 2 * Hp / L);
  };
  pack_transposed(weight_ih, shape.input, shape.projected() / L, kPanel, column_vector, to.input);
  const auto pack_recurrent = [&] {
    if (shape.cell == Cell::gru_reset_after && !shape.by_rows())
      return pack_transposed(weight_hh, H, 3 * shape.blocks(), 3, [&](Index v) { return rows_of(v % 3, v / 3); }, to.recurrent);
    if (!shape.is_gru()) return pack_transposed(weight_hh, H, shape.projected() / L, kPanel, column_vector, to.recurrent);
    pack_transposed(weight_hh, H, 2 * shape.blocks(), kPanel, column_vector, to.recurrent);
    pack_transposed(weight_hh, H, shape.blocks(), kPanel, [&](Index v) { return rows_of(2, v); }, to.recurrent + 2 * Hp * H);
  };
  if (shape.has_recurrent()) pack_recurrent();
  for (Index v = 0; v * L < shape.projected(); ++v) {
    const Rows rows = column_vector(v);
    const bool apart = shape.cell == Cell::gru_reset_after && v * L >= 2 * Hp;
    for (Index lane = 0; lane < L; ++lane) {
      const Index row = rows.first + lane;
      const auto value = [&](const T* values) { return values && lane < rows.count ? values[row] : T(0); };
      const T first = value(from.bias_ih), second = value(from.bias_hh);
      to.bias[v * L + lane] = apart ? first : first + second;
      if (apart) to.bias_reset[v * L + lane - 2 * Hp] = second;
      if (!shape.normed) continue;
      to.gain_inputs[v * L + lane] = value(from.gain_ih);
      to.gain_states[v * L + lane] = value(from.gain_hh);
    }
  }
  for (Index unit = 0; shape.normed && shape.has_cells() && unit < Hp; ++unit) {
    to.gain_cells[unit] = unit < H ? from.gain_c[unit] : T(0);
    to.shift_cells[unit] = unit < H ? from.shift_c[unit] : T(0);
  }
  if (!trains) return;
  const auto source_row = [&](Index column) {
    const Rows rows = column_vector(column / L);
    return column % L < rows.count ? rows.first + column % L : Index(-1);
  };
  pack_rows(weight_ih, shape.projected(), shape.input, source_row, to.input_back);
  if (!shape.has_recurrent()) return;
  if (shape.is_gru()) {
    pack_rows(weight_hh, 2 * Hp, H, source_row, to.recurrent_back);
    pack_rows(weight_hh, Hp, H, [&](Index k) { return k < H ? 2 * H + k : Index(-1); }, to.recurrent_back + packed_size<T>(2 * Hp, H));
  } else {
    pack_rows(weight_hh, shape.projected(), H, source_row, to.recurrent_back);
  }
}

}  // namespace tidegate::TIDEGATE_ISA
