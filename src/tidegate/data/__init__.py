"""Files -> records -> vocabulary and ids -> ragged batches. All NumPy, no torch."""

from tidegate.data.batches import EncodedRecord, TokenBatch, collate, encode, reading_order, training_order
from tidegate.data.pair_batches import EncodedPair, PairBatch, collate_pairs, encode_entries, encode_sources
from tidegate.data.pairs import Entry, PairText, entries_of, read_pairs, split_entries
from tidegate.data.records import Source, TextRecord, TokenRecord
from tidegate.data.splitting import folds_of, split_off, split_off_texts, stratified_order
from tidegate.data.streams import Stream, TextStreams, encode_files, encode_lines
from tidegate.data.text_batches import EncodedText, TextBatch, TextEncoder
from tidegate.data.units import BLANK, Decoder, UnitKind, Units, blank_spans, units_from_json
from tidegate.data.unknown_labels import UnknownLabels
from tidegate.data.vocabulary import UNKNOWN_LABEL, FormTable, LabelColumn, Vocabulary

__all__ = [
    "BLANK",
    "UNKNOWN_LABEL",
    "Decoder",
    "EncodedPair",
    "EncodedRecord",
    "EncodedText",
    "Entry",
    "FormTable",
    "LabelColumn",
    "PairBatch",
    "PairText",
    "Source",
    "Stream",
    "TextBatch",
    "TextEncoder",
    "TextRecord",
    "TextStreams",
    "TokenBatch",
    "TokenRecord",
    "UnitKind",
    "Units",
    "UnknownLabels",
    "Vocabulary",
    "blank_spans",
    "collate",
    "collate_pairs",
    "encode",
    "encode_entries",
    "encode_files",
    "encode_lines",
    "encode_sources",
    "entries_of",
    "folds_of",
    "read_pairs",
    "reading_order",
    "split_entries",
    "split_off",
    "split_off_texts",
    "stratified_order",
    "training_order",
    "units_from_json",
]
