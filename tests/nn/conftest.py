"""What the tests of the torch layers share: whether a layer ran on the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.kernels import engine


@pytest.fixture
def engine_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cells of all layers made for the engine since."""
    calls: list[str] = []
    true = engine.Layer

    def made(cell: str, *arguments: Any, **options: Any) -> Any:
        calls.append(cell)
        return true(cell, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "Layer", made)
    return calls
