"""Residual check: what each redaction style leaves of faces, and the cost of searching the result again.

    python -m benchmarks.anonymization.residuals [--shared FOLDER] [--runs 5]

The folder holds ``street.mp4``. For every style all its frames are redacted, once without a check (``verify
none``) and once with one (``verify all``). Independently of the program's own check, every removed face that
the detector is sure of in the source is compared with what is at the same landmarks in the result, and with
the other faces of its frame, which are different people. Times are medians of interleaved runs in this
process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.frames import ArrayFrame
from framecloak.domain.anonymization.detection.faces import FaceSearch
from framecloak.domain.anonymization.detection.scales import VIDEO_SCALES
from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionStyle, Verify
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame, FrameSource
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.reid.matching import default_threshold
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings

MIN_SCORE = 0.5
"""The shipped threshold: lowest score of a detection that counts as a face by itself."""

MIN_FACE_PX = 40
"""Minimum size in pixels of a face that a recogniser can identify."""

Faces = list[tuple[FloatArray, FloatArray]]
"""Landmarks, (1, 5, 2) pixels of the frame, and vector of each face of a frame."""


def redacted(
    container: Container, instruments: PipelineTools, video: Path, style: RedactionStyle, verify: Verify
) -> Path:
    """Redact a video into an archive in a folder of its own; return the archive."""
    source = container.open_source(video)
    exhibit = ExportSource(
        0, source, None, lambda index: f"frames/{index:07d}", (Segment(0, source.info.frame_count),)
    )
    export = ExportJob(
        container.issuer(), Level.FACES, Appearance(style=style), group_sources([exhibit]), verify=verify
    )
    path = Path(tempfile.mkdtemp()) / "out.zip"
    export.run(instruments, container.create_archive(path), lambda: None)
    return path


def originals(source: FrameSource, detector: FaceDetector, recognizer: FaceRecognizer) -> list[Faces]:
    """Return the confidently detected faces of every frame of a video."""
    found: list[Faces] = []
    for frame in source.frames(0, source.info.frame_count):
        width, height = (
            -(-side // detector.stride) * detector.stride for side in (frame.width, frame.height)
        )
        (faces,) = detector.detect([frame.rgb(width, height)], MIN_SCORE)
        faces = faces.scaled(frame.width / width, frame.height / height)
        large = np.sqrt(np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)) >= MIN_FACE_PX
        image = rgb(frame)
        found.append(
            [
                (landmarks, vector(recognizer, image, landmarks))
                for landmarks in faces.landmarks[large][:, None]
            ]
        )
    return found


def rgb(frame: Frame) -> Image:
    """Return a frame at its own size, RGB."""
    return np.ascontiguousarray(frame.bgr()[:, :, ::-1])


def vector(recognizer: FaceRecognizer, image: Image, landmarks: FloatArray) -> FloatArray:
    """Return the vector of the face at five landmarks, (1, 5, 2)."""
    found: FloatArray = recognizer.embed(recognizer.align(image, landmarks))[0]
    return found


def results(archive: Path) -> Iterator[tuple[dict[str, Any], Frame]]:
    """Yield each frame's entry in the manifest and the written frame, decoded at its full size."""
    with zipfile.ZipFile(archive) as files:
        for entry in json.loads(files.read("manifest.json"))["frames"]:
            written = OpenCvReader().read(files.read(entry["file"]), entry["index"])
            yield entry, ArrayFrame(written.index, written.bgr())


def remains(
    detector: FaceDetector, recognizer: FaceRecognizer, archive: Path, faces: list[Faces]
) -> tuple[int, list[float]]:
    """Count confident faces in a result, and compare removed faces with what is left of them."""
    sure, similarities = 0, []
    search = FaceSearch(detector, OpenCvSampler())
    for entry, frame in results(archive):
        (detected,) = search.analyze([frame], VIDEO_SCALES, MIN_SCORE)
        sure += 0 if detected.faces is None else len(detected.faces.scores)
        image = rgb(frame)
        similarities += [
            float(before @ vector(recognizer, image, landmarks))
            for landmarks, before in faces[entry["index"]]
            if is_redacted(landmarks, entry)
        ]
    return sure, similarities


def is_redacted(landmarks: FloatArray, entry: dict[str, Any]) -> bool:
    """Return whether the centre of a face is in a box of its frame's entry."""
    x, y = landmarks[0].mean(axis=0)
    boxes = (box["xyxy"] for box in entry["boxes"])
    return any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in boxes)


def cosines_of_others(faces: list[Faces]) -> list[float]:
    """Return the cosines between all faces that share a frame."""
    return [
        float(face[1] @ other[1])
        for frame in faces
        for index, face in enumerate(frame)
        for other in frame[:index]
    ]


def cost(container: Container, video: Path, runs: int) -> dict[Verify, float]:
    """Return the median time of each choice, as a multiple of ``none``."""
    instruments = container.pipeline_tools(Level.FACES, Verify.ALL)
    taken: dict[Verify, list[float]] = {verify: [] for verify in Verify}
    for _ in range(runs):
        for verify, times in taken.items():
            started = time.perf_counter()
            redacted(container, instruments, video, RedactionStyle.SOLID, verify)
            times.append(time.perf_counter() - started)
    bare = statistics.median(taken[Verify.NONE])
    return {verify: statistics.median(times) / bare for verify, times in taken.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    video = arguments.shared / "street.mp4"
    container = Container.build(Settings.from_environment({}))
    instruments = container.pipeline_tools(Level.FACES, Verify.ALL)
    recognizer = instruments.residual_tools.recognizer if instruments.residual_tools else None
    detector = instruments.detector
    if recognizer is None or detector is None:
        parser.error("there is no recogniser to compare faces with")
    faces = originals(container.open_source(video), detector, recognizer)
    limit = default_threshold(recognizer.space)
    apart = np.array(cosines_of_others(faces))
    print(
        f"{recognizer.card.name}: {sum(map(len, faces))} faces in {len(faces)} frames; {len(apart)} pairs of"
    )
    print(
        f"strangers, cosine {np.median(apart):.3f} (median), {np.quantile(apart, 0.99):.3f} (99 %), ", end=""
    )
    print(f"{apart.max():.3f} (highest); one person from {limit}\n")
    print(
        "| style | verify | sure faces left | left of removed faces, median | highest | above any stranger |",
        end="",
    )
    print(" residuals | redacted again | blanked |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for style in RedactionStyle:
        for verify in (Verify.NONE, Verify.ALL):
            archive = redacted(container, instruments, video, style, verify)
            sure, left = remains(detector, recognizer, archive, faces)
            with zipfile.ZipFile(archive) as files:
                proof = json.loads(files.read("manifest.json"))["proof"] or {}
            again = [proof.get(name, "") for name in ("residual_before", "redacted_again", "blanked")]
            alike = int((np.array(left) > apart.max()).sum())
            row = [
                style,
                verify,
                sure,
                f"{np.median(left):.3f}",
                f"{max(left):.3f}",
                f"{alike} of {len(left)}",
                *again,
            ]
            print(f"| {' | '.join(map(str, row))} |")
    print()
    for verify, times in cost(container, video, arguments.runs).items():
        print(f"verify {verify}: {times:.2f} times as long")


if __name__ == "__main__":
    main()
