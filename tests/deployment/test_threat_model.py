"""The threat model in SECURITY.md: every row names a measure and tests, and the tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = ["asset", "attacker", "measure", "test"]
NAMED = re.compile(r"`([\w./]+)`")
IS_A_TEST = re.compile(r"^(async )?def test_|^    (async )?def test_", re.MULTILINE)


def rows() -> list[list[str]]:
    lines = (ROOT / "SECURITY.md").read_text().partition("## Threat model")[2].partition("\n## ")[0]
    table = [line for line in lines.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_threat_has_a_measure_and_a_test() -> None:
    header, _, *threats = rows()
    assert header == COLUMNS
    assert threats
    for threat in threats:
        assert len(threat) == len(COLUMNS)
        assert all(threat)


@pytest.mark.parametrize("threat", rows()[2:], ids=lambda threat: f"{threat[0]}: {threat[1]}")
def test_the_tests_that_a_threat_names_exist(threat: list[str]) -> None:
    names = NAMED.findall(threat[3])
    assert names
    for name in names:
        assert name.startswith("tests/"), f"{name} is no full path"
        path = ROOT / name
        assert path.exists(), name
        files = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
        assert any(IS_A_TEST.search(file.read_text()) for file in files), name
