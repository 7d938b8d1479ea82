#include "attention.h"

#include <algorithm>

#include "instruction_sets.h"
#include "memory.h"
#include "threads.h"

namespace tidegate {
namespace {

// What a thread must have to do, in multiplications and additions, so that waking it pays; and how many of them a tanh is worth.
constexpr double kWorthAThread = 200e3, kTanh = 5;
// Rows of one sequence are parted only between so many.
constexpr Index kRowsTogether = 8;

template <class T>
Index pairs_of(const Attention<T>& attention) {
  return attention.pair_offsets[attention.sequences];
}

template <class T>
double work_of(const Attention<T>& attention) {
  const double width = static_cast<double>(attention.width) * (attention.energy ? kTanh : 1), depth = static_cast<double>(attention.depth);
  return static_cast<double>(pairs_of(attention)) * (width + depth);
}

int team_for(double work, int threads) {
  const double most = work / kWorthAThread;
  return most < threads ? std::max(1, static_cast<int>(most)) : threads;
}

// The pairs before those of `part`, of `parts` about equally large ones.
Index share(Index all, Index part, Index parts) { return all / parts * part + all % parts * part / parts; }

// The sequences in `parts` runs of about equally many pairs: the first of run `part`, which is 0 … parts.
template <class T>
Index sequence_begin(const Attention<T>& attention, Index part, Index parts) {
  if (part == 0) return 0;
  if (part == parts) return attention.sequences;
  return std::lower_bound(attention.pair_offsets, attention.pair_offsets + attention.sequences, share(pairs_of(attention), part, parts)) - attention.pair_offsets;
}

// The same of the targets' rows, where a long sequence may be parted too.
template <class T>
Index row_begin(const Attention<T>& attention, Index part, Index parts) {
  const Index rows = attention.target_offsets[attention.sequences];
  if (part == 0) return 0;
  const Index pairs = share(pairs_of(attention), part, parts);
  if (part == parts || pairs == pairs_of(attention)) return rows;
  const Index sequence = std::upper_bound(attention.pair_offsets, attention.pair_offsets + attention.sequences + 1, pairs) - attention.pair_offsets - 1;
  const Index row = (pairs - attention.pair_offsets[sequence]) / attention.positions(sequence);
  return attention.target_offsets[sequence] + row / kRowsTogether * kRowsTogether;
}

// Calls work(rows) for the rows of each sequence between first and last.
template <class T, class Work>
void each_sequence(const Attention<T>& attention, Index first, Index last, const Work& work) {
  const Index* const offsets = attention.target_offsets;
  for (Index b = std::upper_bound(offsets, offsets + attention.sequences + 1, first) - offsets - 1; first < last; ++b) {
    const Index end = std::min(last, offsets[b + 1]);
    if (first < end) work(TargetRows{b, first, end});
    first = end;
  }
}

template <class T>
Index most_positions(const Attention<T>& attention) {
  Index most = 0;
  for (Index b = 0; b < attention.sequences; ++b) most = std::max(most, attention.positions(b));
  return most;
}

}  // namespace

template <class T>
Index lay_out_pairs(const Attention<T>& attention, Index* pair_offsets) {
  pair_offsets[0] = 0;
  for (Index b = 0; b < attention.sequences; ++b) pair_offsets[b + 1] = pair_offsets[b] + attention.rows(b) * attention.positions(b);
  return pair_offsets[attention.sequences];
}

template <class T>
void attention_forward(const Attention<T>& attention, T* context, T* weights, int threads) {
  const AttentionKernels<T>& kernels = instruction_set().kernels<T>().attention;
  const int team = team_for(work_of(attention), threads);
  const Index own = round_up(kernels.forward_scratch(attention.width), kAlignment);
  const Buffer<T> scratch(static_cast<std::size_t>(own * team));
  parallel(team, [&](int thread, int count) {
    const AttentionForward<T> job{attention, context, weights, scratch.data() + own * thread};
    each_sequence(attention, row_begin(attention, thread, count), row_begin(attention, thread + 1, count), [&](const TargetRows& rows) { kernels.forward(job, rows); });
  });
}

template <class T>
void attention_backward(const Attention<T>& attention, const AttentionArrays<T>& arrays, int threads) {
  const Kernels<T>& all_kernels = instruction_set().kernels<T>();
  const AttentionKernels<T>& kernels = all_kernels.attention;
  const Index B = attention.sequences, A = attention.width, D = attention.depth, L = all_kernels.lanes, pairs = pairs_of(attention);
  const int team = team_for(2 * work_of(attention), threads);
  const Index own = round_up(kernels.backward_scratch(most_positions(attention)), kAlignment);
  const Buffer<T> scratch(static_cast<std::size_t>(own * team)), dscores(static_cast<std::size_t>(pairs)), denergies(static_cast<std::size_t>(arrays.denergy ? B * A : 0));
  const ScoreGradients<T> of_scores{attention, arrays.dcontext, arrays.dweights, arrays.weights, dscores.data()};
  const auto job = [&](int thread, Index first_width, Index last_width, Index first_depth, Index last_depth) {
    return AttentionGradients<T>{attention,       arrays.dcontext,  arrays.weights, dscores.data(), arrays.dqueries, arrays.dkeys, arrays.dvalues,
                                 denergies.data(), first_width, last_width,     first_depth,    last_depth,      scratch.data() + own * thread};
  };
  Index longest = 0;
  for (Index b = 0; b < B; ++b) longest = std::max(longest, attention.pair_offsets[b + 1] - attention.pair_offsets[b]);
  if (team == 1 || longest <= pairs / (4 * team)) {
    parallel(team, [&](int thread, int count) {
      const AttentionGradients<T> all = job(thread, 0, A, 0, D);
      for (Index b = sequence_begin(attention, thread, count); b < sequence_begin(attention, thread + 1, count); ++b) {
        kernels.score_gradients(of_scores, {b, attention.target_offsets[b], attention.target_offsets[b + 1]});
        kernels.gradients(all, b);
      }
    });
  } else {  // few sequences, or one that is most of the work: the threads share its rows, then its columns
    parallel(team, [&](int thread, int count) {
      each_sequence(attention, row_begin(attention, thread, count), row_begin(attention, thread + 1, count), [&](const TargetRows& rows) { kernels.score_gradients(of_scores, rows); });
    });
    parallel(team, [&](int thread, int count) {
      const auto begin = [&](Index columns, int part) { return std::min(columns, share(round_up(columns, L) / L, part, count) * L); };
      const AttentionGradients<T> some = job(thread, begin(A, thread), begin(A, thread + 1), begin(D, thread), begin(D, thread + 1));
      for (Index b = 0; b < B; ++b) kernels.gradients(some, b);
    });
  }
  if (!arrays.denergy) return;
  const Buffer<double> sums(static_cast<std::size_t>(A));
  std::fill_n(sums.data(), A, 0.0);
  for (Index b = 0; b < B; ++b)
    for (Index a = 0; a < A; ++a) sums.data()[a] += static_cast<double>(denergies.data()[b * A + a]);
  for (Index a = 0; a < A; ++a) arrays.denergy[a] = static_cast<T>(sums.data()[a]);
}

#define TIDEGATE_ATTENTION(T)                                                   \
  template Index lay_out_pairs(const Attention<T>&, Index*);                    \
  template void attention_forward(const Attention<T>&, T*, T*, int);            \
  template void attention_backward(const Attention<T>&, const AttentionArrays<T>&, int);
TIDEGATE_ATTENTION(float)
TIDEGATE_ATTENTION(double)
#undef TIDEGATE_ATTENTION

}  // namespace tidegate
