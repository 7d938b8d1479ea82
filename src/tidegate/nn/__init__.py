"""Torch layers: the recurrent stack, character encoders, the CRF, dropouts, and the plain twins."""

from tidegate.nn.cells import CELLS
from tidegate.nn.characters import CharacterBiLSTM, CharacterCNN
from tidegate.nn.crf import CRF
from tidegate.nn.dropouts import variational_dropout
from tidegate.nn.pooling import Pool, Pooling
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.stack import Direction, RecurrentStack

__all__ = [
    "CELLS",
    "CRF",
    "CharacterBiLSTM",
    "CharacterCNN",
    "Direction",
    "PaddedLayout",
    "Pool",
    "Pooling",
    "RecurrentStack",
    "variational_dropout",
]
