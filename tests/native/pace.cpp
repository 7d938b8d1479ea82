// csrc/pace.h itself, with times as given: steps are shared while that pays, and seldom tried where it does not.
#include "pace.h"

#include <cstdio>

namespace {

// How many of `steps` steps were shared, where one takes so many µs alone and so many shared; waking up takes 150 more.
int shared(tidegate::Pace& pace, int steps, int alone, int together) {
  static bool awake = false;
  int count = 0;
  for (int step = 0; step < steps; ++step) {
    const bool shares = pace.shares();
    count += shares;
    pace.took(shares, 1000 * (!shares ? alone : awake ? together : together + 150));
    awake = shares;
  }
  return count;
}

int failures = 0;

void expect(const char* what, int found, int least, int most) {
  if (found >= least && found <= most) return;
  std::printf("%s: %d, expected %d to %d\n", what, found, least, most);
  ++failures;
}

}  // namespace

int main() {
  tidegate::Pace pace;
  expect("shared while it is learnt how long a step takes alone", shared(pace, 4, 50, 30), 0, 0);
  expect("shared where it pays", shared(pace, 10000, 50, 30), 10000, 10000);
  expect("shared on a busy machine", shared(pace, 100000, 60, 1000), 100, 300);
  expect("shared after it was busy", shared(pace, 20000, 50, 30), 15000, 20000);
  expect("one step held up", shared(pace, 1, 50, 1000), 1, 1);
  expect("shared soon after that", shared(pace, 10000, 50, 30), 9900, 9990);
  expect("shared on a machine that has become three times slower", shared(pace, 20000, 150, 90), 15000, 20000);
  std::printf("%d findings\n", failures);
  return failures > 0;
}
