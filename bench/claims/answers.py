"""What a kept model answers to every test example of its data set, as counts that scores and their significance are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from bench.claims.claim import KEPT
from bench.claims.runs import Run
from bench.claims.sets import SETS

from tidegate.comparison.materials.label_outcomes import class_outcomes, tag_outcomes
from tidegate.comparison.materials.material import Portion
from tidegate.comparison.materials.pairs import pair_outcomes
from tidegate.runtime import load
from tidegate.scoring.outcomes import Counts, Outcomes
from tidegate.scoring.significance import Contest, contests
from tidegate.training.task import TrainingTask

# Hours of origins that hang together, and units of a text: of forecasts a week, of running text a block.
_WEEK, _BLOCK = 168, 200


@cache
def _task(data: str) -> TrainingTask[Any]:
    """A task on the data, for what its test part is."""
    return SETS[data].task({**SETS[data].settings, "arch": "lstm", "seed": 1})


def counts_of(run: Run) -> tuple[Counts, str]:
    """Counts [N, K] of the test examples, and the rule that makes the score of their sum; computed once and kept.

    Raises:
        ArithmeticError: they do not add up to the score that was written down when training ended.
    """
    path = KEPT / "answers" / f"{run.name}.json"
    record = run.done()
    assert record is not None
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["digest"] == run.digest and content["seconds"] == record["seconds"]:
            return np.array(content["counts"], dtype=np.float64), content["rule"]
    found = _outcomes(run)
    written = record["test"][SETS[run.data].score]
    if abs(found.score - written) > 1e-4 * max(1.0, abs(written)):
        raise ArithmeticError(f"{run.name}: the counts make {found.score}, but {written} was scored")
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"digest": run.digest, "seconds": record["seconds"], "rule": found.rule, "counts": found.counts.tolist()}
    path.write_text(json.dumps(kept), encoding="utf-8")
    return found.counts, found.rule


def _outcomes(run: Run) -> Outcomes:
    model: Any = load(run.model)
    task: Any = _task(run.data)
    kind = task.recipe.task
    if kind == "tag":
        records, column = task.corpus.test, task.corpus.vocabulary.columns[0]
        answers = list(model.answers(records))
        return tag_outcomes(
            [record.labels[column.name] for record in records],
            [[str(label) for label in answer.columns[column.name]] for answer in answers],
            None,
            scheme=column.scheme,
            position_name="word",
        )
    if kind == "generate":
        nats = model.unit_nats(task.corpus.test)
        begins = np.arange(0, len(nats), _BLOCK)
        counts = np.stack([np.add.reduceat(nats, begins), np.diff([*begins.tolist(), len(nats)])], axis=1).astype(np.float64)
        return Outcomes("nats", "share", lower_is_better=True, counts=counts, given=("",) * len(counts))
    if kind == "translate":
        test = list(task.corpus.test)
        return pair_outcomes(model.predict([entry.source for entry in test]), Portion([], [], test), task)
    if kind == "forecast":
        return _of_forecasts(model, task)
    if hasattr(task.corpus, "parts"):
        records = task.corpus.parts.test
        answers = list(model.answers(records))
        rights, givens = [(one.label,) for one in records], [(str(one.label),) for one in answers]
        return class_outcomes(rights, givens, None, score_name=task.score_name)
    records = task.corpus.test
    answers = list(model.answers(records))
    return class_outcomes(
        [one.labels for one in records],
        [one.labels for one in answers],
        None,
        score_name=SETS[run.data].score,
        positive=task.corpus.positive,
    )


def _of_forecasts(model: Any, task: Any) -> Outcomes:
    """A row a week of origins, all series together: what is told of neighbouring hours hangs together."""
    windows, rows = task.corpus.origins("test"), []
    weeks = windows[:, 1] // _WEEK
    for week in np.unique(weeks):
        found = model.score(task.corpus.panel, windows[weeks == week], encoded=task.corpus.encoded)
        rows.append((found["mase"] * found["n"], found["n"]))
    return Outcomes("mase", "share", lower_is_better=True, counts=np.array(rows), given=("",) * len(rows))


def contest(data: str, one: str, other: str, seeds: Sequence[int]) -> Contest:
    """Two contenders on a data set, over its examples and these seeds; the difference is that of `one` less `other`."""
    found = [[counts_of(Run(data, contender, seed)) for seed in seeds] for contender in (one, other)]
    rule = found[0][0][1]
    return contests([np.stack([counts for counts, _ in own]) for own in found], rule)[0]
