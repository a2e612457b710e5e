"""Data folder of one embedded server: lock, password and log."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from framecloak.adapters.embedded.processes import Account
from framecloak.domain.errors import DatabaseUnavailableError, OutputUnwritableError

_LOG_TAIL_CHARACTERS = 800


class ServerFolder:
    """Data folder of an embedded server.

    Args:
        path: folder, created when missing.
        account: account the server runs as; None for the account of this process.
    """

    def __init__(self, path: Path, account: Account | None) -> None:
        self.path = path.absolute()
        self._account = account
        self._lock: IO[bytes] | None = None

    @property
    def log(self) -> Path:
        """Path of the server's log file."""
        return self.path / "server.log"

    def acquire(self) -> None:
        """Create the folder and lock it for this process.

        Raises:
            DatabaseUnavailableError: another process holds the lock.
            OutputUnwritableError: the folder cannot be created or written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The server's account must be able to open the files it owns in this folder.
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
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def password(self) -> str:
        """Return the server's password; the first call creates it, readable by the server's account only."""
        path = self.path / "password"
        if not path.exists():
            self.write_secret(path.name, secrets.token_urlsafe(32))
        return path.read_text()

    def write_secret(self, name: str, content: str) -> None:
        """Write a file atomically, readable by the server's account only."""
        draft = self.path / f"{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        self.change_owner(draft)
        draft.rename(self.path / name)

    def change_owner(self, path: Path) -> None:
        """Make the server's account the owner of a file or folder."""
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def log_tail(self) -> str:
        """Return the end of the server's log, at most 800 characters."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-_LOG_TAIL_CHARACTERS:].strip()
