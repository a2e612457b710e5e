"""Names of the archive entries of frames and videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from framecloak.domain.model.segments import Segment


def frame_entry_stems(segments: Mapping[int, Segment]) -> Callable[[int], str]:
    """Return a function that names a frame, without suffix, after the earliest segment that contains it."""
    return lambda index: f"frames/segment_{_first_segment_id(segments, index)}/frame_{index:07d}"


def video_entry_names(segments: Mapping[int, Segment]) -> Callable[[Segment], str]:
    """Return a function that names a video after the earliest segment that contains its first frame."""
    return lambda segment: f"films/segment_{_first_segment_id(segments, segment.start_frame)}.mp4"


def _first_segment_id(segments: Mapping[int, Segment], index: int) -> int:
    ordered = sorted(segments.items(), key=lambda pair: (pair[1], pair[0]))
    return next(number for number, segment in ordered if segment.start_frame <= index < segment.end_frame)
