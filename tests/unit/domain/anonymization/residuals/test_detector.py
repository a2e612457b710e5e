"""Residual detection in redacted frames, with a stub detector and a stub recogniser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fakes.media import FakeSampler, FakeSource
from fakes.results import EncodedFrame
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.options import Appearance, Verify
from framecloak.domain.anonymization.model.residuals import FaceCrop, PendingCheck, SearchScope
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec, residual_guard
from framecloak.domain.anonymization.residuals.detector import (
    ACCEPT_FACTOR,
    SEARCH_THRESHOLD,
    ResidualDetector,
)
from framecloak.domain.anonymization.residuals.face_crops import stretch
from framecloak.domain.anonymization.residuals.redaction_mask import RedactionMask
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import Frame
from framecloak.domain.reid.matching import default_threshold
from support.samples.scripted_video import RESIDUAL_TOOLS, BlackBoxRedactor, RawEncoder

WIDTH, HEIGHT = 256, 192
ACCEPT = 0.5
ORIGINAL = 200
"""Level of blue in crops of removed faces; red and green encode the position of a pixel in a frame."""

Box = tuple[int, int, int, int]
REMOVED: Box = (60, 50, 120, 110)


@dataclass
class StubDetector:
    """Detects given boxes in whole frames and in crops of them, and one face in every face crop.

    Attributes:
        detections: boxes in pixels of the frame, with their scores.
        detects_face_crops: whether it detects a face in crops of removed faces.
    """

    detections: Sequence[tuple[Box, float]]
    detects_face_crops: bool = True
    broken: bool = False
    stride: int = 32
    max_batch: int = 1
    searched_sizes: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("stub", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        assert image.shape[0] % self.stride == image.shape[1] % self.stride == 0
        if self.broken:
            raise FrameAnalysisError("not a number")
        if image[0, 0, 2] == ORIGINAL:
            whole = (0, 0, image.shape[1], image.shape[0])
            return [_detections([whole] * self.detects_face_crops, [0.9] * self.detects_face_crops)]
        left, top = int(image[0, 0, 0]), int(image[0, 0, 1])
        right, bottom = left + image.shape[1], top + image.shape[0]
        self.searched_sizes.append((image.shape[1], image.shape[0]))
        visible = [
            ((x1 - left, y1 - top, x2 - left, y2 - top), score)
            for (x1, y1, x2, y2), score in sorted(self.detections, key=lambda detection: -detection[1])
            if score >= threshold and left <= x1 and top <= y1 and x2 <= right and y2 <= bottom
        ]
        return [_detections([box for box, _ in visible], [score for _, score in visible])]


def _detections(boxes: Sequence[Box], scores: Sequence[float]) -> Detections:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    extents = corners[:, 2:] - corners[:, :2]
    landmarks = corners[:, None, :2] + extents[:, None] * LANDMARKS
    return Detections(corners, np.array(scores, np.float32), landmarks.astype(np.float32))


@dataclass
class StubRecognizer:
    """Returns a fixed similarity between removed faces and everything else.

    Attributes:
        cosine: the similarity.
        compared: number of face crops that it has embedded.
    """

    cosine: float
    compared: int = 0
    max_batch: int = 8
    card: ModelCard = field(default_factory=lambda: ModelCard("stub", "2" * 64, "none", "CPU", "fp32"))
    space: EmbeddingSpace = field(default_factory=lambda: EmbeddingSpace("stub", "2" * 64, 2))

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        assert landmarks.shape == (1, 5, 2)
        return image[:1, :1][None].repeat(32, axis=1).repeat(32, axis=2)

    def embed(self, chips: Image) -> FloatArray:
        self.compared += len(chips)
        cosines = np.where(chips[:, 0, 0, 2] == ORIGINAL, 1.0, self.cosine)
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)


@dataclass
class StubJudge:
    """Confirms or rejects every detection.

    Attributes:
        verdict: the answer.
        replaced: replaced shares of the detections that it was asked about.
    """

    verdict: bool
    replaced: list[float] = field(default_factory=list)

    def confirmed(
        self,
        image: Image,
        visible: NDArray[np.bool_],
        boxes: NDArray[np.float64],
        replaced: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert visible.shape == (HEIGHT, WIDTH)
        self.replaced += replaced.tolist()
        return np.full(len(boxes), self.verdict)


LIMIT = default_threshold(StubRecognizer(0).space)


def shipped() -> Frame:
    """Return a frame whose red is the column of a pixel and whose green is its row."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return EncodedFrame(0, np.stack([np.zeros_like(rows), rows, columns], axis=2).astype(np.uint8))


