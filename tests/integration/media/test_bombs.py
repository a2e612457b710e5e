"""Small files that would take gigabytes: each is refused or bounded, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framecloak.adapters.media.sample_limit import SAMPLES_OF_SMALL_FILES
from support.patience import patience
from support.samples.bombs import (
    write_growing_alpha,
    write_growing_video,
    write_inflating_video,
    write_repeated_edits,
    write_repeated_samples,
    write_still_video,
)
from support.samples.media import write_video

MOST_EDITS = 95_000
"""Repetitions of 12 frames that are just allowed, at the size of the file."""
TESTS = Path(__file__).parents[2]
MIB = 1 << 20

_PROBE = """
import json, sys
from pathlib import Path
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.domain.errors import DomainError

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

before = resident("VmRSS:")
try:
    outcome = PyAvProber().probe(Path(sys.argv[1])).frame_count
except DomainError as error:
    outcome = error.code
print(json.dumps({"outcome": outcome, "bytes": resident("VmHWM:") - before}))
"""

_PREVIEWS = """
import asyncio, json, sys
from pathlib import Path
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.domain.errors import DomainError
from support.use_cases import FakeService, chunks

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

async def main(path, scratch, frame):
    service = FakeService(scratch, prober=PyAvProber())
    service.uploads._max_upload_bytes = 1 << 30
    anna = await service.person("anna")
    before = resident("VmRSS:")
    outcomes = []
    try:
        video = await service.uploads.upload(anna, path.name, chunks(path.read_bytes()))
    except DomainError as error:
        outcomes = [error.code]
    else:
        async def preview():
            try:
                return len(await service.collection.frame(anna, video.id, frame, 320)) and "shown"
            except DomainError as error:
                return error.code
        outcomes = await asyncio.gather(*(preview() for _ in range(12)))
    print(json.dumps({"outcomes": sorted(set(outcomes)), "bytes": resident("VmHWM:") - before}))

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
"""


def previewed(path: Path, scratch: Path, frame: int) -> dict[str, Any]:
    """Upload a file and request the same frame twelve times at once; return outcomes and peak memory."""
    return measured(_PREVIEWS, path, scratch, str(frame))


def measured(program: str, *arguments: Path | str) -> dict[str, Any]:
    """Run a program in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_a_film_of_98_megapixels_is_refused_at_its_header(tmp_path: Path, codec: str) -> None:
    path = write_still_video(tmp_path / "large.avi", (9900, 9900), codec)
    found = previewed(path, tmp_path, 0)
    assert found["outcomes"] == ["image_too_large"]
    assert found["bytes"] < 200 * MIB


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_a_stream_that_grows_is_refused_at_the_header_of_the_frame(tmp_path: Path, codec: str) -> None:
    path = write_growing_video(tmp_path / "grow.avi", (160, 160), (16000, 16000), codec)
    found = previewed(path, tmp_path, 2)
    assert found["outcomes"] == ["frame_damaged"]
    assert found["bytes"] < 200 * MIB
    assert previewed(path, tmp_path, 0)["outcomes"] == ["shown"]


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparency_that_grows_is_refused_at_its_header(tmp_path: Path, codec: str) -> None:
    path = write_growing_alpha(tmp_path / "grow.webm", codec)
    found = previewed(path, tmp_path, 2)
    assert found["outcomes"] == ["frame_damaged"]
    assert found["bytes"] < 200 * MIB
    assert previewed(path, tmp_path, 0)["outcomes"] == ["shown"]


def test_previews_of_the_largest_film_share_one_budget(tmp_path: Path) -> None:
    path = write_still_video(tmp_path / "large.avi", (5900, 5900), "mjpeg")
    found = previewed(path, tmp_path, 0)
    assert found["outcomes"] == ["shown"]
    assert found["bytes"] < 1024 * MIB


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_metadata_of_images_is_not_inflated(tmp_path: Path, kind: str) -> None:
    path = write_inflating_video(tmp_path / "profile.avi", kind, 128)
    found = previewed(path, tmp_path, 0)
    assert found["outcomes"] == ["shown"]
    assert found["bytes"] < 200 * MIB


def test_tables_that_list_billions_of_samples_are_refused(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", 12)
    for path in (
        write_repeated_samples(tmp_path / "samples.mp4", plain, 1 << 27),
        write_repeated_edits(tmp_path / "edits.mp4", plain, 1_000_000),
    ):
        found = previewed(path, tmp_path, 0)
        assert found["outcomes"] == ["unreadable_video"]
        assert found["bytes"] < 200 * MIB


def test_tables_just_below_the_limit_take_bounded_memory(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", 12)
    for path, outcome in (
        (write_repeated_samples(tmp_path / "samples.mp4", plain, SAMPLES_OF_SMALL_FILES), "unreadable_video"),
        (write_repeated_edits(tmp_path / "edits.mp4", plain, MOST_EDITS), 12 * MOST_EDITS),
    ):
        found = measured(_PROBE, path)
        assert found["outcome"] == outcome
        assert found["bytes"] < 250 * MIB
