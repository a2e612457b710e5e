"""From the bytes of a picture to its faces, with models that do what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from fakes.recognition import CannedEmotionReader, FakeFaceRecognizer, FakeImageReader, picture_bytes
from fakes.vision import FakeFaceDetector, plant_face
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
def made() -> Iterator[list[FaceAnalyzer]]:
    analyses: list[FaceAnalyzer] = []
    yield analyses
    for one in analyses:
        one.close()


@pytest.fixture
def analysis(made: list[FaceAnalyzer]) -> FaceAnalyzer:
    return make(made)


def make(
    made: list[FaceAnalyzer],
    emotions: CannedEmotionReader | None = None,
    detector: FakeFaceDetector | None = None,
    recognizer: FakeFaceRecognizer | None = None,
    **capacity: float,
) -> FaceAnalyzer:
    made.append(
        FaceAnalyzer(
            FakeImageReader(),
            detector or FakeFaceDetector(),
            recognizer or FakeFaceRecognizer(),
            emotions,
            Capacity(**({"threads": 2} | capacity)),
        )
    )
    return made[-1]


def picture(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (288, 224)) -> bytes:
    image: Image = np.full((size[1], size[0], 3), 90, np.uint8)
    for box in boxes:
        plant_face(image, box)
    return picture_bytes(image)


async def test_the_largest_face_is_the_one_that_is_analysed(analysis: FaceAnalyzer) -> None:
    found = await analysis.analyze(picture(SMALL, LARGE, MIDDLE))
    (face,) = found.faces
    assert found.detected == 3
    np.testing.assert_allclose(face.box, LARGE, atol=2)
    assert face.score == pytest.approx(0.9, abs=0.01)
    assert face.landmarks.shape == (5, 2)
    assert face.embedding.space == analysis.space
    assert np.linalg.norm(face.embedding.vector) == pytest.approx(1, abs=1e-5)
    assert face.quality.size == pytest.approx(100, abs=3)
    assert face.emotions is None


async def test_every_face_of_every_picture_in_order_largest_first(analysis: FaceAnalyzer) -> None:
    found = await analysis.analyze_all([picture(SMALL, LARGE), picture(MIDDLE)])
    assert [
        [round(float(face.box[0])) for face in one.faces] for one in found if isinstance(one, ImageAnalysis)
    ] == [
        [160, 10],
        [80],
    ]


async def test_a_picture_that_is_none_does_not_spoil_the_others(analysis: FaceAnalyzer) -> None:
    pictures = [b"nonsense", picture(LARGE), b"large", picture(), picture((5, 5, 20, 20))]
    found = await analysis.analyze_all(pictures)
    kinds = [type(one) for one in found]
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
        (picture(), FaceNotFoundError),
        (picture((5, 5, 24, 60)), FaceTooSmallError),
    ],
)
async def test_one_picture_fails_with_its_error(
    analysis: FaceAnalyzer, data: bytes, error: type[DomainError]
) -> None:
    with pytest.raises(error):
        await analysis.analyze(data)


async def test_small_faces_beside_large_ones_are_counted_and_left_out(analysis: FaceAnalyzer) -> None:
    (found,) = await analysis.analyze_all([picture((5, 5, 20, 20), LARGE)])
    assert isinstance(found, ImageAnalysis)
    assert (len(found.faces), found.detected) == (1, 2)


async def test_a_box_ends_where_the_picture_does(analysis: FaceAnalyzer) -> None:
    found = await analysis.analyze(picture((240, 150, 288, 224)))
    box = found.faces[0].box
    assert box.min() >= 0
    assert box[2] <= 288
    assert box[3] <= 224


async def test_a_picture_that_is_not_in_multiples_of_the_stride_keeps_its_places(
    analysis: FaceAnalyzer,
) -> None:
    found = await analysis.analyze(picture((40, 30, 120, 130), size=(301, 203)))
    np.testing.assert_allclose(found.faces[0].box, (40, 30, 120, 130), atol=5)


async def test_a_large_picture_is_looked_at_more_closely_only_when_nothing_is_found(
    made: list[FaceAnalyzer],
) -> None:
    detector = FakeFaceDetector()
    closer = make(made, detector=detector)
    await closer.analyze(picture((200, 100, 600, 500), size=(1600, 1280)))
    assert detector.calls == [(1, 512, 640)]
    with pytest.raises(FaceNotFoundError):
        await closer.analyze(picture(size=(1600, 1280)))
    assert detector.calls[1:] == [(1, 512, 640), (1, 1024, 1280), (1, 576, 640)]


async def test_too_many_pictures_or_faces_are_refused(analysis: FaceAnalyzer) -> None:
    with pytest.raises(BatchTooLargeError, match="33 images"):
        await analysis.analyze_all([picture(LARGE)] * 33)
    grid = [(x, y, x + 24, y + 24) for x in range(0, 280, 35) for y in range(0, 200, 40)]
    with pytest.raises(BatchTooLargeError, match="40 faces"):
        await analysis.analyze_all([picture(*grid)])


async def test_no_pictures_at_all_are_none(analysis: FaceAnalyzer) -> None:
    assert await analysis.analyze_all([]) == []


async def test_a_broken_model_fails_the_request(made: list[FaceAnalyzer]) -> None:
    for broken in (
        make(made, detector=FakeFaceDetector(broken=True)),
        make(made, recognizer=FakeFaceRecognizer(broken=True)),
    ):
        with pytest.raises(FrameAnalysisError):
            await broken.analyze(picture(LARGE))
        with pytest.raises(FrameAnalysisError):
            await broken.analyze_all([picture(LARGE)])


async def test_a_batch_that_may_be_sent_is_taken_however_short_the_queue_is(made: list[FaceAnalyzer]) -> None:
    found = await make(made, max_waiting=1).analyze_all([picture(LARGE)] * MAX_FACES)
    assert [type(one) for one in found] == [ImageAnalysis] * MAX_FACES


async def test_emotions_are_read_once_for_all_faces_of_a_request(made: list[FaceAnalyzer]) -> None:
    emotions = CannedEmotionReader()
    found = await make(made, emotions).analyze_all([picture(SMALL, LARGE), picture(MIDDLE)])
    faces = [face for one in found if isinstance(one, ImageAnalysis) for face in one.faces]
    assert [face.emotions for face in faces] == [{"happy": 0.75, "sad": 0.25}] * 3
    assert len(emotions.crops) == 3
    assert emotions.crops[0][0] > 140  # the face is 140 pixels high and has surroundings


class Silent(CannedEmotionReader):
    """Never answers."""

    async def read(self, crops: list[Image]) -> FloatArray:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    "emotions",
    [
        CannedEmotionReader(unavailable=True),
        Silent(),
        CannedEmotionReader(np.full((1, 2), np.nan, np.float32)),
        CannedEmotionReader(np.ones((3, 2), np.float32)),
    ],
    ids=["unavailable", "silent", "nan", "other number"],
)
async def test_without_emotions_an_analysis_is_no_failure(
    made: list[FaceAnalyzer], emotions: CannedEmotionReader
) -> None:
    found = await make(made, emotions, emotion_seconds=0.01).analyze(picture(LARGE))
    assert found.faces[0].emotions is None


async def test_callers_share_calls_and_get_their_own_faces(made: list[FaceAnalyzer]) -> None:
    recognizer = FakeFaceRecognizer(max_batch=32)
    shared = make(made, recognizer=recognizer, threads=1, max_batch_delay=3600)
    boxes = [(10 * n, 10, 10 * n + 60, 100) for n in range(16)]
    found = await asyncio.gather(*(shared.analyze(picture(box)) for box in boxes))
    for box, one in zip(boxes, found, strict=True):
        np.testing.assert_allclose(one.faces[0].box, box, atol=2)
    assert sum(recognizer.calls) == 16
    assert len(recognizer.calls) < 16


async def test_more_than_can_wait_is_refused(made: list[FaceAnalyzer]) -> None:
    narrow = make(made, threads=1, max_waiting=2)
    answers = await asyncio.gather(
        *(narrow.analyze(picture(LARGE)) for _ in range(8)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, OverloadedError)]
    served = [one for one in answers if isinstance(one, ImageAnalysis)]
    assert len(refused) + len(served) == 8
    assert refused
    assert served
    assert isinstance(await narrow.analyze(picture(LARGE)), ImageAnalysis)
