"""Rendering from known boxes, with the residual check of what is delivered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.media import FakeSampler
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.rerender import (
    NO_EXCEPTIONS,
    CheckExceptions,
    rerendered_frames,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.model.segments import Segment
from support.samples.scripted_video import (
    HEIGHT,
    RESIDUAL_TOOLS,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    ScriptedResidualDetector,
    ScriptedSource,
)

RESIDUAL = (200, 130, 232, 162)
SPEC = RedactionSpec(
    Appearance(OutputFormat.PNG),
    (),
    TrackingSettings.for_rate(25.0),
    (DetectionScale(max(WIDTH, HEIGHT)),),
    verify=Verify.SAMPLE,
)


def table(frames: range, black: frozenset[int] = frozenset()) -> BoxTable:
    """Return a table of one box in the upper left corner of every frame, with its corner pixels."""
    builder = BoxTableBuilder()
    for index in frames:
        box = RedactedBox((0, 0, 40, 40), 0, 0.9, Origin.DETECTED)
        builder.add(index, None if index in black else [box])
    return builder.finish()


def rendered(
    segment: Segment,
    boxes: BoxTable,
    verify: Verify = Verify.SAMPLE,
    exceptions: CheckExceptions = NO_EXCEPTIONS,
    residual_in: frozenset[int] = frozenset({20}),
) -> list[RedactedFrame]:
    detector = ScriptedResidualDetector({}, residual_in=residual_in)
    tools = PipelineTools(
        detector, BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2, residual_tools=RESIDUAL_TOOLS
    )
    spec = replace(SPEC, verify=verify)
    return list(rerendered_frames(ScriptedSource(60), segment, boxes, spec, tools, exceptions))


def residuals(frames: list[RedactedFrame]) -> set[int]:
    return {frame.index for frame in frames for box in frame.boxes if box.origin is Origin.RESIDUAL}


def test_a_face_that_still_shows_is_covered_and_counted() -> None:
    frames = rendered(Segment(10, 40), table(range(10, 40)))
    assert [frame.index for frame in frames] == list(range(10, 40))
    assert residuals(frames) == {20}
    checked = {frame.index: frame.check for frame in frames if frame.check}
    # The frames around it were searched too, up to the next sampled ones.
    assert {index for index, check in checked.items() if check.whole} == set(range(10, 31))
    assert (checked[20].before, checked[20].after) == (1, 0)


def test_edited_frames_are_searched_between_samples() -> None:
    edited = CheckExceptions(edited=frozenset({23}))
    boxes = table(range(10, 40))
    found = rendered(Segment(10, 40), boxes, exceptions=edited, residual_in=frozenset({23}))
    assert residuals(found) == {23}
    assert residuals(rendered(Segment(10, 40), boxes, residual_in=frozenset({23}))) == set()


def test_what_a_reviewer_released_stays_uncovered() -> None:
    released = CheckExceptions(released={20: (RESIDUAL,)})
    assert residuals(rendered(Segment(10, 40), table(range(10, 40)), exceptions=released)) == set()
    elsewhere = CheckExceptions(released={20: ((0, 100, 32, 132),)})
    assert residuals(rendered(Segment(10, 40), table(range(10, 40)), exceptions=elsewhere)) == {20}


def test_frames_with_faces_kept_by_identity_are_not_searched() -> None:
    kept = CheckExceptions(kept=(Segment(15, 25),))
    frames = rendered(Segment(10, 40), table(range(10, 40)), exceptions=kept)
    assert residuals(frames) == set()
    assert {frame.index for frame in frames if frame.check} == {10, 30}


@pytest.mark.parametrize("verify", [Verify.SAMPLE, Verify.ALL])
def test_slices_do_not_change_the_result(verify: Verify) -> None:
    boxes = table(range(10, 40), black=frozenset({17}))
    whole = rendered(Segment(10, 40), boxes, verify)
    parts = [(10, 19), (19, 21), (21, 40)]
    sliced = [frame for part in parts for frame in rendered(Segment(*part), boxes, verify)]
    assert [(frame.index, frame.boxes, frame.data) for frame in whole] == [
        (frame.index, frame.boxes, frame.data) for frame in sliced
    ]
    assert whole[7].blanked
    assert whole[7].blank_reason is None


def test_without_a_check_no_detector_runs() -> None:
    frames = rendered(Segment(10, 40), table(range(10, 40)), Verify.NONE)
    assert residuals(frames) == set()
    assert not any(frame.check for frame in frames)
