"""Use case: from the bytes of a picture to the faces in it."""

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
from framecloak.domain.ports.imaging import FaceDetector, Frame
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, Model, ModelMeter
from framecloak.domain.ports.recognition import EmotionReader, FaceRecognizer, PictureReader
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.face_search import MIN_FACE, look
from framecloak.domain.reid.model import Analysis, Embedding, EmbeddingSpace, Face
from framecloak.domain.reid.quality import Quality, assess
from framecloak.domain.reid.thread_lanes import Lanes

MAX_FACES = 32
"""Faces, and pictures, of one request."""

_SURROUNDINGS = 0.2
"""Share of its box that an emotion reader sees around a face, on each side."""
_PATIENCE = 0.01
"""Seconds that a face waits for others while new pictures keep all lanes busy."""
_FAULTS_OF_A_PICTURE = (InvalidImageError, ImageTooLargeError, FaceNotFoundError, FaceTooSmallError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of the machine analyses may use.

    Attributes:
        threads: calls of models, and pictures that are decoded, in the same moment.
        max_waiting: pictures that may wait for that; more are refused, unless they are of one request and
            nothing else waits.
        linger: the most seconds that faces wait for others to share a model call with.
        emotion_seconds: how long an analysis waits for emotions.
    """

    threads: int
    max_waiting: int = 64
    linger: float = 0.003
    emotion_seconds: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The faces of a picture before they are recognised, the largest first.

    Attributes:
        found: places and scores, boxes inside the picture.
        chips: (n, side, side, 3) uint8 RGB, aligned for the recogniser.
        qualities: one for each face.
        crops: faces with some surroundings; empty where nobody reads emotions.
        detected: faces in the picture, with those that were left out.
    """

    found: Detections
    chips: Image
    qualities: tuple[Quality, ...]
    crops: tuple[Image, ...]
    detected: int


class FaceAnalysis:
    """Finds and recognises faces in pictures, for any number of callers at once.

    One detector and one recogniser serve all of them: pictures are looked at in a few threads, and faces of
    different callers share calls of the recogniser.

    Args:
        pictures: decodes what callers send.
        detector: finds faces.
        recognizer: tells them apart.
        emotions: says what they express; None where nobody can.
        capacity: how much of the machine may be used.
        meters: told what is asked of the detector and the recogniser.
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
        # Faces wait for company while there are pictures to look at, but not for long.
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
        """Where the embeddings live that analyses give."""
        return self._recognizer.space

    @property
    def detector(self) -> FaceDetector:
        """What finds faces; its card says which model that is."""
        return self._detector

    @property
    def recognizer(self) -> FaceRecognizer:
        """What tells them apart."""
        return self._recognizer

    @property
    def emotions(self) -> EmotionReader | None:
        """What says what they express."""
        return self._emotions

    async def analyze(self, picture: bytes) -> Analysis:
        """The most prominent face of a picture, which is the largest.

        Args:
            picture: the bytes of a file.

        Raises:
            InvalidImageError: the bytes are no picture.
            ImageTooLargeError: it has too many pixels.
            FaceNotFoundError: it shows no face.
            FaceTooSmallError: all its faces are smaller than `MIN_FACE`.
            ExaminationError: a model failed.
            OverloadedError: there is too much to do already.
        """
        seen = await self._examinations.run(_Task(picture, largest_only=True))
        (analysis,) = await self._recognize([seen])
        return analysis

    async def analyze_all(self, pictures: Sequence[bytes]) -> list[Analysis | DomainError]:
        """Every face of some pictures.

        Args:
            pictures: the bytes of files.

        Returns:
            What was found in each, in their order. A picture that is none, or shows no face, or none that
            is large enough, has its error there and does not spoil the others.

        Raises:
            BatchTooLargeError: more than `MAX_FACES` pictures, or more faces than that in all of them.
            ExaminationError: a model failed.
            OverloadedError: there is too much to do already.
        """
        require_batch(len(pictures))
        tasks = [_Task(picture, largest_only=False) for picture in pictures]
        outcomes = await self._examinations.outcomes(tasks)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, _FAULTS_OF_A_PICTURE):
                raise outcome
        seen = [outcome for outcome in outcomes if isinstance(outcome, _Seen)]
        faces = sum(len(one.found) for one in seen)
        if faces > MAX_FACES:
            raise BatchTooLargeError(
                f"{faces} faces in one request, at most {MAX_FACES} are taken", "send fewer pictures at once"
            )
        analyses = iter(await self._recognize(seen))
        return [
            outcome if isinstance(outcome, _FAULTS_OF_A_PICTURE) else next(analyses) for outcome in outcomes
        ]

    def close(self) -> None:
        """Stop the threads, after what they are at."""
        self._examinations.close()
        self._embeddings.close()
        self._lanes.close()

    def _examine_all(self, tasks: Sequence[_Task]) -> list[_Seen]:
        return [self._examine(task) for task in tasks]

    def _examine(self, task: _Task) -> _Seen:
        """Everything about one picture that needs no other; runs in a thread."""
        frame = self._pictures.read(task.picture)
        found = look(self._detector, frame)
        detected = len(found)
        if not detected:
            raise FaceNotFoundError("no face was found in the picture", "send one that shows a face clearly")
        found = _largest_first(_inside(found, frame))
        sizes = _sizes(found.boxes)
        if sizes.max() < MIN_FACE:
            raise FaceTooSmallError(
                f"the largest face is {sizes.max():.0f} pixels wide or high",
                f"{MIN_FACE} are needed at least",
            )
        found = found.select(sizes >= MIN_FACE)
        if task.largest_only:
            found = found.select(np.arange(1))
        image = frame.rgb(frame.width, frame.height)
        chips = self._recognizer.align(image, found.landmarks)
        qualities = tuple(map(assess, chips, found.landmarks, found.boxes))
        crops = tuple(_crop(image, box) for box in found.boxes) if self._emotions else ()
        return _Seen(found, chips, qualities, crops, detected)

    async def _recognize(self, pictures: Sequence[_Seen]) -> list[Analysis]:
        """What remains to be done for all faces of a request together."""
        chips = [chip for seen in pictures for chip in seen.chips]
        crops = [crop for seen in pictures for crop in seen.crops]
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
                        box=seen.found.boxes[index],
                        score=float(seen.found.scores[index]),
                        landmarks=seen.found.landmarks[index],
                        embedding=Embedding(self._recognizer.space, next(vectors)),
                        quality=seen.qualities[index],
                        emotions=next(emotions),
                    )
                    for index in range(len(seen.found))
                ),
                detected=seen.detected,
            )
            for seen in pictures
        ]

    async def _read_emotions(
        self, crops: Sequence[Image], faces: int
    ) -> Sequence[Mapping[str, float] | None]:
        """One entry for each face; all None where nobody can say, or not in time."""
        unknown = [None] * faces
        if not self._emotions or not crops:
            return unknown
        try:
            async with asyncio.timeout(self._capacity.emotion_seconds):
                rows = await self._emotions.read(list(crops))
        except TimeoutError:
            _log.warning("no emotions: they took longer than %g s", self._capacity.emotion_seconds)
            return unknown
        except DomainError as error:
            _log.warning("no emotions: %s", error)
            return unknown
        names = self._emotions.emotions
        if rows.shape != (faces, len(names)) or not np.isfinite(rows).all():
            _log.warning("no emotions: %s numbers for %s faces make no sense", rows.shape, faces)
            return unknown
        return [dict(zip(names, row, strict=True)) for row in rows.astype(float).tolist()]


def require_batch(pictures: int) -> None:
    """Refuse more pictures than one request may have, even before they are decoded.

    Raises:
        BatchTooLargeError: they are too many.
    """
    if pictures > MAX_FACES:
        raise BatchTooLargeError(f"{pictures} pictures in one request", f"send at most {MAX_FACES}")


@dataclass(frozen=True, slots=True)
class _Task:
    """A picture to examine, and whether only its largest face is wanted."""

    picture: bytes
    largest_only: bool


def _inside(found: Detections, frame: Frame) -> Detections:
    """Boxes cut off where the picture ends; what lies wholly outside becomes empty."""
    limits = np.array([frame.width, frame.height] * 2, np.float32)
    return Detections(np.clip(found.boxes, 0, limits), found.scores, found.landmarks)


def _largest_first(found: Detections) -> Detections:
    areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
    return found.select(np.argsort(-areas, kind="stable"))


def _sizes(boxes: FloatArray) -> FloatArray:
    """(n,) shorter sides."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1), np.float32)


def _crop(image: Image, box: FloatArray) -> Image:
    """A copy of a face with some surroundings, so that the whole picture need not be kept."""
    height, width = image.shape[:2]
    margin = (box[2:] - box[:2]) * _SURROUNDINGS
    x1, y1 = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(box[2:] + margin, [width, height])).astype(int)
    return image[y1:y2, x1:x2].copy()
