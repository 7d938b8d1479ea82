"""A development set where the user gave none: a seeded share of the training records; and folds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from tidegate.data.records import TextRecord, TokenRecord
from tidegate.errors import DataError


def split_off(records: Sequence[TokenRecord], *, share: float, seed: int) -> tuple[list[TokenRecord], list[TokenRecord]]:
    """Cuts records into (training, development), both in file order; identical sentences stay on one side.

    Raises:
        DataError: fewer than two distinct sentences, so that one side would be empty.
    """
    distinct = list(dict.fromkeys(record.tokens for record in records if record.tokens))
    if len(distinct) < 2:
        where = str(records[0].source) if records else "the training files"
        raise DataError(
            f"{where}: {len(distinct)} distinct sentences are too few to split off a development set. Give more sentences, "
            "or name a development file with --dev."
        )
    size = min(max(1, round(share * len(distinct))), len(distinct) - 1)
    chosen = {distinct[place] for place in np.random.default_rng(seed).permutation(len(distinct))[:size]}
    # A label that the training part lacks could be neither learnt nor scored: sentences that hold one go back.
    known = {pair for record in records if record.tokens not in chosen for pair in _labels(record)}
    for record in records:
        if record.tokens in chosen and len(chosen) > 1 and not _labels(record) <= known:
            chosen.remove(record.tokens)
            known |= {pair for other in records if other.tokens == record.tokens for pair in _labels(other)}
    return [r for r in records if r.tokens not in chosen], [r for r in records if r.tokens in chosen]


def _labels(record: TokenRecord) -> set[tuple[str, str]]:
    return {(column, label) for column, labels in record.labels.items() for label in labels}


def split_off_texts(
    records: Sequence[TextRecord], *, share: float, seed: int, unit: str = "texts"
) -> tuple[list[TextRecord], list[TextRecord]]:
    """Cuts texts into (training, development), both in file order, every label in both in like shares.

    Texts that are equal but for case and blanks stay on one side; where texts have groups, those of one group do instead. Every label
    stays in training, unless each text has one of its own. Which texts go where hangs on the seed, not on the order of the file.
    `unit` is what messages call them.

    Raises:
        DataError: fewer than two distinct texts or groups, so that one side would be empty.
    """
    clusters = _clusters(records)
    if len(clusters) < 2:
        what = "groups" if records and records[0].group else unit
        where = str(records[0].source) if records else "the training files"
        raise DataError(
            f"{where}: {len(clusters)} distinct {what} are too few to split off a development set. Give more, or name a development "
            "file with --dev."
        )
    total = min(max(1, round(share * len(clusters))), len(clusters) - 1)
    by_label = list(_shuffled_by_label(records, clusters, seed).values())
    strata = [by_label[place] for place in np.random.default_rng([seed, 1]).permutation(len(by_label))]
    # The labels of each cluster, and in how many clusters of the training part each stands; to have none counts as a label here.
    labels = {key: {label for place in places for label in records[place].labels or ("",)} for key, places in clusters.items()}
    left = Counter(label for key in clusters for label in labels[key])
    chosen: set[str] = set()

    def take(keys: Sequence[str], count: int) -> None:
        for key in keys:
            if count and key not in chosen and len(chosen) < total and all(left[label] > 1 for label in labels[key]):
                left.subtract(labels[key])
                chosen.add(key)
                count -= 1

    # Every label gives the whole part of its share; what is then missing comes from the labels with the largest rests.
    for keys in strata:
        take(keys, int(share * len(keys)))
    for keys in sorted(strata, key=lambda keys: int(share * len(keys)) - share * len(keys)):
        take(keys, 1)
    if not chosen:  # each text has a label of its own: some of them cannot be learnt whatever is done
        chosen.update([key for keys in strata for key in keys][:total])
    held_out = {place for key in chosen for place in clusters[key]}
    return (
        [record for place, record in enumerate(records) if place not in held_out],
        [record for place, record in enumerate(records) if place in held_out],
    )


def folds_of(records: Sequence[TextRecord], *, folds: int, seed: int) -> list[int]:
    """For each text the fold, from 0, in which it is tested: stratified, and together in one fold what `split_off_texts` keeps on one side.

    Raises:
        DataError: fewer distinct texts or groups than folds.
    """
    clusters = _clusters(records)
    if len(clusters) < folds:
        raise DataError(f"{len(clusters)} distinct texts or groups cannot be dealt to {folds} folds. Ask for fewer with --folds.")
    fold_of = [0] * len(records)
    dealt = 0
    for _, keys in sorted(_shuffled_by_label(records, clusters, seed).items()):
        for key in keys:
            for place in clusters[key]:
                fold_of[place] = dealt % folds
            dealt += 1
    return fold_of


def stratified_order(records: Sequence[TextRecord], *, seed: int) -> list[int]:
    """Places of the records in an order of which every beginning holds the labels in like shares; equal texts and groups together."""
    clusters = _clusters(records)
    by_label = _shuffled_by_label(records, clusters, seed)
    ranked = [((rank + 0.5) / len(keys), label, key) for label, keys in by_label.items() for rank, key in enumerate(keys)]
    return [place for _, _, key in sorted(ranked) for place in clusters[key]]


def _clusters(records: Sequence[TextRecord]) -> dict[str, list[int]]:
    """Places of the records that must stay together."""
    clusters: defaultdict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        clusters[record.group or " ".join(record.text.casefold().split())].append(place)
    return dict(clusters)


def _shuffled_by_label(records: Sequence[TextRecord], clusters: dict[str, list[int]], seed: int) -> dict[tuple[str, ...], list[str]]:
    """The clusters of each label, or of all labels of a text where it has several; of clusters with unlike texts, of the most frequent.

    Their order hangs on the seed alone.
    """
    by_label: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for key in sorted(clusters):
        labels = Counter(tuple(sorted(records[place].labels)) for place in clusters[key])
        by_label[min(labels, key=lambda label: (-labels[label], label))].append(key)
    random = np.random.default_rng(seed)
    return {label: [keys[place] for place in random.permutation(len(keys))] for label, keys in sorted(by_label.items())}
