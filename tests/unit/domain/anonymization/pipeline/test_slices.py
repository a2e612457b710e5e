"""Slices of a video with turned, weak, refuted and followed heads: the same result wherever it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeRedactor, FakeSampler
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.track_ids import TrackIdMerger
from framecloak.domain.model.segments import Segment
from support.samples.turning_people import LANE, Person, World, WorldDetector, WorldSource, worlds

LENGTH = 130
SCALES = (
    DetectionScale(960, every=4),
    DetectionScale(1920, every=12, max_enlargement=2.0),
    DetectionScale(320, every=4),
    *(DetectionScale(480, every=4, direction=direction, min_score=0.25) for direction in (90, 180, 270)),
    *(DetectionScale(480, every=12, direction=direction, min_score=0.25) for direction in (45, 225)),
)
TRACKING = TrackingSettings(memory=5, max_gap=4, extension=2, follow=7, smoothing=2)

FrameBoxes = tuple[int, bool, list[tuple[tuple[int, int, int, int], int, float | None, Origin]]]
"""Index of a frame, whether it is black, and its boxes with merged track ids, scores and origins."""


class NullEncoder:
    """Encodes every image as no bytes: the boxes alone are compared."""

    def encode(self, image: object, appearance: Appearance) -> bytes:
        return b""


def boxes_of(frame: RedactedFrame, ids: Sequence[int]) -> FrameBoxes:
    return (
        frame.index,
        frame.blanked,
        [(box.xyxy, ids[box.track], box.score, box.origin) for box in frame.boxes],
    )


def redacted(world: World, segments: Sequence[Segment], *, is_continued: bool) -> list[FrameBoxes]:
    """Redact segments of a video and return their boxes, with the ids that a merged result has."""
    results: list[FrameBoxes] = []
    merged, before = TrackIdMerger(), None
    for segment in segments:
        detector = WorldDetector(world)
        tools = PipelineTools(detector, FakeRedactor(), NullEncoder(), FakeSampler(), 1)
        frames: list[RedactedFrame] = []
        spec = RedactionSpec(Appearance(), (), TRACKING, SCALES)
        after = consume(redacted_frames(WorldSource(world), segment, spec, tools, before), frames.append)
        ids = merged.merge(after.boundaries)
        results += [boxes_of(frame, ids) for frame in frames]
        before = after if is_continued else None
    return results


def test_the_drawn_videos_show_what_they_are_for() -> None:
    """A followed head, a confirmed and a refuted face, and a turned person are in one video of this kind."""
    length = LENGTH
    leaves, comes = (0.95,) * 40 + (0.0,) * 90, (0.0,) * 60 + (0.2,) * 6 + (0.0,) * 64
    never, always, doubtful = (0.0,) * length, (0.7,) * length, (0.0,) * 60 + (0.6,) + (0.0,) * 69
    people = (
        Person(range(length), (LANE * 0.5, 48.0), 0.4, 26, 90, leaves, never),
        Person(range(length), (LANE * 1.5, 48.0), 0.0, 20, 0, comes, always),
        Person(range(length), (LANE * 2.5, 48.0), 0.0, 20, 0, comes, never),
        Person(range(length), (LANE * 3.5, 48.0), 0.0, 20, 0, doubtful, never),
    )
    frames = redacted(World(length, people), [Segment(0, length)], is_continued=False)
    lanes = [{xyxy[0] // LANE for xyxy, *_ in boxes} for _, _, boxes in frames]
    assert [index for index, each in enumerate(lanes) if 0 in each] == list(range(40 + TRACKING.follow))
    assert {
        index
        for index, _, boxes in frames
        for xyxy, *_, origin in boxes
        if origin is Origin.FOLLOWED and xyxy[0] < LANE
    } == set(range(40, 40 + TRACKING.follow))
    assert {index for index, each in enumerate(lanes) if 1 in each} >= set(range(60, 66))
    assert all(lane not in each for each in lanes for lane in (2, 3))


@settings(max_examples=settings.default.max_examples * 2 // 3)
@given(worlds(LENGTH), st.sets(st.integers(1, LENGTH - 1), min_size=1, max_size=4), st.booleans())
def test_a_video_can_be_cut_anywhere(world: World, cuts: set[int], is_continued: bool) -> None:
    whole = redacted(world, [Segment(0, LENGTH)], is_continued=False)
    segments = [Segment(*limits) for limits in pairwise(sorted({0, LENGTH, *cuts}))]
    assert redacted(world, segments, is_continued=is_continued) == whole
