"""The counting baseline: the word's own label, else its longest suffix's, capitals apart."""

from __future__ import annotations

from strategies import sentence
from tidegate.scoring import MostFrequentLabel


def counted(*sentences: tuple[str, str]) -> MostFrequentLabel:
    return MostFrequentLabel([sentence(tokens, tag=labels) for tokens, labels in sentences], "tag")


def test_a_known_word_gets_its_most_frequent_label() -> None:
    baseline = counted(("the run", "DET NOUN"), ("they run", "PRON VERB"), ("we run", "PRON VERB"))
    assert baseline.predict(["run", "the", "they"]) == ["VERB", "DET", "PRON"]


def test_words_of_different_case_are_different_words() -> None:
    baseline = counted(("May may", "NAME VERB"), ("may", "VERB"))
    assert baseline.predict(["May", "may"]) == ["NAME", "VERB"]


def test_an_unknown_word_gets_the_label_of_its_longest_known_suffix() -> None:
    baseline = counted(("running jumping building", "VERB VERB NOUN"))
    assert baseline.predict(["singing"]) == ["VERB"]  # -ing: two to one
    assert baseline.predict(["welding"]) == ["NOUN"]  # -lding, of building alone
    assert baseline.predict(["ing"]) == ["VERB"]


def test_suffixes_count_words_and_not_how_often_they_occur() -> None:
    baseline = counted(*[("thing", "NOUN")] * 10, ("running jumping", "VERB VERB"))
    assert baseline.predict(["singing"]) == ["VERB"]


def test_suffixes_end_at_five_letters() -> None:
    baseline = counted(("xabcdef yabcdef zbcdef wbcdef vbcdef", "A A B B B"))
    assert baseline.predict(["uabcdef"]) == ["B"]  # -bcdef: three to two; -abcdef would have said A


def test_capitals_are_kept_apart() -> None:
    baseline = counted(("Paris axis oasis", "NAME NOUN NOUN"))
    assert baseline.predict(["Davis", "basis"]) == ["NAME", "NOUN"]
    assert baseline.predict(["Zzz", "zzz"]) == ["NAME", "NOUN"]  # no suffix known: the capital alone decides


def test_a_capital_never_met_falls_back_on_all_words() -> None:
    assert counted(("a b c", "X X Y")).predict(["Q"]) == ["X"]


def test_ties_go_to_the_label_first_in_spelling_whatever_the_order() -> None:
    assert counted(("run", "VERB"), ("run", "NOUN")).predict(["run", "dun"]) == ["NOUN", "NOUN"]
    assert counted(("run", "NOUN"), ("run", "VERB")).predict(["run", "dun"]) == ["NOUN", "NOUN"]


def test_an_empty_word_and_no_words_are_answered() -> None:
    baseline = counted(("a b C", "X X Y"))
    assert baseline.predict([""]) == ["X"]
    assert baseline.predict([]) == []


def test_only_the_column_asked_for_is_counted() -> None:
    records = [sentence("a b", pos="X Y", ner="O B-PER")]
    assert MostFrequentLabel(records, "ner").predict(["a", "b"]) == ["O", "B-PER"]
    assert MostFrequentLabel(records, "pos").predict(["a", "b"]) == ["X", "Y"]
