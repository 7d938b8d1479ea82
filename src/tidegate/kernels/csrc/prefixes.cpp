#include "prefixes.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "ctc.h"
#include "threads.h"

namespace tidegate {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_sum(double a, double b) {
  const double most = std::max(a, b);
  return most == kNever ? kNever : most + std::log1p(std::exp(std::min(a, b) - most));
}

// log p [T, K] of one sequence; gives false where a logit is no number, or +∞.
template <class T>
bool log_probabilities(const T* logits, Index steps, Index labels, std::vector<double>& to) {
  to.resize(static_cast<std::size_t>(steps * labels));
  for (Index t = 0; t < steps; ++t) {
    const T* const from = logits + t * labels;
    double* const row = to.data() + t * labels;
    double most = kNever, sum = 0;
    for (Index k = 0; k < labels; ++k) {
      row[k] = static_cast<double>(from[k]);
      if (std::isnan(row[k])) return false;
      most = std::max(most, row[k]);
    }
    if (!std::isfinite(most)) return false;
    for (Index k = 0; k < labels; ++k) sum += std::exp(row[k] - most);
    const double less = most + std::log(sum);
    for (Index k = 0; k < labels; ++k) row[k] -= less;
  }
  return true;
}

// The labels of one step, the most probable first and of equal ones the lowest; put in order only as far as they are asked for.
class Ranking {
 public:
  void begin(const double* row, Index labels, Index blank) {
    row_ = row;
    ranked_.clear();
    rest_.clear();
    for (Index k = 0; k < labels; ++k)
      if (k != blank) rest_.push_back(k);
    std::make_heap(rest_.begin(), rest_.end(), comes_later());
  }
  // Null behind the last one.
  const Index* at(std::size_t rank) {
    while (ranked_.size() <= rank && !rest_.empty()) {
      std::pop_heap(rest_.begin(), rest_.end(), comes_later());
      ranked_.push_back(rest_.back());
      rest_.pop_back();
    }
    return rank < ranked_.size() ? &ranked_[rank] : nullptr;
  }

 private:
  struct ComesLater {
    const double* row;
    bool operator()(Index a, Index b) const { return row[a] < row[b] || (row[a] == row[b] && a > b); }
  };
  ComesLater comes_later() const { return {row_}; }

  const double* row_ = nullptr;
  std::vector<Index> ranked_, rest_;
};

// A transcript as one that a label was added to; each stands in the tree once.
struct Node {
  Index parent, label;
  Index slot;  // its place in the beam, or −1
};

struct Slot {
  Index node;
  double blank, label;  // log p of the alignments so far that end in a blank, and in the last label
  double all;
  Index first_child = -1, next_child = -1;  // slots: those that go on from this one, and from the same one as this
};

// A slot of the next step: one that stays, or, with `added`, one that a label is added to.
struct Candidate {
  double all;
  Index slot, added;
  std::size_t number;  // in the order in which they were met
};

bool comes_first(const Candidate& a, const Candidate& b) { return a.all > b.all || (a.all == b.all && a.number < b.number); }

// What one thread works in.
class BeamSearch {
 public:
  template <class T>
  std::vector<Transcript> run(const Ctc<T>& ctc, Index sequence, const Search& search) {
    const Index K = ctc.labels, steps = ctc.steps(sequence);
    if (!log_probabilities(ctc.logits + ctc.offsets[sequence] * K, steps, K, rows_)) return {{{}, {}, std::numeric_limits<double>::quiet_NaN()}};
    nodes_.assign(1, {-1, -1, 0});
    children_.clear();
    beam_.assign(1, {0, 0, kNever, 0});
    taken_.assign(static_cast<std::size_t>(K), 0);
    mark_ = 0;
    const double least = search.prune > 0 ? std::log(search.prune) : kNever;
    for (Index t = 0; t < steps; ++t) take_step(rows_.data() + t * K, K, ctc.blank, static_cast<std::size_t>(search.beam), least);
    std::vector<Transcript> found;
    for (Index i = 0; i < std::min(search.n_best, static_cast<Index>(beam_.size())); ++i) {
      const Slot& slot = beam_[static_cast<std::size_t>(i)];
      Transcript transcript{{}, {}, std::min(slot.all, 0.0)};  // above 0 by rounding
      for (Index at = slot.node; at > 0; at = node(at).parent) transcript.labels.push_back(node(at).label);
      std::reverse(transcript.labels.begin(), transcript.labels.end());
      align(steps, K, ctc.blank, transcript);
      found.push_back(std::move(transcript));
    }
    return found;
  }

