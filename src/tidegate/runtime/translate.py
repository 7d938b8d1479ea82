"""The NumPy half of `translate`: a model directory gives targets for sources, scores pairs, answers as it reads, and is saved again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.artefact import StoredModel, copy_model
from tidegate.data.pair_batches import EncodedPair, encode_sources
from tidegate.data.pairs import Entry
from tidegate.data.unit_base import Ids
from tidegate.data.units import Units, WordUnits, units_from_json
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError, RecipeError, listed
from tidegate.runtime.pair_scores import PairScore, pair_scores
from tidegate.runtime.translate_network import TranslateNetwork
from tidegate.runtime.translate_search import Decoding, Found, cap_of, search
from tidegate.runtime.translate_session import TranslateSession
from tidegate.runtime.translations import UNKNOWN, Hypothesis, Translation
from tidegate.runtime.windows import answered
from tidegate.scoring.translation import translation_scores

# Numbers of the largest array of one batch, and the numbers that a hypothesis counts for at least: so some two thousand of them run
# side by side, fewer where the vocabulary or the texts are large.
_NUMBERS, _ROW = 1 << 24, 1 << 13
# Scores by length are told of sources of 1 to 4 units, 5 to 8, 9 to 16 and so on.
_SHORTEST = 4
_SCORES_BY_LENGTH = ("bleu", "chrf", "exact_match", "per", "cer")


class TranslateModel:
    """A trained translator, read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        source_units, target_units: the units of either side, and their ids.
        columns: none, since its data has no labels.
        network: encoder and decoder.
        stored: all that the model directory holds.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, model: StoredModel) -> None:
        self.stored, self._path = model, model.path
        self.config = model.config
        self.metrics = model.metrics
        self.source_units: Units = units_from_json(model.vocabulary["source"])
        self.target_units: Units = units_from_json(model.vocabulary["target"])
        lengths = model.config["lengths"]
        self._longest_source, self._longest_target = int(lengths["longest_source"]), int(lengths["longest_target"])
        self.network = TranslateNetwork(model)

    def translate(
        self,
        sources: Iterable[str],
        *,
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
        coverage_penalty: float | None = None,
        wait_k: int | None = None,
    ) -> list[Translation]:
        """A target for each source, with its score and what it attended to.

        Args:
            sources: texts; blanks at their ends do not count.
            beam: how many hypotheses are kept at each step; 1 takes the most probable unit each time.
            n_best: how many of them are given, at most `beam`.
            length_penalty: α of log P / ((5 + n)/6)^α; 0 ranks by log P alone, which prefers short targets.
            coverage_penalty: β, how much parts of the source that got no attention count against a hypothesis; 0 not at all.
            wait_k: answers as if the source came unit by unit: unit t of the target sees k + t units of it. Takes the most probable unit
                each time.

            What is None is the model's recipe's.

        Raises:
            RecipeError: an option outside its range, or one that this model has no use for.
            DataError: one text instead of a list of them, or something that is no text.
        """
        decoding = self._decoding(beam, n_best, length_penalty, coverage_penalty, wait_k)
        return list(self._translations(_texts(sources), decoding, keeps_attention=self.network.has_attention))

    def translate_all(
        self,
        sources: Iterable[str],
        *,
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
        coverage_penalty: float | None = None,
        wait_k: int | None = None,
        keeps_attention: bool = False,
    ) -> Iterator[Translation]:
        """As `translate`, reading the sources as answers are needed, in bounded memory; attention only where it is asked for."""
        decoding = self._decoding(beam, n_best, length_penalty, coverage_penalty, wait_k)
        return self._translations(_texts(sources), decoding, keeps_attention=keeps_attention)

    def predict(self, sources: Iterable[str], **options: Any) -> list[str]:
        """The best target of each source, empty for an empty one; options as `translate` has.

        Raises:
            RecipeError, DataError: as `translate`.
        """
        return [translation.target for translation in self.translate_all(sources, **options)]

    def _decoding(
        self, beam: int | None, n_best: int, length_penalty: float | None, coverage_penalty: float | None, wait_k: int | None
    ) -> Decoding:
        """The options, checked, with the recipe's where they are None."""
        recipe, most = self.config["recipe"], len(self.target_units)
        if wait_k is not None:
            self._check_wait(wait_k)
            if beam is not None and beam != 1:
                raise RecipeError(
                    f"beam is {beam} with wait_k {wait_k}; what has been told cannot be taken back, so with wait_k the most probable unit "
                    "is taken each time. Leave beam out, or set it to 1."
                )
            if n_best != 1:
                raise RecipeError(f"n_best is {n_best} with wait_k {wait_k}; with wait_k there is one answer. Leave n_best out.")
        if beam is None:
            # A recipe's beam may be wider than a small vocabulary.
            beam = 1 if wait_k is not None else min(int(recipe["beam"]), most)
        if not (is_whole(beam, least=1) and beam <= most):
            raise RecipeError(f"beam is {beam}; expected a whole number from 1 to {most}, the units that this model chooses among.")
        if not (is_whole(n_best, least=1) and n_best <= beam):
            raise RecipeError(
                f"n_best is {n_best}; expected a whole number from 1 to {int(beam)}, the width of the beam. Widen it with beam."
            )
        penalties = []
        for name, given in (("length_penalty", length_penalty), ("coverage_penalty", coverage_penalty)):
            value = recipe[name] if given is None else given
            if not (isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value) and value >= 0):
                raise RecipeError(f"{name} is {value}; expected 0 or more, such as {recipe[name]}.")
            penalties.append(float(value))
        if coverage_penalty and not self.network.has_attention:
            raise RecipeError(f"coverage_penalty is {coverage_penalty}, but this model has no attention to cover its source; leave it out.")
        if not self.network.has_attention:
            penalties[1] = 0.0
        return Decoding(int(beam), int(n_best), penalties[0], penalties[1], None if wait_k is None else int(wait_k))

    @property
    def is_simultaneous(self) -> bool:
        """Whether it was trained to answer before a source has ended (wait-k)."""
        return self.network.is_simultaneous

    def _check_wait(self, wait_k: int) -> None:
        if not self.network.is_simultaneous:
            raise RecipeError(
                "this model reads a whole source before it answers, so there is no wait_k; leave it out, or train one with --simultaneous."
            )
        if not is_whole(wait_k, least=1):
            raise RecipeError(f"wait_k is {wait_k}; expected how many units of the source are waited for, 1 or more.")

    def _translations(self, texts: Iterator[str], decoding: Decoding, *, keeps_attention: bool) -> Iterator[Translation]:
        def encoded() -> Iterator[tuple[str, Ids]]:
            for text in texts:
                yield text, encode_sources([text.strip()], self.source_units)[0]

        def cost(source: tuple[str, Ids]) -> int:
            positions = len(source[1])
            each = max(_ROW, len(self.target_units) + 1, positions * (self._cap(positions - 1) + 1))
            return max(decoding.beam * each, positions * self.network.width) + positions

        def answer(batch: list[tuple[str, Ids]]) -> Iterator[Translation]:
            asked = [ids for _, ids in batch if len(ids) > 1]
            caps = np.array([self._cap(len(ids) - 1) for ids in asked], dtype=np.int64)
            found = iter(search(self.network, asked, caps, decoding, keeps_attention=keeps_attention) if asked else ())
            return (self._translation(text, ids, next(found) if len(ids) > 1 else []) for text, ids in batch)

        return answered(encoded(), cost, answer, batch_tokens=_NUMBERS)

    def _cap(self, units: int) -> int:
        return cap_of(units, self._longest_source, self._longest_target)

    def _translation(self, source: str, ids: Ids, found: Sequence[Found]) -> Translation:
        hypotheses = []
        for each in found:
            units, texts = each.finished.units, self.target_units.texts
            hypotheses.append(
                Hypothesis(
                    self.target_units.decode(units),
                    each.finished.score,
                    each.finished.logprob,
                    tuple(texts[unit] for unit in units),
                    each.attention,
                    tuple(int(unit) for unit in units),
                )
            )
        names = tuple(self.source_units.texts[unit] if unit else UNKNOWN for unit in ids[:-1].tolist())
        return Translation(source, names, tuple(hypotheses), self._notes(source, ids))

    def _notes(self, source: str, ids: Ids) -> tuple[str, ...]:
        notes = []
        if not ids.all():
            unknown = self.source_units.unknown_in(source.strip())
            named = listed(map(repr, unknown))
            notes.append(f"the source has units that the model does not know and reads as unknown: {named}.")
        if len(ids) - 1 > self._longest_source:
            notes.append(f"the source has {len(ids) - 1:,} units; the longest that training saw has {self._longest_source:,}.")
        return tuple(notes)

    def evaluate(self, entries: Iterable[Entry], *, beam: int | None = None, wait_k: int | None = None) -> dict[str, Any]:
        """Scores against entries, with the keys of `evaluate --format json`.

        Beside `n` and the scores of `scoring.translation_scores`: `nats` and `perplexity` of a unit of all right targets, each told from
        the right units before it, their ends counted, the `n_unknown` unknown ones by the probability of the unknown; and `by_length`,
        the scores by the number of units of the source.

        Raises:
            RecipeError: as `translate`.
            DataError: there are no entries.
        """
        decoding = self._decoding(beam, 1, None, None, wait_k)
        given = list(entries)
        if not given:
            raise DataError("there are no pairs to score; give one or more.")
        references = [entry.targets for entry in given]
        answers = list(self._translations(iter([entry.source for entry in given]), decoding, keeps_attention=False))
        targets = [answer.target for answer in answers]
        result = {"n": len(given)} | self.scored(targets, references)
        pairs = ((entry.source, target) for entry in given for target in entry.targets)
        scores = list(pair_scores(self.network, self._pairs(pairs), decoding.wait_k))
        nats = -math.fsum(score.logprob for score in scores) / sum(score.n for score in scores)
        result |= {
            "nats": nats,
            "perplexity": math.exp(nats) if nats < 700 else math.inf,
            "n_unknown": sum(each.unknown for each in scores),
        }
        groups: dict[int, list[int]] = {}
        for place, answer in enumerate(answers):
            groups.setdefault(max(0, (max(1, len(answer.units)) - 1) // _SHORTEST).bit_length(), []).append(place)
        result["by_length"] = []
        for group, places in sorted(groups.items()):
            of_group = self.scored([targets[place] for place in places], [references[place] for place in places])
            least, most = _SHORTEST * (1 << group >> 1) + 1, _SHORTEST << group
            shown = {name: of_group[name] for name in _SCORES_BY_LENGTH if name in of_group}
            result["by_length"].append({"source_units": f"{least}–{most}", "n": len(places)} | shown)
        return result

    def scored(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        """`scoring.translation_scores` of this model's kind of target; where it writes small letters alone, capitals do not count."""
        if isinstance(self.target_units, WordUnits) and self.target_units.lowercase:
            hypotheses = [text.lower() for text in hypotheses]
            references = [[text.lower() for text in each] for each in references]
        return translation_scores(self.target_units.kind, hypotheses, references)

    def logprob(self, pairs: Iterable[tuple[str, str]]) -> Iterator[PairScore]:
        """A score for each source and target, in order, reading the pairs as they are needed.

        Raises:
            DataError: something that is no pair of texts.
        """
        return pair_scores(self.network, self._pairs(_checked_pairs(pairs)))

    def _pairs(self, pairs: Iterable[tuple[str, str]]) -> Iterator[EncodedPair]:
        for source, target in pairs:
            yield EncodedPair(encode_sources([source.strip()], self.source_units)[0], self.target_units.encode(target.strip()))

    def session(self, wait_k: int) -> TranslateSession:
        """A source that comes bit by bit, and a target that is told while it comes, `wait_k` units behind.

        Raises:
            RecipeError: the model was not trained for that, or wait_k is below 1.
        """
        self._check_wait(wait_k)
        return TranslateSession(self.network, self.source_units, self.target_units, int(wait_k), self._cap)

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))


def _texts(sources: Iterable[str]) -> Iterator[str]:
    if isinstance(sources, str):
        raise DataError("one text was given where a list of texts is expected; write [text].")
    return _checked(sources)


def _checked(sources: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(sources, 1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is {text!r:.60}; a text is a str.")
        yield text


def _checked_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for number, pair in enumerate(pairs, 1):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise DataError(f"pair {number} is {pair!r:.60}; a pair is a source and a target, two texts.")
        yield pair[0], pair[1]
