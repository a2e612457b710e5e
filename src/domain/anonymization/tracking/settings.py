"""Settings of the tracker, and their scaling to a frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from framecloak.domain.anonymization.model.margins import FACE_MARGIN
from framecloak.domain.anonymization.model.options import FOLLOW_SECONDS
from framecloak.domain.anonymization.tracking.association import (
    MAX_ADJACENT_DISTANCE,
    VELOCITY_WINDOW,
    adjacent_distance,
)

MIN_RATE, MAX_RATE = 10.0, 60.0
"""Frames per second to which frame rates are clamped."""


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Thresholds and reach of the tracker; lengths are in frames.

    Attributes:
        accept: score from which on a detection counts by itself; it also confirms low-scoring detections of
            its track.
        memory: distance along the track within which it confirms them.
        max_gap: longest step between two associated detections.
        adjacent_distance: largest distance between associated detections of neighbouring frames, in face
            sizes.
        extension: number of frames by which a track is extrapolated at both ends.
        follow: number of frames for which a head is followed by its pixels beyond both ends.
        widen: True to widen narrow boxes, which are faces seen from the side.
        pixel_aspect: width to height of a pixel as displayed, by which boxes are narrow or not.
        margin: share of a box's width and height that is added on every side.
        smoothing: number of neighbours on each side that a box is averaged with.
    """

    accept: float = 0.5
    memory: int = 18
    max_gap: int = 12
    adjacent_distance: float = MAX_ADJACENT_DISTANCE
    extension: int = 4
    follow: int = 0
    widen: bool = True
    pixel_aspect: float = 1.0
    margin: float = FACE_MARGIN
    smoothing: int = 2

    @classmethod
    def for_rate(
        cls, frames_per_second: float, key_interval: int = 1, follow_seconds: float = FOLLOW_SECONDS
    ) -> Self:
        """Return the defaults, which are for 25 frames per second, scaled to another rate.

        A face that shows at one scale only is detected once per interval of key frames. The settings allow
        for one missing detection in between. They also cover the frames that may lie between its first or
        last detection and a cut or an end of the video, which are fewer than the interval.

        Args:
            frames_per_second: frame rate of the video, clamped to ``MIN_RATE..MAX_RATE``.
            key_interval: interval of key frames.
            follow_seconds: time for which a head is followed by its pixels.
        """
        factor = min(max(frames_per_second, MIN_RATE), MAX_RATE) / 25.0
        defaults = cls()
        return cls(
            memory=max(2 * key_interval, round(defaults.memory * factor)),
            max_gap=max(2 * key_interval, round(defaults.max_gap * factor)),
            adjacent_distance=adjacent_distance(25.0 * factor),
            extension=max(2, key_interval - 1, round(defaults.extension * factor)),
            follow=round(follow_seconds * min(max(frames_per_second, MIN_RATE), MAX_RATE)),
        )

    @classmethod
    def for_images(cls) -> Self:
        """Return the settings for single images, where no neighbouring frame can confirm a low score."""
        return cls(accept=0.25, memory=0, max_gap=1, extension=0, smoothing=0)

    @property
    def reach(self) -> int:
        """Number of frames beyond its detections in which a track may have boxes."""
        return max(self.extension, self.follow)

    @property
    def temporal_margin(self) -> int:
        """Frames of margin that a slice needs on each side to give the same result as the whole video.

        A box is averaged with neighbours ``smoothing`` frames away. Whether one of those is interpolated or
        extrapolated depends on detections up to ``reach + max_gap`` away. Each of those is accepted or
        not by evidence another ``memory`` away, along associations that reach ``VELOCITY_WINDOW`` frames
        further. How far a head is followed depends on detections up to ``max_gap + memory`` from the end.
        """
        return self.smoothing + self.reach + self.max_gap + self.memory + VELOCITY_WINDOW
