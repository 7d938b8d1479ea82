from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from rich.console import Console

from conftest import SMALL, power_cut
from tidegate.artefact import read_model
from tidegate.data import collate, encode
from tidegate.errors import DataError, InterruptedRunError, ModelError, OutputError, RecipeError, RunError
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime import load
from tidegate.training.callbacks import EndEarly
from tidegate.training.files import RunFiles
from tidegate.training.module import step_seed
from tidegate.training.recipe import build_recipe
from tidegate.training.run import pilot_seconds, train
from tidegate.training.tagging.corpus import read_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

Train = Callable[..., Any]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensors(path: Path) -> dict[str, Any]:
    return read_model(path).tensors


def assert_same_bits(first: Path, second: Path) -> None:
    mine, theirs = tensors(first), tensors(second)
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_learns_the_toy_corpus(arch: str, train_toy: Train, tmp_path: Path) -> None:
    result = train_toy(tmp_path / "model", arch=arch, max_epochs=10, head="softmax", patience=10)
    # One way, 0.9616 is the most that can be expected; betting on every two-sided word and every echo gives 0.945.
    assert result.metrics["dev"]["accuracy"] > (0.97 if ARCHITECTURES[arch].is_bidirectional else 0.92)
    assert result.metrics["dev"]["accuracy"] > result.metrics["baseline"]["dev"]["accuracy"] - 0.02


