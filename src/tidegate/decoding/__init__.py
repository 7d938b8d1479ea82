"""From scores to answers: a CRF's best labels and marginals, CTC's transcripts, what span labels spell, a text's next unit, beams."""

from tidegate.decoding.beam import BeamSearch, Finished
from tidegate.decoding.crf import FORBIDDEN, Paths, Transitions, fixed_lag_viterbi, marginals, n_best, softmax, viterbi
from tidegate.decoding.crf_stream import CrfStream
from tidegate.decoding.ctc import CtcGreedyStream, CtcPath, ctc_beam, ctc_greedy
from tidegate.decoding.sampling import Sampling
from tidegate.decoding.schemes import Scheme, Span, find_scheme, labels_of, may_follow, spans_of, split_label

__all__ = [
    "FORBIDDEN",
    "BeamSearch",
    "CrfStream",
    "CtcGreedyStream",
    "CtcPath",
    "Finished",
    "Paths",
    "Sampling",
    "Scheme",
    "Span",
    "Transitions",
    "ctc_beam",
    "ctc_greedy",
    "find_scheme",
    "fixed_lag_viterbi",
    "labels_of",
    "marginals",
    "may_follow",
    "n_best",
    "softmax",
    "spans_of",
    "split_label",
    "viterbi",
]
