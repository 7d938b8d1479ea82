// csrc/memory.cpp itself: what several threads acquire at once is theirs alone, aligned, and can be given back in any order.
#include "memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

struct Held {
  unsigned char* data;
  std::size_t bytes;
  unsigned char mark;
};

bool is_intact(const Held& held) {
  return std::all_of(held.data, held.data + held.bytes, [&](unsigned char byte) { return byte == held.mark; });
}

// Gives the number of blocks that were not as they must be.
int work(unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<Held> held;
  int wrong = 0;
  for (int round = 0; round < 3000; ++round) {
    if (held.size() < 20 && random() % 2) {
      const std::size_t bytes = 1 + random() % (random() % 50 == 0 ? std::size_t{6} << 20 : std::size_t{20000});
      const Held block{static_cast<unsigned char*>(tidegate::acquire_block(bytes)), bytes, static_cast<unsigned char>(random())};
      wrong += reinterpret_cast<std::uintptr_t>(block.data) % 64 != 0;
      std::memset(block.data, block.mark, bytes);
      held.push_back(block);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      wrong += !is_intact(held.back());
      tidegate::release_block(held.back().data);
      held.pop_back();
    }
    if (random() % 500 == 0) tidegate::release_kept_memory();
  }
  for (const Held& block : held) {
    wrong += !is_intact(block);
    tidegate::release_block(block.data);
  }
  return wrong;
}

}  // namespace

int main() {
  int wrong[3] = {};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) threads.emplace_back([&wrong, i] { wrong[i] = work(i + 1); });
  for (std::thread& thread : threads) thread.join();
  tidegate::release_kept_memory();
  const int all = wrong[0] + wrong[1] + wrong[2];
  std::printf("blocks: %d wrong\n", all);
  return all > 0;
}
