"""How recipes name the ways in which states become one vector."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

# As `nn.Pool`, which would bring in torch before the options and the files are looked at.
Pool = Literal["attention", "max", "mean", "last"]
POOLING = f"how the states become one vector: {', '.join(get_args(Pool))}, or several of them"


def _pools(value: Any) -> Any:
    """One way, several after commas, or a list; each once."""
    pools = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value
    if not pools:
        raise ValueError("at least one way of pooling is needed")
    return tuple(dict.fromkeys(pools)) if isinstance(pools, list | tuple) else pools


Pools = Annotated[tuple[Pool, ...], BeforeValidator(_pools)]