 private:
  Slot& slot_at(Index at) { return beam_[static_cast<std::size_t>(at)]; }
  Node& node(Index at) { return nodes_[static_cast<std::size_t>(at)]; }

  void take_step(const double* row, Index labels, Index blank, std::size_t beam, double least) {
    ranking_.begin(row, labels, blank);
    candidates_.clear();
    stays_.clear();
    std::size_t number = 0;
    const auto offer = [&](const Candidate& candidate) {
      if (candidate.all == kNever) return;
      if (candidates_.size() == beam) {
        if (!comes_first(candidate, candidates_.front())) return;
        std::pop_heap(candidates_.begin(), candidates_.end(), comes_first);
        candidates_.pop_back();
      }
      candidates_.push_back(candidate);
      std::push_heap(candidates_.begin(), candidates_.end(), comes_first);
    };
    for (std::size_t i = 0; i < beam_.size(); ++i) {
      const Slot& slot = beam_[i];
      const Node& own = node(slot.node);
      Slot next{slot.node, slot.all + row[blank], kNever, 0};
      if (own.label >= 0) {
        next.label = slot.label + row[own.label];
        if (const Index from = node(own.parent).slot; from >= 0) next.label = log_sum(next.label, going_on(from, own.label) + row[own.label]);
      }
      next.all = log_sum(next.blank, next.label);
      stays_.push_back(next);
      offer({next.all, static_cast<Index>(i), -1, number++});
    }
    for (std::size_t i = 0; i < beam_.size(); ++i) {
      ++mark_;  // what stands in the beam already got its share above
      for (Index at = beam_[i].first_child; at >= 0; at = slot_at(at).next_child) taken_[static_cast<std::size_t>(node(slot_at(at).node).label)] = mark_;
      for (std::size_t rank = 0;; ++rank) {
        const Index* const label = ranking_.at(rank);
        if (!label || (rank > 0 && row[*label] < least)) break;
        if (candidates_.size() == beam && beam_[i].all + row[*label] < candidates_.front().all) break;
        if (taken_[static_cast<std::size_t>(*label)] == mark_) continue;
        offer({going_on(static_cast<Index>(i), *label) + row[*label], static_cast<Index>(i), *label, number++});
      }
    }
    std::sort(candidates_.begin(), candidates_.end(), comes_first);
    next_.clear();
    for (const Candidate& candidate : candidates_) {
      if (candidate.added < 0)
        next_.push_back(stays_[static_cast<std::size_t>(candidate.slot)]);
      else
        next_.push_back({child(beam_[static_cast<std::size_t>(candidate.slot)].node, candidate.added), kNever, candidate.all, candidate.all});
    }
    for (const Slot& slot : beam_) node(slot.node).slot = -1;
    beam_.swap(next_);
    for (std::size_t i = 0; i < beam_.size(); ++i) node(beam_[i].node).slot = static_cast<Index>(i);
    for (std::size_t i = 0; i < beam_.size(); ++i) {
      const Index parent = node(beam_[i].node).parent, from = parent >= 0 ? node(parent).slot : -1;
      if (from >= 0) beam_[i].next_child = std::exchange(slot_at(from).first_child, static_cast<Index>(i));
    }
  }

