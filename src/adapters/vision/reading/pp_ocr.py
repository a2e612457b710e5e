"""Reading of text lines with the PP-OCR graph in the ``rapidocr`` wheel.

See Du et al., "SVTR: Scene Text Recognition with a Single Visual Model", 2022. The network divides a line,
scaled to a height of 48 pixels, into steps of 8 pixels and gives the probability of each character at each
step. Repeated characters without a blank between them are one (CTC, Graves et al., 2006).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Self

import cv2
import numpy as np

from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider
from framecloak.adapters.vision.runtime.rapidocr_graph import open_rapidocr_graph
from framecloak.adapters.vision.weights.catalogue import PP_OCR_READER
from framecloak.domain.errors import FrameAnalysisError, ModelCorruptError
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.imaging.readings import Reading

_HEIGHT_PX = 48
_WIDTH_STEP_PX = 32
"""Widths are padded to a multiple of this, so that lines of similar lengths can be stacked."""
_MAX_WIDTH_PX = 3200
"""Widest line that keeps its aspect ratio; wider ones are squeezed, which lowers their scores."""
_MAX_BATCH_PX = 4096
"""Largest total width of the lines of one run: every step of 8 pixels has 75 kB of probabilities."""
_CHARACTERS = "character"
"""Entry of the graph's metadata: one character a line."""
_SPACE = " "


class PpOcrReader:
    """Reader of text lines with a PP-OCR graph. It is thread-safe.

    Args:
        session: session of a graph that maps (n, 3, 48, w) float32 BGR in -1..1 to (n, steps, characters)
            probabilities; character 0 is the blank, the last one the space.
        card: description of the model file and its execution.

    Raises:
        ModelCorruptError: the graph does not name its characters.
    """

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card
        characters = session.metadata.get(_CHARACTERS, "")
        if not characters:
            raise ModelCorruptError(
                f"{card.name} does not name the characters it reads",
                "run `pip install --force-reinstall --no-deps 'rapidocr==3.10.*'`",
            )
        # Not splitlines(), which also splits at characters of the list itself.
        self._characters = ["", *characters.split("\n"), _SPACE]
        self.alphabet = frozenset(self._characters[1:])

    @classmethod
    def load(cls, provider: Provider = Provider.AUTO) -> Self:
        """Load the graph in the ``rapidocr`` wheel.

        Raises:
            ModelMissingError: the wheel is not installed.
            ModelCorruptError: its graph has an unknown digest.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        return cls(*open_rapidocr_graph(PP_OCR_READER, provider))

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        """Read lines of text.

        Args:
            lines: images of one line each, upright, (h, w, 3) uint8 RGB of any size.

        Returns:
            One reading per line, in order.

        Raises:
            ValueError: an image has no pixels or another type.
            FrameAnalysisError: the model failed, or its output is not finite.
        """
        scaled = [_scale(line) for line in lines]
        readings = [Reading.empty()] * len(lines)
        for rows in _batches([line.shape[1] for line in scaled]):
            blob = cv2.dnn.blobFromImages(
                [scaled[row] for row in rows], 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True
            )
            (probabilities,) = self._session.run(np.asarray(blob, np.float32))
            if probabilities.shape[::2] != (len(rows), len(self._characters)):
                raise FrameAnalysisError(f"the reader gave {probabilities.shape} for {len(rows)} lines")
            for row, steps in zip(rows, probabilities, strict=True):
                readings[row] = self._decode(steps)
        return readings

    def _decode(self, probabilities: FloatArray) -> Reading:
        """Convert the probabilities (steps, characters) of a line to text."""
        best = probabilities.argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best]
        if not np.isfinite(scores).all():
            raise FrameAnalysisError("the reader gave probabilities that are not numbers")
        starts = np.flatnonzero((best != 0) & (best != np.concatenate([[-1], best[:-1]])))
        text, each = "", list[float]()
        for start in starts.tolist():
            character = self._characters[best[start]]
            text += character
            each += [min(1.0, float(scores[start]))] * len(character)
        return Reading(text, tuple(each))


def _scale(line: Image) -> Image:
    """Scale a line to the height of the model, and pad it on the right to a multiple of the step."""
    if line.dtype != np.uint8 or line.ndim != 3 or line.shape[2] != 3 or not line.size:
        raise ValueError(f"a line of {line.shape} {line.dtype} is not (h, w, 3) uint8 with pixels")
    height, width = line.shape[:2]
    width = min(max(1, round(_HEIGHT_PX * width / height)), _MAX_WIDTH_PX)
    shrinks = height > _HEIGHT_PX
    content = cv2.resize(
        line, (width, _HEIGHT_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    padded = np.full((_HEIGHT_PX, -(-width // _WIDTH_STEP_PX) * _WIDTH_STEP_PX, 3), 127, np.uint8)
    padded[:, :width] = content
    return padded


def _batches(widths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows of the lines to read in one run: lines of one width, as many as memory allows."""
    by_width: defaultdict[int, list[int]] = defaultdict(list)
    for row, width in enumerate(widths):
        by_width[width].append(row)
    for width, rows in by_width.items():
        size = max(1, _MAX_BATCH_PX // width)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
