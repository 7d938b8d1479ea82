// What every check of the driver uses: arrays as a caller would give them, random draws, and the list of what was found wrong.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "guarded.h"
#include "scalars.h"
#include "sizes.h"

namespace findings {

using namespace tidegate;
using truth::Scalar, truth::Scalars, truth::record;

using Random = std::mt19937_64;

// Largest error of an array, relative to the array's largest entry (or to `most`, where that is more).
template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 1e-5 : 1e-12;

inline Index draw(Random& random, Index first, Index last) { return std::uniform_int_distribution<Index>(first, last)(random); }

inline Index draw_of(Random& random, std::initializer_list<Index> choices) { return choices.begin()[draw(random, 0, static_cast<Index>(choices.size()) - 1)]; }

// An array as a caller would give it: aligned as its values and no better. Full of NaN until it is filled.
template <class T>
class Array {
 public:
  explicit Array(Index count = 0) : count_(static_cast<std::size_t>(count)), data_(static_cast<T*>(guarded::allocate(bytes(), sizeof(T)))) {}
  Array(Index count, Random& random, double scale) : Array(count) {
    std::normal_distribution<double> normal(0, scale);
    for (T& value : *this) value = static_cast<T>(normal(random));
  }
  Array(Array&& other) noexcept : count_(std::exchange(other.count_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(count_, other.count_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Array() {
    if (data_) guarded::release(data_, bytes(), sizeof(T));
  }

  T* data() const { return data_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + count_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  T& operator[](std::size_t i) const { return data_[i]; }
  Scalars scalars() const { return Scalars(begin(), end()); }

 private:
  std::size_t count_;
  T* data_;
};

inline int cases = 0, failures = 0;
inline std::string now;  // the case that runs

inline void report(const std::string& what) {
  if (++failures <= 20) std::fprintf(stderr, "%s: %s\n", now.c_str(), what.c_str());
}

template <class T>
void expect_close(const char* what, const Array<T>& got, const std::vector<double>& wanted, double tolerance = kTolerance<T>, double most = 0) {
  if (got.size() != wanted.size()) return report(std::string(what) + " has another size than the truth");
  for (const double value : wanted) most = std::max(most, std::fabs(value));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (!(std::fabs(static_cast<double>(got[i]) - wanted[i]) <= tolerance * most))
      return report(std::string(what) + "[" + std::to_string(i) + "] is " + std::to_string(static_cast<double>(got[i])) + ", expected " + std::to_string(wanted[i]));
}

template <class T>
void expect_same(const char* what, const Array<T>& got, const Array<T>& wanted) {
  if (got.size() != wanted.size() || (got.size() && std::memcmp(got.data(), wanted.data(), got.bytes()) != 0)) report(std::string(what) + " has other bits");
}

inline std::vector<double> values_of(const Scalars& scalars) {
  std::vector<double> values;
  for (const Scalar& scalar : scalars) values.push_back(scalar.value());
  return values;
}

inline std::vector<double> gradients_of(const Scalars& scalars) {
  std::vector<double> values;
  for (const Scalar& scalar : scalars) values.push_back(scalar.gradient());
  return values;
}

template <class T>
void add_gradients(const Scalars& to, const Array<T>& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i].gradient() += static_cast<double>(from[i]);
}

inline Array<Index> offsets_of(const std::vector<Index>& lengths) {
  Array<Index> offsets(static_cast<Index>(lengths.size()) + 1);
  offsets[0] = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) offsets[b + 1] = offsets[b] + lengths[b];
  return offsets;
}

}  // namespace findings
