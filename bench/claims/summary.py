"""(j) One summary vector against attention, by the length of the source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, p_value, table

from tidegate.data.pairs import Entry
from tidegate.runtime import TranslateModel, load
from tidegate.scoring.significance import contests

LETTERS = "abcdefghij"
SHORTEST, LONGEST, TRAIN, DEV, TEST = 3, 16, 4000, 200, 200
LENGTHS = (4, 8, 12, 16, 20)
SEEDS = (1, 2, 3)
# By name, what differs.
CONTENDERS: Mapping[str, dict[str, Any]] = {
    "summary": {"attention": "none"},
    "summary, twice as wide": {"attention": "none", "hidden_size": 192},
    "attention": {"attention": "additive"},
}
SETTINGS: Mapping[str, Any] = {
    "arch": "gru",
    "source_unit": "char",
    "target_unit": "char",
    "hidden_size": 96,
    "embedding_size": 32,
    "decoder_layers": 1,
    "dropout": 0.0,
    "unit_dropout": 0.0,
    "label_smoothing": 0.0,
    "learning_rate": 3e-3,
    "average_decay": 0.99,
    "batch_tokens": 1000,
    "max_epochs": 15,
    "patience": 15,
    "beam": 1,
}


def strings(rng: np.random.Generator, count: int, shortest: int, longest: int) -> list[Entry]:
    """So many different strings of letters by chance, each with its reverse."""
    found: dict[str, None] = {}
    while len(found) < count:
        length = int(rng.integers(shortest, longest + 1))
        found["".join(LETTERS[place] for place in rng.integers(len(LETTERS), size=length))] = None
    return [Entry(source, (source[::-1],)) for source in found]


def measure() -> Found:
    """Every contender and seed; test strings are the same for all, those of `LENGTHS` up to `LONGEST` of trained lengths."""
    test = {length: strings(np.random.default_rng([100, length]), TEST, length, length) for length in LENGTHS}
    taught = {entry.source for entries in test.values() for entry in entries}
    counts: dict[str, list[Any]] = {name: [] for name in CONTENDERS}
    found: Found = {"runs": {name: [] for name in CONTENDERS}}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        drawn = [entry for entry in strings(rng, TRAIN + DEV, SHORTEST, LONGEST) if entry.source not in taught]
        for name, changes in CONTENDERS.items():
            model, metrics = _trained(drawn[DEV:], drawn[:DEV], {**SETTINGS, **changes, "seed": seed})
            right = {length: _right(model, entries) for length, entries in test.items()}
            counts[name].append(np.concatenate(list(right.values())))
            found["runs"][name].append(
                {
                    "strings": {str(length): float(rows[:, 0].mean()) for length, rows in right.items()},
                    "letters": {str(length): float(rows[:, 2].sum() / rows[:, 3].sum()) for length, rows in right.items()},
                    "parameters": metrics["parameters"],
                    "best_epoch": metrics["best_epoch"],
                    "dev": [epoch["dev_score"] for epoch in metrics["epochs"]],
                }
            )
    found["contests"] = {}
    for place, length in enumerate(LENGTHS):
        part = slice(place * TEST, (place + 1) * TEST)
        own = [np.stack(counts[name])[:, part, :2] for name in ("attention", "summary")]
        one = contests(own, "share")[0]
        found["contests"][str(length)] = {"difference": one.difference, "low": one.low, "high": one.high, "p": one.p}
    return found


def _trained(train_part: list[Entry], dev: list[Entry], options: Mapping[str, Any]) -> tuple[TranslateModel, dict[str, Any]]:
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.translation.corpus import corpus_of
    from tidegate.training.translation.recipe import TranslateRecipe
    from tidegate.training.translation.task import TranslateTask

    recipe = build_recipe(TranslateRecipe, options=options)
    with TemporaryDirectory() as folder:
        result = train(TranslateTask(recipe, corpus_of(train_part, dev, [], recipe)), Path(folder) / "model", quiet=True)
        model = load(result.path)
    assert isinstance(model, TranslateModel)
    return model, result.metrics


def _right(model: TranslateModel, entries: list[Entry]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[N, 4]: whether the string is wholly right, of 1; letters in their right places, of how many."""
    rows = []
    for entry, answer in zip(entries, model.predict([entry.source for entry in entries]), strict=True):
        wanted = entry.targets[0]
        hits = sum(a == b for a, b in zip(answer, wanted, strict=False))
        rows.append((answer == wanted, 1, hits, len(wanted)))
    return np.array(rows, dtype=np.float64)


