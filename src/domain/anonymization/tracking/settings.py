"""Settings of the tracker, and their scaling to a frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from framecloak.domain.anonymization.model.margins import FACE_MARGIN
from framecloak.domain.anonymization.tracking.association import VELOCITY_WINDOW


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Thresholds and reach of the tracker; lengths are in frames.

    Attributes:
        accept: score from which on a detection counts by itself; it also confirms low-scoring detections of
            its track.
        memory: distance along the track within which it confirms them.
        max_gap: longest step between two associated detections.
        extension: number of frames by which a track is extrapolated at both ends.
        margin: share of a box's width and height that is added on every side.
        smoothing: number of neighbours on each side that a box is averaged with.
    """

    accept: float = 0.5
    memory: int = 18
    max_gap: int = 12
    extension: int = 4
    margin: float = FACE_MARGIN
    smoothing: int = 2

    @classmethod
    def for_rate(cls, frames_per_second: float, max_interval: int = 1) -> Self:
        """Return the defaults, which are for 25 frames per second, scaled to another rate.

        A face that only a periodic scale shows is detected once per detection interval. The settings allow
        for one missing detection in between. They also cover the frames that may lie between its first or
        last detection and a cut or an end of the video, which are fewer than the interval.

        Args:
            frames_per_second: frame rate of the video, clamped to 10..60.
            max_interval: longest detection interval of any scale, in frames.
        """
        factor = min(max(frames_per_second, 10.0), 60.0) / 25.0
        defaults = cls()
        return cls(
            memory=max(2 * max_interval, round(defaults.memory * factor)),
            max_gap=max(2 * max_interval, round(defaults.max_gap * factor)),
            extension=max(2, max_interval - 1, round(defaults.extension * factor)),
        )

    @classmethod
    def for_images(cls) -> Self:
        """Return the settings for single images, where no neighbouring frame can confirm a low score."""
        return cls(accept=0.25, memory=0, max_gap=1, extension=0, smoothing=0)

    @property
    def temporal_margin(self) -> int:
        """Frames of margin that a slice needs on each side to give the same result as the whole video.

        A box is averaged with neighbours ``smoothing`` frames away. Whether one of those is interpolated or
        extrapolated depends on detections up to ``extension + max_gap`` away. Each of those is accepted or
        not by evidence another ``memory`` away, along associations that reach ``VELOCITY_WINDOW`` frames
        further.
        """
        return self.smoothing + self.extension + self.max_gap + self.memory + VELOCITY_WINDOW
