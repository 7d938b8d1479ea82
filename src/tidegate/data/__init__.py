"""Files -> records -> vocabulary and ids -> ragged batches. All NumPy, no torch."""

from tidegate.data.batches import EncodedRecord, TokenBatch, collate, encode, reading_order, training_order
from tidegate.data.records import Source, TokenRecord
from tidegate.data.splitting import split_off
from tidegate.data.unknown_labels import UnknownLabels
from tidegate.data.vocabulary import UNKNOWN_LABEL, FormTable, LabelColumn, Vocabulary

__all__ = [
    "UNKNOWN_LABEL",
    "EncodedRecord",
    "FormTable",
    "LabelColumn",
    "Source",
    "TokenBatch",
    "TokenRecord",
    "UnknownLabels",
    "Vocabulary",
    "collate",
    "encode",
    "reading_order",
    "split_off",
    "training_order",
]
