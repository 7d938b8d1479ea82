// CTC's sums over all alignments of a transcript: the loss and its gradient by the logits.
//
// Graves et al. 2006, equations 6 to 16, on the lattice of L labels and L + 1 blanks, before, between and after them; blanks and labels stand apart,
// so that neighbours in the transcript are neighbours in a vector. Probabilities of thousands of steps span thousands of powers of two, and a path
// that seemed lost may be the only one in the end: each is a mantissa and, in an integer beside it, an exponent. That costs less than logarithms,
// and rounds as ordinary numbers do.
#pragma once

#include "activations.h"
#include "lanes.h"

namespace tidegate::TIDEGATE_ISA {

// mantissa · 2^exponent, lane by lane.
template <class T>
struct Extended {
  Vector<T> mantissa;
  Bits<T> exponent;
};

// Exponents of what cannot be: of a label whose logit is −∞, where a path counts as none, and the least there is. Exponents of a row are taken down
// to 0 every kStepsTogether steps. A step takes kMostNats off at most, so that between, none of these is met by a path that can be.
inline constexpr int kImpossible = -(1 << 28), kNone = -(1 << 27), kLeast = -(1 << 29), kStepsTogether = 32;
inline constexpr int kMostNats = 1 << 20;

template <class T>
TIDEGATE_INLINE Bits<T> greater_bits(Bits<T> a, Bits<T> b) {
  return a > b ? a : b;
}

template <class T>
TIDEGATE_INLINE Bits<T> all_lanes(Whole<T> value) {
  return Bits<T>{} + value;
}

template <class T>
TIDEGATE_INLINE Extended<T> none() {
  return {broadcast(T(1)), all_lanes<T>(kLeast)};
}

template <class T>
TIDEGATE_INLINE Extended<T> load_extended(const T* from) {
  return {load(from), as_bits<T>(load(from + kLanes<T>))};
}

template <class T>
TIDEGATE_INLINE void store_extended(T* to, Extended<T> x) {
  store(to, x.mantissa);
  store(to + kLanes<T>, as_values<T>(x.exponent));
}

// mantissa · 2^by, from 2^−100 up; of what is lost beside 1 something as small.
template <class T>
TIDEGATE_INLINE Vector<T> lowered(Vector<T> mantissa, Bits<T> by) {
  return as_values<T>(as_bits<T>(mantissa) + (greater_bits<T>(by, all_lanes<T>(-100)) << Exponential<T>::kMantissa));
}

template <class T>
TIDEGATE_INLINE Extended<T> sum_of(Extended<T> a, Extended<T> b) {
  const Bits<T> most = greater_bits<T>(a.exponent, b.exponent);
  return {lowered<T>(a.mantissa, a.exponent - most) + lowered<T>(b.mantissa, b.exponent - most), most};
}

template <class T>
TIDEGATE_INLINE Extended<T> sum_of(Extended<T> a, Extended<T> b, Extended<T> c) {
  const Bits<T> most = greater_bits<T>(greater_bits<T>(a.exponent, b.exponent), c.exponent);
  return {lowered<T>(a.mantissa, a.exponent - most) + lowered<T>(b.mantissa, b.exponent - most) + lowered<T>(c.mantissa, c.exponent - most), most};
}

// e^x for x ≤ 0, the bias of T's own exponents taken off, as `times` wants it.
template <class T>
TIDEGATE_INLINE Extended<T> emission_of(Vector<T> x) {
  using E = Exponential<T>;
  const Vector<T> held = x > T(-kMostNats) ? x : broadcast(T(-kMostNats));
  const Vector<T> shifted = held * E::kLog2e + E::kRound, k = shifted - E::kRound;
  const Bits<T> exponent = as_bits<T>(shifted) - as_bits<T>(broadcast(E::kRound)) - E::kBias;
  return {polynomial<T>((held - k * E::kLn2High) - k * E::kLn2Low, E::kPower), x - x == T(0) ? exponent : all_lanes<T>(kImpossible)};
}

// x · emission, its mantissa from 1 to 2.
template <class T>
TIDEGATE_INLINE Extended<T> times(Extended<T> x, Extended<T> emission) {
  constexpr int shift = Exponential<T>::kMantissa;
  constexpr Whole<T> fraction = (Whole<T>(1) << shift) - 1, one = Whole<T>(Exponential<T>::kBias) << shift;
  const Bits<T> bits = as_bits<T>(x.mantissa * emission.mantissa);
  return {as_values<T>((bits & fraction) | one), greater_bits<T>(x.exponent + emission.exponent + (bits >> shift), all_lanes<T>(kLeast))};
}

// The lanes one place up, the last one of `before` in the first place.
template <class T, int... Lane>
TIDEGATE_INLINE Vector<T> moved_up(Vector<T> before, Vector<T> v, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(before, v, (kLanes<T> - 1 + Lane)...);
}

template <class T>
TIDEGATE_INLINE Extended<T> moved_up(Extended<T> before, Extended<T> x) {
  constexpr std::make_integer_sequence<int, kLanes<T>> lanes;
  return {moved_up<T>(before.mantissa, x.mantissa, lanes), as_bits<T>(moved_up<T>(as_values<T>(before.exponent), as_values<T>(x.exponent), lanes))};
}

// One place down, the first one of `after` in the last place.
template <class T, int... Lane>
TIDEGATE_INLINE Vector<T> moved_down(Vector<T> v, Vector<T> after, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(v, after, (1 + Lane)...);
}

template <class T>
TIDEGATE_INLINE Extended<T> moved_down(Extended<T> x, Extended<T> after) {
  constexpr std::make_integer_sequence<int, kLanes<T>> lanes;
  return {moved_down<T>(x.mantissa, after.mantissa, lanes), as_bits<T>(moved_down<T>(as_values<T>(x.exponent), as_values<T>(after.exponent), lanes))};
}

// One sequence's lattice and the memory it is computed in. Place i holds label i and the blank before it; the place L has its blank alone. A block
// of places is a vector's: in a row [blanks' mantissas, exponents, labels' mantissas, exponents]. After t steps the places up to t are
// reached, and those from L − T + t on can still end in time: only their blocks are computed, and what others hold is never read.
template <class T>
struct Lattice {
  static constexpr Index L = kLanes<T>, kRow = 4 * L, kEmission = 2 * L;

