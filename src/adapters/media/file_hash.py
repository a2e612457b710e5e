"""Background computation of a file's SHA-256: hashing 2 GB must not delay the first frame."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from pathlib import Path

from framecloak.domain.errors import InputNotFoundError


class BackgroundFileHash:
    """SHA-256 of a file, computed in a background thread from construction on.

    Args:
        path: path of the file, which must not change while it is hashed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest: Future[str] = Future()
        # A daemon thread, so that an interrupted program does not wait for the rest of a large file.
        threading.Thread(target=self._compute, name=f"sha256 {path.name}", daemon=True).start()

    def sha256(self) -> str:
        """Wait for the digest and return it in hex.

        Raises:
            InputNotFoundError: the file can no longer be read.
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
