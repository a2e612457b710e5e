"""What faces express, by CLIP's zero-shot classification, in this process: ONNX Runtime and nothing more.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, section 3.1.
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
    read_text,
    verified_file,
)
from framecloak.adapters.vision.runtime.onnx import Provider, Session, open_session
from framecloak.adapters.vision.weights.catalogue import CLIP_FOLDER
from framecloak.domain.errors import (
    EmotionsUnavailableError,
    ExaminationError,
    ModelCorruptError,
    OverloadedError,
)
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.thread_lanes import Lanes

LARGEST_BATCH = 32
"""Faces of one call of the graph."""

MOST_WAITING = 512
"""Faces that may wait behind it."""

_LONGEST_SIDE = 8
"""In shorter sides; what lies further from the middle is cut off before a crop is resized."""


class Clip:
    """Faces in, probabilities out. Safe to call from several threads at once.

    Args:
        session: the visual tower.
        text: (emotions, dimension) float32, the emotions in its space.
        description: of the export.
    """

    def __init__(self, session: Session, text: FloatArray, description: ClipDescription) -> None:
        self._session = session
        self._weights = text.T * np.float32(description.logit_scale)
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
        """Open an export.

        Args:
            folder: that ``framecloak models export-clip`` has written.
            provider: where to run.

        Raises:
            ModelMissingError: there is no export.
            ModelCorruptError: its files are not those that were written.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        description = read_description(folder)
        text = read_text(folder, description)
        session = open_session(verified_file(folder, description.visual), provider)
        expected = (3, description.size, description.size)
        if session.input.shape[1:] != expected or session.outputs[0].shape[1:] != text.shape[1:]:
            raise ModelCorruptError(
                f"the graph of {folder} is not the one that its description is about",
                "run `framecloak models export-clip` again",
            )
        return cls(session, text, description)

    def classify(self, crops: Sequence[Image]) -> FloatArray:
        """Probabilities of the emotions.

        Args:
            crops: at least one, each (h, w, 3) uint8 RGB.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            ExaminationError: the runtime failed, or gave numbers that are none.
        """
        one = self._description
        pixels = np.stack([prepare(crop, one.size, one.mean, one.std) for crop in crops])
        logits: FloatArray = self._session.run(pixels)[0] @ self._weights
        if not np.isfinite(logits).all():
            raise ExaminationError("CLIP gave numbers that are none")
        odds: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
        totals: FloatArray = odds.sum(axis=1, keepdims=True)
        return odds / totals


def prepare(
    crop: Image, size: int, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> FloatArray:
    """A crop as the visual tower takes it: its shorter side resized, the middle cut out, normalised.

    Resizing is Pillow's bicubic with antialiasing and rounding is torchvision's, so that numbers are those of
    open_clip to the last bit but one.

    Args:
        crop: (h, w, 3) uint8 RGB.
        size: pixels of both sides of the result.
        mean: of each channel, in 0..1.
        std: likewise.

    Returns:
        (3, size, size) float32.
    """
    picture = Pillow.fromarray(_middle(crop))
    shorter, longer = sorted(picture.size)
    resized = int(size * longer / shorter)
    target = (size, resized) if picture.width <= picture.height else (resized, size)
    pixels: FloatArray = np.asarray(picture.resize(target, Pillow.Resampling.BICUBIC), np.float32)
    top, left = (round((side - size) / 2) for side in pixels.shape[:2])
    cut: FloatArray = pixels[top : top + size, left : left + size] / np.float32(255)
    centre: FloatArray = np.array(mean, np.float32)
    spread: FloatArray = np.array(std, np.float32)
    return ((cut - centre) / spread).transpose(2, 0, 1)


def _middle(crop: Image) -> Image:
    """The part that the cut can reach: resizing all of a hair's breadth would take any amount of memory."""
    height, width = crop.shape[:2]
    longest = _LONGEST_SIDE * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return np.ascontiguousarray(crop[top : top + longest, left : left + longest])


def require_crops(crops: Sequence[Image]) -> None:
    """Refuse what is no picture before it gets into one call with others.

    Raises:
        ValueError: one is not (h, w, 3) uint8 with pixels in it.
    """
    for crop in crops:
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
            raise ValueError(f"a crop of {crop.shape} {crop.dtype} is not (h, w, 3) uint8")


class OnnxEmotionReader:
    """Reads emotions with an export in this process, off the event loop; concurrent calls share batches.

    Args:
        clip: does it.
        lanes: calls of it at the same time.
        most_waiting: faces that may wait.
        meter: told what is asked of it.
    """

    def __init__(
        self,
        clip: Clip,
        lanes: int = 1,
        most_waiting: int = MOST_WAITING,
        meter: ModelMeter = NULL_MODEL_METER,
    ) -> None:
        self._clip = clip
        self._lanes = Lanes(lanes, "clip")
        self._batcher: Batcher[Image, FloatArray] = Batcher(
            lambda crops: list(clip.classify(crops)),
            max_batch=LARGEST_BATCH,
            lanes=self._lanes,
            max_waiting=most_waiting,
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
        """Load the export of a models folder.

        Args:
            models: the models folder.
            provider: where to run.
            threads: to run in at the same time on a CPU, where one for each call is fastest.
            meter: told what is asked of it.

        Raises:
            DomainError: as for `Clip.load`.
        """
        clip = await asyncio.to_thread(Clip.load, models / CLIP_FOLDER, provider)
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
        """Which weights, where they run."""
        return self._clip.card

    @property
    def emotions(self) -> tuple[str, ...]:
        """See the port."""
        return self._clip.emotions

    async def read(self, crops: list[Image]) -> FloatArray:
        """See the port.

        Raises:
            EmotionsUnavailableError: the model failed, or more faces wait than can be read soon.
            ValueError: a crop is not (h, w, 3) uint8 with pixels in it.
        """
        require_crops(crops)
        if not crops:
            return np.empty((0, len(self.emotions)), np.float32)
        try:
            return np.stack(await self._batcher.run_all(crops))
        except (ExaminationError, OverloadedError) as error:
            raise EmotionsUnavailableError(f"emotions were not read: {error.message}", error.hint) from error

    async def available(self) -> bool:
        """See the port; what is loaded answers."""
        return True
