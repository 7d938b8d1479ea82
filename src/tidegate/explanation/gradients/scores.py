"""Scores of answers that torch differentiates by what the recurrent stack reads; the torch half of `explanation.subjects`.

The layers are those of `tidegate.nn`, with the tensors of the model directory. Each function gives what is read of the input, [T, I], what
is read where every unit is blanked, [T, I], and the score [S] of S such readings [S, T, I]: to rounding what `Subject.scores` gives. But
the n-grams of a classifier of texts, which pass the stack by, are those of the text as it is whatever is read; and of series the number
that is told is the score, see `series`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.artefact import StoredModel
from tidegate.data.pair_batches import EncodedPair, collate_pairs
from tidegate.decoding import FORBIDDEN
from tidegate.explanation.gradients.parts import Differentiable, linear, load, ragged, stack_of, tensor
from tidegate.explanation.gradients.series import fill_score, forecast_score
from tidegate.explanation.subjects.classify import ClassifySubject
from tidegate.explanation.subjects.fill import FillSubject
from tidegate.explanation.subjects.forecast import ForecastSubject
from tidegate.explanation.subjects.generate import OneWaySubject, TwoWaySubject
from tidegate.explanation.subjects.sequences import FrameSubject, SequenceClassifySubject, SequenceTagSubject, TranscribeSubject
from tidegate.explanation.subjects.subject import NOTHING, Subject
from tidegate.explanation.subjects.tag import TagSubject
from tidegate.explanation.subjects.translate import UNKNOWN_UNIT, TranslateSubject
from tidegate.kernels import architecture
from tidegate.nn import CRF, Pooling, RecurrentStack, ctc_loss
from tidegate.tasks.translate import TranslateNetwork, TranslateNetworkSettings


def differentiable(subject: Subject) -> Differentiable:
    """The score of a subject's answer."""
    _ = subject.said  # the answer that is scored
    made = next(made for kind, made in _MADE.items() if isinstance(subject, kind))
    found: Differentiable = made(subject)
    return found


def _classify(subject: ClassifySubject) -> Differentiable:
    network, stored = subject.network, subject.model.stored
    stack, pooling, head = stack_of(network.stack, stored), _pooling(stored), linear(stored, "head")
    column, is_multi_label = subject.column, subject.model.is_multi_label
    wide = network.wide_scores([subject.words])
    passed = 0.0 if wide is None else torch.from_numpy(wide.astype(np.float32))
    if wide is not None:
        subject.notes.append("gradients go through the gates alone: the n-grams' part of the score is held as it is.")

    def score(x: Tensor) -> Tensor:
        flat, offsets = ragged(x)
        logits = head(pooling(stack(flat, offsets), offsets)) + passed
        told: Tensor = nn.functional.logsigmoid(logits) if is_multi_label else logits.log_softmax(dim=1)
        return told[:, column]

    return Differentiable(network.vectors(subject.read), network.vectors([NOTHING] * len(subject.read)), score)


def _tag(subject: TagSubject) -> Differentiable:
    network, stored = subject.network, subject.model.stored
    stack, head = stack_of(network.stack, stored), linear(stored, "heads.0")
    labels = subject.model.labels[subject.column]
    told = torch.tensor([labels.index(label) for label in subject.said.said])
    places = torch.arange(len(told)) if subject.place is None else torch.tensor([subject.place])
    crf: CRF | None = None
    if subject.column in network.transitions:
        crf = CRF(len(labels))
        load(crf, stored, "crfs.0.")

    def score(x: Tensor) -> Tensor:
        flat, offsets = ragged(x)
        emissions = head(stack(flat, offsets))
        if crf is None:
            own: Tensor = emissions.log_softmax(dim=1).view(*x.shape[:2], -1)[:, places, told[places]]
            return own.sum(dim=1)
        # log p of a label is log Z of all label sequences that have it there, less log Z of all.
        whole = crf.log_partition(emissions, offsets)
        total = torch.zeros_like(whole)
        rows = emissions.view(*x.shape[:2], -1)
        for place in places.tolist():
            others = torch.zeros(x.shape[1], rows.shape[2], dtype=torch.bool)
            others[place] = torch.arange(rows.shape[2]) != told[place]
            total = total + crf.log_partition(rows.masked_fill(others, FORBIDDEN).flatten(0, 1), offsets) - whole
        return total

    return Differentiable(network.vectors(subject.units), network.vectors([NOTHING] * len(subject.units)), score)


def _one_way(subject: OneWaySubject) -> Differentiable:
    network, stored = subject.network, subject.model.stored
    stack = stack_of(network.stack, stored)
    vectors, bias = _units(stored)
    projection = tensor(stored, "projection.weight") if stored.config["network"]["is_tied"] else None
    place = subject.place
    assert place is not None
    unit = int(subject.best[place])

    def score(x: Tensor) -> Tensor:
        flat, offsets = ragged(x)
        start = [tuple(torch.from_numpy(part) for part in layer) for layer in network.start_of(len(x))]
        states = stack.carried(flat, offsets, start)[0].view(*x.shape[:2], -1)[:, place]
        read = states if projection is None else states @ projection.T
        return nn.functional.linear(read, vectors, bias).log_softmax(dim=1)[:, unit]

    x = network.embedding[subject.ids]
    return Differentiable(x, np.zeros_like(x), score)


