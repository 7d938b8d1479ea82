#include "layer.h"

#include <algorithm>
#include <chrono>
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
// From so many bytes on, what a cell without a recurrent matrix writes is written past the caches.
constexpr std::size_t kStreamed = std::size_t{64} << 20;
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
  const Index recurrent = shape.has_recurrent() ? shape.hidden : 0;
  const double work = rows * gates * static_cast<double>((shape.input + recurrent) * directions);
  Plan plan;
  if (threads <= 1 || layout.rows == 0 || work < kWorthACall) return plan;
  plan.threads = threads;
  const int each = std::max(1, threads / static_cast<int>(directions));
  const double running = rows / static_cast<double>(layout.steps), step = running * gates * static_cast<double>(recurrent);
  const Index weights = shape.gates * shape.hidden * shape.hidden * static_cast<Index>(value_size);
  if (each > 1) {
    const bool few_rows = running < each * kRowsEach && weights > kSmallWeights;
    if (step >= kWorthAStep && !shape.by_rows() && (few_rows || layout.sequences < each)) {
      plan.by_units = true;
      plan.parts = static_cast<int>(std::min<Index>(each, shape.blocks()));
    } else {
      plan.parts = static_cast<int>(std::min<Index>(each, layout.sequences));
    }
  }
  plan.threads = std::min(threads, plan.parts * static_cast<int>(directions));
  return plan;
}

// How one step of one direction is divided: by units, a thread for so many weights, where its rows are few.
Plan plan_for_step(const Shape& shape, Index sequences, int threads, std::size_t value_size) {
  const Index weights = shape.has_recurrent() ? shape.gates * shape.hidden * shape.hidden * static_cast<Index>(value_size) : 0;
  Plan plan;
  const int parts = static_cast<int>(std::min({static_cast<Index>(threads), weights / kSmallWeights, shape.blocks()}));
  if (parts <= 1 || sequences == 0 || shape.by_rows() || static_cast<double>(sequences) >= parts * kRowsEach) return plan;
  plan.by_units = true;
  plan.threads = plan.parts = parts;
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
Layout lay_out(const Index* offsets, Index sequences, const Index* memory, Buffer<Index>& indices) {
  Layout layout;
  layout.sequences = sequences;
  layout.rows = sequences ? offsets[sequences] : 0;
  for (Index b = 0; b < sequences; ++b) layout.steps = std::max(layout.steps, offsets[b + 1] - offsets[b]);
  indices = Buffer<Index>(static_cast<std::size_t>(3 * sequences + 1 + layout.steps + 1 + (memory ? layout.rows : 0)));
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
  if (memory) layout.memory = std::copy_n(memory, layout.rows, begin + layout.steps + 1) - layout.rows;
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
    case Cell::gru_reset_after:
    case Cell::minlstm: return 3;
    case Cell::mingru: return 2;
    default: return 1;
  }
}

template <class T>
std::size_t Tape<T>::bytes() const {
  std::size_t sum = indices.bytes();
  for (const Kept& kept : directions) {
    for (const Buffer<T>* part : {&kept.gates, &kept.states, &kept.cells, &kept.h0, &kept.c0, &kept.mask, &kept.normed_inputs, &kept.normed_states, &kept.normed_cells, &kept.scales})
      sum += part->bytes();
  }
  return sum;
}

template <class T>
void Tape<T>::gates(Index direction, T* to) const {
  const Kept& kept = directions[static_cast<std::size_t>(direction)];
  const Index H = shape.hidden;
  for (Index t = 0; t < layout.steps; ++t) {
    for (Index place = 0; place < layout.active(t); ++place) {
      const Index at = layout.kept(shape, place, t, kept.reverse);
      T* const row = to + layout.stands(layout.flat(place, t, kept.reverse)) * shape.gates * H;
      const T* const from = shape.keeps_gates() ? kept.gates.data() + at * shape.gate_row() : kept.states.data() + at * shape.padded;
      for (Index gate = 0; gate < shape.gates; ++gate)
        for (Index block = 0; block < shape.blocks(); ++block)
          std::copy_n(from + shape.column(gate, block), std::min(shape.lanes, H - block * shape.lanes), row + gate * H + block * shape.lanes);
    }
  }
}

