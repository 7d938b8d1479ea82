"""Torch layers: drop-ins for torch.nn, the recurrent stack, character encoders, the CRF, CTC, attention, dropouts, the plain twins."""

from tidegate.nn.attention import attend
from tidegate.nn.cells import CELLS
from tidegate.nn.characters import CharacterBiLSTM, CharacterCNN
from tidegate.nn.crf import CRF
from tidegate.nn.ctc import ctc_loss
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
    "attend",
    "ctc_loss",
    "variational_dropout",
]
