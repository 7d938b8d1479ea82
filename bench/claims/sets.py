"""The data sets that several claims share, each cut to what one core learns in about a minute, and the task of a run on it.

Settings were laid down before the first run and are the same for every contender of a set: no contender was tuned. Where a set is large, a
part of its training records is read, chosen by a checksum of the record, the same for all.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bench.claims.claim import KEPT

from tidegate.data import TextRecord, TokenRecord
from tidegate.training.recipe import build_recipe
from tidegate.training.task import TrainingTask

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set as the claims read it.

    Attributes:
        name: of the folder of the data, or that with what is done where one folder serves two tasks.
        shown: what stands in tables.
        task: builds the task of a run from its settings.
        score: key of the score in metrics.json's `test`.
        lower_is_better: of that score.
        read: what is read of it, in words.
        settings: of every run on it.
    """

    name: str
    shown: str
    task: Callable[[dict[str, Any]], TrainingTask[Any]]
    score: str
    read: str
    settings: dict[str, Any] = field(default_factory=dict)
    lower_is_better: bool = False


def folder(name: str) -> Path:
    """A data set's folder, in the folder that TIDEGATE_DATA names, else ../shared/data."""
    found = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name
    if not found.is_dir():
        sys.exit(f"{found} is not there; name the folder of data sets with TIDEGATE_DATA")
    return found


def some(records: Sequence[Record], count: int, text_of: Callable[[Record], str]) -> list[Record]:
    """So many of the records, those whose texts have the lowest checksums, in their order."""
    lowest = sorted(range(len(records)), key=lambda place: (zlib.crc32(text_of(records[place]).encode()), place))[:count]
    return [records[place] for place in sorted(lowest)]


# Tagging. Softmax heads: a CRF chooses all labels of a sentence together, so that a one-way network would profit from the right.


def _words(record: TokenRecord) -> str:
    return " ".join(record.tokens)


def _tag(name: str, most: int) -> Callable[[dict[str, Any]], TrainingTask[Any]]:
    def task(settings: dict[str, Any]) -> TrainingTask[Any]:
        from bench.claims.bounded import BoundedTagTask

        from tidegate.training.tagging.corpus import build_corpus
        from tidegate.training.tagging.recipe import TagRecipe
        from tidegate.training.tagging.task import TagTask

        options = {"head": "softmax", "average_decay": 0.99, **settings}
        ahead = options.pop("lookahead", None)
        recipe = build_recipe(TagRecipe, preset="fast", options=options)
        train, dev, test = tagged(name)
        corpus = build_corpus(some(train, most, _words), dev, test, recipe)
        return TagTask(recipe, corpus) if ahead is None else BoundedTagTask(recipe, corpus, ahead)

    return task


@cache
def tagged(name: str) -> tuple[list[TokenRecord], list[TokenRecord], list[TokenRecord]]:
    """The sentences of a tagged set: training, development, test. Snips has no development part: a twentieth by checksum."""
    from bench.tagging import FILES

    from tidegate.data.reading import read_labelled

    label = {"ud_english_ewt": ("upos",), "wnut17": (), "snips_nlu": ("slot",)}[name]
    train, dev, test = (
        [record for file in FILES[name][part] for record in read_labelled(str(folder(name) / file), label=label) if record.tokens]
        for part in ("train", "dev", "test")
    )
    if not dev:
        dev = [record for record in train if zlib.crc32(_words(record).encode()) % 20 == 0]
        train = [record for record in train if zlib.crc32(_words(record).encode()) % 20]
    return train, dev, test


# Classifying texts: the network alone. N-grams beside it would tell most of the answer, and so hide what the network adds.


def _classify(name: str, most: int) -> Callable[[dict[str, Any]], TrainingTask[Any]]:
    def task(settings: dict[str, Any]) -> TrainingTask[Any]:
        from tidegate.training.classification.corpus import build_corpus
        from tidegate.training.classification.recipe import ClassifyRecipe
        from tidegate.training.classification.task import ClassifyTask

        recipe = build_recipe(
            ClassifyRecipe, preset="fast", recipe=name, options={"wide": False, "average_decay": 0.99, "dev_share": 0.1, **settings}
        )
        train, dev, test = _texts(name)
        return ClassifyTask(recipe, build_corpus(some(train, most, lambda record: record.text), dev, test, recipe))

    return task


