"""What the work tells of itself in numbers, for whoever watches the installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter
from typing import Protocol


class Stage(StrEnum):
    """Where the time of a frame goes."""

    DECODE = "decode"
    DETECT = "detect"
    """Scaling for the detector included."""
    REDACT = "redact"
    ENCODE = "encode"
    STORE = "store"
    """Fetching videos and parts, and storing what was made."""


class Outcome(StrEnum):
    """How the work on a slice ended."""

    DONE = "done"
    FAILED = "failed"
    RELEASED = "released"
    """The worker was told to stop."""
    LOST = "lost"
    """Its lease ran out meanwhile."""
    CANCELLED = "cancelled"


class Model(StrEnum):
    """What callers of a face analysis share."""

    DETECTOR = "detector"
    """Decoding pictures and aligning their faces included."""
    RECOGNIZER = "recognizer"
    EMOTIONS = "emotions"


class ModelMeter(Protocol):
    """Counts what is asked of one model. Called for every call of it: it must be quick, and never raises."""

    def waiting(self, items: int) -> None:
        """So many pictures or faces wait now."""
        ...

    def called(self, items: int, seconds: float) -> None:
        """A call with so many pictures or faces took so long, however it ended."""
        ...


class Meter(Protocol):
    """Counts. Called from any thread, several times a frame: it must be quick, and never raises."""

    def stage(self, stage: Stage, seconds: float) -> None:
        """Something took so long; what runs in several threads at once is counted for each."""
        ...

    def model_batch(self, size: int) -> None:
        """The detector was asked about so many pictures at once."""
        ...

    def frames(self, count: int, blanked: int) -> None:
        """So many frames were delivered, some of them black because they could not be examined."""
        ...

    def slice_recovered(self) -> None:
        """A slice was taken over from a worker that fell silent."""
        ...

    def slice_ended(self, kind: str, outcome: Outcome, seconds: float) -> None:
        """The work on a slice of that kind came to an end, for now."""
        ...

    def slice_failed(self, code: str) -> None:
        """A slice was not done, because of an error with that code."""
        ...

    def retried(self, what: str) -> None:
        """Something is done once more: a ``slice``, or an ``upload``."""
        ...

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """A clean-up came to its end: so many things of a kind went, and so often a concern failed."""
        ...


class NullMeter:
    """Counts nothing, for where nobody watches."""

    def stage(self, stage: Stage, seconds: float) -> None:
        """See the port."""

    def model_batch(self, size: int) -> None:
        """See the port."""

    def frames(self, count: int, blanked: int) -> None:
        """See the port."""

    def slice_recovered(self) -> None:
        """See the port."""

    def slice_ended(self, kind: str, outcome: Outcome, seconds: float) -> None:
        """See the port."""

    def slice_failed(self, code: str) -> None:
        """See the port."""

    def retried(self, what: str) -> None:
        """See the port."""

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """See the port."""


NULL_METER = NullMeter()


class NullModelMeter:
    """Counts nothing, for where nobody watches."""

    def waiting(self, items: int) -> None:
        """See the port."""

    def called(self, items: int, seconds: float) -> None:
        """See the port."""


NULL_MODEL_METER = NullModelMeter()
NULL_MODEL_METERS: Mapping[Model, ModelMeter] = dict.fromkeys(Model, NULL_MODEL_METER)


@contextmanager
def timed(meter: Meter, stage: Stage) -> Iterator[None]:
    """Count the time that the block takes, also when it fails."""
    began = perf_counter()
    try:
        yield
    finally:
        meter.stage(stage, perf_counter() - began)
