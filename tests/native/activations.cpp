// How far the engine's tanh and logistic function are from the true ones, on one instruction set: compiled once for each, with its flags.
//
//   activations [STRIDE]     every STRIDE-th of the 2^32 floats (1: all of them), and doubles in proportion
//
// One line for each figure: type, function, unit, the largest error, where it was met, the bar. Floats are held against libm's doubles, doubles
// against long double. An `ulp` is the distance between neighbours at the true value, an `eps` that value times the type's epsilon. Denormal numbers
// count as zero, as in the engine. Exits 1 where a bar is missed or where NaN, an infinity or a denormal number does not come out as it must; 77
// where the processor lacks the instruction set.
#include "activations.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace tidegate;
using namespace tidegate::TIDEGATE_ISA;

void flush_denormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  unsigned long mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  asm volatile("msr fpcr, %0" ::"r"(mode | (1ul << 24)));
#endif
}

bool runs_here() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

// The type that a T is held against.
template <class T>
struct TruthOf;
template <>
struct TruthOf<float> {
  using Type = double;
};
template <>
struct TruthOf<double> {
  using Type = long double;
};
template <class T>
using Truth = typename TruthOf<T>::Type;

template <class T>
constexpr T kSmallest = std::numeric_limits<T>::min();

// The distance between neighbours of T at `value`.
template <class T>
Truth<T> spacing(Truth<T> value) {
  using std::ilogb, std::ldexp;
  const int exponent = value == 0 ? -100000 : ilogb(value), least = std::numeric_limits<T>::min_exponent - 1;
  return ldexp(Truth<T>(1), (exponent < least ? least : exponent) - (std::numeric_limits<T>::digits - 1));
}

// The largest errors that are allowed.
constexpr double kTanhUlp = 4, kSigmoidUlp = 4, kSigmoidEps = 2;

struct Worst {
  double error = 0, at = 0;

  void see(double now, double where) {
    if (!(now <= error)) {  // NaN too
      error = now;
      at = where;
    }
  }
};

int failures = 0;

template <class T>
class Check {
 public:
  explicit Check(const char* name) : name_(name) {}

  void see(T x) {
    batch_[count_++] = x;
    if (count_ == kLanes<T>) flush();
  }

  void flush() {
    const Vector<T> x = load(batch_), tanhs = TIDEGATE_ISA::tanh<T>(x), sigmoids = TIDEGATE_ISA::sigmoid<T>(x);
    for (int lane = 0; lane < count_; ++lane) compare(batch_[lane], tanhs[lane], sigmoids[lane]);
    count_ = 0;
  }

  void print() {
    flush();
    const auto line = [&](const char* function, const char* unit, const Worst& worst, double bar) {
      std::printf("%s %s %s %.3f at %.9g, bar %g\n", name_, function, unit, worst.error, worst.at, bar);
      failures += !(worst.error <= bar);
    };
    line("tanh", "ulp", tanh_, kTanhUlp);
    line("sigmoid", "ulp", sigmoid_, kSigmoidUlp);
    line("sigmoid", "eps", relative_, kSigmoidEps);
  }

 private:
  void compare(T x, T tanh_got, T sigmoid_got) {
    if (std::isnan(x)) {
      if (!std::isnan(tanh_got) || !std::isnan(sigmoid_got)) fail(x, tanh_got, sigmoid_got);
      return;
    }
    if (std::isinf(x) || std::fabs(x) < kSmallest<T>) {
      const T sign = x < 0 ? T(-1) : T(1);
      if (tanh_got != (std::isinf(x) ? sign : T(0)) || sigmoid_got != (std::isinf(x) ? (1 + sign) / 2 : T(0.5))) fail(x, tanh_got, sigmoid_got);
      return;
    }
    const Truth<T> one = 1, true_x = x, true_tanh = std::tanh(true_x), true_sigmoid = one / (one + std::exp(-true_x));
    tanh_.see(static_cast<double>(std::fabs(tanh_got - true_tanh) / spacing<T>(true_tanh)), static_cast<double>(x));
    // Where the truth is no ordinary number, zero is right and so is anything up to the smallest of them; so it is a hair above, since the guess
    // that the reciprocal begins with may be denormal there.
    if (true_sigmoid < kSmallest<T> * T(1.001)) {
      if (!(sigmoid_got >= 0 && sigmoid_got <= kSmallest<T> * T(1.001))) fail(x, tanh_got, sigmoid_got);
      return;
    }
    const Truth<T> error = std::fabs(sigmoid_got - true_sigmoid);
    sigmoid_.see(static_cast<double>(error / spacing<T>(true_sigmoid)), static_cast<double>(x));
    relative_.see(static_cast<double>(error / true_sigmoid / std::numeric_limits<T>::epsilon()), static_cast<double>(x));
  }

  void fail(T x, T tanh_got, T sigmoid_got) {
    if (++failures <= 20)
      std::printf("%s wrong at %.9g: tanh %.9g, sigmoid %.9g\n", name_, static_cast<double>(x), static_cast<double>(tanh_got), static_cast<double>(sigmoid_got));
  }

  const char* name_;
  alignas(kAlignment) T batch_[kLanes<T>]{};
  int count_ = 0;
  Worst tanh_, sigmoid_, relative_;
};

}  // namespace

int main(int count, char** arguments) {
  const unsigned long long stride = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  if (stride == 0) {
    std::fprintf(stderr, "STRIDE is '%s'; expected a whole number from 1 on\n", arguments[1]);
    return 2;
  }
  if (!runs_here()) {
    std::printf("skipped: this processor lacks the instruction set\n");
    return 77;
  }
  flush_denormals();

  Check<float> floats("float32");
  for (unsigned long long bits = 0; bits < (1ull << 32); bits += stride) floats.see(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  for (const float x : {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN, 1e-40f, -1e-40f, 3e38f, -3e38f}) floats.see(x);
  floats.print();

  // Doubles: evenly over the range where something happens, evenly over all bits, and every power of two with its neighbours.
  Check<double> doubles("float64");
  const unsigned long long samples = (1ull << 26) / stride + 20000;
  unsigned long long state = 0;
  const auto draw = [&] {  // splitmix64
    unsigned long long z = state += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  };
  for (unsigned long long i = 0; i < samples; ++i) {
    const double unit = static_cast<double>(draw() >> 11) * 0x1p-53;
    doubles.see(-1 + 2 * unit);
    doubles.see(-25 + 50 * unit);
    doubles.see(-750 + 1500 * unit);
    doubles.see(std::bit_cast<double>(draw()));
  }
  for (int exponent = -1022; exponent <= 1023; ++exponent)
    for (const double sign : {-1.0, 1.0})
      for (const double near : {1.0, 1 + 0x1p-52, 1 - 0x1p-53}) doubles.see(sign * near * std::ldexp(1.0, exponent));
  for (const double x : {0.0, -0.0, double(INFINITY), -double(INFINITY), double(NAN), -double(NAN), 1e-310, -1e-310, 1e308, -1e308}) doubles.see(x);
  doubles.print();
  if (failures > 0) std::printf("%d wrong\n", failures);
  return failures > 0;
}
