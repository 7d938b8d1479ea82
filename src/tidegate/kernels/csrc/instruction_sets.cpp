#include "instruction_sets.h"

#include <cstdlib>
#include <stdexcept>

namespace tidegate {

#define TIDEGATE_DECLARE(name)              \
  extern const Kernels<float> float_##name; \
  extern const Kernels<double> double_##name;

#if defined(TIDEGATE_HAS_AVX512)
TIDEGATE_DECLARE(avx512)
#endif
#if defined(TIDEGATE_HAS_AVX2)
TIDEGATE_DECLARE(avx2)
#endif
#if defined(TIDEGATE_HAS_NEON)
TIDEGATE_DECLARE(neon)
#endif
#if defined(TIDEGATE_HAS_BASELINE)
TIDEGATE_DECLARE(baseline)
#endif

namespace {

std::vector<InstructionSet> find_usable() {
  std::vector<InstructionSet> sets;
#if defined(TIDEGATE_HAS_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma"))
    sets.push_back({"avx512", &float_avx512, &double_avx512});
#endif
#if defined(TIDEGATE_HAS_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back({"avx2", &float_avx2, &double_avx2});
#endif
#if defined(TIDEGATE_HAS_NEON)
  sets.push_back({"neon", &float_neon, &double_neon});
#endif
#if defined(TIDEGATE_HAS_BASELINE)
  sets.push_back({"baseline", &float_baseline, &double_baseline});
#endif
  return sets;
}

const std::vector<InstructionSet>& usable() {
  static const std::vector<InstructionSet> sets = find_usable();
  return sets;
}

InstructionSet choose() {
  const char* const asked = std::getenv("TIDEGATE_ISA");
  if (!asked || !*asked) return usable().front();
  std::string names;
  for (const InstructionSet& set : usable()) {
    if (asked == std::string(set.name)) return set;
    names += (names.empty() ? "" : ", ") + std::string(set.name);
  }
  throw std::invalid_argument("TIDEGATE_ISA is '" + std::string(asked) + "', but this build on this processor has " + names + ". Choose one of these or unset it.");
}

}  // namespace

const InstructionSet& instruction_set() {
  static const InstructionSet chosen = choose();
  return chosen;
}

std::vector<std::string> usable_instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet& set : usable()) names.emplace_back(set.name);
  return names;
}

}  // namespace tidegate