  Index steps, length, blocks;
  bool keeps;
  T *skips, *occupancies, *beta, *alpha, *emissions;

  static Index blocks_of(Index length) { return length / L + 1; }
  static Index size(Index steps, Index length, bool keeps) {
    const Index blocks = blocks_of(length);
    return (blocks + 1) * L + blocks * L + blocks * kRow + (keeps ? steps + 1 : 1) * blocks * kRow + (keeps ? steps : kStepsTogether) * (blocks + 1) * kEmission;
  }

  Lattice(T* memory, Index steps, Index length, bool keeps)
      : steps(steps),
        length(length),
        blocks(blocks_of(length)),
        keeps(keeps),
        skips(memory),                          // exponents added where label i comes right after label i − 1, [blocks + 1] vectors
        occupancies(skips + (blocks + 1) * L),  // [blocks] vectors
        beta(occupancies + blocks * L),         // a row
        alpha(beta + blocks * kRow),            // T + 1 rows, or one
        emissions(alpha + (keeps ? steps + 1 : 1) * blocks * kRow) {}  // rows of [blocks + 1], the last one the blank's: T, or those of a chunk

  Index first(Index step) const { return (length - steps + step > 0 ? length - steps + step : 0) / L; }
  Index last(Index step) const { return (length < step ? length : step) / L; }
  T* alpha_before(Index step) const { return alpha + (keeps ? step * blocks * kRow : 0); }
  T* alpha_after(Index step) const { return alpha_before(step + 1); }
  T* emission(Index step) const { return emissions + (keeps ? step : step % kStepsTogether) * (blocks + 1) * kEmission; }

