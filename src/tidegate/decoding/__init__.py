"""From scores to answers: Viterbi and marginals of a CRF, and what span labels spell."""

from tidegate.decoding.crf import FORBIDDEN, Transitions, marginals, softmax, viterbi
from tidegate.decoding.schemes import Scheme, Span, find_scheme, labels_of, may_follow, spans_of, split_label

__all__ = [
    "FORBIDDEN",
    "Scheme",
    "Span",
    "Transitions",
    "find_scheme",
    "labels_of",
    "marginals",
    "may_follow",
    "softmax",
    "spans_of",
    "split_label",
    "viterbi",
]
