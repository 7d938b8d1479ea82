// How sizes are counted, and on which boundaries memory begins.
#pragma once

#include <cstdint>

namespace tidegate {

using Index = std::int64_t;

// Every buffer that vectors are stored to begins on this boundary, and so does every row of a padded one.
inline constexpr Index kAlignment = 64;

constexpr Index round_up(Index value, Index to) { return (value + to - 1) / to * to; }

}  // namespace tidegate
