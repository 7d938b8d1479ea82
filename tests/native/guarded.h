// Arrays of exactly their size. Every byte in them and around them is 0xFF at first: read as a number that is NaN, which no comparison survives, and
// a byte around them that has changed is found. Under the address sanitizer its own fences stand at the end instead.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace guarded {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

// Guards before and after; the first is as large as the strictest boundary that is asked for.
inline constexpr std::size_t kGuard = 64, kAfter = kSanitized ? 0 : 4096;

inline bool is_whole(const unsigned char* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (from[i] != 0xFF) return false;
  return true;
}

// `shift` bytes past a boundary of 64.
inline void* allocate(std::size_t bytes, std::size_t shift = 0) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kGuard, kGuard + shift + bytes + kAfter) != 0) std::abort();
  std::memset(memory, 0xFF, kGuard + shift + bytes + kAfter);
  return static_cast<char*>(memory) + kGuard + shift;
}

// Ends the program where a guard has been written over.
inline void release(void* block, std::size_t bytes, std::size_t shift = 0) {
  const unsigned char* const begin = static_cast<unsigned char*>(block);
  if (!is_whole(begin - kGuard - shift, kGuard + shift) || !is_whole(begin + bytes, kAfter)) {
    std::fprintf(stderr, "bytes %s a block of %zu bytes were written over\n", is_whole(begin + bytes, kAfter) ? "before" : "after", bytes);
    std::abort();
  }
  std::free(static_cast<char*>(block) - kGuard - shift);
}

}  // namespace guarded