@cache
def _texts(name: str) -> tuple[list[TextRecord], list[TextRecord], list[TextRecord]]:
    """The texts of a set, of folds the first; the development part that is published, or none."""
    from bench.classification import DATA

    _, train, dev, test = next(DATA[name]())
    return train, dev, test


# Language models: the beginning of a text.


def _generate(name: str, file: str, share: float) -> Callable[[dict[str, Any]], TrainingTask[Any]]:
    def task(settings: dict[str, Any]) -> TrainingTask[Any]:
        from tidegate.training.generation.corpus import GenerateFiles, read_corpus
        from tidegate.training.generation.recipe import GenerateRecipe
        from tidegate.training.generation.task import GenerateTask

        options = {"average_decay": 0.99, "dev_share": 0.1, "test_share": 0.1, **settings}
        recipe = build_recipe(GenerateRecipe, recipe=name, options=options)
        return GenerateTask(recipe, read_corpus(GenerateFiles([str(_beginning(folder(name) / file, share))]), recipe))

    return task


@cache
def _beginning(path: Path, share: float) -> Path:
    """A copy of the first so large share of a text's lines."""
    from tidegate.data.opening import open_lines

    lines = [line for _, line in open_lines(str(path))]
    copy = KEPT / "texts" / path.name.removesuffix(".gz")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text("".join(f"{line}\n" for line in lines[: round(share * len(lines))]), encoding="utf-8")
    return copy


# Sequences of numbers, sound, series, spelling.


def _vowels(settings: dict[str, Any]) -> TrainingTask[Any]:
    from bench.sequences.material import VOWEL_COLUMNS, vowels

    train = vowels("train")
    dev = train[::5]
    rest = [one for place, one in enumerate(train) if place % 5]
    return _frames("japanese_vowels", rest, dev, vowels("test"), VOWEL_COLUMNS, settings)


def _digits(settings: dict[str, Any]) -> TrainingTask[Any]:
    from bench.sequences.labels import DEV_TAKES, TEST_TAKES
    from bench.sequences.material import SOUND_COLUMNS, digits, take

    parts: dict[str, list[Any]] = {"train": [], "dev": [], "test": []}
    for one in digits():
        parts["test" if take(one) in TEST_TAKES else "dev" if take(one) in DEV_TAKES else "train"].append(one)
    return _frames("fsdd", parts["train"], parts["dev"], parts["test"], SOUND_COLUMNS, settings)


def _frames(
    name: str, train: Sequence[Any], dev: Sequence[Any], test: Sequence[Any], columns: Any, settings: dict[str, Any]
) -> TrainingTask[Any]:
    from tidegate.training.frame_material import parts_of
    from tidegate.training.sequences.corpus import corpus_of
    from tidegate.training.sequences.recipe import SequenceClassifyRecipe
    from tidegate.training.sequences.task import SequenceClassifyTask

    recipe = build_recipe(SequenceClassifyRecipe, preset="fast", recipe=name, options={"average_decay": 0.99, **settings})
    return SequenceClassifyTask(recipe, corpus_of(parts_of(train, dev, test, columns, recipe), recipe))


def _forecast(name: str) -> Callable[[dict[str, Any]], TrainingTask[Any]]:
    def task(settings: dict[str, Any]) -> TrainingTask[Any]:
        from tidegate.training.forecasting.corpus import corpus_of
        from tidegate.training.forecasting.recipe import ForecastRecipe
        from tidegate.training.forecasting.task import ForecastTask

        recipe = build_recipe(ForecastRecipe, preset="fast", recipe=name, options={"auto_ets": False, "average_decay": 0.99, **settings})
        return ForecastTask(recipe, corpus_of(_panel(name), recipe))

    return task


@cache
def _panel(name: str) -> Any:
    from bench.forecasting.quality import panel_of

    from tidegate.training.forecasting.recipe import ForecastRecipe

    return panel_of(name, build_recipe(ForecastRecipe, recipe=name).reading())


def _translate(name: str, most: tuple[int, int, int]) -> Callable[[dict[str, Any]], TrainingTask[Any]]:
    def task(settings: dict[str, Any]) -> TrainingTask[Any]:
        from bench.translation.splits import split_files

        from tidegate.data.pairs import read_pairs
        from tidegate.training.translation.corpus import corpus_of
        from tidegate.training.translation.recipe import TranslateRecipe
        from tidegate.training.translation.task import TranslateTask

        recipe = build_recipe(TranslateRecipe, preset="fast", recipe=name, options={"average_decay": 0.99, **settings})
        read = [read_pairs([file], stress=recipe.stress) for file in split_files(name)]
        train, dev, test = (some(one.entries, count, lambda entry: entry.source) for one, count in zip(read, most, strict=True))
        return TranslateTask(recipe, corpus_of(train, dev, test, recipe, is_lexicon=read[0].is_lexicon))

    return task