template <class T>
Layer<T>::Layer(Cell cell, Index input, Index hidden, const std::vector<DirectionWeights<T>>& weights, bool reverse, bool trains, int threads,
                std::pair<double, double> zoneout)
    : kernels_(instruction_set().kernels<T>()), reverse_(reverse), trains_(trains), zoneout_(zoneout) {
  shape_ = {cell,
            input,
            hidden,
            kernels_.lanes,
            round_up(hidden, kernels_.lanes),
            gates_of(cell),
            weights.front().gain_ih != nullptr,
            zoneout.first > 0 || zoneout.second > 0};
  const Index columns = shape_.projected(), own = kernels_.lanes * 8;  // what follows begins on a boundary
  const Index recurrent = shape_.has_recurrent() ? kernels_.packed_size(hidden, columns) : 0;
  const Index gains = shape_.normed ? columns : 0, cell_gains = shape_.normed && shape_.has_cells() ? shape_.padded : 0;
  const Index sizes[] = {kernels_.packed_size(input, columns), recurrent, columns, shape_.padded, trains ? kernels_.packed_size(columns, input) : 0,
                         trains && recurrent ? kernels_.packed_size(columns, hidden) : 0, gains, gains, cell_gains, cell_gains};
  Index whole = 0;
  for (const Index size : sizes) whole += round_up(size, own);
  storage_ = Buffer<T>(static_cast<std::size_t>(whole) * weights.size());
  packed_.resize(weights.size());
  T* at = storage_.data();
  for (PackedWeights<T>& packed : packed_) {
    T** const parts[] = {&packed.input,          &packed.recurrent,   &packed.bias,        &packed.bias_reset, &packed.input_back,
                         &packed.recurrent_back, &packed.gain_inputs, &packed.gain_states, &packed.gain_cells, &packed.shift_cells};
    for (std::size_t i = 0; i < std::size(parts); ++i) {
      *parts[i] = at;
      at += round_up(sizes[i], own);
    }
  }
  const int useful = columns * (input + hidden) < 20000 ? 1 : std::min(threads, static_cast<int>(weights.size()));
  parallel(useful, [&](int thread, int count) {
    for (std::size_t d = static_cast<std::size_t>(thread); d < weights.size(); d += static_cast<std::size_t>(count)) {
      kernels_.pack(shape_, weights[d], trains, packed_[d]);
    }
  });
}

// Keys as in `tidegate.kernels.zoneout`: SplitMix64's finaliser over the seed and the number of the stream.
template <class T>
Zoneout<T> Layer<T>::zoneout_of(Index direction, const std::uint64_t* seed) const {
  Zoneout<T> zoneout;
  zoneout.draws = seed != nullptr;
  const auto fill = [&](typename Zoneout<T>::State& state, double probability, std::uint64_t stream) {
    state.probability = static_cast<T>(probability);
    state.threshold = static_cast<std::uint32_t>(probability * 4294967296.0);
    if (!seed) return;
    std::uint64_t value = *seed + 0x9E3779B97F4A7C15u * (1 + stream);
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    value ^= value >> 31;
    state.row_key = static_cast<std::uint32_t>(value);
    state.unit_key = static_cast<std::uint32_t>(value >> 32);
  };
  fill(zoneout.h, zoneout_.first, static_cast<std::uint64_t>(2 * direction));
  fill(zoneout.c, zoneout_.second, static_cast<std::uint64_t>(2 * direction + 1));
  return zoneout;
}

