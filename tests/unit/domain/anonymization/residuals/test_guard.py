"""The residual guard redacts residuals again and never delivers those that remain, in images and videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeSampler
from fakes.results import FakeVideoEncoder
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, RedactionStyle
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.residuals import (
    FaceThumbnail,
    FrameCheck,
    PendingCheck,
    SearchScope,
)
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.residuals.check_results import MAX_ROUNDS
from framecloak.domain.anonymization.residuals.detector import ResidualDetector, ResidualReport
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.residuals.redaction_mask import RedactionMask
from framecloak.domain.anonymization.results.video_writer import video_format
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.video import FrameGroup, GroupEncoder, VideoFormat
from support.samples.scripted_video import (
    HEIGHT,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    RawReader,
    ScriptedSource,
)

Box = tuple[int, int, int, int]
Script = Mapping[int, Mapping[int, Box]]
LEFT_FACES: tuple[Box, ...] = tuple(
    (20 + 80 * column, 40 + 92 * row, 52 + 80 * column, 80 + 92 * row)
    for row, columns in enumerate(((0, 1, 2, 3), (0, 2, 3)))
    for column in columns
)
"""Faces that may be left over, far enough from each other to be filled separately."""

FACE = RedactedBox((100, 120, 160, 180), 3, 0.9, Origin.DETECTED)
SMALL = FaceThumbnail(3, b"a small image")
GREY = 90
UNSEARCHABLE: Box = (0, 0, 0, 0)
"""Stands in a script for a search that fails."""


@dataclass
class ChainDetector:
    """Detects one face after the other: the first one that is not black.

    Attributes:
        faces: boxes of the faces, in order.
        stubborn: faces that it detects on black too.
        fails_after: number of successful calls; None for all.
    """

    faces: Sequence[Box]
    stubborn: frozenset[Box] = frozenset()
    fails_after: int | None = None
    stride: int = 32
    max_batch: int = 1
    card: ModelCard = field(default_factory=lambda: ModelCard("chain", "0" * 64, "none", "CPU", "fp32"))
    calls: int = 0

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        self.calls += 1
        if self.fails_after is not None and self.calls > self.fails_after:
            raise FrameAnalysisError("not a number")
        if not image.any():
            return [Detections.empty()]
        for face in self.faces:
            x1, y1, x2, y2 = face
            if image[y1:y2, x1:x2].any() or face in self.stubborn:
                box = np.array([face], np.float32)
                return [Detections(box, np.array([0.9], np.float32), np.zeros((1, 5, 2), np.float32))]
        return [Detections.empty()]


def residual_guard(detector: ChainDetector, style: RedactionStyle = RedactionStyle.SOLID) -> ResidualGuard:
    search = ResidualDetector(detector, FakeSampler(), None, (DetectionScale(WIDTH),), 0.5)
    return ResidualGuard(
        search, RawReader(), BlackBoxRedactor(), RawEncoder(), Appearance(style=style), threads=1
    )


def frame(index: int = 7) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    x1, y1, x2, y2 = FACE.xyxy
    image[y1:y2, x1:x2] = 0
    pending = PendingCheck(SearchScope(), (WIDTH, HEIGHT), (WIDTH, HEIGHT), ())
    return RedactedFrame(index, image.tobytes(), (FACE,), blanked=False, pending=pending, thumbnails=(SMALL,))


def pixels(redacted: RedactedFrame) -> Image:
    return np.frombuffer(redacted.data, np.uint8).reshape(HEIGHT, WIDTH, 3)


@dataclass
class CheckedVideo:
    """Checked frames of a video, with the images that a player would show."""

    frames: tuple[RedactedFrame, ...]
    shown: list[Image]


def check_video(
    detector: ChainDetector, frames: Sequence[RedactedFrame], video_encoder: FakeVideoEncoder | None = None
) -> CheckedVideo:
    video_encoder = video_encoder or FakeVideoEncoder()
    appearance = Appearance(OutputFormat.MP4)
    target = video_format(ScriptedSource(99).info, appearance)
    planes, encoder = video_encoder.plane_encoder(target), video_encoder.group_encoder(target)
    for result in frames:
        encoder.add(planes.encode(pixels(result), appearance))
    checker = replace(residual_guard(detector), encoder=planes, appearance=appearance)
    checked, group = checker.check_group(
        [replace(result, data=b"") for result in frames], encoder.finish(), target, video_encoder
    )
    shown = FakeVideoEncoder().decode_group(target, group, frames[0].index)
    return CheckedVideo(checked, [image.bgr() for image in shown])


def wider(box: Box) -> Box:
    x1, y1, x2, y2 = box
    across, down = (x2 - x1) // 2, (y2 - y1) // 2
    return max(0, x1 - across), max(0, y1 - down), min(WIDTH, x2 + across), min(HEIGHT, y2 + down)


def test_a_frame_without_residuals_is_delivered_unchanged() -> None:
    before = frame()
    after = residual_guard(ChainDetector([])).check_image(before)
    assert (after.data, after.boxes, after.thumbnails) == (before.data, before.boxes, before.thumbnails)
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.blanks, after.pending) == (0, 0, False, None)


def test_a_frame_without_a_pending_check_is_not_searched() -> None:
    before = replace(frame(), pending=None)
    detector = ChainDetector(LEFT_FACES)
    assert residual_guard(detector).check_image(before) is before
    assert detector.calls == 0


@pytest.mark.parametrize("style", RedactionStyle)
@pytest.mark.parametrize("count", range(1, MAX_ROUNDS + 1))
def test_residuals_are_filled_with_a_wider_margin_until_none_is_left(
    style: RedactionStyle, count: int
) -> None:
    after = residual_guard(ChainDetector(LEFT_FACES[:count]), style).check_image(frame())
    filled = [box for box in after.boxes if box.origin is Origin.RESIDUAL]
    assert [box.xyxy for box in filled] == [wider(face) for face in LEFT_FACES[:count]]
    assert after.boxes[0] == FACE
    for x1, y1, x2, y2 in (box.xyxy for box in filled):
        assert not pixels(after)[y1:y2, x1:x2].any()
    assert (pixels(after)[0, WIDTH - 1] == GREY).all()
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.blanks) == (count, 0, False)
    assert after.thumbnails == ()


def test_a_frame_with_new_residuals_after_every_round_is_blanked() -> None:
    after = residual_guard(ChainDetector(LEFT_FACES[: MAX_ROUNDS + 1])).check_image(frame())
    assert (after.blanked, after.boxes, after.thumbnails) == (True, (), ())
    assert after.blank_reason is BlankReason.RESIDUALS
    assert not pixels(after).any()
    assert after.check is not None
    assert (after.check.before, after.check.after) == (MAX_ROUNDS, 1)


def test_a_detection_on_black_alone_shows_nothing() -> None:
    detector = ChainDetector(LEFT_FACES[:1], stubborn=frozenset(LEFT_FACES[:1]))
    after = residual_guard(detector).check_image(frame())
    assert not after.blanked
    assert [box.xyxy for box in after.boxes] == [FACE.xyxy, wider(LEFT_FACES[0])]
    assert detector.calls == 2
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.similarity_after) == (1, 0, None)


@pytest.mark.parametrize("successful_calls", [0, 1])
def test_a_frame_that_cannot_be_searched_is_black(successful_calls: int) -> None:
    after = residual_guard(ChainDetector(LEFT_FACES[:1], fails_after=successful_calls)).check_image(frame())
    assert after.blanked
    assert not pixels(after).any()
    assert after.check is not None
    assert (after.check.failed, after.check.before) == (True, successful_calls)
    assert after.blank_reason is BlankReason.NOT_SEARCHED


def test_bytes_that_are_no_image_become_a_black_one() -> None:
    after = residual_guard(ChainDetector([])).check_image(replace(frame(), data=b"no image"))
    assert after.blanked
    assert not pixels(after).any()


@given(
    faces=st.lists(st.sampled_from(LEFT_FACES), unique=True),
    stubborn=st.frozensets(st.sampled_from(LEFT_FACES)),
    fails_after=st.none() | st.integers(0, 4),
    style=st.sampled_from(RedactionStyle),
    as_video=st.booleans(),
)
@settings(deadline=None)
def test_no_detected_residual_is_ever_delivered(
    faces: list[Box],
    stubborn: frozenset[Box],
    fails_after: int | None,
    style: RedactionStyle,
    as_video: bool,
) -> None:
    detector = ChainDetector(faces, stubborn, fails_after)
    if as_video:
        checked = check_video(detector, [frame()])
        (after,), (shown,) = checked.frames, checked.shown
    else:
        after = residual_guard(detector, style).check_image(frame())
        shown = pixels(after)
    (detections,) = ChainDetector(faces, stubborn).detect([np.ascontiguousarray(shown)], 0.2)
    for x1, y1, x2, y2 in detections.boxes.astype(int).tolist():
        assert (x1, y1, x2, y2) in stubborn
        assert not shown[y1:y2, x1:x2].any()
    assert after.blanked == (not shown.any())
    assert after.check is not None
    assert after.check.blanks is after.blanked
    assert after.pending is None


def test_frames_of_a_video_are_treated_like_images() -> None:
    for count in range(MAX_ROUNDS + 2):
        image = residual_guard(ChainDetector(LEFT_FACES[:count])).check_image(frame())
        checked = check_video(ChainDetector(LEFT_FACES[:count]), [frame()])
        assert replace(checked.frames[0], data=b"") == replace(image, data=b"")
        assert (checked.shown[0] == pixels(image)).all()


def test_in_a_video_only_frames_with_a_pending_check_are_searched_and_changed() -> None:
    frames = [frame(7), replace(frame(8), pending=None), frame(9)]
    checked = check_video(ChainDetector(LEFT_FACES[:2]), frames)
    assert [result.index for result in checked.frames] == [7, 8, 9]
    assert [result.check is not None for result in checked.frames] == [True, False, True]
    assert checked.frames[1].boxes == (FACE,)
    assert (checked.shown[1] == pixels(frames[1])).all()
    assert [len(result.boxes) for result in checked.frames] == [3, 1, 3]


class _GenerationEncoder(FakeVideoEncoder):
    """Counts how often the group was encoded: its generation."""

    encoded = 0

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        self.encoded += 1
        return super().group_encoder(video_format)


@dataclass
class GenerationDetector(ChainDetector):
    """Detects faces in frames of given brightness, in given generations of their group.

    Attributes:
        video_encoder: encodes the group.
        by_brightness: the face that is detected in each generation, by the brightness of a frame.
    """

    video_encoder: _GenerationEncoder = field(default_factory=_GenerationEncoder)
    script: Script = field(default_factory=dict)
    searched: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        generation, brightness = self.video_encoder.encoded, int(image[-1, -1, 0])
        self.searched.append((generation, brightness))
        face = self.script.get(brightness, {}).get(generation)
        if face == UNSEARCHABLE:
            raise FrameAnalysisError("not a number")
        if face is None:
            return [Detections.empty()]
        box = np.array([face], np.float32)
        return [Detections(box, np.array([0.9], np.float32), np.zeros((1, 5, 2), np.float32))]


@dataclass(frozen=True)
class ScriptedResidualDetector(ResidualDetector):
    """Returns given reports in turn."""

    reports: Iterator[ResidualReport] = field(default_factory=lambda: iter(()))

    def detect(self, shipped: Frame, pending: PendingCheck, redacted: RedactionMask) -> ResidualReport:
        return next(self.reports)


def bright(index: int, brightness: int) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), brightness, np.uint8)
    return replace(frame(index), data=image.tobytes())


def check_generations(script: Script, count: int) -> tuple[CheckedVideo, list[tuple[int, int]]]:
    """Check frames from 7 on whose brightness is their number; return them and the searches."""
    video_encoder = _GenerationEncoder()
    detector = GenerationDetector((), video_encoder=video_encoder, script=script)
    checked = check_video(detector, [bright(n, n) for n in range(7, 7 + count)], video_encoder)
    assert all(result.check is not None for result in checked.frames)
    return checked, detector.searched


def test_a_residual_that_appears_only_after_reencoding_is_filled() -> None:
    checked, searched = check_generations({7: {1: LEFT_FACES[0]}, 8: {2: LEFT_FACES[1]}}, 3)
    assert sorted(searched) == [(generation, frame) for generation in (1, 2, 3) for frame in (7, 8, 9)]
    assert [len(result.boxes) for result in checked.frames] == [2, 2, 1]
    assert [(result.check.before, result.check.after) for result in checked.frames if result.check] == [
        (1, 0),
        (1, 0),
        (0, 0),
    ]
    for shown, face in zip(checked.shown[:2], LEFT_FACES[:2], strict=True):
        x1, y1, x2, y2 = wider(face)
        assert not shown[y1:y2, x1:x2].any()


def test_a_residual_that_appears_after_blanking_a_neighbour_is_filled() -> None:
    checked, searched = check_generations({7: {1: LEFT_FACES[0], 2: UNSEARCHABLE}, 8: {3: LEFT_FACES[1]}}, 2)
    assert [result.blanked for result in checked.frames] == [True, False]
    assert not checked.shown[0].any()
    assert [len(result.boxes) for result in checked.frames] == [0, 2]
    # A black frame needs no search.
    assert searched == [(1, 7), (1, 8), (2, 7), (2, 8), (3, 8), (4, 8)]


def test_a_frame_with_residuals_after_the_last_round_is_blanked() -> None:
    rounds = {generation: LEFT_FACES[generation - 1] for generation in range(1, MAX_ROUNDS + 1)}
    checked, searched = check_generations({7: rounds, 8: {MAX_ROUNDS + 1: LEFT_FACES[0]}}, 2)
    assert [result.blanked for result in checked.frames] == [False, True]
    assert not checked.shown[1].any()
    assert searched[-1] == (MAX_ROUNDS + 2, 7)


def test_the_similarity_before_is_the_highest_of_all_undelivered_versions() -> None:
    residuals_ = [np.array([face], np.float64) for face in LEFT_FACES[:MAX_ROUNDS]]
    similarities = (0.3, 0.8, *[None] * (MAX_ROUNDS - 2))
    reports = [*map(ResidualReport, residuals_, similarities), ResidualReport(np.empty((0, 4)), 0.2)]
    inspector = ScriptedResidualDetector(
        ChainDetector([]), FakeSampler(), None, (), 0.5, reports=iter(reports)
    )
    after = replace(residual_guard(ChainDetector([])), detector=inspector).check_image(frame())
    assert after.check == FrameCheck(
        whole=True, before=MAX_ROUNDS, after=0, similarity_before=0.8, similarity_after=0.2
    )


class _UndecodableEncoder(FakeVideoEncoder):
    """Encodes groups that cannot be decoded."""

    def decode_group(self, video_format: VideoFormat, group: FrameGroup, first: int) -> Iterator[Frame]:
        raise FrameAnalysisError("a group of frames cannot be decoded again")


def test_a_group_that_cannot_be_decoded_is_entirely_black() -> None:
    frames = [frame(7), replace(frame(8), pending=None)]
    checked = check_video(ChainDetector([]), frames, _UndecodableEncoder())
    assert all(result.blanked and not result.boxes for result in checked.frames)
    assert all(result.check is not None and result.check.failed for result in checked.frames)
    assert not any(shown.any() for shown in checked.shown)
