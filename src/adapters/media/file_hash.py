"""The SHA-256 of a file, computed beside other work: hashing 2 GB must not delay the first frame."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from pathlib import Path

from framecloak.domain.errors import InputNotFoundError


class Fingerprint:
    """Starts to hash a file at once and hands out the digest when it is there.

    Args:
        path: the file; it must not change meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest: Future[str] = Future()
        # A daemon: an interrupted program does not wait for the rest of a large file.
        threading.Thread(target=self._compute, name=f"sha256 {path.name}", daemon=True).start()

    def sha256(self) -> str:
        """Hex digest; waits until it is computed.

        Raises:
            InputNotFoundError: the file cannot be read any more.
        """
        try:
            return self._digest.result()
        except OSError as error:
            message = f"cannot read {self._path.name} to the end"
            raise InputNotFoundError(message, error.strerror or str(error)) from error

    def _compute(self) -> None:
        try:
            with self._path.open("rb") as file:
                self._digest.set_result(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            self._digest.set_exception(error)