  // log p of the alignments of a slot that a label can follow: all, or those that end in a blank where it is the last one once more.
  double going_on(Index slot, Index label) {
    const Slot& from = slot_at(slot);
    return node(from.node).label == label ? from.blank : from.all;
  }

  Index child(Index parent, Index label) {
    const auto [at, is_new] = children_.try_emplace({parent, label}, static_cast<Index>(nodes_.size()));
    if (is_new) nodes_.push_back({parent, label, -1});
    return at->second;
  }

  // The steps of the most probable alignment; of equal ones, seen from the end, the one that came to its place last.
  void align(Index steps, Index labels, Index blank, Transcript& transcript) {
    const std::vector<Index>& given = transcript.labels;
    const Index length = static_cast<Index>(given.size()), places = 2 * length + 1;
    const auto label_at = [&](Index place) { return place % 2 ? given[static_cast<std::size_t>(place / 2)] : blank; };
    scores_.assign(static_cast<std::size_t>(places), kNever);
    origins_.assign(static_cast<std::size_t>(steps * places), 0);
    for (Index t = 0; t < steps; ++t)
      for (Index place = places - 1; place >= 0; --place) {
        const double* const score = scores_.data() + place;
        double best = t == 0 && place > 1 ? kNever : t == 0 ? 0 : score[0];
        unsigned char back = 0;
        const auto compare = [&](Index by) {
          if (t > 0 && score[-by] > best) {
            best = score[-by];
            back = static_cast<unsigned char>(by);
          }
        };
        if (place > 0) compare(1);
        if (place % 2 && place > 1 && label_at(place) != label_at(place - 2)) compare(2);
        scores_[static_cast<std::size_t>(place)] = best + rows_[static_cast<std::size_t>(t * labels + label_at(place))];
        origins_[static_cast<std::size_t>(t * places + place)] = back;
      }
    transcript.steps.assign(given.size(), 0);
    Index place = length && scores_[static_cast<std::size_t>(places - 2)] > scores_[static_cast<std::size_t>(places - 1)] ? places - 2 : places - 1;
    for (Index t = steps; t-- > 0;) {
      if (place % 2) transcript.steps[static_cast<std::size_t>(place / 2)] = t;
      place -= origins_[static_cast<std::size_t>(t * places + place)];
    }
  }

  struct Pair {
    Index parent, label;
    bool operator==(const Pair& other) const { return parent == other.parent && label == other.label; }
  };
  struct Hash {
    std::size_t operator()(const Pair& pair) const { return std::hash<Index>()(pair.parent * 0x9E3779B1 + pair.label); }
  };

  std::vector<double> rows_, scores_;
  std::vector<Node> nodes_;
  std::unordered_map<Pair, Index, Hash> children_;
  std::vector<Slot> beam_, stays_, next_;
  std::vector<Candidate> candidates_;
  std::vector<Index> taken_;
  std::vector<unsigned char> origins_;
  Ranking ranking_;
  Index mark_ = 0;
};

}  // namespace

template <class T>
std::vector<std::vector<Transcript>> ctc_beam(const Ctc<T>& ctc, const Search& search, int threads) {
  std::vector<std::vector<Transcript>> found(static_cast<std::size_t>(ctc.sequences));
  const double steps = ctc.sequences ? static_cast<double>(ctc.offsets[ctc.sequences]) : 0;
  std::atomic<std::size_t> next{0};
  parallel(ctc_threads(ctc.sequences, steps * static_cast<double>(20 * ctc.labels + 100 * search.beam), threads), [&](int, int) {
    BeamSearch own;
    for (std::size_t b = next.fetch_add(1); b < found.size(); b = next.fetch_add(1)) found[b] = own.run(ctc, static_cast<Index>(b), search);
  });
  return found;
}

template std::vector<std::vector<Transcript>> ctc_beam(const Ctc<float>&, const Search&, int);
template std::vector<std::vector<Transcript>> ctc_beam(const Ctc<double>&, const Search&, int);

}  // namespace tidegate