template <class T>
std::unique_ptr<Tape<T>> Layer<T>::forward(const ForwardArrays<T>& arrays, bool keep, int threads) const {
  const Index D = directions(), H = shape_.hidden, Hp = shape_.padded, P = shape_.projected();
  const bool is_lstm = shape_.cell == Cell::lstm;
  auto tape = std::make_unique<Tape<T>>();
  tape->shape = shape_;
  tape->layout = lay_out(arrays.offsets, arrays.sequences, arrays.memory, tape->indices);
  const Layout& layout = tape->layout;
  const Plan plan = plan_for(shape_, layout, D, threads, sizeof(T));
  const Index B = layout.sequences, N = layout.rows, plane = B * Hp, capacity = kChunkRows + B;

  // Of each direction: h0, c0, states of two steps, cells, r∘h and z, masked states of two steps.
  const Index small = plane * (2 + 2 + 1 + 2 + (arrays.mask ? 2 : 0)), chunk = capacity * P;
  const bool keeps_gates = keep && shape_.keeps_gates();
  Buffer<T> scratch(static_cast<std::size_t>(D * small));
  const std::size_t written = static_cast<std::size_t>(D * N * (H + (keep ? Hp + P : 0))) * sizeof(T);
  const bool streams = !shape_.has_recurrent() && written >= kStreamed && H == Hp && reinterpret_cast<std::uintptr_t>(arrays.y) % kAlignment == 0;
  Buffer<T> chunks(static_cast<std::size_t>((keeps_gates && !streams) || arrays.inputs ? 0 : D * plan.parts * chunk));
  Buffer<void*> pointers(static_cast<std::size_t>(D * plan.parts * 4 * capacity));
  Buffer<T> raw(static_cast<std::size_t>(shape_.by_rows() ? D * B * P : 0)), rows(static_cast<std::size_t>(shape_.by_rows() ? D * plan.parts * 2 * Hp : 0));
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
          kernels_.product({src, dst, rows, shape_.input, P, packed.input, shape_.normed ? nullptr : packed.bias, false});
          if (shape_.normed) kernels_.normalise_inputs(shape_, packed, dst, rows);
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
      if (shape_.normed) {
        const Index groups = shape_.groups();
        kept.normed_inputs = Buffer<T>(static_cast<std::size_t>(N * P));
        kept.normed_states = Buffer<T>(static_cast<std::size_t>(N * P));
        if (is_lstm) kept.normed_cells = Buffer<T>(static_cast<std::size_t>(N * Hp));
        kept.scales = Buffer<T>(static_cast<std::size_t>(N * (2 * groups + 1)));
        T* const scales = kept.scales.data();
        kept.normed = {kept.normed_inputs.data(), kept.normed_states.data(), kept.normed_cells.data(), scales, scales + N * groups, scales + 2 * N * groups};
      }
    }
    kept.zoneout = zoneout_of(d, arrays.seed);
    if (arrays.mask) {
      kept.mask = Buffer<T>(static_cast<std::size_t>(plane));
      to_places(shape_, layout, arrays.mask + d * B * H, kept.mask.data());
    }
    T* const own = scratch.data() + d * small;
    to_places(shape_, layout, offset_or_null(arrays.h0, d * B * H), keep ? kept.h0.data() : own);
    if (is_lstm) to_places(shape_, layout, offset_or_null(arrays.c0, d * B * H), keep ? kept.c0.data() : own + plane);
    const T* const h0 = keep ? kept.h0.data() : own;
    for (Index i = 0; arrays.mask && i < plane; ++i) own[7 * plane + i] = h0[i] * kept.mask.data()[i];
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
    job.streams = streams;
    job.normed = kept.normed;
    job.zoneout = kept.zoneout;
    if (arrays.mask) {
      job.mask = kept.mask.data();
      job.masked = own + 7 * plane;
    }
    job.raw = raw.data() + (shape_.by_rows() ? d * B * P : 0);
    job.row = rows.data() + (shape_.by_rows() ? number * 2 * Hp : 0);
    // Members of one direction share its first part's chunk.
    job.chunk = chunks.data() + (members > 1 ? d * plan.parts : number) * chunk;
    job.pointers = pointers.data() + static_cast<Index>(number) * 4 * capacity;
    kernels_.forward(job);
  });
  if (!keep) tape.reset();
  return tape;
}

template <class T>
void Layer<T>::step(const T* x, const T* h, const T* c, Index sequences, T* h_next, T* c_next, int threads) const {
  const Index B = sequences, Hp = shape_.padded, plane = B * Hp, capacity = kChunkRows + B;
  Plan plan = plan_for_step(shape_, B, threads, sizeof(T));
  const bool may_share = plan.parts > 1, shares = may_share && pace_.shares();
  if (!shares) plan = {};
  const bool is_lstm = shape_.cell == Cell::lstm;
  // Kept by the thread: a step is short, and many follow each other.
  thread_local Buffer<T> values;
  thread_local Buffer<void*> pointers;
  thread_local std::vector<Index> indices;
  const Index gates = capacity * shape_.projected();
  const std::size_t needed = static_cast<std::size_t>(7 * plane + gates + (shape_.by_rows() ? B * shape_.projected() + 2 * Hp : 0));
  if (values.size() < needed) values = Buffer<T>(needed);
  const std::size_t pointed = static_cast<std::size_t>(plan.parts * 4 * capacity);
  if (pointers.size() < pointed) pointers = Buffer<void*>(pointed);
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
  job.steps_before = static_cast<Index>(steps_.fetch_add(1, std::memory_order_relaxed) % 2);
  void** const pointers_of_all = pointers.data();
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
  job.raw = job.chunk + gates;
  job.row = job.raw + B * shape_.projected();
  job.zoneout = zoneout_of(0, nullptr);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = may_share ? Clock::now() : Clock::time_point{};
  run_parts(plan, 1, [&](Index, int number, Index, Index, int member, int members, Barrier* barrier) {
    Forward<T> own_job = job;
    own_job.part.member = member;
    own_job.part.members = members;
    own_job.part.barrier = barrier;
    own_job.pointers = pointers_of_all + number * 4 * capacity;
    kernels_.forward(own_job);
  });
  if (may_share) pace_.took(shares, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - began).count());
}

