// The engine's memory with guards: linked in place of csrc/memory.cpp, whose blocks are larger than what was asked for and used again.
#include "guarded.h"
#include "memory.h"

namespace tidegate {
namespace {

constexpr std::size_t kHeader = 64;  // the block's size, kept in a block of its own kind before it

}  // namespace

void* acquire_block(std::size_t bytes) {
  char* const memory = static_cast<char*>(guarded::allocate(kHeader + bytes));
  std::memcpy(memory, &bytes, sizeof bytes);
  return memory + kHeader;
}

void release_block(void* block) noexcept {
  char* const memory = static_cast<char*>(block) - kHeader;
  std::size_t bytes;
  std::memcpy(&bytes, memory, sizeof bytes);
  if (!guarded::is_whole(reinterpret_cast<unsigned char*>(memory) + sizeof bytes, kHeader - sizeof bytes)) {
    std::fprintf(stderr, "bytes before a block of %zu bytes were written over\n", bytes);
    std::abort();
  }
  guarded::release(memory, kHeader + bytes);
}

void release_kept_memory() noexcept {}

}  // namespace tidegate
