"""The folder of one embedded server: its lock, its password, its log."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from framecloak.adapters.embedded.processes import Account
from framecloak.domain.errors import DatabaseUnavailableError, OutputUnwritableError

_LOG_TAIL = 800


class ServerFolder:
    """Where a server keeps what it has.

    Args:
        path: made when missing.
        account: whom the server runs as; None for ourselves.
    """

    def __init__(self, path: Path, account: Account | None) -> None:
        self.path = path.absolute()
        self._account = account
        self._lock: IO[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.path / "server.log"

    def acquire(self) -> None:
        """Make the folder and take it for this process.

        Raises:
            DatabaseUnavailableError: another process has it.
            OutputUnwritableError: it cannot be made or written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The server's account has to reach the files that it owns in here, by name.
            self.path.chmod(0o711 if self._account else 0o700)
            lock = os.fdopen(os.open(self.path / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "wb")
        except OSError as error:
            raise OutputUnwritableError(
                f"cannot write to {self.path} ({error.strerror})", "choose another data folder"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DatabaseUnavailableError(
                f"another Framecloak uses {self.path}", "stop it, or choose another data folder"
            ) from None
        self._lock = lock

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def password(self) -> str:
        """The server's password, made at the first call and readable by the server's account alone."""
        path = self.path / "password"
        if not path.exists():
            self.write_secret(path.name, secrets.token_urlsafe(32))
        return path.read_text()

    def write_secret(self, name: str, content: str) -> None:
        """Write a file that the server's account alone can read, as a whole or not at all."""
        draft = self.path / f"{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        self.hand_over(draft)
        draft.rename(self.path / name)

    def hand_over(self, path: Path) -> None:
        """Give a file or folder to the server's account."""
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def log_tail(self) -> str:
        """The last that the server said."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-_LOG_TAIL:].strip()