template <class T>
void Layer<T>::backward(const Tape<T>& tape, const BackwardArrays<T>& arrays, int threads) const {
  using Features = typename WeightGradient<T>::Features;
  const Layout& layout = tape.layout;
  const Index D = directions(), H = shape_.hidden, Hp = shape_.padded, B = layout.sequences, N = layout.rows, plane = B * Hp, row = shape_.gate_row();
  const bool is_lstm = shape_.cell == Cell::lstm;
  const Plan plan = plan_for(shape_, layout, D, threads, sizeof(T));
  Buffer<T> scratch(static_cast<std::size_t>(D * plane * 3));  // dh, dc, drh
  // Of the sums, and under layer norm those of W x, of U h and of the cells.
  Buffer<T> dgates(static_cast<std::size_t>(D * N * row)), dnormed(static_cast<std::size_t>(shape_.normed ? D * N * (2 * row + Hp) : 0));
  Buffer<void*> pointers(static_cast<std::size_t>(D * plan.parts * 2 * B));
  const auto gradients_of = [&](Index d) {
    Backward<T> job{};
    job.dgates = job.dgates_inputs = job.dgates_states = dgates.data() + d * N * row;
    if (!shape_.normed) return job;
    job.dgates_inputs = dnormed.data() + d * N * (2 * row + Hp);
    job.dgates_states = job.dgates_inputs + N * row;
    job.dcells = job.dgates_states + N * row;
    return job;
  };
  for (Index d = 0; d < D; ++d) {
    T* const own = scratch.data() + d * plane * 3;
    to_places(shape_, layout, offset_or_null(arrays.dhn, d * B * H), own);
    if (is_lstm) to_places(shape_, layout, offset_or_null(arrays.dcn, d * B * H), own + plane);
  }
  run_parts(plan, D, [&](Index d, int number, Index first, Index stride, int member, int members, Barrier* barrier) {
    const typename Tape<T>::Kept& kept = tape.directions[static_cast<std::size_t>(d)];
    T* const own = scratch.data() + d * plane * 3;
    Backward<T> job = gradients_of(d);
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
    job.normed = kept.normed;
    job.mask = kept.mask.data();
    job.zoneout = kept.zoneout;
    job.needs_first = arrays.dh0 != nullptr;
    job.streams = !shape_.has_recurrent() && H == Hp && static_cast<std::size_t>(D * N * row) * sizeof(T) >= kStreamed;
    job.pointers = pointers.data() + static_cast<Index>(number) * 2 * B;
    kernels_.backward(job);
  });
  for (Index d = 0; d < D; ++d) {
    const T* const own = scratch.data() + d * plane * 3;
    if (arrays.dh0) from_places(shape_, layout, own, arrays.dh0 + d * B * H);
    if (arrays.dc0) from_places(shape_, layout, own + plane, arrays.dc0 + d * B * H);
  }

  // Without a recurrent matrix the rows are kept in the order of the flat batch: to the sum over steps, one long sequence.
  Buffer<Index> in_order;
  Layout rows = layout;
  if (!shape_.has_recurrent()) {
    in_order = Buffer<Index>(static_cast<std::size_t>(N + 3));
    std::iota(in_order.data(), in_order.data() + N + 1, Index(0));
    in_order.data()[N + 1] = 0;
    in_order.data()[N + 2] = N;
    rows = {1, N, N, in_order.data() + N + 1, in_order.data(), in_order.data(), in_order.data(), layout.memory};
  }
  // The products over all steps: the weights' gradients by units, the inputs' by rows, each sum whole on one thread.
  const int team = plan.threads > 1 ? threads : 1;
  const int slices = (team + static_cast<int>(D) - 1) / static_cast<int>(D);
  const Index scratch_each = round_up(kernels_.gradient_scratch(std::max(shape_.input, H)), 64);
  Buffer<T> features(static_cast<std::size_t>(team * scratch_each)), sums(static_cast<std::size_t>(shape_.normed ? D * row : 0));
  parallel(team, [&](int thread, int count) {
    const auto weights = [&](Index d, int slice, Features kind, int gate_begin, int gate_end) {
      const std::size_t at = static_cast<std::size_t>(d);
      const typename Tape<T>::Kept& kept = tape.directions[at];
      const bool of_inputs = kind == Features::inputs;
      const Index vectors = (gate_end - gate_begin) * shape_.blocks();
      const DirectionGradients<T>& to = arrays.weights[at];
      const Backward<T> gradients = gradients_of(d);
      T* const dbias = shape_.normed ? nullptr : of_inputs ? to.bias_ih : shape_.cell == Cell::gru_reset_after ? to.bias_hh : nullptr;
      kernels_.weight_gradient({&shape_, &rows, kept.reverse && shape_.has_recurrent(), kind, of_inputs ? shape_.input : H, arrays.x, kept.h0.data(), kept.states.data(),
                                kept.gates.data(), kept.mask.data(), of_inputs ? gradients.dgates_inputs : gradients.dgates_states, vectors * slice / slices,
                                vectors * (slice + 1) / slices, gate_begin, gate_end, of_inputs ? to.weight_ih : to.weight_hh, dbias,
                                features.data() + thread * scratch_each});
    };
    const int gates = static_cast<int>(shape_.gates);
    for (int task = thread; !arrays.weights.empty() && task < static_cast<int>(D) * slices; task += count) {
      const Index d = task % D;
      const int slice = task / static_cast<int>(D);
      weights(d, slice, Features::inputs, 0, gates);
      if (shape_.normed && slice == 0) norm_gradients(tape, d, gradients_of(d), arrays.weights[static_cast<std::size_t>(d)], sums.data() + d * row);
      if (!shape_.has_recurrent()) continue;
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
          const bool reverse = tape.directions[static_cast<std::size_t>(d)].reverse;
          const Index step = reverse ? layout.offsets[sequence + 1] - 1 - n - i : n + i - layout.offsets[sequence];
          src[i] = gradients_of(d).dgates_inputs + layout.kept(shape_, layout.places[sequence], step, reverse) * row;
          dst[i] = arrays.dx + layout.stands(n + i) * shape_.input;
        }
        kernels_.product({src, dst, rows, shape_.projected(), shape_.input, packed_[static_cast<std::size_t>(d)].input_back, nullptr, d > 0});
      }
    }
  });
  if (shape_.cell == Cell::gru_reset_after || !shape_.has_recurrent()) return;
  for (const DirectionGradients<T>& to : arrays.weights) std::copy_n(to.bias_ih, shape_.gates * H, to.bias_hh);
}

