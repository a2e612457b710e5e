"""Nothing that a test leaves behind reaches the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def outcome(folder: Path, first: str) -> str:
    """Run a test, and one after it that notices what is collected late or still runs."""
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
def test_a_failure_and_a_time_out_leave_nothing_to_the_next_test(tmp_path: Path, left: str, end: str) -> None:
    story = outcome(
        tmp_path, f"\n@pytest.mark.timeout(0.3)\ndef test_first(tmp_path):\n    {left}\n    {end}\n"
    )
    assert "1 failed, 1 passed" in story, story
    assert "PASSED test_it.py::test_next" in story


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("threading.Timer(1.5, int).start()", "thread Thread-"),
        ("pytest.left = endless()", "process "),
        ("pytest.left = Archive(tmp_path / '.zip.partial')", "open file "),
    ],
)
def test_a_test_that_passes_and_leaves_something_fails(tmp_path: Path, left: str, told: str) -> None:
    story = outcome(tmp_path, f"\ndef test_first(tmp_path):\n    {left}\n")
    assert "2 passed, 1 error" in story, story
    assert f"the test left behind:\n{told}" in story


@pytest.mark.parametrize("asked", ["held", "request"])
def test_what_fixtures_hold_for_longer_is_theirs(tmp_path: Path, asked: str) -> None:
    story = outcome(
        tmp_path,
        f"""
@pytest.fixture(scope="module")
def held(tmp_path_factory):
    with (tmp_path_factory.mktemp("held") / "file").open("xb") as file:
        yield file

def test_first({asked}):
    {"held" if asked == "held" else "request.getfixturevalue('held')"}.write(b"1")
""",
    )
    assert "2 passed in" in story, story
