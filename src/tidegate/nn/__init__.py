"""Torch layers: drop-ins for torch.nn's RNN, LSTM and GRU, the recurrent stack, character encoders, the CRF, dropouts, the plain twins."""

from tidegate.nn.cells import CELLS
from tidegate.nn.characters import CharacterBiLSTM, CharacterCNN
from tidegate.nn.crf import CRF
from tidegate.nn.dropouts import variational_dropout
from tidegate.nn.pooling import Pool, Pooling
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.rnn import GRU, LSTM, RNN
from tidegate.nn.stack import Direction, RecurrentStack

__all__ = [
    "CELLS",
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "CharacterBiLSTM",
    "CharacterCNN",
    "Direction",
    "PaddedLayout",
    "Pool",
    "Pooling",
    "RecurrentStack",
    "variational_dropout",
]
