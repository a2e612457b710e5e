from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from framecloak.adapters.media.zip.archive import ZipArchive
from support.http.client import wait_until
from support.processes import halting
from support.processes.halting import HaltedSlice, token

FRAMES = 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "halts"
    folder.mkdir()
    # ``obey`` replaces the method; monkeypatch restores it afterwards.
    monkeypatch.setattr(ZipArchive, "add", ZipArchive.add)
    halting.install_halts(folder)
    return folder


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def begin(pool: ThreadPoolExecutor, folder: Path, file: str = "part.zip") -> Future[list[int]]:
    """Start writing an archive in the pool; the result lists the number of frames after each addition."""
    folder.mkdir()

    def write() -> list[int]:
        archive, counts = ZipArchive(folder / file), []
        for index in range(FRAMES):
            archive.add(f"{index}.jpg", b"frame")
            counts.append(index + 1)
        archive.discard()
        return counts

    return pool.submit(write)


def test_a_slice_stops_until_its_token_is_removed(
    folder: Path, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    request_id = str(uuid4())
    with token(folder, request_id) as left:
        assert left.taken() is None
        work = begin(pool, tmp_path / f"slice-{request_id}-7-a_b")
        wait_until(left.taken, "the slice has stopped")
        assert left.taken() == HaltedSlice(os.getpid(), 7)
        # One token stops one slice of one request.
        other = begin(pool, tmp_path / f"slice-{request_id}-8-c")
        assert other.result() == list(range(1, FRAMES + 1))
        assert not work.done()
    assert work.result() == list(range(1, FRAMES + 1))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "file"), [("slice-{other}-0-x", "part.zip"), ("slice-{this}-0-x", "frames.zip")]
)
def test_slices_of_other_requests_and_other_archives_do_not_stop(
    folder: Path, tmp_path: Path, pool: ThreadPoolExecutor, name: str, file: str
) -> None:
    this, other = str(uuid4()), str(uuid4())
    with token(folder, this) as left:
        work = begin(pool, tmp_path / name.format(this=this, other=other), file)
        assert len(work.result()) == FRAMES
        assert left.taken() is None


def test_a_passing_token_is_used_before_one_that_stops(
    folder: Path, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    this = str(uuid4())
    with token(folder, this, passing=True) as first, token(folder, this) as second:
        assert len(begin(pool, tmp_path / f"slice-{this}-1-a").result()) == FRAMES
        assert (first.taken(), second.taken()) == (HaltedSlice(os.getpid(), 1), None)
        work = begin(pool, tmp_path / f"slice-{this}-0-b")
        wait_until(second.taken, "the slice has stopped")
        assert second.taken() == HaltedSlice(os.getpid(), 0)
    assert len(work.result()) == FRAMES
