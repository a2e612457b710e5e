"""Slices of a film with faces and text, found by the models that ship: the bytes are those of one go."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import cast

import av
import cv2
import pytest
from av.video.stream import VideoStream

from adapters.media.archive import ZipArchive, ZipReader
from adapters.media.probing import PyAvProber, keyframes
from adapters.media.pyav import open_video
from domain.anonymization.export import Exhibit, Export, batches
from domain.anonymization.instruments import Instruments
from domain.anonymization.parts import Binder, Binding, write_part
from domain.anonymization.planning import plan_slices
from domain.anonymization.request import Appearance, Level
from domain.videos import Region, Segment
from entrypoints.bootstrap import Container
from entrypoints.cli import demo_film
from entrypoints.settings import Settings
from fakes.results import IMPRINT

SEGMENTS = (Segment(3, 60), Segment(70, 118))
REGION = Region(0, 0, 64, 32)
LENGTH = 120


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    shoot_with_text(path)
    return path


def shoot_with_text(path: Path) -> None:
    """The demo's film with a line that stays, one that scrolls and one that is there for eight frames."""
    bare = path.with_name("bare.mp4")
    demo_film.shoot(bare)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream("libx264", rate=25))
        stream.width, stream.height, stream.pix_fmt = *demo_film.SIZE, "yuv420p"
        for frame in open_video(bare).frames(0, LENGTH):
            picture = frame.bgr()
            cv2.putText(picture, "CAMERA 12", (40, 60), font, 1.2, white, 3)
            cv2.putText(picture, "BREAKING NEWS", (1200 - 12 * frame.index, 690), font, 1.2, white, 3)
            if 30 <= frame.index < 38:
                cv2.putText(picture, "JANE DOE", (800, 60), font, 1.2, white, 3)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def instruments() -> Instruments:
    return Container.build(Settings.from_environment({})).instruments(Level.FULL)


@pytest.fixture(scope="module")
def export(film: Path) -> Export:
    exhibit = Exhibit(0, open_video(film), None, lambda index: f"frames/{index}", SEGMENTS, (REGION,))
    return Export(IMPRINT, Level.FULL, Appearance(), batches([exhibit]))


@pytest.fixture(scope="module")
def in_one_go(export: Export, instruments: Instruments, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "frames.zip"
    export.run(instruments, ZipArchive(path), lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize(("longest", "by_one_worker"), [(1000, False), (19, False), (19, True)])
def test_the_archive_is_the_same_to_the_byte(
    export: Export,
    instruments: Instruments,
    film: Path,
    in_one_go: bytes,
    tmp_path: Path,
    longest: int,
    by_one_worker: bool,
) -> None:
    slices = plan_slices(SEGMENTS, keyframes(PyAvProber().probe(film).frame_index), longest)
    result = tmp_path / "frames.zip"
    source = export.batches[0].source
    binding = Binding(export.imprint, export.level, export.appearance, source.sha256(), SEGMENTS, (REGION,))
    binder = Binder(binding, ZipArchive(result), lambda: None)
    seam = None
    for number, segment in enumerate(slices):
        path = tmp_path / f"{number}.zip"
        written = write_part(export, segment, instruments, ZipArchive(path), lambda: None, seam)
        seam = written.seam if by_one_worker else None
        if not by_one_worker:
            written.seam.close()
        with ZipReader(path) as part:
            binder.add(part)
    if seam:
        seam.close()
    binder.finish()
    assert len(slices) >= len(SEGMENTS)
    assert result.read_bytes() == in_one_go


def test_every_line_is_covered_in_every_frame_that_shows_it(in_one_go: bytes) -> None:
    with zipfile.ZipFile(BytesIO(in_one_go)) as archive:
        frames = json.loads(archive.read("manifest.json"))["frames"]

    def covered(entry: dict, box: tuple[int, int, int, int]) -> bool:
        """Whether one redacted text holds a line's middle nine tenths."""
        dx, dy = (box[2] - box[0]) // 20, (box[3] - box[1]) // 20
        x1, y1, x2, y2 = max(0, box[0]) + dx, box[1] + dy, min(1280, box[2]) - dx, box[3] - dy
        texts = [one["xyxy"] for one in entry["boxes"] if one["kind"] == "text"]
        return any(a <= x1 and b <= y1 and c >= x2 and d >= y2 for a, b, c, d in texts)

    for entry in frames:
        index = entry["index"]
        (width, height), _ = cv2.getTextSize("CAMERA 12", cv2.FONT_HERSHEY_SIMPLEX, 1.2, 3)
        assert covered(entry, (40, 60 - height, 40 + width, 60)), index
        (width, height), _ = cv2.getTextSize("BREAKING NEWS", cv2.FONT_HERSHEY_SIMPLEX, 1.2, 3)
        left = 1200 - 12 * index
        if left + width < 1280:
            assert covered(entry, (left, 690 - height, left + width, 690)), index
        (width, height), _ = cv2.getTextSize("JANE DOE", cv2.FONT_HERSHEY_SIMPLEX, 1.2, 3)
        if 30 <= index < 38:
            assert covered(entry, (800, 60 - height, 800 + width, 60)), index
