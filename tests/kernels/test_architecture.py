"""The list of architectures: names, titles, directions, and the refusal of any other name."""

from __future__ import annotations

import pytest

from tidegate.errors import RecipeError
from tidegate.kernels import ARCHITECTURES, CELLS, GATES, architecture

NAMES = ["rnn", "lstm", "gru", "birnn", "bilstm", "bigru", "gru-reset-after", "bigru-reset-after"]


def test_there_are_eight_architectures_each_under_its_own_name() -> None:
    assert list(ARCHITECTURES) == NAMES
    for name in NAMES:
        assert architecture(name).name == name


def test_titles_say_whose_gru_it_is() -> None:
    assert {name: entry.title for name, entry in ARCHITECTURES.items() if "gru" in name} == {
        "gru": "gru (Cho 2014)",
        "bigru": "bigru (Cho 2014)",
        "gru-reset-after": "gru-reset-after (torch, Keras)",
        "bigru-reset-after": "bigru-reset-after (torch, Keras)",
    }
    assert [ARCHITECTURES[name].title for name in ("rnn", "lstm", "birnn", "bilstm")] == ["rnn", "lstm", "birnn", "bilstm"]


def test_names_in_bi_read_both_ways_with_the_cell_of_the_rest_of_the_name() -> None:
    for name, entry in ARCHITECTURES.items():
        assert entry.cell == name.removeprefix("bi")
        assert (entry.is_bidirectional, entry.directions, entry.arrow) == ((True, 2, "⇄") if name.startswith("bi") else (False, 1, "→"))


def test_every_cell_has_a_twin_and_a_number_of_gates() -> None:
    assert GATES == {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-after": 3}
    assert {entry.cell for entry in ARCHITECTURES.values()} == set(GATES) == set(CELLS)


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("bi-lstm", " Did you mean 'bilstm'?"), ("GRU-reset-after", " Did you mean 'gru-reset-after'?"), ("transformer", "")],
)
def test_an_unknown_name_is_refused_and_the_nearest_is_named(given: str, nearest: str) -> None:
    with pytest.raises(RecipeError) as caught:
        architecture(given)
    assert str(caught.value) == f"arch '{given}' is not one of {', '.join(NAMES)}.{nearest}"
