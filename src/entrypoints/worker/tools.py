"""Tools of the pipeline in a worker process, and the speed that it measures on them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from threading import Event, Lock
from time import perf_counter

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.pace import MODEL_LEVELS, WorkerSpeed
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.work.speed_test import measure_frame_seconds
from framecloak.domain.errors import DomainError
from framecloak.domain.imaging.detections import ModelCard

logger = logging.getLogger(__name__)

TESTS, PAUSE_SECONDS = 3, 2.0
"""Number of speed tests, and the time between them: while a service starts, its processes compete."""


class WorkerTools:
    """Tools of the pipeline by level, each loaded once for the whole process. Thread-safe.

    Args:
        load: loads the tools of a level.
        measure: measures the time of a reference frame with the tools of a level.
        pause: seconds between two measurements; the shortest time counts.
    """

    def __init__(
        self,
        load: Callable[[Level], PipelineTools],
        measure: Callable[[PipelineTools], float | None] = measure_frame_seconds,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._load = load
        self._measure = measure
        self._pause = pause
        self._closed = Event()
        self._locks: defaultdict[Level, Lock] = defaultdict(Lock)
        self._tools: dict[Level, PipelineTools] = {}
        self._load_seconds: float | None = None
        self._frame_seconds: float | None = None

    @property
    def speed(self) -> WorkerSpeed:
        """Speed of this worker, as far as it is known."""
        return WorkerSpeed(self._frame_seconds, self._load_seconds, MODEL_LEVELS & self._tools.keys())

    def __call__(self, level: Level) -> PipelineTools:
        """Return the tools of a level; load them on the first call.

        Raises:
            DomainError: the models of the level cannot be loaded.
        """
        with self._locks[level]:
            if level not in self._tools:
                began = perf_counter()
                self._tools[level] = self._load(level)
                if level is Level.FACES:
                    self._load_seconds = perf_counter() - began
            return self._tools[level]

    def warm_up(self, describe: Callable[[ModelCard], str]) -> None:
        """Load the models of `faces` before the first request needs them, and measure the speed.

        Args:
            describe: returns the name and the device of a model, for the log.
        """
        try:
            tools = self(Level.FACES)
            if tools.detector:
                logger.info("face detector loaded", extra={"model": describe(tools.detector.card)})
            self._measure_speed(tools)
        except DomainError as error:
            logger.warning("face detection is unavailable: %s", error)

    def close(self) -> None:
        """End the warm-up early."""
        self._closed.set()

    def _measure_speed(self, tools: PipelineTools) -> None:
        for number in range(TESTS):
            if number and self._closed.wait(self._pause):
                return
            seconds, known = self._measure(tools), self._frame_seconds
            if seconds is not None:
                self._frame_seconds = seconds if known is None else min(known, seconds)
