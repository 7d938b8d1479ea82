"""(d) Which side of a word tells each direction what: the teddy corpus, whose best one-way score is known in closed form."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from bench.claims.claim import KEPT, Claim, Found, Telling, Verdict, mean_and_spread, p_value, table

from tidegate.comparison.demo import demo_recipe
from tidegate.data import TokenRecord
from tidegate.data.teddy import SENTENCES, one_way_ceiling, one_way_ceiling_on, teddy_corpus
from tidegate.runtime import TagModel, load
from tidegate.scoring.significance import contests

ARCHS = ("lstm", "gru", "bilstm", "bigru")
SEEDS = (1, 2, 3)
TEST = 2000
# The pairs of sentences whose first word means one thing or the other.
ASKED = "Teddy"


def model_of(arch: str, seed: int) -> TagModel:
    """The tagger of an architecture and seed, trained unless it is there; the sentences hang on the seed, the test sentences do not."""
    path = KEPT / "models" / f"teddy-{arch}-{seed}"
    if not (path / "config.json").exists():
        _train(arch, seed, path)
    model = load(path)
    assert isinstance(model, TagModel)
    return model


def _train(arch: str, seed: int, path: Path) -> None:
    from tidegate.training.run import train
    from tidegate.training.tagging.corpus import build_corpus
    from tidegate.training.tagging.task import TagTask

    sentences = teddy_corpus(seed=seed)
    recipe = demo_recipe(arch, seed)
    train(TagTask(recipe, build_corpus(sentences.train, sentences.dev, [], recipe)), path, overwrite=True, quiet=True)


def test_sentences() -> list[TokenRecord]:
    """The same for every seed of training, and drawn apart from all of them."""
    return teddy_corpus(seed=1000, train=1, dev=1, test=TEST).test


def answers_on_teddy(model: TagModel, records: Sequence[TokenRecord], *, left: bool, right: bool) -> list[bool]:
    """For each Teddy whether its tag was right, with the words to its left and to its right, or without."""
    places = [(record, place) for record in records for place, token in enumerate(record.tokens) if token == ASKED]
    texts = [record.tokens[0 if left else place : len(record) if right else place + 1] for record, place in places]
    given = model.predict(texts)
    return [labels[place if left else 0] == record.labels["tag"][place] for (record, place), labels in zip(places, given, strict=True)]


SIDES = {"whole": (True, True), "without the right": (True, False), "without the left": (False, True), "alone": (False, False)}


def measure() -> Found:
    """Every architecture and seed."""
    records = test_sentences()
    found: Found = {"teddies": sum(record.tokens.count(ASKED) for record in records), "tokens": sum(map(len, records)), "archs": {}}
    counts: dict[str, list[Any]] = {}
    for arch in ARCHS:
        found["archs"][arch] = []
        for seed in SEEDS:
            model = model_of(arch, seed)
            sides = {name: answers_on_teddy(model, records, left=left, right=right) for name, (left, right) in SIDES.items()}
            counts.setdefault(arch, []).append(np.array([(hit, 1) for hit in sides["whole"]], dtype=np.float64))
            sentences = {text: _sentence(model, text.split()) for text in SENTENCES}
            found["archs"][arch].append(
                {
                    "accuracy": model.evaluate(records)["accuracy"],
                    **{name: statistics.fmean(hits) for name, hits in sides.items()},
                    "sentences": sentences,
                }
            )
    found["contests"] = {
        f"bi{cell} − {cell}": (lambda one: {"difference": one.difference, "low": one.low, "high": one.high, "p": one.p})(
            contests([np.stack(counts[f"bi{cell}"]), np.stack(counts[cell])], "share")[0]
        )
        for cell in ("lstm", "gru")
    }
    return found


def _sentence(model: TagModel, tokens: Sequence[str]) -> list[float]:
    """The probability of PERSON for the first word, after each word that has come."""
    person = model.labels["tag"].index("PERSON")
    return [float(model.predict_proba([tokens[: end + 1]])[0][0, person]) for end in range(len(tokens))]


def tell(found: Found) -> Telling:
    archs = found["archs"]
    ceiling = 100 * one_way_ceiling_on(ASKED)
    noise = 200 * (ceiling / 100 * (1 - ceiling / 100) / found["teddies"]) ** 0.5
    rows = [
        [
            arch,
            *(mean_and_spread([one[name] for one in own], 1, 100) for name in SIDES),
            mean_and_spread([one["accuracy"] for one in own], 2, 100),
        ]
        for arch, own in archs.items()
    ]
    shown = table(f"%; {ASKED}, whole sentence; its right cut off; its left cut off; {ASKED} alone; all words, whole", rows)
    walks = []
    for text in SENTENCES:
        words = text.split()
        for arch in ("lstm", "bilstm"):
            means = [statistics.fmean(one["sentences"][text][place] for one in archs[arch]) for place in range(len(words))]
            walks.append([arch, *(f"… {word} {mean:.2f}" for word, mean in zip(words, means, strict=True))])
    longest = max(len(row) for row in walks)
    walk = table(
        "; ".join(["architecture", *(f"after word {place}" for place in range(1, longest))]),
        [row + [""] * (longest - len(row)) for row in walks],
    )
    pairs = table(
        f"pair, on {ASKED}; difference, points; 95 %; p",
        [
            [name, f"{100 * one['difference']:+.1f}", f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}", p_value(one["p"])]
            for name, one in found["contests"].items()
        ],
    )

    def mean(arch: str, name: str) -> float:
        return 100 * statistics.fmean(cast("float", one[name]) for one in archs[arch])

    below = all(mean(arch, "whole") <= ceiling + noise for arch in ("lstm", "gru"))
    above = all(mean(arch, "whole") > ceiling + noise for arch in ("bilstm", "bigru"))
    from_right = all(mean(arch, "without the left") > mean(arch, "without the right") + 10 for arch in ("bilstm", "bigru"))
    verdict: Verdict = "holds" if below and above and from_right else "holds here, not there" if above else "does not hold"
    done = (
        "The teddy corpus (generated; tidegate.data.teddy): whether *Teddy* is a person or a thing is tossed up before anything else, and "
        f"only words to its right say how it fell. So the best that any reader from left to right can expect on it is {ceiling:.1f} % (bet "
        f"on the more frequent one), and {100 * one_way_ceiling():.2f} % on all words, in closed form. The demo's small taggers, softmax "
        f"heads, {len(SEEDS)} seeds with training sentences of their own; {TEST:,} test sentences with {found['teddies']:,} times {ASKED} "
        f"(twice the standard error of the ceiling: {noise:.1f} points). Then everything right or left of {ASKED} is cut off."
    )
    came_out = (
        f"Mean ± distance between best and worst seed:\n\n{shown}\n\n{pairs}\n\nThe probability that {ASKED} is a person, as the words of "
        f"the two sentences come, mean of the seeds:\n\n{walk}"
    )
    because = (
        f"Read one way {ASKED} stays at {mean('lstm', 'whole'):.1f} % (lstm) and {mean('gru', 'whole'):.1f} % (gru), the ceiling being "
        f"{ceiling:.1f} %; read both ways it comes to {mean('bilstm', 'whole'):.1f} % and {mean('bigru', 'whole'):.1f} %, to "
        f"{mean('bilstm', 'without the left'):.1f} % by the right alone, and with the right cut off to "
        f"{mean('bilstm', 'without the right'):.1f} %, below the one-way network: it has learnt to wait for the right and bets worse "
        "without. No training, width or cell lets a one-way network with a head for each word pass the ceiling."
    )
    return Telling(done, came_out, verdict, because)


CLAIMS = (
    Claim(
        "d",
        "Each direction sees other context",
        "Whether *Teddy* is a bear or a president is told by what follows; a network that reads from the left alone cannot know it.",
        measure,
        tell,
        "three minutes",
    ),
)
