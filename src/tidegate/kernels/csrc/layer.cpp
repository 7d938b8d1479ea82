#include "layer.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "barrier.h"
#include "threads.h"

namespace tidegate {
namespace {

// Work below which a second thread costs more than it brings, in floating-point operations: for one call, and for one step where the
// threads must meet at its end.
constexpr double kWorthACall = 400e3, kWorthAStep = 150e3;
// Rows of a step for each thread from which the weights are read once for enough of them, and weights small enough to be read anyway.
constexpr double kRowsEach = 6;
constexpr Index kSmallWeights = Index{1} << 20;
// Rows of dx that are computed at a time.
constexpr Index kInputRows = 240;

// How a pass over time is divided: into `parts` of each direction, by sequences or by units.
struct Plan {
  int threads = 1;
  int parts = 1;
  bool by_units = false;
};

Plan plan_for(const Shape& shape, const Layout& layout, Index directions, int threads, std::size_t value_size) {
  const double rows = static_cast<double>(layout.rows), gates = 2.0 * static_cast<double>(shape.gates * shape.hidden);
  const double work = rows * gates * static_cast<double>((shape.input + shape.hidden) * directions);
  Plan plan;
  if (threads <= 1 || layout.rows == 0 || work < kWorthACall) return plan;
  plan.threads = threads;
  const int each = std::max(1, threads / static_cast<int>(directions));
  const double running = rows / static_cast<double>(layout.steps), step = running * gates * static_cast<double>(shape.hidden);
  const Index weights = shape.gates * shape.hidden * shape.hidden * static_cast<Index>(value_size);
  if (each > 1) {
    const bool few_rows = running < each * kRowsEach && weights > kSmallWeights;
    if (step >= kWorthAStep && (few_rows || layout.sequences < each)) {
      plan.by_units = true;
      plan.parts = static_cast<int>(std::min<Index>(each, shape.blocks()));
    } else {
      plan.parts = static_cast<int>(std::min<Index>(each, layout.sequences));
    }
  }
  plan.threads = std::min(threads, plan.parts * static_cast<int>(directions));
  return plan;
}

// Calls run(direction, part's own number, sequences' first and stride, member, members, barrier) for every part, on the plan's threads.
template <class Run>
void run_parts(const Plan& plan, Index directions, const Run& run) {
  Barrier barriers[2] = {Barrier(plan.parts), Barrier(plan.parts)};
  const int parts = static_cast<int>(directions) * plan.parts;
  parallel(plan.threads, [&](int thread, int threads) {
    if (plan.by_units && threads == parts) {
      const Index direction = thread / plan.parts;
      return run(direction, thread, Index(0), Index(1), thread % plan.parts, plan.parts, &barriers[direction]);
    }
    if (plan.by_units) {  // fewer threads than members: no one to meet
      for (Index direction = thread; direction < directions; direction += threads)
        run(direction, static_cast<int>(direction) * plan.parts, Index(0), Index(1), 0, 1, static_cast<Barrier*>(nullptr));
      return;
    }
    for (int part = thread; part < parts; part += threads)
      run(part / plan.parts, part, Index(part % plan.parts), Index(plan.parts), 0, 1, static_cast<Barrier*>(nullptr));
  });
}

// Fills `indices` with the layout of a batch.
Layout lay_out(const Index* offsets, Index sequences, Buffer<Index>& indices) {
  Layout layout;
  layout.sequences = sequences;
  layout.rows = sequences ? offsets[sequences] : 0;
  for (Index b = 0; b < sequences; ++b) layout.steps = std::max(layout.steps, offsets[b + 1] - offsets[b]);
  indices = Buffer<Index>(static_cast<std::size_t>(3 * sequences + 1 + layout.steps + 1));
  Index* const own = indices.data();
  Index* const order = own + sequences + 1;
  Index* const places = order + sequences;
  Index* const begin = places + sequences;
  std::copy_n(offsets, sequences + 1, own);
  std::iota(order, order + sequences, Index(0));
  const auto longer = [&](Index a, Index b) { return offsets[a + 1] - offsets[a] > offsets[b + 1] - offsets[b]; };
  if (!std::is_sorted(order, order + sequences, longer)) std::stable_sort(order, order + sequences, longer);
  for (Index place = 0; place < sequences; ++place) places[order[place]] = place;
  begin[0] = 0;
  Index active = sequences;
  for (Index t = 0; t < layout.steps; ++t) {
    while (active > 0 && offsets[order[active - 1] + 1] - offsets[order[active - 1]] <= t) --active;
    begin[t + 1] = begin[t] + active;
  }
  layout.offsets = own;
  layout.order = order;
  layout.places = places;
  layout.begin = begin;
  return layout;
}

// States [B, H] by sequence (or zeros) to [B, padded] by place, and back.
template <class T>
void to_places(const Shape& shape, const Layout& layout, const T* from, T* to) {
  for (Index place = 0; place < layout.sequences; ++place, to += shape.padded) {
    if (!from) {
      std::fill_n(to, shape.padded, T(0));
    } else {
      std::copy_n(from + layout.order[place] * shape.hidden, shape.hidden, to);
      std::fill(to + shape.hidden, to + shape.padded, T(0));
    }
  }
}

template <class T>
void from_places(const Shape& shape, const Layout& layout, const T* from, T* to) {
  for (Index place = 0; place < layout.sequences; ++place) std::copy_n(from + place * shape.padded, shape.hidden, to + layout.order[place] * shape.hidden);
}

template <class T>
const T* offset_or_null(const T* from, Index by) {
  return from ? from + by : nullptr;
}

}  // namespace

Index gates_of(Cell cell) {
  switch (cell) {
    case Cell::lstm: return 4;
    case Cell::gru:
    case Cell::gru_reset_after: return 3;
    default: return 1;
  }
}

template <class T>
std::size_t Tape<T>::bytes() const {
  std::size_t sum = indices.bytes();
  for (const Kept& kept : directions) sum += kept.gates.bytes() + kept.states.bytes() + kept.cells.bytes() + kept.h0.bytes() + kept.c0.bytes();
  return sum;
}

template <class T>
void Tape<T>::gates(Index direction, T* to) const {
  const Kept& kept = directions[static_cast<std::size_t>(direction)];
  const Index H = shape.hidden;
  for (Index t = 0; t < layout.steps; ++t) {
    for (Index place = 0; place < layout.active(t); ++place) {
      const Index at = layout.begin[t] + place;
      T* const row = to + layout.flat(place, t, kept.reverse) * shape.gates * H;
      const T* const from = shape.keeps_gates() ? kept.gates.data() + at * shape.gate_row() : kept.states.data() + at * shape.padded;
      for (Index gate = 0; gate < shape.gates; ++gate)
        for (Index block = 0; block < shape.blocks(); ++block)
          std::copy_n(from + shape.column(gate, block), std::min(shape.lanes, H - block * shape.lanes), row + gate * H + block * shape.lanes);
    }
  }
}

template <class T>
Layer<T>::Layer(Cell cell, Index input, Index hidden, const std::vector<DirectionWeights<T>>& weights, bool reverse, bool trains, int threads)
    : kernels_(instruction_set().kernels<T>()), reverse_(reverse), trains_(trains) {
  shape_ = {cell, input, hidden, kernels_.lanes, round_up(hidden, kernels_.lanes), gates_of(cell)};
  const Index columns = shape_.projected(), own = kernels_.lanes * 8;  // what follows begins on a boundary
  const Index sizes[] = {kernels_.packed_size(input, columns), kernels_.packed_size(hidden, columns), columns, shape_.padded,
                         trains ? kernels_.packed_size(columns, input) : 0, trains ? kernels_.packed_size(columns, hidden) : 0};
  Index whole = 0;
  for (const Index size : sizes) whole += round_up(size, own);
  storage_ = Buffer<T>(static_cast<std::size_t>(whole) * weights.size());
  packed_.resize(weights.size());
  T* at = storage_.data();
  for (PackedWeights<T>& packed : packed_) {
    T** const parts[] = {&packed.input, &packed.recurrent, &packed.bias, &packed.bias_reset, &packed.input_back, &packed.recurrent_back};
    for (std::size_t i = 0; i < 6; ++i) {
      *parts[i] = at;
      at += round_up(sizes[i], own);
    }
  }
  const int useful = columns * (input + hidden) < 20000 ? 1 : std::min(threads, static_cast<int>(weights.size()));
  parallel(useful, [&](int thread, int count) {
    for (std::size_t d = static_cast<std::size_t>(thread); d < weights.size(); d += static_cast<std::size_t>(count)) {
      const DirectionWeights<T>& w = weights[d];
      kernels_.pack(shape_, w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh, trains, packed_[d]);
    }
  });
}

template <class T>
std::unique_ptr<Tape<T>> Layer<T>::forward(const ForwardArrays<T>& arrays, bool keep, int threads) const {
  const Index D = directions(), H = shape_.hidden, Hp = shape_.padded, P = shape_.projected();
  const bool is_lstm = shape_.cell == Cell::lstm;
  auto tape = std::make_unique<Tape<T>>();
  tape->shape = shape_;
  tape->layout = lay_out(arrays.offsets, arrays.sequences, tape->indices);
  const Layout& layout = tape->layout;
  const Plan plan = plan_for(shape_, layout, D, threads, sizeof(T));
  const Index B = layout.sequences, N = layout.rows, plane = B * Hp, capacity = kChunkRows + B;

  // Of each direction: h0, c0, states of two steps, cells, r∘h and z.
  const Index small = plane * (2 + 2 + 1 + 2), chunk = capacity * P;
  const bool keeps_gates = keep && shape_.keeps_gates();
  Buffer<T> scratch(static_cast<std::size_t>(D * small));
  Buffer<T> chunks(static_cast<std::size_t>(keeps_gates || arrays.inputs ? 0 : D * plan.parts * chunk));
  Buffer<void*> pointers(static_cast<std::size_t>(D * plan.parts * 3 * capacity));
  Buffer<T> projected(static_cast<std::size_t>(arrays.inputs ? D * arrays.distinct * P : 0));

  if (arrays.inputs) {
    parallel(plan.threads, [&](int thread, int count) {
      const Index first = arrays.distinct * thread / count, last = arrays.distinct * (thread + 1) / count;
      const T* src[kChunkRows];
      T* dst[kChunkRows];
      for (Index row = first; row < last; row += kChunkRows) {
        const Index rows = std::min(kChunkRows, last - row);
        for (Index d = 0; d < D; ++d) {
          for (Index i = 0; i < rows; ++i) {
            src[i] = arrays.x + (row + i) * shape_.input;
            dst[i] = projected.data() + (d * arrays.distinct + row + i) * P;
          }
          const PackedWeights<T>& packed = packed_[static_cast<std::size_t>(d)];
          kernels_.product({src, dst, rows, shape_.input, P, packed.input, packed.bias, false});
        }
      }
    });
  }

  tape->directions.resize(static_cast<std::size_t>(D));
  for (Index d = 0; d < D; ++d) {
    typename Tape<T>::Kept& kept = tape->directions[static_cast<std::size_t>(d)];
    kept.reverse = reads_backward(d);
    if (keep) {
      kept.states = Buffer<T>(static_cast<std::size_t>(N * Hp));
      kept.h0 = Buffer<T>(static_cast<std::size_t>(plane));
      if (is_lstm) kept.c0 = Buffer<T>(static_cast<std::size_t>(plane));
      if (is_lstm) kept.cells = Buffer<T>(static_cast<std::size_t>(N * Hp));
      if (keeps_gates) kept.gates = Buffer<T>(static_cast<std::size_t>(N * shape_.gate_row()));
    }
    T* const own = scratch.data() + d * small;
    to_places(shape_, layout, offset_or_null(arrays.h0, d * B * H), keep ? kept.h0.data() : own);
    if (is_lstm) to_places(shape_, layout, offset_or_null(arrays.c0, d * B * H), keep ? kept.c0.data() : own + plane);
  }

  run_parts(plan, D, [&](Index d, int number, Index first, Index stride, int member, int members, Barrier* barrier) {
    const typename Tape<T>::Kept& kept = tape->directions[static_cast<std::size_t>(d)];
    T* const own = scratch.data() + d * small;
    Forward<T> job{};
    job.part = {&shape_, &layout, &packed_[static_cast<std::size_t>(d)], kept.reverse, first, stride, member, members, barrier};
    job.x = arrays.x;
    if (arrays.inputs) job.projected = projected.data() + d * arrays.distinct * P;
    job.inputs = arrays.inputs;
    job.h0 = keep ? kept.h0.data() : own;
    job.c0 = keep ? kept.c0.data() : own + plane;
    job.y = arrays.y + d * H;
    job.y_stride = D * H;
    job.hn = arrays.hn + d * B * H;
    job.cn = arrays.cn ? arrays.cn + d * B * H : nullptr;
    job.gates = kept.gates.data();
    job.states = kept.states.data();
    job.cells = kept.cells.data();
    job.h = own + 2 * plane;
    job.c = own + 4 * plane;
    job.reset = own + 5 * plane;
    // Members of one direction share its first part's chunk.
    job.chunk = chunks.data() + (members > 1 ? d * plan.parts : number) * chunk;
    job.pointers = pointers.data() + static_cast<Index>(number) * 3 * capacity;
    kernels_.forward(job);
  });
  if (!keep) tape.reset();
  return tape;
}

template <class T>
void Layer<T>::step(const T* x, const T* h, const T* c, Index sequences, T* h_next, T* c_next) const {
  const Index B = sequences, Hp = shape_.padded, plane = B * Hp, capacity = kChunkRows + B;
  const bool is_lstm = shape_.cell == Cell::lstm;
  // Kept by the thread: a step is short, and many follow each other.
  thread_local Buffer<T> values;
  thread_local Buffer<void*> pointers;
  thread_local std::vector<Index> indices;
  const std::size_t needed = static_cast<std::size_t>(7 * plane + capacity * shape_.projected());
  if (values.size() < needed) values = Buffer<T>(needed);
  if (pointers.size() < static_cast<std::size_t>(3 * capacity)) pointers = Buffer<void*>(static_cast<std::size_t>(3 * capacity));
  if (static_cast<Index>(indices.size()) < B + 1) {
    indices.resize(static_cast<std::size_t>(B + 1));
    std::iota(indices.begin(), indices.end(), Index(0));
  }
  const Index begin[] = {0, B};
  Layout layout;
  layout.sequences = layout.rows = B;
  layout.steps = B ? 1 : 0;
  layout.offsets = layout.order = layout.places = indices.data();
  layout.begin = begin;
  T* const own = values.data();
  to_places(shape_, layout, h, own);
  if (is_lstm) to_places(shape_, layout, c, own + plane);
  Forward<T> job{};
  job.part = {&shape_, &layout, packed_.data(), reverse_, 0, 1, 0, 1, nullptr};
  job.x = x;
  job.h0 = own;
  job.c0 = own + plane;
  job.y = job.hn = h_next;
  job.y_stride = shape_.hidden;
  job.cn = c_next;
  job.h = own + 2 * plane;
  job.c = own + 4 * plane;
  job.reset = own + 5 * plane;
  job.chunk = own + 7 * plane;
  job.pointers = pointers.data();
  parallel(1, [&](int, int) { kernels_.forward(job); });
}

template <class T>
void Layer<T>::backward(const Tape<T>& tape, const BackwardArrays<T>& arrays, int threads) const {
  using Features = typename WeightGradient<T>::Features;
  const Layout& layout = tape.layout;
  const Index D = directions(), H = shape_.hidden, Hp = shape_.padded, B = layout.sequences, N = layout.rows, plane = B * Hp, row = shape_.gate_row();
  const bool is_lstm = shape_.cell == Cell::lstm;
  const Plan plan = plan_for(shape_, layout, D, threads, sizeof(T));
  Buffer<T> scratch(static_cast<std::size_t>(D * plane * 3));  // dh, dc, drh
  Buffer<T> dgates(static_cast<std::size_t>(D * N * row));
  Buffer<void*> pointers(static_cast<std::size_t>(D * plan.parts * 2 * B));
  for (Index d = 0; d < D; ++d) {
    T* const own = scratch.data() + d * plane * 3;
    to_places(shape_, layout, offset_or_null(arrays.dhn, d * B * H), own);
    if (is_lstm) to_places(shape_, layout, offset_or_null(arrays.dcn, d * B * H), own + plane);
  }
  run_parts(plan, D, [&](Index d, int number, Index first, Index stride, int member, int members, Barrier* barrier) {
    const typename Tape<T>::Kept& kept = tape.directions[static_cast<std::size_t>(d)];
    T* const own = scratch.data() + d * plane * 3;
    Backward<T> job{};
    job.part = {&shape_, &layout, &packed_[static_cast<std::size_t>(d)], kept.reverse, first, stride, member, members, barrier};
    job.dy = offset_or_null(arrays.dy, d * H);
    job.dy_stride = D * H;
    job.h0 = kept.h0.data();
    job.c0 = kept.c0.data();
    job.gates = kept.gates.data();
    job.states = kept.states.data();
    job.cells = kept.cells.data();
    job.dh = own;
    job.dc = own + plane;
    job.drh = own + 2 * plane;
    job.dgates = dgates.data() + d * N * row;
    job.needs_first = arrays.dh0 != nullptr;
    job.pointers = pointers.data() + static_cast<Index>(number) * 2 * B;
    kernels_.backward(job);
  });
  for (Index d = 0; d < D; ++d) {
    const T* const own = scratch.data() + d * plane * 3;
    if (arrays.dh0) from_places(shape_, layout, own, arrays.dh0 + d * B * H);
    if (arrays.dc0) from_places(shape_, layout, own + plane, arrays.dc0 + d * B * H);
  }

  // The products over all steps: the weights' gradients by units, the inputs' by rows, each sum whole on one thread.
  const int team = plan.threads > 1 ? threads : 1;
  const int slices = (team + static_cast<int>(D) - 1) / static_cast<int>(D);
  const Index scratch_each = round_up(kernels_.gradient_scratch(std::max(shape_.input, H)), 64);
  Buffer<T> features(static_cast<std::size_t>(team * scratch_each));
  parallel(team, [&](int thread, int count) {
    const auto weights = [&](Index d, int slice, Features kind, int gate_begin, int gate_end) {
      const std::size_t at = static_cast<std::size_t>(d);
      const typename Tape<T>::Kept& kept = tape.directions[at];
      const bool of_inputs = kind == Features::inputs;
      const Index vectors = (gate_end - gate_begin) * shape_.blocks();
      T* const dbias = of_inputs ? arrays.dbias_ih[at] : shape_.cell == Cell::gru_reset_after ? arrays.dbias_hh[at] : nullptr;
      kernels_.weight_gradient({&shape_, &layout, kept.reverse, kind, of_inputs ? shape_.input : H, arrays.x, kept.h0.data(), kept.states.data(),
                                kept.gates.data(), dgates.data() + d * N * row, vectors * slice / slices, vectors * (slice + 1) / slices, gate_begin,
                                gate_end, of_inputs ? arrays.dweight_ih[at] : arrays.dweight_hh[at], dbias, features.data() + thread * scratch_each});
    };
    const int gates = static_cast<int>(shape_.gates);
    for (int task = thread; task < static_cast<int>(D) * slices; task += count) {
      const Index d = task % D;
      const int slice = task / static_cast<int>(D);
      weights(d, slice, Features::inputs, 0, gates);
      if (shape_.cell == Cell::gru) {
        weights(d, slice, Features::states, 0, 2);
        weights(d, slice, Features::reset_states, 2, 3);
      } else {
        weights(d, slice, Features::states, 0, gates);
      }
    }
    if (!arrays.dx) return;
    const T* src[kInputRows];
    T* dst[kInputRows];
    const Index first = N * thread / count, last = N * (thread + 1) / count;
    Index sequence = std::upper_bound(layout.offsets, layout.offsets + B + 1, first) - layout.offsets - 1;
    for (Index n = first; n < last; n += kInputRows) {
      const Index rows = std::min(kInputRows, last - n);
      const Index begin_sequence = sequence;
      for (Index d = 0; d < D; ++d) {
        sequence = begin_sequence;
        for (Index i = 0; i < rows; ++i) {
          while (n + i >= layout.offsets[sequence + 1]) ++sequence;
          const Index step = tape.directions[static_cast<std::size_t>(d)].reverse ? layout.offsets[sequence + 1] - 1 - n - i : n + i - layout.offsets[sequence];
          src[i] = dgates.data() + (d * N + layout.begin[step] + layout.places[sequence]) * row;
          dst[i] = arrays.dx + (n + i) * shape_.input;
        }
        kernels_.product({src, dst, rows, shape_.projected(), shape_.input, packed_[static_cast<std::size_t>(d)].input_back, nullptr, d > 0});
      }
    }
  });
  if (shape_.cell != Cell::gru_reset_after)
    for (std::size_t d = 0; d < packed_.size(); ++d) std::copy_n(arrays.dbias_ih[d], shape_.gates * H, arrays.dbias_hh[d]);
}

template class Tape<float>;
template class Tape<double>;
template class Layer<float>;
template class Layer<double>;

}  // namespace tidegate
