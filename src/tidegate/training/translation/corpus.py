"""The pairs of a translation run: read, split, their units chosen, counted and numbered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tidegate.data.lexicon import are_phones
from tidegate.data.opening import excerpt
from tidegate.data.pair_batches import EncodedPair, encode_entries
from tidegate.data.pairs import Entry, read_pairs, split_entries
from tidegate.data.unit_base import with_line_ends
from tidegate.data.units import UnitKind, Units, count_units
from tidegate.errors import DataError, RecipeError
from tidegate.training.files import RunFiles
from tidegate.training.inheritance import inherited_pair_units
from tidegate.training.translation.recipe import TranslateRecipe

_NOUNS: dict[UnitKind, str] = {"char": "characters", "word": "words", "bpe": "pieces", "token": "tokens"}
# So many texts of a side are looked at to choose its units, from all over the training data.
_LOOKED_AT = 10_000
# Texts with fewer words on average are read by their characters.
_FEW_WORDS = 3
# Texts that hold digits and are no longer on average are dates, times, sums: in them every digit counts.
_LONGEST_DATE = 40
# Characters of a block that is counted.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class TranslateCorpus:
    """Training, development and test entries, the units counted on the first, and the training pairs in numbers.

    Attributes:
        pairs: one for each target of the training entries, but for those with a side longer than `max_units`.
        longest_source, longest_target: units of the longest sides among them, without the end symbol.
        split: one sentence that says where development and test data come from.
        is_lexicon: whether the training files are pronouncing lexicons.
        notes: sentences that the user should read before training begins.
    """

    source_units: Units
    target_units: Units
    train: tuple[Entry, ...]
    dev: tuple[Entry, ...]
    test: tuple[Entry, ...]
    pairs: list[EncodedPair]
    longest_source: int
    longest_target: int
    split: str
    is_lexicon: bool
    notes: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Units of the training pairs, both sides, end symbols counted."""
        return sum(len(pair) for pair in self.pairs)


def read_corpus(files: RunFiles, recipe: TranslateRecipe) -> TranslateCorpus:
    """Reads the files of a run.

    Raises:
        DataError: what `read_pairs` refuses, or too few pairs.
        RecipeError: as `corpus_of`.
        MissingExtraError: pieces are asked for and the library for them is not installed.
    """
    read = partial(read_pairs, source=recipe.source, target=recipe.target, stress=recipe.stress)
    train = read(files.train)
    dev, test = (read(part) if part else None for part in (files.dev, files.test))
    notes = [*train.notes]
    for name, part in (("development", dev), ("test", test)):
        notes += [f"{name} set: {note}" for note in (part.notes if part else ()) if note not in train.notes]
    held_out, tested = (part.entries if part else () for part in (dev, test))
    return corpus_of(train.entries, held_out, tested, recipe, is_lexicon=train.is_lexicon, files=files, notes=notes)


