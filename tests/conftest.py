"""What several tests share: toy corpora on disk, and a small tagger and a small classifier trained on them once."""

from __future__ import annotations

import csv
import fcntl
import math
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

# One thread for each process that runs tests, and for those that it starts, before anything loads NumPy: `make test` runs a process a core.
# Tests of threads name a number of their own.
os.environ.update(
    {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TIDEGATE_NUM_THREADS")}
)

import pytest
from hypothesis import HealthCheck, settings

import warm_commands
from browser import started_browser
from tidegate.data.teddy import teddy_corpus
from tidegate.threads import available_threads
from tidegate.training.files import RunFiles

# The same examples in every run (pyproject.toml says so), and as much time for each as it takes; `--hypothesis-profile=search` looks for
# others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True, database=None)

# Settings that learn the toy corpus in a second or two.
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "word_size": 16,
    "shape_size": 4,
    "character_size": 8,
    "character_embedding_size": 8,
    "batch_tokens": 300,
    "max_epochs": 3,
    "learning_rate": 0.02,
    "warmup_steps": 10,
    "dropout": 0.1,
    "average_decay": 0.9,
}


def pytest_xdist_auto_num_workers() -> int:
    """Processes for `pytest -n auto`: one a core that may be used, eight at most, for each holds PyTorch."""
    return min(available_threads(), 8)


@pytest.fixture(scope="session", autouse=True)
def _end_of_warm_commands() -> Iterator[None]:
    yield
    warm_commands.close()