def _two_way(subject: TwoWaySubject) -> Differentiable:
    network, stored = subject.network, subject.model.stored
    left, right = (stack_of(stack, stored) for stack in network.stacks)
    vectors, bias = _units(stored)
    hidden, projection = linear(stored, "both_hidden"), tensor(stored, "both_projection.weight")
    places = torch.from_numpy(np.flatnonzero(subject.asked) if subject.place is None else np.array([subject.place]))
    targets = torch.from_numpy(subject.targets)[places]

    def before(stack: RecurrentStack, x: Tensor) -> Tensor:
        states = stack(*ragged(x)).view(*x.shape[:2], -1)
        return torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)

    def score(x: Tensor) -> Tensor:
        contexts = torch.cat([before(left, x), before(right, x.flip(1)).flip(1)], dim=2)[:, places]
        read = torch.relu(hidden(contexts)) @ projection.T
        told = nn.functional.linear(read, vectors, bias).log_softmax(dim=2)
        return told[:, torch.arange(len(places)), targets].sum(dim=1)

    embedding = stored.tensor("embedding.weight")
    x = np.concatenate([embedding, np.zeros_like(embedding[:1])])[subject.read]
    return Differentiable(x, np.zeros_like(x), score)


def _frames(subject: FrameSubject) -> Differentiable:
    stored = subject.model.stored
    stack, embed, head = stack_of(subject.network.stack, stored), linear(stored, "embed"), linear(stored, "head")
    pooling = _pooling(stored) if stored.config["network"].get("pools") else None

    def logits(x: Tensor) -> tuple[Tensor, NDArray[np.int64]]:
        flat, offsets = ragged(x)
        states = stack(torch.relu(embed(flat)), offsets)
        return head(states if pooling is None else pooling(states, offsets)), offsets

    def score(x: Tensor) -> Tensor:
        told, offsets = logits(x)
        if isinstance(subject, SequenceClassifySubject):
            return told.log_softmax(dim=1)[:, subject.column]
        if isinstance(subject, SequenceTagSubject):
            labels = torch.from_numpy(subject.best)
            places = torch.arange(len(labels)) if subject.place is None else torch.tensor([subject.place])
            own: Tensor = told.log_softmax(dim=1).view(*x.shape[:2], -1)[:, places, labels[places]]
            return own.sum(dim=1)
        assert isinstance(subject, TranscribeSubject)
        count = len(subject.labels)
        targets = torch.from_numpy(np.tile(subject.labels, len(x)))
        return -ctc_loss(told, offsets, targets, np.arange(len(x) + 1, dtype=np.int64) * count)

    return Differentiable(subject.x, np.broadcast_to(subject.blank, subject.x.shape).copy(), score)


def _translate(subject: TranslateSubject) -> Differentiable:
    stored = subject.model.stored
    settings = TranslateNetworkSettings(**stored.config["network"])
    network = TranslateNetwork(settings, len(subject.model.source_units), len(subject.model.target_units))
    load(network, stored, "")
    pair, end, at = EncodedPair(subject.ids, subject.target), subject.network.end, subject.at
    read: list[Tensor] = []
    network.source_embedding.register_forward_hook(lambda module, given, vectors: read[-1])

    def score(x: Tensor) -> Tensor:
        # The vectors of the source's units are those that are read, whatever the units.
        read.append(x.flatten(0, 1))
        batch = collate_pairs([pair] * len(x), end)
        told = network(batch).log_softmax(dim=1)[torch.arange(len(batch.targets)), torch.from_numpy(batch.targets)].view(len(x), -1)
        read.pop()
        own: Tensor = told.sum(dim=1) if at is None else told[:, at]
        return own

    embedding = stored.tensor("source_embedding.weight")
    blanks = np.where(np.arange(len(subject.ids)) < len(subject.ids) - 1, UNKNOWN_UNIT, subject.ids)
    return Differentiable(embedding[subject.ids], embedding[blanks], score)


_MADE: dict[Any, Callable[[Any], Differentiable]] = {
    ClassifySubject: _classify,
    TagSubject: _tag,
    OneWaySubject: _one_way,
    TwoWaySubject: _two_way,
    FrameSubject: _frames,
    TranslateSubject: _translate,
    ForecastSubject: forecast_score,
    FillSubject: fill_score,
}


def _pooling(stored: StoredModel) -> Pooling:
    settings = stored.config["network"]
    directions = architecture(settings["arch"]).directions
    pooling = Pooling(settings["pools"], directions * settings["hidden_size"], directions)
    load(pooling, stored, "pooling.")
    return pooling


def _units(stored: StoredModel) -> tuple[Tensor, Tensor]:
    """What units are told by: their vectors [V, W] and biases [V]."""
    name = "embedding.weight" if stored.config["network"]["is_tied"] else "head.weight"
    return tensor(stored, name), tensor(stored, "head.bias")
