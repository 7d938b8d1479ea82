// What the lanes of vectors come to: sums and greatest values, of one vector and of rows.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

// The lanes, each in the place of the one whose number differs from its own by the bit `Distance`.
template <class T, int Distance, int... Lane>
TIDEGATE_INLINE Vector<T> exchanged(Vector<T> v, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(v, v, (Lane ^ Distance)...);
}

// The greater of two lane by lane; NaN where either is.
template <class T>
TIDEGATE_INLINE Vector<T> greater(Vector<T> a, Vector<T> b) {
  return ((b > a) | (b != b)) ? b : a;
}

template <class T, int Distance = kLanes<T> / 2>
TIDEGATE_INLINE T sum_of_lanes(Vector<T> v) {
  v += exchanged<T, Distance>(v, std::make_integer_sequence<int, kLanes<T>>());
  if constexpr (Distance > 1)
    return sum_of_lanes<T, Distance / 2>(v);
  else
    return v[0];
}

template <class T, int Distance = kLanes<T> / 2>
TIDEGATE_INLINE T greatest_lane(Vector<T> v) {
  v = greater<T>(v, exchanged<T, Distance>(v, std::make_integer_sequence<int, kLanes<T>>()));
  if constexpr (Distance > 1)
    return greatest_lane<T, Distance / 2>(v);
  else
    return v[0];
}

// Of a row of whole vectors.
template <class T>
TIDEGATE_INLINE T sum(const T* values, Index padded) {
  Vector<T> sums{};
  for (Index k = 0; k < padded; k += kLanes<T>) sums += load(values + k);
  return sum_of_lanes<T>(sums);
}

// Of `count` values, one at least; NaN where one is.
template <class T>
TIDEGATE_INLINE T greatest(const T* values, Index count) {
  constexpr Index L = kLanes<T>;
  if (count < L) return greatest_lane<T>(lane_numbers<T>() < Bits<T>{} + static_cast<Whole<T>>(count) ? load_some(values, count) : broadcast(values[0]));
  Vector<T> most = load(values);
  for (Index k = L; k + L <= count; k += L) most = greater<T>(most, load(values + k));
  return greatest_lane<T>(greater<T>(most, load(values + count - L)));
}

// Of `count` values, one at least, none of them NaN.
template <class T>
T least(const T* values, Index count) {
  constexpr Index L = kLanes<T>;
  T result = values[0];
  if (count < L) {
    for (Index k = 1; k < count; ++k) result = values[k] < result ? values[k] : result;
    return result;
  }
  Vector<T> each = load(values + count - L);
  for (Index k = 0; k + L <= count; k += L) each = load(values + k) < each ? load(values + k) : each;
  for (int lane = 0; lane < kLanes<T>; ++lane) result = each[lane] < result ? each[lane] : result;
  return result;
}

}  // namespace tidegate::TIDEGATE_ISA
