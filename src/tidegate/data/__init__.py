"""Files -> records -> vocabulary and ids -> ragged batches. All NumPy, no torch."""

from tidegate.data.batches import EncodedRecord, TokenBatch, collate, encode, reading_order, training_order
from tidegate.data.records import Source, TokenRecord
from tidegate.data.splitting import split_off
from tidegate.data.vocabulary import FormTable, LabelColumn, Vocabulary

__all__ = [
    "EncodedRecord",
    "FormTable",
    "LabelColumn",
    "Source",
    "TokenBatch",
    "TokenRecord",
    "Vocabulary",
    "collate",
    "encode",
    "reading_order",
    "split_off",
    "training_order",
]
