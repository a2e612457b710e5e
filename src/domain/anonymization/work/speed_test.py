"""Speed test of a worker: known work with its own models and on its own processor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.imaging.detections import Image

TEST_SECONDS = 0.3
"""Duration of the test: longer than the time slices of a busy machine, so that its load is measured, too."""

UNITS_PER_FRAME = 2.5
"""Number of units of the test that take as long as a reference frame of an order, see BENCHMARKS.md."""

DETECTED_SIZE, ENCODED_SIZE = (960, 544), (1920, 1088)
"""Width and height in pixels of the images that are searched and encoded; near multiples of every stride."""

_CELL = 16
"""Side in pixels of the cells of the test image, which has edges like footage but shows nobody."""


def measure_frame_seconds(tools: PipelineTools, seconds: float = TEST_SECONDS) -> float | None:
    """Measure the time of a reference frame on this machine, under its present load.

    All threads search one image for faces and encode another one, over and over.

    Args:
        tools: tools of the pipeline at a level with face detection.
        seconds: duration of the test.

    Returns:
        Estimated seconds in which this worker processes a reference frame; None without a face detector.

    Raises:
        FrameAnalysisError: the model failed.
    """
    detector = tools.detector
    if detector is None:
        return None
    width, height = (max(1, side // detector.stride) * detector.stride for side in DETECTED_SIZE)
    batch = [_image(width, height)] * detector.max_batch
    picture, appearance = _image(*ENCODED_SIZE), Appearance()

    def unit(_: int) -> None:
        detector.detect(batch, 0.5)
        for _each in batch:
            tools.encoder.encode(picture, appearance)

    def rate(thread: int) -> float:
        # No thread waits for the others, as in the pipeline.
        began, units = perf_counter(), 0
        while units == 0 or perf_counter() - began < seconds:
            unit(thread)
            units += len(batch)
        return units / (perf_counter() - began)

    with ThreadPoolExecutor(tools.threads) as pool:
        list(pool.map(unit, range(tools.threads)))  # the first calls allocate memory
        return UNITS_PER_FRAME / sum(pool.map(rate, range(tools.threads)))


def _image(width: int, height: int) -> Image:
    """Return an image (height, width, 3), uint8, of cells in random but always the same colours."""
    cells = np.random.default_rng(0).integers(0, 256, (-(-height // _CELL), -(-width // _CELL), 3), np.uint8)
    return np.ascontiguousarray(cells.repeat(_CELL, 0).repeat(_CELL, 1)[:height, :width])
