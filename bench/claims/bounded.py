"""Two-way taggers that are trained with the look-ahead that they are read with."""

from __future__ import annotations

from tidegate.kernels.lookahead import layer_lookaheads
from tidegate.tasks.tag import TagNetwork
from tidegate.training.tagging.corpus import TagCorpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask


class BoundedTagTask(TagTask):
    """`TagTask` whose network sees `lookahead` words ahead in training, in scoring and as its model directory says.

    The task `tag` has no such setting for words, only for sequences of numbers; its network has.
    """

    def __init__(self, recipe: TagRecipe, corpus: TagCorpus, lookahead: int) -> None:
        super().__init__(recipe, corpus)
        self._lookahead = lookahead

    def build_network(self) -> TagNetwork:
        network = super().build_network()
        said = network.settings_json() | {"lookahead": self._lookahead}
        network.stack._lookaheads = layer_lookaheads(self._lookahead, len(network.stack.layers))
        network.settings_json = lambda: said  # type: ignore[method-assign]
        return network
