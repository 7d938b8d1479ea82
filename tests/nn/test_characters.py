"""Character encoders against a plain loop over one word after another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strategies import offsets_of
from tidegate.kernels import CellWeights, run_layer
from tidegate.nn import CharacterBiLSTM, CharacterCNN

LENGTHS = (3, 5, 3, 12, 4)
ENCODERS = pytest.mark.parametrize("encoder", [CharacterCNN, CharacterBiLSTM])


def spelled(lengths: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(20, size=sum(lengths)))


def built(encoder: type[nn.Module], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return encoder(20, 4, 6).double()


def test_cnn_equals_a_plain_loop_over_windows() -> None:
    cnn, characters = built(CharacterCNN), spelled(LENGTHS)
    table, filters, bias = (part.detach().numpy() for part in cnn.parameters())
    expected = []
    for begin, end in pairwise(offsets_of(LENGTHS).tolist()):
        word = table[characters[begin:end].numpy()]
        windows = [filters @ np.concatenate(list(word[place : place + 3])) + bias for place in range(len(word) - 2)]
        expected.append(np.maximum(np.max(windows, axis=0), 0))
    np.testing.assert_allclose(cnn(characters, offsets_of(LENGTHS)).detach().numpy(), expected, rtol=0, atol=1e-14)


def test_windows_past_the_end_of_a_word_never_win() -> None:
    """A bias of one makes a window of padding alone score one; every true window here scores less."""
    cnn = built(CharacterCNN)
    assert isinstance(cnn, CharacterCNN)
    nn.init.constant_(cnn.filters.bias, 1.0)
    nn.init.constant_(cnn.filters.weight, -1.0)
    nn.init.constant_(cnn.embedding.weight, 0.05)
    vectors = cnn(spelled((3, 9)), offsets_of((3, 9)))
    assert vectors.flatten().tolist() == pytest.approx([1 - 12 * 0.05] * 12)  # 3 characters of 4 numbers each in a window


@ENCODERS
def test_a_longer_word_beside_it_changes_nothing(encoder: type[nn.Module]) -> None:
    network, characters = built(encoder), spelled((4, 3, 30))
    together = network(characters, offsets_of((4, 3, 30)))
    torch.testing.assert_close(together[:2], network(characters[:7], offsets_of((4, 3))), rtol=0, atol=1e-14)
    torch.testing.assert_close(together[1:2], network(characters[4:7], offsets_of((3,))), rtol=0, atol=1e-14)


@ENCODERS
def test_swapping_two_words_swaps_their_vectors(encoder: type[nn.Module]) -> None:
    network, a, b = built(encoder), spelled((3,), 1), spelled((5,), 2)
    ab, ba = network(torch.cat([a, b]), offsets_of((3, 5))), network(torch.cat([b, a]), offsets_of((5, 3)))
    torch.testing.assert_close(ab, ba.flip(0), rtol=0, atol=1e-14)


@ENCODERS
def test_turning_a_word_round_gives_another_vector(encoder: type[nn.Module]) -> None:
    network, characters = built(encoder), torch.tensor([1, 5, 6, 7, 2])
    vectors = network(torch.cat([characters, characters.flip(0)]), offsets_of((5, 5)))
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3


def test_bilstm_gives_the_last_state_of_each_direction() -> None:
    bilstm, characters, offsets = built(CharacterBiLSTM), spelled(LENGTHS), offsets_of(LENGTHS)
    assert isinstance(bilstm, CharacterBiLSTM)
    embedded = bilstm.embedding(characters).detach().numpy()
    forward, backward = (
        run_layer("lstm", embedded, offsets, CellWeights(*(p.detach().numpy() for p in direction.parameters())), reverse=reverse)
        for direction, reverse in zip(bilstm.stack.layers[0], (False, True), strict=True)  # type: ignore[arg-type]
    )
    expected = np.concatenate([forward[offsets[1:] - 1], backward[offsets[:-1]]], axis=1)
    np.testing.assert_allclose(bilstm(characters, offsets).detach().numpy(), expected, rtol=0, atol=1e-12)


@ENCODERS
def test_gradients_equal_finite_differences(encoder: type[nn.Module]) -> None:
    network, characters, offsets = built(encoder), spelled((3, 5, 4)), offsets_of((3, 5, 4))
    names = [name for name, _ in network.named_parameters()]

    def vectors(*parameters: Tensor) -> Tensor:
        return torch.func.functional_call(network, dict(zip(names, parameters, strict=True)), (characters, offsets))

    assert torch.autograd.gradcheck(vectors, tuple(p.detach().clone().requires_grad_() for p in network.parameters()))
