"""torch.compile let into the drop-ins.

Dynamo breaks its graph at every module of a subclass of torch.nn's RNN, GRU or LSTM before it has looked at the module's `forward`,
unless `torch._dynamo.config.allow_rnn` is set; and that setting holds for torch.nn's own modules too, whose steps it then unrolls one by
one. So it is set here for the drop-ins alone, and only while dynamo takes one up. A torch whose dynamo is built otherwise is left as it is:
the graph then breaks round the layer, and the layer runs on the engine nevertheless.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tidegate.nn.recurrence import is_transformed

_BUILDER = "torch._dynamo.variables.builder"


def admit(kind: type) -> None:
    """Lets torch.compile trace the `forward` of modules of this class: now, or when dynamo is imported, which takes a second."""
    builder = sys.modules.get(_BUILDER)
    if builder is None:
        sys.meta_path.insert(0, _OnImport(kind))
    else:
        _admit(kind, builder)


class _OnImport(MetaPathFinder):
    """Finds nothing itself; puts `_admit` after dynamo's own loading."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != _BUILDER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                _admit(self._kind, module)

            loader.exec_module = exec_module
        return spec


def _admit(kind: type, builder: Any) -> None:
    wrap = getattr(getattr(builder, "VariableBuilder", None), "wrap_module", None)
    config: Any = getattr(builder, "config", None)
    if wrap is None or not hasattr(config, "allow_rnn"):
        return

    def wrap_module(self: Any, value: Any) -> Any:
        if (
            not isinstance(value, kind) or is_transformed()
        ):  # under torch.func the layer goes to torch.nn, and breaks the graph as that does
            return wrap(self, value)
        with config.patch(allow_rnn=True):
            return wrap(self, value)

    builder.VariableBuilder.wrap_module = wrap_module
