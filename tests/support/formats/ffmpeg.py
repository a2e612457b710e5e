"""FFmpeg's own command line as the reference of the format matrix."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from framecloak.domain.imaging.detections import Image
from support.patience import patience
from support.samples.beeps import beep_times

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs the ffmpeg command line (apt-get install ffmpeg)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What FFmpeg's command line makes of a file.

    Attributes:
        frames: every frame, (h, w, 3) uint8 BGR.
        times: when each is shown, in seconds from the first.
        beeps: when each beep begins, in seconds from the first frame; empty without sound.
    """

    frames: list[Image]
    times: list[float]
    beeps: list[float]


def shown_by_ffmpeg(path: Path, folder: Path) -> Reference:
    """Decode a file with FFmpeg's command line.

    Args:
        path: file to read.
        folder: folder for what FFmpeg writes.
    """
    output = folder / "reference.nut"
    command = [
        *("ffmpeg", "-v", "error", "-nostdin", "-y", "-copyts", "-threads", "1", "-i", str(path)),
        *("-map", "0:v:0", "-map", "0:a:0?", "-c:v", "rawvideo", "-pix_fmt", "bgr24", "-c:a", "pcm_s16le"),
        *("-sws_flags", "bicubic+accurate_rnd+full_chroma_int", "-vsync", "passthrough"),
        *("-enc_time_base:v", "-1", str(output)),
    ]
    result = subprocess.run(command, capture_output=True, check=False, timeout=patience(60))
    if not output.exists() or not output.stat().st_size:
        reason = result.stderr.decode().strip().splitlines()
        pytest.skip(f"this ffmpeg cannot read {path.name}: {reason[0] if reason else result.returncode}")
    with av.open(str(output)) as container:
        decoded = list(container.decode(video=0))
        sound = bool(container.streams.audio)
    times = [frame.time or 0.0 for frame in decoded]
    beeps = [time - times[0] for time in beep_times(output)] if sound else []
    frames = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in decoded]
    output.unlink()
    return Reference(frames, [time - times[0] for time in times], beeps)
