"""The networks of `generate`: what each unit is guessed from, proved by gradients; states from window to window; what dropouts leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tidegate.kernels import ARCHITECTURES, architecture
from tidegate.tasks import generate
from tidegate.tasks.generate import ClozeNetwork, GenerateNetwork, GenerateNetworkSettings, LanguageNetwork, TextWindow

ONE_WAY = [name for name in ARCHITECTURES if not architecture(name).is_bidirectional]
TWO_WAY = [name for name in ARCHITECTURES if architecture(name).is_bidirectional]
V, T = 7, 6


def network(arch: str, *, is_tied: bool = False, num_layers: int = 2, **rates: Any) -> Any:
    torch.manual_seed(1)
    settings = GenerateNetworkSettings(arch, 5, num_layers, 4, is_tied)
    return (ClozeNetwork if arch in TWO_WAY else LanguageNetwork)(settings, V, **rates).double()


def ids(batch: int = 2, steps: int = T, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(V, size=(batch, steps)))


def reach(net: GenerateNetwork, logits: Any, place: int, monkeypatch: pytest.MonkeyPatch) -> list[list[bool]]:
    """For each output of the network, whether the logits at `place` of the first text change with the vector at each of its places."""
    seen: list[Tensor] = []
    true = net.vectors

    def recorded(units: Tensor, offsets: Any) -> Tensor:
        x = true(units, offsets).detach().requires_grad_()
        seen.append(x)
        return x

    monkeypatch.setattr(net, "vectors", recorded)
    outputs = logits(net(ids()))
    weights = torch.from_numpy(np.random.default_rng(3).normal(size=V))
    found = []
    for output in outputs:
        (gradient,) = torch.autograd.grad(output.view(2, T, V)[0, place] @ weights, seen[0], retain_graph=True)
        by_place = gradient.view(2, T, -1).abs().sum(dim=2)
        assert not by_place[1].any(), "another text of the batch is seen"
        found.append((by_place[0] > 0).tolist())
    return found


@pytest.mark.parametrize("place", [0, 2, T - 1])
@pytest.mark.parametrize("is_tied", [False, True])
@pytest.mark.parametrize("arch", TWO_WAY)
def test_two_ways_no_unit_sees_itself(arch: str, is_tied: bool, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left, right, both = reach(network(arch, is_tied=is_tied), lambda outputs: outputs, place, monkeypatch)
    assert left == [other < place for other in range(T)]
    assert right == [other > place for other in range(T)]
    assert both == [other != place for other in range(T)]


@pytest.mark.parametrize("place", [0, 2, T - 1])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_one_way_the_next_unit_is_guessed_from_all_before_it_and_none_after(arch: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (logits,) = reach(network(arch), lambda outputs: outputs[:1], place, monkeypatch)
    assert logits == [other <= place for other in range(T)]


@pytest.mark.parametrize("is_tied", [False, True])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_windows_of_a_pass_add_up_to_the_loss_of_the_text_at_once(arch: str, is_tied: bool) -> None:
    net = network(arch, is_tied=is_tied).eval()
    text = ids(3, 9).numpy()
    at_once = net.loss(TextWindow(text[:, :8], text[:, 1:], True))
    first = net.loss(TextWindow(text[:, :3], text[:, 1:4], True))
    second = net.loss(TextWindow(text[:, 3:8], text[:, 4:], False))
    torch.testing.assert_close((3 * first + 5 * second) / 8, at_once)
    fresh = net.loss(TextWindow(text[:, 3:8], text[:, 4:], True))
    assert abs((fresh - second).item()) > 1e-6, "the states of the first window made no difference"


@pytest.mark.parametrize("is_tied", [False, True])
@pytest.mark.parametrize("arch", ["lstm", "bigru"])
def test_the_loss_of_a_large_vocabulary_is_taken_in_parts(arch: str, is_tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(arch, is_tied=is_tied)
    units = ids(steps=T + 1).numpy()
    window = TextWindow(units[:, :-1], units[:, 1:], True)
    found = []
    for most in (1 << 27, 1):
        monkeypatch.setattr(generate, "_MOST_LOGITS", most)
        monkeypatch.setattr(generate, "_LOGITS_OF_A_PART", 5 * V)  # the last part is a smaller one
        net.zero_grad()
        if most == 1:
            monkeypatch.setattr(net, "logits", None)  # all at once they are not asked for
        torch.manual_seed(1)
        loss = net.loss(window)
        (3 * loss).backward()
        found.append({"loss": loss.detach()} | {name: parameter.grad for name, parameter in net.named_parameters()})
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, rtol=1e-12, atol=1e-15, msg=name)


def test_gradients_end_at_the_windows_begin() -> None:
    net = network("lstm").train()
    text = ids(3, 9).numpy()
    net.loss(TextWindow(text[:, :3], text[:, 1:4], True))
    assert all(not part.requires_grad for layer in net._states for part in layer)
    net.loss(TextWindow(text[:, 3:8], text[:, 4:], False)).backward()  # would be refused had the first window's graph been kept


def test_a_smaller_batch_follows_a_larger_one_where_it_begins_anew() -> None:
    net, window = network("gru").eval(), TextWindow(ids(2, 4).numpy(), ids(2, 4, 1).numpy(), True)
    alone = net.loss(window)
    net.loss(TextWindow(ids(3, 4).numpy(), ids(3, 4, 1).numpy(), True))
    torch.testing.assert_close(net.loss(window), alone, rtol=0, atol=0)


@pytest.mark.parametrize("arch", ["lstm", "bilstm"])
def test_embedding_dropout_drops_a_unit_wherever_it_stands(arch: str) -> None:
    net = network(arch, embedding_dropout=0.5).train()
    units = ids(1, 400).flatten()
    torch.manual_seed(2)
    vectors = net.vectors(units, np.array([0, 400]))
    is_dropped = (vectors == 0).all(dim=1)
    for unit in range(V):
        assert len(set(is_dropped[units == unit].tolist())) == 1
    assert 0 < len(set(units[is_dropped].tolist())) < V
    torch.testing.assert_close(vectors[~is_dropped], 2 * net.embedding.weight[units[~is_dropped]])
    torch.testing.assert_close(net.eval().vectors(units, np.array([0, 400])), net.embedding.weight[units])


@pytest.mark.parametrize("arch", ["gru", "bigru"])
def test_every_parameter_learns(arch: str) -> None:
    net = network(arch, is_tied=True, dropout=0.2, input_dropout=0.1, embedding_dropout=0.1, weight_drop=0.1, recurrent_dropout=0.1)
    net.train().loss(TextWindow(ids().numpy(), ids(seed=1).numpy(), True)).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()] == []


def test_states_are_reset_in_training_alone_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("lstm", state_reset=0.3).train()
    given: list[Any] = []
    true = net.stack.carried
    monkeypatch.setattr(net.stack, "carried", lambda x, offsets, states: (given.append(states), true(x, offsets, states))[1])
    text = ids(400, 3).numpy()
    torch.manual_seed(5)
    net.loss(TextWindow(text[:, :2], text[:, 1:], True))
    net.loss(TextWindow(text[:, :2], text[:, 1:], False))
    assert given[0] is None
    is_reset = torch.stack([(part == 0).all(dim=(0, 2)) for layer in given[1] for part in layer])
    assert (is_reset == is_reset[0]).all(), "a stretch forgets all layers' h and c or none"
    assert 0.2 < is_reset[0].double().mean() < 0.4
    net.eval().loss(TextWindow(text[:, :2], text[:, 1:], False))
    assert not any((part == 0).all(dim=(0, 2)).any() for layer in given[2] for part in layer)


def test_the_loss_of_two_ways_is_the_mean_of_both_sides_and_of_one() -> None:
    net = network("bigru").eval()
    units = ids(3, 8)
    left, right, both = (torch.nn.functional.cross_entropy(logits, units.flatten(), reduction="none") for logits in net(units))
    halves = []
    for first in range(2):
        is_left = torch.arange(24) % 2 == first
        halves.append((both + torch.where(is_left, left, right)).mean() / 2)
    torch.manual_seed(1)
    found = {round(net.loss(TextWindow(units.numpy(), None, True)).item(), 10) for _ in range(20)}
    assert found == {round(half.item(), 10) for half in halves}
