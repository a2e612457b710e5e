"""Scratch folders of running processes and of killed ones."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from framecloak.adapters.storage.scratch_folder import ScratchFolder, remove_stale
from framecloak.domain.errors import StorageUnavailableError

KILLED = """
import os, signal, sys
from pathlib import Path
from framecloak.adapters.storage.scratch_folder import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]), "own-")
(folder.path / "frame.jpg").write_bytes(b"a face")
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_is_private_and_is_removed_with_its_contents(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path, "own-") as folder:
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        (folder.path / "frame.jpg").write_bytes(b"a face")
    assert list(tmp_path.iterdir()) == []


def test_folders_of_running_processes_stay(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path, "own-") as first, ScratchFolder(tmp_path, "own-") as second:
        assert remove_stale(tmp_path, "own-") == 0
        assert {first.path, second.path} == set(tmp_path.iterdir())


def test_the_folder_of_a_killed_process_is_removed(tmp_path: Path) -> None:
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
    (tmp_path / "other folder").mkdir()
    assert remove_stale(tmp_path, "own-") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other folder", "own-file"]
    assert remove_stale(tmp_path / "missing", "own-") == 0


def test_folders_with_different_prefixes_are_removed_together(tmp_path: Path) -> None:
    for name in ("own-1", "copies-1", "others-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "video").write_bytes(b"a face")
    assert remove_stale(tmp_path, "own-", "copies-") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["others-1"]


def test_a_folder_that_cannot_be_removed_is_reported_and_others_are_removed(
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
