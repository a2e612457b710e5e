"""Server processes that end with us, and not before us."""

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
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
"""Of our environment, what a server gets to see; ``PGDATA`` and the like would confuse it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a server runs as when we are root.

    Attributes:
        uid: of the user.
        gid: of its group.
    """

    uid: int
    gid: int

    @classmethod
    def unprivileged(cls) -> Account | None:
        """``nobody`` when we are root; None, which means ourselves, otherwise."""
        if os.geteuid() != 0:
            return None
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)


def available_port(wanted: int | None) -> int:
    """The wanted TCP port of 127.0.0.1, or any that nobody listens on now.

    Raises:
        InvalidSettingError: somebody listens on the wanted one, or we may not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise InvalidSettingError(
                f"cannot listen on port {wanted} of 127.0.0.1 ({error.strerror})", "choose another port"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def command_line(program: Sequence[str], account: Account | None, death_signal: signal.Signals) -> list[str]:
    """The command that runs a program as an account, until we die."""
    uid, gid = (str(account.uid), str(account.gid)) if account else ("", "")
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    return [*launcher, str(os.getpid()), str(int(death_signal)), uid, gid, *program]


def environment() -> dict[str, str]:
    """What a server gets to see of ours."""
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in _INHERITED if name in os.environ}


class ServerProcess:
    """A server in the foreground, in a session of its own: Ctrl-C in the terminal reaches us, not it.

    Must be started in a thread that lasts, as the main thread does: Linux delivers the death signal when
    the thread that started the process ends.

    Args:
        program: absolute path and arguments.
        cwd: where it runs.
        log: file that its output is appended to.
        account: whom it runs as; None for ourselves.
        stop_signal: asks it to end, in good order.
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
        # Statements and addresses can get into it.
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 -- our own launcher and a server out of a wheel
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
        """Of the server."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def stop(self, patience: float = 30.0) -> None:
        """End it in good order; kill it when it takes longer than ``patience`` seconds."""
        if not self.is_running:
            return
        if self._is_launching():
            # Where signals are ignored, as in the background of a shell, the launcher may not hear one.
            self._process.kill()
        else:
            self._process.send_signal(self._stop_signal)
        try:
            await asyncio.to_thread(self._process.wait, patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _is_launching(self) -> bool:
        """Return whether the process has yet to become the server, which so has nothing to lose."""
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False
        # It is empty for a moment, while the launcher itself is begun.
        return not command or os.fsencode(_LAUNCHER) in command.split(b"\0")
