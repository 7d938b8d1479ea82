// CTC with random logits and transcripts on a random batch: losses and gradients held against the recursion in double precision, transcripts of a wide
// beam against all alignments there are. Every call runs on one thread and on several, where every bit must be the same.
#pragma once

#include <limits>
#include <map>

#include "crf_cases.h"
#include "ctc.h"
#include "prefixes.h"

namespace findings {

template <class T>
struct CtcBatch {
  Index labels, blank;
  std::vector<Index> lengths, transcript_lengths;
  Index B = static_cast<Index>(lengths.size()), K = labels;
  Array<Index> offsets = offsets_of(lengths), target_offsets = offsets_of(transcript_lengths);
  Index N = offsets[lengths.size()];
  Array<T> logits{N * K};
  Array<Index> targets{target_offsets[lengths.size()]};

  // `kinds`: how many different labels transcripts have.
  void fill(Random& random, double scale, Index kinds) {
    std::normal_distribution<double> normal(0, scale);
    for (T& value : logits) value = static_cast<T>(normal(random));
    for (Index& label : targets) {
      label = draw(random, 0, std::min(kinds, K - 1) - 1);
      label += label >= blank;
    }
  }
  Ctc<T> ctc() const { return {logits.data(), offsets.data(), B, K, targets.data(), target_offsets.data(), blank}; }
  std::string text() const {
    std::string all = std::string(sizeof(T) == 4 ? "float32" : "float64") + " ctc K" + std::to_string(K) + " blank " + std::to_string(blank) + " lengths";
    for (std::size_t b = 0; b < lengths.size(); ++b) all += " " + std::to_string(lengths[b]) + "x" + std::to_string(transcript_lengths[b]);
    return all;
  }
};

template <class T>
struct CtcResult {
  Array<double> losses;
  Array<T> gradient;
  void expect_same_as(const CtcResult& other) const {
    expect_same("losses on several threads", other.losses, losses);
    expect_same("the gradient on several threads", other.gradient, gradient);
  }
};

// −log p of one transcript, or nothing where no alignment spells it.
template <class T>
Scalars alignment_loss(const CtcBatch<T>& of, const Scalars& logits, std::size_t b) {
  const Index* const targets = of.targets.data() + of.target_offsets[b];
  const Index places = 2 * of.transcript_lengths[b] + 1;
  const auto label_at = [&](Index place) { return place % 2 ? targets[place / 2] : of.blank; };
  std::vector<Scalars> alpha(static_cast<std::size_t>(places));  // of each place one, or none where no path leads there
  const auto at = [&](Index place) -> Scalars& { return alpha[static_cast<std::size_t>(place)]; };
  for (Index n = of.offsets[b]; n < of.offsets[b + 1]; ++n) {
    Scalars row;
    for (Index k = 0; k < of.K; ++k) row.push_back(score_at(logits, n * of.K + k));
    const Scalar whole = log_sum(row);
    for (Index place = places - 1; place >= 0; --place) {
      Scalars terms = at(place);
      if (place > 0) terms.insert(terms.end(), at(place - 1).begin(), at(place - 1).end());
      if (place > 1 && place % 2 && label_at(place) != label_at(place - 2)) terms.insert(terms.end(), at(place - 2).begin(), at(place - 2).end());
      if (n == of.offsets[b]) terms = place < 2 ? Scalars{Scalar(0)} : Scalars{};
      at(place).clear();
      if (!terms.empty()) at(place).push_back(log_sum(terms) + row[static_cast<std::size_t>(label_at(place))] - whole);
    }
  }
  if (of.lengths[b] == 0) return places == 1 ? Scalars{Scalar(0)} : Scalars{};
  Scalars ends = at(places - 1);
  if (places > 1) ends.insert(ends.end(), at(places - 2).begin(), at(places - 2).end());
  return ends.empty() ? Scalars{} : Scalars{Scalar(0) - log_sum(ends)};
}

template <class T>
void check_ctc_loss(const CtcBatch<T>& of, bool needs_gradient) {
  ++cases;
  now = of.text();
  const auto result = on_threads<CtcResult<T>>([&](int threads) {
    CtcResult<T> to{Array<double>(of.B), Array<T>(needs_gradient ? of.N * of.K : 0)};
    ctc_loss<T>(of.ctc(), to.losses.data(), needs_gradient ? to.gradient.data() : nullptr, threads);
    return to;
  });
  record.clear();
  const Scalars logits = of.logits.scalars();
  std::vector<Scalars> wanted;
  for (std::size_t b = 0; b < of.lengths.size(); ++b) wanted.push_back(alignment_loss(of, logits, b));
  record.gradients.assign(record.values.size(), 0);
  for (std::size_t b = 0; b < of.lengths.size(); ++b) {
    const double loss = wanted[b].empty() ? std::numeric_limits<double>::infinity() : wanted[b][0].value();
    const bool is_close = std::fabs(result.losses[b] - loss) <= (sizeof(T) == 4 ? 2e-6 : 1e-12) * (1 + loss);
    if (!(result.losses[b] == loss || is_close)) report("loss " + std::to_string(b) + " is " + std::to_string(result.losses[b]) + ", expected " + std::to_string(loss));
    if (!wanted[b].empty()) wanted[b][0].gradient() += 1;
  }
  if (!needs_gradient) return;
  record.backward();
  expect_close("the gradient", result.gradient, gradients_of(logits), sizeof(T) == 4 ? 5e-6 : 1e-11, 1);
}

struct FoundTranscripts {
  Array<Index> labels, steps;
  Array<double> scores;
  void expect_same_as(const FoundTranscripts& other) const {
    expect_same("transcripts on several threads", other.labels, labels);
    expect_same("steps on several threads", other.steps, steps);
    expect_same("scores on several threads", other.scores, scores);
  }
};

// What each transcript of sequence `b` comes to, by all its alignments.
template <class T>
std::map<std::vector<Index>, double> all_transcripts(const CtcBatch<T>& of, std::size_t b) {
  std::map<std::vector<Index>, double> probabilities;
  const Index steps = of.lengths[b], K = of.K;
  std::vector<Index> path(static_cast<std::size_t>(steps));
  for (bool is_next = true; is_next;) {
    std::vector<Index> spelled;
    double probability = 1;
    for (Index t = 0; t < steps; ++t) {
      const T* const row = of.logits.data() + (of.offsets[b] + t) * K;
      const Index label = path[static_cast<std::size_t>(t)];
      double sum = 0;
      for (Index k = 0; k < K; ++k) sum += std::exp(static_cast<double>(row[k]));
      probability *= std::exp(static_cast<double>(row[label])) / sum;
      if (label != of.blank && (t == 0 || label != path[static_cast<std::size_t>(t) - 1])) spelled.push_back(label);
    }
    probabilities[spelled] += probability;
    is_next = false;
    for (Index& label : path) {
      is_next = ++label < K;
      if (is_next) break;
      label = 0;
    }
  }
  return probabilities;
}

template <class T>
void check_ctc_beam(const CtcBatch<T>& of, const Search& search, bool enumerates) {
  ++cases;
  now = of.text() + " beam " + std::to_string(search.beam);
  std::vector<std::vector<Transcript>> found;
  on_threads<FoundTranscripts>([&](int threads) {
    found = ctc_beam<T>(of.ctc(), search, threads);
    std::vector<Index> labels, steps;
    std::vector<double> scores;
    for (const std::vector<Transcript>& transcripts : found)
      for (const Transcript& transcript : transcripts) {
        labels.insert(labels.end(), transcript.labels.begin(), transcript.labels.end());
        steps.insert(steps.end(), transcript.steps.begin(), transcript.steps.end());
        scores.push_back(transcript.score);
      }
    FoundTranscripts to{Array<Index>(static_cast<Index>(labels.size())), Array<Index>(static_cast<Index>(steps.size())), Array<double>(static_cast<Index>(scores.size()))};
    std::copy(labels.begin(), labels.end(), to.labels.begin());
    std::copy(steps.begin(), steps.end(), to.steps.begin());
    std::copy(scores.begin(), scores.end(), to.scores.begin());
    return to;
  });
  for (std::size_t b = 0; b < of.lengths.size(); ++b) {
    const auto known = enumerates ? all_transcripts(of, b) : std::map<std::vector<Index>, double>();
    if (enumerates && found[b].size() != known.size()) report("the number of transcripts is another");
    for (std::size_t i = 0; i < found[b].size(); ++i) {
      const Transcript& transcript = found[b][i];
      if (i > 0 && found[b][i - 1].score < transcript.score) report("a worse transcript comes first");
      for (std::size_t label = 0; label < transcript.steps.size(); ++label)
        if (transcript.steps[label] < (label > 0 ? transcript.steps[label - 1] + 1 : 0) || transcript.steps[label] >= of.lengths[b]) report("labels do not rise by their steps");
      if (!enumerates) continue;
      const auto wanted = known.find(transcript.labels);
      if (wanted == known.end() || !(std::fabs(std::exp(transcript.score) - wanted->second) <= 1e-12)) report("a transcript's probability is another");
    }
  }
}

template <class T>
void check_ctc(Random& random, int rounds) {
  const auto loss = [&](Index labels, const std::vector<Index>& lengths, Index scale, bool needs_gradient) {
    std::vector<Index> transcripts;
    for (const Index length : lengths) transcripts.push_back(draw(random, 0, 5) == 0 ? length : draw(random, 0, length));
    CtcBatch<T> batch{labels, draw(random, 0, labels - 1), lengths, transcripts};
    batch.fill(random, static_cast<double>(scale), draw_of(random, {1, 2, 1000, 1000}));
    check_ctc_loss(batch, needs_gradient);
  };
  const auto beam = [&](Index labels, const std::vector<Index>& lengths, const Search& search, bool enumerates) {
    CtcBatch<T> batch{labels, draw(random, 0, labels - 1), lengths, std::vector<Index>(lengths.size())};
    batch.fill(random, 2, labels);
    check_ctc_beam(batch, search, enumerates);
  };
  for (int round = 0; round < rounds; ++round) {
    loss(draw_of(random, {2, 3, 7, 8, 9, 15, 16, 17, 33, 70}), draw_lengths(random, 6, 70), draw_of(random, {1, 5, 30}), draw(random, 0, 4) > 0);
    beam(draw_of(random, {1, 2, 3}), draw_lengths(random, 4, 5), {100000, 100000, 0}, true);
    const Index width = draw(random, 1, 9);
    beam(draw_of(random, {2, 5, 30}), draw_lengths(random, 4, 30), {width, draw(random, 1, width), draw(random, 0, 1) * 0.05}, false);
  }
  // Enough work for threads.
  loss(40, {300, 0, 170, 220, 1}, 3, true);
  beam(40, {60, 0, 90, 40}, {8, 3, 0}, false);
}

}  // namespace findings
