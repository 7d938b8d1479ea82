// The logistic function and tanh over vectors. Both go through e^x = 2^k · e^f with k = round(x / ln 2) and a polynomial in f, |f| ≤ ln 2 / 2.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

template <class T>
struct Exponential;

// The polynomial (e^f − 1 − f) / f². Chebyshev-fitted for float (error below 2^-26 of the whole), Taylor's for double.
template <>
struct Exponential<float> {
  static constexpr float kLog2e = 1.44269504088896340736f, kLn2High = 0.693145751953125f, kLn2Low = 1.42860682030941723212e-6f;
  static constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number, which stands in the low bits
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kSigmoidLimit = 87.0f, kTanhLimit = 20.0f;
  static constexpr float kTerms[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
};

template <>
struct Exponential<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2High = 6.93147180369123816490e-1, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 · 2^52
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kSigmoidLimit = 708.0, kTanhLimit = 44.0;
  static constexpr double kTerms[] = {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
                                      1.0 / 5040.0,       1.0 / 720.0,       1.0 / 120.0,      1.0 / 24.0,      1.0 / 6.0,      1.0 / 2.0};
};

// e^x = scale · (1 + fraction), for x within the limits.
template <class T>
TIDEGATE_INLINE void split_exponential(Vector<T> x, Vector<T>& scale, Vector<T>& fraction) {
  using E = Exponential<T>;
  const Vector<T> shifted = x * E::kLog2e + E::kRound;
  const Vector<T> k = shifted - E::kRound;
  const Vector<T> f = (x - k * E::kLn2High) - k * E::kLn2Low;
  Vector<T> p = broadcast(E::kTerms[0]);
  TIDEGATE_UNROLL
  for (unsigned term = 1; term < sizeof E::kTerms / sizeof(T); ++term) p = p * f + E::kTerms[term];
  fraction = p * (f * f) + f;
  Bits<T> bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + E::kBias) << E::kMantissa;
  __builtin_memcpy(&scale, &bits, sizeof scale);
}

// σ(x) = 1 / (1 + e^−x); small relative error also where σ is small, and 0 where it is smaller than any ordinary number.
template <class T>
TIDEGATE_INLINE Vector<T> sigmoid(Vector<T> x) {
  Vector<T> scale, fraction;
  split_exponential<T>(clamp<T>(-x, -Exponential<T>::kSigmoidLimit, Exponential<T>::kSigmoidLimit), scale, fraction);
  const Vector<T> value = reciprocal<T>((scale + T(1)) + scale * fraction);
  return x < -Exponential<T>::kSigmoidLimit ? Vector<T>{} : value;
}

// tanh(x) = t / (t + 2) with t = e^2x − 1, which is computed without cancellation.
template <class T>
TIDEGATE_INLINE Vector<T> tanh(Vector<T> x) {
  Vector<T> scale, fraction;
  split_exponential<T>(clamp<T>(x + x, -Exponential<T>::kTanhLimit, Exponential<T>::kTanhLimit), scale, fraction);
  const Vector<T> t = scale * fraction + (scale - T(1));
  return quotient<T>(t, t + T(2));
}

}  // namespace tidegate::TIDEGATE_ISA
