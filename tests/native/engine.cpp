// Drives the engine's layers, its CRF, CTC and its attention without Python: random shapes and ragged batches, several threads, every array of exactly its size
// (guarded.h), results and gradients held against equations in double precision (cells.h) and plain loops. Meant to run under sanitizers.
//
//   engine [--seed N] [--rounds N]     the set that TIDEGATE_ISA names, or the best; 77 where it does not run here, 1 where something is wrong
#include <cstdlib>
#include <stdexcept>

#include "attention_cases.h"
#include "crf_cases.h"
#include "ctc_cases.h"
#include "instruction_sets.h"
#include "layer_cases.h"
#include "threads.h"

namespace {

using namespace findings;

// Each cell's cases take its variants in turn.
class Turns {
 public:
  explicit Turns(const CellRow& cell) {
    for (const VariantRow& variant : truth::kVariants)
      if (variant.fits(cell)) variants_.push_back(&variant);
  }
  const VariantRow* next() { return variants_[turn_++ % variants_.size()]; }

 private:
  std::vector<const VariantRow*> variants_;
  std::size_t turn_ = 0;
};

template <class T>
void check_cell(const CellRow& cell, Turns& turns, Random& random, int rounds) {
  const auto any = [&](Case of) {
    of.reverse = of.directions == 1 && draw(random, 0, 2) == 0;
    of.states = draw(random, 0, 2) > 0;
    of.shuffled = draw(random, 0, 2) == 0;
    of.biases[0] = draw(random, 0, 3) > 0;
    of.biases[1] = cell.has_recurrent && draw(random, 0, 3) > 0;
    of.seed = random();
    check_layer<T>(of, random);
  };
  for (int round = 0; round < rounds; ++round) {
    const Index hidden = draw_of(random, {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33}), input = draw_of(random, {1, 2, 3, 4, 7, 8, 15, 16, 17, 20, 33});
    any({&cell, turns.next(), input, hidden, draw(random, 1, 2), draw_lengths(random, 14, 6), static_cast<int>(draw(random, 2, 4))});
  }
  // Enough work for threads: sequences dealt out, and the units of a single one.
  const Index gates = gates_of(cell.cell);
  any({&cell, turns.next(), cell.has_recurrent && gates > 1 ? 9 : 90, 37, 2, {3, 0, 9, 5, 8, 1, 7}, 4});
  for (const VariantRow& variant : {truth::kVariants[0], truth::kVariants[1]})
    if (variant.fits(cell)) any({&cell, &variant, 3, gates == 1 ? 290 : 170, 1, {3}, 3});
  // More steps than one slice of the weights' gradients, more rows than one chunk, a depth above one panel's.
  any({&cell, turns.next(), 2, 3, 1, {150, 20, 0, 101}, 2});
  any({&cell, turns.next(), 530, 2, 1, {2, 1}, 2});
}

}  // namespace

int main(int count, char** arguments) {
  unsigned long long seed = 1;
  int rounds = 10;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(arguments[i], "--seed") == 0) seed = std::strtoull(arguments[i + 1], nullptr, 10);
    if (std::strcmp(arguments[i], "--rounds") == 0) rounds = std::atoi(arguments[i + 1]);
  }
  try {
    std::printf("%s, seed %llu, %s\n", instruction_set().name, seed, parallel_runtime());
  } catch (const std::invalid_argument& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  std::fflush(stdout);
  Random random(seed);
  for (const CellRow& cell : truth::kCells) {
    Turns turns(cell);
    check_cell<float>(cell, turns, random, rounds);
    check_cell<double>(cell, turns, random, rounds);
  }
  check_crf<float>(random, 2 * rounds);
  check_crf<double>(random, 2 * rounds);
  check_ctc<float>(random, 2 * rounds);
  check_ctc<double>(random, 2 * rounds);
  check_attention<float>(random, 2 * rounds);
  check_attention<double>(random, 2 * rounds);
  std::printf("%d cases, %d findings\n", cases, failures);
  return failures > 0;
}
