"""What every session over a recurrent stack shares: what it has read, that it ends once, and how it is saved and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.errors import RecipeError
from tidegate.runtime.layers import RecurrentStack
from tidegate.runtime.saved_session import damaged, session_bytes, session_content
from tidegate.runtime.stack_stream import StackStream


class StackSession:
    """One sequence through a stack as it comes. With a look-ahead of L steps what is said of a step comes L steps after it.

    Args:
        stack: reads one way, or with a look-ahead.
        kind: what a saved session must have in common with this one: the model (a digest), the look-ahead and the like.
    """

    def __init__(self, stack: RecurrentStack, kind: Callable[[], dict[str, Any]]) -> None:
        self._kind = kind
        self._stack = StackStream(stack)
        self._lookahead = stack.lookahead or 0
        self._told = 0
        self._has_ended = False

    @property
    def position(self) -> int:
        """Steps that were answered."""
        return self._told

    @property
    def lookahead(self) -> int:
        """L."""
        return self._lookahead

    def _refuse_ended(self) -> None:
        if self._has_ended:
            raise RecipeError("this session has ended; begin another one for the next sequence.")

    def _says(self) -> dict[str, Any]:
        """What `to_bytes` writes beside arrays."""
        return {"position": self._told, "has_ended": self._has_ended}

    def _take_over(self, says: dict[str, Any]) -> None:
        self._told, self._has_ended = int(says["position"]), bool(says["has_ended"])

    def _parts(self) -> dict[str, Any]:
        """What holds arrays, by name."""
        return {"stack": self._stack}

    def to_bytes(self) -> bytes:
        """All that a new session of the model needs to go on from here with the same numbers; no pickle."""
        arrays = {f"{part}.{name}": array for part, holder in self._parts().items() for name, array in holder.arrays().items()}
        return session_bytes(self._kind() | self._says(), arrays)

    def restore(self, data: bytes) -> None:
        """Takes over what `to_bytes` gave.

        Raises:
            ModelError: it is another model's, of another look-ahead or rate, cut or no session at all.
        """
        says, arrays = session_content(data, self._kind())
        try:
            for part, holder in self._parts().items():
                names = [name for name in arrays if name.startswith(f"{part}.")]
                holder.restore({name.removeprefix(f"{part}."): arrays[name] for name in names})
            self._take_over(says)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(error) from error


def check_live(stack: RecurrentStack, sequence: str, span: str) -> None:
    """Whether what the stack reads can be answered before its end.

    Args:
        sequence, span: what it reads, and what a look-ahead is given in, for the message.

    Raises:
        RecipeError: it reads the whole of it both ways.
    """
    if stack.is_whole:
        raise RecipeError(
            f"this {stack.architecture.name} reads a {sequence} from both ends, so it answers when the {sequence} has ended. "
            f"Give a look-ahead, --lookahead {span} or session(lookahead=…), by which its answers then lag; or use predict."
        )
