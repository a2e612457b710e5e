"""Server processes that live exactly as long as this process."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framecloak.domain.errors import InvalidSettingError

_LAUNCHER = Path(__file__).with_name("launch.py")
_INHERITED_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
"""Environment variables passed on to a server; others, such as ``PGDATA``, would change its behaviour."""


@dataclass(frozen=True, slots=True)
class Account:
    """Account that a server runs as when this process is root.

    Attributes:
        uid: user id.
        gid: id of its group.
    """

    uid: int
    gid: int

    @classmethod
    def unprivileged(cls) -> Account | None:
        """Return the account ``nobody`` when this process is root, else None (keep the current account)."""
        if os.geteuid() != 0:
            return None
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)


def available_port(requested: int | None) -> int:
    """Return the requested TCP port of 127.0.0.1, or any free one.

    Args:
        requested: port number; None for any.

    Raises:
        InvalidSettingError: the requested port is in use, or this process may not listen on it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", requested or 0))
        except OSError as error:
            raise InvalidSettingError(
                f"cannot listen on port {requested} of 127.0.0.1 ({error.strerror})", "choose another port"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def command_line(program: Sequence[str], account: Account | None, death_signal: signal.Signals) -> list[str]:
    """Return the command that runs a program through the launcher.

    Args:
        program: absolute path and arguments.
        account: account to run it as; None for the account of this process.
        death_signal: signal that the program receives when this process dies.
    """
    uid, gid = (str(account.uid), str(account.gid)) if account else ("", "")
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    return [*launcher, str(os.getpid()), str(int(death_signal)), uid, gid, *program]


def environment() -> dict[str, str]:
    """Return the environment of a server process."""
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}


class ServerProcess:
    """Server process in a session of its own: Ctrl-C in the terminal reaches this process only.

    Create it in a thread that lasts, such as the main thread: Linux sends the death signal when the thread
    that started the process ends.

    Args:
        program: absolute path and arguments.
        cwd: working folder.
        log: file that its output is appended to.
        account: account to run as; None for the account of this process.
        stop_signal: signal that shuts it down cleanly.
    """

    def __init__(
        self,
        program: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        account: Account | None,
        stop_signal: signal.Signals,
    ) -> None:
        self._stop_signal = stop_signal
        # Private, because statements and addresses can appear in the log.
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 -- our own launcher and a server from a wheel
                command_line(program, account, stop_signal),
                cwd=cwd,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True while the process is running."""
        return self._process.poll() is None

    async def stop(self, grace_seconds: float = 30.0) -> None:
        """Shut the server down cleanly; kill it when that takes longer than ``grace_seconds`` seconds."""
        if not self.is_running:
            return
        if self._is_launching():
            # The launcher may inherit ignored signals, for example from a background job of a shell.
            self._process.kill()
        else:
            self._process.send_signal(self._stop_signal)
        try:
            await asyncio.to_thread(self._process.wait, grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _is_launching(self) -> bool:
        """Return whether the process is still the launcher, which can be killed without losing data."""
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False
        # The command line is empty for a moment while the launcher itself starts.
        return not command or os.fsencode(_LAUNCHER) in command.split(b"\0")
