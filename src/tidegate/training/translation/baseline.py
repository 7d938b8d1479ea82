"""The baseline of every translator: a translation memory, which answers with the target of the training source that is most alike.

Alike by the cosine of TF-IDF vectors of n-grams, scikit-learn's: of 2 to 4 characters inside words and at their bounds where the
sources are short (words, names, dates), of 1 and 2 words and marks where they are sentences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.data.pairs import Entry
from tidegate.training.translation.corpus import kind_of

# Cosines that are held at a time.
_AT_ONCE = 1 << 23


class TranslationMemory:
    """Training entries by what their sources look like."""

    def __init__(self, train: Sequence[Entry]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._targets = [entry.targets[0] for entry in train]
        known = [entry.source for entry in train]
        if kind_of(known) == "char":
            self._vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), dtype=np.float32)
        else:
            self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]+", dtype=np.float32)
        # [F, E], so that each row of the product is gathered from the rows of its few n-grams.
        self._memory = self._vectorizer.fit_transform(known).T.tocsr()

    def answer(self, sources: Sequence[str]) -> list[str]:
        """For each source the first target of the training entry most like it, of like ones the first; empty where none is alike at all."""
        if not sources:  # of which scikit-learn makes no matrix
            return []
        asked = self._vectorizer.transform(sources)
        rows = max(1, _AT_ONCE // len(self._targets))
        answers = []
        for start in range(0, len(sources), rows):
            cosines = (asked[start : start + rows] @ self._memory).toarray()
            places = cosines.argmax(axis=1)
            best = cosines[np.arange(len(places)), places]
            answers += [self._targets[place] if cosine > 0 else "" for place, cosine in zip(places.tolist(), best.tolist(), strict=True)]
        return answers


def nearest_targets(train: Sequence[Entry], sources: Sequence[str]) -> list[str]:
    """What a memory of these entries answers to the sources."""
    return TranslationMemory(train).answer(sources) if sources else []
