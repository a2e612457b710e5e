"""What counts as too much in a redacted frame, with a detector and a recogniser that are told what to see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.results import EncodedFrame
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.options import Appearance, Verify
from framecloak.domain.anonymization.model.residuals import FaceCrop, PendingCheck, SearchScope
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec, residual_guard
from framecloak.domain.anonymization.residuals.detector import (
    ACCEPT_FACTOR,
    SEARCH_THRESHOLD,
    RedactionMask,
    ResidualDetector,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import Frame
from framecloak.domain.reid.matching import default_threshold
from support.samples.scripted_video import LENS, BlackBoxes, RawBytes

WIDTH, HEIGHT = 256, 192
ACCEPT = 0.5
ORIGINAL = 200
"""Level of blue in pictures of removed faces; that of red and green says where a pixel of a frame is."""

Box = tuple[int, int, int, int]
REMOVED: Box = (60, 50, 120, 110)


@dataclass
class ToldDetector:
    """Finds what it is told to, in whole frames and in pieces of them, and one face in every portrait.

    Attributes:
        finds: boxes in pixels of the frame, and their scores.
        recognises_portraits: whether it finds removed faces again.
    """

    finds: Sequence[tuple[Box, float]]
    recognises_portraits: bool = True
    broken: bool = False
    stride: int = 32
    max_batch: int = 1
    looked_at: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("told", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        assert image.shape[0] % self.stride == image.shape[1] % self.stride == 0
        if self.broken:
            raise FrameAnalysisError("not a number")
        if image[0, 0, 2] == ORIGINAL:
            whole = (0, 0, image.shape[1], image.shape[0])
            return [_detections([whole] * self.recognises_portraits, [0.9] * self.recognises_portraits)]
        left, top = int(image[0, 0, 0]), int(image[0, 0, 1])
        right, bottom = left + image.shape[1], top + image.shape[0]
        self.looked_at.append((image.shape[1], image.shape[0]))
        seen = [
            ((x1 - left, y1 - top, x2 - left, y2 - top), score)
            for (x1, y1, x2, y2), score in sorted(self.finds, key=lambda find: -find[1])
            if score >= threshold and left <= x1 and top <= y1 and x2 <= right and y2 <= bottom
        ]
        return [_detections([box for box, _ in seen], [score for _, score in seen])]


def _detections(boxes: Sequence[Box], scores: Sequence[float]) -> Detections:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    extents = corners[:, 2:] - corners[:, :2]
    landmarks = corners[:, None, :2] + extents[:, None] * LANDMARKS
    return Detections(corners, np.array(scores, np.float32), landmarks.astype(np.float32))


@dataclass
class ToldRecognizer:
    """Says how like a removed face anything else is.

    Attributes:
        likeness: the cosine between the two.
        compared: pictures of removed faces and others that it was given.
    """

    likeness: float
    compared: int = 0
    max_batch: int = 8
    card: ModelCard = field(default_factory=lambda: ModelCard("told", "2" * 64, "none", "CPU", "fp32"))
    space: EmbeddingSpace = field(default_factory=lambda: EmbeddingSpace("told", "2" * 64, 2))

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        assert landmarks.shape == (1, 5, 2)
        return image[:1, :1][None].repeat(32, axis=1).repeat(32, axis=2)

    def embed(self, chips: Image) -> FloatArray:
        self.compared += len(chips)
        cosines = np.where(chips[:, 0, 0, 2] == ORIGINAL, 1.0, self.likeness)
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)


LIMIT = default_threshold(ToldRecognizer(0).space)


def shipped() -> Frame:
    """Red says how far from the left a pixel is, green how far down."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return EncodedFrame(0, np.stack([np.zeros_like(rows), rows, columns], axis=2).astype(np.uint8))


def portrait(box: Box = REMOVED) -> FaceCrop:
    return FaceCrop(box, box, np.full((60, 60, 3), (ORIGINAL, 0, 0), np.uint8))


