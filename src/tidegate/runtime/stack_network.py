"""What networks that read a sequence through one recurrent stack share."""

from __future__ import annotations

from copy import copy
from typing import Self

from tidegate.runtime.layers import RecurrentStack


class StackNetwork:
    """A network whose states are those of `stack`."""

    stack: RecurrentStack

    def with_lookahead(self, lookahead: int) -> Self:
        """The same network with a two-way stack that sees so many steps ahead.

        Raises:
            RecipeError: it is no whole number from 0 on, or above 0 for a stack that reads one way.
        """
        other = copy(self)
        other.stack = self.stack.with_lookahead(lookahead)
        return other
