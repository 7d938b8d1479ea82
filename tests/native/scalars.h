// Scalars in double precision that remember how they were made: what the engine's values and gradients are held against. Slow and plain.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace truth {

// Every scalar made since the last clear(), with its slopes by at most three others.
struct Record {
  struct Made {
    std::int32_t from[3];
    double slope[3];
  };
  std::vector<double> values, gradients;
  std::vector<Made> made;

  void clear() {
    values.clear();
    gradients.clear();
    made.clear();
  }

  std::int32_t add(double value, const Made& how) {
    values.push_back(value);
    made.push_back(how);
    return static_cast<std::int32_t>(values.size() - 1);
  }

  // Fills `gradients`, to which the caller has written what comes from above, down to the first scalar.
  void backward() {
    for (std::size_t i = values.size(); i-- > 0;) {
      const double gradient = gradients[i];
      if (gradient == 0) continue;
      for (int j = 0; j < 3; ++j)
        if (made[i].from[j] >= 0) gradients[static_cast<std::size_t>(made[i].from[j])] += gradient * made[i].slope[j];
    }
  }
};

inline Record record;

struct Scalar {
  std::int32_t at;

  Scalar(double value = 0) : at(record.add(value, {{-1, -1, -1}, {}})) {}
  static Scalar made(double value, const Record::Made& how) { return Scalar(record.add(value, how), 0); }
  double value() const { return record.values[static_cast<std::size_t>(at)]; }
  double& gradient() const { return record.gradients[static_cast<std::size_t>(at)]; }

 private:
  Scalar(std::int32_t place, int) : at(place) {}
};

using Scalars = std::vector<Scalar>;

inline Scalar operator+(Scalar a, Scalar b) { return Scalar::made(a.value() + b.value(), {{a.at, b.at, -1}, {1, 1, 0}}); }
inline Scalar operator-(Scalar a, Scalar b) { return Scalar::made(a.value() - b.value(), {{a.at, b.at, -1}, {1, -1, 0}}); }
inline Scalar operator*(Scalar a, Scalar b) { return Scalar::made(a.value() * b.value(), {{a.at, b.at, -1}, {b.value(), a.value(), 0}}); }
inline Scalar plus_product(Scalar sum, Scalar a, Scalar b) {
  return Scalar::made(sum.value() + a.value() * b.value(), {{sum.at, a.at, b.at}, {1, b.value(), a.value()}});
}

inline Scalar operator/(Scalar a, Scalar b) { return Scalar::made(a.value() / b.value(), {{a.at, b.at, -1}, {1 / b.value(), -a.value() / (b.value() * b.value()), 0}}); }

inline Scalar of_one(Scalar a, double value, double slope) { return Scalar::made(value, {{a.at, -1, -1}, {slope, 0, 0}}); }
inline Scalar exp(Scalar a) { return of_one(a, std::exp(a.value()), std::exp(a.value())); }
inline Scalar log(Scalar a) { return of_one(a, std::log(a.value()), 1 / a.value()); }
inline Scalar inverse_root(Scalar a) { return of_one(a, 1 / std::sqrt(a.value()), -0.5 / (a.value() * std::sqrt(a.value()))); }
inline Scalar relu(Scalar a) { return of_one(a, a.value() > 0 ? a.value() : 0, a.value() > 0); }
inline Scalar tanh(Scalar a) {
  const double y = std::tanh(a.value());
  return of_one(a, y, 1 - y * y);
}
inline Scalar sigmoid(Scalar a) {
  const double y = 1 / (1 + std::exp(-a.value()));
  return of_one(a, y, y * (1 - y));
}

inline Scalar log_sum(const Scalars& terms) {
  double most = terms[0].value();
  for (const Scalar& term : terms) most = term.value() > most ? term.value() : most;
  Scalar total = 0;
  for (const Scalar& term : terms) total = total + exp(term - most);
  return log(total) + most;
}

}  // namespace truth
