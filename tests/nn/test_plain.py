"""The layers in plain torch, and the stack that runs on them or on the engine, against the twins; what chance draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from strategies import RAGGED, offsets_of
from tidegate.errors import ShapeError
from tidegate.kernels import architecture
from tidegate.kernels.architecture import VARIANTS, refusal
from tidegate.nn import RecurrentStack
from tidegate.nn.dropouts import DrawnLayer, Dropouts, check_variants
from tidegate.nn.layouts import PackedOrder
from tidegate.nn.plain import run_flat_layer, run_layers
from tidegate.nn.stack import Direction
from twin_layers import ALL, CASES, PATHS, fitting, layer_by_the_twins, take

I, H = 3, 5  # noqa: E741


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def layer_of(
    cell: Any, options: dict[str, Any], directions: int, sequences: int, *, sizes: tuple[int, int] = (I, H), is_training: bool = True
) -> DrawnLayer:
    """A layer of random weights, its gains away from 1."""
    torch.manual_seed(0)
    layer_norm = options.get("layer_norm", False)
    each = [Direction(cell, *sizes, layer_norm=layer_norm).double() for _ in range(directions)]
    for direction in each:
        for name, parameter in direction.named_parameters():
            if name.startswith(("gain", "shift")):
                torch.nn.init.normal_(parameter)
    dropouts = Dropouts(**{name: value for name, value in options.items() if name != "layer_norm"})
    return dropouts.drawn([direction.weights() for direction in each], sequences, is_training=is_training)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("cell", "options"), [*CASES, ("gru", {})])
def test_a_layer_equals_the_twins_step_by_step(cell: Any, options: dict[str, Any], directions: int, is_training: bool) -> None:
    offsets = offsets_of(RAGGED)
    layer = layer_of(cell, options, directions, len(RAGGED), is_training=is_training)
    x = random_tensor(sum(RAGGED), I).requires_grad_()
    begins = [random_tensor(directions, len(RAGGED), H, seed=place).requires_grad_() for place in range(1 + (cell == "lstm"))]
    packed = PackedOrder.of(offsets)
    order, ranks = torch.from_numpy(packed.order), torch.from_numpy(packed.ranks)
    mine, my_last = run_layers(
        cell,
        x[torch.from_numpy(packed.steps)],
        packed.sizes.tolist(),
        packed.steps,
        [layer._replace(mask=None if layer.mask is None else layer.mask[:, order])],
        [part[:, order] for part in begins],
        0.0,
    )
    got = [mine[torch.from_numpy(packed.rows)], *(part[:, ranks] for part in my_last)]
    y, last = layer_by_the_twins(cell, x, offsets, layer, begins)
    inputs = [x, *begins, *(part for weights in layer.weights for part in weights if part is not None)]
    for tensor in inputs[1 + len(begins) :]:
        tensor.retain_grad()
    gradients = [
        torch.autograd.grad(
            sum((part * random_tensor(*part.shape, seed=9)).sum() for part in outputs),  # type: ignore[arg-type]
            inputs,
        )
        for outputs in (got, [y, *last])
    ]
    for one, other in zip([*got, *gradients[0]], [y, *last, *gradients[1]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    zeros = [torch.zeros_like(part) for part in begins]
    torch.testing.assert_close(run_flat_layer(cell, x, offsets, layer)[0], layer_by_the_twins(cell, x, offsets, layer, zeros)[0])


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("cell", "options"), CASES)
def test_gradients_equal_finite_differences(cell: Any, options: dict[str, Any], directions: int) -> None:
    layer = layer_of(cell, options, directions, 3, sizes=(2, 3))
    sizes, places = [3, 2, 1], np.array([0, 3, 5, 1, 4, 2])
    count = 1 + (cell == "lstm")
    begins = [random_tensor(directions, 3, 3, seed=place).requires_grad_() for place in range(count)]
    weights = [part.detach().clone().requires_grad_() for each in layer.weights for part in each if part is not None]
    width = len(weights) // directions

    def outputs(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        each: Any = [rest[count + d * width : count + (d + 1) * width] for d in range(directions)]
        y, last = run_layers(cell, x, sizes, places, [layer._replace(weights=each)], rest[:count], 0.0)
        return y, *last

    assert torch.autograd.gradcheck(outputs, (random_tensor(6, 2).requires_grad_(), *begins, *weights))


@pytest.mark.parametrize("lengths", [(), (0, 0)], ids=str)
@pytest.mark.parametrize(("cell", "options"), CASES)
def test_a_batch_without_steps(cell: Any, options: dict[str, Any], lengths: tuple[int, ...]) -> None:
    layer = layer_of(cell, options, 2, len(lengths))
    assert run_flat_layer(cell, random_tensor(0, I), offsets_of(lengths), layer)[0].shape == (0, 2 * H)


def stack_of(cell: str, options: dict[str, Any], dropout: float = 0.0, arch: str = "") -> RecurrentStack:
    torch.manual_seed(0)
    return RecurrentStack(architecture(arch or "bi" + cell), I, H, 2, dropout, **options).double()


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize(("cell", "options"), CASES)
@pytest.mark.parametrize("path", PATHS)
def test_the_stack_equals_the_twins_on_the_same_draws(
    cell: Any, options: dict[str, Any], is_training: bool, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(path, monkeypatch)
    stack, offsets = stack_of(cell, options).train(is_training), offsets_of(RAGGED)
    x = random_tensor(sum(RAGGED), I).requires_grad_()
    torch.manual_seed(7)
    got = stack(x, offsets)
    torch.manual_seed(7)
    wanted: Tensor = x
    for layer in stack.layers:
        drawn = stack.dropouts.drawn([direction.weights() for direction in layer], len(RAGGED), is_training=is_training)  # type: ignore[operator,union-attr]
        zeros = [wanted.new_zeros(2, len(RAGGED), H)] * (1 + (cell == "lstm"))
        wanted, _ = layer_by_the_twins(cell, wanted, offsets, drawn, zeros)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    weight = random_tensor(*got.shape)
    inputs = [x, *stack.parameters()]
    for mine, theirs in zip(*(torch.autograd.grad((y * weight).sum(), inputs) for y in (got, wanted)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-11)
    with torch.no_grad():
        torch.manual_seed(7)
        torch.testing.assert_close(stack(x, offsets), wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["recurrent_dropout", "zoneout", "zoneout_cell", "weight_drop"])
def test_draws_follow_the_seed_and_fall_in_training_alone(name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    stack, x, offsets = stack_of("lstm", {name: 0.3}, 0.2), random_tensor(sum(RAGGED), I), offsets_of(RAGGED)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(stack(x, offsets))
    assert torch.equal(results[0], results[1])
    assert not torch.allclose(results[0], results[2])
    stack.eval()
    before = torch.get_rng_state()
    assert torch.equal(stack(x, offsets), stack(x, offsets))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_drawn_has_the_rate_and_the_scale_it_was_given() -> None:
    torch.manual_seed(0)
    weights = Direction("lstm", 4, 200).weights()
    drawn = Dropouts(recurrent_dropout=0.25, weight_drop=0.4).drawn([weights, weights], 500, is_training=True)
    assert drawn.mask is not None
    assert drawn.mask.shape == (2, 500, 200)
    assert drawn.mask.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (drawn.mask == 0).double().mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / drawn.mask.numel()) ** 0.5)
    for mine, theirs in zip(drawn.weights[0], weights, strict=True):
        assert mine is theirs or mine is drawn.weights[0][1]
    ratio = drawn.weights[0][1] / weights[1]
    torch.testing.assert_close(ratio, (ratio != 0) / 0.6, rtol=1e-5, atol=0)
    assert (ratio == 0).double().mean().item() == pytest.approx(0.4, abs=4 * (0.24 / ratio.numel()) ** 0.5)
    assert not torch.equal(drawn.weights[0][1], drawn.weights[1][1])
    assert drawn.seed is None
    plain = Dropouts(recurrent_dropout=0.25, weight_drop=0.4, zoneout=0.1).drawn([weights], 500, is_training=False)
    assert (plain.mask, plain.seed, plain.zoneout) == (None, None, (0.1, 0.0))
    assert plain.weights[0] is weights


@pytest.mark.parametrize("path", PATHS)
def test_outside_training_zoneout_is_what_it_is_on_average_within(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one step from a state that is not zero: of more, the average over draws is another thing."""
    take(path, monkeypatch)
    from tidegate.nn import LSTM

    torch.manual_seed(0)
    module, count, draws = LSTM(I, H, zoneout=0.3, zoneout_cell=0.6, dtype=torch.float64), 4000, 5
    x, h, c = (random_tensor(width, seed=width) for width in (I, H, H + 1))
    batch = (x.expand(1, count, I), (h.expand(1, count, H), c[:H].expand(1, count, H)))
    with torch.no_grad():
        drawn = [module(*batch)[1] for _ in range(draws)]
        module.eval()
        _, wanted = module(*batch)
    for place, p in enumerate((0.3, 0.6)):
        each = torch.cat([pair[place][0] for pair in drawn])
        keeps = each == (h, c[:H])[place]
        assert keeps.double().mean().item() == pytest.approx(p, abs=4 * (p * (1 - p) / keeps.numel()) ** 0.5)
        expected = wanted[place][0, 0]
        torch.testing.assert_close(each.mean(dim=0), expected, rtol=0, atol=0.03)
        assert keeps.double().mean(dim=0).sub(p).abs().max() < 0.02  # every unit alike


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("arch", ["rnn", "bilstm", "gru", "bigru-reset-after"])
def test_resets_make_the_stack_run_the_pieces(arch: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    stack, x = stack_of("", {}, arch=arch).eval(), random_tensor(9, I)
    resets = np.zeros(9, dtype=bool)
    resets[[0, 2, 6]] = True
    got = stack(x, offsets_of((4, 0, 5)), resets)
    torch.testing.assert_close(got, stack(x, offsets_of((2, 2, 2, 3))), rtol=0, atol=1e-14)
    assert not torch.allclose(got, stack(x, offsets_of((4, 0, 5))))
    for wrong in (resets[:5], resets.astype(np.int64), resets[None]):
        with pytest.raises(ShapeError, match=r"resets is .* of shape .*; expected bool of shape \[9\]"):
            stack(x, offsets_of((4, 0, 5)), wrong)


@pytest.mark.parametrize("path", PATHS)
def test_every_variant_runs_in_other_dtypes_and_under_autocast(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    for cell in ("rnn", "lstm", "gru", "gru-reset-after"):
        stack, x, offsets = stack_of(cell, fitting(cell, ALL), 0.1), random_tensor(sum(RAGGED), I), offsets_of(RAGGED)
        assert stack.to(torch.bfloat16)(x.bfloat16(), offsets).dtype == torch.bfloat16
        stack.float().eval()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lowered = stack(x.float(), offsets)
        torch.testing.assert_close(lowered.float(), stack(x.float(), offsets), rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("cell", "options", "said"),
    [
        ("rnn", {"layer_norm": True}, "a rnn stack was given layer_norm=True, but the plain rnn has no layer_norm; lstm, gru and"),
        ("gru", {"zoneout_cell": 0.1}, "zoneout_cell=0.1, but gru has no state c to keep, which lstm alone has; use zoneout"),
        ("lstm", {"zoneout": 1.0}, "zoneout=1.0; expected a probability of 0 or more and less than 1, for instance 0.1"),
        ("lstm", {"recurrent_dropout": -0.1}, "recurrent_dropout=-0.1; expected a probability"),
        ("lstm", {"weight_drop": float("nan")}, "weight_drop=nan; expected a probability"),
        ("lstm", {"weight_drop": "half"}, "weight_drop='half'; expected a probability"),
        ("lstm", {"layer_norm": 1}, "layer_norm=1; expected True or False"),
        ("mingru", {"zoneout": 0.1}, "zoneout=0.1, but mingru has no recurrent matrix, so there is no zoneout; use an lstm or a gru"),
    ],
)
def test_what_a_cell_does_not_have_is_refused(cell: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        check_variants(f"a {cell} stack", cell, **{"layer_norm": False, **options})
    assert said in str(raised.value)


def test_the_cells_without_a_recurrent_matrix_have_no_variant() -> None:
    assert all(refusal(cell, variant) for cell in ("mingru", "minlstm") for variant in VARIANTS)
    assert not any(refusal("lstm", variant) for variant in VARIANTS)
