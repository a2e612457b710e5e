"""A real S3 for tests: OpenStack Swift, which checks signatures (SigV4) and expiry of presigned addresses.

Swift brings eventlet and many pinned packages, so it is installed in a virtual environment in the user's
cache, once, within seconds. Every test process starts its own server within a second.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from support.patience import patience

VERSION = "2.38.3"
ACCESS_KEY = "tests:tests"
SECRET_KEY = "secret-for-tests"
REGION = "us-east-1"
INSTALL_SECONDS = 240
PROGRAM = Path(__file__).with_name("swift_program.py")


@dataclass(frozen=True)
class S3Server:
    """Address and credentials of the server.

    Attributes:
        endpoint: host and port; plain HTTP.
        pid: its process id.
        advance_clock: advances its clock by some seconds, so that addresses expire.
    """

    endpoint: str
    pid: int
    advance_clock: Callable[[float], None]
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a service that keeps its objects there."""
        return {
            "MINIO_ENDPOINT": self.endpoint,
            "MINIO_ACCESS_KEY": self.access_key,
            "MINIO_SECRET_KEY": self.secret_key,
            "MINIO_REGION": self.region,
            "MINIO_SECURE": "false",
        }


@contextmanager
def running_s3(folder: Path, port: int = 0) -> Iterator[S3Server]:
    """Run a server that keeps its data below a folder.

    On the folder of an earlier server it continues with that one's data; on the same port, clients notice no
    difference.

    The test is skipped, visibly, where Swift cannot be installed or the folder cannot hold its data.
    """
    _require_extended_attributes(folder)
    command = [str(_environment()), str(PROGRAM), str(folder), ACCESS_KEY, SECRET_KEY, REGION, str(port)]
    log = folder / "swift.log"
    # Swift ends with its standard input, so it does not outlive a test process that was killed.
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        try:
            answer = process.stdout.readline().split()
            if answer[:1] != ["ready"]:
                pytest.fail(f"Swift did not start: {log.read_text()[-1000:]}")
            yield S3Server(f"127.0.0.1:{answer[1]}", process.pid, partial(_advance_clock, process))
        finally:
            process.stdin.close()
            process.wait(timeout=patience(20))


def _advance_clock(process: subprocess.Popen[str], seconds: float) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "turned\n"


def _environment() -> Path:
    """Return the interpreter of a virtual environment with Swift; the first caller creates it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framecloak-tests"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = cache / f"swift-{VERSION}-python{version}"
    done = home / "installed"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install(home)
            done.touch()
    return home / "bin" / "python"


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", f"swift=={VERSION}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["pip failed"]
        pytest.skip(f"a real S3 cannot be installed: {last[0]}")
    except subprocess.TimeoutExpired:
        pytest.skip(f"a real S3 could not be installed within {INSTALL_SECONDS} seconds")


def _require_extended_attributes(folder: Path) -> None:
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        pytest.skip(f"a real S3 needs extended attributes, and {folder} has none")
    finally:
        probe.unlink()
