"""`Translator`: an encoder and a decoder in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from tidegate.data.pairs import Entry, entries_of, read_pairs
from tidegate.errors import DataError
from tidegate.runtime import TranslateModel, Translation
from tidegate.training.estimator import Estimator, paths_of
from tidegate.training.files import RunFiles
from tidegate.training.translation.corpus import corpus_of, read_corpus
from tidegate.training.translation.recipe import TranslateRecipe
from tidegate.training.translation.task import TranslateTask

Paths = str | Path | Sequence[str | Path]
Pairs = tuple[Iterable[str], Iterable[str | Sequence[str]]]


class Translator(Estimator[TranslateRecipe, TranslateModel]):
    """Learns a target sequence for a source sequence: translation, spelling to sound, lemmas, transliteration, dates in one form.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="bigru"`, `attention="additive"`, `source_unit="char"`, …

    Attributes:
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> translator = Translator(arch="bilstm").fit("cmudict.dict")
        >>> translator.predict(["tidegate"])
        >>> Translator(source_unit="char", target_unit="char").fit(["went", "mice"], ["go", "mouse"])
        >>> translator.translate(["tidegate"], beam=5, n_best=3)[0].hypotheses

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = TranslateRecipe

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it searches over it; only scikit-learn calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def fit(self, X: Paths | Iterable[str], y: Iterable[str | Sequence[str]] | None = None, *, dev: Paths | Pairs | None = None) -> Self:
        """Trains on files of pairs or lexicons, or on sources `X` and their targets `y`.

        Args:
            X: a path, paths, or sources.
            y: with sources, a target for each, or several that all count as right.
            dev: the same for the development set, as (sources, targets); without it, a seeded share of the distinct sources.

        Raises:
            DataError: what was given cannot be read, or X and y do not fit each other.
        """
        recipe = self._recipe()
        if y is None:
            files = RunFiles(paths_of(X, "sources"), paths_of(dev, "sources") if dev is not None else ())
            self._train(TranslateTask(recipe, read_corpus(files, recipe)))
            return self
        held_out: Sequence[Entry] = ()
        if dev is not None:
            if not isinstance(dev, tuple) or len(dev) != 2:
                raise DataError("dev must be (sources, targets) where X and y are sources and targets.")
            held_out = entries_of(_pairs(dev[0], dev[1]), stress=recipe.stress)
        self._train(TranslateTask(recipe, corpus_of(entries_of(_pairs(X, y), stress=recipe.stress), held_out, (), recipe)))
        return self

    def predict(self, X: Iterable[str], **decoding: Any) -> list[str]:
        """The best target of each source; `beam`, `length_penalty`, `coverage_penalty`, `wait_k`."""
        return self._fitted().predict(X, **decoding)

    def translate(self, X: Iterable[str], **decoding: Any) -> list[Translation]:
        """As `predict`, with scores, `n_best` hypotheses and their attention."""
        return self._fitted().translate(X, **decoding)

    def score(self, X: Paths | Iterable[str], y: Iterable[str | Sequence[str]] | None = None) -> float:
        """On sources and their targets, or on files: BLEU of words and pieces, else the share that is right as a whole."""
        model, recipe = self._fitted(), self._recipe()
        if y is None:
            text = read_pairs(paths_of(X, "sources"), source=recipe.source, target=recipe.target, stress=recipe.stress)
            entries: Sequence[Entry] = text.entries
        else:
            entries = entries_of(_pairs(X, y), stress=recipe.stress)
        scores = model.evaluate(entries)
        return float(scores["bleu"] if "bleu" in scores else scores["exact_match"])


def _pairs(sources: Any, targets: Any) -> list[tuple[str, str]]:
    """A pair for each target of each source.

    Raises:
        DataError: not as many of the one as of the other, or something that is no text.
    """
    for name, given in (("X", sources), ("y", targets)):
        if isinstance(given, str | Path):
            raise DataError(f"{name} is one text ({str(given)[:40]!r}) where a list of texts was expected; put it in brackets.")
    texts = list(sources)
    several = [(entry,) if isinstance(entry, str) else tuple(entry) for entry in targets]
    if len(texts) != len(several):
        raise DataError(f"X holds {len(texts)} sources, but y {len(several)} targets; give one (or a list of them) for each source.")
    for number, (text, right) in enumerate(zip(texts, several, strict=True), 1):
        if not isinstance(text, str) or not right or not all(isinstance(target, str) for target in right):
            raise DataError(f"pair {number} is {text!r:.40} and {right!r:.40}; a source is a str, its target a str or several.")
    return [(text, target) for text, right in zip(texts, several, strict=True) for target in right]
