"""The classifying network: its losses by hand, its two paths, and what reaches its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tidegate.data import FormTable, LabelColumn, Source, TextBatch, TextEncoder, TextRecord, TokenRecord, Vocabulary
from tidegate.data.ngrams import NgramTable, WidePath
from tidegate.data.text_batches import units_of, words_of
from tidegate.kernels import ARCHITECTURES
from tidegate.tasks.classify import ClassifyNetwork, ClassifyNetworkSettings

LABELS = ("ham", "news", "spam")
TEXTS = [("see you at six", "ham"), ("cheap pills , cheap !", "spam"), ("", "ham"), ("rain at six", "news"), ("pills", "spam")]
SEVERAL = [("see you at six", "ham news"), ("cheap pills , cheap !", "spam"), ("", ""), ("rain at six", "news"), ("pills", "spam ham")]
WEIGHTS = torch.tensor([0.5, 2.0, 1.25])


def records(rows: list[tuple[str, str]]) -> list[TextRecord]:
    return [TextRecord(text, Source("in.csv", line), tuple(labels.split())) for line, (text, labels) in enumerate(rows, 1)]


def vocabulary() -> Vocabulary:
    counted = Vocabulary.count([TokenRecord(units_of(text, "word", 99), Source("in.csv", 1)) for text, _ in TEXTS], [])
    return replace(counted, columns=(LabelColumn("label", LABELS, None),))


def wide_path() -> WidePath:
    table = NgramTable.count([words_of(text) for text, _ in TEXTS], min_count=1, most=1000)
    chance = np.random.default_rng(2)
    return WidePath(table, chance.normal(size=(len(table), 3)).astype(np.float32), np.array([0.5, -1, -0.25], dtype=np.float32))


def network_of(
    *, wide: bool = True, weights: torch.Tensor | None = None, rates: dict[str, float] | None = None, **changes: Any
) -> ClassifyNetwork:
    torch.manual_seed(0)
    plain: dict[str, Any] = {
        "arch": "bigru",
        "hidden_size": 3,
        "num_layers": 1,
        "word_size": 4,
        "shape_size": 2,
        "character_size": 4,
        "character_embedding_size": 3,
        "character_encoder": "cnn",
        "pools": ("attention", "max"),
        "has_wide_path": wide,
        "is_multi_label": False,
    }
    settings = ClassifyNetworkSettings(**plain | changes)
    network = ClassifyNetwork(settings, vocabulary(), wide_path() if wide else None, label_weights=weights, **(rates or {}))
    if "attention" in settings.pools:
        nn.init.normal_(network.pooling.query)  # begins at zero, where nothing reaches the attention's weights
    return network


def batch_of(rows: list[tuple[str, str]], *, wide: bool = True) -> TextBatch:
    encoder = TextEncoder(FormTable(vocabulary()), LABELS, unit="word", longest=99, wide=wide_path() if wide else None)
    return encoder.collate(encoder.encode(records(rows)))


def numbers(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)


def softmax_loss(logits: NDArray[np.float64], batch: TextBatch, weights: NDArray[np.float64], smoothing: float) -> float:
    """Weighted mean of the nats of each text, the target dealt out by label smoothing."""
    total = weight = 0.0
    for row, carried in zip(logits, batch.labels, strict=True):
        (right,) = np.flatnonzero(carried)
        nats = np.log(np.exp(row).sum()) - row
        target = np.full(len(LABELS), smoothing / len(LABELS))
        target[right] += 1 - smoothing
        total += float((target * weights * nats).sum())
        weight += float(weights[right])
    return total / weight


def sigmoid_loss(logits: NDArray[np.float64], batch: TextBatch, weights: NDArray[np.float64], smoothing: float) -> float:
    """Nats of each label's yes or no, the yes weighted, summed over labels, mean over texts."""
    total = 0.0
    for row, carried in zip(logits, batch.labels, strict=True):
        for logit, is_carried, weight in zip(row, carried, weights, strict=True):
            probability = 1 / (1 + np.exp(-logit))
            target = (1 - smoothing) * is_carried + smoothing / 2
            total -= weight * target * np.log(probability) + (1 - target) * np.log(1 - probability)
    return total / len(logits)


LOSSES = [(False, TEXTS, softmax_loss), (True, SEVERAL, sigmoid_loss)]


