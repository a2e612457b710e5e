"""The comparison of the locks with advisories, with programs in the place of pip-audit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.deployment_files import ROOT

CLEAN = [{"name": "numpy", "version": "2.3.1", "vulns": []}]
AFFECTED = [
    {"name": "numpy", "version": "2.3.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.3.2"]}]},
    {"name": "scipy", "version": "1.0.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
]
SKIPPED = [{"name": "numpy", "skip_reason": "not found on the service"}]


def audited(folder: Path, report: list[dict[str, Any]] | None, code: int) -> subprocess.CompletedProcess[str]:
    """Audit all locks with a program that writes a report, or none, and exits with a code."""
    program = folder / "pip-audit"
    text = "raise SystemExit('cannot connect')"
    if report is not None:
        data = json.dumps({"dependencies": report, "fixes": []})
        text = f"open(sys.argv[sys.argv.index('--output') + 1], 'w').write({data!r})\nsys.exit({code})"
    program.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
    program.chmod(0o755)
    return subprocess.run(
        [sys.executable, ROOT / "release" / "audit.py", program], capture_output=True, text=True, check=False
    )


def test_locks_without_advisories_are_good(tmp_path: Path) -> None:
    done = audited(tmp_path, CLEAN, 0)
    assert (done.returncode, done.stderr) == (0, "")
    locks = sorted(path.name for path in (ROOT / "requirements").glob("*.lock"))
    assert done.stdout.splitlines() == [f"{lock}: none" for lock in locks]


def test_advisories_are_listed_with_the_versions_that_fix_them(tmp_path: Path) -> None:
    done = audited(tmp_path, AFFECTED, 1)
    assert done.returncode == 1
    assert "  numpy 2.3.1: PYSEC-1, fixed in 2.3.2\n" in done.stdout
    assert "  scipy 1.0.0: PYSEC-2, fixed in no version\n" in done.stdout


@pytest.mark.parametrize(
    ("report", "code"), [(None, 1), (SKIPPED, 0), (CLEAN, 1)], ids=["no report", "skipped", "failed"]
)
def test_locks_that_were_not_compared_are_not_good(
    tmp_path: Path, report: list[dict[str, Any]] | None, code: int
) -> None:
    done = audited(tmp_path, report, code)
    assert done.returncode == 75
    assert "cpu.lock: NOT COMPARED" in done.stdout
    assert "NOT COMPARED with advisories: " in done.stderr
