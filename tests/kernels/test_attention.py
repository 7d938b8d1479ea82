"""Attention on the engine and on the plain twins: against torch's autograd in float64, limits, empty sequences, bits, refusals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kernels.conftest import TOLERANCE, assert_close, run_python
from strategies import offsets_of
from tidegate.errors import ShapeError
from tidegate.kernels import Attended, AttentionGradients, _engine, attention, attention_backward, engine

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """What both passes take."""

    queries: Array
    keys: Array
    values: Array
    target_offsets: NDArray[np.int64]
    source_offsets: NDArray[np.int64]
    energy: Array | None
    limits: NDArray[np.int64] | None
    dcontext: Array
    dweights: Array | None

    @classmethod
    def draw(
        cls,
        targets: tuple[int, ...],
        sources: tuple[int, ...],
        width: int,
        depth: int,
        *,
        is_additive: bool = True,
        is_limited: bool = False,
        dtype: Any = np.float64,
        scale: float = 1.0,
    ) -> Batch:
        """Random numbers; `scale` is that of the queries and keys, of which dot products are brought back to it."""
        random = np.random.default_rng([len(targets), width, depth])

        def normal(*shape: int, by: float = 1.0) -> Array:
            return (by * random.normal(size=shape)).astype(dtype)

        rows, positions, pairs = sum(targets), sum(sources), int(np.dot(targets, sources))
        return cls(
            normal(rows, width, by=scale if is_additive else scale * width**-0.5),
            normal(positions, width, by=scale if is_additive else 1.0),
            normal(positions, depth),
            offsets_of(targets),
            offsets_of(sources),
            normal(width, by=3 * width**-0.5) if is_additive else None,
            random.integers(1, max(sources, default=1) + 2, size=rows) if is_limited else None,
            normal(rows, depth),
            normal(pairs),
        )

    def forward(self, threads: int | None = None) -> Attended:
        return attention(
            self.queries,
            self.keys,
            self.values,
            self.target_offsets,
            self.source_offsets,
            energy=self.energy,
            limits=self.limits,
            threads=threads,
        )

    def backward(self, weights: Array, threads: int | None = None) -> AttentionGradients:
        places = self.target_offsets, self.source_offsets, self.energy, self.limits
        return attention_backward(self.dcontext, self.dweights, self.queries, self.keys, self.values, weights, *places, threads=threads)

    def results(self, threads: int | None = None) -> dict[str, Array]:
        """Everything that both passes give, by name."""
        context, weights = self.forward(threads)
        found = {"context": context, "weights": weights, **self.backward(weights, threads)._asdict()}
        return {name: part for name, part in found.items() if part is not None}

    def truth(self) -> dict[str, Array]:
        """The same by torch's autograd, in float64."""
        leaves = {
            name: torch.tensor(getattr(self, name).astype(np.float64), requires_grad=True)
            for name in ("queries", "keys", "values", "energy")
            if getattr(self, name) is not None
        }
        # Of no rows, which hang on the leaves all the same.
        contexts, flat = [leaves["values"][:0]], [leaves["queries"][:0].reshape(-1)]
        for b in range(len(self.target_offsets) - 1):
            rows, positions = slice(*self.target_offsets[b : b + 2].tolist()), slice(*self.source_offsets[b : b + 2].tolist())
            q, k = leaves["queries"][rows], leaves["keys"][positions]
            if not len(q):
                continue
            scores = torch.tanh(q[:, None] + k) @ leaves["energy"] if "energy" in leaves else q @ k.T
            if self.limits is not None:
                hidden = torch.arange(len(k)) >= torch.from_numpy(self.limits[rows])[:, None]
                scores = scores.masked_fill(hidden, -torch.inf)
            weights = torch.softmax(scores, dim=1)
            contexts.append(weights @ leaves["values"][positions])
            flat.append(weights.reshape(-1))
        context, weights = torch.cat(contexts), torch.cat(flat)
        loss = (context * torch.from_numpy(self.dcontext)).sum()
        if self.dweights is not None:
            loss = loss + (weights * torch.from_numpy(self.dweights)).sum()
        gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        found = {"context": context, "weights": weights, **dict(zip(leaves, gradients, strict=True))}
        return {name: part.detach().numpy() for name, part in found.items()}