@pytest.mark.parametrize(("is_multi_label", "rows", "by_hand"), LOSSES, ids=["softmax", "sigmoids"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("deep_loss", [0.0, 0.5])
def test_the_loss_is_the_one_computed_by_hand(
    is_multi_label: bool, rows: Any, by_hand: Any, smoothing: float, weights: torch.Tensor | None, deep_loss: float
) -> None:
    network = network_of(is_multi_label=is_multi_label, weights=weights, rates={"label_smoothing": smoothing, "deep_loss": deep_loss})
    batch = batch_of(rows)
    used = np.ones(3) if weights is None else numbers(weights)
    both, deep = numbers(network(batch)), numbers(network.deep_logits(batch))
    expected = by_hand(both, batch, used, smoothing) + deep_loss * by_hand(deep, batch, used, smoothing)
    assert network.train().loss(batch).item() == pytest.approx(expected, abs=1e-5)
    # The development loss is of both paths together, without weights and smoothing, so that runs with unlike ones can be compared.
    assert network.eval().loss(batch).item() == pytest.approx(by_hand(both, batch, np.ones(3), 0.0), abs=1e-5)


def test_without_a_wide_path_the_deep_loss_is_not_counted_twice() -> None:
    network, batch = network_of(wide=False, rates={"deep_loss": 0.5}), batch_of(TEXTS, wide=False)
    assert network.train().loss(batch).item() == pytest.approx(softmax_loss(numbers(network(batch)), batch, np.ones(3), 0.0), abs=1e-5)


POOLS = [("attention",), ("max",), ("mean",), ("last",), ("attention", "max"), ("last", "mean", "max", "attention")]


@pytest.mark.parametrize("pools", POOLS, ids="-".join)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_loss_is_finite_and_reaches_every_parameter(arch: str, pools: tuple[str, ...]) -> None:
    network, batch = network_of(arch=arch, pools=pools, num_layers=2, rates={"deep_loss": 0.5}), batch_of(TEXTS)
    loss = network.loss(batch)
    assert torch.isfinite(loss)
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("is_multi_label", [False, True])
def test_following_the_loss_lowers_it(is_multi_label: bool) -> None:
    network, batch = network_of(wide=False, is_multi_label=is_multi_label), batch_of(SEVERAL if is_multi_label else TEXTS, wide=False)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = network.loss(batch)
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert losses[-1] < 0.2 * losses[0]


def test_the_logits_are_the_deep_ones_and_the_wide_scores_times_the_scale() -> None:
    network, batch = network_of().eval(), batch_of(TEXTS)
    assert batch.wide is not None
    assert network.wide_scale is not None
    deep = numbers(network.deep_logits(batch))
    for scale in (3.0, 0.0, -1.5):
        with torch.no_grad():
            network.wide_scale.fill_(scale)
        np.testing.assert_allclose(numbers(network(batch)), deep + scale * batch.wide, atol=1e-5)
    assert network_of(wide=False).wide_scale is None


def test_the_tensors_for_the_runtime_hold_the_wide_path_already_scaled() -> None:
    network, wide = network_of(), wide_path()
    assert network.wide_scale is not None
    with torch.no_grad():
        network.wide_scale.fill_(2.5)
    tensors = network.tensors()
    np.testing.assert_allclose(tensors["wide.weights"], 2.5 * wide.weights, rtol=1e-6)
    np.testing.assert_allclose(tensors["wide.bias"], 2.5 * wide.bias, rtol=1e-6)
    np.testing.assert_array_equal(tensors["ngrams.hashes"], wide.table.hashes)
    np.testing.assert_array_equal(tensors["ngrams.weights"], wide.table.weights)
    assert not {"wide_scale", "word_rates"} & set(tensors)
    assert not [name for name in network_of(wide=False).tensors() if name.startswith(("wide", "ngrams"))]
    with torch.no_grad():
        network.head.bias.add_(1)
    assert not np.array_equal(tensors["head.bias"], network.head.bias.detach().numpy())


def test_the_wide_path_itself_is_not_trained() -> None:
    plain, with_wide = (dict(network_of(wide=wide).named_parameters()) for wide in (False, True))
    assert with_wide.keys() - plain.keys() == {"wide_scale"}
    assert with_wide["wide_scale"].item() == 3.0


def test_dropout_is_of_training_alone() -> None:
    network, batch = network_of(rates={"dropout": 0.5, "word_dropout": 0.5}), batch_of(TEXTS)
    assert network.train().loss(batch).item() != network.loss(batch).item()
    assert network.eval().loss(batch).item() == network.loss(batch).item() == network_of().eval().loss(batch).item()


def test_the_order_of_texts_in_a_batch_changes_no_logit() -> None:
    network = network_of(pools=("attention", "max", "mean", "last")).eval()
    turned = network(batch_of(TEXTS[::-1])).flip(0)
    torch.testing.assert_close(turned, network(batch_of(TEXTS)), rtol=0, atol=1e-6)


def test_settings_are_written_with_all_that_the_runtime_reads() -> None:
    assert network_of(is_multi_label=True).settings_json() == {
        "arch": "bigru",
        "hidden_size": 3,
        "num_layers": 1,
        "word_size": 4,
        "shape_size": 2,
        "character_size": 4,
        "character_embedding_size": 3,
        "character_encoder": "cnn",
        "pools": ("attention", "max"),
        "has_wide_path": True,
        "is_multi_label": True,
        "layer_norm": False,
        "zoneout": 0.0,
        "zoneout_cell": 0.0,
    }
