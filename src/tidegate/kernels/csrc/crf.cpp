#include "crf.h"

#include <algorithm>
#include <limits>

#include "instruction_sets.h"
#include "memory.h"
#include "threads.h"

namespace tidegate {
namespace {

// What a thread must have to do, in multiplications and additions, so that waking it pays.
constexpr double kWorthAThread = 100e3;
// Gradients of the pairs are summed run by run and then over the runs, in their order, whatever threads there are. A run has at least so many
// steps, so that the sums of its own weigh nothing, and so many multiplications.
constexpr Index kRunSteps = 64, kRunWork = Index{1} << 18, kMostRuns = 16;
// Scores so far below the greatest count as this far in marginals: a path that is forbidden throughout keeps some probability.
constexpr double kFloor = -300;

template <class T>
Index steps_of(const Crf<T>& crf) {
  return crf.sequences ? crf.offsets[crf.sequences] : 0;
}

template <class T>
double square_work(const Crf<T>& crf) {
  return static_cast<double>(steps_of(crf)) * static_cast<double>(crf.labels * crf.labels);
}

template <class T>
Index longest_of(const Crf<T>& crf) {
  Index longest = 0;
  for (Index b = 0; b < crf.sequences; ++b) longest = std::max(longest, crf.steps(b));
  return longest;
}

// A block for each thread, and the first for what they share; each begins on a boundary.
template <class T>
class Blocks {
 public:
  Blocks(Index shared, Index own, int threads)
      : shared_(round_up(shared, kAlignment)), own_(round_up(own, kAlignment)), memory_(static_cast<std::size_t>(shared_ + own_ * threads)) {}
  T* shared() const { return memory_.data(); }
  T* of(int thread) const { return memory_.data() + shared_ + thread * own_; }

 private:
  Index shared_, own_;
  Buffer<T> memory_;
};

}  // namespace

template <class T>
int crf_threads(const Crf<T>& crf, double work, int threads) {
  const double most = std::min(static_cast<double>(crf.sequences), work / kWorthAThread);
  return most < threads ? std::max(1, static_cast<int>(most)) : threads;
}

template <class T>
Index run_begin(const Crf<T>& crf, Index number, Index runs) {
  if (number == runs) return crf.sequences;
  const Index steps = steps_of(crf) / runs * number + steps_of(crf) % runs * number / runs;
  return std::lower_bound(crf.offsets, crf.offsets + crf.sequences, steps) - crf.offsets;
}

template <class T>
void crf_partition(const Crf<T>& crf, const PartitionArrays<T>& arrays, int threads) {
  const CrfKernels<T>& kernels = instruction_set().kernels<T>().crf;
  const Index K = crf.labels, steps = steps_of(crf), longest = longest_of(crf);
  const Index runs = std::clamp<Index>(std::min(crf.sequences, steps / std::max(kRunSteps, kRunWork / (K * K))), 1, kMostRuns);
  const Index sums_size = arrays.d_emissions ? round_up(K * K + 2 * K, kAlignment) : 0;
  const int team = static_cast<int>(std::min<Index>(threads, runs));
  const Blocks<double> blocks(round_up(kernels.powers_size(K), kAlignment) + runs * sums_size, kernels.scratch_size(K, longest), team);
  double* const powers = blocks.shared();
  double* const sums = powers + round_up(kernels.powers_size(K), kAlignment);
  parallel(1, [&](int, int) { kernels.powers(crf, -std::numeric_limits<double>::infinity(), powers); });
  parallel(team, [&](int thread, int count) {
    for (Index run = thread; run < runs; run += count) {
      double* const own = sums + run * sums_size;
      std::fill_n(own, sums_size, 0.0);
      kernels.partition({crf, run_begin(crf, run, runs), run_begin(crf, run + 1, runs), powers, arrays.gold, arrays.weights, arrays.values, arrays.d_emissions, own,
                         own + K * K, own + K * K + K, blocks.of(thread)});
    }
  });
  if (!arrays.d_emissions) return;
  for (Index run = 1; run < runs; ++run)
    for (Index i = 0; i < sums_size; ++i) sums[i] += sums[run * sums_size + i];
  std::copy_n(sums, K * K, arrays.d_pair);
  std::copy_n(sums + K * K, K, arrays.d_start);
  std::copy_n(sums + K * K + K, K, arrays.d_end);
}

template <class T>
void crf_marginals(const Crf<T>& crf, double* probabilities, int threads) {
  const CrfKernels<T>& kernels = instruction_set().kernels<T>().crf;
  const int team = crf_threads(crf, 2 * square_work(crf), threads);
  const Blocks<double> blocks(kernels.powers_size(crf.labels), kernels.scratch_size(crf.labels, longest_of(crf)), team);
  parallel(1, [&](int, int) { kernels.powers(crf, kFloor, blocks.shared()); });
  parallel(team, [&](int thread, int count) {
    kernels.marginals({crf, run_begin(crf, thread, count), run_begin(crf, thread + 1, count), blocks.shared(), probabilities, blocks.of(thread)});
  });
}

template <class T>
void crf_viterbi(const Crf<T>& crf, Index lag, Index* labels, double* scores, int threads) {
  const CrfKernels<T>& kernels = instruction_set().kernels<T>().crf;
  const int team = crf_threads(crf, square_work(crf), threads);
  const Blocks<T> blocks(kernels.viterbi_tables_size(crf.labels), kernels.viterbi_scratch(crf.labels, longest_of(crf)), team);
  parallel(1, [&](int, int) { kernels.viterbi_tables(crf, blocks.shared()); });
  parallel(team, [&](int thread, int count) {
    kernels.viterbi({crf, run_begin(crf, thread, count), run_begin(crf, thread + 1, count), blocks.shared(), lag, labels, scores, blocks.of(thread)});
  });
}

#define TIDEGATE_CRF(T)                                                            \
  template int crf_threads(const Crf<T>&, double, int);                            \
  template Index run_begin(const Crf<T>&, Index, Index);                           \
  template void crf_partition(const Crf<T>&, const PartitionArrays<T>&, int);      \
  template void crf_marginals(const Crf<T>&, double*, int);                        \
  template void crf_viterbi(const Crf<T>&, Index, Index*, double*, int);
TIDEGATE_CRF(float)
TIDEGATE_CRF(double)
#undef TIDEGATE_CRF

}  // namespace tidegate
