#include "instruction_sets.h"

#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

#if defined(__x86_64__)
// Asked of the processor itself: __builtin_cpu_supports needs a library that clang-cl does not link.
struct Processor {
  bool avx2 = false, avx512 = false;

  Processor() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    constexpr unsigned kFma = 1u << 12, kSavesRegisters = 1u << 27;
    if ((c & kFma) == 0 || (c & kSavesRegisters) == 0) return;
    unsigned saved, high;  // which registers the system saves: SSE and AVX; AVX-512's masks and its upper halves
    asm("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if ((saved & 0x06) != 0x06 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    constexpr unsigned kAvx2 = 1u << 5, kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
    avx2 = (b & kAvx2) != 0;
    avx512 = avx2 && (b & kAvx512) == kAvx512 && (saved & 0xE6) == 0xE6;
  }
};
#endif

std::vector<InstructionSet> find_usable() {
  std::vector<InstructionSet> sets;
#if defined(__x86_64__)
  [[maybe_unused]] const Processor processor;
#endif
#if defined(TIDEGATE_HAS_AVX512)
  if (processor.avx512) sets.push_back({"avx512", &float_avx512, &double_avx512});
#endif
#if defined(TIDEGATE_HAS_AVX2)
  if (processor.avx2) sets.push_back({"avx2", &float_avx2, &double_avx2});
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
