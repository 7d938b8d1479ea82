"""(i) What a Bi-LSTM is worth if it may wait for so many words only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, p_value, table
from bench.claims.context import ASKED, SEEDS, model_of, test_sentences
from bench.claims.runs import BOUNDED, Run, finished
from bench.claims.sets import tagged

from tidegate.data import TokenRecord
from tidegate.data.teddy import one_way_ceiling_on
from tidegate.runtime import TagModel, load
from tidegate.scoring.outcomes import Counts
from tidegate.scoring.significance import contests

AHEAD: tuple[int | None, ...] = (0, 1, 2, 4, 8, None)  # None: the whole sentence
DATA = BOUNDED[0]
_AHEAD, _TRAINED = "bilstm-ahead-", "trained "


def _hits(model: TagModel, records: Sequence[TokenRecord], column: str, ahead: int | None, word: str = "") -> Counts:
    """Counts [N, 2] of each sentence, right and all words (or of one word), of a two-way tagger that sees so many words ahead.

    One that was trained to see a bounded part is read as it was trained.
    """
    network = model.network
    whole = network.stack
    if whole.architecture.is_bidirectional and whole.lookahead is None:
        network.stack = whole.with_lookahead(ahead)
    try:
        given = model.predict([record.tokens for record in records])
    finally:
        network.stack = whole
    rows = []
    for record, labels in zip(records, given, strict=True):
        asked = [place for place, token in enumerate(record.tokens) if not word or token == word]
        rows.append((sum(labels[place] == record.labels[column][place] for place in asked), len(asked)))
    return np.array(rows, dtype=np.float64)


def _curve(models: Mapping[str, Sequence[TagModel]], records: Sequence[TokenRecord], column: str, word: str = "") -> dict[str, Any]:
    """Scores of each seed by look-ahead, and the paired differences to what the whole sentence and the one-way network give."""
    counts = {f"{ahead}": np.stack([_hits(one, records, column, ahead, word) for one in models["bilstm"]]) for ahead in AHEAD}
    for name in models:
        if name.startswith(_AHEAD):
            counts[f"{_TRAINED}{name.removeprefix(_AHEAD)}"] = np.stack([_hits(one, records, column, None, word) for one in models[name]])
    counts["one way"] = np.stack([_hits(one, records, column, None, word) for one in models["lstm"]])
    found: dict[str, Any] = {}
    for name, own in counts.items():
        sums = own.sum(axis=1)
        found[name] = {"scores": (sums[:, 0] / sums[:, 1]).tolist()}
        for other in ("None", "one way"):
            if name != other:
                one = contests([own, counts[other]], "share")[0]
                found[name][other] = {"difference": one.difference, "p": one.p}
    return found


def measure() -> Found | None:
    """Parts of speech by the kept runs of (a), and Teddy by those of (d)."""
    seeds = sorted(set(finished(DATA, "lstm")) & set(finished(DATA, "bilstm")))
    if not seeds:
        return None
    models = {arch: [_tagger(Run(DATA, arch, seed)) for seed in seeds] for arch in ("lstm", "bilstm")}
    for contender in BOUNDED[1]:
        if own := sorted(finished(DATA, contender)):
            models[contender] = [_tagger(Run(DATA, contender, seed)) for seed in own]
    teddies = {arch: [model_of(arch, seed) for seed in SEEDS] for arch in ("lstm", "bilstm")}
    sentences = [record for record in test_sentences() if ASKED in record.tokens]
    return {
        "seeds": len(seeds),
        "upos": _curve(models, tagged(DATA)[2], "upos"),
        "teddy": _curve(teddies, sentences, "tag", ASKED),
    }


def _tagger(run: Run) -> TagModel:
    model = load(run.model)
    assert isinstance(model, TagModel)
    return model


def _name(ahead: str) -> str:
    if ahead.startswith(_TRAINED):
        return f"{ahead.removeprefix(_TRAINED)}, trained so"
    return {"None": "all", "one way": "lstm, one way"}.get(ahead, ahead)


def tell(found: Found) -> Telling:
    trained = [name for name in found["upos"] if name.startswith(_TRAINED)]
    order = ["one way", *(str(ahead) for ahead in AHEAD), *trained]

    def score(part: str, name: str) -> float:
        return float(100 * np.mean(found[part][name]["scores"]))

    def p(part: str, name: str, other: str) -> str:
        one = found[part][name].get(other)
        return "" if one is None else f"{100 * one['difference']:+.2f} (p {p_value(one['p'])})"

    rows = [
        [
            _name(name),
            mean_and_spread(found["upos"][name]["scores"], 2, 100),
            p("upos", name, "one way"),
            p("upos", name, "None"),
            mean_and_spread(found["teddy"][name]["scores"], 1, 100) if name in found["teddy"] else "",
        ]
        for name in order
    ]
    whole, one_way = score("upos", "None"), score("upos", "one way")
    gained = {str(k): (score("upos", str(k)) - one_way) / max(1e-9, whole - one_way) for k in AHEAD}
    bounded = ", ".join(
        f"{100 * (score('upos', name) - one_way) / max(1e-9, whole - one_way):.0f} % with {name.removeprefix(_TRAINED)}" for name in trained
    )
    enough = next((k for k in AHEAD if k is not None and gained[str(k)] >= 0.95), None)
    # At once it answers worse than a network that never waits; after a short wait it answers as well as ever.
    verdict: Verdict = "does not hold"
    if enough is None:
        verdict = "holds"
    elif score("upos", "0") < one_way:
        verdict = "holds here, not there"
    done = (
        f"The Bi-LSTM taggers of (a) on the test part of UD EWT ({found['seeds']} seeds), and those of (d) on {ASKED}, softmax heads, are "
        "read with a bounded look-ahead: the backward direction begins k words ahead of the word that is told, so the tag of a word is "
        "ready k words later, live. They were trained on whole sentences; further ones are trained with the look-ahead that they are read "
        "with. Beside them the one-way LSTM, which never waits."
    )
    came_out = (
        table(
            f"look-ahead, words; parts of speech, accuracy, %; less the lstm's; less all; {ASKED}, %",
            rows,
        )
        + f"\n\nMean ± distance between seeds; paired over sentences and seeds. The ceiling for one-way readers on {ASKED} is "
        f"{100 * one_way_ceiling_on(ASKED):.1f} %.\n\n![Accuracy over look-ahead](images/claims/i-lookahead.svg)"
    )
    because = (
        "For an answer at once it holds; for one a few words later it does not, since a Bi-LSTM may be read with a bounded look-ahead: "
        + (
            f"with {enough} word{'s' if enough != 1 else ''} ahead it has {100 * gained[str(enough)]:.0f} % of what reading both ways adds "
            "on parts of speech"
            if enough is not None
            else "but on parts of speech no look-ahead that was tried comes to 95 % of what reading both ways adds"
        )
        + f" ({', '.join(f'{k}: {100 * gained[str(k)]:.0f} %' for k in AHEAD if k is not None)}). With none it scores "
        f"{score('upos', '0'):.2f} %, {'below' if score('upos', '0') < one_way else 'above'} the LSTM's {one_way:.2f} %: a network that "
        "was trained with both sides does not know how to do without one. "
        + (f"Trained with the look-ahead that it is read with, it has {bounded} of what both ways add. " if trained else "")
        + f"{ASKED} needs as far as the word that gives it away: "
        f"{score('teddy', '1'):.1f} % with 1, {score('teddy', '4'):.1f} % with 4, {score('teddy', '8'):.1f} % with 8. "
        'For networks trained with the look-ahead that they are read with, on speech: "Connected digits" in bench/RESULTS.md.'
    )
    return Telling(done, came_out, verdict, because)


def pictures(found: Found) -> Mapping[str, Any]:
    from bench.claims.pictures import lines

    places = list(range(len(AHEAD)))
    names = [_name(str(ahead)) for ahead in AHEAD]
    series: dict[str, Any] = {}
    for part, shown in (("upos", "parts of speech"), ("teddy", ASKED)):
        both = [100 * float(np.mean(found[part][str(k)]["scores"])) for k in AHEAD]
        one = 100 * float(np.mean(found[part]["one way"]["scores"]))
        series[f"bilstm, {shown}"] = (places, both)
        series[f"lstm, one way, {shown}"] = (places, [one] * len(places))
    title = "A two-way tagger that sees so many words ahead (dashed: one-way)"
    return {"i-lookahead.svg": lines(series, x="look-ahead, words", y="accuracy, %", title=title, dashed=("one way",), names=names)}


CLAIMS = (
    Claim(
        "i",
        "A Bi-LSTM cannot run in real time",
        "Since it needs the whole sequence, a Bi-LSTM is of no use where answers are wanted while the sequence is still coming.",
        measure,
        tell,
        "a minute beside (a) and (d)",
        pictures,
        rests_on_runs=True,
    ),
)
