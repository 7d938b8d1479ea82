// The one loop that everything rests on: a tile of rows against a panel of weights, sums in registers.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

// Vectors that a panel is wide.
inline constexpr int kPanel = 4;

// Rows of the tallest tile over a panel of `columns` vectors: as many as the registers hold beside the panel's own.
constexpr int tallest(int columns) {
  if (kRegisters == 32) return columns == 4 ? 6 : 8;
  return columns == 4 ? 2 : columns == 1 ? 8 : 4;
}

// Splits `count` rows into tiles of equal height, one row more or less, and calls tile(first row, rows as a constant).
template <int Most, class Tile>
TIDEGATE_INLINE void each_tile(Index count, Tile&& tile) {
  const Index tiles = (count + Most - 1) / Most;
  Index row = 0;
  for (Index i = 0; i < tiles; ++i) {
    const Index rows = (count - row + (tiles - i) - 1) / (tiles - i);
    const auto call = [&]<int R>() {
      if constexpr (R <= Most) tile.template operator()<R>(row);
    };
    switch (rows) {
      case 1: call.template operator()<1>(); break;
      case 2: call.template operator()<2>(); break;
      case 3: call.template operator()<3>(); break;
      case 4: call.template operator()<4>(); break;
      case 5: call.template operator()<5>(); break;
      case 6: call.template operator()<6>(); break;
      case 7: call.template operator()<7>(); break;
      default: call.template operator()<8>(); break;
    }
    row += rows;
  }
}

// Calls panel(first vector, vectors as a constant) for the panels of `vectors` vectors.
template <class Panel>
TIDEGATE_INLINE void with_width(Index vectors, Panel&& panel) {
  switch (vectors) {
    case 1: panel.template operator()<1>(); break;
    case 2: panel.template operator()<2>(); break;
    case 3: panel.template operator()<3>(); break;
    default: panel.template operator()<4>(); break;
  }
}

// sums[r][c] += Σ_k rows[r][k] · panel[k][c]. The order of the additions does not depend on R: a row's result is the same in any tile.
template <class T, int R, int C>
TIDEGATE_INLINE void multiply(Vector<T> (&sums)[R][C], const T* const (&rows)[R], const T* panel, Index depth) {
  for (Index k = 0; k < depth; ++k) {
    Vector<T> weights[C];
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) weights[c] = load(panel + c * kLanes<T>);
    TIDEGATE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> value = broadcast(rows[r][k]);
      TIDEGATE_UNROLL
      for (int c = 0; c < C; ++c) sums[r][c] += value * weights[c];
    }
    panel += C * kLanes<T>;
  }
}

}  // namespace tidegate::TIDEGATE_ISA
