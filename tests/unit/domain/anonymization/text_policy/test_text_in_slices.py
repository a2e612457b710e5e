"""Text in videos: kept only while it is proven harmless, and the same wherever the video is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeRedactor, FakeSampler, FakeSource
from fakes.vision import FakeBoxDetector, FakeFaceDetector, FakeTextReader, paint_line
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_TEXT_AND_PLATES
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions, TextRule
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Segment

LENGTH = 90
PASS = VIDEO_TEXT_AND_PLATES.every
PLACES = ((32, 32), (32, 96))

Lines = tuple[str | None, ...]
"""Text of one place in each frame; None where there is none."""
FrameTexts = tuple[int, list[tuple[tuple[int, int], TextRule, bool]], list[tuple[int, int, int, int]]]


class NullEncoder:
    """Encodes every image as no bytes: the boxes alone are compared."""

    def encode(self, image: object, appearance: Appearance) -> bytes:
        return b""


def line_reader(reader: FakeTextReader | None = None) -> LineReader:
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), NameIndex(["Berger"]))
    return LineReader(reader or FakeTextReader(), policy)


def redacted(
    places: Sequence[Lines],
    segments: Sequence[Segment] = (Segment(0, LENGTH),),
    *,
    is_continued: bool = False,
    reader: FakeTextReader | None = None,
) -> list[RedactedFrame]:
    """Redact segments of a video with lines of text at fixed places."""

    def draw(index: int) -> Image:
        image = np.full((160, 352, 3), 90, np.uint8)
        for corner, lines in zip(PLACES, places, strict=False):
            if text := lines[index]:
                paint_line(image, corner, text, height=32)
        return image[..., ::-1].copy()

    frames: list[RedactedFrame] = []
    before = None
    tools = PipelineTools(
        FakeFaceDetector(),
        FakeRedactor(),
        NullEncoder(),
        FakeSampler(),
        1,
        box_detectors={TargetKind.TEXT: FakeBoxDetector()},
        line_reader=line_reader(reader),
    )
    spec = RedactionSpec(
        Appearance(), (), TrackingSettings(), (DetectionScale(352),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    source = FakeSource("text.mp4", LENGTH, draw)
    for segment in segments:
        after = consume(redacted_frames(source, segment, spec, tools, before), frames.append)
        before = after if is_continued else None
    return frames


def covered(frames: Sequence[RedactedFrame], place: int = 0) -> list[int]:
    """Return the frames in which a place is covered."""
    x, y = PLACES[place][0] + 4, PLACES[place][1] + 16
    return [
        frame.index
        for frame in frames
        if any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in (box.xyxy for box in frame.boxes))
    ]


def rules(frames: Sequence[RedactedFrame]) -> set[TextRule]:
    return {text.decision.rule for frame in frames for text in frame.texts}


def test_a_measurement_stays_and_a_name_beside_it_does_not() -> None:
    frames = redacted([("Depth 12.5 cm",) * LENGTH, ("Berger, Anna",) * LENGTH])
    assert covered(frames, 0) == []
    assert covered(frames, 1) == list(range(LENGTH))
    assert rules(frames) == {TextRule.MEASUREMENT, TextRule.NAME}


def test_a_value_that_changes_stays_readable() -> None:
    frames = redacted([tuple(f"Frame {1000 + index}" for index in range(LENGTH))])
    assert covered(frames) == []


@pytest.mark.parametrize("start", [PASS * 5, PASS * 5 + 1, PASS * 5 + 3])
@pytest.mark.parametrize("length", [1, 3, PASS + 1])
def test_a_name_that_takes_the_place_of_a_measurement_is_covered(start: int, length: int) -> None:
    lines = tuple(
        "Berger, Anna." if start <= index < start + length else "Depth 12.5 cm" for index in range(LENGTH)
    )
    frames = redacted([lines])
    assert set(covered(frames)) >= set(range(start, start + length))
    assert len(covered(frames)) < LENGTH


def test_what_a_reader_fails_on_is_delivered_black() -> None:
    frames = redacted([("Depth 12.5 cm",) * LENGTH], reader=FakeTextReader(broken=True))
    assert all(frame.blanked for frame in frames if frame.index % PASS == 0)


def test_frames_without_text_are_not_read() -> None:
    reader = FakeTextReader()
    redacted([(None,) * LENGTH], reader=reader)
    assert reader.lines_read == 0


def texts_of(frame: RedactedFrame) -> FrameTexts:
    return (
        frame.index,
        sorted(((0, 0), text.decision.rule, text.decision.kept) for text in frame.texts),
        sorted(box.xyxy for box in frame.boxes),
    )


@st.composite
def changing_lines(draw: st.DrawFn) -> Lines:
    """Lines that change a few times, also for a single frame."""
    texts = st.sampled_from(
        ["Depth 12.5 cm", "Depth 13.5 cm", "Depth 12.5 cn", "Berger, Anna.", "Anna Schulze.", None]
    )
    changes = sorted(draw(st.sets(st.integers(0, LENGTH - 1), max_size=6)) | {0})
    lines: list[str | None] = []
    for start, stop in pairwise([*changes, LENGTH]):
        lines += [draw(texts)] * (stop - start)
    return tuple(lines)


@settings(max_examples=max(1, settings.default.max_examples // 5))
@given(
    st.tuples(changing_lines(), changing_lines()),
    st.sets(st.integers(1, LENGTH - 1), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_video_can_be_cut_anywhere(places: tuple[Lines, Lines], cuts: set[int], is_continued: bool) -> None:
    whole = redacted(places)
    segments = [Segment(*limits) for limits in pairwise(sorted({0, LENGTH, *cuts}))]
    cut = redacted(places, segments, is_continued=is_continued)
    assert [texts_of(frame) for frame in cut] == [texts_of(frame) for frame in whole]
    for place, lines in enumerate(places):
        named = {index for index, text in enumerate(lines) if text and "Depth" not in text}
        assert named <= set(covered(whole, place)) | {frame.index for frame in whole if frame.blanked}
