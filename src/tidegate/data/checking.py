"""What spoils training, found in the data before: repetitions, contradictions, rare labels, odd lengths, damaged characters.

`check_texts` and `check_tokens` look at the records of all parts together (train, dev, test) and give
a `Report`: a profile of each part, and findings with numbers, places and what to do. Nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from tidegate.data.damage import DAMAGE, damage_in, has_composed
from tidegate.data.findings import (
    EXAMPLES,
    Finding,
    Item,
    Lengths,
    PartProfile,
    Report,
    Severity,
    Subject,
    counted,
    lengths_of,
    percent,
    text_item,
    token_item,
    verb,
)
from tidegate.data.opening import excerpt
from tidegate.data.records import TextRecord, TokenRecord
from tidegate.errors import listed

__all__ = ["Finding", "Lengths", "PartProfile", "Report", "check_texts", "check_tokens"]

# From this share of the records on, what is wrong with them is a warning; below it a note.
_MANY = 0.01
_FEW_EXAMPLES, _UNBALANCED = 5, 20
# A text is extremely long above this many characters and this many times the length that 95 % keep to.
_LONG, _TIMES_LONGER = 2000, 20


def check_texts(parts: Mapping[str, Sequence[TextRecord]]) -> Report:
    """Checks texts with labels of their own; the keys are 'train', 'dev' and 'test', as many as there are."""
    items = {name: [text_item(record) for record in records] for name, records in parts.items() if records}
    return _Check(items, ("",), "text", "word").report()


def check_tokens(parts: Mapping[str, Sequence[TokenRecord]], columns: Sequence[str]) -> Report:
    """Checks sentences with a label for every token, in these label columns.

    Raises:
        DataError: a record lacks one of the columns.
    """
    items = {name: [token_item(record, columns) for record in records] for name, records in parts.items() if records}
    return _Check(items, tuple(columns), "sentence", "token").report()


class _Check:
    """The checks, one method a subject; `noun` and `word` are what a record and its pieces are called."""

    def __init__(self, parts: dict[str, list[Item]], columns: tuple[str, ...], noun: str, word: str) -> None:
        self.parts, self.columns, self.noun, self.word = parts, columns, noun, word
        self.all = [item for items in parts.values() for item in items]
        # The first record with each text.
        self.first = {name: {item.key: item for item in reversed(items) if item.key} for name, items in parts.items()}
        self.counts = {
            (column, name): Counter(label for item in items for label in item.labels[row])
            for row, column in enumerate(columns)
            for name, items in parts.items()
        }
        self.profiles = {name: self._profile(name, items) for name, items in parts.items()}

    def report(self) -> Report:
        fine: dict[Subject, str] = {
            "duplicates": f"no {self.noun} comes twice",
            "contradictions": f"no {self.noun} has different labels in different places",
            "spelling": "no labels differ by case or blanks alone",
            "lengths": f"no {self.noun} is empty or extremely long",
            "encoding": "no sign of damaged characters",
        }
        checks = (self._duplicates, self._contradictions, self._classes, self._spelling, self._groups, self._lengths, self._encoding)
        found = [finding for check in checks for finding in check()]
        told = {finding.subject for finding in found}
        found += [Finding(subject, "fine", said) for subject, said in fine.items() if subject not in told and self.all]
        found.sort(key=lambda finding: ("warning", "note", "fine").index(finding.severity))
        counts: dict[str, dict[str, int]] = {}
        for (column, name), counter in self.counts.items():
            for label, count in counter.items():
                counts.setdefault(f"{column}={label}" if len(self.columns) > 1 else label, dict.fromkeys(self.parts, 0))[name] = count
        return Report(tuple(self.profiles.values()), tuple(found), counts, self._summary(found))

    def _profile(self, name: str, items: list[Item]) -> PartProfile:
        words, characters = lengths_of(item.words for item in items), lengths_of(len(item.text) for item in items)
        labels = sum(len(self.counts[column, name]) for column in self.columns)
        return PartProfile(name, len(items), len(self.first[name]), labels, words, characters, sum(not item.key for item in items))

    def _summary(self, found: list[Finding]) -> str:
        if not self.parts:
            return f"no {self.noun}s"
        part = self.profiles.get("train") or next(iter(self.profiles.values()))
        repeated = part.records - part.distinct - part.empty
        pieces = [
            f"{counted(part.distinct, 'distinct ' + self.noun)} of {part.records:,}" + (f" ({repeated:,} repeated)" if repeated else "")
        ]
        for column in self.columns:
            named, total = self._named(column, part.name), self._total(column, part.name)
            shares = f", {percent(named[-1][1] / total)} to {percent(named[0][1] / total)}" if len(named) > 1 else ""
            outside = " beside O" if len(named) < len(self.counts[column, part.name]) else ""
            pieces.append((f"{column}: " if column else "") + counted(len(named), "label") + outside + shares)
        pieces.append(f"median {counted(part.words.median, self.word)}, longest {part.words.longest:,}")
        bad = dict.fromkeys(finding.subject for finding in found if finding.severity == "warning")
        # Repetitions stand at the beginning already.
        odd = dict.fromkeys(finding.subject for finding in found if finding.severity == "note" and finding.subject != "duplicates")
        end = f"look at: {', '.join(bad)}" if bad else f"of note: {', '.join(odd)}" if odd else "nothing odd"
        return "; ".join([*pieces, end])

    def _named(self, column: str, name: str) -> list[tuple[str, int]]:
        """Labels and how often, the most frequent first; without a token's 'O', which means no label and is far ahead by nature."""
        counts = self.counts[column, name].most_common()
        return [(label, count) for label, count in counts if label != "O" or not column] or counts

    def _total(self, column: str, name: str) -> int:
        """What shares are shares of: the labelled texts, or the tokens."""
        return sum(bool(item.answer) for item in self.parts[name]) if not column else self.counts[column, name].total()

    def _finding(
        self, subject: Subject, what: str, places: Iterable[str], count: int, total: int, mend: str, severity: Severity | None = None
    ) -> Finding:
        """So many of all are so; how bad that is follows from their share, if nothing else was said."""
        weighed: Severity = severity or ("warning" if count >= _MANY * total else "note")
        return Finding(subject, weighed, f"{count:,} of {counted(total, self.noun)} {what}", tuple(places), mend)

    def _duplicates(self) -> Iterator[Finding]:
        for early, late in combinations(self.parts, 2):
            first, items = self.first[early], self.parts[late]
            copies = [item for item in items if item.key in first]
            if copies:
                pairs = [f"{item.beside(first[item.key])}: {excerpt(item.text)}" for item in copies[:EXAMPLES]]
                share = percent(len(copies) / len(items))
                what = f"in {late} ({share}) {verb(len(copies), 'has', 'have')} a copy in {early}, which makes the score in {late} too good"
                mend = f"Remove the copies from {early}, or from both."
                yield self._finding("duplicates", what, pairs, len(copies), len(items), mend)
        for name, items in self.parts.items():
            first, profile = self.first[name], self.profiles[name]
            repeated = profile.records - profile.distinct - profile.empty
            if repeated:
                again = {item.key: item for item in reversed(items) if item.key and first[item.key] is not item}
                pairs = [f"{item.beside(first[key])}: {excerpt(item.text)}" for key, item in islice(reversed(again.items()), EXAMPLES)]
                mend = "Keep them if they come as often where the model will be used; otherwise keep one of each."
                what = f"in {name} {verb(repeated, 'repeats', 'repeat')} an earlier one"
                yield self._finding("duplicates", what, pairs, repeated, len(items), mend, "note")

    def _contradictions(self) -> Iterator[Finding]:
        first: dict[Any, Item] = {}
        others: dict[Any, Item] = {}
        labelled = [item for item in self.all if item.key and item.answer]
        for item in labelled:
            if first.setdefault(item.same, item).answer != item.answer:
                others.setdefault(item.same, item)
        if others:
            count = sum(item.same in others for item in labelled)
            pairs = [self._difference(first[same], other) for same, other in islice(others.items(), EXAMPLES)]
            what = f"have different labels in different places ({counted(len(others), 'distinct ' + self.noun)})"
            mend = f"Decide on the labels of each, or remove the {self.noun}s: no model can get all of them right."
            yield self._finding("contradictions", what, pairs, count, len(self.all), mend)

    def _difference(self, one: Item, other: Item) -> str:
        if isinstance(one.record, TextRecord):
            return f"{one.beside(other, [', '.join(one.answer), ', '.join(other.answer)])}: {excerpt(one.text)}"
        for row, labels in enumerate(one.labels):
            for token, pair in enumerate(zip(labels, other.labels[row], strict=True)):
                if pair[0] != pair[1]:
                    return f"{one.beside(other, pair, token)}: {excerpt(one.record.tokens[token])} in {excerpt(one.text)}"
        raise AssertionError("the answers are equal")

    def _with_label(self, row: int, name: str, labels: Iterable[str]) -> list[str]:
        """Where each of the labels stands first."""
        found = []
        for label in islice(labels, EXAMPLES):
            item = next(item for item in self.parts[name] if label in item.labels[row])
            token = item.labels[row].index(label)
            shown = item.record.tokens[token] if isinstance(item.record, TokenRecord) else item.text
            found.append(f"{item.where(token)}: {excerpt(label)} for {excerpt(shown)}")
        return found

    def _classes(self) -> Iterator[Finding]:
        for row, column in enumerate(self.columns):
            begin = f"{column}: " if column else ""
            train = self.counts.get((column, "train"), Counter())
            named = self._named(column, "train") if train else []
            if named:
                yield self._balance(begin, column, named)
            rare = [label for label, count in reversed(named) if count < _FEW_EXAMPLES]
            if rare:
                said = f"{begin}{counted(len(rare), 'label')} with fewer than {_FEW_EXAMPLES} examples in train"
                mend = "Add examples, or join them with a label that is like them: so few can hardly be learnt."
                places = tuple(self._with_label(row, "train", rare))
                yield Finding("classes", "note", f"{said}: {listed(map(excerpt, rare), EXAMPLES)}", places, mend)
            for name in self.parts if train else ():
                counts = self.counts[column, name]
                new = [label for label in counts if label not in train]
                if new:
                    times = counted(sum(counts[label] for label in new), "time")
                    said = (
                        f"{begin}{counted(len(new), 'label')} in {name} that train lacks ({times}): {listed(map(excerpt, new), EXAMPLES)}"
                    )
                    mend = "Correct the spelling, or move examples to train: such an answer can never be right."
                    yield Finding("classes", "warning", said, tuple(self._with_label(row, name, new)), mend)
        for name, items in self.parts.items():
            bare = [item for item in items if item.key and not item.answer]
            if 0 < len(bare) < len(items):
                places = tuple(item.place() for item in bare[:EXAMPLES])
                what, mend = (
                    f"in {name} {verb(len(bare), 'has', 'have')} no label",
                    "Give each its labels, or see whether the label column is the right one.",
                )
                yield self._finding("classes", what, places, len(bare), len(items), mend)

    def _balance(self, begin: str, column: str, named: list[tuple[str, int]]) -> Finding:
        (most, often), (least, seldom) = named[0], named[-1]
        has_outside = len(named) < len(self.counts[column, "train"])
        if len(named) == 1 and not has_outside:
            said = f"{begin}one label only in train, {excerpt(most)}, so there is nothing to learn"
            return Finding("classes", "warning", said, (), "Name another label column with --label, or add examples of other labels.")
        total = self._total(column, "train")
        ends = (f"{excerpt(label)} ({percent(count / total)}, {count:,})" for label, count in ((least, seldom), (most, often)))
        said = f"{begin}{counted(len(named), 'label')}{' beside O' if has_outside else ''} in train, from {' to '.join(ends)}"
        if often <= _UNBALANCED * seldom:
            return Finding("classes", "fine", said)
        mend = "Look at the F1 of each label, not at accuracy" + ("." if column else ", and try --set class_weights=balanced.")
        return Finding("classes", "note", said, (), mend)

    def _spelling(self) -> Iterator[Finding]:
        for row, column in enumerate(self.columns):
            alike: dict[str, Counter[str]] = {}
            for name in self.parts:
                for label, count in self.counts[column, name].items():
                    alike.setdefault(label.strip().casefold(), Counter())[label] += count
            clashes = [labels.most_common() for labels in alike.values() if len(labels) > 1]
            if clashes and column != "lemma":  # a name and a word may share a lemma but for its capital
                shown = listed((" and ".join(f"{excerpt(label)} ({count:,})" for label, count in labels) for labels in clashes), EXAMPLES)
                said = f"{column + ': ' if column else ''}labels that differ by case or blanks alone: {shown}"
                where: list[str] = []
                for label in (labels[-1][0] for labels in clashes[:EXAMPLES]):
                    where += self._with_label(row, next(name for name in self.parts if self.counts[column, name][label]), [label])
                yield Finding("spelling", "warning", said, tuple(where), "Spell each label in one way: these count as different ones.")

    def _groups(self) -> Iterator[Finding]:
        first = {name: {item.group: item for item in reversed(items) if item.group} for name, items in self.parts.items()}
        for early, late in combinations(self.parts, 2):
            torn = [item for item in self.parts[late] if item.group in first[early]]
            if torn:
                groups = dict.fromkeys(item.group for item in torn)
                pairs = [f"{first[late][g].beside(first[early][g])}: group {excerpt(g)}" for g in islice(groups, EXAMPLES)]
                what = f"in {late} {verb(len(torn), 'comes', 'come')} from groups that {early} has too ({counted(len(groups), 'group')})"
                mend = "Keep all records of a group in one part: otherwise the score tells nothing about new groups."
                yield self._finding("groups", what, pairs, len(torn), len(self.parts[late]), mend, "warning")

    def _lengths(self) -> Iterator[Finding]:
        empty = [item for item in self.all if not item.key]
        if empty:
            mend = "Remove them, or see whether the right column was read."
            what = f"{verb(len(empty), 'is', 'are')} empty"
            yield self._finding("lengths", what, [i.place() for i in empty[:EXAMPLES]], len(empty), len(self.all), mend, "warning")
        limits = {name: max(_LONG, _TIMES_LONGER * profile.characters.p95) for name, profile in self.profiles.items()}
        long = [item for name, items in self.parts.items() for item in items if len(item.text) > limits[name]]
        if long:
            what = f"{verb(len(long), 'is', 'are')} extremely long, up to {max(len(item.text) for item in long):,} characters"
            mend = "See whether a line end or a closing quote is missing there; if not, cut them."
            yield self._finding("lengths", what, [i.place() for i in long[:EXAMPLES]], len(long), len(self.all), mend)

    def _encoding(self) -> Iterator[Finding]:
        found: dict[str, list[tuple[Item, int]]] = {kind: [] for kind in DAMAGE}
        for item in self.all:
            for kind, at in damage_in(item.text):
                found[kind].append((item, at))
        if found["composed"] and not any(has_composed(item.text) for item in self.all):
            found["composed"] = []  # all in one form, if not the usual one
        for kind, (what, mend) in DAMAGE.items():
            if found[kind]:
                places = [item.place(at) for item, at in found[kind][:EXAMPLES]]
                severity: Severity | None = "note" if kind == "entities" else None
                yield self._finding(
                    "encoding", f"{verb(len(found[kind]), 'holds', 'hold')} {what}", places, len(found[kind]), len(self.all), mend, severity
                )
