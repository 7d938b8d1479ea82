"""The two halves of `translate`: what the torch network says of pairs, the runtime says of them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tidegate.artefact import StoredModel
from tidegate.data.pair_batches import EncodedPair, collate_pairs
from tidegate.data.token_units import TokenUnits
from tidegate.data.units import CharacterUnits
from tidegate.kernels import ARCHITECTURES, architecture
from tidegate.runtime import TranslateModel
from tidegate.tasks.translate import TranslateNetwork, TranslateNetworkSettings

CHARACTERS = CharacterUnits(["", "a", "b", "c"])
PHONES = TokenUnits(["", "AH", "B", "K", "T"])
PAIRS = [("abca", "K AH T"), ("a", ""), ("cab", "B AH B AH K T"), ("x", "T"), ("bb", "B ZZ")]
WHOLE = [{"arch": arch, "attention": kind} for arch in ARCHITECTURES for kind in ("additive", "multiplicative", "none")]
OTHERS: list[dict[str, Any]] = [
    {"num_layers": 2, "decoder_layers": 1},
    {"num_layers": 2, "decoder_layers": 3},
    {"decoder_layers": 3, "attention": "none", "decoder": "minlstm"},
    {"layer_norm": True, "zoneout": 0.3, "zoneout_cell": 0.2},
    *({"arch": arch, "is_simultaneous": True} for arch in ("lstm", "gru")),
]


def halves(**options: Any) -> tuple[TranslateNetwork, TranslateModel]:
    """A network in torch with other weights than those it begins with, and the runtime's model of it."""
    settings: dict[str, Any] = {"arch": "bilstm", "hidden_size": 6, "num_layers": 1, "embedding_size": 5, "decoder_size": 7}
    settings |= {"decoder_layers": 2, "attention": "additive", "attention_size": 4} | options
    settings = {"decoder": architecture(settings["arch"]).cell} | settings
    if settings["attention"] == "multiplicative":
        settings["attention_size"] = settings["decoder_size"]
    torch.manual_seed(2)
    network = TranslateNetwork(TranslateNetworkSettings(**settings), len(CHARACTERS), len(PHONES), dropout=0.3).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    config = {
        "network": network.settings_json(),
        "recipe": {"beam": 5, "length_penalty": 1.0, "coverage_penalty": 0.0},
        "lengths": {"longest_source": 4, "longest_target": 6},
    }
    vocabulary = {"source": CHARACTERS.to_json(), "target": PHONES.to_json()}
    return network, TranslateModel(StoredModel(Path("model"), config, network.tensors(), vocabulary, {}))


def told(network: TranslateNetwork, pairs: list[tuple[str, str]], wait_k: int | None = None) -> list[float]:
    """log p of each pair's target by torch."""
    encoded = [EncodedPair(np.append(CHARACTERS.encode(source), len(CHARACTERS)), PHONES.encode(target)) for source, target in pairs]
    batch = collate_pairs(encoded, len(PHONES))
    with torch.no_grad():
        logits = network(batch, None if wait_k is None else batch.limits(wait_k))
    each = -torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.targets), reduction="none").numpy()
    return np.add.reduceat(each, batch.target_offsets[:-1]).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("options", [*WHOLE, *OTHERS], ids=str)
def test_the_runtime_scores_pairs_as_the_network_does_and_finds_targets_by_the_same_scores(options: dict[str, Any]) -> None:
    network, model = halves(**options)
    np.testing.assert_allclose([score.logprob for score in model.logprob(PAIRS)], told(network, PAIRS), rtol=1e-5, atol=1e-5)
    sources = [source for source, _ in PAIRS]
    for source, found in zip(sources, model.translate(sources, beam=5, n_best=3), strict=True):
        by_torch = told(network, [(source, hypothesis.target) for hypothesis in found.hypotheses])
        np.testing.assert_allclose([hypothesis.logprob for hypothesis in found.hypotheses], by_torch, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
@pytest.mark.parametrize("wait_k", [1, 2, 9])
def test_so_it_is_of_targets_told_before_the_source_has_ended(attention: str, wait_k: int) -> None:
    network, model = halves(arch="gru", attention=attention, is_simultaneous=True)
    sources = [source for source, _ in PAIRS]
    found = model.translate(sources, wait_k=wait_k)
    by_torch = told(network, [(source, each.target) for source, each in zip(sources, found, strict=True)], wait_k)
    np.testing.assert_allclose([each.hypotheses[0].logprob for each in found], by_torch, rtol=1e-5, atol=1e-5)