def face_crop(box: Box = REMOVED) -> FaceCrop:
    return FaceCrop(box, box, np.full((60, 60, 3), (ORIGINAL, 0, 0), np.uint8))


def search(
    detector: StubDetector,
    recognizer: StubRecognizer | None,
    *,
    redacted: Sequence[Box] = (REMOVED,),
    black: Sequence[Box] = (),
    kept: Sequence[Box] = (),
    near: Sequence[Box] = (),
    face_crops: Sequence[FaceCrop] | None = None,
    judge: StubJudge | None = None,
) -> tuple[list[list[float]], float | None]:
    residual_detector = ResidualDetector(
        detector, FakeSampler(), recognizer, (DetectionScale(WIDTH),), ACCEPT, judge=judge or StubJudge(True)
    )
    faces = (face_crop(),) if face_crops is None else tuple(face_crops)
    pending = PendingCheck(SearchScope(tuple(near)), (WIDTH, HEIGHT), (WIDTH, HEIGHT), faces)
    report = residual_detector.detect(
        shipped(), pending, RedactionMask((WIDTH, HEIGHT), redacted, black, kept)
    )
    return report.boxes.tolist(), report.similarity


def test_occasional_passes_use_other_frames_than_the_detection_in_the_source() -> None:
    far, near = DetectionScale(WIDTH, every=24), DetectionScale(WIDTH // 2, every=6)
    pending = PendingCheck(SearchScope(), (WIDTH, HEIGHT), (WIDTH, HEIGHT), ())
    for verify, full_size in ((Verify.ALL, [3, 9]), (Verify.SAMPLE, range(12))):
        detector = StubDetector([])
        spec = RedactionSpec(Appearance(), (), TrackingSettings(), (far, near), verify=verify)
        guard = residual_guard(
            spec,
            PipelineTools(
                detector, BlackBoxRedactor(), RawEncoder(), FakeSampler(), 1, residual_tools=RESIDUAL_TOOLS
            ),
            FakeSource("video.mp4", count=12).info,
        )
        assert guard is not None
        full_passes = []
        for index in range(12):
            redaction = RedactionMask((WIDTH, HEIGHT), (), ())
            guard.detector.detect(EncodedFrame(index, shipped().bgr()), pending, redaction)
            full_passes.append((WIDTH, HEIGHT) in detector.searched_sizes)
            detector.searched_sizes.clear()
        assert [index for index, fully in enumerate(full_passes) if fully] == list(full_size)


CLEAR: Box = (180, 20, 220, 70)
BESIDE: Box = (96, 50, 156, 110)
"""Overlaps the removed face by two fifths."""
ON: Box = (70, 55, 115, 105)


@pytest.mark.parametrize(
    ("box", "score", "cosine", "is_residual"),
    [
        (CLEAR, 0.6, -1.0, True),
        (CLEAR, 0.4, 1.0, False),
        (BESIDE, 0.6, -1.0, True),
        (BESIDE, 0.4, 0.9, True),
        (BESIDE, 0.4, 0.1, False),
        (ON, 0.9, 0.1, False),
        (ON, 0.3, 0.9, True),
    ],
    ids=["sure", "unsure", "sure beside", "like beside", "unlike beside", "mosaic", "recognisable mosaic"],
)
def test_residuals_by_position_score_and_similarity(
    box: Box, score: float, cosine: float, is_residual: bool
) -> None:
    residuals, _ = search(StubDetector([(box, score)]), StubRecognizer(cosine))
    assert residuals == ([list(box)] if is_residual else [])


@given(
    box=st.sampled_from([CLEAR, BESIDE, ON]),
    score=st.sampled_from([0.1, 0.25, 0.44, 0.46, 0.49, 0.51, 0.95]),
    cosine=st.sampled_from([-1.0, 0.0, LIMIT - 0.01, LIMIT + 0.01, 1.0]),
    black=st.booleans(),
    has_recognizer=st.booleans(),
    is_known=st.booleans(),
    confirmed=st.booleans(),
)
@settings(deadline=None)
def test_rules_for_residuals(
    box: Box,
    score: float,
    cosine: float,
    black: bool,
    has_recognizer: bool,
    is_known: bool,
    confirmed: bool,
) -> None:
    """A confident detection counts if its visible pixels confirm it and it is not on a mosaic; a similar one
    counts where it is comparable."""
    recognizer = StubRecognizer(cosine) if has_recognizer else None
    detector = StubDetector([(box, score)], detects_face_crops=is_known)
    residuals, similarity = search(
        detector, recognizer, black=(REMOVED,) if black else (), judge=StubJudge(confirmed)
    )
    is_found = score >= SEARCH_THRESHOLD
    comparable = box is BESIDE or (box is ON and not black)
    compared = is_found and has_recognizer and is_known and comparable
    is_sure = is_found and score >= ACCEPT_FACTOR * ACCEPT and (box is not ON or black)
    is_similar = compared and cosine >= LIMIT
    assert residuals == ([list(box)] if (is_sure and confirmed) or is_similar else [])
    assert similarity == (pytest.approx(cosine, abs=1e-3) if compared else None)


def test_frames_are_searched_and_faces_compared_in_the_shape_in_which_they_are_displayed() -> None:
    detector = StubDetector([((130, 50, 220, 110), 0.9)])
    aligned: list[tuple[int, ...]] = []

    class ShapeRecorder(StubRecognizer):
        def align(self, image: Image, landmarks: FloatArray) -> Image:
            aligned.append(image.shape[:2])
            return super().align(image, landmarks)

    residual_detector = ResidualDetector(
        detector, FakeSampler(), ShapeRecorder(0.9), (DetectionScale(2 * WIDTH),), ACCEPT
    )
    pending = PendingCheck(SearchScope(), (WIDTH, HEIGHT), (2 * WIDTH, HEIGHT), (face_crop(),))
    report = residual_detector.detect(shipped(), pending, RedactionMask((WIDTH, HEIGHT), [REMOVED], []))
    assert detector.searched_sizes == [(2 * WIDTH, HEIGHT)]
    assert report.boxes.tolist() == [[65, 50, 110, 110]]
    assert aligned == [(60, 120)] * 2


@pytest.mark.parametrize(("factors", "shape"), [((2.0, 1.0), (2, 6)), ((1.0, 1.5), (3, 3)), ((1, 1), (2, 3))])
def test_stretching_keeps_colours_and_order(factors: tuple[float, float], shape: tuple[int, int]) -> None:
    image = np.repeat(np.array([[0, 100, 200], [50, 150, 250]], np.uint8)[:, :, None], 3, axis=2)
    stretched = stretch(image, factors)
    assert stretched.shape == (*shape, 3)
    assert (stretched[0, 0, 0], stretched[-1, -1, 0]) == (0, 250)
    assert (np.diff(stretched[:, :, 0].astype(int), axis=1) >= 0).all()
    assert (np.diff(stretched[:, :, 0].astype(int), axis=0) >= 0).all()


def test_on_black_only_the_score_decides() -> None:
    recognizer = StubRecognizer(1.0)
    for score, expected in ((0.44, []), (0.46, [list(ON)])):
        assert search(StubDetector([(ON, score)]), recognizer, black=(REMOVED,)) == (expected, None)
    assert recognizer.compared == 0


def test_confident_detections_are_judged_by_how_much_of_them_was_replaced() -> None:
    judge = StubJudge(False)
    detections = [(CLEAR, 0.9), (BESIDE, 0.8), (ON, 0.7), ((61, 51, 100, 100), 0.3)]
    residuals, _ = search(StubDetector(detections), None, black=(REMOVED,), judge=judge)
    assert residuals == []
    assert judge.replaced == [0.0, pytest.approx(0.4), 1.0]


def test_without_a_recogniser_only_scores_count() -> None:
    detections = [(ON, 0.9), (CLEAR, 0.9), (BESIDE, 0.3)]
    assert search(StubDetector(detections), None) == ([list(CLEAR)], None)


def test_a_kept_face_is_no_residual_unless_it_was_redacted() -> None:
    around = (CLEAR[0] - 5, CLEAR[1] - 5, CLEAR[2] + 5, CLEAR[3] + 5)
    detections = [(CLEAR, 0.9)]
    assert search(StubDetector(detections), None, kept=(around,)) == ([], None)
    assert search(StubDetector(detections), None, kept=(REMOVED,)) == ([list(CLEAR)], None)
    covered = search(StubDetector(detections), None, redacted=(around,), black=(around,), kept=(around,))
    assert covered == ([list(CLEAR)], None)


def test_a_removed_face_that_is_not_detected_is_not_compared() -> None:
    recognizer = StubRecognizer(1.0)
    detector = StubDetector([(ON, 0.9)], detects_face_crops=False)
    assert search(detector, recognizer) == ([], None)
    assert search(StubDetector([(ON, 0.9)]), recognizer, face_crops=()) == ([], None)


def test_each_removed_face_is_recognised_once() -> None:
    recognizer = StubRecognizer(0.1)
    search(StubDetector([(ON, 0.9), ((62, 52, 110, 108), 0.8), ((80, 60, 118, 108), 0.7)]), recognizer)
    assert recognizer.compared == 2


def test_a_failed_search_is_an_error() -> None:
    for near in ((), (REMOVED,)):
        with pytest.raises(FrameAnalysisError):
            search(StubDetector([], broken=True), None, near=near)


corners = st.tuples(
    st.integers(0, WIDTH - 60), st.integers(0, HEIGHT - 60), st.integers(20, 60), st.integers(20, 60)
).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))


