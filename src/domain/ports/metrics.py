"""Metrics of the processing and of the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter
from typing import Protocol


class Stage(StrEnum):
    """Processing stages of a frame, for time measurement."""

    DECODE = "decode"
    DETECT = "detect"
    """Includes scaling for the detector."""
    REDACT = "redact"
    ENCODE = "encode"
    STORE = "store"
    """Fetching videos and parts, and storing results."""


class SliceOutcome(StrEnum):
    """Outcomes of the work on a slice."""

    DONE = "done"
    FAILED = "failed"
    RELEASED = "released"
    """The worker was asked to stop."""
    LOST = "lost"
    """The lease expired during the work."""
    CANCELLED = "cancelled"


class ModelKind(StrEnum):
    """Models that the callers of a face analysis share."""

    DETECTOR = "detector"
    """Includes decoding the images and aligning their faces."""
    RECOGNIZER = "recognizer"
    EMOTIONS = "emotions"


class ModelMeter(Protocol):
    """Metrics of one model. Called for every model call; must be fast and must not raise."""

    def set_waiting(self, items: int) -> None:
        """Set the number of images or faces that are waiting."""
        ...

    def record_call(self, items: int, seconds: float) -> None:
        """Record the size and the duration of a model call, successful or not."""
        ...


class Meter(Protocol):
    """Metrics of a worker. Called from any thread, several times a frame; must be fast and must not raise."""

    def stage(self, stage: Stage, seconds: float) -> None:
        """Record the duration of a stage; stages that run concurrently are recorded once per thread."""
        ...

    def model_batch(self, size: int) -> None:
        """Record the number of images in a call of the detector."""
        ...

    def frames(self, count: int, blanked: int) -> None:
        """Count delivered frames, and those among them that were blanked because their analysis failed."""
        ...

    def slice_recovered(self) -> None:
        """Count a slice taken over from an unresponsive worker."""
        ...

    def slice_ended(self, kind: str, outcome: SliceOutcome, seconds: float) -> None:
        """Record the outcome and the duration of the work on a slice."""
        ...

    def slice_failed(self, code: str) -> None:
        """Count a failed slice by its error code."""
        ...

    def retried(self, what: str) -> None:
        """Count a retry of a ``slice`` or an ``upload``."""
        ...

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """Count the objects that a clean-up removed, and its failures, both by category."""
        ...

    def file_damaged(self, kind: str) -> None:
        """Count a stored file that differs from what was stored, by its kind."""
        ...


class NullMeter:
    """Meter that discards all metrics."""

    def stage(self, stage: Stage, seconds: float) -> None:
        """Do nothing."""

    def model_batch(self, size: int) -> None:
        """Do nothing."""

    def frames(self, count: int, blanked: int) -> None:
        """Do nothing."""

    def slice_recovered(self) -> None:
        """Do nothing."""

    def slice_ended(self, kind: str, outcome: SliceOutcome, seconds: float) -> None:
        """Do nothing."""

    def slice_failed(self, code: str) -> None:
        """Do nothing."""

    def retried(self, what: str) -> None:
        """Do nothing."""

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """Do nothing."""

    def file_damaged(self, kind: str) -> None:
        """Do nothing."""


NULL_METER = NullMeter()


class NullModelMeter:
    """Model meter that discards all metrics."""

    def set_waiting(self, items: int) -> None:
        """Do nothing."""

    def record_call(self, items: int, seconds: float) -> None:
        """Do nothing."""


NULL_MODEL_METER = NullModelMeter()
NULL_MODEL_METERS: Mapping[ModelKind, ModelMeter] = dict.fromkeys(ModelKind, NULL_MODEL_METER)


@contextmanager
def timed(meter: Meter, stage: Stage) -> Iterator[None]:
    """Record the duration of the block, also if it fails."""
    began = perf_counter()
    try:
        yield
    finally:
        meter.stage(stage, perf_counter() - began)