def made_once(name: str, tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """What `make` puts at the path that it is given: made by the first of all processes that asks for it.

    Nobody may change what stands there.
    """
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = folder / "made-once" / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            make(folder / "toy")
            (folder / "done").touch()
    return folder / "toy"


def hear_ctrl_c() -> None:
    """For a child about to run (`preexec_fn`): Ctrl-C, which is ignored where the tests run in the background, ends it as in a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class PowerCutError(Exception):
    """What ends training inside `power_cut`."""


@contextmanager
def power_cut(*, epoch: int = 2) -> Iterator[None]:
    """Training inside is cut off as that epoch, counted from 0, begins; it must come so far."""
    from tidegate.training.callbacks import KeepBestAndLast

    real = KeepBestAndLast.on_train_epoch_start

    def cut(self: Any, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == epoch:
            raise PowerCutError
        real(self, trainer, module)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCutError):
        patch.setattr(KeepBestAndLast, "on_train_epoch_start", cut)
        yield


def conllu_text(count: int, *, seed: int = 1) -> str:
    """So many teddy sentences as CoNLL-U, the tag in UPOS."""
    lines = []
    for record in teddy_corpus(seed=seed, train=count, dev=0, test=0).train:
        for number, (token, tag) in enumerate(zip(record.tokens, record.labels["tag"], strict=True), 1):
            lines.append(f"{number}\t{token}\t_\t{tag}\t_\t_\t_\t_\t_\t_")
        lines.append("")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.conllu, dev.conllu and test.conllu."""
    folder = tmp_path_factory.mktemp("toy")
    for seed, (name, count) in enumerate((("train", 300), ("dev", 60), ("test", 80)), 1):
        (folder / f"{name}.conllu").write_text(conllu_text(count, seed=seed), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def train_toy(toy_files: Path) -> Callable[..., Any]:
    """Trains on the toy files: `train_toy(out, **settings)` gives a TrainingResult."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.tagging.corpus import read_corpus
    from tidegate.training.tagging.recipe import TagRecipe
    from tidegate.training.tagging.task import TagTask

    def run(out: Path, *, resume: bool = False, overwrite: bool = False, test: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(TagRecipe, options={**SMALL, **settings})
        files = RunFiles(
            [str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")], [str(toy_files / "test.conllu")] if test else []
        )
        return train(TagTask(recipe, read_corpus(files, recipe)), out, resume=resume, overwrite=overwrite, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_model(train_toy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bilstm with a CRF, trained on the toy files."""
    return made_once("model", tmp_path_factory, lambda path: train_toy(path, test=True, max_epochs=8, patience=8))


# Settings that learn the toy texts in a second.
SMALL_CLASSIFIER: dict[str, Any] = {
    "hidden_size": 8,
    "word_size": 8,
    "shape_size": 2,
    "character_size": 6,
    "character_embedding_size": 4,
    "batch_tokens": 200,
    "max_epochs": 3,
    "learning_rate": 0.02,
    "warmup_steps": 5,
    "dropout": 0.1,
    "average_decay": 0.9,
}

_TOPICS = {
    "food": "bread soup cheese apples rice salt lunch plate kitchen honey".split(),
    "music": "song band guitar drums tune choir piano album concert violin".split(),
    "weather": "rain snow wind sunshine storm clouds frost thunder hail fog".split(),
}
_FILLERS = "the a we like my with some was today really very much".split()


def topic_texts(count: int, *, seed: int = 1) -> tuple[list[str], list[str]]:
    """So many texts of three to eight words, and the topic of each; a word in eight is another topic's."""
    chance = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        topic = chance.choice(sorted(_TOPICS))
        words = [chance.choice(_TOPICS[topic])]
        for _ in range(chance.randrange(2, 8)):
            kind = chance.random()
            other = chance.choice(sorted(_TOPICS))
            words.append(chance.choice(_FILLERS if kind < 0.5 else _TOPICS[topic] if kind < 0.875 else _TOPICS[other]))
        chance.shuffle(words)
        texts.append(" ".join(words))
        labels.append(topic)
    return texts, labels


def write_table(path: Path, header: str, *columns: list[str]) -> Path:
    """A CSV file of these columns under a header of names between commas."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header.split(","), *zip(*columns, strict=True)])
    return path


@pytest.fixture(scope="session")
def toy_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv, dev.csv and test.csv: texts and their topics."""
    folder = tmp_path_factory.mktemp("texts")
    for seed, (name, count) in enumerate((("train", 240), ("dev", 60), ("test", 80)), 1):
        write_table(folder / f"{name}.csv", "text,topic", *topic_texts(count, seed=seed))
    return folder


@pytest.fixture(scope="session")
def train_texts(toy_texts: Path) -> Callable[..., Any]:
    """Trains a classifier on the toy texts: `train_texts(out, **settings)` gives a TrainingResult."""
    from tidegate.training.classification.corpus import read_corpus
    from tidegate.training.classification.recipe import ClassifyRecipe
    from tidegate.training.classification.task import ClassifyTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    def run(out: Path, *, resume: bool = False, test: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, **settings})
        files = RunFiles([str(toy_texts / "train.csv")], [str(toy_texts / "dev.csv")], [str(toy_texts / "test.csv")] if test else [])
        return train(ClassifyTask(recipe, read_corpus(files, recipe)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_classifier(train_texts: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bilstm with a wide path, trained on the toy texts."""
    return made_once("classifier", tmp_path_factory, lambda path: train_texts(path, test=True))


# Settings that learn a toy text in a few seconds.
SMALL_GENERATOR: dict[str, Any] = {
    "hidden_size": 24,
    "embedding_size": 12,
    "window": 20,
    "streams": 16,
    "max_epochs": 3,
    "learning_rate": 0.03,
    "warmup_steps": 10,
    "dropout": 0.05,
    "input_dropout": 0.0,
    "state_reset": 0.2,
    "average_decay": 0.9,
}


def toy_text(sentences: int = 300, *, seed: int = 1) -> str:
    """So many teddy sentences, one a line."""
    records = teddy_corpus(seed=seed, train=sentences, dev=0, test=0).train
    return "".join(" ".join(record.tokens) + "\n" for record in records)


# Settings that learn the toy words' sounds in a few seconds.
SMALL_TRANSLATOR: dict[str, Any] = {
    "hidden_size": 48,
    "embedding_size": 16,
    "batch_tokens": 250,
    "max_epochs": 8,
    "learning_rate": 0.02,
    "warmup_steps": 10,
    "dropout": 0.0,
    "unit_dropout": 0.01,
    "label_smoothing": 0.02,
    "average_decay": 0.9,
}

_SOUNDS = {"a": "AA", "e": "EH", "i": "IY", "b": "B", "d": "D", "k": "K", "s": "S", "h": "HH"}


def toy_words(count: int, *, seed: int = 1) -> list[str]:
    """So many different words of two to ten letters."""
    chance = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choices([*sorted(_SOUNDS), "sh", "sh"], k=chance.randrange(2, 6)))] = None
    return list(words)


def sounds_of(word: str) -> str:
    """How a toy word is spoken, blanks between the phones: a letter is one, "sh" one together, and the first vowel is stressed."""
    phones, stress, rest = [], "1", word
    while rest:
        letters = "sh" if rest.startswith("sh") else rest[0]
        phone = "SH" if letters == "sh" else _SOUNDS[letters]
        if letters in "aei":
            phone, stress = phone + stress, "0"
        phones.append(phone)
        rest = rest[len(letters) :]
    return " ".join(phones)


@pytest.fixture(scope="session")
def toy_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lexicons train.dict, dev.dict and test.dict, which share no word."""
    folder = tmp_path_factory.mktemp("sounds")
    words = toy_words(700)
    for name, part in (("train", words[:600]), ("dev", words[600:640]), ("test", words[640:])):
        (folder / f"{name}.dict").write_text("".join(f"{word} {sounds_of(word)}\n" for word in part), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def train_sounds(toy_sounds: Path) -> Callable[..., Any]:
    """Trains a translator on the toy lexicons: `train_sounds(out, **settings)` gives a TrainingResult."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.translation.corpus import read_corpus
    from tidegate.training.translation.recipe import TranslateRecipe
    from tidegate.training.translation.task import TranslateTask

    def run(out: Path, *, resume: bool = False, test: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(TranslateRecipe, options={**SMALL_TRANSLATOR, **settings})
        files = RunFiles([str(toy_sounds / "train.dict")], [str(toy_sounds / "dev.dict")], [str(toy_sounds / "test.dict")] if test else [])
        return train(TranslateTask(recipe, read_corpus(files, recipe)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_translator(train_sounds: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bilstm with additive attention, trained on the toy lexicons."""
    return made_once("translator", tmp_path_factory, lambda path: train_sounds(path, test=True))


@pytest.fixture(scope="session")
def toy_interpreter(train_sounds: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru that answers before the source has ended, trained on the toy lexicons."""
    return made_once("interpreter", tmp_path_factory, lambda path: train_sounds(path, arch="gru", simultaneous=True))


# Settings that learn the toy series in a few seconds.
SMALL_FORECASTER: dict[str, Any] = {
    "hidden_size": 24,
    "horizon": "12",
    "context": "48",
    "segment": 12,
    "max_epochs": 3,
    "learning_rate": 0.01,
    "warmup_steps": 10,
    "dropout": 0.0,
    "average_decay": 0.9,
    "dev_last": "4d",
    "test_last": "4d",
    "auto_ets": False,
}

# The columns of the toy series, by option.
TOY_COLUMNS: dict[str, str] = {
    "time": "timestamp",
    "target": "pressure",
    "series": "pump",
    "past_covariates": "heat,wind",
    "future_covariates": "open",
    "static_covariates": "depth",
}
_TOY_BEGIN = datetime(2024, 3, 1)
_TOY_HEADER = "pump,timestamp,pressure,heat,wind,open,depth"


def toy_measurements(hours: int = 960, *, seed: int = 1) -> list[list[str]]:
    """Hourly rows of two pumps: a wave a day, a slow rise, a step while the place is open, noise; and holes of one to twelve hours.

    The columns are pump, timestamp, pressure, heat (measured, with holes of its own), wind (a text), open (known ahead) and depth.
    """
    chance = random.Random(seed)
    rows = []
    for pump, level, depth in (("north", 20.0, "3.5"), ("south", 900.0, "12")):
        hidden = {chance.randrange(hours) + place for _ in range(hours // 40) for place in range(chance.choice((1, 1, 2, 3, 12)))}
        for hour in range(hours):
            at = _TOY_BEGIN + timedelta(hours=hour)
            is_open = 9 <= at.hour < 17 and at.weekday() < 5
            wave = math.sin(math.tau * at.hour / 24) + 0.4 * is_open + 0.001 * hour + chance.gauss(0, 0.1)
            value = "" if hour in hidden and hour < hours - 1 else f"{level * (1 + 0.2 * wave):.3f}"
            heat = "NA" if chance.random() < 0.02 else f"{15 + 5 * math.sin(math.tau * (at.hour - 3) / 24) + chance.gauss(0, 1):.1f}"
            rows.append([pump, at.isoformat(" "), value, heat, chance.choice(("N", "S", "W")), str(int(is_open)), depth])
    return rows


@pytest.fixture(scope="session")
def toy_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pumps.csv, plan.csv (what is known of the 24 hours behind it), both.csv (the two in one table) and, a file a pump and
    without that column, north.csv and south.csv."""
    folder = tmp_path_factory.mktemp("series")
    rows = toy_measurements(960 + 24)
    hours = [datetime.fromisoformat(row[1]) for row in rows]
    known = [row for row, at in zip(rows, hours, strict=True) if at < _TOY_BEGIN + timedelta(hours=960)]
    known[959][2], known[-1][2] = "20.000", "900.000"  # both end at the same hour
    ahead = [[row[0], row[1], row[5], row[6]] for row in rows if row not in known]
    write_table(folder / "pumps.csv", _TOY_HEADER, *map(list, zip(*known, strict=True)))
    write_table(folder / "plan.csv", "pump,timestamp,open,depth", *map(list, zip(*ahead, strict=True)))
    rest = [[row[0], row[1], "", "", "", row[2], row[3]] for row in ahead]
    write_table(folder / "both.csv", _TOY_HEADER, *map(list, zip(*known, *rest, strict=True)))
    for pump in ("north", "south"):
        own = [row[1:] for row in known if row[0] == pump]
        write_table(folder / f"{pump}.csv", _TOY_HEADER.partition(",")[2], *map(list, zip(*own, strict=True)))
    return folder


@pytest.fixture(scope="session")
def train_series(toy_series: Path) -> Callable[..., Any]:
    """Trains a forecaster on the toy series: `train_series(out, **settings)` gives a TrainingResult."""
    from tidegate.training.forecasting.corpus import read_corpus
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.forecasting.task import ForecastTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    def run(out: Path, *, resume: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **TOY_COLUMNS, **settings})
        return train(ForecastTask(recipe, read_corpus([str(toy_series / "pumps.csv")], recipe)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_forecaster(train_series: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru that tells 12 steps of both pumps at once, with covariates of every kind."""
    return made_once("forecaster", tmp_path_factory, lambda path: train_series(path))


# Settings that learn to fill the toy series in a few seconds.
SMALL_FILLER: dict[str, Any] = {
    "hidden_size": 16,
    "window": 96,
    "max_epochs": 3,
    "learning_rate": 0.01,
    "warmup_steps": 10,
    "average_decay": 0.9,
    "dev_last": "4d",
    "test_last": "4d",
}


@pytest.fixture(scope="session")
def train_holes(toy_series: Path) -> Callable[..., Any]:
    """Trains a filler on the toy series: `train_holes(out, **settings)` gives a TrainingResult."""
    from tidegate.training.filling.corpus import read_corpus
    from tidegate.training.filling.recipe import FillRecipe
    from tidegate.training.filling.task import FillTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    def run(out: Path, *, resume: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(FillRecipe, options={**SMALL_FILLER, **TOY_COLUMNS, **settings})
        return train(FillTask(recipe, read_corpus([str(toy_series / "pumps.csv")], recipe)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_filler(train_holes: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bigru that fills the holes of both pumps."""
    return made_once("filler", tmp_path_factory, lambda path: train_holes(path))


# Settings that learn the toy sequences in a second or two.
SMALL_SEQUENCES: dict[str, Any] = {
    "arch": "gru",
    "hidden_size": 16,
    "embedding_size": 8,
    "max_epochs": 8,
    "learning_rate": 0.02,
    "warmup_steps": 10,
    "dropout": 0.1,
    "average_decay": 0.9,
}


def toy_sequences(count: int = 60, *, seed: int = 1) -> list[list[str]]:
    """Rows `sequence, step, a, b, label, phase`: a goes up in half of the sequences and down in the others, which is what the label says;
    the phase of a row says whether a is above 0. Some values of b are missing."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        length, sign = rng.randint(6, 20), rng.choice([-1, 1])
        for step in range(length):
            a = sign * (2 * step / (length - 1) - 1) + rng.gauss(0, 0.1)
            b = "" if rng.random() < 0.1 else f"{rng.gauss(5, 2):.3f}"
            rows.append([f"s{number}", str(step), f"{a:.4f}", b, "up" if sign > 0 else "down", "high" if a > 0 else "low"])
    return rows


def write_sequences(path: Path, rows: list[list[str]]) -> Path:
    """Such rows as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sequence", "step", "a", "b", "label", "phase"], *rows])
    return path


@pytest.fixture(scope="session")
def toy_moves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with moves.csv and test.csv: sequences of two features with a label each and a phase a step."""
    folder = tmp_path_factory.mktemp("moves")
    write_sequences(folder / "moves.csv", toy_sequences(80))
    write_sequences(folder / "test.csv", toy_sequences(40, seed=2))
    return folder


@pytest.fixture(scope="session")
def train_moves(toy_moves: Path) -> Callable[..., Any]:
    """Trains on the toy sequences: `train_moves(out, task="classify", **settings)` gives a TrainingResult."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.sequences.corpus import read_corpus
    from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
    from tidegate.training.sequences.task import SequenceClassifyTask, SequenceTagTask

    def run(out: Path, *, task: str = "classify", resume: bool = False, **settings: Any) -> Any:
        files = RunFiles([str(toy_moves / "moves.csv")], test=[str(toy_moves / "test.csv")])
        shared: dict[str, Any] = {**SMALL_SEQUENCES, "features": ("a", "b"), **settings}
        if task == "tag":
            recipe = build_recipe(SequenceTagRecipe, options={"label": "phase", **shared})
            return train(SequenceTagTask(recipe, read_corpus(files, recipe)), out, resume=resume, quiet=True)
        own = build_recipe(SequenceClassifyRecipe, options={"label": "label", **shared})
        return train(SequenceClassifyTask(own, read_corpus(files, own)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_mover(train_moves: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru that says whether a sequence goes up or down."""
    return made_once("mover", tmp_path_factory, lambda path: train_moves(path))


# Settings that learn the toy sounds in some seconds.
SMALL_SOUNDS: dict[str, Any] = {
    "arch": "gru",
    "hidden_size": 24,
    "embedding_size": 16,
    "mels": 12,
    "max_epochs": 5,
    "learning_rate": 0.01,
    "warmup_steps": 10,
    "dropout": 0.0,
    "average_decay": 0.9,
}

_TONES = {"low": 300.0, "middle": 700.0, "high": 1400.0}


@pytest.fixture(scope="session")
def toy_tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings at 4 kHz, `low_anna_3.wav`: tones of three heights, of two speakers, each a little other."""
    import numpy as np

    from tidegate.data.wav import write_wav

    folder = tmp_path_factory.mktemp("tones")
    random_numbers = np.random.default_rng(1)
    for label, hertz in _TONES.items():
        for speaker, factor in (("anna", 1.1), ("ben", 0.95)):
            for number in range(12):
                seconds = np.arange(int(4000 * random_numbers.uniform(0.12, 0.3))) / 4000
                tone = 0.3 * np.sin(2 * np.pi * hertz * factor * random_numbers.uniform(0.97, 1.03) * seconds)
                samples = tone + 0.01 * random_numbers.standard_normal(len(seconds))
                write_wav(folder / f"{label}_{speaker}_{number}.wav", samples.astype(np.float32), 4000)
    return folder


@pytest.fixture(scope="session")
def train_tones(toy_tones: Path) -> Callable[..., Any]:
    """Trains a transcriber on the toy tones: `train_tones(out, **settings)` gives a TrainingResult."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.transcription.corpus import read_corpus
    from tidegate.training.transcription.recipe import TranscribeRecipe
    from tidegate.training.transcription.task import TranscribeTask

    def run(out: Path, *, resume: bool = False, **settings: Any) -> Any:
        shared = {"pattern": "{text}_{}_{}", "connect": "1-3", "shift_ms": 0.0, "dev_share": 0.3}
        recipe = build_recipe(TranscribeRecipe, options={**SMALL_SOUNDS, **shared, **settings})
        files = RunFiles([str(toy_tones / "*_?.wav")], test=[str(toy_tones / "*_1?.wav")])
        return train(TranscribeTask(recipe, read_corpus(files, recipe)), out, resume=resume, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_transcriber(train_tones: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru that writes down which tones a stream holds."""
    return made_once("transcriber", tmp_path_factory, lambda path: train_tones(path))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium for pages of ours, see `browser.visited`; of one module, because playwright holds the thread's event loop."""
    with started_browser() as opened:
        yield opened
