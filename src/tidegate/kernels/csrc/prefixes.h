// CTC's prefix beam search (Graves 2012; Hannun et al. 2014, arXiv 1408.2873), in double precision: plain loops and no vectors.
#pragma once

#include <vector>

#include "ctc_jobs.h"

namespace tidegate {

struct Transcript {
  std::vector<Index> labels;  // [L]
  std::vector<Index> steps;   // [L], where each label begins on the transcript's best alignment
  double score;               // log p, as far as the beam holds it
};

// How a search goes: `beam` transcripts are kept at each step, and a label whose probability is below `prune` there is not tried, unless it is
// the most probable one.
struct Search {
  Index beam, n_best;
  double prune;
};

// The best transcripts of each sequence, the best first; of equal ones the one that was met first, older ones before those that a label was just
// added to, and these by the place of what it was added to and the label's probability. Where a logit is no number or +∞ there is one, empty and of
// the score NaN. The targets of `ctc` are not read.
template <class T>
std::vector<std::vector<Transcript>> ctc_beam(const Ctc<T>& ctc, const Search& search, int threads);

}  // namespace tidegate
