// Which instruction set's kernels run: the best that this processor has, or the one that TIDEGATE_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels.h"

namespace tidegate {

struct InstructionSet {
  const char* name;
  const Kernels<float>* float_kernels;
  const Kernels<double>* double_kernels;

  template <class T>
  const Kernels<T>& kernels() const {
    if constexpr (sizeof(T) == 4)
      return *float_kernels;
    else
      return *double_kernels;
  }
};

// Throws std::invalid_argument where TIDEGATE_ISA names a set that was not built or that the processor lacks.
const InstructionSet& instruction_set();

// Those that were built and that run here, the best first.
std::vector<std::string> usable_instruction_sets();

}  // namespace tidegate
