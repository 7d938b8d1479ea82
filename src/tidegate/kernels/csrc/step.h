// The rows of one step of a part, and how many they are.
#pragma once

#include "vectors.h"

namespace tidegate::TIDEGATE_ISA {

// The rows of one step. Row r of a state stands r · stride values after the first.
template <class T>
struct StepRows {
  Index count, stride;
  const T* h;
  const T* source;   // h as it enters the recurrent product: times the mask, where there is one
  T* h_next;
  const T* mask;     // or null
  T* source_next;    // with a mask
  const T* c;
  T* c_next;
  T* reset;          // r∘h
  T* update;         // z
  T* const* gates;   // per row; holds the input's share, and the activated gates where they are kept
  T* const* y;
};

// Shared by the cells' tiles: the state of one block of units goes to the next step and to the output.
template <class T>
TIDEGATE_INLINE void store_state(const StepRows<T>& step, Index row, Index unit, Index valid, Vector<T> h) {
  store(step.h_next + row * step.stride + unit, h);
  if (step.mask) store(step.source_next + row * step.stride + unit, Vector<T>(h * load(step.mask + row * step.stride + unit)));
  store_some(step.y[row] + unit, h, valid);
}

// How many of a part's sequences run at a step.
template <class T>
TIDEGATE_INLINE Index running(const Part<T>& part, Index step) {
  if (step >= part.layout->steps) return 0;
  const Index rows = part.layout->active(step) - part.first;
  return rows <= 0 ? 0 : (rows + part.stride - 1) / part.stride;
}

}  // namespace tidegate::TIDEGATE_ISA
