// The logistic function and tanh over vectors. Both go through a power of two and a polynomial over what is left, |f| ≤ ln 2 / 2.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

template <class T>
struct Exponential;

// Polynomials from the highest power down, the error the least possible relative to the value (Lawson's algorithm; the lowest coefficients are
// exact, the others rounded one after another): kPower is e^f within 2^-27.9 (float) and 2^-57 (double), kDoubled (e^2u − 1) / u within 2^-25.8
// and 2^-55.
template <>
struct Exponential<float> {
  static constexpr float kLog2e = 1.44269504088896340736f, kLn2 = 0.69314718055994530942f, kLn2High = 0.693145751953125f, kLn2Low = 1.42860682030941723212e-6f;
  static constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number, which stands in the low bits
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kLimit = 88.0f, kTanhLimit = 10.0f;
  static constexpr float kPower[] = {1.3823966e-3f, 8.3686765e-3f, 4.1668266e-2f, 1.6666521e-1f, 4.9999994e-1f, 1.0f, 1.0f};
  static constexpr float kDoubled[] = {8.881349e-2f, 2.6772034e-1f, 6.6667885e-1f, 1.3333237f, 1.9999999f, 2.0f};
};

template <>
struct Exponential<double> {
  static constexpr double kLog2e = 1.44269504088896340736, kLn2 = 0.69314718055994530942, kLn2High = 6.93147180369123816490e-1, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 · 2^52
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kLimit = 709.0, kTanhLimit = 22.0;
  static constexpr double kPower[] = {2.5011325922459007e-08, 2.7630469043558624e-07, 2.755754964334582e-06, 2.4801492424545742e-05, 0.00019841269549637235, 0.0013888888944352366,
                                      0.00833333333347322,    0.04166666666652697,    0.1666666666666645,    0.5000000000000011,     1.0,                    1.0};
  static constexpr double kDoubled[] = {5.133363947724788e-05, 0.0002828901643996963, 0.0014109372608018676, 0.006349185367979879, 0.025396825304655365, 0.08888888916228456,
                                        0.2666666666675798,    0.6666666666652115,    1.3333333333333315,    2.000000000000002,    2.0};
};

template <class T, int Terms>
TIDEGATE_INLINE Vector<T> polynomial(Vector<T> f, const T (&terms)[Terms]) {
  Vector<T> p = broadcast(terms[0]);
  TIDEGATE_UNROLL
  for (int term = 1; term < Terms; ++term) p = p * f + terms[term];
  return p;
}

// x · factor to the nearest whole number k, and 2^k.
template <class T>
TIDEGATE_INLINE Vector<T> nearest(Vector<T> x, T factor, Vector<T>& scale) {
  using E = Exponential<T>;
  const Vector<T> shifted = x * factor + E::kRound;
  Bits<T> bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + E::kBias) << E::kMantissa;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  return shifted - E::kRound;
}

// e^x = scale · mantissa, for x within ±kLimit.
template <class T>
TIDEGATE_INLINE void split_exponential(Vector<T> x, Vector<T>& scale, Vector<T>& mantissa) {
  using E = Exponential<T>;
  const Vector<T> k = nearest<T>(x, E::kLog2e, scale);
  mantissa = polynomial<T>((x - k * E::kLn2High) - k * E::kLn2Low, E::kPower);
}

// e^x, 0 where it is below any ordinary number; x below kLimit.
template <class T>
TIDEGATE_INLINE Vector<T> exponential(Vector<T> x) {
  constexpr T limit = Exponential<T>::kLimit - 1;
  Vector<T> scale, mantissa;
  split_exponential<T>(clamp<T>(x, -limit, limit), scale, mantissa);
  return x < -limit ? Vector<T>{} : scale * mantissa;
}

// σ(x) = 1 / (1 + e^−x); small relative error also where σ is small, and 0 where it is smaller than any ordinary number (denormal ones being
// flushed to zero).
template <class T>
TIDEGATE_INLINE Vector<T> sigmoid(Vector<T> x) {
  Vector<T> scale, mantissa;
  split_exponential<T>(-clamp<T>(x, -Exponential<T>::kLimit, Exponential<T>::kLimit), scale, mantissa);
  return reciprocal<T>(scale * mantissa + T(1));
}

// σ(x), and never 0: where it is smaller than any ordinary number, one of the smallest of them.
template <class T>
TIDEGATE_INLINE Vector<T> positive_sigmoid(Vector<T> x) {
  return sigmoid<T>(clamp<T>(x, T(1) - Exponential<T>::kLimit, Exponential<T>::kLimit));
}

// tanh(x) = t / (t + 2) with t = e^2x − 1, which is computed without cancellation: 2x = k ln 2 + 2u.
template <class T>
TIDEGATE_INLINE Vector<T> tanh(Vector<T> x) {
  using E = Exponential<T>;
  x = clamp<T>(x, -E::kTanhLimit, E::kTanhLimit);
  Vector<T> scale;
  const Vector<T> u = x - nearest<T>(x, 2 * E::kLog2e, scale) * (E::kLn2 / 2);
  const Vector<T> t = scale * (u * polynomial<T>(u, E::kDoubled)) + (scale - T(1));
  return quotient<T>(t, t + T(2));
}

}  // namespace tidegate::TIDEGATE_ISA
