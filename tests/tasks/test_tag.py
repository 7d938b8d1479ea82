"""The tagging network: its loss by hand, word dropout, what the CRF forbids, and work done once per form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from strategies import labelings, log_of_sum, module_weights, sentence, weights_as
from tidegate.data import FormTable, LabelColumn, TokenBatch, Vocabulary, collate, encode
from tidegate.decoding import FORBIDDEN, softmax
from tidegate.kernels import ARCHITECTURES, architecture, run_layer
from tidegate.nn import CRF
from tidegate.tasks.tag import TagNetwork, TagNetworkSettings, forbidden_pairs

RECORDS = [
    sentence("Ann Lee saw Bob", ner="B-P I-P O B-P", pos="N N V N"),
    sentence("cats saw cats", 5, ner="O O O", pos="N V N"),
    sentence("Bob", 8, ner="B-P", pos="N"),
]
VOCABULARY = Vocabulary.count(RECORDS, ["pos", "ner"])
LABELS = {column.name: column.labels for column in VOCABULARY.columns}


def settings(arch: str = "bigru", **changes: Any) -> TagNetworkSettings:
    plain: dict[str, Any] = {
        "hidden_size": 3,
        "num_layers": 1,
        "word_size": 4,
        "shape_size": 2,
        "character_size": 4,
        "character_embedding_size": 3,
        "character_encoder": "cnn",
        "heads": {"pos": "softmax", "ner": "crf"},
    }
    return TagNetworkSettings(arch=arch, **plain | changes)


def encoded(vocabulary: Vocabulary = VOCABULARY) -> tuple[TokenBatch, FormTable]:
    table = FormTable(vocabulary)
    return collate(encode(RECORDS, table, vocabulary.columns), table), table


def observed(batch: TokenBatch, column: str) -> list[NDArray[np.int64]]:
    return np.split(batch.labels[column], batch.offsets[1:-1])


def network_of(chosen: TagNetworkSettings, vocabulary: Vocabulary = VOCABULARY, **rates: float) -> TagNetwork:
    torch.manual_seed(0)
    batch, _ = encoded(vocabulary)
    forbidden = forbidden_pairs(vocabulary, {column.name: observed(batch, column.name) for column in vocabulary.columns})
    network = TagNetwork(chosen, vocabulary, forbidden, **rates)
    for crf in network.crfs.values():
        for parameter in crf.parameters():
            torch.nn.init.normal_(parameter)
    return network


def token_vectors(network: TagNetwork, table: FormTable) -> NDArray[np.float64]:
    """Word, shape and character vectors side by side, token after token, looked up one by one."""
    state = {name: tensor.numpy().astype(np.float64) for name, tensor in network.state_dict().items()}
    rows = []
    for token in (token for record in RECORDS for token in record.tokens):
        number = table.encode([token])
        (word,), (shape,) = table.words_and_shapes(number)
        parts = [state["word_embedding.weight"][word]]
        if network.shape_embedding is not None:
            parts.append(state["shape_embedding.weight"][shape])
        if network.character_encoder is not None:
            characters, offsets = table.characters(number)
            parts.append(network.character_encoder(torch.from_numpy(characters), offsets)[0].detach().numpy())
        rows.append(np.concatenate(parts))
    return np.array(rows)


def logits_by_hand(network: TagNetwork, table: FormTable, offsets: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    chosen, x = network.settings, token_vectors(network, table)
    for layer in network.stack.layers:
        x = np.concatenate(
            [
                run_layer(
                    architecture(chosen.arch).cell,
                    x,
                    offsets,
                    weights_as(module_weights(direction), np.float64),
                    reverse=reverse,
                )
                for direction, reverse in zip(layer, (False, True), strict=False)  # type: ignore[arg-type]
            ],
            axis=1,
        )
    heads = {name: network.heads[str(place)] for place, name in enumerate(network.columns)}
    return {name: x @ head.weight.detach().numpy().T + head.bias.detach().numpy() for name, head in heads.items()}  # type: ignore[operator, union-attr]


def loss_by_hand(network: TagNetwork, logits: dict[str, NDArray[np.float64]], batch: TokenBatch) -> float:
    total = 0.0
    for place, (name, scores) in enumerate(logits.items()):
        labels = batch.labels[name]
        if network.settings.heads[name] == "softmax":
            total -= float(np.log(softmax(scores)[np.arange(len(labels)), labels]).sum())
            continue
        crf = network.crfs[str(place)]
        assert isinstance(crf, CRF)
        pair, start, end = (part.detach().numpy() for part in crf.scores())
        for begin, stop in pairwise(batch.offsets.tolist()):
            paths, path_scores = labelings(scores[begin:stop], pair, start, end)
            total += log_of_sum(path_scores) - path_scores[paths.index(tuple(labels[begin:stop].tolist()))]
    return total / batch.tokens


@pytest.mark.parametrize(
    "heads", [{"pos": a, "ner": b} for a in ("softmax", "crf") for b in ("softmax", "crf")], ids=lambda h: "-".join(h.values())
)
@pytest.mark.parametrize("arch", ["gru", "bilstm", "biminlstm"])
def test_logits_and_loss_equal_those_computed_by_hand(arch: str, heads: dict[str, Any]) -> None:
    network, (batch, table) = network_of(settings(arch, heads=heads, num_layers=2)).eval(), encoded()
    assert set(network.crfs) == {str(place) for place, name in enumerate(("pos", "ner")) if heads[name] == "crf"}
    logits = logits_by_hand(network, table, batch.offsets)
    answers = network(batch)
    assert list(answers) == ["pos", "ner"]
    for name, expected in logits.items():
        assert answers[name].shape == (batch.tokens, len(LABELS[name]))
        np.testing.assert_allclose(answers[name].detach().numpy(), expected, rtol=0, atol=1e-5)
    assert network.loss(batch).item() == pytest.approx(loss_by_hand(network, logits, batch), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"character_encoder": "none"},
        {"shape_size": 0},
        {"character_encoder": "bilstm"},
        {"character_encoder": "none", "shape_size": 0},
    ],
    ids=str,
)
def test_parts_of_a_words_vector_may_be_left_out(changes: dict[str, Any]) -> None:
    network, (batch, table) = network_of(settings(**changes)).eval(), encoded()
    for name, expected in logits_by_hand(network, table, batch.offsets).items():
        np.testing.assert_allclose(network(batch)[name].detach().numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_the_loss_reaches_every_parameter_and_following_it_lowers_the_loss(arch: str) -> None:
    network, (batch, _) = network_of(settings(arch)), encoded()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    first = network.loss(batch)
    first.backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    for _ in range(60):
        optimiser.step()
        optimiser.zero_grad()
        last = network.loss(batch)
        last.backward()  # type: ignore[no-untyped-call]
    assert last.item() < 0.2 * first.item()


def test_spelling_is_read_once_for_each_distinct_form() -> None:
    network, (batch, _) = network_of(settings()), encoded()
    met: list[tuple[int, int]] = []
    assert network.character_encoder is not None
    assert network.shape_embedding is not None
    network.character_encoder.register_forward_pre_hook(lambda _, inputs: met.append((len(inputs[0]), len(inputs[1]) - 1)))
    network.shape_embedding.register_forward_pre_hook(lambda _, inputs: met.append((len(inputs[0]), len(inputs[0]))))
    network(batch)
    distinct = {token for record in RECORDS for token in record.tokens}
    assert (len(distinct), batch.tokens) == (5, 8)
    assert sorted(met) == [(5, 5), (sum(len(form) + 2 for form in distinct), 5)]


def test_the_order_of_sentences_in_a_batch_changes_neither_their_logits_nor_the_loss() -> None:
    network, table = network_of(settings()).eval(), FormTable(VOCABULARY)
    records = encode(RECORDS, table, VOCABULARY.columns)
    batch, turned = collate(records, table), collate(records[::-1], table)
    assert network.loss(turned).item() == pytest.approx(network.loss(batch).item(), abs=1e-6)
    for name, logits in network(batch).items():
        torch.testing.assert_close(torch.cat(network(turned)[name].split([1, 3, 4])[::-1]), logits, rtol=0, atol=1e-6)


WORDS = [sentence(" ".join(["rare"] + ["often"] * 9), tag=" ".join("XY" * 5))]


def words_read(network: TagNetwork, batch: TokenBatch) -> Tensor:
    read: list[Tensor] = []
    handle = network.word_embedding.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    network(batch)
    handle.remove()
    return read[0]


def word_dropout_network(rate: float) -> tuple[TagNetwork, TokenBatch, Tensor]:
    vocabulary = Vocabulary.count(WORDS, ["tag"])
    assert vocabulary.counts == (9, 1)
    torch.manual_seed(0)
    chosen = settings("rnn", heads={"tag": "softmax"}, character_encoder="none", hidden_size=1, word_size=1)
    table = FormTable(vocabulary)
    text = sentence("often rare unknown", tag="X Y X")
    batch = collate(encode([text] * 20_000, table, vocabulary.columns), table)
    return TagNetwork(chosen, vocabulary, {}, word_dropout=rate), batch, torch.tensor([1, 2, 0]).repeat(20_000)


def test_word_dropout_falls_on_rare_words_more_often_and_on_each_token_anew() -> None:
    network, batch, whole = word_dropout_network(0.25)
    read = words_read(network.train(), batch)
    assert ((read == whole) | (read == 0)).all()
    for word, count in ((1, 9), (2, 1)):
        p = 0.25 / (0.25 + count)
        share = (read[whole == word] == 0).double().mean().item()
        assert abs(share - p) < 4 * (p * (1 - p) / 20_000) ** 0.5
    assert (words_read(network, batch) != read).any()


def test_word_dropout_is_of_training_alone_and_of_a_rate_above_zero() -> None:
    network, batch, whole = word_dropout_network(0.25)
    assert words_read(network.eval(), batch).tolist() == whole.tolist()
    network, batch, whole = word_dropout_network(0.0)
    assert words_read(network.train(), batch).tolist() == whole.tolist()


def test_dropout_changes_training_alone() -> None:
    network, (batch, _) = network_of(settings(), dropout=0.5), encoded()
    assert network.loss(batch).item() != network.loss(batch).item()
    network.eval()
    assert network.loss(batch).item() == network.loss(batch).item() == network_of(settings()).loss(batch).item()


def scores_of(labels: str, scheme: Any, *sequences: str) -> tuple[list[str], NDArray[np.float32]]:
    """Names of rows and columns, and what `forbidden_pairs` gives for a column of those labels where training shows those sequences."""
    names = labels.split()
    column = LabelColumn("ner", tuple(names), scheme)
    shown = [np.array([names.index(label) for label in sequence.split()], dtype=np.int64) for sequence in sequences]
    result = forbidden_pairs(Vocabulary((), (), (), (column,)), {"ner": shown})
    return [*names, "edge"], result["ner"]


def pairs_forbidden(labels: str, scheme: Any, *sequences: str) -> set[tuple[str, str]]:
    names, scores = scores_of(labels, scheme, *sequences)
    assert scores.dtype == np.float32
    assert set(np.unique(scores)) <= {np.float32(FORBIDDEN), np.float32(0)}
    return {(names[row], names[place]) for row, place in np.argwhere(scores != 0)}


def test_pairs_that_the_scheme_rules_out_are_forbidden_at_the_edges_too() -> None:
    assert pairs_forbidden("O B-X I-X B-Y I-Y", "IOB2") == {
        *((before, after) for before in ("O", "edge", "B-Y", "I-Y") for after in ("I-X",)),
        *((before, after) for before in ("O", "edge", "B-X", "I-X") for after in ("I-Y",)),
    }
    assert pairs_forbidden("O S-X B-X E-X", "BIOES") == {
        *((before, "E-X") for before in ("O", "edge", "S-X", "E-X")),
        *(("B-X", after) for after in ("O", "edge", "S-X", "B-X")),
    }
    assert pairs_forbidden("O I-X B-X", "IOB1") == {("O", "B-X"), ("edge", "B-X")}


def test_pairs_that_training_shows_stay_allowed_against_the_scheme() -> None:
    assert pairs_forbidden("O B-X I-X", "IOB2") == {("O", "I-X"), ("edge", "I-X")}
    assert pairs_forbidden("O B-X I-X", "IOB2", "O I-X") == {("edge", "I-X")}
    assert pairs_forbidden("O B-X I-X", "IOB2", "", "I-X", "O B-X") == {("O", "I-X")}
    assert pairs_forbidden("O B-X E-X", "BIOES", "B-X") == pairs_forbidden("O B-X E-X", "BIOES") - {("B-X", "edge")}


def test_columns_without_a_scheme_forbid_nothing() -> None:
    batch, _ = encoded()
    assert set(forbidden_pairs(VOCABULARY, {"ner": observed(batch, "ner"), "pos": observed(batch, "pos")})) == {"ner"}


def test_tensors_for_the_runtime_hold_the_crf_with_what_is_forbidden_and_nothing_of_training() -> None:
    network = network_of(settings(), word_dropout=0.25)
    tensors = network.tensors()
    assert {name for name in tensors if name.startswith("crfs.")} == {"crfs.1.pair", "crfs.1.start", "crfs.1.end"}
    assert not [name for name in tensors if "forbidden" in name or "rates" in name]
    crf = network.crfs["1"]
    assert isinstance(crf, CRF)
    outside, inside = LABELS["ner"].index("O"), LABELS["ner"].index("I-P")
    assert tensors["crfs.1.pair"][outside, inside] == pytest.approx(crf.pair[outside, inside].item() + FORBIDDEN)
    assert tensors["crfs.1.start"][inside] == pytest.approx(crf.start[inside].item() + FORBIDDEN)
    assert tensors["crfs.1.end"].tolist() == crf.end.tolist()
    for name, tensor in network.state_dict().items():
        if not name.startswith("crfs."):
            assert tensors[name].tolist() == tensor.tolist()
    with torch.no_grad():
        network.word_embedding.weight.add_(1)
    assert tensors["word_embedding.weight"].tolist() != network.word_embedding.weight.tolist()


def test_settings_are_written_with_all_that_the_runtime_reads() -> None:
    assert settings().to_json() == {
        "arch": "bigru",
        "hidden_size": 3,
        "num_layers": 1,
        "word_size": 4,
        "shape_size": 2,
        "character_size": 4,
        "character_embedding_size": 3,
        "character_encoder": "cnn",
        "heads": {"pos": "softmax", "ner": "crf"},
        "layer_norm": False,
        "zoneout": 0.0,
        "zoneout_cell": 0.0,
    }
