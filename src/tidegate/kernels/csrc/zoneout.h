// Zoneout: which units keep their past at a step, and what becomes of a state where they do.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

// Words of 32 bits, one in each lane of T.
template <class T>
struct WordsOf;
template <>
struct WordsOf<float> {
  typedef std::uint32_t Values __attribute__((vector_size(kVectorBytes)));
};
template <>
struct WordsOf<double> {
  typedef std::uint64_t Values __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Words = typename WordsOf<T>::Values;

inline constexpr std::uint32_t kUnitFactor = 0x9E3779B1u;

// MurmurHash3's finaliser. `Keep` cuts the lanes of 64 bits back to words.
inline std::uint32_t mixed(std::uint32_t value) {
  value ^= value >> 16;
  value *= 0x85EBCA6Bu;
  value ^= value >> 13;
  value *= 0xC2B2AE35u;
  return value ^ (value >> 16);
}

template <class T>
TIDEGATE_INLINE Words<T> mixed(Words<T> value) {
  using Word = std::remove_reference_t<decltype(value[0])>;
  constexpr Word keep = 0xFFFFFFFFu;
  value ^= value >> 16;
  value = (value * Word(0x85EBCA6Bu)) & keep;
  value ^= value >> 13;
  value = (value * Word(0xC2B2AE35u)) & keep;
  return value ^ (value >> 16);
}

// One state of one row of the flat batch.
template <class T>
struct Past {
  const typename Zoneout<T>::State* state;
  bool draws;
  std::uint32_t row;

  Past(const typename Zoneout<T>::State& from, bool draws, Index flat)
      : state(&from), draws(draws), row(mixed(static_cast<std::uint32_t>(flat) ^ from.row_key)) {}

  bool kept() const { return state->probability > T(0); }

  TIDEGATE_INLINE Bits<T> drawn(Index unit) const {
    using Word = std::remove_reference_t<decltype(Words<T>{}[0])>;
    Words<T> values;
    TIDEGATE_UNROLL
    for (int lane = 0; lane < kLanes<T>; ++lane) values[lane] = static_cast<std::uint32_t>(lane) * kUnitFactor;
    values = (values + Word(static_cast<std::uint32_t>(unit) * kUnitFactor + row)) & Word(0xFFFFFFFFu);
    values ^= Word(state->unit_key);
    return reinterpret_cast<Bits<T>>(mixed<T>(values) < Word(state->threshold));
  }

  // The new state from the past one and the ordinary new one.
  TIDEGATE_INLINE Vector<T> mix(Vector<T> past, Vector<T> fresh, Index unit) const {
    if (!kept()) return fresh;
    if (draws) return drawn(unit) ? past : fresh;
    return state->probability * past + (T(1) - state->probability) * fresh;
  }

  // The derivative of `mix` by the past; that by the new state is one less this.
  TIDEGATE_INLINE Vector<T> share(Index unit) const {
    if (!kept()) return Vector<T>{};
    return draws ? (drawn(unit) ? broadcast(T(1)) : Vector<T>{}) : broadcast(state->probability);
  }
};

}  // namespace tidegate::TIDEGATE_ISA
