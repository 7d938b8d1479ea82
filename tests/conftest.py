"""What several tests share: a toy corpus on disk and a small tagger trained on it once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.data.teddy import teddy_corpus

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
    from tidegate.training.tagging.corpus import TagFiles, read_corpus
    from tidegate.training.tagging.recipe import TagRecipe
    from tidegate.training.tagging.task import TagTask

    def run(out: Path, *, resume: bool = False, overwrite: bool = False, test: bool = False, **settings: Any) -> Any:
        recipe = build_recipe(TagRecipe, options={**SMALL, **settings})
        files = TagFiles(
            [str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")], [str(toy_files / "test.conllu")] if test else []
        )
        return train(TagTask(recipe, read_corpus(files, recipe)), out, resume=resume, overwrite=overwrite, quiet=True)

    return run


@pytest.fixture(scope="session")
def toy_model(train_toy: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bilstm with a CRF, trained on the toy files."""
    path: Path = train_toy(tmp_path_factory.mktemp("model") / "toy", test=True, max_epochs=8, patience=8).path
    return path
