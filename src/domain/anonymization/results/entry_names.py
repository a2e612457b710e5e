"""What the frames and films of a request are called in its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from framecloak.domain.videos.segments import Segment


def frame_names(segments: Mapping[int, Segment]) -> Callable[[int], str]:
    """Names frames, without suffix, by the first segment, in time, that has them."""
    return lambda index: f"frames/segment_{_owner(segments, index)}/frame_{index:07d}"


def film_names(segments: Mapping[int, Segment]) -> Callable[[Segment], str]:
    """Names films by the first segment, in time, that they show."""
    return lambda stretch: f"films/segment_{_owner(segments, stretch.start_frame)}.mp4"


def _owner(segments: Mapping[int, Segment], index: int) -> int:
    ordered = sorted(segments.items(), key=lambda pair: (pair[1], pair[0]))
    return next(number for number, segment in ordered if segment.start_frame <= index < segment.end_frame)