  // No path anywhere but at the blank of `place`, whose probability is one.
  void begin(T* row, Index place) const {
    for (Index block = 0; block < blocks; ++block) {
      Extended<T> blanks = none<T>();
      if (block == place / L) blanks.exponent = lane_numbers<T>() == all_lanes<T>(static_cast<Whole<T>>(place % L)) ? Bits<T>{} : blanks.exponent;
      store_extended(row + block * kRow, blanks);
      store_extended(row + block * kRow + 2 * L, none<T>());
    }
  }
};

template <class T>
Whole<T> exponent_at(const T* from) {
  Whole<T> exponent;
  __builtin_memcpy(&exponent, from, sizeof exponent);
  return exponent;
}

// Takes the greatest exponent of a row off all of them and gives it; below kNone they become the least there is.
template <class T>
Index take_down(T* row, Index first, Index last) {
  constexpr Index L = kLanes<T>;
  Bits<T> most = all_lanes<T>(kLeast);
  for (T* at = row + first * 4 * L; at < row + (last + 1) * 4 * L; at += 2 * L) most = greater_bits<T>(most, as_bits<T>(load(at + L)));
  Whole<T> greatest = kLeast;
  for (int lane = 0; lane < kLanes<T>; ++lane) greatest = most[lane] > greatest ? most[lane] : greatest;
  if (greatest <= kNone) return 0;
  for (T* at = row + first * 4 * L; at < row + (last + 1) * 4 * L; at += 2 * L) {
    const Bits<T> exponent = as_bits<T>(load(at + L)) - greatest;
    store(at + L, as_values<T>(exponent > all_lanes<T>(kNone) ? exponent : all_lanes<T>(kLeast)));
  }
  return greatest;
}

// The greatest of some logits, and Σ_k e^(logits[k] − greatest).
template <class T>
struct Softmax {
  T greatest, sum;
};

// The probabilities to `to`, unless null.
template <class T>
Softmax<T> softmax(const T* logits, Index count, T* to) {
  constexpr Index L = kLanes<T>;
  if (count <= L) {
    const Vector<T> row = load_some(logits, count);
    const T most = greatest_lane<T>(lane_numbers<T>() < all_lanes<T>(static_cast<Whole<T>>(count)) ? row : broadcast(logits[0]));
    const Vector<T> powers = keep_some<T>(exponential<T>(row - most), count);
    const T sum = sum_of_lanes<T>(powers);
    if (to) store_some(to, powers * (1 / sum), count);
    return {most, sum};
  }
  const T most = greatest(logits, count);
  Vector<T> sums[2]{};
  Index k = 0;
  for (; k + 2 * L <= count; k += 2 * L) {
    TIDEGATE_UNROLL
    for (Index i = 0; i < 2; ++i) {
      const Vector<T> powers = exponential<T>(load(logits + k + i * L) - most);
      if (to) store(to + k + i * L, powers);
      sums[i] += powers;
    }
  }
  for (; k < count; k += L) {
    const Vector<T> powers = keep_some<T>(exponential<T>(load_some(logits + k, count - k) - most), count - k);
    if (to) store_some(to + k, powers, count - k);
    sums[0] += powers;
  }
  const T sum = sum_of_lanes<T>(sums[0] + sums[1]), share = 1 / sum;
  if (!to) return {most, sum};
  for (k = 0; k + L <= count; k += L) store(to + k, load(to + k) * share);
  for (; k < count; ++k) to[k] *= share;
  return {most, sum};
}

// The logits of the transcript's labels and of the blank at one step, where their emissions will stand.
template <class T>
void gather_logits(const Lattice<T>& of, const T* logits, const Index* targets, Index blank, T* to) {
  constexpr Index L = kLanes<T>;
  store(to + (of.blocks - 1) * 2 * L, broadcast(-static_cast<T>(__builtin_inf())));
  for (Index block = 0; block < of.blocks; ++block, targets += L) {
    const Index count = of.length - block * L < L ? of.length - block * L : L;
    for (Index i = 0; i < count; ++i) to[block * 2 * L + i] = logits[targets[i]];
  }
  store(to + of.blocks * 2 * L, broadcast(logits[blank]));
}

// What each emits, over the most probable label.
template <class T>
void emit(const Lattice<T>& of, T most, T* row) {
  constexpr Index L = kLanes<T>;
  for (Index block = 0; block <= of.blocks; ++block) store_extended(row + block * 2 * L, emission_of<T>(load(row + block * 2 * L) - most));
}

// alpha after a step from alpha before it.
template <class T>
void step_forward(const Lattice<T>& of, Index step, const T* before, T* after, const T* emission) {
  constexpr Index L = kLanes<T>, R = Lattice<T>::kRow;
  const Index first = of.first(step), last = of.last(step);
  const Extended<T> blank = load_extended(emission + of.blocks * 2 * L);
  Extended<T> carried = first > of.first(step - 1) ? load_extended(before + (first - 1) * R + 2 * L) : none<T>();
  for (Index block = first; block <= last; ++block) {
    const Extended<T> blanks = load_extended(before + block * R), labels = load_extended(before + block * R + 2 * L);
    Extended<T> passed = moved_up<T>(carried, labels);
    carried = labels;
    store_extended(after + block * R, times<T>(sum_of<T>(blanks, passed), blank));
    passed.exponent += as_bits<T>(load(of.skips + block * L));
    store_extended(after + block * R + 2 * L, times<T>(sum_of<T>(labels, blanks, passed), load_extended(emission + block * 2 * L)));
  }
}

// The forward pass over one sequence. With `gradient` its rows become the softmax of the logits. `loss` becomes −log p, `whole` the
// exponent of the sum of all paths. Gives false where a logit is no number, or +∞.
template <class T>
bool forward_alignments(const CtcLoss<T>& job, const Lattice<T>& of, double& loss, Index& whole) {
  constexpr Index L = kLanes<T>, R = Lattice<T>::kRow;
  const Ctc<T>& ctc = job.ctc;
  const Index K = ctc.labels, begin = ctc.offsets[job.sequence], *const targets = ctc.targets + ctc.target_offsets[job.sequence];
  of.begin(of.alpha, 0);
  Index shift = 0;
  job.shifts[0] = 0;
  double log_scale = 0, scale = 1;
  for (Index chunk = 0; chunk < of.steps; chunk += kStepsTogether) {
    // What no step needs of the one before it, apart from what it does: the processor then takes several at a time.
    const Index until = chunk + kStepsTogether < of.steps ? chunk + kStepsTogether : of.steps;
    T most[kStepsTogether];
    for (Index t = chunk; t < until; ++t) {
      const Softmax<T> row = softmax(ctc.logits + (begin + t) * K, K, job.gradient ? job.gradient + (begin + t) * K : nullptr);
      if (!(row.greatest - row.greatest == 0)) return false;
      most[t - chunk] = row.greatest;
      scale *= static_cast<double>(row.sum);
      if (scale > 1e200) {
        log_scale += __builtin_log(scale);
        scale = 1;
      }
    }
    for (Index t = chunk; t < until; ++t) gather_logits(of, ctc.logits + (begin + t) * K, targets, ctc.blank, of.emission(t));
    for (Index t = chunk; t < until; ++t) emit(of, most[t - chunk], of.emission(t));
    for (Index t = chunk; t < until; ++t) {
      T* const before = of.alpha_before(t);
      if (const Index last = of.last(t); last > of.last(t - 1)) {
        store_extended(before + last * R, none<T>());
        store_extended(before + last * R + 2 * L, none<T>());
      }
      step_forward(of, t, before, of.alpha_after(t), of.emission(t));
    }
    if (until % kStepsTogether == 0) {
      shift += take_down(of.alpha_before(until), of.first(until - 1), of.last(until - 1));
      job.shifts[until / kStepsTogether] = shift;
    }
  }
  const T* const end = of.alpha_before(of.steps);
  const auto value_at = [&](const T* at, double& mantissa) {
    mantissa = static_cast<double>(*at);
    return static_cast<Index>(exponent_at(at + L));
  };
  double blank = 0, label = 0;
  Index blank_exponent = kLeast, label_exponent = kLeast;
  if (of.length < of.steps) blank_exponent = value_at(end + of.length / L * R + of.length % L, blank);  // else no step is left for it
  if (of.length > 0) label_exponent = value_at(end + (of.length - 1) / L * R + 2 * L + (of.length - 1) % L, label);
  const Index exponent = blank_exponent > label_exponent ? blank_exponent : label_exponent;
  if (exponent <= kNone) {
    loss = __builtin_inf();
    return true;
  }
  const double sum = __builtin_ldexp(blank, static_cast<int>(blank_exponent - exponent)) + __builtin_ldexp(label, static_cast<int>(label_exponent - exponent));
  whole = exponent + shift;
  loss = log_scale + __builtin_log(scale) - __builtin_log(sum) - static_cast<double>(whole) * Exponential<double>::kLn2;
  if (loss < 0) loss = 0;  // by rounding
  return true;
}

// Takes from the softmax what each label is expected to be said at each step. `whole`: the exponent of the sum of all paths.
template <class T>
void backward_alignments(const CtcLoss<T>& job, const Lattice<T>& of, Index whole) {
  constexpr Index L = kLanes<T>, R = Lattice<T>::kRow;
  const Ctc<T>& ctc = job.ctc;
  const Index K = ctc.labels, begin = ctc.offsets[job.sequence], *const targets = ctc.targets + ctc.target_offsets[job.sequence];
  of.begin(of.beta, of.length);
  Index shift = 0;
  for (Index t = of.steps; t-- > 0;) {
    const Index first = of.first(t), last = of.last(t), away = job.shifts[(t + 1) / kStepsTogether] + shift - whole, most_away = Index(1) << 30;
    const Whole<T> by = static_cast<Whole<T>>(away > most_away ? most_away : away < -most_away ? -most_away : away);
    const T *const alpha = of.alpha_after(t), *const emission = of.emission(t);
    const Extended<T> blank = load_extended(emission + of.blocks * 2 * L);
    Extended<T> carried_blanks = none<T>(), carried_labels = none<T>();
    if (of.last(t + 1) > last) {
      carried_blanks = load_extended(of.beta + (last + 1) * R);
      carried_labels = load_extended(of.beta + (last + 1) * R + 2 * L);
    }
    Vector<T> blank_shares{}, label_shares{};
    // The share of all paths that come through here, but for a factor that is the same for all places of a step; 0 from 2^−100 down.
    const auto share_of = [&](Extended<T> a, Extended<T> b) {
      const Bits<T> exponent = a.exponent + b.exponent + by;
      return as_values<T>(as_bits<T>(lowered<T>(a.mantissa * b.mantissa, exponent)) & (exponent > all_lanes<T>(-100)));
    };
    for (Index block = last; block >= first; --block) {
      T* const row = of.beta + block * R;
      const Extended<T> blanks = load_extended(row), labels = load_extended(row + 2 * L);
      const Extended<T> next_blanks = moved_down<T>(blanks, carried_blanks);
      Extended<T> next_labels = moved_down<T>(labels, carried_labels);
      carried_blanks = blanks;
      carried_labels = labels;
      next_labels.exponent += as_bits<T>(load(of.skips + block * L + 1));
      const Extended<T> from_blanks = sum_of<T>(blanks, labels), from_labels = sum_of<T>(labels, next_blanks, next_labels);
      const Vector<T> shares = share_of(load_extended(alpha + block * R + 2 * L), from_labels);
      blank_shares += share_of(load_extended(alpha + block * R), from_blanks);
      label_shares += shares;
      store(of.occupancies + block * L, shares);
      store_extended(row, times<T>(from_blanks, blank));
      store_extended(row + 2 * L, times<T>(from_labels, load_extended(emission + block * 2 * L)));
    }
    const T blank_share = sum_of_lanes<T>(blank_shares), all = blank_share + sum_of_lanes<T>(label_shares), scale = all > 0 ? 1 / all : 0;
    T* const gradient = job.gradient + (begin + t) * K;
    gradient[ctc.blank] -= blank_share * scale;
    for (Index block = first; block <= last; ++block) {
      if (!is_any_set<T>(as_bits<T>(load(of.occupancies + block * L)))) continue;
      const Index end = of.length < (block + 1) * L ? of.length : (block + 1) * L;
      for (Index i = block * L; i < end; ++i) gradient[targets[i]] -= of.occupancies[i] * scale;
    }
    if ((of.steps - t) % kStepsTogether == 0) shift += take_down(of.beta, first, last);
  }
}

template <class T>
Index ctc_scratch(Index steps, Index length, bool needs_gradient) {
  return Lattice<T>::size(steps, length, needs_gradient);
}

inline Index ctc_shifts(Index steps) { return steps / kStepsTogether + 1; }

template <class T>
void ctc_loss(const CtcLoss<T>& job) {
  constexpr Index L = kLanes<T>;
  const Ctc<T>& ctc = job.ctc;
  const Index b = job.sequence, K = ctc.labels, steps = ctc.steps(b), length = ctc.length(b), *const targets = ctc.targets + ctc.target_offsets[b];
  const auto fill = [&](T value) {
    if (job.gradient)
      for (T *at = job.gradient + ctc.offsets[b] * K, *const end = at + steps * K; at < end; ++at) *at = value;
  };
  Index least = length;  // of steps: equal neighbours have a blank between
  for (Index i = 1; i < length; ++i) least += targets[i] == targets[i - 1];
  if (steps < least) {
    job.losses[b] = __builtin_inf();
    return fill(0);
  }
  if (steps == 0) {
    job.losses[b] = 0;
    return;
  }
  const Lattice<T> of(job.scratch, steps, length, job.gradient != nullptr);
  for (Index i = 0; i < (of.blocks + 1) * L; ++i) {
    const Whole<T> exponent = i > 0 && i < length && targets[i] != targets[i - 1] ? 0 : kImpossible;
    __builtin_memcpy(of.skips + i, &exponent, sizeof exponent);
  }
  double loss = 0;
  Index whole = 0;
  if (!forward_alignments(job, of, loss, whole)) {
    job.losses[b] = __builtin_nan("");
    return fill(static_cast<T>(__builtin_nan("")));
  }
  job.losses[b] = loss;
  if (!(loss < __builtin_inf())) return fill(0);
  if (job.gradient) backward_alignments(job, of, whole);
}

}  // namespace tidegate::TIDEGATE_ISA
