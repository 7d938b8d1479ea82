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
  using Whole = std::int32_t;
};
template <>
struct VectorOf<double> {
  typedef double Values __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Bits __attribute__((vector_size(kVectorBytes)));
  using Whole = std::int64_t;
};
template <class T>
using Vector = typename VectorOf<T>::Values;
template <class T>
using Bits = typename VectorOf<T>::Bits;

// A lane of Bits: a number, or a label, as wide as a T.
template <class T>
using Whole = typename VectorOf<T>::Whole;

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

template <class T>
TIDEGATE_INLINE Bits<T> as_bits(Vector<T> v) {
  Bits<T> bits;
  __builtin_memcpy(&bits, &v, sizeof bits);
  return bits;
}

template <class T>
TIDEGATE_INLINE Vector<T> as_values(Bits<T> bits) {
  Vector<T> v;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}

// The numbers of the lanes: 0, 1, …
template <class T, Whole<T>... Lane>
TIDEGATE_INLINE Bits<T> lane_numbers(std::integer_sequence<Whole<T>, Lane...>) {
  return Bits<T>{Lane...};
}

template <class T>
TIDEGATE_INLINE Bits<T> lane_numbers() {
  return lane_numbers<T>(std::make_integer_sequence<Whole<T>, kLanes<T>>());
}

// Whether any bit is set.
template <class T>
TIDEGATE_INLINE bool is_any_set(Bits<T> bits) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask(reinterpret_cast<__m512i>(bits), reinterpret_cast<__m512i>(bits)) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256(reinterpret_cast<__m256i>(bits), reinterpret_cast<__m256i>(bits));
#else
  Whole<T> all = 0;
  for (int lane = 0; lane < kLanes<T>; ++lane) all |= bits[lane];
  return all != 0;
#endif
}

// The first `count` lanes, zero in the others; reads nothing past them.
template <class T>
TIDEGATE_INLINE Vector<T> load_some(const T* from, Index count) {
  if (count >= kLanes<T>) return load(from);
#if defined(__AVX512F__)
  const unsigned lanes = (1u << count) - 1;
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vector<T>>(_mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes), from));
  else
    return reinterpret_cast<Vector<T>>(_mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes), from));
#else
  Vector<T> v{};
  __builtin_memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(T));
  return v;
#endif
}

template <class T>
TIDEGATE_INLINE void store_some(T* to, Vector<T> v, Index count) {
  if (count >= kLanes<T>) return store(to, v);
#if defined(__AVX512F__)
  const unsigned lanes = (1u << count) - 1;
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>(lanes), reinterpret_cast<__m512>(v));
  else
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(lanes), reinterpret_cast<__m512d>(v));
#else
  __builtin_memcpy(to, &v, static_cast<std::size_t>(count) * sizeof(T));
#endif
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
  return count >= kLanes<T> ? v : as_values<T>(as_bits<T>(v) & (lane_numbers<T>() < Bits<T>{} + static_cast<Whole<T>>(count)));
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