def tell(found: Found) -> Telling:
    runs = found["runs"]

    def cells(what: str) -> list[list[str]]:
        return [
            [name, *(mean_and_spread([one[what][str(length)] for one in own], 1, 100) for length in LENGTHS), f"{own[0]['parameters']:,}"]
            for name, own in runs.items()
        ]

    def mean(name: str, length: int, what: str = "strings") -> float:
        return 100 * float(np.mean([one[what][str(length)] for one in runs[name]]))

    head = "; ".join(f"{length} letters" for length in LENGTHS)
    pairs = table(
        "letters; attention − summary, points; 95 %; p",
        [
            [length, f"{100 * one['difference']:+.1f}", f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}", p_value(one["p"])]
            for length, one in found["contests"].items()
        ],
    )
    short, long = LENGTHS[0], LONGEST
    falls = mean("summary", short) - mean("summary", long)
    wider = mean("summary, twice as wide", long)
    beaten = found["contests"][str(long)]
    is_better = beaten["difference"] > 0 and beaten["p"] < 0.05
    beyond = LENGTHS[-1]
    is_length = mean("attention", long) - wider > 5 and falls > 10
    verdict: Verdict = "does not hold"
    if is_better:
        verdict = "holds" if is_length and mean("attention", beyond) > 50 else "holds here, not there"
    done = (
        f"Strings of {SHORTEST} to {LONGEST} out of {len(LETTERS)} letters by chance are to be written backwards: all of the source "
        f"counts, no letter can be guessed. {TRAIN:,} to learn from, {DEV} to choose the epoch, {TEST} new ones of each length to test, of "
        f"which {LENGTHS[-1]} letters are longer than any that was trained. A GRU encoder ({SETTINGS['hidden_size']} units) and a GRU "
        "decoder, greedy; the decoder sees the encoder's last state alone, or all of its states by attention (Bahdanau et al. 2015). "
        f"{SETTINGS['max_epochs']} epochs for all, {len(SEEDS)} seeds. As a control the summary is made twice as wide."
    )
    came_out = (
        "Strings wholly right, %, mean ± distance between "
        f"seeds:\n\n{table('decoder reads; ' + head + '; parameters', cells('strings'))}\n\nLetters in their right places, "
        f"%:\n\n{table('decoder reads; ' + head + '; parameters', cells('letters'))}\n\n{pairs}\n\n![Strings right over "
        "length](images/claims/j-length.svg)"
    )
    because = (
        f"With one summary {mean('summary', short):.0f} % of the strings of {short} letters come out right and "
        f"{mean('summary', long):.0f} % of those of {long}; with attention {mean('attention', short):.0f} % and "
        f"{mean('attention', long):.0f} %. A summary twice as wide puts the fall off and does not stop it ({wider:.0f} % at {long}). But "
        f"attention is no cure for lengths that were never trained: of {beyond} letters {mean('attention', beyond):.0f} % are right, and "
        f"{mean('attention', beyond, 'letters'):.0f} % of the letters stand in their places (summary: "
        f"{mean('summary', beyond, 'letters'):.0f} %). This is how much is learnt from {TRAIN:,} strings in {SETTINGS['max_epochs']} "
        'epochs, not what a vector could hold. On sentences and on spelling to sound: "Translators" in bench/RESULTS.md.'
    )
    return Telling(done, came_out, verdict, because)


def pictures(found: Found) -> Mapping[str, Any]:
    from bench.claims.pictures import lines

    series = {
        name: (LENGTHS, [100 * float(np.mean([one["strings"][str(length)] for one in own])) for length in LENGTHS])
        for name, own in found["runs"].items()
    }
    title = f"Strings written backwards without a mistake (trained: up to {LONGEST} letters)"
    return {"j-length.svg": lines(series, x="letters", y="right, %", title=title, dashed=("twice",))}


CLAIMS = (
    Claim(
        "j",
        "One summary vector against attention",
        "An encoder that hands on one vector loses long sources; a decoder that may look back at all states does not.",
        measure,
        tell,
        "four minutes",
        pictures,
    ),
)
