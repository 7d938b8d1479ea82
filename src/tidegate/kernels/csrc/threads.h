// Runs a function on several threads of the OpenMP runtime that is already in the process, or of an own pool where there is none.
#pragma once

#include <memory>
#include <type_traits>

namespace tidegate {

// thread: 0 … threads − 1. There may be fewer threads than were asked for: the work must be divided by `threads` as given here.
using Region = void (*)(void* context, int thread, int threads);

void run_parallel(int threads, Region region, void* context);

template <class Work>
void parallel(int threads, Work&& work) {
  run_parallel(
      threads, [](void* context, int thread, int count) { (*static_cast<std::remove_reference_t<Work>*>(context))(thread, count); }, std::addressof(work));
}

// "openmp" or "pool": what a parallel call would run on now.
const char* parallel_runtime();

}  // namespace tidegate
