// Aligned memory that is kept for the next call instead of going back to the system: a fresh page costs more than what is computed in it.
#pragma once

#include <cstddef>
#include <utility>

namespace tidegate {

// Throws std::bad_alloc.
void* acquire_block(std::size_t bytes);
void release_block(void* block) noexcept;

// Gives back to the system what no one holds.
void release_kept_memory() noexcept;

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) : data_(count ? static_cast<T*>(acquire_block(count * sizeof(T))) : nullptr), count_(count) {}
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() {
    if (data_) release_block(data_);
  }

  T* data() const { return data_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  T* release() {
    count_ = 0;
    return std::exchange(data_, nullptr);
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace tidegate
