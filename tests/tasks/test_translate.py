"""The network of `translate`: what a unit of the target may hang on, and that nothing else changes it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tidegate.data.pair_batches import EncodedPair, PairBatch, collate_pairs
from tidegate.kernels import ARCHITECTURES
from tidegate.tasks.translate import TranslateNetwork, TranslateNetworkSettings

SOURCE, TARGET = 9, 7  # units of either side; the end symbols have these ids
ATTENTION = ("additive", "multiplicative", "none")
LENGTHS = ((4, 3), (1, 6), (6, 1), (0, 2), (3, 0))


def make_network(arch: str = "bilstm", attention: str = "additive", *, is_simultaneous: bool = False, layers: int = 2) -> TranslateNetwork:
    decoder = arch.removeprefix("bi")
    settings = TranslateNetworkSettings(arch, 5, 1, 6, decoder, 8, layers, attention, 4, is_simultaneous)  # type: ignore[arg-type]
    torch.manual_seed(3)
    return TranslateNetwork(settings, SOURCE, TARGET).double().eval()


def make_batch(lengths: tuple[tuple[int, int], ...] = LENGTHS, seed: int = 0) -> PairBatch:
    random = np.random.default_rng(seed)
    pairs = [EncodedPair(np.append(random.integers(1, SOURCE, s), SOURCE), random.integers(1, TARGET, t)) for s, t in lengths]
    return collate_pairs(pairs, TARGET)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("attention", ATTENTION)
def test_a_pair_has_the_same_logits_alone_and_among_others(arch: str, attention: str) -> None:
    network, batch = make_network(arch, attention), make_batch()
    with torch.no_grad():
        together = network(batch)
        assert together.shape == (len(batch.targets), TARGET + 1)
        for number in range(len(LENGTHS)):
            sources = batch.sources[batch.source_offsets[number] : batch.source_offsets[number + 1]]
            rows = slice(batch.target_offsets[number], batch.target_offsets[number + 1])
            alone = collate_pairs([EncodedPair(sources, batch.targets[rows][:-1])], TARGET)
            torch.testing.assert_close(network(alone), together[rows], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_unit_hangs_on_all_of_the_source_and_on_the_units_before_it_alone(attention: str, layers: int) -> None:
    network, batch = make_network("bigru", attention, layers=layers), make_batch(((4, 5), (3, 4)))
    read: list[torch.Tensor] = []
    for table in (network.source_embedding, network.target_embedding):
        table.register_forward_hook(lambda _, __, vectors: (vectors.retain_grad(), read.append(vectors))[0])
    place = 3  # the fourth unit of the first target
    network(batch)[place].sum().backward()
    by_source, by_target = (vectors.grad.abs().sum(dim=1) for vectors in read)  # type: ignore[union-attr]
    assert (by_source[:5] > 0).all()
    assert (by_source[5:] == 0).all()
    assert (by_target[: place + 1] > 0).all()
    assert (by_target[place + 1 :] == 0).all()


@pytest.mark.parametrize("arch", ["rnn", "lstm", "gru", "mingru"])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_who_waits_for_k_units_hangs_on_no_later_ones(arch: str, k: int) -> None:
    network, batch = make_network(arch, is_simultaneous=True), make_batch(((6, 4),))
    read: list[torch.Tensor] = []
    network.source_embedding.register_forward_hook(lambda _, __, vectors: (vectors.retain_grad(), read.append(vectors))[0])
    limits = batch.limits(k)
    assert limits.tolist() == [min(7, k + step) for step in range(5)]
    for step in range(5):
        read.clear()
        network(batch, limits)[step].sum().backward()
        gradient = read[0].grad
        assert gradient is not None
        assert ((gradient.abs().sum(dim=1) > 0).tolist()) == [place < k + step for place in range(7)]


def test_the_loss_is_the_mean_nats_of_the_units_and_of_smoothed_ones_in_training() -> None:
    network, batch = make_network(), make_batch()
    with torch.no_grad():
        log_p = torch.log_softmax(network(batch), dim=1)
        right = log_p[torch.arange(len(batch.targets)), torch.from_numpy(batch.targets)]
        torch.testing.assert_close(network.loss(batch), -right.mean())
        network.label_smoothing = 0.2
        torch.testing.assert_close(network.loss(batch), -right.mean())
        network.train()
        torch.testing.assert_close(network.loss(batch), -(0.8 * right + 0.2 * log_p.mean(dim=1)).mean())


def test_every_parameter_learns() -> None:
    for attention in ATTENTION:
        network = make_network("bilstm", attention)
        network.loss(make_batch()).backward()
        silent = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
        # What a multiplicative score adds to all positions alike, the softmax takes away; nothing of that kind is left in.
        assert silent == []


def test_units_of_the_source_are_dropped_in_training_alone_and_its_end_never() -> None:
    network, batch = make_network(), make_batch(((5, 2), (4, 2), (6, 1)))
    network.unit_dropout = 0.999999
    seen: list[torch.Tensor] = []
    network.source_embedding.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(batch)
    network.train()
    network(batch)
    ends = batch.source_offsets[1:] - 1
    assert seen[0].tolist() == batch.sources.tolist()
    assert seen[1][ends].tolist() == [SOURCE] * 3
    assert int(seen[1].sum()) == 3 * SOURCE


def test_a_simultaneous_network_draws_how_long_it_waits() -> None:
    network, batch = make_network("gru", is_simultaneous=True), make_batch(((30, 12), (25, 11)))
    network.train()
    losses = set()
    for seed in range(12):
        torch.manual_seed(seed)
        losses.add(round(float(network.loss(batch).detach()), 9))
    assert 4 < len(losses) <= 11
