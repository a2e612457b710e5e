"""Ports: the models that detect and recognise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from framecloak.domain.imaging.detections import BoxDetections, Detections, FloatArray, Image, ModelCard
from framecloak.domain.imaging.readings import Reading
from framecloak.domain.model.faces import EmbeddingSpace


class FaceDetector(Protocol):
    """Face detection model. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def stride(self) -> int:
        """Width and height of input images must be multiples of this number of pixels."""
        ...

    @property
    def max_batch(self) -> int:
        """Maximum number of images per call; 1 where batching has no benefit."""
        ...

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """Detect the faces in images of equal size.

        Args:
            images: at most ``max_batch`` arrays (height, width, 3), uint8, RGB, all of the same shape.
            threshold: minimum score of a detection, 0 to 1.

        Returns:
            One entry per image, in order. Boxes are in pixels of that image, best score first, after
            non-maximum suppression.

        Raises:
            ValueError: more images than ``max_batch``, shapes that differ, or sides that are not multiples of
                ``stride``.
            FrameAnalysisError: the model failed on this input, or its output is not finite.
        """
        ...


class BoxDetector(Protocol):
    """Detection model of text or of licence plates, without landmarks. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def stride(self) -> int:
        """Width and height of input images must be multiples of this number of pixels."""
        ...

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        """Detect the text or the plates in an image.

        Args:
            image: (height, width, 3), uint8, RGB.
            threshold: minimum score of a detection, 0 to 1.

        Returns:
            Axis-aligned boxes in pixels of the image, best score first. Slanted text is enclosed completely.

        Raises:
            FrameAnalysisError: the model failed on this input.
        """
        ...


class TextReader(Protocol):
    """Text recognition model: reads lines of text. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def alphabet(self) -> frozenset[str]:
        """Characters that the model can read; text in other scripts is misread or not read at all."""
        ...

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        """Read lines of text.

        A line is read by itself: the same pixels give the same text, whatever else is read with them.

        Args:
            lines: any number of images of one line each, upright, (height, width, 3), uint8, RGB, of any size
                of at least one pixel.

        Returns:
            One reading per line, in order; without characters where nothing could be read.

        Raises:
            ValueError: an image has no pixels or another type.
            FrameAnalysisError: the model failed, or its output is not finite.
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
            chips: aligned face crops from ``align``, (n, side, side, 3) uint8 RGB, n at most ``max_batch``.

        Returns:
            (n, dimension) float32 of unit length.

        Raises:
            FrameAnalysisError: the model failed, or returned values that are not finite.
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
            crops: face crops with a margin, each (h, w, 3) uint8 RGB of any size.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            EmotionsUnavailableError: the model is not available at the moment.
        """
        ...

    async def is_available(self) -> bool:
        """Return True if the model can be used now; never raises."""
        ...
