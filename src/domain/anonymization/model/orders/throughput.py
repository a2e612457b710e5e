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

MARGIN_FRAMES = 150
"""Frames around an order that are searched besides its own: tracks are followed beyond both of its ends."""

REFERENCE_PIXELS = 1920 * 1080
"""Pixels of a frame whose size is not known: the video was deleted."""


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
        """Processing time of a frame, relative to a reference frame, before anything was measured here."""
        return DEFAULT_EFFORTS.of(self)


@dataclass(frozen=True, slots=True)
class Efforts:
    """Processing times of the parts of the work on a frame, relative to a reference frame.

    The reference is a JPEG image of 1920 by 1080 pixels at level `faces` with sampled residual checks. The
    detection of a frame takes `level` times `verify`, times the size relative to the reference to the power
    of `size_exponent`; to decode and encode it takes `megapixel` for each million pixels.

    Attributes:
        level: detection at a level.
        verify: factor of the detection with a residual check of this extent.
        megapixel: time to decode and encode a million pixels in a format.
        size_exponent: exponent of the size of a frame in the time of its detection.
    """

    level: Mapping[Level, float]
    verify: Mapping[Verify, float]
    megapixel: Mapping[OutputFormat, float]
    size_exponent: float

    def searched(self, workload: Workload) -> float:
        """Return the time of the detection in a frame, with its residual check."""
        level, verify = workload.level, self.verify[workload.verify]
        if workload.is_render and level is not Level.MINIMAL:
            level, verify = Level.FACES, verify * RENDER_CHECKS[workload.verify]
        size: float = (workload.pixels / REFERENCE_PIXELS) ** self.size_exponent
        return self.level[level] * verify * size

    def encoded(self, workload: Workload) -> float:
        """Return the time to decode and encode a frame."""
        return self.megapixel[workload.output_format] * workload.pixels / 1e6

    def of(self, workload: Workload) -> float:
        """Return the processing time of a frame, relative to a reference frame."""
        return self.searched(workload) + self.encoded(workload)

    def total(self, workload: Workload, frames: int, requests: int) -> float:
        """Return the processing time of the frames of requests with their margins, in reference frames."""
        margin = searched_frames(workload, frames, requests) - frames
        return frames * self.of(workload) + margin * self.searched(workload)


def searched_frames(workload: Workload, frames: int, requests: int) -> int:
    """Return the number of frames in which requests with so many frames search, with their margins."""
    return frames + (0 if workload.is_render else MARGIN_FRAMES * requests)


RENDER_CHECKS: Mapping[Verify, float] = {Verify.NONE: 0.0, Verify.SAMPLE: 0.1, Verify.ALL: 0.5}
"""Share of the residual check in the detection; all that is left of it where the boxes are given."""

DEFAULT_EFFORTS = Efforts(
    level={Level.MINIMAL: 0.0, Level.FACES: 0.8, Level.FULL: 1.7},
    verify={Verify.NONE: 0.9, Verify.SAMPLE: 1.0, Verify.ALL: 1.8},
    megapixel={
        OutputFormat.JPG: 0.1,
        OutputFormat.JPEG: 0.1,
        OutputFormat.PNG: 0.45,
        OutputFormat.WEBP: 0.85,
        OutputFormat.MP4: 0.22,
    },
    size_exponent=0.33,
)
"""Ratios measured on one machine, see BENCHMARKS.md; where estimates start from."""


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
        """Number of reference frames that take as long as the request."""
        return DEFAULT_EFFORTS.total(self.workload, self.frames, 1)


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
        """Number of reference frames that take as long as the requests."""
        return DEFAULT_EFFORTS.total(self.workload, self.frames, self.requests)
