#include "memory.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

namespace tidegate {
namespace {

// A block is preceded by a header of one alignment. Sizes come in four steps per power of two, so that few different ones are kept.
constexpr std::size_t kHeader = 64, kSmallest = 1024, kClasses = 4 * 48, kKeptAtMost = std::size_t{512} << 20, kHuge = std::size_t{2} << 20;

struct Header {
  std::size_t size_class;
  Header* next;
};

std::size_t class_of(std::size_t bytes) {
  if (bytes <= kSmallest) return 0;
  const std::size_t power = std::bit_width(bytes - 1) - 1, quarter = (bytes - 1 - (std::size_t{1} << power)) >> (power - 2);
  return (power - 10) * 4 + quarter + 1;
}

std::size_t size_of(std::size_t size_class) {
  if (size_class == 0) return kSmallest;
  const std::size_t power = (size_class - 1) / 4 + 10, quarter = (size_class - 1) % 4;
  return (std::size_t{1} << power) + ((quarter + 1) << (power - 2));
}

// Windows' C library has no aligned_alloc, and its free() takes only what its malloc() gave.
#if defined(_WIN32)
void* allocate(std::size_t alignment, std::size_t bytes) { return _aligned_malloc(bytes, alignment); }
void deallocate(void* memory) { _aligned_free(memory); }
#else
void* allocate(std::size_t alignment, std::size_t bytes) { return std::aligned_alloc(alignment, bytes); }
void deallocate(void* memory) { std::free(memory); }
#endif

std::mutex mutex;
Header* kept[kClasses];
std::size_t kept_bytes = 0;

void free_kept() noexcept {
  for (Header*& first : kept)
    while (first) deallocate(std::exchange(first, first->next));
  kept_bytes = 0;
}

#if defined(__unix__) || defined(__APPLE__)
// A fork in the middle of another thread's call must not leave the child with a locked mutex.
[[maybe_unused]] const int registered = pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
#endif

}  // namespace

void* acquire_block(std::size_t bytes) {
  const std::size_t size_class = class_of(bytes);
  if (size_class >= kClasses) throw std::bad_alloc();
  {
    const std::lock_guard lock(mutex);
    if (Header* const header = kept[size_class]) {
      kept[size_class] = header->next;
      kept_bytes -= size_of(size_class);
      return reinterpret_cast<char*>(header) + kHeader;
    }
  }
  const std::size_t whole = size_of(size_class) + kHeader, alignment = whole >= 2 * kHuge ? kHuge : kHeader;
  void* const memory = allocate(alignment, (whole + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == kHuge) madvise(memory, whole, MADV_HUGEPAGE);
#endif
  new (memory) Header{size_class, nullptr};
  return static_cast<char*>(memory) + kHeader;
}

void release_block(void* block) noexcept {
  Header* const header = reinterpret_cast<Header*>(static_cast<char*>(block) - kHeader);
  const std::size_t size = size_of(header->size_class);
  if (size > kKeptAtMost) return deallocate(header);
  const std::lock_guard lock(mutex);
  // What was kept for other sizes goes first: the next call most likely wants what this one gave back.
  if (kept_bytes + size > kKeptAtMost) free_kept();
  header->next = kept[header->size_class];
  kept[header->size_class] = header;
  kept_bytes += size;
}

void release_kept_memory() noexcept {
  const std::lock_guard lock(mutex);
  free_kept();
}

}  // namespace tidegate
