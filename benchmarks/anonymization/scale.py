"""Time and memory of ``framecloak redact`` against length, faces per frame and resolution; start-up time.

Run with ``make bench-scale``. Needs the folder of real footage beside the checkout, and up to 35 GB of
temporary space for an hour of video.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from benchmarks.anonymization.redact_vs_deface import BIN, CLIP_FRAMES, DATA, Runs
from benchmarks.footage.clip import FULL, Clip, all_heads, seeded_rng
from benchmarks.footage.make import write
from benchmarks.footage.motion import crowd
from benchmarks.footage.stills import BACKDROPS, load_stills

MINUTES = (1, 10, 60)
FRAMES_PER_MINUTE = 25 * 60
FACES = (0, 1, 5, 15, 30, 60)
FACE_WIDTHS_PX = (24, 75)
HEIGHTS_PX = (360, 480, 720, 1080, 1440, 2160)
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one run.

    Attributes:
        frames: frames redacted.
        boxes: boxes per frame, on average.
        seconds: time of the whole process.
        processor: its processor time in seconds, user and system.
        peak_mb: its peak memory.
    """

    frames: int
    boxes: float
    seconds: float
    processor: float
    peak_mb: float

    def __str__(self) -> str:
        rate, processor_ms = self.frames / self.seconds, 1000 * self.processor / self.frames
        return (
            f"{self.frames:>7} frames {self.boxes:6.1f} boxes a frame {rate:7.1f} frames/s "
            f"{processor_ms:7.1f} ms of processor time a frame {self.peak_mb:6.0f} MB"
        )


def redacted(video: Path, archive: Path, options: Sequence[str], rounds: int = 1) -> Cost:
    """Redact a video in processes of their own, and return the medians of the rounds."""
    runs = Runs()
    for _ in range(rounds):
        runs.add([BIN / "framecloak", "redact", video, "-o", archive, "--force", *options])
    with zipfile.ZipFile(archive) as opened:
        frames = json.loads(opened.read("manifest.json"))["frames"]
    archive.unlink()
    boxes = sum(len(frame.get("boxes", ())) for frame in frames) / len(frames)
    seconds, processor = statistics.median(runs.seconds), statistics.median(runs.processor)
    return Cost(len(frames), boxes, seconds, processor, statistics.median(runs.peak_mb))


def looped(folder: Path, minutes: float) -> Path:
    """Repeat the clip by copying its packets."""
    film, times = (
        folder / f"looped_{minutes:g}.mp4",
        max(0, round(minutes * FRAMES_PER_MINUTE / CLIP_FRAMES) - 1),
    )
    _ffmpeg("-stream_loop", str(times), "-i", str(DATA / "street.mp4"), "-an", "-c", "copy", str(film))
    return film


def resized(folder: Path, height: int) -> Path:
    """Scale the clip to a height."""
    film = folder / f"scaled_{height}.mp4"
    scaling = ["-vf", f"scale=-2:{height}", "-c:v", "libx264", "-crf", "18", str(film)]
    _ffmpeg("-i", str(DATA / "street.mp4"), "-an", *scaling)
    return film


def populated(folder: Path, faces: int) -> Path:
    """Show so many people at once who walk about, at 1080p."""
    stills = load_stills()
    backdrop = stills[BACKDROPS[1]]
    rng = seeded_rng("scale")
    scene = crowd(rng, all_heads(stills), backdrop, FULL, max(1, faces), FACE_WIDTHS_PX, shake=4)
    empty = lambda t: scene(t)[:1]  # noqa: E731 (the backdrop is the first layer)
    clip = Clip(f"faces_{faces}", FULL, 100, 6000, scene if faces else empty)
    write(clip, folder)
    return folder / f"{clip.name}.mp4"


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments], check=True)


def main() -> None:
    """Run the parts that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--minutes", type=float, nargs="*", default=MINUTES, help="lengths of the street video"
    )
    parser.add_argument("--faces", type=int, nargs="*", default=FACES, help="people in a frame")
    parser.add_argument("--heights", type=int, nargs="*", default=HEIGHTS_PX, help="of the street video")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each video but the long ones")
    parser.add_argument("--folder", type=Path, help="for the videos and results; default: a temporary one")
    parser.add_argument("options", nargs="*", help="options of framecloak redact, after --")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("the folder of real footage is not beside this checkout; nothing to measure")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        archive = folder / "redacted.zip"
        for height in arguments.heights:
            cost = redacted(resized(folder, height), archive, arguments.options, arguments.rounds)
            print(f"{height:>5} lines  {cost}", flush=True)
        for faces in arguments.faces:
            cost = redacted(populated(folder, faces), archive, arguments.options, arguments.rounds)
            print(f"{faces:>5} people {cost}", flush=True)
        for minutes in arguments.minutes:
            film = looped(folder, minutes)
            print(f"{minutes:>5g} min    {redacted(film, archive, arguments.options)}", flush=True)
            film.unlink()
        start = Runs()
        for _ in range(arguments.rounds):
            command = [BIN / "framecloak", "redact", DATA / "street.mp4", "-o", archive]
            start.add([*command, "--segments", "0:1", "--force", *arguments.options])
        print(f"one frame of {CLIP_FRAMES}, whole process: {statistics.median(start.seconds):.2f} s")


if __name__ == "__main__":
    main()
