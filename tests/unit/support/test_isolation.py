"""Leftovers of a test do not affect the next test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import isolation

CONFTEST = """
from support.processes import isolation

isolation.GRACE_SECONDS = 0.2

def pytest_configure(config):
    config.pluginmanager.register(isolation.Isolation())
"""
BEGINNING = """
import gc, subprocess, threading, time
from pathlib import Path
import pytest

class Archive:
    def __init__(self, path):
        self.file = path.open("xb")

def endless():
    return subprocess.Popen(["sleep", "600"])
"""
NEXT = """
def test_next():
    gc.collect()
    assert Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text() == ""
"""


def output_of_tests(folder: Path, first: str) -> str:
    """Return pytest's output for a test and a next one, which detects late collection and live processes."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(BEGINNING + first + NEXT)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "pytest_timeout",
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            "-rA",
            folder,
        ],
        cwd=folder,
        env={
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TMPDIR": str(folder.parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("end", ["raise ValueError", "time.sleep(60)"])
@pytest.mark.parametrize(
    "left",
    [
        "archive = Archive(tmp_path / '.zip.partial')",
        "process = endless()",
        "threading.Timer(0.5, int).start()",
    ],
)
def test_failures_and_timeouts_leave_nothing_to_the_next_test(tmp_path: Path, left: str, end: str) -> None:
    output = output_of_tests(
        tmp_path, f"\n@pytest.mark.timeout(0.3)\ndef test_first(tmp_path):\n    {left}\n    {end}\n"
    )
    assert "1 failed, 1 passed" in output, output
    assert "PASSED test_it.py::test_next" in output


@pytest.mark.parametrize(
    ("left", "leftover"),
    [
        ("threading.Timer(1.5, int).start()", "thread Thread-"),
        ("pytest.left = endless()", "process "),
        ("pytest.left = Archive(tmp_path / '.zip.partial')", "open file "),
    ],
)
def test_a_passing_test_that_leaves_something_behind_fails(tmp_path: Path, left: str, leftover: str) -> None:
    output = output_of_tests(tmp_path, f"\ndef test_first(tmp_path):\n    {left}\n")
    assert "2 passed, 1 error" in output, output
    assert f"the test left behind:\n{leftover}" in output


def test_a_log_of_the_tests_is_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Capturing the output of a test opens another descriptor of it.
    monkeypatch.setattr(isolation, "_inherited", frozenset())
    with (tmp_path / "log").open("xb") as log:
        isolation.Isolation()
        before = isolation.Footprint.now()
        with os.fdopen(os.dup(log.fileno()), "wb"), (tmp_path / "left").open("xb"):
            left = isolation.Footprint.now().beyond(before)
    assert [Path(path).name for _, path in left.files] == ["left"]


@pytest.mark.parametrize("argument", ["held", "request"])
def test_resources_of_longer_lived_fixtures_are_not_leftovers(tmp_path: Path, argument: str) -> None:
    output = output_of_tests(
        tmp_path,
        f"""
@pytest.fixture(scope="module")
def held(tmp_path_factory):
    with (tmp_path_factory.mktemp("held") / "file").open("xb") as file:
        yield file

def test_first({argument}):
    {"held" if argument == "held" else "request.getfixturevalue('held')"}.write(b"1")
""",
    )
    assert "2 passed in" in output, output
