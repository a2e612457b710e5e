"""Lines of which some passes find a part only: covered whole, wherever the video is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeRedactor, FakeSampler, FakeSource
from fakes.vision import FakeBoxDetector, FakeFaceDetector, paint_text
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text.line_lengths import with_whole_lines
from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_TEXT_AND_PLATES
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.text_policy import TextDecision, TextRule
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox, Tracks
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Segment

LENGTH = 66
LINE = (112, 64, 272, 88)
"""Box of the line in its middle position, in pixels."""
REACH = VIDEO_TEXT_AND_PLATES.tracking.max_gap

Box = tuple[float, float, float, float]
Part = tuple[float, float]
"""Shares of the line's length between which it is found."""


class NullEncoder:
    """Encodes every image as no bytes: the boxes alone are compared."""

    def encode(self, image: object, appearance: Appearance) -> bytes:
        return b""


def moved(offset: tuple[int, int]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = LINE
    return x1 + offset[0], y1 + offset[1], x2 + offset[0], y2 + offset[1]


def redacted(
    parts: Sequence[Part],
    offsets: Sequence[tuple[int, int]],
    segments: Sequence[Segment] = (Segment(0, LENGTH),),
) -> list[RedactedFrame]:
    """Redact a video with a line that moves, and of which each frame shows a part to the detector."""

    def draw(index: int) -> Image:
        image = np.full((160, 384, 3), 90, np.uint8)
        x1, y1, x2, y2 = moved(offsets[index])
        start, stop = (round(x1 + share * (x2 - x1)) for share in parts[index])
        paint_text(image, (start, y1, stop, y2))
        return image[..., ::-1].copy()

    spec = RedactionSpec(
        Appearance(), (), TrackingSettings(), (DetectionScale(384),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    tools = PipelineTools(
        FakeFaceDetector(),
        FakeRedactor(),
        NullEncoder(),
        FakeSampler(),
        1,
        box_detectors={TargetKind.TEXT: FakeBoxDetector()},
    )
    source, frames = FakeSource("line.mp4", LENGTH, draw), list[RedactedFrame]()
    for segment in segments:
        consume(redacted_frames(source, segment, spec, tools), frames.append)
    return frames


def uncovered(frames: Sequence[RedactedFrame], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the frames in which a part of the line is not covered."""
    failed = []
    for frame in frames:
        mask = np.zeros((160, 384), np.bool_)
        for x1, y1, x2, y2 in (box.xyxy for box in frame.boxes):
            mask[y1:y2, x1:x2] = True
        x1, y1, x2, y2 = moved(offsets[frame.index])
        if not mask[y1:y2, x1:x2].all():
            failed.append(frame.index)
    return failed


SHAKE = [(4 * (index * 5 % 4 - 2), 3 * (index * 7 % 3 - 1)) for index in range(LENGTH)]


@pytest.mark.parametrize("part", [(0.45, 1.0), (0.0, 0.55), (0.25, 0.8)], ids=["end", "start", "middle"])
@pytest.mark.parametrize(
    "frames", [range(60, LENGTH), range(7), range(30, 37)], ids=["last", "first", "amid"]
)
def test_a_line_is_covered_where_passes_find_a_part_of_it(part: Part, frames: range) -> None:
    parts = [part if index in frames else (0.0, 1.0) for index in range(LENGTH)]
    assert uncovered(redacted(parts, SHAKE), SHAKE) == []


@settings(max_examples=max(1, settings.default.max_examples // 5))
@given(
    st.lists(st.sampled_from([(0.0, 1.0), (0.0, 1.0), (0.4, 1.0), (0.0, 0.5)]), min_size=11, max_size=11),
    st.sets(st.integers(1, LENGTH - 1), min_size=1, max_size=3),
)
def test_a_video_can_be_cut_anywhere(found: list[Part], cuts: set[int]) -> None:
    parts = [found[index // 6] for index in range(LENGTH)]
    segments = [Segment(*limits) for limits in pairwise(sorted({0, LENGTH, *cuts}))]
    whole, cut = redacted(parts, SHAKE), redacted(parts, SHAKE, segments)
    assert [sorted(box.xyxy for box in frame.boxes) for frame in cut] == [
        sorted(box.xyxy for box in frame.boxes) for frame in whole
    ]


def lengths(boxes: Sequence[Box], found: Sequence[Box], kept: Box | None = None) -> list[Box]:
    """Return boxes of one track after completion, given its detection in each frame."""
    analyses = [
        FrameAnalysis(
            index,
            FrameDetections.empty(),
            None,
            text_and_plates={TargetKind.TEXT: FrameDetections(np.array([box]), np.array([0.9]))},
        )
        for index, box in enumerate(found)
    ]
    tracked = [[TrackedBox(box, 0, 0.9, Origin.DETECTED, TargetKind.TEXT)] for box in boxes]
    if kept:
        decision = TextDecision(TextRule.MEASUREMENT, kept=True)
        for frame in tracked:
            frame.append(TrackedBox(kept, 1, 0.9, Origin.DETECTED, TargetKind.TEXT, text=decision))
    tracks = Tracks(tracked, [[(index, 0) for index in range(len(found))], []])
    rows = [range(1)] * len(found)
    whole = with_whole_lines(tracks, analyses, rows, REACH, range(len(found)))
    assert not kept or all(frame[1].xyxy == kept for frame in whole.boxes)
    return [frame[0].xyxy for frame in whole.boxes]


FULL, HALF = (100.0, 50.0, 200.0, 70.0), (150.0, 50.0, 200.0, 70.0)


def test_a_part_grows_by_what_is_missing_at_both_ends() -> None:
    assert lengths([FULL, HALF], [FULL, HALF]) == [FULL, (100, 50, 250, 70)]


def test_a_box_that_encloses_the_longer_one_stays_as_it_is() -> None:
    assert lengths([FULL, FULL], [FULL, HALF]) == [FULL, FULL]


def test_a_part_does_not_grow_into_text_that_stays_readable() -> None:
    assert lengths([HALF], [FULL], kept=(220, 50, 300, 70)) == [(100, 50, 220, 70)]


def test_passes_further_away_do_not_count() -> None:
    assert lengths([HALF] * (REACH + 2), [FULL] + [HALF] * (REACH + 1))[-1] == HALF


def test_an_upright_line_grows_upwards_and_downwards() -> None:
    assert lengths([(50, 150, 70, 200)] * 2, [(50, 100, 70, 200)] * 2)[0] == (50, 100, 70, 250)


def test_a_box_that_has_grown_across_its_line_keeps_a_margin_at_the_ends() -> None:
    # It has no longer the shape of a line, by which others get theirs.
    assert lengths([(100, 10, 200, 130)], [FULL]) == [(92, 10, 208, 130)]
    assert lengths([(100, 48, 200, 72)], [FULL]) == [(100, 48, 200, 72)]