_CLASSIFY = {"max_epochs": 8, "patience": 8}
_MANY = {"max_epochs": 15, "patience": 15}  # of the sets with many labels

SETS: dict[str, DataSet] = {
    one.name: one
    for one in (
        DataSet(
            "ud_english_ewt",
            "UD EWT, parts of speech",
            _tag("ud_english_ewt", 6000),
            "accuracy",
            "6,000 of 12,544 training sentences",
            {"label": "upos", "max_epochs": 12, "patience": 12},
        ),
        DataSet(
            "wnut17",
            "WNUT-17, named entities",
            _tag("wnut17", 3394),
            "span_f1",
            "all 3,394 training tweets",
            {"max_epochs": 16, "patience": 16, "batch_tokens": 400},
        ),
        DataSet(
            "snips_slots",
            "Snips, slots",
            _tag("snips_nlu", 4000),
            "span_f1",
            "4,000 of 13,084 training utterances",
            {"label": "slot", "max_epochs": 10, "patience": 10, "batch_tokens": 400},
        ),
        DataSet("sms_spam", "SMS spam", _classify("sms_spam", 5000), "f1", "fold 0 of 5", _CLASSIFY),
        DataSet(
            "sentence_polarity",
            "Sentence polarity",
            _classify("sentence_polarity", 4000),
            "accuracy",
            "4,000 texts of fold 0 of 10",
            _CLASSIFY,
        ),
        DataSet("snips_nlu", "Snips, intents", _classify("snips_nlu", 4000), "accuracy", "4,000 of 13,084 training utterances", _CLASSIFY),
        DataSet("banking77", "Banking77", _classify("banking77", 6000), "accuracy", "6,000 of 10,003 training texts", _MANY),
        DataSet("clinc150", "CLINC150", _classify("clinc150", 8000), "accuracy", "8,000 of 15,100 training texts", _MANY),
        DataSet(
            "tinyshakespeare",
            "Tiny Shakespeare, characters",
            _generate("tinyshakespeare", "input.txt.gz", 0.3),
            "nats",
            "the first 30 % of the lines, of which 80 % to train",
            {"hidden_size": 128, "dropout": 0.2, "max_epochs": 8, "patience": 8},
            lower_is_better=True,
        ),
        DataSet(
            "war_and_peace",
            "War and Peace, words",
            _generate("war_and_peace", "war_and_peace.txt.gz", 0.15),
            "nats",
            "the first 15 % of the lines, of which 80 % to train",
            {"hidden_size": 128, "max_epochs": 6, "patience": 6, "streams": 12},
            lower_is_better=True,
        ),
        DataSet(
            "japanese_vowels",
            "Japanese vowels, speakers",
            _vowels,
            "accuracy",
            "all; a fifth of the training utterances to choose by",
            {"max_epochs": 20, "patience": 20},
        ),
        DataSet("fsdd", "Spoken digits", _digits, "accuracy", "all 1,200 recordings", {"max_epochs": 15, "patience": 15}),
        DataSet(
            "etth1",
            "ETTh1, 96 hours ahead",
            _forecast("etth1"),
            "mase",
            "all; an origin every 24 hours is scored",
            {"max_epochs": 5, "patience": 5, "origin_every": 24, "hidden_size": 64},
            lower_is_better=True,
        ),
        DataSet(
            "beijing_air",
            "Beijing air, 24 hours ahead",
            _forecast("beijing_air"),
            "mase",
            "all; 10,000 windows an epoch",
            {"max_epochs": 4, "patience": 4, "epoch_windows": 10_000},
            lower_is_better=True,
        ),
        DataSet(
            "cmudict",
            "CMUdict, spelling to phones",
            _translate("cmudict", (5000, 300, 1000)),
            "exact_match",
            "5,000 words to train, 300 to choose by, 1,000 to test",
            {"hidden_size": 96, "num_layers": 1, "decoder_layers": 1, "max_epochs": 12, "patience": 12, "batch_tokens": 600, "beam": 1},
        ),
    )
}
