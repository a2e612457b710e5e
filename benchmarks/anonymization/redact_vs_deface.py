"""Compare ``framecloak redact`` with the ``deface`` command line: whole processes on the same files.

Run with ``make bench``. Needs the folder of real footage beside the checkout. For each precision it prints
medians of several rounds in which the two alternate, their ratio round by round, peak memory, the processor
time of detection as a multiple of that of decoding and encoding alone, and how well the boxes of the same run
cover the hand-verified faces. Last come the clips of ``make bench-sight``, whose truth says who is who: for
each precision, what is covered and how many people are never missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import framecloak.adapters.vision  # noqa: F401 - before ONNX Runtime: turns its telemetry off

# isort: split
import imageio.v2 as imageio
import imageio_ffmpeg
from deface.centerface import CenterFace

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
BIN = Path(sys.executable).parent
CLIP_FRAMES = 105
LOOPS = 4
"""How often the clip of 105 frames is repeated, so that start-up time does not dominate."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Environment of the measured processes: like installed programs, they keep their modules compiled."""
QUICK_CLIPS = "--clips-only", "--quick", "--deface-every", "0"
PRECISIONS = ("int8", "fp32")


@dataclass
class Runs:
    """Cost of the rounds of one command."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Processor time, user and system, of the process and its threads, in seconds."""
    peak_mb: list[float] = field(default_factory=list)

    def add(self, command: list[str | Path]) -> None:
        """Run the command once in a process of its own."""
        began = time.perf_counter()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=ENVIRONMENT)
            _, status, usage = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
            if os.waitstatus_to_exitcode(status):
                output.seek(0)
                sys.exit(f"{command} failed:\n{output.read().decode(errors='replace')[-2000:]}")
        self.seconds.append(took)
        self.processor.append(usage.ru_utime + usage.ru_stime)
        self.peak_mb.append(usage.ru_maxrss / 1024)


def prepare(folder: Path, loops: int) -> dict[str, Path]:
    """Prepare the clips: the video repeated as it is, and scaled to 640x360."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    full, small = folder / "street_1080p.mp4", folder / "street_360p.mp4"
    quiet = [ffmpeg, "-v", "error", "-y"]
    looped = ["-stream_loop", str(loops), "-i", DATA / "street.mp4", "-an", "-c", "copy", full]
    scaled = ["-i", full, "-vf", "scale=640:360", "-c:v", "libx264", "-crf", "18", small]
    subprocess.run([*quiet, *looped], check=True)
    subprocess.run([*quiet, *scaled], check=True)
    return {"1920x1080": full, "640x360": small}


def manifest(archive: Path) -> dict:
    """Read the manifest of one of our ZIPs."""
    with zipfile.ZipFile(archive) as opened:
        return json.loads(opened.read("manifest.json"))


def our_boxes(archive: Path) -> dict[str, list[list[float]]]:
    """Return the boxes of the first pass through the loop."""
    return {
        str(frame["index"]): [box["xyxy"] for box in frame["boxes"]]
        for frame in manifest(archive)["frames"][:CLIP_FRAMES]
    }


def enlarged(boxes: dict[str, list[list[float]]], width: int) -> dict[str, list[list[float]]]:
    """Scale boxes of a video of some width to pixels of the original, which is 1920 wide."""
    zoom = 1920 / width
    return {index: [[side * zoom for side in box] for box in row] for index, row in boxes.items()}


def deface_boxes(video: Path, frames: int | None = None, every: int = 1) -> dict[str, list[list[float]]]:
    """Run ``deface``'s detection with its defaults: threshold 0.2, masks grown by 0.3 on every side.

    Args:
        video: any video.
        frames: stop after so many; None for all.
        every: detect in every so many frames, and leave the others out of the result.

    Returns:
        Boxes by frame, in pixels of the video.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it announces its execution provider
        detector = CenterFace(in_shape=None, backend="onnxrt")
    found = {}
    for index, frame in enumerate(imageio.get_reader(video)):
        if index == frames:
            break
        if index % every:
            continue
        boxes = []
        for x1, y1, x2, y2, _ in detector(frame, threshold=0.2)[0]:
            grow_x, grow_y = (x2 - x1) * 0.3, (y2 - y1) * 0.3
            grown = (x1 - grow_x, y1 - grow_y, x2 + grow_x, y2 + grow_y)
            boxes.append([float(side) for side in grown])
        found[str(index)] = boxes
    return found


