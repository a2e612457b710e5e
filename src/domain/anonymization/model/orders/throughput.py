"""Work of requests in comparable units, and their durations on an installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import RequestSpec

MAX_RATED_REQUESTS = 50
"""Number of completed requests that estimates are based on."""

REFERENCE_PIXELS = 1920 * 1080
"""Pixels of a frame whose size is not known: the video was deleted."""

LEVEL_EFFORTS: Mapping[Level, float] = {Level.MINIMAL: 0.0, Level.FACES: 0.8, Level.FULL: 1.5}
"""Processing time of the detection at a level with sampled residual checks, relative to a reference frame."""

VERIFY_EFFORTS: Mapping[Verify, float] = {Verify.NONE: 0.9, Verify.SAMPLE: 1.0, Verify.ALL: 1.8}
"""Processing time of the detection with a residual check of this extent, relative to `sample`."""

MEGAPIXEL_EFFORTS: Mapping[OutputFormat, float] = {
    OutputFormat.JPG: 0.1,
    OutputFormat.JPEG: 0.1,
    OutputFormat.PNG: 0.45,
    OutputFormat.WEBP: 0.85,
    OutputFormat.MP4: 0.22,
}
"""Processing time to decode and encode a million pixels in a format, relative to a reference frame."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Properties of a request that determine the processing time of a frame.

    Attributes:
        level: extent of the redaction.
        verify: frames that undergo the residual check.
        output_format: format of the result.
        is_render: True if the boxes are given, so that detectors run for the residual check only.
        pixels: pixels of a frame.
    """

    level: Level
    verify: Verify
    output_format: OutputFormat
    is_render: bool
    pixels: int

    @classmethod
    def of(cls, spec: RequestSpec, pixels: int = REFERENCE_PIXELS) -> Self:
        """Build the workload of a request for a video with so many pixels in a frame."""
        is_render = spec.based_on is not None
        return cls(spec.level, spec.verify, spec.appearance.output_format, is_render=is_render, pixels=pixels)

    @property
    def effort(self) -> float:
        """Processing time of a frame, relative to a reference frame.

        The reference is a JPEG image of 1920 by 1080 pixels at level `faces` with sampled residual checks.
        The ratios are measured, see BENCHMARKS.md.
        """
        encoded = MEGAPIXEL_EFFORTS[self.output_format] * self.pixels / 1e6
        if self.level is Level.MINIMAL:
            return encoded
        checked = LEVEL_EFFORTS[Level.FACES] * (VERIFY_EFFORTS[self.verify] - VERIFY_EFFORTS[Verify.NONE])
        searched = LEVEL_EFFORTS[self.level] * VERIFY_EFFORTS[self.verify]
        return encoded + (checked if self.is_render else searched)


@dataclass(frozen=True, slots=True)
class RequestDuration:
    """Duration of a completed request.

    Attributes:
        workload: workload of the request.
        frames: number of delivered frames.
        started_at: start of its first slice (UTC).
        completed_at: its end (UTC).
    """

    workload: Workload
    frames: int
    started_at: datetime
    completed_at: datetime

    @property
    def seconds(self) -> float:
        """Time from the first slice to the end."""
        return (self.completed_at - self.started_at).total_seconds()

    @property
    def work(self) -> float:
        """Number of reference frames that take as long as the frames of the request."""
        return self.frames * self.workload.effort


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unfinished requests of an account with one workload.

    Attributes:
        user_id: id of the account.
        workload: workload of the requests.
        requests: number of the requests.
        frames: number of their unprocessed frames.
    """

    user_id: int
    workload: Workload
    requests: int
    frames: int

    @property
    def work(self) -> float:
        """Number of reference frames that take as long as the frames."""
        return self.frames * self.workload.effort
