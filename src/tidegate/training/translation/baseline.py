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


def nearest_targets(train: Sequence[Entry], sources: Sequence[str]) -> list[str]:
    """For each source the first target of the training entry most like it, of like ones the first; empty where none is alike at all."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not sources:  # of which scikit-learn makes no matrix
        return []
    known = [entry.source for entry in train]
    if kind_of(known) == "char":
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), dtype=np.float32)
    else:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]+", dtype=np.float32)
    # [F, E], so that each row of the product is gathered from the rows of its few n-grams.
    memory = vectorizer.fit_transform(known).T.tocsr()
    asked = vectorizer.transform(sources)
    rows = max(1, _AT_ONCE // len(known))
    answers = []
    for start in range(0, len(sources), rows):
        cosines = (asked[start : start + rows] @ memory).toarray()
        places = cosines.argmax(axis=1)
        best = cosines[np.arange(len(places)), places]
        answers += [train[place].targets[0] if cosine > 0 else "" for place, cosine in zip(places.tolist(), best.tolist(), strict=True)]
    return answers
