"""Forked commands behave like those started by a shell, and end with the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.patience import patience
from support.processes import command
from support.processes.forked import PIPE

WAITS = ("users", "create", "eve", "--password-stdin")
"""Waits for standard input."""
NOWHERE = {"DATABASE_URL": "postgresql://127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1"}
TESTS = Path(command.__file__).parents[2]
RUNNER = f"""
import time
from support.processes import command
running = command.start_forked(*{WAITS}, stdin=-1)
print(running.pid, command.start_forked(*{WAITS}, stdin=-1).pid, flush=True)
time.sleep({patience(300)})
"""


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--version"], {}),
        (["redact", "missing.mp4", "-o", "out.zip"], {}),
        (["redact", "missing.mp4", "-o", "out.zip", "--json"], {}),
        (["settings", "--json"], {"FRAMECLOAK_THREADS": "3", "LOG_LEVEL": "warning"}),
        (["settings"], {"FRAMECLOAK_THREADS": "many"}),
        (["no-such-command"], {}),
    ],
)
def test_output_and_exit_code_equal_the_installed_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], environment: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    forked, started = (
        command.run(*arguments, environment=environment, installed=installed) for installed in (False, True)
    )
    assert forked == started


def test_python_prints_the_traceback_of_an_exception(tmp_path: Path) -> None:
    done = command.run("redact", tmp_path / "x.mp4", "-o", "y", environment={"FRAMECLOAK_DEBUG": "1"})
    assert (done.code, done.err.startswith("Traceback (most recent call last):\n")) == (1, True)


def test_a_signal_ends_it() -> None:
    with command.start_forked(*WAITS, environment=NOWHERE, stdin=PIPE) as process:
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
        process.kill()
        assert process.wait(patience(30)) == -signal.SIGKILL


def test_it_is_killed_when_the_test_fails() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        command.start_forked(*WAITS, environment=NOWHERE, stdin=PIPE) as process,
    ):
        raise ZeroDivisionError
    assert process.returncode == -signal.SIGKILL


def test_nothing_outlives_the_test_run() -> None:
    environment = {**os.environ, **NOWHERE, "PYTHONPATH": f"{TESTS}:{TESTS.parent / 'namespace'}"}
    with command.StartedProcess(
        [sys.executable, "-c", RUNNER], env=environment, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout
        commands = [int(number) for number in runner.stdout.readline().split()]
        server = int(Path(f"/proc/{commands[0]}/stat").read_text().rpartition(")")[2].split()[1])
        runner.kill()
    deadline = time.monotonic() + patience(60)
    while alive := [pid for pid in (server, *commands) if is_running(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
