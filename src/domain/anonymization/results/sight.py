"""Search for faces as manifest, report and summary describe it: directions, sizes, models and following."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from framecloak.domain.anonymization.adaptive.key_frames import SHOT_START_SIDE_PX
from framecloak.domain.anonymization.detection.scales import DIAGONALS, QUARTER_TURNS, DetectionScale
from framecloak.domain.imaging.pixel_aspect import display_size
from framecloak.domain.ports.frames import SourceInfo

SMALLEST_FACE_PX = 10
"""Size in pixels of a searched image from which on faces are looked for; smaller ones are found by chance."""


@dataclass(frozen=True, slots=True)
class SearchedDirections:
    """Directions in which frames were searched at one interval.

    Attributes:
        directions: degrees by which frames were turned clockwise.
        every: interval in frames.
        longest_sides: longer sides of the searched images in pixels, ascending.
    """

    directions: tuple[int, ...]
    every: int
    longest_sides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SmallestFaces:
    """Sizes of the smallest faces that were looked for in one source, in pixels of its frames.

    Attributes:
        in_key_frames: size of upright faces at the most frequent scales.
        key_interval: interval of those in frames.
        at_intervals: size of upright faces at the scale that enlarges most.
        every: interval of that scale in frames; the key interval if both are the same.
        turned: size of turned faces where none is known to be; None if those are not looked for.
    """

    in_key_frames: int
    key_interval: int
    at_intervals: int
    every: int
    turned: int | None


@dataclass(frozen=True, slots=True)
class Sight:
    """Search for faces.

    Attributes:
        video: directions, intervals and sizes in videos, at the reference frame rate and above.
        picture: directions and sizes in still images.
        shot_starts: further directions in the first frame of each shot of a video.
        smallest_face: smallest face that is looked for, in pixels of the searched image.
        detectors: names of the face detectors: the first one, and that of second opinions.
        follow_seconds: time for which heads were followed by their pixels; 0 for not at all.
    """

    video: tuple[SearchedDirections, ...]
    picture: tuple[SearchedDirections, ...]
    shot_starts: SearchedDirections
    smallest_face: int
    detectors: tuple[str, ...]
    follow_seconds: float

    @classmethod
    def of(
        cls,
        video: Sequence[DetectionScale],
        picture: Sequence[DetectionScale],
        detectors: tuple[str, ...],
        follow_seconds: float,
    ) -> Self:
        """Describe the search at the given scales."""
        return cls(
            searched_directions(video),
            searched_directions(picture),
            SearchedDirections(tuple(sorted(QUARTER_TURNS + DIAGONALS)), 1, (SHOT_START_SIDE_PX,)),
            SMALLEST_FACE_PX,
            detectors,
            follow_seconds,
        )


def searched_directions(scales: Sequence[DetectionScale]) -> tuple[SearchedDirections, ...]:
    """Group scales by interval and size, the upright ones first, then the most frequent ones."""
    sides: dict[tuple[int, int], set[int]] = {}
    for scale in scales:
        sides.setdefault((scale.direction, scale.every), set()).add(scale.longest_side)
    directions: dict[tuple[bool, int, tuple[int, ...]], list[int]] = {}
    for (direction, every), of_direction in sides.items():
        key = direction != 0, every, tuple(sorted(of_direction))
        directions.setdefault(key, []).append(direction)
    return tuple(
        SearchedDirections(tuple(sorted(directions[key])), key[1], key[2]) for key in sorted(directions)
    )


def smallest_faces(scales: Sequence[DetectionScale], info: SourceInfo) -> SmallestFaces:
    """Return the sizes of the smallest faces that the scales show in a source.

    Args:
        scales: scales of the source.
        info: properties of the source.
    """
    longest = max(display_size((info.width, info.height), info.pixel_aspect))
    applied = [
        (min(scale.max_enlargement, scale.longest_side / longest), -scale.every, scale.direction)
        for scale in scales
        if longest >= scale.smallest_frame
    ]
    zoom, interval = max((zoom, interval) for zoom, interval, direction in applied if direction == 0)
    shortest = max(interval for _, interval, direction in applied if direction == 0)
    always = max(zoom for zoom, each, direction in applied if direction == 0 and each == shortest)
    turned = max((zoom for zoom, _, direction in applied if direction), default=None)
    return SmallestFaces(
        round(SMALLEST_FACE_PX / always),
        -shortest,
        round(SMALLEST_FACE_PX / zoom),
        -interval,
        None if turned is None else round(SMALLEST_FACE_PX / turned),
    )
