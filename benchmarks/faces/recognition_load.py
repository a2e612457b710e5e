"""Faces a second of 16 concurrent callers, against the same models called directly in a loop.

Three variants on the same images, alternating, so that other load on the machine affects all equally:

- direct: as many threads as there are cores, each decoding, detecting and embedding image after image;
- service: `FaceAnalyzer` with concurrent callers, as the API uses it;
- insightface (``--pack``): the pack's own ``FaceAnalysis.get`` in a loop, decoding with OpenCV.

    python -m benchmarks.faces.recognition_load [--pack FOLDER] [--callers 16] [--rounds 5] PICTURE...
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import framecloak.adapters.vision  # noqa: F401 - before ONNX Runtime: turns its telemetry off

# isort: split
import cv2
import numpy as np
from insightface.app import FaceAnalysis as InsightFace

from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.domain.reid.analysis import FaceAnalyzer
from framecloak.domain.reid.face_search import detect_faces
from framecloak.entrypoints.composition.reid import load_analysis
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.settings.resources import available_cores

DEFAULT_PICTURES = 200
"""Images analysed in a round."""


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--pack", type=Path, help="an InsightFace pack, in a folder named models")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures-a-round", type=int, default=DEFAULT_PICTURES)
    arguments = parser.parse_args()
    total = arguments.pictures_a_round
    settings = Settings.from_environment({})
    if arguments.pack:
        settings = replace(
            settings,
            models=arguments.pack.parent,
            detector=arguments.pack.name,
            recognizer=arguments.pack.name,
        )
    analysis = load_analysis(settings)
    files = [path.read_bytes() for path in arguments.pictures]
    variants: dict[str, Callable[[], int]] = {
        "direct": lambda: direct(analysis, files, total),
        "service": lambda: asyncio.run(service(analysis, files, total, arguments.callers)),
    }
    if arguments.pack:
        variants["insightface"] = insightface(arguments.pack, files, total)
    for way in variants.values():
        way()
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(arguments.rounds):
        for name, way in variants.items():
            started = time.perf_counter()
            faces = way()
            rates[name].append(faces / (time.perf_counter() - started))
    print(f"{analysis.detector.card.name} and {analysis.space.name}, {available_cores()} cores")
    base = statistics.median(rates["service"])
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"{name:<12}{rate:8.1f} faces/s   service is {base / rate:.2f}x")
    analysis.close()


def direct(analysis: FaceAnalyzer, files: list[bytes], total: int, *, largest: bool = False) -> int:
    """Run the models and nothing else, over as many threads as there are cores.

    Args:
        analysis: analyzer with the models.
        files: images, used in rotation.
        total: number of images to analyse.
        largest: whether only the largest face of each is embedded, as `/analyze` does.

    Returns:
        Number of embedded faces.
    """
    reader, numbers = UntrustedImageReader(), count()

    def loop(_: int) -> int:
        faces = 0
        while (number := next(numbers)) < total:
            frame = reader.read(files[number % len(files)])
            found = detect_faces(analysis.detector, frame)
            if largest and len(found):
                areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
                found = found.select(areas.argmax()[np.newaxis])
            image = frame.rgb(frame.width, frame.height)
            chips = analysis.recognizer.align(image, found.landmarks)
            step = analysis.recognizer.max_batch
            for start in range(0, len(chips), step):
                faces += len(analysis.recognizer.embed(chips[start : start + step]))
        return faces

    with ThreadPoolExecutor(available_cores()) as pool:
        return sum(pool.map(loop, range(available_cores())))


async def service(analysis: FaceAnalyzer, files: list[bytes], total: int, callers: int) -> int:
    """Run concurrent callers, each sending one image after the other."""
    numbers = count()

    async def call() -> int:
        faces = 0
        while (number := next(numbers)) < total:
            (found,) = await analysis.analyze_all([files[number % len(files)]])
            if isinstance(found, Exception):
                raise found
            faces += len(found.faces)
        return faces

    return sum(await asyncio.gather(*(call() for _ in range(callers))))


def insightface(pack: Path, files: list[bytes], total: int, *, largest: bool = False) -> Callable[[], int]:
    """Return InsightFace's own loop over the same files; arguments as for `direct`."""
    app = InsightFace(name=pack.name, root=str(pack.parent.parent), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=-1, det_size=(640, 640))

    def run() -> int:
        faces = 0
        for number in range(total):
            image = cv2.imdecode(np.frombuffer(files[number % len(files)], np.uint8), cv2.IMREAD_COLOR)
            assert image is not None  # noqa: S101 -- the service reads the same files
            faces += len(app.get(image, max_num=1 if largest else 0))
        return faces

    return run


if __name__ == "__main__":
    main()
