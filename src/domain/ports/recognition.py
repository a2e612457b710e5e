"""What re-identification asks of models."""

from __future__ import annotations

from typing import Protocol

from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.ports.imaging import Frame
from framecloak.domain.reid.model import EmbeddingSpace


class PictureReader(Protocol):
    """Decodes pictures that strangers send. Safe to call from several threads at once."""

    def read(self, data: bytes) -> Frame:
        """Decode a picture; of an animated one, the first.

        Args:
            data: the bytes of a file.

        Returns:
            The picture, upright.

        Raises:
            InvalidImageError: the bytes are no picture, a damaged one, or one in a format that is not read.
            ImageTooLargeError: more pixels than are examined, found before any is decoded.
        """
        ...


class FaceRecognizer(Protocol):
    """Turns faces into vectors. Safe to call from several threads at once."""

    @property
    def card(self) -> ModelCard:
        """Which weights, where they run."""
        ...

    @property
    def space(self) -> EmbeddingSpace:
        """Where its vectors live."""
        ...

    @property
    def max_batch(self) -> int:
        """Faces that one call of ``embed`` may hold."""
        ...

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        """Cut faces out of a picture, upright and at the size that the model wants.

        Args:
            image: (height, width, 3) uint8 RGB.
            landmarks: (n, 5, 2) float32 pixels, as in `framecloak.domain.imaging.detections.Detections`.

        Returns:
            (n, side, side, 3) uint8 RGB.
        """
        ...

    def embed(self, chips: Image) -> FloatArray:
        """The vectors of aligned faces.

        Args:
            chips: (n, side, side, 3) uint8 RGB from ``align``, n at most ``max_batch``.

        Returns:
            (n, dimension) float32 of unit length.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
        """
        ...


class EmotionReader(Protocol):
    """Says what faces express."""

    @property
    def emotions(self) -> tuple[str, ...]:
        """What it tells apart; in the order of its probabilities."""
        ...

    async def read(self, crops: list[Image]) -> FloatArray:
        """Probabilities of the emotions.

        Args:
            crops: faces with some of their surroundings, each (h, w, 3) uint8 RGB of any size.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            EmotionsUnavailableError: there is nobody to ask at the moment.
        """
        ...

    async def available(self) -> bool:
        """Whether it would answer now; never raises."""
        ...
