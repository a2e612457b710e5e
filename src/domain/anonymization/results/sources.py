"""Sources of an export, and their grouping into runs of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from framecloak.domain.anonymization.detection.image_sequence import ImageSequence
from framecloak.domain.anonymization.detection.scales import (
    IMAGE_SCALES,
    DetectionScale,
    key_interval,
    video_scales,
)
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.margins import ELLIPSE_MARGIN
from framecloak.domain.anonymization.model.options import FOLLOW_SECONDS, RedactionShape
from framecloak.domain.anonymization.pipeline.rerender import NO_EXCEPTIONS, CheckExceptions
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import FrameSource


def video_entry_name(segment: Segment) -> str:
    """Return the default archive entry name of the video of a segment."""
    return f"films/film_{segment.start_frame:07d}.mp4"


@dataclass(frozen=True, slots=True)
class ExportSource:
    """One input file and how to export it.

    Attributes:
        id: index among the inputs, from 0.
        source: open source of its frames.
        name: base name of the file; None where file names are excluded from the output.
        frame_entry_stem: returns the archive entry name of a frame, without suffix, for a frame index.
        segments: frames to write, disjoint and ascending; inside the source.
        regions: regions to redact regardless of their content; inside the source.
        video_entry_name: returns the archive entry name of the video of a segment.
        keep_text: regions in which text stays readable; inside the source.
        boxes: boxes to redact if they are already known; they are not detected then.
        exceptions: what the residual check of known boxes leaves alone.
    """

    id: int
    source: FrameSource
    name: str | None
    frame_entry_stem: Callable[[int], str]
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...] = ()
    video_entry_name: Callable[[Segment], str] = video_entry_name
    keep_text: tuple[Region, ...] = ()
    boxes: BoxTable | None = None
    exceptions: CheckExceptions = NO_EXCEPTIONS

    @property
    def scales(self) -> tuple[DetectionScale, ...]:
        """Detection scales of its frames."""
        info = self.source.info
        return video_scales(info.frame_rate) if info.continuous else IMAGE_SCALES

    def tracking(self, shape: RedactionShape, follow_seconds: float = FOLLOW_SECONDS) -> TrackingSettings:
        """Return the tracking settings for this source.

        Args:
            shape: outline of redacted faces.
            follow_seconds: time for which heads are followed by their pixels.
        """
        info = self.source.info
        settings = TrackingSettings.for_images()
        if info.continuous:
            settings = TrackingSettings.for_rate(info.frame_rate, key_interval(self.scales), follow_seconds)
        settings = replace(settings, pixel_aspect=float(info.pixel_aspect))
        return settings if shape is RedactionShape.BOX else replace(settings, margin=ELLIPSE_MARGIN)


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """Inputs that go through the pipeline together: one video, or a run of still images.

    Attributes:
        source: the only input itself, or an image sequence of all inputs.
        inputs: the only input, or one entry for each image, in the order of the sequence.
    """

    source: FrameSource
    inputs: tuple[ExportSource, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Frames of ``source`` to write."""
        if len(self.inputs) == 1:
            return self.inputs[0].segments
        return (Segment(0, len(self.inputs)),)

    def origin(self, index: int) -> tuple[ExportSource, int]:
        """Return the input that contains a frame of ``source``, and the frame's index in that input."""
        return (self.inputs[0], index) if len(self.inputs) == 1 else (self.inputs[index], 0)


def group_sources(inputs: Sequence[ExportSource]) -> tuple[SourceGroup, ...]:
    """Group inputs: each video alone, consecutive still images together."""
    ordered: list[SourceGroup] = []
    for continuous, group in groupby(inputs, lambda each: each.source.info.continuous):
        members = tuple(group)
        if continuous or len(members) == 1:
            ordered += [SourceGroup(export_source.source, (export_source,)) for export_source in members]
        else:
            ordered.append(
                SourceGroup(ImageSequence([export_source.source for export_source in members]), members)
            )
    return tuple(ordered)