def inspect(
    detector: ToldDetector,
    recognizer: ToldRecognizer | None,
    *,
    redacted: Sequence[Box] = (REMOVED,),
    black: Sequence[Box] = (),
    kept: Sequence[Box] = (),
    near: Sequence[Box] = (),
    portraits: Sequence[FaceCrop] | None = None,
) -> tuple[list[list[float]], float | None]:
    inspector = ResidualDetector(detector, recognizer, (DetectionScale(WIDTH),), ACCEPT)
    faces = (portrait(),) if portraits is None else tuple(portraits)
    pending = PendingCheck(SearchScope(tuple(near)), (WIDTH, HEIGHT), faces)
    found = inspector.detect(shipped(), pending, RedactionMask((WIDTH, HEIGHT), redacted, black, kept))
    return found.boxes.tolist(), found.similarity


def test_occasional_looks_are_taken_at_other_frames_than_at_the_source() -> None:
    far, near = DetectionScale(WIDTH, every=6), DetectionScale(WIDTH // 2)
    pending = PendingCheck(SearchScope(), (WIDTH, HEIGHT), ())
    for verify, full_size in ((Verify.ALL, [3, 9]), (Verify.SAMPLE, range(12))):
        detector = ToldDetector([])
        instructions = RedactionSpec(Appearance(), (), TrackingSettings(), (far, near), verify=verify)
        checks = residual_guard(
            instructions,
            PipelineTools(detector, BlackBoxes(), RawBytes(), 1, residual_tools=LENS),
            continuous=True,
        )
        assert checks is not None
        looked_at = []
        for index in range(12):
            redaction = RedactionMask((WIDTH, HEIGHT), (), ())
            checks.detector.detect(EncodedFrame(index, shipped().bgr()), pending, redaction)
            looked_at.append((WIDTH, HEIGHT) in detector.looked_at)
            detector.looked_at.clear()
        assert [index for index, fully in enumerate(looked_at) if fully] == list(full_size)


CLEAR: Box = (180, 20, 220, 70)
BESIDE: Box = (96, 50, 156, 110)
"""Overlaps the removed face by two fifths."""
ON: Box = (70, 55, 115, 105)


@pytest.mark.parametrize(
    ("find", "score", "likeness", "is_residual"),
    [
        (CLEAR, 0.6, -1.0, True),
        (CLEAR, 0.4, 1.0, False),
        (BESIDE, 0.6, -1.0, True),
        (BESIDE, 0.4, 0.9, True),
        (BESIDE, 0.4, 0.1, False),
        (ON, 0.9, 0.1, False),
        (ON, 0.3, 0.9, True),
    ],
    ids=["sure", "unsure", "sure beside", "like beside", "unlike beside", "mosaic", "telling mosaic"],
)
def test_what_shows_too_much(find: Box, score: float, likeness: float, is_residual: bool) -> None:
    residuals, _ = inspect(ToldDetector([(find, score)]), ToldRecognizer(likeness))
    assert residuals == ([list(find)] if is_residual else [])


@given(
    find=st.sampled_from([CLEAR, BESIDE, ON]),
    score=st.sampled_from([0.1, 0.25, 0.44, 0.46, 0.49, 0.51, 0.95]),
    likeness=st.sampled_from([-1.0, 0.0, LIMIT - 0.01, LIMIT + 0.01, 1.0]),
    black=st.booleans(),
    has_recognizer=st.booleans(),
    is_known=st.booleans(),
)
@settings(deadline=None)
def test_the_rules(
    find: Box, score: float, likeness: float, black: bool, has_recognizer: bool, is_known: bool
) -> None:
    """In words: a sure find counts unless it is on a mosaic; a like one wherever it can be compared."""
    recognizer = ToldRecognizer(likeness) if has_recognizer else None
    detector = ToldDetector([(find, score)], recognises_portraits=is_known)
    residuals, similarity = inspect(detector, recognizer, black=(REMOVED,) if black else ())
    is_found = score >= SEARCH_THRESHOLD
    can_be_compared = find is BESIDE or (find is ON and not black)
    compared = is_found and has_recognizer and is_known and can_be_compared
    is_sure = is_found and score >= ACCEPT_FACTOR * ACCEPT and (find is not ON or black)
    is_alike = compared and likeness >= LIMIT
    assert residuals == ([list(find)] if is_sure or is_alike else [])
    assert similarity == (pytest.approx(likeness, abs=1e-3) if compared else None)


def test_on_black_nothing_is_compared_and_the_score_decides() -> None:
    recognizer = ToldRecognizer(1.0)
    for score, expected in ((0.44, []), (0.46, [list(ON)])):
        assert inspect(ToldDetector([(ON, score)]), recognizer, black=(REMOVED,)) == (expected, None)
    assert recognizer.compared == 0


def test_without_a_recogniser_only_scores_count() -> None:
    finds = [(ON, 0.9), (CLEAR, 0.9), (BESIDE, 0.3)]
    assert inspect(ToldDetector(finds), None) == ([list(CLEAR)], None)


def test_a_face_that_was_kept_is_none_unless_it_was_redacted_after_all() -> None:
    around = (CLEAR[0] - 5, CLEAR[1] - 5, CLEAR[2] + 5, CLEAR[3] + 5)
    finds = [(CLEAR, 0.9)]
    assert inspect(ToldDetector(finds), None, kept=(around,)) == ([], None)
    assert inspect(ToldDetector(finds), None, kept=(REMOVED,)) == ([list(CLEAR)], None)
    covered = inspect(ToldDetector(finds), None, redacted=(around,), black=(around,), kept=(around,))
    assert covered == ([list(CLEAR)], None)


def test_a_removed_face_that_is_found_nowhere_is_compared_with_nothing() -> None:
    recognizer = ToldRecognizer(1.0)
    detector = ToldDetector([(ON, 0.9)], recognises_portraits=False)
    assert inspect(detector, recognizer) == ([], None)
    assert inspect(ToldDetector([(ON, 0.9)]), recognizer, portraits=()) == ([], None)


def test_each_removed_face_is_recognised_once() -> None:
    recognizer = ToldRecognizer(0.1)
    inspect(ToldDetector([(ON, 0.9), ((62, 52, 110, 108), 0.8), ((80, 60, 118, 108), 0.7)]), recognizer)
    assert recognizer.compared == 2


def test_what_cannot_be_searched_is_an_error_and_not_nothing() -> None:
    for near in ((), (REMOVED,)):
        with pytest.raises(FrameAnalysisError):
            inspect(ToldDetector([], broken=True), None, near=near)


corners = st.tuples(
    st.integers(0, WIDTH - 60), st.integers(0, HEIGHT - 60), st.integers(20, 60), st.integers(20, 60)
).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))


