#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#include <pthread.h>
#endif
#if defined(__linux__)
#include <link.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "barrier.h"

namespace tidegate {
namespace {

// Denormals are flushed to zero while this lives; the caller's mode comes back afterwards.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  std::uint64_t before_;
#endif
};

struct Call {
  Region region;
  void* context;

  void operator()(int thread, int threads) const {
    const FlushDenormals flush;
    region(context, thread, threads);
  }
};

// The entry points of an OpenMP runtime. GOMP_parallel is libgomp's own name, and libomp and libiomp5 export it too.
struct OpenMP {
  void (*parallel)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
  int (*thread_num)() = nullptr;
  int (*num_threads)() = nullptr;
};

std::atomic<bool> is_forked_child{false};

#if defined(__linux__)

struct Search {
  unsigned long long loads = 0;
  unsigned long long seen = 0;
  std::string path;  // the library to use; torch's own before any other
  bool first = true;
};

bool is_openmp(const char* name) {
  const char* const slash = std::strrchr(name, '/');
  const char* const file = slash ? slash + 1 : name;
  return std::strncmp(file, "libgomp", 7) == 0 || std::strncmp(file, "libomp", 6) == 0 || std::strncmp(file, "libiomp", 7) == 0;
}

// The runtime that is loaded, looked for again whenever libraries have been loaded since: torch may be imported after us.
const OpenMP* openmp() {
  static std::mutex mutex;
  static std::atomic<unsigned long long> looked_at{0};
  static std::atomic<const OpenMP*> found{nullptr};
  Search search;
  search.seen = looked_at.load(std::memory_order_acquire);
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& search = *static_cast<Search*>(data);
        search.loads = info->dlpi_adds;
        if (search.loads == search.seen) return 1;
        if (info->dlpi_name && is_openmp(info->dlpi_name) && (search.path.empty() || std::strstr(info->dlpi_name, "/torch"))) search.path = info->dlpi_name;
        return 0;
      },
      &search);
  if (search.loads != search.seen) {
    const std::lock_guard lock(mutex);
    if (!search.path.empty()) {
      if (void* const library = dlopen(search.path.c_str(), RTLD_LAZY | RTLD_NOLOAD)) {
        OpenMP runtime;
        runtime.parallel = reinterpret_cast<decltype(runtime.parallel)>(dlsym(library, "GOMP_parallel"));
        runtime.thread_num = reinterpret_cast<decltype(runtime.thread_num)>(dlsym(library, "omp_get_thread_num"));
        runtime.num_threads = reinterpret_cast<decltype(runtime.num_threads)>(dlsym(library, "omp_get_num_threads"));
        const OpenMP* const before = found.load();
        if (runtime.parallel && runtime.thread_num && runtime.num_threads && !(before && before->parallel == runtime.parallel))
          found.store(new OpenMP(runtime));  // at most one a runtime, and others may be reading the last one
      }
    }
    looked_at.store(search.loads, std::memory_order_release);
  }
  return found.load(std::memory_order_acquire);
}

#elif defined(__APPLE__)

const OpenMP* openmp() {
  static const OpenMP runtime = [] {
    OpenMP found;
    found.parallel = reinterpret_cast<decltype(found.parallel)>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    found.thread_num = reinterpret_cast<decltype(found.thread_num)>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
    found.num_threads = reinterpret_cast<decltype(found.num_threads)>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
    return found;
  }();
  return runtime.parallel && runtime.thread_num && runtime.num_threads ? &runtime : nullptr;
}

#else

const OpenMP* openmp() { return nullptr; }

#endif

// Threads of our own, for processes without an OpenMP runtime. One call at a time has them; others run on their own thread meanwhile.
// Before it sleeps a thread looks out for a while: to be woken takes as long as a small call, and where one came the next is often near.
class Pool {
 public:
  void run(int threads, const Call& call) {
    const std::unique_lock busy(in_use_, std::try_to_lock);
    if (!busy) return call(0, 1);
    {
      const std::lock_guard lock(mutex_);
      while (static_cast<int>(workers_) < threads - 1) {
        try {
          std::thread(&Pool::work, this, static_cast<int>(workers_) + 1, round_).detach();
        } catch (const std::system_error&) {  // the system gives no more threads: fewer do it
          threads = workers_ + 1;
          break;
        }
        ++workers_;
      }
      call_ = &call;
      threads_ = threads;
      waiting_.store(threads - 1);
      ++round_;
    }
    announced_.fetch_add(1);  // the lock is free again: who looks out need not sleep for it
    start_.notify_all();
    call(0, threads);
    if (seen_soon([&] { return waiting_.load() == 0; })) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return waiting_.load() == 0; });
  }

 private:
  template <class Condition>
  static bool seen_soon(const Condition& holds) {
    for (int spins = 0; spins < kSpins; ++spins) {
      if (holds()) return true;
      relax();
    }
    return holds();
  }

  void work(int thread, unsigned long long seen) {
    for (;;) {
      seen_soon([&] { return announced_.load() != seen; });
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (thread >= threads_) continue;
      const Call call = *call_;
      const int threads = threads_;
      lock.unlock();
      call(thread, threads);
      if (waiting_.fetch_sub(1) > 1) continue;
      lock.lock();  // the caller may be between its last look and its sleep
      lock.unlock();
      done_.notify_one();
    }
  }

  static constexpr int kSpins = 8000;
  std::mutex in_use_, mutex_;
  std::condition_variable start_, done_;
  const Call* call_ = nullptr;
  int workers_ = 0, threads_ = 0;
  unsigned long long round_ = 0;
  std::atomic<int> waiting_{0};
  std::atomic<unsigned long long> announced_{0};
};

std::atomic<Pool*> pool{nullptr};

Pool& own_pool() {
  Pool* now = pool.load(std::memory_order_acquire);
  if (!now) {
    Pool* const made = new Pool;  // never destroyed: its threads wait in it until the process ends
    if (pool.compare_exchange_strong(now, made)) return *made;
    delete made;
  }
  return *now;
}

#if defined(__unix__) || defined(__APPLE__)
// A child has none of its parent's threads: it must not wait for them, neither for OpenMP's (which cannot be told) nor for the pool's.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] {
  is_forked_child.store(true);
  pool.store(nullptr);
});
#endif

const OpenMP* usable_openmp() { return is_forked_child.load(std::memory_order_relaxed) ? nullptr : openmp(); }

}  // namespace

void run_parallel(int threads, Region region, void* context) {
  const Call call{region, context};
  if (threads <= 1) return call(0, 1);
  if (const OpenMP* const runtime = usable_openmp()) {
    struct Shared {
      const Call* call;
      const OpenMP* runtime;
    } shared{&call, runtime};
    runtime->parallel(
        [](void* data) {
          const Shared& shared = *static_cast<const Shared*>(data);
          (*shared.call)(shared.runtime->thread_num(), shared.runtime->num_threads());
        },
        &shared, static_cast<unsigned>(threads), 0);
    return;
  }
  own_pool().run(threads, call);
}

const char* parallel_runtime() { return usable_openmp() ? "openmp" : "pool"; }

}  // namespace tidegate
