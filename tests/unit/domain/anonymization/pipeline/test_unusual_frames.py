"""One-frame videos, panoramas, frames of a few pixels and frames that fail in the middle of a block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fakes.media import FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER
from fakes.vision import FakeFaceDetector, paint_face
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import SourceInfo
from support.samples.turning_people import Person, World, WorldDetector, WorldSource

Box = tuple[int, int, int, int]


class VideoSource(FakeSource):
    """A video at 25 frames a second, of however few frames."""

    @property
    def info(self) -> SourceInfo:
        return replace(super().info, frame_rate=25.0, duration=self.count / 25, continuous=True)


def redact(source: FakeSource | WorldSource, tools: PipelineTools) -> list[RedactedFrame]:
    whole = Segment(0, source.info.frame_count)
    export_source = ExportSource(0, source, None, str, (whole,))
    job = ExportJob(ISSUER, Level.FACES, Appearance(), group_sources([export_source]))
    # Looks in other shapes are for a hint only.
    spec = replace(job.redaction_spec(job.groups[0]), shape_looks=None)
    return list(redacted_frames(source, whole, spec, tools))


def painted(size: tuple[int, int], box: Box | None) -> Image:
    """Return a frame, BGR; magenta is the same in RGB."""
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    if box:
        paint_face(image, box)
    return image


def uncovered(frames: list[RedactedFrame], size: tuple[int, int], box: Box) -> list[int]:
    """Return the frames in which a pixel of the face is left."""
    x1, y1, x2, y2 = box
    return [
        frame.index
        for frame in frames
        if np.frombuffer(frame.data, np.uint8).reshape(size[1], size[0], 3)[y1:y2, x1:x2].any()
    ]


@pytest.mark.parametrize("source", [FakeSource, VideoSource], ids=["images", "video"])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((16, 16), (4, 4, 12, 12)),
        ((16, 16), (0, 0, 16, 16)),
        ((640, 160), (10, 60, 40, 90)),
        ((640, 160), (600, 60, 640, 100)),
        ((1600, 400), (700, 100, 760, 160)),
        ((90, 360), (30, 300, 60, 330)),
        ((1, 1), (0, 0, 1, 1)),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_face_is_covered_in_frames_of_any_shape(
    source: type[FakeSource], size: tuple[int, int], box: Box, count: int
) -> None:
    tools = PipelineTools(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), FakeSampler(), 1)
    frames = redact(source("frames", count, lambda _: painted(size, box)), tools)
    assert len(frames) == count
    assert not any(frame.blanked for frame in frames)
    assert uncovered(frames, size, box) == []


@pytest.mark.parametrize("size", [(16, 16), (640, 160), (1, 1)])
def test_nothing_is_covered_where_nothing_is(size: tuple[int, int]) -> None:
    tools = PipelineTools(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), FakeSampler(), 1)
    frames = redact(VideoSource("frames", 3, lambda _: painted(size, None)), tools)
    assert all(frame.boxes == () and not frame.blanked for frame in frames)


@pytest.mark.parametrize("direction", [90, 180, 270])
@pytest.mark.parametrize("lost", [frozenset[int](), frozenset({0, 7, 12})])
def test_a_turned_person_is_covered_in_every_frame(direction: int, lost: frozenset[int]) -> None:
    length = 30
    sure, never = (0.9,) * length, (0.0,) * length
    person = Person(range(length), (60.0, 40.0), 0.6, 20, direction, sure, never)
    world = World(length, (person,), lost=lost)
    tools = PipelineTools(WorldDetector(world), FakeRedactor(), FakeEncoder(), FakeSampler(), 2)
    frames = redact(WorldSource(world), tools)
    assert {frame.index for frame in frames if frame.blanked} == lost
    for frame in frames:
        boxes = np.array([box.xyxy for box in frame.boxes], np.float64).reshape(-1, 4)
        centre = np.array(person.position(frame.index))
        face = np.concatenate([centre - 10, centre + 10])
        assert frame.blanked or box_geometry.covers(boxes, face).any()
