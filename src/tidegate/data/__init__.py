"""Files -> records -> vocabulary and ids -> ragged batches. All NumPy, no torch."""

from tidegate.data.batches import EncodedRecord, TokenBatch, collate, encode, reading_order, training_order
from tidegate.data.clock import Frequency, Instant, Times
from tidegate.data.covariates import CovariateCoder, EncodedSeries
from tidegate.data.forecast_batches import ForecastBatch, WindowSpec, collate_windows, too_short, training_windows
from tidegate.data.pair_batches import EncodedPair, PairBatch, collate_pairs, encode_entries, encode_sources
from tidegate.data.pairs import Entry, PairText, entries_of, read_pairs, split_entries
from tidegate.data.records import Source, TextRecord, TokenRecord
from tidegate.data.scales import SeriesScale, scale_of
from tidegate.data.series import Panel, Series, frame_like, panel_of_frame, read_panel
from tidegate.data.series_tables import SeriesColumns
from tidegate.data.splitting import folds_of, split_off, split_off_texts, stratified_order
from tidegate.data.streams import Stream, TextStreams, encode_files, encode_lines
from tidegate.data.text_batches import EncodedText, TextBatch, TextEncoder
from tidegate.data.time_forms import TimeForm
from tidegate.data.units import BLANK, Decoder, UnitKind, Units, blank_spans, units_from_json
from tidegate.data.unknown_labels import UnknownLabels
from tidegate.data.vocabulary import UNKNOWN_LABEL, FormTable, LabelColumn, Vocabulary

__all__ = [
    "BLANK",
    "UNKNOWN_LABEL",
    "CovariateCoder",
    "Decoder",
    "EncodedPair",
    "EncodedRecord",
    "EncodedSeries",
    "EncodedText",
    "Entry",
    "ForecastBatch",
    "FormTable",
    "Frequency",
    "Instant",
    "LabelColumn",
    "PairBatch",
    "PairText",
    "Panel",
    "Series",
    "SeriesColumns",
    "SeriesScale",
    "Source",
    "Stream",
    "TextBatch",
    "TextEncoder",
    "TextRecord",
    "TextStreams",
    "TimeForm",
    "Times",
    "TokenBatch",
    "TokenRecord",
    "UnitKind",
    "Units",
    "UnknownLabels",
    "Vocabulary",
    "WindowSpec",
    "blank_spans",
    "collate",
    "collate_pairs",
    "collate_windows",
    "encode",
    "encode_entries",
    "encode_files",
    "encode_lines",
    "encode_sources",
    "entries_of",
    "folds_of",
    "frame_like",
    "panel_of_frame",
    "read_pairs",
    "read_panel",
    "reading_order",
    "scale_of",
    "split_entries",
    "split_off",
    "split_off_texts",
    "stratified_order",
    "too_short",
    "training_order",
    "training_windows",
    "units_from_json",
]
