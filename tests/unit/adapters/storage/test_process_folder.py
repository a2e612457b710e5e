"""Folders of processes, and of processes that were killed."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from framecloak.adapters.storage.process_folder import ScratchFolder, remove_stale
from framecloak.domain.errors import StorageUnavailableError

KILLED = """
import os, signal, sys
from pathlib import Path
from framecloak.adapters.storage.process_folder import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]), "own-")
(folder.path / "frame.jpg").write_bytes(b"a face")
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_is_private_and_goes_with_everything_in_it(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path, "own-") as folder:
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        (folder.path / "frame.jpg").write_bytes(b"a face")
    assert list(tmp_path.iterdir()) == []


def test_the_living_keep_theirs(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path, "own-") as one, ScratchFolder(tmp_path, "own-") as other:
        assert remove_stale(tmp_path, "own-") == 0
        assert {one.path, other.path} == set(tmp_path.iterdir())


def test_that_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.strip())
    assert (left / "frame.jpg").exists()
    (tmp_path / "own-file").touch()
    (tmp_path / "somebody elses").mkdir()
    assert remove_stale(tmp_path, "own-") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own-file", "somebody elses"]
    assert remove_stale(tmp_path / "missing", "own-") == 0


def test_those_of_several_kinds_are_swept_together(tmp_path: Path) -> None:
    for name in ("own-1", "copies-1", "others-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "film").write_bytes(b"a face")
    assert remove_stale(tmp_path, "own-", "copies-") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["others-1"]


def test_one_that_cannot_be_removed_is_told_and_keeps_no_other_from_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own-1", "own-2", "own-3"):
        (tmp_path / name).mkdir()
    rmtree = shutil.rmtree

    def stubborn(folder: Path, **options: bool) -> None:
        if folder.name != "own-2":
            rmtree(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", stubborn)
    with pytest.raises(StorageUnavailableError, match=r"cannot remove 1 folder.*own-2"):
        remove_stale(tmp_path, "own-")
    assert [path.name for path in tmp_path.iterdir()] == ["own-2"]
