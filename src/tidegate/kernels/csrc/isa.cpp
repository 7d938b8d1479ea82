// One instruction set's kernels. Compiled once per set, with -DTIDEGATE_ISA=<name> and the set's flags; everything here lives in the
// namespace of that name and uses no function of the standard library, so that no function compiled for one set is linked for another.
#include "alignments.h"
#include "attention_backward.h"
#include "backward.h"
#include "gradient.h"
#include "partition.h"
#include "viterbi.h"

namespace tidegate {

#define TIDEGATE_JOIN2(a, b) a##b
#define TIDEGATE_JOIN(a, b) TIDEGATE_JOIN2(a, b)

template <class T>
constexpr Kernels<T> table() {
  using namespace TIDEGATE_ISA;
  return {kLanes<T>,
          packed_size<T>,
          pack<T>,
          product<T>,
          normalise_inputs<T>,
          forward<T>,
          backward<T>,
          gradient_scratch<T>,
          weight_gradient<T>,
          column_sums<T>,
          {powers_size, powers<T>, scratch_size, partition<T>, marginals<T>, viterbi_tables_size<T>, viterbi_tables<T>, viterbi_scratch<T>, viterbi<T>},
          {ctc_scratch<T>, ctc_shifts, ctc_loss<T>},
          {forward_scratch<T>, attention_forward<T>, score_gradients<T>, backward_scratch<T>, attention_gradients<T>}};
}

extern const Kernels<float> TIDEGATE_JOIN(float_, TIDEGATE_ISA);
extern const Kernels<double> TIDEGATE_JOIN(double_, TIDEGATE_ISA);
const Kernels<float> TIDEGATE_JOIN(float_, TIDEGATE_ISA) = table<float>();
const Kernels<double> TIDEGATE_JOIN(double_, TIDEGATE_ISA) = table<double>();

}  // namespace tidegate
