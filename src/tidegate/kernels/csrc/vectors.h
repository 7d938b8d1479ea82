// Vectors of one instruction set, by the compiler's vector types. Included only by isa.cpp, inside the set's own namespace.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels.h"

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define TIDEGATE_INLINE [[gnu::always_inline]] inline
#define TIDEGATE_UNROLL _Pragma("GCC unroll 16")

namespace tidegate::TIDEGATE_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16, kRegisters = 32;
#else
inline constexpr int kVectorBytes = 16, kRegisters = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float Values __attribute__((vector_size(kVectorBytes)));
  typedef std::int32_t Bits __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double Values __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Bits __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::Values;
template <class T>
using Bits = typename VectorOf<T>::Bits;

template <class T>
inline constexpr int kLanes = kVectorBytes / sizeof(T);

template <class T>
TIDEGATE_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
TIDEGATE_INLINE void store(T* to, Vector<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

template <class T>
TIDEGATE_INLINE Vector<T> broadcast(T value) {
  return value - Vector<T>{};
}

// The first `count` lanes, zero in the others; reads nothing past them.
template <class T>
TIDEGATE_INLINE Vector<T> load_some(const T* from, Index count) {
  if (count >= kLanes<T>) return load(from);
  Vector<T> v{};
  __builtin_memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(T));
  return v;
}

template <class T>
TIDEGATE_INLINE void store_some(T* to, Vector<T> v, Index count) {
  if (count >= kLanes<T>)
    store(to, v);
  else
    __builtin_memcpy(to, &v, static_cast<std::size_t>(count) * sizeof(T));
}

// Past the caches, for what nobody reads soon: the line is not fetched first. `to` stands on a vector's boundary; `end_streams` follows the last.
template <class T>
TIDEGATE_INLINE void stream(T* to, Vector<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(v));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(v));
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), reinterpret_cast<__m128i>(v));
#else
  store(to, v);
#endif
}

inline void end_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Zero in the lanes from `count` on.
template <class T>
TIDEGATE_INLINE Vector<T> keep_some(Vector<T> v, Index count) {
  if (count >= kLanes<T>) return v;
  Vector<T> kept{};
  __builtin_memcpy(&kept, &v, static_cast<std::size_t>(count) * sizeof(T));
  return kept;
}

// Exchanges the lanes of `first` whose number has the bit `Distance` with those of `second` that have not.
template <class T, int Distance, int... Lane>
TIDEGATE_INLINE void exchange(Vector<T>& first, Vector<T>& second, std::integer_sequence<int, Lane...>) {
  constexpr int L = kLanes<T>;
  const Vector<T> a = first, b = second;
  first = __builtin_shufflevector(a, b, (Lane & Distance ? L + Lane - Distance : Lane)...);
  second = __builtin_shufflevector(a, b, (Lane & Distance ? L + Lane : Lane + Distance)...);
}

// Rows become columns.
template <class T, int Distance = 1>
TIDEGATE_INLINE void transpose(Vector<T> (&rows)[kLanes<T>]) {
  if constexpr (Distance < kLanes<T>) {
    TIDEGATE_UNROLL
    for (int i = 0; i < kLanes<T>; ++i)
      if ((i & Distance) == 0) exchange<T, Distance>(rows[i], rows[i + Distance], std::make_integer_sequence<int, kLanes<T>>());
    transpose<T, 2 * Distance>(rows);
  }
}

// lo ≤ v ≤ hi; NaN stays NaN.
template <class T>
TIDEGATE_INLINE Vector<T> clamp(Vector<T> v, T lo, T hi) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vector<T>>(
        _mm512_maskz_min_ps(0xFFFF, _mm512_set1_ps(hi), _mm512_maskz_max_ps(0xFFFF, _mm512_set1_ps(lo), reinterpret_cast<__m512>(v))));
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vector<T>>(_mm256_min_ps(_mm256_set1_ps(hi), _mm256_max_ps(_mm256_set1_ps(lo), reinterpret_cast<__m256>(v))));
#endif
  v = v < broadcast(lo) ? broadcast(lo) : v;
  return v > broadcast(hi) ? broadcast(hi) : v;
}

// 1 / v for finite v of ordinary size.
template <class T>
TIDEGATE_INLINE Vector<T> reciprocal(Vector<T> v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    // 14 bits, then one step of Newton's: faster than the division, and off by at most a rounding or two.
    const Vector<T> guess = reinterpret_cast<Vector<T>>(_mm512_maskz_rcp14_ps(0xFFFF, reinterpret_cast<__m512>(v)));
    return guess + guess * (T(1) - v * guess);
  }
#endif
  return T(1) / v;
}

// a / b for finite b of ordinary size; 1 where a = b.
template <class T>
TIDEGATE_INLINE Vector<T> quotient(Vector<T> a, Vector<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    // The step on the quotient itself corrects the 14 bits of both.
    const Vector<T> inverse = reinterpret_cast<Vector<T>>(_mm512_maskz_rcp14_ps(0xFFFF, reinterpret_cast<__m512>(b))), guess = a * inverse;
    return guess + inverse * (a - guess * b);
  }
#endif
  return a / b;
}

}  // namespace tidegate::TIDEGATE_ISA
