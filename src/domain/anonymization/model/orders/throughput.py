"""Throughput of an installation, measured on recent requests, and estimates of processing time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.request import RequestSpec

MAX_RATED_REQUESTS = 50
"""Number of completed requests that estimates are based on."""

DEFAULT_THROUGHPUT = 20.0
"""Assumed throughput of an installation without completed requests, in reference frames per second."""

LEVEL_EFFORTS: Mapping[Level, float] = {Level.MINIMAL: 0.2, Level.FACES: 1.0, Level.FULL: 1.75}
"""Processing time of a frame at a level, relative to level `faces`."""

VERIFY_EFFORTS: Mapping[Verify, float] = {Verify.NONE: 0.9, Verify.SAMPLE: 1.0, Verify.ALL: 1.8}
"""Processing time of a frame with a residual check of this extent, relative to `sample`."""

VIDEO_EFFORT = 0.4
"""Additional processing time of a video frame, relative to a reference frame."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Properties of a request that determine the processing time of a frame.

    Attributes:
        level: extent of the redaction.
        verify: frames that undergo the residual check.
        is_video: True if videos are written instead of images.
        is_render: True if the boxes are given, so that detectors run for the residual check only.
    """

    level: Level
    verify: Verify
    is_video: bool
    is_render: bool

    @classmethod
    def of(cls, spec: RequestSpec) -> Self:
        """Build the workload of a request."""
        is_video = spec.appearance.output_format.is_video
        return cls(spec.level, spec.verify, is_video, is_render=spec.based_on is not None)

    @property
    def effort(self) -> float:
        """Processing time of a frame, relative to a reference frame.

        The reference is an image at level `faces` with sampled residual checks. The ratios lie in the ranges
        measured in BENCHMARKS.md.
        """
        effort = LEVEL_EFFORTS[Level.MINIMAL]
        if self.level is not Level.MINIMAL:
            checked = LEVEL_EFFORTS[Level.FACES] * (VERIFY_EFFORTS[self.verify] - VERIFY_EFFORTS[Verify.NONE])
            searched = LEVEL_EFFORTS[self.level] * VERIFY_EFFORTS[self.verify]
            effort = effort + checked if self.is_render else searched
        return effort + (VIDEO_EFFORT if self.is_video else 0.0)


@dataclass(frozen=True, slots=True)
class RequestDuration:
    """Duration of a completed request.

    Attributes:
        workload: workload of the request.
        frames: number of delivered frames.
        seconds: time from its first slice to its end.
    """

    workload: Workload
    frames: int
    seconds: float


def throughput(recent: Sequence[RequestDuration]) -> float:
    """Return the throughput over recent requests in reference frames per second."""
    work = sum(request.frames * request.workload.effort for request in recent)
    seconds = sum(request.seconds for request in recent)
    return work / seconds if work and seconds > 0 else DEFAULT_THROUGHPUT


def estimate_seconds(frames: Mapping[Workload, int], rate: float) -> float:
    """Return the estimated processing time in seconds.

    Args:
        frames: number of frames by workload.
        rate: throughput as returned by `throughput`.
    """
    return sum(count * workload.effort for workload, count in frames.items()) / rate
