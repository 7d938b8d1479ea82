"""Pairs of texts, a source and its target, from tables and pronouncing lexicons; all targets of one source are one entry.

- lexicon: `word PH PH …`, see lexicon.py. A `.dict` is one, and so is a file without the ending of a table, without a tab in its first
  lines, and with what looks like phones in them.
- table: a source and its target in two columns, see pair_tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tidegate.data.lexicon import LEXICON_SUFFIX, looks_like_lexicon, read_lexicon, without_stress
from tidegate.data.opening import excerpt, open_lines, suffix_of
from tidegate.data.pair_tables import read_pair_table
from tidegate.data.reading import expand
from tidegate.data.records import Source
from tidegate.data.tables import BARE_SUFFIXES, QUOTED_SUFFIXES, look_ahead
from tidegate.errors import DataError

Stress = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A source and every target that counts as right, distinct and in order of appearance; `place` says where it was met first."""

    source: str
    targets: tuple[str, ...]
    place: str = ""


@dataclass(frozen=True, slots=True)
class PairText:
    """What files of pairs hold.

    Attributes:
        is_lexicon: whether every file is a lexicon.
        pairs: distinct pairs, of all entries together.
        notes: sentences on how the files were read.
    """

    entries: tuple[Entry, ...]
    is_lexicon: bool
    pairs: int
    notes: tuple[str, ...] = ()


def read_pairs(
    files: Sequence[str],
    *,
    source: str | None = None,
    target: str | None = None,
    stress: Stress = "keep",
    is_lexicon: bool | None = None,
) -> PairText:
    """The pairs of files, names or globs, plain or gzip.

    Args:
        source, target: columns of tables, by name or by number from 1.
        stress: "drop" takes the marks of stress off the targets: the digits of ARPAbet's vowels (AH0), and ˈ and ˌ.
        is_lexicon: whether the files are lexicons; None: each as it looks.

    Raises:
        DataError: a file that cannot be read or holds no pairs, an empty side, a lexicon's word without phones, a column that is not
            there, one column, or three and more with none asked for.
        EncodingError: bytes that are not UTF-8.
    """
    names = expand(files)
    if not names:
        raise DataError("there are no pairs to read. Name at least one file.")
    gathered = _Gathered(stress)
    notes: dict[str, None] = {}
    kinds: list[bool] = []
    for name in names:
        before = gathered.lines
        for number, one, other in _rows(name, source, target, is_lexicon, kinds, notes):
            gathered.add(one, other, Source(name, number))
        if gathered.lines == before:
            raise DataError(f"{name} holds no pairs. A source and a target a line were expected; check that it was written whole.")
    entries = gathered.entries()
    pairs = sum(len(entry.targets) for entry in entries)
    if stress == "drop" and not gathered.is_stressed:
        notes["stress is to be dropped, but no target carries a mark of it (AH0, ˈ, ˌ)"] = None
    if gathered.lines > pairs:
        notes[f"{gathered.lines - pairs:,} of {gathered.lines:,} lines repeat a pair and count once"] = None
    return PairText(entries, all(kinds), pairs, tuple(notes))


def entries_of(pairs: Iterable[tuple[str, str]], *, stress: Stress = "keep") -> tuple[Entry, ...]:
    """The entries of pairs in memory, each (source, target); their places are "pair 1" and so on.

    Raises:
        DataError: an empty side.
    """
    gathered = _Gathered(stress)
    for number, (one, other) in enumerate(pairs, 1):
        sides = one.strip(), other.strip()
        if not all(sides):
            raise DataError(f"pair {number}: the {'target' if sides[0] else 'source'} is empty: {(one, other)!r:.80}. Leave the pair out.")
        gathered.add(*sides, f"pair {number}")
    return gathered.entries()


class _Gathered:
    """Pairs gathered by their sources."""

    def __init__(self, stress: Stress) -> None:
        self._drops = stress == "drop"
        self._found: dict[str, tuple[str, dict[str, None]]] = {}
        self.lines = 0
        self.is_stressed = False

    def add(self, source: str, target: str, where: Source | str) -> None:
        if self._drops:
            bare = without_stress(target)
            if not bare:
                raise DataError(f"{where}: nothing is left of the target {excerpt(target)} without its marks of stress. Remove the pair.")
            self.is_stressed = self.is_stressed or bare != target
            target = bare
        self.lines += 1
        entry = self._found.get(source)
        if entry is None:
            self._found[source] = str(where), {target: None}
        else:
            entry[1][target] = None

    def entries(self) -> tuple[Entry, ...]:
        return tuple(Entry(source, tuple(targets), place) for source, (place, targets) in self._found.items())


def _rows(
    name: str, source: str | None, target: str | None, is_lexicon: bool | None, kinds: list[bool], notes: dict[str, None]
) -> Iterator[tuple[int, str, str]]:
    """The pairs of one file, each with its line; whether it is a lexicon, and what is to be said of it, is added to the lists."""
    sample, lines, _ = look_ahead(open_lines(name), lambda numbered: len(numbered[1]))
    if is_lexicon is None:
        suffix = suffix_of(name)
        is_table = suffix in QUOTED_SUFFIXES or suffix in BARE_SUFFIXES or any("\t" in line for _, line in sample)
        is_lexicon = suffix == LEXICON_SUFFIX or (not is_table and looks_like_lexicon(line for _, line in sample))
    kinds.append(is_lexicon)
    if not is_lexicon:
        table = read_pair_table(lines, name, source=source, target=target)
        if table.columns.names is not None:
            notes["the first row is a header: source '{}', target '{}'".format(*table.columns.names)] = None
        return iter(table)
    if source is not None or target is not None:
        raise DataError(
            f"{name} is a lexicon (a word and its phones, blanks between), which has no columns to choose from. Leave --source and "
            "--target out, or put tabs between the columns."
        )
    notes["read as a lexicon: a word a line, then its phones with blanks between"] = None
    return read_lexicon(lines, name)


def split_entries(
    entries: Sequence[Entry], *, dev_share: float, test_share: float, seed: int
) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """Cuts entries into (training, development, test), chosen by chance, each part in the order given.

    Development data has one entry at least, and so has test data where `test_share` is not 0.

    Raises:
        DataError: too few entries for the parts to have one each.
    """
    dev = max(1, round(dev_share * len(entries)))
    test = max(1, round(test_share * len(entries))) if test_share else 0
    if dev + test >= len(entries):
        what = "training, development and test" if test else "training and development"
        raise DataError(
            f"{len(entries)} distinct sources are too few to be split into {what} data. Give more pairs, smaller shares, or files of their "
            "own with --dev and --test."
        )
    part = np.zeros(len(entries), dtype=np.int64)
    chosen = np.random.default_rng(seed).permutation(len(entries))[: dev + test]
    part[chosen[:dev]], part[chosen[dev:]] = 1, 2
    train, held, last = ([entries[place] for place in np.flatnonzero(part == number).tolist()] for number in range(3))
    return train, held, last
