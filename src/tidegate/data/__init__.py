"""Files -> records -> vocabulary and ids -> ragged batches. All NumPy, no torch."""

from tidegate.data.batches import EncodedRecord, TokenBatch, collate, encode, reading_order, training_order
from tidegate.data.records import Source, TextRecord, TokenRecord
from tidegate.data.splitting import folds_of, split_off, split_off_texts, stratified_order
from tidegate.data.text_batches import EncodedText, TextBatch, TextEncoder
from tidegate.data.unknown_labels import UnknownLabels
from tidegate.data.vocabulary import UNKNOWN_LABEL, FormTable, LabelColumn, Vocabulary

__all__ = [
    "UNKNOWN_LABEL",
    "EncodedRecord",
    "EncodedText",
    "FormTable",
    "LabelColumn",
    "Source",
    "TextBatch",
    "TextEncoder",
    "TextRecord",
    "TokenBatch",
    "TokenRecord",
    "UnknownLabels",
    "Vocabulary",
    "collate",
    "encode",
    "folds_of",
    "reading_order",
    "split_off",
    "split_off_texts",
    "stratified_order",
    "training_order",
]
