"""Use case: detect and recognise the faces in an image file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framecloak.domain.errors import (
    BatchTooLargeError,
    DomainError,
    FaceNotFoundError,
    FaceTooSmallError,
    ImageTooLargeError,
    InvalidImageError,
)
from framecloak.domain.imaging.detections import Detections, FloatArray, Image
from framecloak.domain.model.faces import Analysis, Embedding, EmbeddingSpace, Face, Quality
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, Model, ModelMeter
from framecloak.domain.ports.models import EmotionReader, FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import PictureReader
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.face_search import MIN_FACE, look
from framecloak.domain.reid.quality import assess
from framecloak.domain.reid.thread_lanes import Lanes

MAX_FACES = 32
"""Maximum number of faces, and of images, per request."""

_SURROUNDINGS = 0.2
"""Margin around a face for the emotion model, as a share of the box on each side."""
_PATIENCE = 0.01
"""Seconds after which waiting faces take precedence over new images in the lanes."""
_FAULTS_OF_A_PICTURE = (InvalidImageError, ImageTooLargeError, FaceNotFoundError, FaceTooSmallError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Limits on the resources used by analyses.

    Attributes:
        threads: Number of concurrent model calls and image decodings.
        max_waiting: Number of images that may wait; more are refused, unless they belong to one request and
            nothing else is waiting.
        linger: Maximum delay in seconds for collecting faces into one model call.
        emotion_seconds: Timeout for emotions in seconds.
    """

    threads: int
    max_waiting: int = 64
    linger: float = 0.003
    emotion_seconds: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Detected faces of one image before recognition, largest first.

    Attributes:
        found: Boxes, clipped to the image, with scores and landmarks.
        chips: Aligned face crops for the recogniser, (n, side, side, 3) uint8 RGB.
        qualities: One per face.
        crops: Face crops with a margin; empty without an emotion model.
        detected: Number of faces in the image, including those that were discarded.
    """

    found: Detections
    chips: Image
    qualities: tuple[Quality, ...]
    crops: tuple[Image, ...]
    detected: int


class FaceAnalysis:
    """Detection and recognition of faces in images, for any number of concurrent callers.

    One detector and one recogniser serve all callers: images are processed in a few threads, and faces of
    different callers share calls of the recogniser.

    Args:
        pictures: Decodes images sent by callers.
        detector: Face detector.
        recognizer: Face recogniser.
        emotions: Emotion model, or None.
        capacity: Limits on the resources used.
        meters: Metrics of the detector and the recogniser.
    """

    def __init__(
        self,
        pictures: PictureReader,
        detector: FaceDetector,
        recognizer: FaceRecognizer,
        emotions: EmotionReader | None,
        capacity: Capacity,
        meters: Mapping[Model, ModelMeter] = NULL_MODEL_METERS,
    ) -> None:
        self._pictures = pictures
        self._detector = detector
        self._recognizer = recognizer
        self._emotions = emotions
        self._capacity = capacity
        self._lanes = Lanes(capacity.threads, "faces")
        # Faces wait briefly for others while images are processed, so that model calls are shared.
        self._embeddings: Batcher[Image, FloatArray] = Batcher(
            lambda chips: list(recognizer.embed(np.stack(chips))),
            max_batch=min(MAX_FACES, recognizer.max_batch),
            lanes=self._lanes,
            max_waiting=capacity.max_waiting * MAX_FACES,
            linger=capacity.linger,
            patience=_PATIENCE,
            meter=meters[Model.RECOGNIZER],
        )
        self._examinations = Batcher(
            self._examine_all,
            max_batch=1,
            lanes=self._lanes,
            max_waiting=capacity.max_waiting,
            meter=meters[Model.DETECTOR],
        )

    @property
    def space(self) -> EmbeddingSpace:
        """Embedding space of the analyses."""
        return self._recognizer.space

    @property
    def detector(self) -> FaceDetector:
        """Face detector; its card names the model."""
        return self._detector

    @property
    def recognizer(self) -> FaceRecognizer:
        """Face recogniser."""
        return self._recognizer

    @property
    def emotions(self) -> EmotionReader | None:
        """Emotion model, or None."""
        return self._emotions

    async def analyze(self, picture: bytes) -> Analysis:
        """Analyse the largest face of an image.

        Args:
            picture: Content of an image file.

        Raises:
            InvalidImageError: The bytes are not an image.
            ImageTooLargeError: The image has too many pixels.
            FaceNotFoundError: No face was detected.
            FaceTooSmallError: All faces are smaller than `MIN_FACE`.
            ExaminationError: A model failed.
            OverloadedError: Too many images are waiting already.
        """
        faces = await self._examinations.run(_Task(picture, largest_only=True))
        (analysis,) = await self._recognize([faces])
        return analysis

    async def analyze_all(self, pictures: Sequence[bytes]) -> list[Analysis | DomainError]:
        """Analyse every face of several images.

        Args:
            pictures: Contents of image files.

        Returns:
            One entry per image, in order. An image that is invalid, shows no face or only small ones has its
            error as the entry and does not affect the others.

        Raises:
            BatchTooLargeError: More than `MAX_FACES` images, or more than `MAX_FACES` faces in all of them.
            ExaminationError: A model failed.
            OverloadedError: Too many images are waiting already.
        """
        require_batch(len(pictures))
        tasks = [_Task(picture, largest_only=False) for picture in pictures]
        outcomes = await self._examinations.outcomes(tasks)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, _FAULTS_OF_A_PICTURE):
                raise outcome
        detected = [outcome for outcome in outcomes if isinstance(outcome, _Seen)]
        faces = sum(len(image.found) for image in detected)
        if faces > MAX_FACES:
            raise BatchTooLargeError(
                f"{faces} faces in one request, at most {MAX_FACES} are allowed",
                "send fewer images per request",
            )
        analyses = iter(await self._recognize(detected))
        return [
            outcome if isinstance(outcome, _FAULTS_OF_A_PICTURE) else next(analyses) for outcome in outcomes
        ]

    def close(self) -> None:
        """Finish running calls and stop the threads."""
        self._examinations.close()
        self._embeddings.close()
        self._lanes.close()

    def _examine_all(self, tasks: Sequence[_Task]) -> list[_Seen]:
        return [self._examine(task) for task in tasks]

    def _examine(self, task: _Task) -> _Seen:
        """Detect, align and assess the faces of one image; runs in a thread."""
        frame = self._pictures.read(task.picture)
        detections = look(self._detector, frame)
        detected = len(detections)
        if not detected:
            raise FaceNotFoundError(
                "no face was found in the image", "send an image that shows a face clearly"
            )
        detections = _largest_first(_inside(detections, frame))
        sizes = _sizes(detections.boxes)
        if sizes.max() < MIN_FACE:
            raise FaceTooSmallError(
                f"the largest face is {sizes.max():.0f} pixels wide or high",
                f"use an image whose face has at least {MIN_FACE} pixels",
            )
        detections = detections.select(sizes >= MIN_FACE)
        if task.largest_only:
            detections = detections.select(np.arange(1))
        image = frame.rgb(frame.width, frame.height)
        chips = self._recognizer.align(image, detections.landmarks)
        qualities = tuple(map(assess, chips, detections.landmarks, detections.boxes))
        crops = tuple(_crop(image, box) for box in detections.boxes) if self._emotions else ()
        return _Seen(detections, chips, qualities, crops, detected)

    async def _recognize(self, pictures: Sequence[_Seen]) -> list[Analysis]:
        """Compute the embeddings and emotions for all faces of a request together."""
        chips = [chip for image in pictures for chip in image.chips]
        crops = [crop for image in pictures for crop in image.crops]
        reading = asyncio.ensure_future(self._read_emotions(crops, len(chips)))
        try:
            vectors = iter(await self._embeddings.run_all(chips))
            emotions = iter(await reading)
        finally:
            reading.cancel()
        return [
            Analysis(
                faces=tuple(
                    Face(
                        box=image.found.boxes[index],
                        score=float(image.found.scores[index]),
                        landmarks=image.found.landmarks[index],
                        embedding=Embedding(self._recognizer.space, next(vectors)),
                        quality=image.qualities[index],
                        emotions=next(emotions),
                    )
                    for index in range(len(image.found))
                ),
                detected=image.detected,
            )
            for image in pictures
        ]

    async def _read_emotions(
        self, crops: Sequence[Image], faces: int
    ) -> Sequence[Mapping[str, float] | None]:
        """Return the emotions of each face; all None if they are unavailable or too late."""
        unknown = [None] * faces
        if not self._emotions or not crops:
            return unknown
        try:
            async with asyncio.timeout(self._capacity.emotion_seconds):
                rows = await self._emotions.read(list(crops))
        except TimeoutError:
            _log.warning("no emotions: the model took longer than %g s", self._capacity.emotion_seconds)
            return unknown
        except DomainError as error:
            _log.warning("no emotions: %s", error)
            return unknown
        names = self._emotions.emotions
        if rows.shape != (faces, len(names)) or not np.isfinite(rows).all():
            _log.warning("no emotions: invalid output of shape %s for %s faces", rows.shape, faces)
            return unknown
        return [dict(zip(names, row, strict=True)) for row in rows.astype(float).tolist()]


def require_batch(pictures: int) -> None:
    """Refuse too many images per request, before they are decoded.

    Raises:
        BatchTooLargeError: There are more than `MAX_FACES` images.
    """
    if pictures > MAX_FACES:
        raise BatchTooLargeError(f"{pictures} images in one request", f"send at most {MAX_FACES}")


@dataclass(frozen=True, slots=True)
class _Task:
    """An image to process.

    Attributes:
        picture: Content of the image file.
        largest_only: True to keep only the largest face.
    """

    picture: bytes
    largest_only: bool


def _inside(found: Detections, frame: Frame) -> Detections:
    """Clip boxes to the image; a box wholly outside becomes empty."""
    limits = np.array([frame.width, frame.height] * 2, np.float32)
    return Detections(np.clip(found.boxes, 0, limits), found.scores, found.landmarks)


def _largest_first(found: Detections) -> Detections:
    areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
    return found.select(np.argsort(-areas, kind="stable"))


def _sizes(boxes: FloatArray) -> FloatArray:
    """Return the shorter sides of boxes, (n,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1), np.float32)


def _crop(image: Image, box: FloatArray) -> Image:
    """Copy a face with its margin, so that the whole image need not be kept in memory."""
    height, width = image.shape[:2]
    margin = (box[2:] - box[:2]) * _SURROUNDINGS
    x1, y1 = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(box[2:] + margin, [width, height])).astype(int)
    return image[y1:y2, x1:x2].copy()