@given(near=st.lists(corners, min_size=1, max_size=3, unique=True))
@settings(deadline=None)
def test_near_a_gap_the_face_itself_is_detected(near: list[Box]) -> None:
    detector = StubDetector([(near[0], 0.9)])
    residuals, _ = search(detector, None, near=near, redacted=())
    assert residuals == [list(near[0])]
    # Two crops may contain the same face, which counts once; no crop is larger than necessary.
    assert len(detector.searched_sizes) == len(near)
    assert all(max(size) <= max(128, 2 * 60 + 32) for size in detector.searched_sizes)


def test_near_a_gap_nothing_else_is_searched() -> None:
    detector = StubDetector([((0, 0, 30, 30), 0.9)])
    assert search(detector, None, near=((200, 130, 240, 180),), redacted=()) == ([], None)


@given(
    detections=st.lists(st.tuples(corners, st.sampled_from([0.25, 0.44, 0.51, 0.95])), max_size=4),
    redacted=st.lists(corners, max_size=3),
)
@settings(deadline=None)
def test_on_solid_redaction_every_confident_detection_is_a_residual(
    detections: list[tuple[Box, float]], redacted: list[Box]
) -> None:
    """The last line of defence: a confident detection in a delivered frame must be redacted again."""
    residuals, similarity = search(
        StubDetector(detections), StubRecognizer(-1.0), redacted=redacted, black=redacted, face_crops=()
    )
    confident = {tuple(box) for box, score in detections if score >= ACCEPT}
    assert {tuple(box) for box in residuals} == confident
    assert similarity is None or math.isfinite(similarity)
