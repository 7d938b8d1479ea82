#include "ctc.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "instruction_sets.h"
#include "memory.h"
#include "threads.h"

namespace tidegate {
namespace {

// What a thread must have to do, in multiplications and additions, so that waking it pays; and what a label's softmax and a step of a place in the
// transcript are worth, forward and backward.
constexpr double kWorthAThread = 100e3, kSoftmax = 4, kPlace = 16;

template <class T>
double work_of(const Ctc<T>& ctc, Index sequence) {
  return static_cast<double>(ctc.steps(sequence)) * (kSoftmax * static_cast<double>(ctc.labels) + kPlace * static_cast<double>(ctc.length(sequence) + 1));
}

}  // namespace

int ctc_threads(Index sequences, double work, int threads) {
  const double most = std::min(static_cast<double>(sequences), work / kWorthAThread);
  return most < threads ? std::max(1, static_cast<int>(most)) : threads;
}

template <class T>
void ctc_loss(const Ctc<T>& ctc, double* losses, T* gradient, int threads) {
  const CtcKernels<T>& kernels = instruction_set().kernels<T>().ctc;
  std::vector<Index> order(static_cast<std::size_t>(ctc.sequences));
  double work = 0;
  Index scratch = 0, shifts = 0;
  for (Index b = 0; b < ctc.sequences; ++b) {
    order[static_cast<std::size_t>(b)] = b;
    work += work_of(ctc, b);
    scratch = std::max(scratch, round_up(kernels.scratch_size(ctc.steps(b), ctc.length(b), gradient != nullptr), kAlignment));
    shifts = std::max(shifts, kernels.shifts_size(ctc.steps(b)));
  }
  // The largest first, each to the thread that is free.
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return work_of(ctc, a) > work_of(ctc, b); });
  const int team = ctc_threads(ctc.sequences, work, threads);
  const Buffer<T> values(static_cast<std::size_t>(scratch * team));
  const Buffer<Index> numbers(static_cast<std::size_t>(shifts * team));
  std::atomic<std::size_t> next{0};
  parallel(team, [&](int thread, int) {
    for (std::size_t at = next.fetch_add(1); at < order.size(); at = next.fetch_add(1))
      kernels.loss({ctc, order[at], losses, gradient, values.data() + thread * scratch, numbers.data() + thread * shifts});
  });
}

template void ctc_loss(const Ctc<float>&, double*, float*, int);
template void ctc_loss(const Ctc<double>&, double*, double*, int);

}  // namespace tidegate
