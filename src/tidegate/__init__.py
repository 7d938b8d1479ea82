"""tidegate: train, compare, explain and ship gated recurrent networks on your own text and time series, on an ordinary CPU.

`tidegate.load(path)` reads a trained model and answers without torch; `tidegate.Tagger`, `Classifier`, `Generator`,
`Translator`, `Forecaster`, `Filler`, `SequenceClassifier`, `SequenceTagger` and `Transcriber` train; `tidegate.compare` puts
architectures on one leaderboard, `tidegate.explain` shows what a model did with one input.
Names are imported when they are first used, so that `import tidegate` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tidegate.version import __version__

if TYPE_CHECKING:
    from tidegate.comparison.run import compare
    from tidegate.explanation.explain import explain
    from tidegate.runtime import load
    from tidegate.training.classification.classifier import Classifier
    from tidegate.training.filling.filler import Filler
    from tidegate.training.forecasting.forecaster import Forecaster
    from tidegate.training.generation.generator import Generator
    from tidegate.training.sequences.estimators import SequenceClassifier, SequenceTagger
    from tidegate.training.tagging.tagger import Tagger
    from tidegate.training.transcription.transcriber import Transcriber
    from tidegate.training.translation.translator import Translator

__all__ = [
    "Classifier",
    "Filler",
    "Forecaster",
    "Generator",
    "SequenceClassifier",
    "SequenceTagger",
    "Tagger",
    "Transcriber",
    "Translator",
    "__version__",
    "compare",
    "explain",
    "load",
]

_HOMES = {
    "compare": "tidegate.comparison.run",
    "explain": "tidegate.explanation.explain",
    "load": "tidegate.runtime",
    "Classifier": "tidegate.training.classification.classifier",
    "Filler": "tidegate.training.filling.filler",
    "Forecaster": "tidegate.training.forecasting.forecaster",
    "Generator": "tidegate.training.generation.generator",
    "SequenceClassifier": "tidegate.training.sequences.estimators",
    "SequenceTagger": "tidegate.training.sequences.estimators",
    "Tagger": "tidegate.training.tagging.tagger",
    "Transcriber": "tidegate.training.transcription.transcriber",
    "Translator": "tidegate.training.translation.translator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tidegate' has no attribute '{name}'")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name in ("torch", "lightning", "pydantic", "sklearn", "matplotlib"):
            from tidegate.errors import MissingExtraError

            raise MissingExtraError("train", f"tidegate.{name}") from None
        raise


def __dir__() -> list[str]:
    return __all__
