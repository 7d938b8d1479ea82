"""Pools against a plain loop over one sequence after another, in torch and in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strategies import RAGGED, offsets_of
from tidegate.artefact import StoredModel
from tidegate.nn import Pool, Pooling
from tidegate.runtime import layers

POOLS: tuple[Pool, ...] = ("attention", "max", "mean", "last")
SUBSETS = [subset for size in range(1, 5) for subset in combinations(POOLS, size)]
LENGTHS = [length for length in RAGGED if length]
SIZE = 4
Pooled = Callable[[NDArray[Any], NDArray[np.int64]], NDArray[Any]]


def built(pools: Sequence[Pool], directions: int = 2, seed: int = 0) -> Pooling:
    """With a query unlike the one it begins with, which is zero and so weighs all steps alike."""
    torch.manual_seed(seed)
    pooling = Pooling(pools, SIZE, directions).double()
    if "attention" in pools:
        nn.init.normal_(pooling.query, std=2.0)
    return pooling


def in_torch(pooling: Pooling) -> Pooled:
    return lambda states, offsets: pooling(torch.from_numpy(states), offsets).detach().numpy()


def in_numpy(pooling: Pooling) -> Pooled:
    tensors = {f"pooling.{name}": tensor.detach().numpy() for name, tensor in pooling.state_dict().items()}
    return layers.Pooling(StoredModel(Path(), {}, tensors, {}, {}), "pooling", pooling.pools, pooling._directions)


HALVES = pytest.mark.parametrize("half", [in_torch, in_numpy])


def states_of(lengths: Sequence[int], seed: int = 0) -> NDArray[np.float64]:
    """All below zero, so that a zero of padding would be the highest."""
    return -np.abs(np.random.default_rng(seed).normal(size=(sum(lengths), SIZE))) - 0.1


def by_loop(pooling: Pooling, states: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    rows = []
    for begin, end in pairwise(offsets.tolist()):
        own, row = states[begin:end], []
        for pool in pooling.pools:
            if pool == "max":
                row.append([max(column) for column in own.T])
            elif pool == "mean":
                row.append([sum(column) / len(own) for column in own.T])
            elif pool == "last":
                row.append(own[-1] if pooling._directions == 1 else [*own[-1][: SIZE // 2], *own[0][SIZE // 2 :]])
            else:
                weight, bias = pooling.attention.weight.detach().numpy(), pooling.attention.bias.detach().numpy()
                shares = np.array([np.exp(np.tanh(weight @ state + bias) @ pooling.query.detach().numpy()) for state in own])
                row.append(sum(share * state for share, state in zip(shares / shares.sum(), own, strict=True)))
        rows.append(np.concatenate(row))
    return np.array(rows)


@HALVES
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pools", SUBSETS, ids="+".join)
def test_pools_equal_a_plain_loop_side_by_side(pools: tuple[Pool, ...], directions: int, half: Callable[[Pooling], Pooled]) -> None:
    pooling, states, offsets = built(pools, directions), states_of(LENGTHS), offsets_of(LENGTHS)
    vectors = half(pooling)(states, offsets)
    assert vectors.shape == (len(LENGTHS), pooling.output_size)
    np.testing.assert_allclose(vectors, by_loop(pooling, states, offsets), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pools", [*SUBSETS, POOLS[::-1]], ids="+".join)
def test_torch_and_numpy_agree_in_single_precision(pools: tuple[Pool, ...]) -> None:
    pooling, lengths = built(pools).float(), [*LENGTHS, 300]
    states, offsets = states_of(lengths).astype(np.float32), offsets_of(lengths)
    ours, theirs = in_numpy(pooling)(states, offsets), in_torch(pooling)(states, offsets)
    assert (ours.dtype, theirs.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pools", [*((pool,) for pool in POOLS), POOLS], ids="+".join)
def test_gradients_equal_finite_differences(pools: tuple[Pool, ...]) -> None:
    pooling, offsets = built(pools), offsets_of((3, 1, 4))
    names = [name for name, _ in pooling.named_parameters()]

    def vectors(states: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(pooling, dict(zip(names, parameters, strict=True)), (states, offsets))

    inputs = (torch.from_numpy(states_of((3, 1, 4))), *(p.detach().clone() for p in pooling.parameters()))
    assert torch.autograd.gradcheck(vectors, tuple(each.requires_grad_() for each in inputs))


@HALVES
def test_energies_far_apart_stay_finite_in_single_precision(half: Callable[[Pooling], Pooled]) -> None:
    pooling = built(["attention"]).float()
    with torch.no_grad():  # a state's energy is 200 times the sign of its first number
        pooling.attention.weight.zero_()[0, 0] = 100.0
        pooling.attention.bias.zero_()
        pooling.query.copy_(torch.tensor([200.0, 0, 0, 0]))
    high, low = [1, 2, 3, 4], [-1, 4, 6, 8]
    states = np.array([high, high, low, low, [-1, 0, 0, 0], low, high, low], dtype=np.float32)
    vectors = half(pooling)(states, offsets_of((2, 3, 3)))
    # The first sequence has energies of 200 alone, the second of -200 alone, the third both: there the higher one takes all.
    np.testing.assert_allclose(vectors, [high, [-1, 8 / 3, 4, 16 / 3], high], rtol=0, atol=1e-5)


def test_a_gradient_through_energies_far_apart_is_finite() -> None:
    pooling = built(["attention"]).float()
    with torch.no_grad():
        pooling.query.fill_(200.0)
    states = torch.from_numpy(10 * states_of((3, 4)).astype(np.float32)).requires_grad_()
    pooling(states, offsets_of((3, 4))).sum().backward()
    assert states.grad is not None
    assert all(torch.isfinite(each.grad).all() for each in (states, *pooling.parameters()) if each.grad is not None)


@HALVES
@pytest.mark.parametrize("directions", [1, 2])
def test_a_single_step_is_its_own_vector_in_every_pool(directions: int, half: Callable[[Pooling], Pooled]) -> None:
    states = states_of((1, 1))
    vectors = half(built(POOLS, directions))(states, offsets_of((1, 1)))
    np.testing.assert_allclose(vectors, np.tile(states, 4), rtol=0, atol=1e-14)


@HALVES
def test_permuting_the_sequences_permutes_the_vectors(half: Callable[[Pooling], Pooled]) -> None:
    pooled, states, offsets = half(built(POOLS)), states_of(LENGTHS), offsets_of(LENGTHS)
    order = np.random.default_rng(1).permutation(len(LENGTHS))
    assert order.tolist() != sorted(order)
    pieces = [states[offsets[place] : offsets[place + 1]] for place in order]
    permuted = pooled(np.concatenate(pieces), offsets_of([len(piece) for piece in pieces]))
    np.testing.assert_allclose(permuted, pooled(states, offsets)[order], rtol=0, atol=1e-14)


@HALVES
def test_a_longer_sequence_beside_it_changes_nothing(half: Callable[[Pooling], Pooled]) -> None:
    pooled, states = half(built(POOLS)), states_of((3, 30))
    np.testing.assert_allclose(pooled(states, offsets_of((3, 30)))[:1], pooled(states[:3], offsets_of((3,))), rtol=0, atol=1e-14)


def test_attention_begins_as_the_mean() -> None:
    torch.manual_seed(0)
    vectors = in_torch(Pooling(["attention", "mean"], SIZE, 1).double())(states_of(LENGTHS), offsets_of(LENGTHS))
    np.testing.assert_allclose(vectors[:, :SIZE], vectors[:, SIZE:], rtol=0, atol=1e-14)