@pytest.mark.parametrize("arch", ["mingru", "biminlstm"])
def test_a_cell_without_a_recurrent_matrix_learns_and_its_directory_answers_as_the_network(
    arch: str, train_toy: Train, toy_files: Path, tmp_path: Path
) -> None:
    settings = {"arch": arch, "head": "softmax", "max_epochs": 5}
    path = train_toy(tmp_path / "model", **settings).path
    stored = read_model(path)
    assert stored.metrics["dev"]["accuracy"] > stored.metrics["baseline"]["dev"]["accuracy"] + 0.01
    assert not [name for name in stored.tensors if name.endswith("_hh")]
    recipe = build_recipe(TagRecipe, options={**SMALL, **settings})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")], []), recipe)
    network = TagTask(recipe, corpus).build_network().eval()
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in stored.tensors.items()})
    assert stored.metrics["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    logits = network(collate(encode(corpus.dev, corpus.table), corpus.table))["upos"].detach()
    answers = list(load(path).answers(corpus.dev))
    names = corpus.vocabulary.columns[0].labels
    assert [label for answer in answers for label in answer.columns["upos"]] == [names[number] for number in logits.argmax(dim=1)]
    given = [p for answer in answers for p in answer.probabilities["upos"]]
    np.testing.assert_allclose(given, logits.softmax(dim=1).max(dim=1).values.numpy(), atol=1e-5)


def test_the_directory_holds_what_the_run_came_to(toy_model: Path) -> None:
    stored = read_model(toy_model)
    assert stored.config["task"] == "tag"
    assert stored.config["arch"] == stored.config["recipe"]["arch"] == "bilstm"
    metrics = stored.metrics
    assert metrics["dev"]["accuracy"] > metrics["baseline"]["dev"]["accuracy"] > 0.8
    assert metrics["test"]["n"] > 800
    assert metrics["ended"] == "max_epochs reached"
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == list(range(1, 9))
    assert metrics["best_epoch"] == 1 + int(np.argmax([epoch["dev_score"] for epoch in metrics["epochs"]]))
    assert metrics["dev"]["accuracy"] == pytest.approx(max(epoch["dev_score"] for epoch in metrics["epochs"]))
    card = (toy_model / "README.md").read_text()
    assert f"| dev | upos | accuracy | {metrics['dev']['accuracy']:.4f} | {metrics['baseline']['dev']['accuracy']:.4f} |" in card
    assert not list(toy_model.rglob("*.ckpt"))
    assert list((toy_model / "training").rglob("metrics.csv"))
    assert list((toy_model / "training").rglob("events.out.tfevents*"))


def test_same_seed_gives_same_bits_and_another_seed_does_not(train_toy: Train, tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        torch.rand(3)  # whatever else draws from torch's generator has no part in it
        train_toy(tmp_path / name, seed=seed, max_epochs=2)
    assert_same_bits(tmp_path / "one", tmp_path / "two")
    assert not np.array_equal(tensors(tmp_path / "one")["heads.0.weight"], tensors(tmp_path / "three")["heads.0.weight"])


def test_training_leaves_torchs_generator_as_it_was(train_toy: Train, tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train_toy(tmp_path / "model", max_epochs=1)
    torch.testing.assert_close(torch.rand(3), expected)


def test_a_resumed_run_gives_the_bits_of_an_uninterrupted_one(train_toy: Train, tmp_path: Path) -> None:
    whole = train_toy(tmp_path / "whole", max_epochs=4)

    with power_cut():
        train_toy(tmp_path / "cut", max_epochs=4)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(OutputError, match="--resume"):
        train_toy(tmp_path / "cut", max_epochs=4)
    resumed = train_toy(tmp_path / "cut", max_epochs=4, resume=True)
    assert_same_bits(tmp_path / "whole", tmp_path / "cut")
    scores = [[epoch["dev_score"] for epoch in result.metrics["epochs"]] for result in (whole, resumed)]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 4


def test_resuming_with_other_settings_is_refused_and_names_them(train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.training.run.finish_output", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_toy(tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(
        RecipeError, match=r"the interrupted run had other settings \(hidden_size 16 -> 20\)\. Resume with those, or begin again"
    ):
        train_toy(tmp_path / "model", resume=True, hidden_size=20)
    with pytest.raises(RecipeError, match="max_epochs = 1, but the run to resume has done 3 epochs. Ask for more with --max-epochs"):
        train_toy(tmp_path / "model", resume=True, max_epochs=1)
    assert train_toy(tmp_path / "model", resume=True, max_epochs=4).path.exists()


def test_resuming_on_other_data_or_from_a_damaged_checkpoint_is_refused(
    train_toy: Train, tmp_path: Path, toy_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.training.run.finish_output", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_toy(tmp_path / "model", max_epochs=1)
    monkeypatch.undo()
    recipe = build_recipe(TagRecipe, options={**SMALL, "max_epochs": 1})
    other = read_corpus(RunFiles([str(toy_files / "test.conllu")], [str(toy_files / "dev.conllu")]), recipe)
    with pytest.raises(RecipeError, match="the interrupted run had other training data .* begin again with --overwrite"):
        train(TagTask(recipe, other), tmp_path / "model", resume=True, quiet=True)
    checkpoint = tmp_path / "model.partial" / "training" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"last.ckpt is damaged and cannot be resumed from\. Begin again with --overwrite"):
        train_toy(tmp_path / "model", max_epochs=1, resume=True)


def test_an_unknown_label_in_the_test_file_is_told_before_training(toy_files: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.conllu").write_text("1\tx\t_\tODD\t_\t_\t_\t_\t_\t_\n\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"odd.conllu, line 1: label 'ODD' of column 'upos' is not among the 11 labels known from training"):
        read_corpus(RunFiles([str(toy_files / "train.conllu")], [], [str(tmp_path / "odd.conllu")]), build_recipe(TagRecipe))


def test_a_run_ended_in_mid_epoch_is_resumed_to_the_bits_of_an_uninterrupted_one(
    train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_toy(tmp_path / "whole", max_epochs=3)
    real = EndEarly.on_train_batch_end

    def stop(self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 2 and batch_idx == 4:
            self._on_interrupt(signal.SIGINT, None)
        real(self, trainer, module, outputs, batch, batch_idx)

    monkeypatch.setattr(EndEarly, "on_train_batch_end", stop)
    ended = train_toy(tmp_path / "model", max_epochs=3)
    monkeypatch.undo()
    assert ended.ended == "interrupted"
    assert len(ended.metrics["epochs"]) == 3
    resumed = train_toy(tmp_path / "model", max_epochs=3, resume=True)
    assert len(resumed.metrics["epochs"]) == 3
    assert_same_bits(tmp_path / "whole", tmp_path / "model")
    assert not list((tmp_path / "model").rglob("*.ckpt"))


def test_resuming_a_finished_run_is_refused(train_toy: Train, tmp_path: Path) -> None:
    train_toy(tmp_path / "model", max_epochs=1)
    with pytest.raises(OutputError, match="holds no checkpoint to go on from: its training came to its end"):
        train_toy(tmp_path / "model", max_epochs=1, resume=True)


def test_resume_begins_afresh_where_nothing_was(train_toy: Train, tmp_path: Path) -> None:
    train_toy(tmp_path / "plain", max_epochs=1)
    train_toy(tmp_path / "resumed", max_epochs=1, resume=True)
    assert_same_bits(tmp_path / "plain", tmp_path / "resumed")


def test_without_a_development_file_a_share_is_held_out_and_said(toy_files: Path) -> None:
    recipe = build_recipe(TagRecipe, options={"dev_share": 0.2})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")]), recipe)
    assert len(corpus.train) + len(corpus.dev) == 300
    assert corpus.split == f"no development file: {len(corpus.dev)} of 300 sentences held out (seed 1, identical sentences on one side)"
    assert not {r.tokens for r in corpus.train} & {r.tokens for r in corpus.dev}


def test_early_stopping_says_so(train_toy: Train, tmp_path: Path) -> None:
    result = train_toy(tmp_path / "model", max_epochs=30, patience=1, learning_rate=1e-9)
    assert result.ended == "no better score for 1 epochs"
    assert len(result.metrics["epochs"]) == 2


def test_a_time_budget_ends_the_run_and_keeps_the_best(train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that a step moves on by 0.02 s and a look at the development data by 0.1 s, however busy the machine is."""
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    for module in ("run", "module", "callbacks"):
        monkeypatch.setattr(f"tidegate.training.{module}.time", clock)

    def takes(seconds: float, real: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            clock.now += seconds
            return real(*arguments, **options)

        return timed

    monkeypatch.setattr(EndEarly, "on_train_batch_end", takes(0.02, EndEarly.on_train_batch_end))
    monkeypatch.setattr(TagTask, "dev_scores", takes(0.1, TagTask.dev_scores))
    result = train_toy(tmp_path / "model", max_epochs=10_000, patience=10_000, time_budget="3s")
    assert result.ended == "time budget spent"
    # A second and a look at the development data are kept back for what comes after the last step, besides the look that ends its epoch.
    assert result.metrics["seconds"] == pytest.approx(3 - 1 - 0.1, abs=0.03)
    assert len(result.metrics["epochs"]) > 3
    assert result.metrics["dev"]["accuracy"] > 0.5


def test_a_diverged_loss_is_told_with_a_remedy_and_leaves_no_model(train_toy: Train, tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"the loss diverged in epoch 1 \(step \d+\)\. Lower the learning rate, for instance --set learning_rate=2\.5e"
    ):
        train_toy(tmp_path / "model", learning_rate=1e37, warmup_steps=0)
    assert list(tmp_path.iterdir()) == []


def test_however_training_ends_ctrl_c_is_the_caller_s_again(train_toy: Train, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    train_toy(tmp_path / "model", max_epochs=1)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(RunError, match="the loss diverged"):
        train_toy(tmp_path / "other", learning_rate=1e37, warmup_steps=0)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("moment", ["setup", "on_fit_start", "on_train_start", "on_train_epoch_end", "on_fit_end", "teardown"])
def test_ctrl_c_while_the_trainer_makes_ready_or_tidies_up_is_heard_too(
    moment: str, train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*arguments: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    # Of the last callback that knows the moment: what the others do there is done.
    monkeypatch.setattr(EndEarly, moment, pressed)
    before = signal.getsignal(signal.SIGINT)
    result = train_toy(tmp_path / "model", max_epochs=1)
    assert result.ended == "interrupted"
    assert (result.path / "config.json").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_while_standard_error_is_being_written_is_heard_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(io.RawIOBase):
        """Ctrl-C comes with the first bytes; what holds them until they are written takes no others meanwhile."""

        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            is_first, self.written = not self.written, self.written + bytes(data)
            if is_first:
                signal.raise_signal(signal.SIGINT)
            return len(data)

    raw, early = Interrupted(), EndEarly(None, lambda: 0.0)
    with monkeypatch.context() as patch, early.listening():
        patch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True))
        print("epoch 1", file=sys.stderr)
    assert early.reason == "interrupted"
    assert raw.written == b"epoch 1\n"
    assert "Stopping after this step" in capfd.readouterr().err


def test_a_second_ctrl_c_ends_at_once_and_the_first_after_the_time_budget_does_not(
    train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = EndEarly.on_train_batch_end

    def pressed(times: int) -> Callable[..., None]:
        def end(*arguments: Any) -> None:
            real(*arguments)
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

        return end

    monkeypatch.setattr(EndEarly, "on_train_batch_end", pressed(2))
    with pytest.raises(RunError, match="interrupted a second time; no model was written"):
        train_toy(tmp_path / "model")
    monkeypatch.setattr(EndEarly, "on_train_batch_end", pressed(1))
    assert train_toy(tmp_path / "model", time_budget="0.001s").ended == "interrupted"


def test_a_terminal_has_its_cursor_back_when_training_fails(toy_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr("tidegate.training.callbacks.Console", lambda **options: Console(file=shown, force_terminal=True))
    recipe = build_recipe(TagRecipe, options={**SMALL, "learning_rate": 1e37, "warmup_steps": 0})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")]), recipe)
    with pytest.raises(RunError, match="the loss diverged"):
        train(TagTask(recipe, corpus), tmp_path / "model")
    hidden, visible = shown.getvalue().rfind("\x1b[?25l"), shown.getvalue().rfind("\x1b[?25h")
    assert 0 <= hidden < visible


def test_a_full_disk_while_training_leaves_no_model_and_can_be_resumed(
    train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lightning.pytorch.Trainer.save_checkpoint", full)
    with pytest.raises(RunError, match=r"could not be written: No space left on device\. Make room and run again with --resume"):
        train_toy(tmp_path / "model", max_epochs=2)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert train_toy(tmp_path / "model", max_epochs=2, resume=True).path.exists()


def test_several_label_columns_are_learnt_by_one_model(tmp_path: Path) -> None:
    from tidegate.runtime import load

    rows = [("the", "DET", "DT", "B-X"), ("dog", "NOUN", "NN", "I-X"), ("ran", "VERB", "VBD", "O")]
    text = "\n\n".join("\n".join("\t".join(row) for row in rows[k % 2 :]) for k in range(40)) + "\n"
    (tmp_path / "columns.tsv").write_text(text, encoding="utf-8")
    recipe = build_recipe(
        TagRecipe, options={"label": "2,3,4", "hidden_size": 8, "max_epochs": 12, "patience": 12, "learning_rate": 0.05, "warmup_steps": 0}
    )
    corpus = read_corpus(RunFiles([str(tmp_path / "columns.tsv")], [str(tmp_path / "columns.tsv")]), recipe)
    result = train(TagTask(recipe, corpus), tmp_path / "model", quiet=True)
    model = load(result.path)
    assert model.columns == ("column2", "column3", "column4")
    (answer,) = model.answers([corpus.train[0]])
    assert answer.columns == {"column2": ["DET", "NOUN", "VERB"], "column3": ["DT", "NN", "VBD"], "column4": ["B-X", "I-X", "O"]}
    assert result.metrics["dev"]["columns"]["column4"]["span_f1"] == 1.0


def test_a_sentence_too_long_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.tsv"
    path.write_text("a\tX\nb\tY\n\n" + "w\tX\n" * 100_000, encoding="utf-8")
    with pytest.raises(
        DataError,
        match=r"long.tsv, line 4: a sentence of 100,000 tokens; at most 10,000 are accepted.*is one missing\? If not, .*max_length",
    ):
        read_corpus(RunFiles([str(path)]), build_recipe(TagRecipe))


def test_one_label_only_or_one_sentence_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "same.tsv").write_text("a\tO\n\nb\tO\n\nc\tO\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"same.tsv, line \d: column 'label' holds one label only, 'O'; there is nothing to learn"):
        read_corpus(RunFiles([str(tmp_path / "same.tsv")]), build_recipe(TagRecipe))
    (tmp_path / "one.tsv").write_text("a\tX\nb\tY\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"one.tsv, line 1: 1 distinct sentences are too few to split off a development set"):
        read_corpus(RunFiles([str(tmp_path / "one.tsv")]), build_recipe(TagRecipe))


def test_the_pilot_predicts_within_a_factor_of_five(
    toy_files: Path, train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the processor's clock, which other processes do not move on.
    for module in ("run", "callbacks"):
        monkeypatch.setattr(f"tidegate.training.{module}.time", SimpleNamespace(monotonic=time.process_time))
    recipe = build_recipe(TagRecipe, options={**SMALL, "max_epochs": 8, "patience": 8})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")]), recipe)
    predicted = pilot_seconds(TagTask(recipe, corpus))
    result = train_toy(tmp_path / "model", max_epochs=8, patience=8)
    measured = sum(epoch["seconds"] for epoch in result.metrics["epochs"])
    assert abs(math.log(predicted / measured)) < math.log(5)


def test_step_seeds_are_distinct_and_fit_torch() -> None:
    seeds = {step_seed(seed, epoch, step) for seed in range(5) for epoch in range(5) for step in range(40)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_so_far_and_resume_goes_on(toy_files: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    command = [
        sys.executable,
        "-m",
        "tidegate",
        "train",
        "tag",
        str(toy_files / "train.conllu"),
        "--dev",
        str(toy_files / "dev.conllu"),
        "--out",
        str(out),
    ]
    command += ["--preset", "fast", "--max-epochs", "500", "--set", "patience=500", "--set", "hidden_size=32", "--threads", "1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch  2/" in line:
            break
    process.send_signal(signal.SIGINT)
    output, notes = process.communicate(timeout=300)
    assert process.returncode == 0, notes
    assert "Stopping after this step; what is done is kept" in notes
    assert "interrupted" in output
    assert "the same command with --resume goes on from here" in output
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["ended"] == "interrupted"
    assert (out / "training" / "last.ckpt").exists()
    more_epochs = f"max_epochs={len(metrics['epochs']) + 1}"
    more = subprocess.run([*command, "--resume", "--set", more_epochs], capture_output=True, text=True, timeout=300, check=False)
    assert more.returncode == 0, more.stderr
    after = json.loads((out / "metrics.json").read_text())
    assert after["epochs"][:2] == metrics["epochs"][:2]
    assert len(after["epochs"]) == len(metrics["epochs"]) + 1


def test_after_a_second_ctrl_c_no_writer_is_waited_for(train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed_twice(*_: Any) -> float:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return 0.0

    waited_for: list[str] = []
    for logger in (CSVLogger, TensorBoardLogger):
        monkeypatch.setattr(logger, "finalize", lambda self, status: waited_for.append(type(self).__name__))
    monkeypatch.setattr("tidegate.training.tagging.task.TagTask.dev_score", pressed_twice)
    with pytest.raises(InterruptedRunError, match="interrupted a second time; no model was written"):
        train_toy(tmp_path / "model", max_epochs=1)
    assert waited_for == []


def test_after_each_epoch_it_is_told_how_many_are_done(toy_files: Path, tmp_path: Path) -> None:
    recipe = build_recipe(TagRecipe, options={**SMALL, "max_epochs": 3})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")]), recipe)
    told: list[tuple[int, int]] = []
    train(TagTask(recipe, corpus), tmp_path / "model", quiet=True, on_epoch=lambda *epochs: told.append(epochs))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_score_that_stands_still_is_decided_by_the_loss_and_does_not_end_the_run(
    train_toy: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.training.tagging.task.TagTask.dev_score", lambda *args: 0.0)
    result = train_toy(tmp_path / "model", max_epochs=6, patience=2)
    losses = [epoch["dev_loss"] for epoch in result.metrics["epochs"]]
    assert losses[-1] < losses[0] / 2
    assert result.metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert result.ended == "max_epochs reached"


def test_a_single_unknown_label_among_many_counts_as_wrong(toy_files: Path, tmp_path: Path, train_toy: Train) -> None:
    from conftest import conllu_text

    odd = conllu_text(60, seed=2).replace("\tPUNCT\t", "\tODD\t", 1)
    (tmp_path / "dev.conllu").write_text(odd, encoding="utf-8")
    recipe = build_recipe(TagRecipe, options={**SMALL, "max_epochs": 1})
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(tmp_path / "dev.conllu")]), recipe)
    assert "label 'ODD' of column 'upos' is not among the 11 labels known from training" in corpus.unknown
    result = train(TagTask(recipe, corpus), tmp_path / "model", quiet=True)
    assert result.metrics["dev"]["n_unknown_labels"] == 1
    assert result.metrics["dev"]["per_label"]["ODD"]["support"] == 1
