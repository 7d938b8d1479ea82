"""A look at an installed wheel, with NumPy and nothing else: the engine is in it and computes. Run as `python tests/smoke.py`."""

from __future__ import annotations

import numpy as np

import tidegate
from tidegate.kernels import CELLS, CellWeights, engine


def main() -> None:
    assert engine.is_built(), "the wheel was built without the engine"
    random = np.random.default_rng(0)
    inputs, hidden, steps = 5, 7, 9
    weights = tuple(random.normal(size=size) for size in ((4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,)))
    x = random.normal(size=(steps, inputs))
    layer = engine.Layer("lstm", [weights], trains=True)
    out = layer.forward(x, np.array([0, steps]), keep=True)
    state = (np.zeros(hidden), np.zeros(hidden))
    for n in range(steps):
        state = CELLS["lstm"](x[n], state, CellWeights(*weights))
        np.testing.assert_allclose(out.y[n], state[0], rtol=0, atol=1e-12)
    gradients = layer.backward(out.tape, x, np.ones_like(out.y))
    assert gradients.dx is not None
    assert np.isfinite(gradients.dx).all()
    print(f"tidegate {tidegate.__version__} on {engine.instruction_set()}")


if __name__ == "__main__":
    main()
