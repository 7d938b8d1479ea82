// A barrier for the few threads that share one step: it spins, and gives the processor away when that takes long.
#pragma once

#include <atomic>
#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#elif defined(_WIN32)
extern "C" __declspec(dllimport) int __stdcall SwitchToThread(void);  // of windows.h, which would bring its macros
#endif

namespace tidegate {

// What a thread does between two looks at what it waits for.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}

  void wait() {
    const unsigned round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
      if (spins < kSpins) {
        relax();
      } else {
        spins = 0;
#if defined(__unix__) || defined(__APPLE__)
        sched_yield();
#elif defined(_WIN32)
        SwitchToThread();
#endif
      }
    }
  }

 private:
  static constexpr int kSpins = 4000;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
  const int members_;
};

}  // namespace tidegate