def corpus_of(
    train: Sequence[Entry],
    dev: Sequence[Entry],
    test: Sequence[Entry],
    recipe: TranslateRecipe,
    *,
    is_lexicon: bool = False,
    files: RunFiles | None = None,
    notes: Sequence[str] = (),
) -> TranslateCorpus:
    """The corpus of entries in memory; where `dev` is empty it is split off, and where `test` is, as much as `test_share` says.

    Args:
        files: where the entries were read, for the sentence on the split; None: they were given in memory.
        notes: what is to be said before all else.

    Raises:
        DataError: too few entries, or none that is short enough to train on.
        RecipeError: no unit of a side is frequent enough to be known; a vocabulary too small for BPE.
        MissingExtraError: pieces are asked for and the library for them is not installed.
    """
    train, dev, test, split = _split(train, dev, test, recipe, files)
    said = list(notes)
    source_units, target_units = inherited_pair_units(recipe) or _counted_units(train, recipe, is_lexicon=is_lexicon)
    source_kind, target_kind = source_units.kind, target_units.kind
    pairs = encode_entries(train, source_units, target_units)
    kept = [pair for pair in pairs if len(pair.source) - 1 <= recipe.max_units and len(pair.target) <= recipe.max_units]
    if not kept:
        raise DataError(
            f"every pair to train on has a side of more than {recipe.max_units} units ({_NOUNS[source_kind]} of the source, "
            f"{_NOUNS[target_kind]} of the target). Set a larger max_units."
        )
    if recipe.init_from:
        _check_known(pairs, source_units, target_units, recipe)
    elif "auto" in (recipe.source_unit, recipe.target_unit):
        said.append(
            f"the source is read as {_NOUNS[source_kind]}, the target written as {_NOUNS[target_kind]}, by the look of the pairs; "
            "--source-unit and --target-unit choose others"
        )
    said.append(
        f"{len(kept):,} pairs to train on, of {len(train):,} sources; {len(source_units) - 1:,} different {_NOUNS[source_kind]} in the "
        f"source, {len(target_units) - 1:,} {_NOUNS[target_kind]} in the target; {split}"
    )
    if len(kept) < len(pairs):
        said.append(
            f"{len(pairs) - len(kept):,} pairs with a side of more than {recipe.max_units} units are left out of training (max_units)"
        )
    for name, part in (("development", dev), ("test", test)):
        said += _held_out_notes(name, part, train, source_units, target_units)
    return TranslateCorpus(
        source_units,
        target_units,
        tuple(train),
        tuple(dev),
        tuple(test),
        kept,
        max(len(pair.source) - 1 for pair in kept),
        max(len(pair.target) for pair in kept),
        split,
        is_lexicon,
        tuple(said),
    )


def _split(
    train: Sequence[Entry], dev: Sequence[Entry], test: Sequence[Entry], recipe: TranslateRecipe, files: RunFiles | None
) -> tuple[Sequence[Entry], Sequence[Entry], Sequence[Entry], str]:
    """The three parts, and a sentence on where the last two come from."""
    sentences = []
    if dev:
        sentences.append(f"the development set is {', '.join(files.dev) if files else 'the one given'}")
    if test:
        sentences.append(f"the test set is {', '.join(files.test) if files else 'the one given'}")
    shares = {
        name: share for name, share, given in (("dev", recipe.dev_share, dev), ("test", recipe.test_share, test)) if share and not given
    }
    names = {"dev": "development", "test": "test"}
    if not shares:
        return train, dev, test, "; ".join(sentences)
    first, second = next(iter(shares.values())), shares["test"] if len(shares) == 2 else 0.0
    train, one, other = split_entries(train, dev_share=first, test_share=second, seed=recipe.seed)
    parts = {"dev": dev, "test": test} | dict(zip(shares, (one, other), strict=False))
    sentences += [
        f"the {names[name]} set is {100 * share:.3g} % of the sources, drawn by seed {recipe.seed}" for name, share in shares.items()
    ]
    return train, parts["dev"], parts["test"], "; ".join(sentences)


def _counted_units(train: Sequence[Entry], recipe: TranslateRecipe, *, is_lexicon: bool) -> tuple[Units, Units]:
    source_kind, target_kind = _kinds(train, recipe, is_lexicon=is_lexicon)
    return (
        _count([entry.source for entry in train], source_kind, "source", recipe),
        _count([target for entry in train for target in entry.targets], target_kind, "target", recipe),
    )


def _check_known(pairs: Sequence[EncodedPair], source_units: Units, target_units: Units, recipe: TranslateRecipe) -> None:
    """Whether the model that the run begins with knows most of what it will read and write."""
    for side, units, texts in (
        ("source", source_units, [pair.source for pair in pairs]),
        ("target", target_units, [pair.target for pair in pairs]),
    ):
        count, unknown = sum(map(len, texts)), sum(int((ids == 0).sum()) for ids in texts)
        if 2 * unknown > count:
            raise RecipeError(
                f"init_from: {unknown:,} of the {count:,} {_NOUNS[units.kind]} of the {side}s are unknown to the model {recipe.init_from}, "
                "whose units the run goes on with. Name a model that was trained on pairs of the same kind."
            )


