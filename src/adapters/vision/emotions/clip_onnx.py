"""Emotion reader that runs CLIP's zero-shot classification in this process, with ONNX Runtime only.

See Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, 3.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image as Pillow

from framecloak.adapters.vision.emotions.clip_files import (
    ClipDescription,
    read_description,
    read_text_embeddings,
    verified_file,
)
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.weights.catalogue import CLIP_FOLDER
from framecloak.domain.errors import (
    EmotionsUnavailableError,
    FrameAnalysisError,
    ModelCorruptError,
    OverloadedError,
)
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.thread_lanes import ThreadLanes

MAX_BATCH = 32
"""Maximum number of faces per inference."""

MAX_WAITING = 512
"""Maximum number of faces in the queue."""

_MAX_ASPECT_RATIO = 8
"""Maximum length of a crop in units of its shorter side; it is trimmed to this before it is resized."""


class ClipClassifier:
    """Zero-shot classifier of face crops by emotion. It is thread-safe.

    Args:
        session: session of the visual tower.
        text: (emotions, dimension) float32, embeddings of the emotions.
        description: description of the export.
    """

    def __init__(self, session: OnnxSession, text: FloatArray, description: ClipDescription) -> None:
        self._session = session
        self._text_weights = text.T * np.float32(description.logit_scale)
        self._description = description
        self.emotions = description.emotions
        self.card = ModelCard(
            name=f"clip/{description.model}",
            sha256=description.visual.sha256,
            licence="unknown",
            provider=session.provider.label,
            precision="fp32",
        )

    @classmethod
    def load(cls, folder: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load an export.

        Args:
            folder: folder that ``framecloak models export-clip`` has written.
            provider: execution provider.

        Raises:
            ModelMissingError: there is no export.
            ModelCorruptError: a file has changed since the export.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        description = read_description(folder)
        text = read_text_embeddings(folder, description)
        session = open_session(verified_file(folder, description.visual), provider)
        expected = (3, description.size, description.size)
        if session.input.shape[1:] != expected or session.outputs[0].shape[1:] != text.shape[1:]:
            raise ModelCorruptError(
                f"the graph in {folder} does not match its description",
                "run `framecloak models export-clip` again",
            )
        return cls(session, text, description)

    def classify(self, crops: Sequence[Image]) -> FloatArray:
        """Return the probabilities of the emotions in face crops.

        Args:
            crops: at least one crop, each (h, w, 3) uint8 RGB.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            FrameAnalysisError: the runtime failed, or its output is not finite.
        """
        export = self._description
        pixels = np.stack([preprocess(crop, export.size, export.mean, export.std) for crop in crops])
        logits: FloatArray = self._session.run(pixels)[0] @ self._text_weights
        if not np.isfinite(logits).all():
            raise FrameAnalysisError("CLIP gave values that are not finite")
        odds: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
        totals: FloatArray = odds.sum(axis=1, keepdims=True)
        return odds / totals


def preprocess(
    crop: Image, size: int, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> FloatArray:
    """Preprocess a crop for the visual tower: resize its shorter side, crop its centre, normalise it.

    It uses Pillow's antialiased bicubic filter and the rounding of torchvision, so that the values equal
    those of open_clip except for the last bit.

    Args:
        crop: (h, w, 3) uint8 RGB.
        size: width and height of the result in pixels.
        mean: means of the channels in 0..1.
        std: standard deviations of the channels in 0..1.

    Returns:
        (3, size, size) float32.
    """
    image = Pillow.fromarray(_trim_to_aspect_ratio(crop))
    shorter, longer = sorted(image.size)
    resized = int(size * longer / shorter)
    target = (size, resized) if image.width <= image.height else (resized, size)
    pixels: FloatArray = np.asarray(image.resize(target, Pillow.Resampling.BICUBIC), np.float32)
    top, left = (round((side - size) / 2) for side in pixels.shape[:2])
    cut: FloatArray = pixels[top : top + size, left : left + size] / np.float32(255)
    centre: FloatArray = np.array(mean, np.float32)
    spread: FloatArray = np.array(std, np.float32)
    return ((cut - centre) / spread).transpose(2, 0, 1)


def _trim_to_aspect_ratio(crop: Image) -> Image:
    """Trim a very elongated crop to its middle, because resizing it would need too much memory."""
    height, width = crop.shape[:2]
    longest = _MAX_ASPECT_RATIO * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return np.ascontiguousarray(crop[top : top + longest, left : left + longest])


def require_crops(crops: Sequence[Image]) -> None:
    """Raise an error if a crop is not an image, before it is batched with others.

    Raises:
        ValueError: a crop is not a non-empty (h, w, 3) uint8 array.
    """
    for crop in crops:
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
            raise ValueError(f"a crop of {crop.shape} {crop.dtype} is not (h, w, 3) uint8")


class OnnxEmotionReader:
    """Emotion reader that runs CLIP in worker threads and batches concurrent calls.

    Args:
        clip: classifier.
        lanes: number of worker threads.
        max_waiting: maximum number of faces in the queue.
        meter: meter that records the inferences.
    """

    def __init__(
        self,
        clip: ClipClassifier,
        lanes: int = 1,
        max_waiting: int = MAX_WAITING,
        meter: ModelMeter = NULL_MODEL_METER,
    ) -> None:
        self._clip = clip
        self._lanes = ThreadLanes(lanes, "clip")
        self._batcher: Batcher[Image, FloatArray] = Batcher(
            lambda crops: list(clip.classify(crops)),
            max_batch=MAX_BATCH,
            lanes=self._lanes,
            max_waiting=max_waiting,
            meter=meter,
        )

    @classmethod
    async def open(
        cls,
        models: Path,
        provider: Provider = Provider.AUTO,
        threads: int = 1,
        meter: ModelMeter = NULL_MODEL_METER,
    ) -> Self:
        """Load the export in a models folder.

        Args:
            models: models folder.
            provider: execution provider.
            threads: number of worker threads on a CPU, each running one inference; a GPU uses one.
            meter: meter that records the inferences.

        Raises:
            DomainError: see `ClipClassifier.load`.
        """
        clip = await asyncio.to_thread(ClipClassifier.load, models / CLIP_FOLDER, provider)
        return cls(clip, threads if clip.card.provider == Provider.CPU.label else 1, meter=meter)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batcher.close()
        self._lanes.close()

    @property
    def card(self) -> ModelCard:
        """Description of the model file and its execution."""
        return self._clip.card

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions that are distinguished, in the order of the probabilities."""
        return self._clip.emotions

    async def read(self, crops: list[Image]) -> FloatArray:
        """Return the probabilities of the emotions in face crops.

        Args:
            crops: faces with some surroundings, each (h, w, 3) uint8 RGB of any size.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            EmotionsUnavailableError: the model failed, or the queue is full.
            ValueError: a crop is not a non-empty (h, w, 3) uint8 array.
        """
        require_crops(crops)
        if not crops:
            return np.empty((0, len(self.emotions)), np.float32)
        try:
            return np.stack(await self._batcher.run_all(crops))
        except (FrameAnalysisError, OverloadedError) as error:
            raise EmotionsUnavailableError(
                f"the emotions could not be read: {error.message}", error.hint
            ) from error

    async def is_available(self) -> bool:
        """Return True: a loaded model is always available."""
        return True
