// The small products of attention, of matrices as they stand: rows with rows (scores), and sums of rows by factors (contexts).
//
// The order of additions of one result hangs neither on the tile in which it stands nor on what stands beside it.
#pragma once

#include "lanes.h"
#include "tiles.h"

namespace tidegate::TIDEGATE_ISA {

// Bytes of one array of a sequence that are asked for ahead, at most.
inline constexpr Index kFetched = Index{1} << 16;

// Rows and positions of one tile of scores.
inline constexpr int kTileRows = kRegisters == 32 ? 4 : 2, kTilePositions = 4;

// Asks for rows that are read or written soon, piece by piece and not in their order: from one end to the other memory gives them fastest.
template <bool IsWritten, class T>
TIDEGATE_INLINE void fetch(const T* from, Index count) {
  constexpr Index line = kAlignment / sizeof(T);
  if (count > kFetched / static_cast<Index>(sizeof(T))) count = kFetched / static_cast<Index>(sizeof(T));
  for (Index i = 0; i < count; i += line) __builtin_prefetch(from + i, IsWritten, 2);
}

// One level of sums_of_lanes: of the first Count vectors, every second with that bit in its number is added into the one without it.
template <class T, int Count, int Distance>
TIDEGATE_INLINE void fold(Vector<T> (&vectors)[Count]) {
  constexpr auto lanes = std::make_integer_sequence<int, kLanes<T>>();
  TIDEGATE_UNROLL
  for (int i = 0; i < Count; i += 2 * Distance) {
    if (i + Distance < Count) {
      exchange<T, Distance>(vectors[i], vectors[i + Distance], lanes);
      vectors[i] += vectors[i + Distance];
    } else {
      vectors[i] += exchanged<T, Distance>(vectors[i], lanes);
    }
  }
  if constexpr (2 * Distance < kLanes<T>) fold<T, Count, 2 * Distance>(vectors);
}

// totals[i] = the sum of the lanes of vectors[i].
template <class T, int Count>
TIDEGATE_INLINE void sums_of_lanes(const Vector<T>* vectors, T* totals) {
  constexpr int L = kLanes<T>, Now = Count < L ? Count : L;
  Vector<T> group[Now];
  TIDEGATE_UNROLL
  for (int i = 0; i < Now; ++i) group[i] = vectors[i];
  fold<T, Now, 1>(group);
  store_some(totals, group[0], Now);
  if constexpr (Count > L) sums_of_lanes<T, Count - L>(vectors + L, totals + L);
}

// A tile of products of rows with rows: to[r · stride + c] = rows[r] · columns[c], both `width` wide.
template <class T, int R, int C>
TIDEGATE_INLINE void dot_tile(const T* rows, const T* columns, Index width, T* to, Index stride) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums[R * C]{};
  const auto add = [&](Index at, const auto& read) {
    Vector<T> column[C];
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) column[c] = read(columns + c * width + at);
    TIDEGATE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> row = read(rows + r * width + at);
      TIDEGATE_UNROLL
      for (int c = 0; c < C; ++c) sums[r * C + c] += row * column[c];
    }
  };
  Index at = 0;
  for (; at + L <= width; at += L) add(at, [](const T* from) { return load(from); });
  if (at < width) add(at, [&](const T* from) { return load_some(from, width - at); });
  T totals[R * C];
  sums_of_lanes<T, R * C>(sums, totals);
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) to[r * stride + c] = totals[r * C + c];
  }
}

// Factors of a sum of rows: of result r and row k they stand at from[r · row + k · step].
template <class T>
struct Factors {
  const T* from;
  Index row, step;
};

template <class T, int R, int C>
TIDEGATE_INLINE void mixing_tile(const Factors<T>& factors, Index depth, const T* rows, Index width, Index valid, T* to) {
  constexpr Index L = kLanes<T>;
  Vector<T> sums[R][C]{};
  const auto add = [&](Index k, const auto& read) {
    Vector<T> row[C];
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) row[c] = read(rows + k * width + c * L);
    TIDEGATE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> factor = broadcast(factors.from[r * factors.row + k * factors.step]);
      TIDEGATE_UNROLL
      for (int c = 0; c < C; ++c) sums[r][c] += factor * row[c];
    }
  };
  // Less than a whole vector stands alone.
  const bool is_part = C == 1 && valid < L;
  if (is_part)
    for (Index k = 0; k < depth; ++k) add(k, [&](const T* from) { return load_some(from, valid); });
  else
    for (Index k = 0; k < depth; ++k) add(k, [](const T* from) { return load(from); });
  TIDEGATE_UNROLL
  for (int r = 0; r < R; ++r) {
    TIDEGATE_UNROLL
    for (int c = 0; c < C; ++c) store_some(to + r * width + c * L, sums[r][c], is_part ? valid : L);
  }
}

// to[r] = Σ_k factor(r, k) · rows[k] for `count` results, in the columns first … last of `width`; depth_of(r, R): how many rows count for the
// results r … r + R − 1.
template <class T, class DepthOf>
void mix(const Factors<T>& factors, Index count, const T* rows, Index width, Index first, Index last, T* to, const DepthOf& depth_of) {
  constexpr Index L = kLanes<T>;
  Index column = first;
  while (column < last) {
    const Index whole = (last - column) / L;
    with_width(whole < 1 ? 1 : whole < kPanel ? whole : kPanel, [&]<int C>() {
      each_tile<tallest(C)>(count, [&]<int R>(Index r) {
        const Factors<T> here{factors.from + r * factors.row, factors.row, factors.step};
        mixing_tile<T, R, C>(here, depth_of(r, R), rows + column, width, last - column, to + r * width + column);
      });
      column += C * L;
    });
  }
}

}  // namespace tidegate::TIDEGATE_ISA
