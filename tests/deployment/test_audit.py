"""The comparison of the locks with advisories, with programs in the place of pip-audit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from support.deployment_files import ROOT

CLEAN = [{"name": "numpy", "version": "2.3.1", "vulns": []}]
AFFECTED = [
    {"name": "numpy", "version": "2.3.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.3.2"]}]},
    {"name": "scipy", "version": "1.0.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
]
SKIPPED = [{"name": "numpy", "skip_reason": "not found on the service"}]


def audited(
    folder: Path, report: list[dict[str, Any]] | None, code: int, *options: str | Path
) -> subprocess.CompletedProcess[str]:
    """Audit all locks with a program that writes a report, or none, and exits with a code."""
    program = folder / "pip-audit"
    text = "raise SystemExit('cannot connect')"
    if report is not None:
        data = json.dumps({"dependencies": report, "fixes": []})
        text = f"open(sys.argv[sys.argv.index('--output') + 1], 'w').write({data!r})\nsys.exit({code})"
    asked = f"open({str(folder / 'asked')!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))"
    program.write_text(f"#!{sys.executable}\nimport sys\n{asked}\n{text}\n")
    program.chmod(0o755)
    command = [sys.executable, ROOT / "release" / "audit.py", program, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def locked(name: str) -> str:
    """Return the version of a package in cpu.lock."""
    found = re.search(
        rf"^{name}==(\S+)", (ROOT / "requirements" / "cpu.lock").read_text("utf-8"), re.MULTILINE
    )
    assert found
    return found[1]


def advisory(identifier: str, package: str, **affected: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "id": identifier,
        "modified": "2026-11-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": package}, **affected}],
    }


def archived(folder: Path, *records: dict[str, Any]) -> Path:
    """Write an archive as OSV publishes it."""
    path = folder / "all.zip"
    with ZipFile(path, "w") as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return path


def events(introduced: str, **end: str) -> list[dict[str, Any]]:
    return [{"type": "ECOSYSTEM", "events": [{"introduced": introduced}, *([end] if end else [])]}]


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
    assert "--advisories" in done.stderr


def test_a_service_can_be_chosen(tmp_path: Path) -> None:
    assert audited(tmp_path, CLEAN, 0, "--service", "pypi").returncode == 0
    assert audited(tmp_path, CLEAN, 0, "--osv-url", "https://osv.example/query").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    locks = len(asked) // 2
    assert all(line.startswith("--vulnerability-service pypi ") for line in asked[:locks])
    assert all("osv --osv-url https://osv.example/query " in line for line in asked[locks:])


def test_an_archive_of_advisories_is_compared_without_a_service(tmp_path: Path) -> None:
    litestar, pillow = locked("litestar"), locked("pillow")
    path = archived(
        tmp_path,
        advisory("PYSEC-1", "LiteStar", versions=["0.1", litestar]),
        advisory("PYSEC-2", "pillow", ranges=events("0", fixed=f"{pillow}.post1")),
        advisory("PYSEC-3", "pillow", ranges=events("0", last_affected=pillow)),
        advisory("PYSEC-4", "pillow", ranges=events("0", fixed=pillow)),
        advisory("PYSEC-5", "litestar", ranges=events(f"{litestar}.post1")),
        advisory("PYSEC-6", "not-in-any-lock", ranges=events("0")),
        advisory("PYSEC-7", "litestar", ranges=events("0")) | {"withdrawn": "2026-01-01T00:00:00Z"},
    )
    done = audited(tmp_path, None, 1, "--advisories", path)
    assert done.returncode == 1
    assert f"{path}: advisories up to 2026-11-01T00:00:00Z\n" in done.stdout
    of_cpu = done.stdout.partition("cpu.lock: advisories\n")[2].partition("dev.lock")[0].splitlines()
    assert of_cpu == [
        f"  litestar {litestar}: PYSEC-1, fixed in no version",
        f"  pillow {pillow}: PYSEC-2, fixed in {pillow}.post1",
        f"  pillow {pillow}: PYSEC-3, fixed in no version",
    ]
    assert not (tmp_path / "asked").exists()


def test_an_archive_without_advisories_on_the_packages_is_good(tmp_path: Path) -> None:
    path = archived(tmp_path, advisory("PYSEC-6", "not-in-any-lock", ranges=events("0")))
    done = audited(tmp_path, None, 1, "--advisories", path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("content", [None, b"no archive", b""], ids=["missing", "damaged", "no advisories"])
def test_an_archive_that_cannot_be_read_compares_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "all.zip"
    if content:
        path.write_bytes(content)
    elif content is not None:
        archived(tmp_path)
    done = audited(tmp_path, CLEAN, 0, "--advisories", path)
    assert done.returncode == 75
    assert done.stderr.startswith(f"NOT COMPARED: cannot read {path}: ")
