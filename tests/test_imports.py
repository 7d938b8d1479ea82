"""The floors of the house: imports go down only, and below the torch line nothing imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tidegate

PACKAGE = Path(tidegate.__file__).parent

# From the ground up. A module may import its own package and any package further left.
FLOORS = [
    "version",
    "errors",
    "threads",
    "kernels",
    "artefact",
    "decoding",
    "data",
    "scoring",
    "runtime",
    "nn",
    "tasks",
    "training",
    "explanation",
    "comparison",
    "cli",
]
TORCH_LINE = FLOORS.index("nn")
ABOVE_THE_LINE_ONLY = {"torch", "lightning", "pydantic", "tensorboard", "sklearn", "scipy", "pandas", "matplotlib"}
# Answers can be drawn where matplotlib is; without it these modules import as well, and say so when they are asked to draw.
DRAWS = {Path("runtime", f"{name}.py") for name in ("picture_files", "series_chart", "class_pictures")}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    """Every module that the file imports anywhere, inside functions too, but for type checking alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    floor = floor_of(path)
    if floor in ("__init__", "__main__"):
        return
    assert floor in FLOORS, f"{floor} stands on no floor: give it one in this test and in DESIGN"
    for name in imported_names(path):
        parts = name.split(".")
        if parts[0] == "tidegate" and len(parts) > 1:
            assert FLOORS.index(parts[1]) <= FLOORS.index(floor), f"{path.name} imports {name}, which lies above {floor}"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if floor_of(p) in FLOORS[:TORCH_LINE]], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_below_the_torch_line_nothing_imports_torch(path: Path) -> None:
    found = {name.partition(".")[0] for name in imported_names(path)} & ABOVE_THE_LINE_ONLY
    assert found == ({"matplotlib"} if path.relative_to(PACKAGE) in DRAWS else set())


@pytest.mark.parametrize(
    ("library", "module"), [("tokenizers", Path("data", "bpe_units.py")), ("sacrebleu", Path("scoring", "translation.py"))]
)
def test_a_library_that_is_an_extra_is_imported_in_one_place(library: str, module: Path) -> None:
    importers = {path.relative_to(PACKAGE) for path in MODULES if library in {name.partition(".")[0] for name in imported_names(path)}}
    assert importers == {module}


def test_every_floor_but_the_ground_is_a_package_with_a_docstring() -> None:
    for floor in FLOORS[FLOORS.index("kernels") :]:
        assert ast.get_docstring(ast.parse((PACKAGE / floor / "__init__.py").read_text(encoding="utf-8"))), floor


def test_loading_the_runtime_loads_no_torch_and_no_extra() -> None:
    extras = {"torch", "lightning", "pydantic", "sklearn", "tokenizers", "sacrebleu", "matplotlib", "pandas", "statsforecast"}
    code = f"import sys, tidegate, tidegate.runtime, tidegate.data.units; sys.exit(bool({extras} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exported_names_are_the_promised_ones() -> None:
    estimators = ["Classifier", "Filler", "Forecaster", "Generator", "SequenceClassifier", "SequenceTagger", "Tagger", "Transcriber"]
    assert tidegate.__all__ == [*estimators, "Translator", "__version__", "compare", "explain", "load"]
    for name in tidegate.__all__:
        assert getattr(tidegate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Taggger'"):
        tidegate.Taggger  # noqa: B018
