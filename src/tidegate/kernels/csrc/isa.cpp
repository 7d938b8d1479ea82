// One instruction set's kernels. Compiled once per set, with -DTIDEGATE_ISA=<name> and the set's flags; everything here lives in the
// namespace of that name and uses no function of the standard library, so that no function compiled for one set is linked for another.
#include "backward.h"
#include "crf.h"
#include "gradient.h"

namespace tidegate {

#define TIDEGATE_JOIN2(a, b) a##b
#define TIDEGATE_JOIN(a, b) TIDEGATE_JOIN2(a, b)

template <class T>
constexpr Kernels<T> table() {
  using namespace TIDEGATE_ISA;
  return {kLanes<T>, packed_size<T>, pack<T>, product<T>, forward<T>, backward<T>, gradient_scratch<T>, weight_gradient<T>, crf_scratch<T>, crf<T>};
}

extern const Kernels<float> TIDEGATE_JOIN(float_, TIDEGATE_ISA);
extern const Kernels<double> TIDEGATE_JOIN(double_, TIDEGATE_ISA);
const Kernels<float> TIDEGATE_JOIN(float_, TIDEGATE_ISA) = table<float>();
const Kernels<double> TIDEGATE_JOIN(double_, TIDEGATE_ISA) = table<double>();

}  // namespace tidegate