def coverage(boxes: dict[str, list[list[float]]], folder: Path, *, ellipse: bool) -> str:
    """Run the scorer that came with the ground truth."""
    file = folder / "boxes.json"
    file.write_text(json.dumps(boxes))
    command = [sys.executable, DATA / "score_faces.py", file, "--video", "street.mp4", "--json"]
    scored = json.loads(subprocess.check_output([*command, *(["--ellipse"] if ellipse else [])]))
    return (
        f"clear {scored['recall']:.3f}, all {scored['recall_all']:.3f}, "
        f"redacted {100 * scored['area']:.2f} %, away from faces {100 * scored['false_area']:.2f} %"
    )


def measure_cost(name: str, video: Path, archives: dict[str, Path], rounds: int) -> None:
    """Run all commands in turn and print their cost; ``archives`` are our results by precision."""
    theirs, alone = Runs(), Runs()
    ours = {precision: Runs() for precision in archives}
    for _ in range(rounds):
        for precision, archive in archives.items():
            archive.unlink(missing_ok=True)
            ours[precision].add(
                [BIN / "framecloak", "redact", video, "-o", archive, "--precision", precision]
            )
        theirs.add([BIN / "deface", video, "-o", video.with_suffix(".defaced.mp4")])
        alone.add([sys.executable, "-m", "benchmarks.anonymization.decode_and_encode", video])
    frames = len(manifest(next(iter(archives.values())))["frames"])
    base = statistics.median(alone.processor)
    print(f"\n{name}, {frames} frames, {rounds} rounds")
    for label, runs in ({f"framecloak {p}": runs for p, runs in ours.items()} | {"deface": theirs}).items():
        seconds, processor = statistics.median(runs.seconds), statistics.median(runs.processor)
        print(
            f"  {label:<16} {seconds:7.2f} s  {frames / seconds:6.1f} frames/s  "
            f"peak {statistics.median(runs.peak_mb):5.0f} MB  "
            f"{1000 * processor / frames:6.1f} ms of processor time a frame"
        )
    print(f"  decode and JPEG  {1000 * base / frames:34.1f} ms of processor time a frame, alone")
    for precision, runs in ours.items():
        ratios = [b / a for a, b in zip(runs.seconds, theirs.seconds, strict=True)]
        multiples = [a / b - 1 for a, b in zip(runs.processor, alone.processor, strict=True)]
        print(
            f"  {precision}: {statistics.median(ratios):.1f}x as fast as deface "
            f"(rounds: {min(ratios):.1f}x to {max(ratios):.1f}x); all that is not decoding and JPEG costs "
            f"{statistics.median(multiples):.1f} times as much as those "
            f"({min(multiples):.1f} to {max(multiples):.1f})"
        )


def compare_coverage(name: str, video: Path, archives: dict[str, Path]) -> None:
    """Print how well each covers the hand-verified faces; ours by the boxes of the last round."""
    print(f"\n{name}, coverage of the hand-verified faces")
    for precision, archive in archives.items():
        width = manifest(archive)["sources"][0]["width"]
        ours = enlarged(our_boxes(archive), width)
        print(f"  {f'framecloak {precision}':<21} {coverage(ours, archive.parent, ellipse=False)}")
    theirs = enlarged(deface_boxes(video, CLIP_FRAMES), width)
    print(f"  deface, its ellipses  {coverage(theirs, video.parent, ellipse=True)}")
    print(f"  deface, its boxes     {coverage(theirs, video.parent, ellipse=False)}")


def count_people(folder: Path) -> None:
    """Redact the clips with exact truth in each precision, and print whom it covers."""
    for precision in PRECISIONS:
        print(f"\n{precision}, clips with exact truth", flush=True)
        command = [sys.executable, "-m", "benchmarks.anonymization.sight", *QUICK_CLIPS, "--folder", folder]
        subprocess.run([*command, "--", "--precision", precision, "--verify", "none"], check=True)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loops", type=int, default=LOOPS, help="how often the video is repeated")
    parser.add_argument("--no-people", action="store_true", help="leave the clips with exact truth out")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("the folder of real footage is not beside this checkout; nothing to compare on")
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = prepare(folder, arguments.loops)
        archives = {
            name: {precision: folder / f"{name}-{precision}.zip" for precision in PRECISIONS}
            for name in videos
        }
        for name, video in videos.items():
            measure_cost(name, video, archives[name], arguments.rounds)
        # Only now: the kernel never reports a child's peak memory below its parent's size.
        for name, video in videos.items():
            compare_coverage(name, video, archives[name])
        if not arguments.no_people:
            count_people(folder)


if __name__ == "__main__":
    main()
