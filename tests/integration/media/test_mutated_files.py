"""Mutated files of every container: no crash, no hang, no internal error.

``MUTATIONS`` in the environment is the number of mutated files of each container.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.deployment_files import ROOT
from support.formats.codecs import SOUND_CODECS, VIDEO_CODECS
from support.formats.containers import CONTAINERS, Container
from support.formats.images import IMAGES, ImageFormat, write_image_format
from support.formats.writing import write_frames
from support.patience import patience
from support.samples.beeps import write_beeping_video

COUNT = int(os.environ.get("MUTATIONS", "20"))


def sample(folder: Path, kind: Container | ImageFormat) -> Path:
    if isinstance(kind, ImageFormat):
        return write_image_format(folder / kind.name, kind)
    codec, path = VIDEO_CODECS[kind.video[0]], folder / f"a.{kind.suffix}"
    if not kind.sound:
        return write_frames(path, codec, kind.format, count=6)
    sound = SOUND_CODECS[kind.sound[0]].encoder
    return write_beeping_video(path, sound, video_codec=codec.encoder, format_name=kind.format, seconds=0.4)


def faults(path: Path, first: int, count: int) -> list[object]:
    command = [sys.executable, "-m", "support.formats.mutations", str(path), str(first), str(count)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'namespace'}:{ROOT / 'tests'}"}
    done = subprocess.run(
        command, capture_output=True, check=False, env=environment, timeout=patience(60 + 30 * count)
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


KINDS = [pytest.param(kind, id=kind.title) for kind in (*CONTAINERS, *IMAGES)]


@pytest.mark.formats
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(tmp_path: Path, kind: Container | ImageFormat) -> None:
    assert faults(sample(tmp_path, kind), 0, COUNT) == []
