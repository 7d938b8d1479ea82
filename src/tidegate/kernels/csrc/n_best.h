// The n best paths of a linear-chain CRF, in double precision: list Viterbi (Seshadri & Sundberg 1994), plain loops and no vectors.
#pragma once

#include <vector>

#include "crf_jobs.h"

namespace tidegate {

// Where the paths of one sequence go, as many as `count_paths` says: labels [paths, T] and scores [paths].
struct Paths {
  Index count;
  Index* labels;
  double* scores;
};

// `most`, or all the Kᵀ paths of a sequence of T steps where they are fewer.
Index count_paths(Index labels, Index steps, Index most);

// To the paths of each sequence, the best first. Of equal scores the path whose last label is lower comes first; where these are the same, the
// label before decides, and so on. Where a score is no number, all scores of the sequence are none and all its labels are 0.
template <class T>
void crf_n_best(const Crf<T>& crf, const std::vector<Paths>& paths, int threads);

}  // namespace tidegate
