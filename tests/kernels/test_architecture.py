"""The list of architectures: names, titles, directions, and the refusal of any other name."""

from __future__ import annotations

import pytest

from tidegate.errors import RecipeError
from tidegate.kernels import ARCHITECTURES, CELLS, GATES, Cell, architecture, weight_names
from tidegate.kernels.architecture import refusal

NAMES = "rnn lstm gru birnn bilstm bigru gru-reset-after bigru-reset-after mingru minlstm bimingru biminlstm".split()


def test_there_are_twelve_architectures_each_under_its_own_name() -> None:
    assert list(ARCHITECTURES) == NAMES
    for name in NAMES:
        assert architecture(name).name == name


def test_titles_say_whose_cell_it_is() -> None:
    assert {name: entry.title for name, entry in ARCHITECTURES.items() if "gru" in name or "min" in name} == {
        "gru": "gru (Cho 2014)",
        "bigru": "bigru (Cho 2014)",
        "gru-reset-after": "gru-reset-after (torch, Keras)",
        "bigru-reset-after": "bigru-reset-after (torch, Keras)",
        **{name: f"{name} (2410.01201)" for name in ("mingru", "minlstm", "bimingru", "biminlstm")},
    }
    assert [ARCHITECTURES[name].title for name in ("rnn", "lstm", "birnn", "bilstm")] == ["rnn", "lstm", "birnn", "bilstm"]


def test_names_in_bi_read_both_ways_with_the_cell_of_the_rest_of_the_name() -> None:
    for name, entry in ARCHITECTURES.items():
        assert entry.cell == name.removeprefix("bi")
        assert (entry.is_bidirectional, entry.directions, entry.arrow) == ((True, 2, "⇄") if name.startswith("bi") else (False, 1, "→"))


def test_every_cell_has_a_twin_and_a_number_of_gates() -> None:
    assert GATES == {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-after": 3, "mingru": 2, "minlstm": 3}
    assert {entry.cell for entry in ARCHITECTURES.values()} == set(GATES) == set(CELLS)


def test_weights_come_in_one_order_and_a_cell_has_those_that_its_equations_name() -> None:
    whole = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for cell in GATES:
        assert weight_names(cell) == (("weight_ih", "bias_ih") if cell in ("mingru", "minlstm") else whole)
    for cell in ("gru", "gru-reset-after"):
        assert weight_names(cell, layer_norm=True) == (*whole, "gain_ih", "gain_hh")
    assert weight_names("lstm", layer_norm=True) == (*whole, "gain_ih", "gain_hh", "gain_c", "shift_c")


@pytest.mark.parametrize("cell", ["rnn", "mingru", "minlstm"])
def test_layer_norm_is_refused_where_there_is_none(cell: Cell) -> None:
    with pytest.raises(RecipeError) as caught:
        weight_names(cell, layer_norm=True)
    assert str(caught.value) == f"layer_norm is on, but {refusal(cell, 'layer_norm')}."


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("bi-lstm", " Did you mean 'bilstm'?"), ("GRU-reset-after", " Did you mean 'gru-reset-after'?"), ("transformer", "")],
)
def test_an_unknown_name_is_refused_and_the_nearest_is_named(given: str, nearest: str) -> None:
    with pytest.raises(RecipeError) as caught:
        architecture(given)
    assert str(caught.value) == f"arch '{given}' is not one of {', '.join(NAMES)}.{nearest}"