// Of the gains and biases of a normalised layer: sums over all steps.
template <class T>
void Layer<T>::norm_gradients(const Tape<T>& tape, Index direction, const Backward<T>& gradients, const DirectionGradients<T>& to,
                              T* memory) const {
  const typename Tape<T>::Kept& kept = tape.directions[static_cast<std::size_t>(direction)];
  const Index N = tape.layout.rows, H = shape_.hidden, Hp = shape_.padded, P = shape_.projected(), row = shape_.gate_row();
  const bool reset_after = shape_.cell == Cell::gru_reset_after;
  T* const sums = memory;
  // Sums over columns that stand as in a gate row, to the order of the weights; where `of_states`, gru_reset_after's q stands for n.
  const auto sum = [&](const T* factors, bool of_states, T* result) {
    if (of_states && reset_after) {
      kernels_.column_sums({N, 2 * shape_.blocks(), gradients.dgates, row, factors, P, sums});
      kernels_.column_sums({N, shape_.blocks(), gradients.dgates + 3 * Hp, row, factors ? factors + 2 * Hp : nullptr, P, sums + 2 * Hp});
    } else {
      kernels_.column_sums({N, P / shape_.lanes, gradients.dgates, row, factors, P, sums});
    }
    for (Index gate = 0; gate < shape_.gates; ++gate)
      for (Index block = 0; block < shape_.blocks(); ++block)
        std::copy_n(sums + shape_.column(gate, block), std::min(shape_.lanes, H - block * shape_.lanes), result + gate * H + block * shape_.lanes);
  };
  sum(nullptr, false, to.bias_ih);
  if (reset_after) sum(nullptr, true, to.bias_hh);
  sum(kept.normed_inputs.data(), false, to.gain_ih);
  sum(kept.normed_states.data(), true, to.gain_hh);
  if (!shape_.has_cells()) return;
  kernels_.column_sums({N, shape_.blocks(), gradients.dcells, Hp, kept.normed_cells.data(), Hp, sums});
  std::copy_n(sums, H, to.gain_c);
  kernels_.column_sums({N, shape_.blocks(), gradients.dcells, Hp, nullptr, 0, sums});
  std::copy_n(sums, H, to.shift_c);
}

template class Tape<float>;
template class Tape<double>;
template class Layer<float>;
template class Layer<double>;

}  // namespace tidegate