@pytest.fixture(params=["engine", "twins"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on the engine, and on the plain twins that stand in for it."""
    if request.param == "twins":
        monkeypatch.setattr(engine, "is_built", lambda: False)


additive_or_not = pytest.mark.parametrize("is_additive", [True, False], ids=["additive", "multiplicative"])
limited_or_not = pytest.mark.parametrize("is_limited", [True, False], ids=["limits", "no limits"])
# Rows of targets and positions of sources: nothing at the front, in the middle and at the end; more than the engine holds at a time; one.
SHAPES = [((0, 3, 0, 1, 9, 0), (4, 2, 0, 7, 16, 3)), ((35, 2), (17, 130)), ((1,), (1,)), ((), ()), ((0, 0), (0, 2))]


@pytest.mark.usefixtures("half")
@additive_or_not
@limited_or_not
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("targets", "sources"), SHAPES, ids=str)
@pytest.mark.parametrize(("width", "depth"), [(1, 1), (7, 5), (16, 64), (33, 70), (100, 131)])
def test_it_is_what_autograd_gives(
    targets: tuple[int, ...], sources: tuple[int, ...], width: int, depth: int, dtype: Any, is_additive: bool, is_limited: bool
) -> None:
    batch = Batch.draw(targets, sources, width, depth, is_additive=is_additive, is_limited=is_limited, dtype=dtype)
    found, wanted = batch.results(), batch.truth()
    assert found.keys() == wanted.keys()
    for name, part in found.items():
        assert part.dtype == dtype
        assert_close(part, wanted[name], TOLERANCE[np.dtype(dtype).name], name)


@pytest.mark.usefixtures("half")
@additive_or_not
def test_without_gradients_of_weights_they_count_as_zero(is_additive: bool) -> None:
    batch = replace(Batch.draw((5, 3), (4, 8), 9, 6, is_additive=is_additive), dweights=None)
    wanted = batch.truth()
    for name, part in batch.results().items():
        assert_close(part, wanted[name], 1e-12, name)


@pytest.mark.parametrize("scale", [8.0, 30.0, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_queries_and_keys_of_any_size_give_what_tanh_gives(scale: float, dtype: Any) -> None:
    """Beyond some size the engine takes another way, pair by pair; some pairs here, then most, then all."""
    batch = Batch.draw((6, 9), (11, 70), 20, 8, dtype=dtype, scale=scale)
    found, wanted = batch.results(), batch.truth()
    for name, part in found.items():
        # Saturated, the gradients of queries and keys are what is left of sums of far larger terms.
        largest = max(np.abs(wanted[name]).max(), 0.1)
        np.testing.assert_allclose(part, wanted[name], rtol=0, atol=TOLERANCE[np.dtype(dtype).name] * largest, err_msg=name)


def test_opposite_queries_and_keys_cancel_however_large() -> None:
    batch = Batch.draw((1,), (2,), 16, 1, dtype=np.float32)
    batch = replace(batch, queries=np.full((1, 16), 1e3, np.float32), keys=np.repeat(np.float32([[-1e3], [-999]]), 16, axis=1))
    assert batch.energy is not None
    scores = np.array([0.0, np.tanh(1.0)]) * batch.energy.astype(np.float64).sum()
    assert_close(batch.forward().weights, np.exp(scores) / np.exp(scores).sum(), 1e-6)


@pytest.mark.usefixtures("half")
@additive_or_not
def test_what_lies_beyond_a_limit_changes_no_bit(is_additive: bool) -> None:
    batch = Batch.draw((5, 40), (70, 9), 33, 20, is_additive=is_additive, dtype=np.float32)
    seen = (3, 5)
    limited = replace(batch, limits=np.repeat(seen, (5, 40)))
    before = limited.results()
    hidden = np.concatenate([np.arange(length) >= limit for length, limit in zip((70, 9), seen, strict=True)])
    for part in (batch.keys, batch.values):
        part[hidden] = 1e6
    after = limited.results()
    for name in ("context", "weights", "queries"):
        assert before[name].tobytes() == after[name].tobytes(), name
    for name in ("keys", "values"):
        assert not after[name][hidden].any()
        assert before[name][~hidden].tobytes() == after[name][~hidden].tobytes()
    rows = np.split(after["weights"], np.cumsum([70] * 5 + [9] * 40)[:-1])
    for row, limit in zip(rows, limited.limits, strict=True):  # type: ignore[arg-type]
        assert not row[limit:].any()
        assert row[:limit].sum() == pytest.approx(1, abs=1e-6)


@additive_or_not
def test_a_limit_at_the_end_or_beyond_it_is_none(is_additive: bool) -> None:
    batch = Batch.draw((5, 2), (8, 20), 18, 9, is_additive=is_additive)
    wanted = batch.results()
    for limits in (np.repeat((8, 20), (5, 2)), np.full(7, 2**62)):
        for name, part in replace(batch, limits=limits).results().items():
            assert part.tobytes() == wanted[name].tobytes(), name


# Many short sequences, which threads deal out among them; one that is most of the work, and one alone, which they share.
@pytest.mark.parametrize(
    ("targets", "sources"),
    [((9, 3, 0, 12) * 40, (7, 1, 5, 30) * 40), ((3, 90, 2), (4, 140, 5)), ((57,), (83,))],
    ids=["many", "few", "one"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@limited_or_not
@additive_or_not
def test_any_number_of_threads_gives_the_same_bits(
    targets: tuple[int, ...], sources: tuple[int, ...], dtype: Any, is_additive: bool, is_limited: bool
) -> None:
    # Some queries are too large for the fast way.
    batch = Batch.draw(targets, sources, 70, 150, is_additive=is_additive, is_limited=is_limited, dtype=dtype, scale=6.0)
    alone = batch.results(threads=1)
    for threads in (2, 3, 7):
        for name, part in batch.results(threads=threads).items():
            assert part.tobytes() == alone[name].tobytes(), f"{name}, {threads} threads"


@additive_or_not
@limited_or_not
def test_the_bits_of_a_row_hang_on_no_other_row(is_additive: bool, is_limited: bool) -> None:
    batch = Batch.draw((4, 11), (30, 9), 40, 33, is_additive=is_additive, is_limited=is_limited, dtype=np.float32, scale=8.0)
    together = batch.forward()
    begin = 0
    for b, size in enumerate((30, 9)):
        positions = slice(*batch.source_offsets[b : b + 2])
        for row in range(*batch.target_offsets[b : b + 2]):
            alone = attention(
                batch.queries[row : row + 1],
                batch.keys[positions],
                batch.values[positions],
                offsets_of([1]),
                offsets_of([size]),
                energy=batch.energy,
                limits=None if batch.limits is None else batch.limits[row : row + 1],
            )
            assert alone.context.tobytes() == together.context[row].tobytes()
            assert alone.weights.tobytes() == together.weights[begin : begin + size].tobytes()
            begin += size


@pytest.mark.usefixtures("half")
def test_scores_far_apart_choose_the_best_position() -> None:
    batch = Batch.draw((1,), (3,), 2, 2, is_additive=False, dtype=np.float32)
    batch = replace(batch, queries=np.float32([[1e4, 0]]), keys=np.float32([[1, 0], [2, 0], [-3, 0]]))
    context, weights = batch.forward()
    assert weights.tolist() == pytest.approx([0, 1, 0], abs=1e-30)
    assert context[0].tolist() == pytest.approx(batch.values[1].tolist())


@pytest.mark.usefixtures("half")
@additive_or_not
def test_not_a_number_stays_in_its_sequence_and_is_seen_there(is_additive: bool) -> None:
    batch = Batch.draw((2, 3), (4, 5), 17, 6, is_additive=is_additive)
    batch.queries[1, 3] = np.nan
    context, _ = batch.forward()
    assert np.isnan(context[1]).all()
    assert np.isfinite(np.delete(context, 1, axis=0)).all()


@pytest.mark.usefixtures("half")
def test_arrays_of_unlike_types_and_orders_are_brought_together() -> None:
    batch = Batch.draw((2, 3), (4, 5), 17, 6)
    other = replace(
        batch,
        queries=np.asfortranarray(batch.queries),
        values=batch.values.astype(np.float32),
        source_offsets=batch.source_offsets.astype(np.int32),
    )
    assert other.forward().context.dtype == np.float64
    assert_close(other.forward().context, batch.forward().context, 1e-6)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"queries": np.zeros((5, 4))}, r"keys has the shape \[9, 3\]"),
    ({"queries": np.zeros((5, 0)), "keys": np.zeros((9, 0))}, "queries has the shape"),
    ({"queries": np.zeros(5)}, "queries has the shape"),
    ({"values": np.zeros((8, 2))}, r"values has the shape \[8, 2\]"),
    ({"values": np.zeros((9, 0))}, "values has the shape"),
    ({"target_offsets": np.array([0, 2, 4])}, "target_offsets"),
    ({"target_offsets": np.array([1, 2, 5])}, "target_offsets"),
    ({"target_offsets": np.zeros(0, int)}, "target_offsets"),
    ({"source_offsets": np.array([0, 10, 9])}, "source_offsets"),
    ({"source_offsets": np.array([0, 9])}, "source_offsets has the shape"),
    ({"source_offsets": np.array([0, 9, 9])}, "sequence 1 has 3 queries and no keys; expected no queries where the source is empty"),
    ({"energy": np.zeros(4)}, r"energy has the shape \[4\]"),
    ({"limits": np.ones(4, int)}, r"limits has the shape \[4\]"),
    ({"limits": np.array([1, 2, 0, 1, 1])}, r"limits\[2\] is 0; expected 1 or more"),
]
REFUSED_BACKWARD: list[tuple[dict[str, Any], str]] = [
    ({"dcontext": np.zeros((5, 3))}, r"dcontext has the shape \[5, 3\]"),
    ({"dweights": np.zeros(9)}, r"dweights has the shape \[9\]"),
]


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize(("parts", "message"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_does_not_fit_is_refused_by_name(parts: dict[str, Any], message: str) -> None:
    good = Batch.draw((2, 3), (4, 5), 3, 2)
    weights = good.forward().weights
    bad = replace(good, **parts)
    with pytest.raises(ShapeError, match=message):
        bad.forward()
    with pytest.raises(ShapeError, match=message):
        bad.backward(weights)


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize(("parts", "message"), REFUSED_BACKWARD, ids=lambda value: value if isinstance(value, str) else "")
def test_gradients_that_do_not_fit_are_refused_by_name(parts: dict[str, Any], message: str) -> None:
    good = Batch.draw((2, 3), (4, 5), 3, 2)
    weights = good.forward().weights
    with pytest.raises(ShapeError, match=message):
        replace(good, **parts).backward(weights)
    with pytest.raises(ShapeError, match=r"weights has the shape \[22\]"):
        good.backward(weights[1:])


@pytest.mark.parametrize(
    ("place", "value", "kind", "message"),
    [
        ("queries", None, TypeError, "queries is None"),
        ("keys", np.zeros((4, 3), np.float32), TypeError, "keys is float32; expected float64"),
        ("values", np.zeros((2, 4)).T, ShapeError, "values is not C-contiguous"),
        ("target_offsets", np.array([0, 2], np.int32), TypeError, "target_offsets is int32; expected int64"),
        ("energy", [1.0, 2.0, 3.0], TypeError, "energy is of the type list"),
        ("limits", np.ones(2), TypeError, "limits is float64; expected int64"),
        ("threads", 0, ValueError, "threads is 0"),
    ],
)
def test_the_engine_itself_refuses_what_it_cannot_read(place: str, value: Any, kind: type[Exception], message: str) -> None:
    good = {
        "queries": np.zeros((2, 3)),
        "keys": np.zeros((4, 3)),
        "values": np.zeros((4, 2)),
        "target_offsets": np.array([0, 2]),
        "source_offsets": np.array([0, 4]),
    }
    with pytest.raises(kind, match=message):
        engine.attention(**{**good, place: value})


ON_ONE_SET = """
import numpy as np
from kernels.test_attention import Batch
from kernels.conftest import TOLERANCE, assert_close
for dtype in (np.float32, np.float64):
    for is_additive in (True, False):
        for width, depth in ((5, 3), (33, 70)):
            batch = Batch.draw((0, 3, 9), (4, 2, 17), width, depth, is_additive=is_additive, is_limited=True, dtype=dtype, scale=6.0)
            wanted = batch.truth()
            for name, part in batch.results(threads=3).items():
                assert_close(part, wanted[name], TOLERANCE[np.dtype(dtype).name], name)
                assert part.tobytes() == batch.results(threads=1)[name].tobytes(), name
"""


@pytest.mark.parametrize("name", ["avx512", "avx2", "neon", "baseline"])
def test_every_instruction_set_gives_the_same_numbers(name: str) -> None:
    if name not in _engine.usable_instruction_sets():
        pytest.skip(f"{name} does not run here")
    done = run_python("import sys\nsys.path[:0] = ['tests']\n" + ON_ONE_SET, TIDEGATE_ISA=name)
    assert done.returncode == 0, done.stderr
