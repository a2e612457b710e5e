"""Stop slices at a frame in the middle for as long as a test needs, however fast the worker is.

A test leaves a token in a folder. The next worker that reaches that frame of a slice of the request takes
the token and waits until the test removes it. Workers are forked (see ``fork_server.py``) and get the
folder through their environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from weakref import WeakKeyDictionary

from framecloak.adapters.media.zip.archive import ZipArchive

_FRAME = 10
"""Frame at which a slice stops; all slices in question are longer."""

_POLL_SECONDS = 0.005

_STOPPING, _PASSING = "stopping", "passing"


@dataclass(frozen=True)
class HaltedSlice:
    """A slice that has stopped.

    Attributes:
        worker: process id of its worker, which otherwise runs as usual.
        number: number of the slice.
    """

    worker: int
    number: int


class Token:
    """Stops one slice of a request, or lets it pass.

    Args:
        folder: folder that workers check for tokens.
        request_id: id of the request.
        passing: let the slice that takes it continue, so that later slices take other tokens.
    """

    def __init__(self, folder: Path, request_id: str, *, passing: bool = False) -> None:
        self._folder = folder
        # Workers take the oldest one first.
        kind = _PASSING if passing else _STOPPING
        self._name = f"{request_id}_{time.monotonic_ns():020d}_{kind}_{uuid4().hex}"
        (folder / self._name).touch()

    def taken(self) -> HaltedSlice | None:
        """Return the slice that has taken it, if there is one."""
        for path in self._folder.glob(f"{self._name}.*"):
            _, worker, number = path.name.split(".")
            return HaltedSlice(int(worker), int(number))
        return None

    def remove(self) -> None:
        """Let the slice continue, or no slice stop."""
        (self._folder / self._name).unlink(missing_ok=True)
        for path in self._folder.glob(f"{self._name}.*"):
            path.unlink()


@contextmanager
def token(folder: Path, request_id: str, *, passing: bool = False) -> Iterator[Token]:
    """Leave a token for a worker, and remove it afterwards."""
    left = Token(folder, request_id, passing=passing)
    try:
        yield left
    finally:
        left.remove()


def install_halts(folder: Path) -> None:
    """Make slices of this process stop where there is a token for them."""
    add = ZipArchive.add
    added: WeakKeyDictionary[ZipArchive, int] = WeakKeyDictionary()

    def add_and_stop(self: ZipArchive, name: str, data: bytes) -> None:
        add(self, name, data)
        added[self] = added.get(self, 0) + 1
        if added[self] == _FRAME and (found := _slice_of(self)):
            _stop(folder, *found)

    ZipArchive.add = add_and_stop  # type: ignore[method-assign]


def _slice_of(archive: ZipArchive) -> tuple[str, int] | None:
    """Return request and number of the slice that an archive is a part of; None for a result."""
    kind, _, rest = archive._path.parent.name.partition("-")
    if kind != "slice" or archive._path.name != "part.zip":
        return None
    request_id, number, _ = rest.rsplit("-", 2)
    return request_id, int(number)


def _stop(folder: Path, request_id: str, number: int) -> None:
    """Take a token, if there is one, and wait until it is removed."""
    for free in sorted(folder.glob(f"{request_id}_*")):
        if free.suffix:
            continue  # taken: by which process, and for which slice
        taken = free.with_name(f"{free.name}.{os.getpid()}.{number}")
        try:
            free.rename(taken)
        except FileNotFoundError:
            continue  # taken by another worker, or removed
        while f"_{_STOPPING}_" in taken.name and taken.exists():
            time.sleep(_POLL_SECONDS)
        return