def _kinds(train: Sequence[Entry], recipe: TranslateRecipe, *, is_lexicon: bool) -> tuple[UnitKind, UnitKind]:
    """The units of each side: those of the recipe, or by the look of the entries."""
    looked_at = train[:: max(1, len(train) // _LOOKED_AT)]
    sources, targets = [entry.source for entry in looked_at], [target for entry in looked_at for target in entry.targets]
    source: UnitKind = ("char" if is_lexicon else kind_of(sources)) if recipe.source_unit == "auto" else recipe.source_unit
    if recipe.target_unit != "auto":
        return source, recipe.target_unit
    return source, "token" if is_lexicon or _are_sounds(sources, targets) else kind_of(targets)


def kind_of(texts: Sequence[str]) -> UnitKind:
    """How these texts are best read: by characters where they are words, names, dates or written without blanks, else by words."""
    words = sum(len(text.split()) for text in texts)
    if words < _FEW_WORDS * len(texts):
        return "char"
    have_digits = 2 * sum(any(map(str.isdigit, text)) for text in texts) > len(texts)
    return "char" if have_digits and sum(map(len, texts)) <= _LONGEST_DATE * len(texts) else "word"


def _are_sounds(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether the sources are single words and the targets short symbols with blanks between them."""
    single = sum(len(source.split()) == 1 for source in sources)
    tokens = [token for target in targets for token in target.split()]
    several = sum(len(target.split()) > 1 for target in targets)
    return single >= 0.9 * len(sources) and 2 * several > len(targets) and are_phones(tokens)


def _count(texts: Sequence[str], kind: UnitKind, side: str, recipe: TranslateRecipe) -> Units:
    # A text is a line, and with breaks as blanks the ends of lines are no units.
    counting = recipe.counting(kind)
    units = count_units(_blocks(texts, "" if kind == "char" else "\n"), kind, line_breaks="blank", **counting)
    if len(units) < 2:
        raise RecipeError(
            f"none of the {_NOUNS[kind]} of the {side}s would be known, with min_count = {counting['min_count']} and vocabulary_size = "
            f"{recipe.vocabulary_size}. Set a smaller min_count (1 is the smallest), or a larger vocabulary_size (0: all of them)."
        )
    return units


def _blocks(texts: Sequence[str], end: str) -> Iterator[str]:
    """The texts, each with `end` after it, in blocks of about a million characters."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(with_line_ends(text) + end)
        size += len(held[-1])
        if size >= _BLOCK:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def _held_out_notes(name: str, part: Sequence[Entry], train: Sequence[Entry], source_units: Units, target_units: Units) -> Iterator[str]:
    """What is unknown in development or test entries, and how many of them training has too."""
    sides = (
        ("source", source_units, [entry.source for entry in part]),
        ("target", target_units, [target for entry in part for target in entry.targets]),
    )
    for side, units, texts in sides:
        encoded = [units.encode(text) for text in texts]
        count, unknown = sum(map(len, encoded)), sum(int((ids == 0).sum()) for ids in encoded)
        if unknown:
            first = next(text for text, ids in zip(texts, encoded, strict=True) if not ids.all())
            yield (
                f"{unknown:,} of the {count:,} {_NOUNS[units.kind]} in the {side}s of the {name} set are unknown, the first "
                f"{excerpt(units.unknown_in(first)[0])}"
            )
    known = {entry.source for entry in train}
    seen = sum(entry.source in known for entry in part)
    if seen:
        yield f"{seen:,} of the {len(part):,} sources of the {name} set stand in the training data too: its scores flatter"
