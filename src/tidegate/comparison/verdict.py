"""Which contender to take, and why, in plain sentences.

Among the networks that are not worse than the best one by more than chance, the one that costs least is chosen: that trains fastest, and of
those within a tenth of its time the one with the fewest parameters. Where networks have learnt nothing none of them is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.comparison.leaderboard import Row
from tidegate.comparison.pairs import LEVEL, pair_of

# Times to train that differ by less are taken for equal.
_SAME_TIME = 1.1
# A difference of so large a part of the score matters to most.
_MUCH = 0.05
# Of these the score is what anyone reaches who has not looked at the input.
_BLIND = ("majority", "unit frequencies")
# Shares of errors, which with nothing but errors are 1 and more.
_ERROR_RATES = ("cer", "wer")

Pairs = Sequence[dict[str, Any]]


def verdict_of(rows: Sequence[Row], pairs: Pairs, *, score: str, lower_is_better: bool = False, best: str | None = None) -> dict[str, Any]:
    """`choice`, a contender's name or None where none is made; `best`, the network that the others are held against; `sentences`.

    Args:
        rows: at the full training data, the best first.
        pairs: as `pairs_of` gives them.
        score: what the rows' scores are called.
        best: as `best_network` says; None: the first network of the rows.
    """
    networks = [row for row in rows if row.kind == "network" and row.score is not None]
    baselines = [row for row in rows if row.kind == "baseline" and row.score is not None]
    if not networks:
        return {"best": None, **_without_networks(baselines, score)}
    leader = next((row for row in networks if row.name == best), networks[0])
    if sentence := _nothing_learnt(networks, baselines, score, lower_is_better=lower_is_better):
        found = _without_choice(sentence, leader, baselines, pairs, score, is_ahead=rows.index(leader) > 0)
    elif len(networks) + len(baselines) > 1 and not any(pair["p"] is not None for pair in pairs):
        found = _without_claims([*networks, *baselines], rows, pairs, score)
    else:
        found = _choice(rows, networks, baselines, leader, pairs, score)
    return {"choice": found["choice"], "best": leader.name, "sentences": found["sentences"]}


def _choice(rows: Sequence[Row], networks: Sequence[Row], baselines: Sequence[Row], best: Row, pairs: Pairs, score: str) -> dict[str, Any]:
    judged = [row for row in networks if row is best or _p(pairs, row, best) is not None]
    equal = [row for row in judged if row is best or _is_tie(pairs, row, best)]
    choice = _cheapest(equal)
    sentences = [f"Choose {_reason(choice, best, equal, judged, pairs, score)}"]
    others = [row for row in equal if row not in (choice, best)]
    if others and not _are_same(equal):
        sentences.append(f"Not told apart from {best.name} either: {_with_p(others, pairs, best)}.")
    worse = [row for row in judged if row not in equal]
    if worse and (choice is not best or len(equal) > 1):
        sentences.append(f"Worse than {best.name}: {_with_p(worse, pairs, best)}.")
    taken: str = choice.name
    if baselines:
        first = baselines[0]
        sentence, beaten_by = _baseline(first, choice, pairs, score, is_ahead=rows.index(first) < rows.index(choice))
        if beaten_by:
            taken = beaten_by
            sentences = [f"Choose {sentence}", f"Among the networks choose {sentences[0].removeprefix('Choose ')}", *sentences[1:]]
        else:
            sentences.append(sentence)
    if choice.ms_per_step_p50 is None and (stepwise := [row for row in networks if row.ms_per_step_p50 is not None]):
        live = stepwise[0]
        sentences.append(
            f"If answers are needed while the sequence still comes: {live.name} ({score} {_number(live.score)}, "
            f"{live.ms_per_step_p50:.2g} ms a step); {choice.name} reads it to the end first."
        )
    sentences += _left_out(rows, judged)
    return {"choice": taken, "sentences": sentences}


def unfinished(done: int, total: int) -> dict[str, Any]:
    """The verdict of a comparison that is still being made, or was interrupted."""
    return {"choice": None, "best": None, "sentences": [f"{done} of {total} runs are done: no verdict before all are."]}


def _without_networks(baselines: Sequence[Row], score: str) -> dict[str, Any]:
    if not baselines:
        return {"choice": None, "sentences": ["Every run failed: there is nothing to choose from."]}
    first = baselines[0]
    return {"choice": None, "sentences": [f"No network finished. The best baseline is {first.name}, {score} {_number(first.score)}."]}


def _without_claims(finished: Sequence[Row], rows: Sequence[Row], pairs: Pairs, score: str) -> dict[str, Any]:
    order = [row for row in rows if row in finished]
    first, second = order[0], order[1]
    equal = [row.name for row in order if row.score == first.score]
    if any(pair["seeds"] > 1 for pair in pairs):
        scored = pairs[0]["examples"]
        so_few = f"{scored} example{'s' if scored > 1 else ''}"
        why = f"Scored on {so_few}: no claim, since so few can tell no difference from chance; score on more."
    else:
        why = "One seed each: no claim, since another seed may turn the order; give --seeds 3."
    if len(equal) > 1:
        came = f"In these runs {_listed(equal)} came first together ({score} {_number(first.score)})."
    else:
        came = f"In these runs {first.name} came first ({score} {_number(first.score)}), {second.name} second ({_number(second.score)})."
    return {
        "choice": None,
        "sentences": [why, came],
    }


def _nothing_learnt(networks: Sequence[Row], baselines: Sequence[Row], score: str, *, lower_is_better: bool) -> str:
    """A sentence where no network gets anything right, or all score just what is reached without a look at the input; else nothing."""
    scores = [row.score or 0.0 for row in networks]
    nothing = None if lower_is_better and score not in _ERROR_RATES else 1.0 if lower_is_better else 0.0
    blind = next((row for row in baselines if row.name in _BLIND and all(abs(own - (row.score or 0.0)) < 1e-9 for own in scores)), None)
    if nothing is not None and all(own >= nothing if lower_is_better else own <= nothing for own in scores):
        reached = f"the {score} of every network is {nothing:g}{' or more' if lower_is_better else ''}"
    elif blind is not None:
        reached = f"the {score} of every network is that of {blind.name}, {_number(blind.score)}"
    else:
        return ""
    return f"The networks have learnt nothing: {reached}. Train them longer (--max-epochs), or give them more data."


def _without_choice(nothing: str, best: Row, baselines: Sequence[Row], pairs: Pairs, score: str, *, is_ahead: bool) -> dict[str, Any]:
    """Where networks have learnt nothing: a baseline is chosen if it is better than they are."""
    if not baselines or not is_ahead or baselines[0].score == best.score:
        return {"choice": None, "sentences": [nothing]}
    sentence, better = _baseline(baselines[0], best, pairs, score, is_ahead=True)
    if better:
        return {"choice": better, "sentences": [f"Choose {sentence}", nothing]}
    first = baselines[0]
    return {"choice": None, "sentences": [nothing, f"The best baseline is {first.name}, {score} {_number(first.score)}."]}


def _cheapest(rows: Sequence[Row]) -> Row:
    fastest = min(row.train_seconds or 0.0 for row in rows)
    alike = [row for row in rows if (row.train_seconds or 0.0) <= _SAME_TIME * fastest]
    return min(alike, key=lambda row: (row.parameters or 0.0, row.train_seconds or 0.0))


def _reason(choice: Row, best: Row, equal: Sequence[Row], judged: Sequence[Row], pairs: Pairs, score: str) -> str:
    if choice is not best:
        return (
            f"{choice.name}: not told apart from {best.name}, whose mean is the best ({score} {_number(choice.score)} and "
            f"{_number(best.score)}, p = {_said(_p(pairs, choice, best))}), and {_saving(choice, best)}. {_interval(pairs, choice, best)}"
        )
    if len(judged) == 1:
        return f"{best.name}: no other network was compared with it ({score} {_number(best.score)})."
    if len(equal) > 1 and _are_same(equal):
        others = f"{_listed([row.name for row in equal if row is not best])} {'has' if len(equal) == 2 else 'have'}"
        return f"{best.name}: {others} the same {score}, {_number(best.score)}, and none costs less to train."
    if len(equal) > 1:
        return f"{best.name}: its {score} is the best, {_number(best.score)}, and of those not told apart from it none costs less to train."
    worse = [row for row in judged if row is not best]
    return f"{best.name}: its {score}, {_number(best.score)}, is better than that of {_with_p(worse, pairs, best)}."


def _are_same(rows: Sequence[Row]) -> bool:
    """Whether all have the same score, as it is shown."""
    return len({_number(row.score) for row in rows}) == 1


def _interval(pairs: Pairs, a: Row, b: Row) -> str:
    """How large the difference may be all the same: that none was shown does not say that there is none."""
    pair = pair_of(pairs, a.name, b.name)
    assert pair is not None
    low, high = (pair["low"], pair["high"]) if pair["a"] == a.name else (-pair["high"], -pair["low"])
    if low == high:
        return f"On none of the {pair['examples']} examples do they differ: harder or more examples would tell."
    said = f"By 95\u00a0% the difference lies between {_signed(low)} and {_signed(high)}"
    if pair["p"] < LEVEL:  # p as it is here is of this pair alone, and adjusted for all that were looked at it is higher
        return f"{said}; were these two alone compared, it would be told from chance."
    is_wide = max(-low, high) > _MUCH * abs(b.score or 0.0)
    return f"{said}: more seeds or a larger test set would tell." if is_wide else f"{said}."


def _saving(choice: Row, best: Row) -> str:
    """What the choice saves against the best: time, or where that is the same, parameters."""
    times = (best.train_seconds or 0.0) / max(choice.train_seconds or 0.0, 1e-9)
    if times > _SAME_TIME:
        return f"{times:.1f} × faster to train"
    fewer = 1 - (choice.parameters or 0.0) / max(best.parameters or 0.0, 1.0)
    return f"with {fewer:.0%} fewer parameters, at the same time to train" if fewer >= 0.005 else "not slower to train"


def _baseline(first: Row, choice: Row, pairs: Pairs, score: str, *, is_ahead: bool) -> tuple[str, str]:
    """What is to be said of the best baseline, and its name where it beats the choice."""
    p, pair = _p(pairs, first, choice), pair_of(pairs, first.name, choice.name)
    if pair is None or p is None:
        return f"The best baseline is {first.name}, {score} {_number(first.score)}; nothing is claimed of it.", ""
    figures = f"({score} {_number(first.score)} and {_number(choice.score)}, p = {_said(p)})"
    cost = f"trains in {_seconds(first.train_seconds)}"
    if pair["is_tie"]:
        return (
            f"{first.name} is not told apart from {choice.name} {figures} and {cost}: take it unless you need what only a network gives. "
            f"{_interval(pairs, first, choice)}"
        ), ""
    if is_ahead:
        return f"{first.name}: better than {choice.name} {figures}, and it {cost}.", first.name
    return f"{choice.name} is better than the best baseline, {first.name} {figures}.", ""


def _left_out(rows: Sequence[Row], judged: Sequence[Row]) -> list[str]:
    """A sentence for networks of which too few runs finished to claim anything, and for those of which some failed."""
    found = []
    for row in rows:
        if row.kind != "network":
            continue
        if row.score is None:
            found.append(f"{row.name} is left out: all its {row.runs} runs failed.")
        elif row not in judged:
            found.append(f"{row.name} ({_number(row.score)}) is left out: of fewer than two whole seeds nothing can be claimed.")
        elif row.failed:
            found.append(f"Of {row.name} {row.failed} of {row.runs} runs failed; it is judged by the others.")
    return found


def _p(pairs: Pairs, a: Row, b: Row) -> float | None:
    """Adjusted; None where nothing is claimed."""
    pair = pair_of(pairs, a.name, b.name)
    return None if pair is None else pair["p_adjusted"]


def _is_tie(pairs: Pairs, a: Row, b: Row) -> bool:
    pair = pair_of(pairs, a.name, b.name)
    return pair is not None and bool(pair["is_tie"])


def _with_p(rows: Sequence[Row], pairs: Pairs, best: Row) -> str:
    """'rnn (0.9512, p = 0.002) and lstm (0.9604, p = 0.03)'."""
    parts = [f"{row.name} ({_number(row.score)}, p = {_said(_p(pairs, row, best))})" for row in rows]
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _said(p: float | None) -> str:
    return "–" if p is None else f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.4f}".replace("-", "−")


def _signed(difference: float) -> str:
    rounded = round(difference, 4)
    return f"{rounded:+.4f}".replace("-", "−") if rounded else f"{0:.4f}"


def _seconds(seconds: float | None) -> str:
    return "less than 0.1 s" if seconds is None or seconds < 0.1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
