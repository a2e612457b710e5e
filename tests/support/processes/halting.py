"""Slices that stop at a frame in the middle, for as long as a test likes, however quick the worker is.

A test leaves a token in a folder. The next worker that comes to that frame of a slice of the request takes
it, and waits until the test takes it away. Workers are forked (see ``fork_server.py``), and are told of the
folder in their environment.
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
"""The frame that a slice stops at; all slices that tests stop are longer."""

_LOOK = 0.005

_STOPPING, _PASSING = "stopping", "passing"


@dataclass(frozen=True)
class Halted:
    """A slice that has stopped.

    Attributes:
        worker: id of the process that works on it; otherwise it goes on as always.
        number: of the slice.
    """

    worker: int
    number: int


class Token:
    """Stops one slice of a request, or lets it pass.

    Args:
        folder: where workers look for it.
        request_id: of the request.
        passing: whether the slice that takes it goes on, so that those behind it are for others.
    """

    def __init__(self, folder: Path, request_id: str, *, passing: bool = False) -> None:
        self._folder = folder
        # Workers take the oldest one first.
        kind = _PASSING if passing else _STOPPING
        self._name = f"{request_id}_{time.monotonic_ns():020d}_{kind}_{uuid4().hex}"
        (folder / self._name).touch()

    def taken(self) -> Halted | None:
        """The slice that has taken it, if there is one."""
        for path in self._folder.glob(f"{self._name}.*"):
            _, worker, number = path.name.split(".")
            return Halted(int(worker), int(number))
        return None

    def remove(self) -> None:
        """Have the slice go on, or none stop."""
        (self._folder / self._name).unlink(missing_ok=True)
        for path in self._folder.glob(f"{self._name}.*"):
            path.unlink()


@contextmanager
def token(folder: Path, request_id: str, *, passing: bool = False) -> Iterator[Token]:
    """Leave a token for a worker, and take it away afterwards."""
    left = Token(folder, request_id, passing=passing)
    try:
        yield left
    finally:
        left.remove()


def obey(folder: Path) -> None:
    """Have slices of this process stop where there is a token for them."""
    add = ZipArchive.add
    added: WeakKeyDictionary[ZipArchive, int] = WeakKeyDictionary()

    def add_and_stop(self: ZipArchive, name: str, data: bytes) -> None:
        add(self, name, data)
        added[self] = added.get(self, 0) + 1
        if added[self] == _FRAME and (found := _slice_of(self)):
            _stop(folder, *found)

    ZipArchive.add = add_and_stop  # type: ignore[method-assign]


def _slice_of(archive: ZipArchive) -> tuple[str, int] | None:
    """Request and number of the slice that an archive is a part of; None for a result."""
    kind, _, rest = archive._path.parent.name.partition("-")
    if kind != "slice" or archive._path.name != "part.zip":
        return None
    request_id, number, _ = rest.rsplit("-", 2)
    return request_id, int(number)


def _stop(folder: Path, request_id: str, number: int) -> None:
    """Take a token, if one is left, and wait for as long as it stays."""
    for free in sorted(folder.glob(f"{request_id}_*")):
        if free.suffix:
            continue  # taken: by which process, and for which slice
        mine = free.with_name(f"{free.name}.{os.getpid()}.{number}")
        try:
            free.rename(mine)
        except FileNotFoundError:
            continue  # taken by another worker, or taken away
        while f"_{_STOPPING}_" in mine.name and mine.exists():
            time.sleep(_LOOK)
        return
