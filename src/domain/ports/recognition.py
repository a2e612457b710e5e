"""Interfaces to the models of re-identification."""

from __future__ import annotations

from typing import Protocol

from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.ports.imaging import Frame
from framecloak.domain.reid.model import EmbeddingSpace


class PictureReader(Protocol):
    """Decoder of untrusted images. Thread-safe."""

    def read(self, data: bytes) -> Frame:
        """Decode an image; of an animation, the first frame.

        Args:
            data: Content of an image file.

        Returns:
            The upright image.

        Raises:
            InvalidImageError: The bytes are not an image, or the image is damaged or in an unsupported
                format.
            ImageTooLargeError: The image has too many pixels; detected before decoding.
        """
        ...


class FaceRecognizer(Protocol):
    """Face recognition model: aligns faces and computes embeddings. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def space(self) -> EmbeddingSpace:
        """Embedding space of the vectors."""
        ...

    @property
    def max_batch(self) -> int:
        """Maximum number of faces per call of ``embed``."""
        ...

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        """Crop faces from an image, upright and at the input size of the model.

        Args:
            image: (height, width, 3) uint8 RGB.
            landmarks: (n, 5, 2) float32 pixels, as in `Detections`.

        Returns:
            (n, side, side, 3) uint8 RGB.
        """
        ...

    def embed(self, chips: Image) -> FloatArray:
        """Compute the embeddings of aligned faces.

        Args:
            chips: Aligned face crops from ``align``, (n, side, side, 3) uint8 RGB, n at most ``max_batch``.

        Returns:
            (n, dimension) float32 of unit length.

        Raises:
            ExaminationError: The model failed, or returned values that are not finite.
        """
        ...


class EmotionReader(Protocol):
    """Emotion classification model."""

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions that the model distinguishes, in the order of its probabilities."""
        ...

    async def read(self, crops: list[Image]) -> FloatArray:
        """Return the probabilities of the emotions.

        Args:
            crops: Face crops with a margin, each (h, w, 3) uint8 RGB of any size.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            EmotionsUnavailableError: The model is not available at the moment.
        """
        ...

    async def available(self) -> bool:
        """Return True if the model can be used now; never raises."""
        ...
