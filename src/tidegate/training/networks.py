"""The network of a run: built from recipe and corpus, and seen as the runtime will see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tidegate.artefact import StoredModel
from tidegate.runtime import TagModel
from tidegate.tasks.tag import Head, TagNetwork, TagNetworkSettings, forbidden_pairs
from tidegate.training.corpus import TagCorpus
from tidegate.training.recipe import TagRecipe
from tidegate.version import __version__

# With more labels the K² pairs of a CRF cost more than the network; measured in docs/decisions/0005.
_MOST_CRF_LABELS = 100


def build_network(recipe: TagRecipe, corpus: TagCorpus) -> TagNetwork:
    """A fresh network for the corpus; its weights are a function of the recipe's seed."""
    heads: dict[str, Head] = {}
    for column in corpus.vocabulary.columns:
        auto: Head = "crf" if len(column.labels) <= _MOST_CRF_LABELS else "softmax"
        heads[column.name] = auto if recipe.head == "auto" else recipe.head
    settings = TagNetworkSettings(
        arch=recipe.arch,
        hidden_size=recipe.hidden_size,
        num_layers=recipe.num_layers,
        word_size=recipe.word_size,
        shape_size=recipe.shape_size,
        character_size=recipe.character_size,
        character_embedding_size=recipe.character_embedding_size,
        character_encoder=recipe.character_encoder,
        heads=heads,
    )
    observed = {name: [record.labels[name] for record in corpus.encoded] for name in heads}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return TagNetwork(
            settings,
            corpus.vocabulary,
            forbidden_pairs(corpus.vocabulary, observed),
            dropout=recipe.dropout,
            word_dropout=recipe.word_dropout,
        )


def as_model(network: TagNetwork, corpus: TagCorpus, recipe: TagRecipe) -> TagModel:
    """The network as the runtime sees it, so that every score of training is the shipped model's own."""
    return TagModel(
        StoredModel(Path("a network in training"), model_config(network, recipe), network.tensors(), corpus.vocabulary.to_json(), {})
    )


def model_config(network: TagNetwork, recipe: TagRecipe) -> dict[str, Any]:
    """What config.json says of the model."""
    return {
        "tidegate_version": __version__,
        "task": recipe.task,
        "arch": recipe.arch,
        "network": network.settings.to_json(),
        "recipe": recipe.model_dump(mode="json"),
    }
