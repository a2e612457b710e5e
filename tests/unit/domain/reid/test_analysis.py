"""Analysis of images: from their bytes to faces, with fake models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from fakes.recognition import CannedEmotionReader, FakeFaceRecognizer, FakeImageReader, image_bytes
from fakes.vision import FakeFaceDetector, paint_face
from framecloak.domain.errors import (
    BatchTooLargeError,
    DomainError,
    FaceNotFoundError,
    FaceTooSmallError,
    FrameAnalysisError,
    ImageTooLargeError,
    InvalidImageError,
    OverloadedError,
)
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.model.faces import ImageAnalysis
from framecloak.domain.reid.analysis import MAX_FACES, Capacity, FaceAnalyzer

SMALL, MIDDLE, LARGE = (10, 10, 40, 50), (80, 20, 130, 90), (160, 60, 260, 200)


@pytest.fixture
def analyzers() -> Iterator[list[FaceAnalyzer]]:
    created: list[FaceAnalyzer] = []
    yield created
    for created_analyzer in created:
        created_analyzer.close()


@pytest.fixture
def analyzer(analyzers: list[FaceAnalyzer]) -> FaceAnalyzer:
    return new_analyzer(analyzers)


def new_analyzer(
    analyzers: list[FaceAnalyzer],
    emotions: CannedEmotionReader | None = None,
    detector: FakeFaceDetector | None = None,
    recognizer: FakeFaceRecognizer | None = None,
    **capacity: float,
) -> FaceAnalyzer:
    analyzers.append(
        FaceAnalyzer(
            FakeImageReader(),
            detector or FakeFaceDetector(),
            recognizer or FakeFaceRecognizer(),
            emotions,
            Capacity(**({"threads": 2} | capacity)),
        )
    )
    return analyzers[-1]


def encoded_image(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (288, 224)) -> bytes:
    image: Image = np.full((size[1], size[0], 3), 90, np.uint8)
    for box in boxes:
        paint_face(image, box)
    return image_bytes(image)


async def test_the_largest_face_is_analysed(analyzer: FaceAnalyzer) -> None:
    result = await analyzer.analyze(encoded_image(SMALL, LARGE, MIDDLE))
    (face,) = result.faces
    assert result.detected == 3
    np.testing.assert_allclose(face.box, LARGE, atol=2)
    assert face.score == pytest.approx(0.9, abs=0.01)
    assert face.landmarks.shape == (5, 2)
    assert face.embedding.space == analyzer.space
    assert np.linalg.norm(face.embedding.vector) == pytest.approx(1, abs=1e-5)
    assert face.quality.size == pytest.approx(100, abs=3)
    assert face.emotions is None


async def test_faces_of_images_are_in_order_with_the_largest_first(analyzer: FaceAnalyzer) -> None:
    result = await analyzer.analyze_all([encoded_image(SMALL, LARGE), encoded_image(MIDDLE)])
    assert [
        [round(float(face.box[0])) for face in item.faces]
        for item in result
        if isinstance(item, ImageAnalysis)
    ] == [
        [160, 10],
        [80],
    ]


async def test_an_invalid_image_does_not_affect_the_others(analyzer: FaceAnalyzer) -> None:
    images = [b"nonsense", encoded_image(LARGE), b"large", encoded_image(), encoded_image((5, 5, 20, 20))]
    result = await analyzer.analyze_all(images)
    kinds = [type(item) for item in result]
    assert kinds == [
        InvalidImageError,
        ImageAnalysis,
        ImageTooLargeError,
        FaceNotFoundError,
        FaceTooSmallError,
    ]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"nonsense", InvalidImageError),
        (b"large", ImageTooLargeError),
        (encoded_image(), FaceNotFoundError),
        (encoded_image((5, 5, 24, 60)), FaceTooSmallError),
    ],
)
async def test_a_single_image_fails_with_its_error(
    analyzer: FaceAnalyzer, data: bytes, error: type[DomainError]
) -> None:
    with pytest.raises(error):
        await analyzer.analyze(data)


async def test_small_faces_beside_large_ones_are_counted_and_left_out(analyzer: FaceAnalyzer) -> None:
    (result,) = await analyzer.analyze_all([encoded_image((5, 5, 20, 20), LARGE)])
    assert isinstance(result, ImageAnalysis)
    assert (len(result.faces), result.detected) == (1, 2)


async def test_boxes_are_clipped_to_the_image(analyzer: FaceAnalyzer) -> None:
    result = await analyzer.analyze(encoded_image((240, 150, 288, 224)))
    box = result.faces[0].box
    assert box.min() >= 0
    assert box[2] <= 288
    assert box[3] <= 224


async def test_boxes_are_correct_in_an_image_of_no_multiple_of_the_stride(
    analyzer: FaceAnalyzer,
) -> None:
    result = await analyzer.analyze(encoded_image((40, 30, 120, 130), size=(301, 203)))
    np.testing.assert_allclose(result.faces[0].box, (40, 30, 120, 130), atol=5)


async def test_a_large_image_is_analysed_at_full_size_only_when_no_face_is_found(
    analyzers: list[FaceAnalyzer],
) -> None:
    detector = FakeFaceDetector()
    two_pass_analyzer = new_analyzer(analyzers, detector=detector)
    await two_pass_analyzer.analyze(encoded_image((200, 100, 600, 500), size=(1600, 1280)))
    assert detector.calls == [(1, 512, 640)]
    with pytest.raises(FaceNotFoundError):
        await two_pass_analyzer.analyze(encoded_image(size=(1600, 1280)))
    sizes, quarter_turns = detector.calls[1:4], detector.calls[4:]
    assert sizes == [(1, 512, 640), (1, 1024, 1280), (1, 576, 640)]
    assert quarter_turns == [(1, 640, 512), (1, 512, 640), (1, 640, 512)]


async def test_too_many_images_or_faces_are_refused(analyzer: FaceAnalyzer) -> None:
    with pytest.raises(BatchTooLargeError, match="33 images"):
        await analyzer.analyze_all([encoded_image(LARGE)] * 33)
    grid = [(x, y, x + 24, y + 24) for x in range(0, 280, 35) for y in range(0, 200, 40)]
    with pytest.raises(BatchTooLargeError, match="40 faces"):
        await analyzer.analyze_all([encoded_image(*grid)])


async def test_no_images_give_no_results(analyzer: FaceAnalyzer) -> None:
    assert await analyzer.analyze_all([]) == []


async def test_a_broken_model_fails_the_request(analyzers: list[FaceAnalyzer]) -> None:
    for broken in (
        new_analyzer(analyzers, detector=FakeFaceDetector(broken=True)),
        new_analyzer(analyzers, recognizer=FakeFaceRecognizer(broken=True)),
    ):
        with pytest.raises(FrameAnalysisError):
            await broken.analyze(encoded_image(LARGE))
        with pytest.raises(FrameAnalysisError):
            await broken.analyze_all([encoded_image(LARGE)])


async def test_a_permitted_batch_is_accepted_by_an_empty_queue_of_any_length(
    analyzers: list[FaceAnalyzer],
) -> None:
    result = await new_analyzer(analyzers, max_waiting=1).analyze_all([encoded_image(LARGE)] * MAX_FACES)
    assert [type(item) for item in result] == [ImageAnalysis] * MAX_FACES


async def test_emotions_are_read_once_for_all_faces_of_a_request(analyzers: list[FaceAnalyzer]) -> None:
    emotions = CannedEmotionReader()
    result = await new_analyzer(analyzers, emotions).analyze_all(
        [encoded_image(SMALL, LARGE), encoded_image(MIDDLE)]
    )
    faces = [face for item in result if isinstance(item, ImageAnalysis) for face in item.faces]
    assert [face.emotions for face in faces] == [{"happy": 0.75, "sad": 0.25}] * 3
    assert len(emotions.crops) == 3
    assert emotions.crops[0][0] > 140  # the face is 140 pixels high and has surroundings


class SilentEmotionReader(CannedEmotionReader):
    """Emotion reader that never answers."""

    async def read(self, crops: list[Image]) -> FloatArray:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    "emotions",
    [
        CannedEmotionReader(unavailable=True),
        SilentEmotionReader(),
        CannedEmotionReader(np.full((1, 2), np.nan, np.float32)),
        CannedEmotionReader(np.ones((3, 2), np.float32)),
    ],
    ids=["unavailable", "silent", "nan", "other number"],
)
async def test_an_analysis_succeeds_without_emotions(
    analyzers: list[FaceAnalyzer], emotions: CannedEmotionReader
) -> None:
    result = await new_analyzer(analyzers, emotions, emotion_seconds=0.01).analyze(encoded_image(LARGE))
    assert result.faces[0].emotions is None


async def test_callers_share_model_calls_and_get_their_own_faces(analyzers: list[FaceAnalyzer]) -> None:
    recognizer = FakeFaceRecognizer(max_batch=32)
    shared = new_analyzer(analyzers, recognizer=recognizer, threads=1, max_batch_delay=3600)
    boxes = [(10 * n, 10, 10 * n + 60, 100) for n in range(16)]
    result = await asyncio.gather(*(shared.analyze(encoded_image(box)) for box in boxes))
    for box, item in zip(boxes, result, strict=True):
        np.testing.assert_allclose(item.faces[0].box, box, atol=2)
    assert sum(recognizer.calls) == 16
    assert len(recognizer.calls) < 16


async def test_calls_beyond_the_queue_are_refused(analyzers: list[FaceAnalyzer]) -> None:
    narrow = new_analyzer(analyzers, threads=1, max_waiting=2)
    answers = await asyncio.gather(
        *(narrow.analyze(encoded_image(LARGE)) for _ in range(8)), return_exceptions=True
    )
    refused = [item for item in answers if isinstance(item, OverloadedError)]
    served = [item for item in answers if isinstance(item, ImageAnalysis)]
    assert len(refused) + len(served) == 8
    assert refused
    assert served
    assert isinstance(await narrow.analyze(encoded_image(LARGE)), ImageAnalysis)
