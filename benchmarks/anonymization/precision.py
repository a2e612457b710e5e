"""Time CenterFace in fp32 and int8 on this processor, and compare its scores with another processor's.

    python -m benchmarks.anonymization.precision ../shared/data/street.mp4 --save here.npz
    python -m benchmarks.anonymization.precision ../shared/data/street.mp4 --compare elsewhere.npz

Frames are 960 pixels wide, on one thread; the precisions alternate, and the results are medians of rounds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.vision.detection import centerface_graphs
from framecloak.adapters.vision.detection.centerface import published_weights
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.imaging.detections import FloatArray, Image

SIZE = (960, 544)
FRAME_STEP = 15
ROUNDS = 7
MIN_SCORE = 0.3
"""Lowest score at which a cell of the heat map counts as a face."""

PRECISIONS = (Precision.FP32, Precision.INT8)
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimddp")


def main() -> None:
    """Measure, print a table, and save or compare the scores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--save", type=Path, help="write the scores, to compare another processor with")
    parser.add_argument("--compare", type=Path, help="scores that another processor has saved")
    arguments = parser.parse_args()
    frames = list(read(arguments.video))
    sessions = {precision: open_session(graph(precision), Provider.CPU) for precision in PRECISIONS}
    scores = {precision: heat_maps(session, frames) for precision, session in sessions.items()}
    times: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(ROUNDS):
        for precision, session in sessions.items():
            begin = time.perf_counter()
            heat_maps(session, frames)
            times[precision].append((time.perf_counter() - begin) / len(frames))
    exact = scores[Precision.FP32]
    print(processor())
    print("\n| precision | ms a frame | of fp32 | mean error of faces' scores |\n| --- | --- | --- | --- |")
    for precision in PRECISIONS:
        median = float(np.median(times[precision]))
        ratio = median / float(np.median(times[Precision.FP32]))
        error = float(np.abs(scores[precision] - exact)[exact >= MIN_SCORE].mean())
        print(f"| {precision} | {median * 1000:.1f} | {ratio:.2f} | {error:.4f} |")
    if arguments.save:
        np.savez_compressed(arguments.save, **{str(name): values for name, values in scores.items()})
    if arguments.compare:
        with np.load(arguments.compare) as other_scores:
            for precision in PRECISIONS:
                largest = float(np.abs(scores[precision] - other_scores[str(precision)]).max())
                print(f"largest difference of a score in {precision}: {largest:.2e}")


def read(video: Path) -> list[Image]:
    """Return every EVERYth frame, (544, 960, 3) RGB, followed by a copy as dark as at night."""
    source = open_video(video)
    bright = [
        np.ascontiguousarray(cv2.resize(frame.bgr(), SIZE, interpolation=cv2.INTER_AREA)[:, :, ::-1])
        for frame in source.frames(0, source.info.frame_count)
        if frame.index % FRAME_STEP == 0
    ]
    return [*bright, *((frame * 0.15).astype(np.uint8) for frame in bright)]


def graph(precision: Precision) -> bytes:
    """Build the graph of a precision, whatever the models folder contains."""
    return centerface_graphs.build(published_weights(), precision)


def heat_maps(session: OnnxSession, frames: list[Image]) -> FloatArray:
    """Return the score of every cell of every frame, (frames, rows, columns)."""
    return np.stack([session.run(frame[None])[0][0, 0] for frame in frames])


def processor() -> str:
    """Return the processor's name and the instructions that decide how int8 is calculated."""
    lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in fields.items()}
    words = f"{values.get('flags', '')} {values.get('Features', '')}".split()
    known = ", ".join(flag for flag in FLAGS if flag in words)
    return f"{values.get('model name', 'unknown processor')}: {known}"


if __name__ == "__main__":
    main()
