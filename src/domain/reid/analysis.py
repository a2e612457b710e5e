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
from framecloak.domain.model.faces import Embedding, EmbeddingSpace, Face, ImageAnalysis, Quality
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, ModelKind, ModelMeter
from framecloak.domain.ports.models import EmotionReader, FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import ImageReader
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.face_search import MIN_FACE_PX, detect_faces
from framecloak.domain.reid.quality import assess
from framecloak.domain.reid.thread_lanes import ThreadLanes

MAX_FACES = 32
"""Maximum number of faces, and of images, per request."""

_EMOTION_MARGIN = 0.2
"""Margin around a face for the emotion model, as a share of the box on each side."""
_URGENT_AFTER_SECONDS = 0.01
"""Seconds after which waiting faces take precedence over new images in the lanes."""
_IMAGE_ERRORS = (InvalidImageError, ImageTooLargeError, FaceNotFoundError, FaceTooSmallError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Limits on the resources used by analyses.

    Attributes:
        threads: number of concurrent model calls and image decodings.
        max_waiting: number of images that may wait; more are refused, unless they belong to one request and
            nothing else is waiting.
        max_batch_delay: maximum delay in seconds for collecting faces into one model call.
        emotion_seconds: timeout for emotions in seconds.
    """

    threads: int
    max_waiting: int = 64
    max_batch_delay: float = 0.003
    emotion_seconds: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _DetectedFaces:
    """Detected faces of one image before recognition, largest first.

    Attributes:
        detections: boxes, clipped to the image, with scores and landmarks.
        chips: aligned face crops for the recogniser, (n, side, side, 3) uint8 RGB.
        qualities: one per face.
        crops: face crops with a margin; empty without an emotion model.
        total: number of faces in the image, including those that were discarded.
    """

    detections: Detections
    chips: Image
    qualities: tuple[Quality, ...]
    crops: tuple[Image, ...]
    total: int


class FaceAnalyzer:
    """Detection and recognition of faces in images, for any number of concurrent callers.

    One detector and one recogniser serve all callers: images are processed in a few threads, and faces of
    different callers share calls of the recogniser.

    Args:
        image_reader: decodes images sent by callers.
        detector: face detector.
        recognizer: face recogniser.
        emotions: emotion model, or None.
        capacity: limits on the resources used.
        meters: metrics of the detector and the recogniser.
    """

    def __init__(
        self,
        image_reader: ImageReader,
        detector: FaceDetector,
        recognizer: FaceRecognizer,
        emotions: EmotionReader | None,
        capacity: Capacity,
        meters: Mapping[ModelKind, ModelMeter] = NULL_MODEL_METERS,
    ) -> None:
        self._image_reader = image_reader
        self._detector = detector
        self._recognizer = recognizer
        self._emotions = emotions
        self._capacity = capacity
        self._lanes = ThreadLanes(capacity.threads, "faces")
        # Faces wait briefly for others while images are processed, so that model calls are shared.
        self._embedding_batcher: Batcher[Image, FloatArray] = Batcher(
            lambda chips: list(recognizer.embed(np.stack(chips))),
            max_batch=min(MAX_FACES, recognizer.max_batch),
            lanes=self._lanes,
            max_waiting=capacity.max_waiting * MAX_FACES,
            max_batch_delay=capacity.max_batch_delay,
            urgent_after=_URGENT_AFTER_SECONDS,
            meter=meters[ModelKind.RECOGNIZER],
        )
        self._detection_batcher = Batcher(
            self._detect_all,
            max_batch=1,
            lanes=self._lanes,
            max_waiting=capacity.max_waiting,
            meter=meters[ModelKind.DETECTOR],
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

    async def analyze(self, image: bytes) -> ImageAnalysis:
        """Analyse the largest face of an image.

        Args:
            image: content of an image file.

        Raises:
            InvalidImageError: the bytes are not an image.
            ImageTooLargeError: the image has too many pixels.
            FaceNotFoundError: no face was detected.
            FaceTooSmallError: all faces are smaller than `MIN_FACE_PX`.
            FrameAnalysisError: a model failed.
            OverloadedError: too many images are waiting already.
        """
        faces = await self._detection_batcher.run(_DetectionTask(image, largest_only=True))
        (analysis,) = await self._recognize([faces])
        return analysis

    async def analyze_all(self, images: Sequence[bytes]) -> list[ImageAnalysis | DomainError]:
        """Analyse every face of several images.

        Args:
            images: contents of image files.

        Returns:
            One entry per image, in order. An image that is invalid, shows no face or only small ones has its
            error as the entry and does not affect the others.

        Raises:
            BatchTooLargeError: more than `MAX_FACES` images, or more than `MAX_FACES` faces in all of them.
            FrameAnalysisError: a model failed.
            OverloadedError: too many images are waiting already.
        """
        require_batch_size(len(images))
        tasks = [_DetectionTask(image, largest_only=False) for image in images]
        outcomes = await self._detection_batcher.outcomes(tasks)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, _IMAGE_ERRORS):
                raise outcome
        detected = [outcome for outcome in outcomes if isinstance(outcome, _DetectedFaces)]
        faces = sum(len(image.detections) for image in detected)
        if faces > MAX_FACES:
            raise BatchTooLargeError(
                f"{faces} faces in one request, at most {MAX_FACES} are allowed",
                "send fewer images per request",
            )
        analyses = iter(await self._recognize(detected))
        return [outcome if isinstance(outcome, _IMAGE_ERRORS) else next(analyses) for outcome in outcomes]

    def close(self) -> None:
        """Finish running calls and stop the threads."""
        self._detection_batcher.close()
        self._embedding_batcher.close()
        self._lanes.close()

    def _detect_all(self, tasks: Sequence[_DetectionTask]) -> list[_DetectedFaces]:
        return [self._detect(task) for task in tasks]

    def _detect(self, task: _DetectionTask) -> _DetectedFaces:
        """Detect, align and assess the faces of one image; runs in a thread."""
        frame = self._image_reader.read(task.image)
        detections = detect_faces(self._detector, frame)
        detected = len(detections)
        if not detected:
            raise FaceNotFoundError(
                "no face was found in the image", "send an image that shows a face clearly"
            )
        detections = _largest_first(_clipped(detections, frame))
        sizes = _shorter_sides(detections.boxes)
        if sizes.max() < MIN_FACE_PX:
            raise FaceTooSmallError(
                f"the largest face is {sizes.max():.0f} pixels wide or high",
                f"use an image whose face has at least {MIN_FACE_PX} pixels",
            )
        detections = detections.select(sizes >= MIN_FACE_PX)
        if task.largest_only:
            detections = detections.select(np.arange(1))
        image = frame.rgb(frame.width, frame.height)
        chips = self._recognizer.align(image, detections.landmarks)
        qualities = tuple(map(assess, chips, detections.landmarks, detections.boxes))
        crops = tuple(_crop(image, box) for box in detections.boxes) if self._emotions else ()
        return _DetectedFaces(detections, chips, qualities, crops, detected)

    async def _recognize(self, detected: Sequence[_DetectedFaces]) -> list[ImageAnalysis]:
        """Compute the embeddings and emotions for all faces of a request together."""
        chips = [chip for image in detected for chip in image.chips]
        crops = [crop for image in detected for crop in image.crops]
        reading = asyncio.ensure_future(self._read_emotions(crops, len(chips)))
        try:
            vectors = iter(await self._embedding_batcher.run_all(chips))
            emotions = iter(await reading)
        finally:
            reading.cancel()
        return [
            ImageAnalysis(
                faces=tuple(
                    Face(
                        box=image.detections.boxes[index],
                        score=float(image.detections.scores[index]),
                        landmarks=image.detections.landmarks[index],
                        embedding=Embedding(self._recognizer.space, next(vectors)),
                        quality=image.qualities[index],
                        emotions=next(emotions),
                    )
                    for index in range(len(image.detections))
                ),
                detected=image.total,
            )
            for image in detected
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


def require_batch_size(images: int) -> None:
    """Refuse too many images per request, before they are decoded.

    Raises:
        BatchTooLargeError: there are more than `MAX_FACES` images.
    """
    if images > MAX_FACES:
        raise BatchTooLargeError(f"{images} images in one request", f"send at most {MAX_FACES}")


@dataclass(frozen=True, slots=True)
class _DetectionTask:
    """An image to process.

    Attributes:
        image: content of the image file.
        largest_only: True to keep only the largest face.
    """

    image: bytes
    largest_only: bool


def _clipped(detections: Detections, frame: Frame) -> Detections:
    """Clip boxes to the image; a box wholly outside becomes empty."""
    limits = np.array([frame.width, frame.height] * 2, np.float32)
    return Detections(np.clip(detections.boxes, 0, limits), detections.scores, detections.landmarks)


def _largest_first(detections: Detections) -> Detections:
    areas = (detections.boxes[:, 2:] - detections.boxes[:, :2]).prod(axis=1)
    return detections.select(np.argsort(-areas, kind="stable"))


def _shorter_sides(boxes: FloatArray) -> FloatArray:
    """Return the shorter sides of boxes, (n,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1), np.float32)


def _crop(image: Image, box: FloatArray) -> Image:
    """Copy a face with its margin, so that the whole image need not be kept in memory."""
    height, width = image.shape[:2]
    margin = (box[2:] - box[:2]) * _EMOTION_MARGIN
    x1, y1 = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(box[2:] + margin, [width, height])).astype(int)
    return image[y1:y2, x1:x2].copy()
