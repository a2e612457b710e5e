"""``framecloak redact`` interrupted by a signal."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.processes import command
from support.samples.media import write_video


@pytest.fixture(scope="module")
def long_video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More frames than can be redacted before a signal arrives."""
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    return write_video(path, 500, size=(640, 480), options={"preset": "ultrafast"})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_leaves_no_unfinished_output(
    long_video_file: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    output = tmp_path / "out.zip"
    output.write_bytes(b"what was there before")
    arguments = ["redact", long_video_file, "-o", output, "--force", "--threads", "1"]
    with command.start_installed(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        wait_for_frames(tmp_path, process)
        process.send_signal(number)
        error = process.stderr.read()
        assert process.wait() == code
    assert error == "framecloak: interrupted: no incomplete output was left behind\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]
    assert output.read_bytes() == b"what was there before"


def wait_for_frames(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the first frames are in the unfinished file."""
    while not any(path.stat().st_size > 10_000 for path in folder.glob(".out.zip*")):
        assert process.poll() is None
        time.sleep(0.01)
