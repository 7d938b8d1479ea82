// Whether it pays at the moment that threads share a step: on a machine that is busy with other work they wait for each other far longer
// than the whole step takes one of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

namespace tidegate {

// What one step takes alone is learnt first. After a shared step that took longer come steps alone, twice as many each time it happens
// again, and half as many after a shared step that paid. The first shared step after others says nothing: the threads wake up for it.
// Several callers may use one: a lost update changes no result.
class Pace {
 public:
  // Whether the next step is to be shared.
  bool shares() {
    if (alone_left_.load(std::memory_order_relaxed) <= 0) return true;
    alone_left_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  void took(bool shared, std::int64_t nanoseconds) {
    const std::int64_t alone = alone_.load(std::memory_order_relaxed);
    const int pause = pause_.load(std::memory_order_relaxed);
    if (!shared) {
      // Up a little where it took longer, since the machine may have become slower.
      alone_.store(std::min(nanoseconds, alone + alone / 64), std::memory_order_relaxed);
      wakes_.store(true, std::memory_order_relaxed);
    } else if (wakes_.exchange(false, std::memory_order_relaxed)) {
      return;
    } else if (nanoseconds <= alone) {
      pause_.store(std::max(kShortest, pause / 2), std::memory_order_relaxed);
    } else {
      alone_left_.store(pause, std::memory_order_relaxed);
      pause_.store(std::min(kLongest, 2 * pause), std::memory_order_relaxed);
    }
  }

 private:
  static constexpr int kLearning = 4, kShortest = 16, kLongest = 1024;
  std::atomic<std::int64_t> alone_{std::numeric_limits<std::int64_t>::max() / 2};
  std::atomic<int> alone_left_{kLearning}, pause_{kShortest};
  std::atomic<bool> wakes_{true};
};

}  // namespace tidegate
