"""The "teddy" corpus: generated sentences in which a word's tag hangs on what comes *after* it.

*Teddy* is a PERSON in "Teddy Roosevelt was elected" and a THING in "Teddy bears were dusted", and so with
six other words. Which of the two is drawn first, by a coin that nothing to the left can see; the word
that gives it away comes later, at once or after an aside. So the best that any left-to-right reader
can do on such a word w is to bet on its more frequent sense, right with probability max(p, 1 − p),
p = P(PERSON | w). Everything else in a sentence follows from the word itself or from the words to its
left: the last "one" of some sentences repeats the first sense, across six to twenty words.

A sentence is   [opening] subject [aside] predicate [object] [echo] "."

Hence the one-way ceiling in closed form (`one_way_ceiling`): one minus the expected number of lost
bets over the expected number of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tidegate.data.records import Source, TokenRecord

Tagged = list[tuple[str, str]]
Choice = TypeVar("Choice")

# The two-sided words with the probability of being a PERSON; drawn with equal chance, Teddy with double.
TWO_SIDED: dict[str, float] = {"Teddy": 0.6, "Rose": 0.5, "Penny": 0.4, "Mark": 0.7, "Jersey": 0.3, "Frank": 0.65, "Coral": 0.45}
_DRAWN = ["Teddy", *TWO_SIDED]

_SURNAMES = ["Roosevelt", "Miller", "Okafor", "Lindqvist", "Tanaka", "Moreau", "Haddad", "Novak", "Silva", "Byrne"]
_THINGS = ["bears", "bushes", "coins", "stamps", "shirts", "boxes", "reefs", "dolls", "jars", "labels"]
_PERSON_VERBS = ["spoke", "resigned", "smiled", "listened", "answered", "travelled", "voted", "wept"]
_THING_VERBS = ["faded", "broke", "rusted", "shrank", "tore", "rotted", "cracked", "burnt"]
_PERSON_PARTICIPLES = ["elected", "president", "sworn-in", "promoted", "married", "thanked"]
_THING_PARTICIPLES = ["dusted", "sewn", "sold", "packed", "glued", "painted"]
_OPENINGS: list[Tagged] = [
    [("Yesterday", "ADV")],
    [("They", "PRON"), ("say", "VERB"), ("that", "CONJ")],
    [("In", "ADP"), ("spring", "NOUN"), (",", "PUNCT")],
    [("We", "PRON"), ("read", "VERB"), ("that", "CONJ")],
]
_ASIDES: list[Tagged] = [
    [(",", "PUNCT"), ("we", "PRON"), ("heard", "VERB"), (",", "PUNCT")],
    [(",", "PUNCT"), ("once", "ADV"), ("so", "ADV"), ("new", "ADJ"), (",", "PUNCT")],
    [(",", "PUNCT"), ("as", "CONJ"), ("all", "PRON"), ("of", "ADP"), ("us", "PRON"), ("know", "VERB"), (",", "PUNCT")],
]
_ENDINGS: list[Tagged] = [[("at", "ADP"), ("noon", "NOUN")], [("in", "ADP"), ("Ohio", "NOUN")], [("again", "ADV")]]
_ECHO: Tagged = [("and", "CONJ"), ("we", "PRON"), ("know", "VERB"), ("that", "DET")]

_P_OPENING, _P_NEAR, _P_ASIDE, _P_ENDING, _P_OBJECT, _P_ECHO = 0.5, 0.5, 0.7, 0.5, 0.3, 0.6
_P_PARTICIPLE = 0.5

SENTENCES = ("Teddy Roosevelt was president .", "Teddy bears were sewn .")


@dataclass(frozen=True, slots=True)
class TeddyCorpus:
    """Training, development and test sentences, labelled in column 'tag'."""

    train: list[TokenRecord]
    dev: list[TokenRecord]
    test: list[TokenRecord]


def teddy_corpus(*, seed: int, train: int = 3000, dev: int = 500, test: int = 2000) -> TeddyCorpus:
    """So many sentences of each kind, drawn anew for every seed."""
    random = np.random.default_rng(seed)
    records = [_record(_sentence(random), number) for number in range(1, train + dev + test + 1)]
    return TeddyCorpus(records[:train], records[train : train + dev], records[train + dev :])


def _record(sentence: Tagged, number: int) -> TokenRecord:
    tokens, tags = zip(*sentence, strict=True)
    return TokenRecord(tokens, Source("the teddy corpus", number), {"tag": tags})


def _sentence(random: np.random.Generator) -> Tagged:
    def happens(probability: float) -> bool:
        return bool(random.random() < probability)

    def one(choices: Sequence[Choice]) -> Choice:
        return choices[int(random.integers(len(choices)))]

    sentence: Tagged = list(one(_OPENINGS)) if happens(_P_OPENING) else []
    word = one(_DRAWN)
    is_person = happens(TWO_SIDED[word])
    sense = "PERSON" if is_person else "THING"
    sentence.append((word, sense))
    if happens(_P_NEAR):
        sentence.append((one(_SURNAMES if is_person else _THINGS), sense))
    if happens(_P_ASIDE):
        sentence += one(_ASIDES)
    if happens(_P_PARTICIPLE):
        sentence.append(("was" if is_person else "were", "VERB"))
        sentence.append((one(_PERSON_PARTICIPLES if is_person else _THING_PARTICIPLES), "ADJ"))
    else:
        sentence.append((one(_PERSON_VERBS if is_person else _THING_VERBS), "VERB"))
    if happens(_P_ENDING):
        sentence += one(_ENDINGS)
    if happens(_P_OBJECT):
        second = one(_DRAWN)
        also_person = happens(TWO_SIDED[second])
        second_sense = "PERSON" if also_person else "THING"
        sentence += [("beside", "ADP"), (second, second_sense), (one(_SURNAMES if also_person else _THINGS), second_sense)]
    if happens(_P_ECHO):
        sentence += [*_ECHO, ("one", sense)]
    return [*sentence, (".", "PUNCT")]


def one_way_ceiling_on(word: str) -> float:
    """The best share of right answers that a left-to-right reader can expect on one two-sided word."""
    return max(TWO_SIDED[word], 1 - TWO_SIDED[word])


def one_way_ceiling() -> float:
    """The best accuracy over all tokens that a left-to-right reader can expect: 1 − E[lost bets] / E[tokens].

    E[tokens] adds up the parts: each one's probability times its mean length.
    """

    def mean_length(choices: list[Tagged]) -> float:
        return sum(map(len, choices)) / len(choices)

    lost_per_word = sum(1 - one_way_ceiling_on(word) for word in _DRAWN) / len(_DRAWN)
    lost = lost_per_word * (1 + _P_OBJECT)
    tokens = (
        _P_OPENING * mean_length(_OPENINGS)
        + 1
        + _P_NEAR
        + _P_ASIDE * mean_length(_ASIDES)
        + 1
        + _P_PARTICIPLE
        + _P_ENDING * mean_length(_ENDINGS)
        + 3 * _P_OBJECT
        + (len(_ECHO) + 1) * _P_ECHO
        + 1
    )
    return 1 - lost / tokens
