// Attention with random queries, keys and values on a random batch: contexts, weights and all gradients held against the equations in double
// precision. Every call runs on one thread and on several, where every bit must be the same.
#pragma once

#include "attention.h"
#include "findings.h"

namespace findings {

struct AttentionCase {
  std::vector<Index> targets, sources;  // as many of one as of the other; no rows where there are no positions
  Index width, depth;
  bool is_additive, is_limited, has_dweights;
  double scale;  // of queries and keys
};

template <class T>
struct AttentionResult {
  Array<T> context, weights, dqueries, dkeys, dvalues, denergy;
  void expect_same_as(const AttentionResult& other) const {
    for (const auto part : {&AttentionResult::context, &AttentionResult::weights, &AttentionResult::dqueries, &AttentionResult::dkeys, &AttentionResult::dvalues, &AttentionResult::denergy})
      expect_same("attention on several threads", other.*part, this->*part);
  }
};

template <class T>
void check_attention_case(const AttentionCase& of, Random& random) {
  ++cases;
  now = std::string(sizeof(T) == 4 ? "float32" : "float64") + (of.is_additive ? " additive" : " multiplicative") + " attention A" + std::to_string(of.width) + " D" +
        std::to_string(of.depth) + (of.is_limited ? " limited" : "") + " scale " + std::to_string(of.scale) + " lengths";
  for (std::size_t b = 0; b < of.targets.size(); ++b) now += " " + std::to_string(of.targets[b]) + "x" + std::to_string(of.sources[b]);
  const Index A = of.width, D = of.depth, B = static_cast<Index>(of.targets.size());
  const Array<Index> target_offsets = offsets_of(of.targets), source_offsets = offsets_of(of.sources);
  const Index Nt = target_offsets[of.targets.size()], Ns = source_offsets[of.sources.size()];
  const double root = std::sqrt(static_cast<double>(A));
  const Array<T> queries(Nt * A, random, of.is_additive ? of.scale : of.scale / root), keys(Ns * A, random, of.is_additive ? of.scale : 1), values(Ns * D, random, 1);
  const Array<T> energy(of.is_additive ? A : 0, random, 3 / root), dcontext(Nt * D, random, 1);
  Array<Index> limits(of.is_limited ? Nt : 0), pair_offsets(B + 1);
  for (Index& limit : limits) limit = draw(random, 1, 20);
  const Attention<T> attention{queries.data(), keys.data(), values.data(), of.is_additive ? energy.data() : nullptr, target_offsets.data(), source_offsets.data(),
                               pair_offsets.data(), of.is_limited ? limits.data() : nullptr, B, A, D};
  const Index pairs = lay_out_pairs(attention, pair_offsets.data());
  const Array<T> dweights(of.has_dweights ? pairs : 0, random, 1);
  const auto run = [&](int threads) {
    AttentionResult<T> to{Array<T>(Nt * D), Array<T>(pairs), Array<T>(Nt * A), Array<T>(Ns * A), Array<T>(Ns * D), Array<T>(of.is_additive ? A : 0)};
    attention_forward(attention, to.context.data(), to.weights.data(), threads);
    attention_backward(attention,
                       {dcontext.data(), of.has_dweights ? dweights.data() : nullptr, to.weights.data(), to.dqueries.data(), to.dkeys.data(), to.dvalues.data(),
                        of.is_additive ? to.denergy.data() : nullptr},
                       threads);
    return to;
  };
  const AttentionResult<T> found = run(1);
  found.expect_same_as(run(3));

  record.clear();
  const Scalars q = queries.scalars(), k = keys.scalars(), v = values.scalars(), e = energy.scalars();
  Scalars context, weights;
  const auto at = [](const Scalars& scalars, Index i) { return scalars[static_cast<std::size_t>(i)]; };
  for (Index b = 0; b < B; ++b) {
    const Index source = source_offsets.data()[b], S = attention.positions(b);
    for (Index row = target_offsets.data()[b]; row < target_offsets.data()[b + 1]; ++row) {
      const Index seen = attention.seen(b, row);
      Scalars scores;
      for (Index s = 0; s < seen; ++s) {
        Scalar score = 0;
        for (Index a = 0; a < A; ++a) {
          const Scalar query = at(q, row * A + a), key = at(k, (source + s) * A + a);
          score = of.is_additive ? plus_product(score, at(e, a), truth::tanh(query + key)) : plus_product(score, query, key);
        }
        scores.push_back(score);
      }
      const Scalar total = truth::log_sum(scores);
      for (Index s = 0; s < S; ++s) weights.push_back(s < seen ? truth::exp(at(scores, s) - total) : Scalar(0));
      for (Index d = 0; d < D; ++d) {
        Scalar sum = 0;
        for (Index s = 0; s < S; ++s) sum = plus_product(sum, at(weights, static_cast<Index>(weights.size()) - S + s), at(v, (source + s) * D + d));
        context.push_back(sum);
      }
    }
  }
  record.gradients.assign(record.values.size(), 0);
  add_gradients(context, dcontext);
  if (of.has_dweights) add_gradients(weights, dweights);
  record.backward();
  expect_close("the contexts", found.context, values_of(context));
  expect_close("the weights", found.weights, values_of(weights));
  // Where the tanh is saturated, what is left of larger terms.
  expect_close("dqueries", found.dqueries, gradients_of(q), kTolerance<T>, 0.1);
  expect_close("dkeys", found.dkeys, gradients_of(k), kTolerance<T>, 0.1);
  expect_close("dvalues", found.dvalues, gradients_of(v));
  expect_close("denergy", found.denergy, gradients_of(e), kTolerance<T>, 0.1);
}

template <class T>
void check_attention(Random& random, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    AttentionCase of{{}, {}, draw_of(random, {1, 2, 3, 7, 8, 9, 16, 17, 33}), draw_of(random, {1, 2, 5, 8, 16, 19, 64, 70}), draw(random, 0, 1) == 0, draw(random, 0, 1) == 0,
                     draw(random, 0, 2) > 0, draw(random, 0, 2) == 0 ? 12.0 : 1.0};
    for (Index b = draw(random, 0, 5); b > 0; --b) {
      of.sources.push_back(draw(random, 0, 3) == 0 ? draw(random, 0, 1) : draw(random, 1, 19));
      of.targets.push_back(of.sources.back() == 0 || draw(random, 0, 5) == 0 ? 0 : draw(random, 1, 11));
    }
    check_attention_case<T>(of, random);
  }
  // Enough work for threads: dealt out, and shared in one sequence; more rows and positions than are held at a time.
  for (const bool is_additive : {true, false})
    for (const bool is_limited : {true, false}) {
      check_attention_case<T>({{5, 3, 0, 7, 6, 4, 5, 5, 6, 7, 3, 5, 4, 6}, {9, 8, 3, 6, 9, 10, 7, 8, 9, 9, 4, 9, 11, 8}, 33, 130, is_additive, is_limited, true, 1}, random);
      check_attention_case<T>({{2, 41}, {3, 90}, 40, 49, is_additive, is_limited, true, is_limited ? 12.0 : 1.0}, random);
    }
}

}  // namespace findings