@given(near=st.lists(corners, min_size=1, max_size=3, unique=True))
@settings(deadline=None)
def test_near_a_gap_the_face_itself_is_found_where_it_is(near: list[Box]) -> None:
    detector = ToldDetector([(near[0], 0.9)])
    residuals, _ = inspect(detector, None, near=near, redacted=())
    assert residuals == [list(near[0])]
    # Two views may show the same face, and it counts once; none is larger than it must be.
    assert len(detector.looked_at) == len(near)
    assert all(max(size) <= max(128, 2 * 60 + 32) for size in detector.looked_at)


def test_near_a_gap_nothing_else_is_looked_at() -> None:
    detector = ToldDetector([((0, 0, 30, 30), 0.9)])
    assert inspect(detector, None, near=((200, 130, 240, 180),), redacted=()) == ([], None)


@given(
    finds=st.lists(st.tuples(corners, st.sampled_from([0.25, 0.44, 0.51, 0.95])), max_size=4),
    redacted=st.lists(corners, max_size=3),
)
@settings(deadline=None)
def test_with_solid_every_sure_find_is_a_residual(
    finds: list[tuple[Box, float]], redacted: list[Box]
) -> None:
    """Whatever is found for sure in what is shipped must be redacted again: the last line of defence."""
    residuals, similarity = inspect(
        ToldDetector(finds), ToldRecognizer(-1.0), redacted=redacted, black=redacted, portraits=()
    )
    sure = {tuple(box) for box, score in finds if score >= ACCEPT}
    assert {tuple(box) for box in residuals} == sure
    assert similarity is None or math.isfinite(similarity)
