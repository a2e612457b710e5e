"""A request in parts: every slice becomes an archive of its own, and all of them become the result.

The result is the same to the byte as if all of it had been done in one go (`Export.run`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from domain.anonymization.examination import Examination
from domain.anonymization.export import Export, recorded_settings, used_models
from domain.anonymization.manifest import (
    MANIFEST_FILE,
    FrameLog,
    RecordedSource,
    Summary,
    manifest,
)
from domain.anonymization.processing import Instruments, Seam, redacted_frames
from domain.anonymization.rendering import RedactedBox, RedactedFrame
from domain.anonymization.request import Appearance, Level
from domain.anonymization.track_numbers import TrackChain, TrackLinks
from domain.anonymization.tracking import Origin, TrackingSettings
from domain.detection import Kind, ModelCard
from domain.ports import Archive, ArchiveReader, SourceInfo
from domain.videos import Region, Segment

PART_FILE = "part.json"
"""The last entry of a part: what the manifest will need of its frames."""


class _Content(TypedDict):
    """What ``part.json`` holds."""

    info: dict[str, Any]
    models: list[dict[str, Any]]
    tracking: dict[str, Any] | None
    threshold: float | None
    frames: list[list[Any]]
    heads: list[list[tuple[int, int]]]
    tails: list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """What a part has become.

    Attributes:
        blanked_frames: black because they could not be examined.
        examined: for the slice that begins where this one ends.
    """

    blanked_frames: int
    examined: tuple[Examination, ...]


def write_part(
    export: Export,
    segment: Segment,
    instruments: Instruments,
    archive: Archive,
    on_frame: Callable[[], None],
    examined: Sequence[Examination] = (),
) -> WrittenPart:
    """Redact one slice.

    Args:
        export: an order of one video.
        segment: the slice; inside one of the order's segments.
        instruments: what to do it with.
        archive: open and empty; the caller discards it when this raises.
        on_frame: called after each written frame.
        examined: what the slice that ends where this one begins left, if it was done here.

    Raises:
        DomainError: as for `Export.run`.
    """
    (batch,) = export.batches
    (exhibit,) = batch.exhibits
    suffix = export.appearance.output_format
    run = redacted_frames(batch.source, segment, export.instructions(batch), instruments, examined)
    rows: list[list[Any]] = []
    blanked = 0

    def take(frame: RedactedFrame) -> None:
        nonlocal blanked
        file = f"{exhibit.stem(frame.index)}.{suffix}"
        archive.add(file, frame.data)
        rows.append([frame.index, file, frame.blanked, [_box_row(box) for box in frame.boxes]])
        blanked += frame.blanked
        on_frame()

    with closing(run) as frames:
        seam = _consume(frames, take)
    detector = instruments.detector
    content: _Content = {
        "info": asdict(exhibit.source.info),
        "models": [asdict(card) for card in used_models(instruments)],
        "tracking": asdict(exhibit.tracking(export.appearance.shape)) if detector else None,
        "threshold": export.instructions(batch).threshold if detector else None,
        "frames": rows,
        "heads": [list(head) for head in seam.links.heads],
        "tails": [(*key, number) for key, number in seam.links.tails.items()],
    }
    archive.add(PART_FILE, json.dumps(content, separators=(",", ":"), allow_nan=False).encode())
    archive.commit()
    return WrittenPart(blanked, seam.examined)


@dataclass(frozen=True, slots=True)
class Binding:
    """What the result says beside what is in its parts.

    Attributes:
        tool: name and version of the program.
        level: what was redacted.
        appearance: how the frames look.
        sha256: hex digest of the video's bytes.
        segments: the frames that were ordered, disjoint and ascending.
        regions: what was marked by hand.
        keep_text: where text was to stay.
    """

    tool: str
    level: Level
    appearance: Appearance
    sha256: str
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    keep_text: tuple[Region, ...] = ()


class Binder:
    """Makes one archive out of all parts.

    Args:
        binding: what to say in the manifest.
        archive: open and empty; the caller discards it when anything here raises.
        on_frame: called after each written frame.
    """

    def __init__(self, binding: Binding, archive: Archive, on_frame: Callable[[], None]) -> None:
        self._binding = binding
        self._archive = archive
        self._on_frame = on_frame
        self._log = FrameLog()
        self._wanted = (
            index for segment in binding.segments for index in range(segment.start_frame, segment.end_frame)
        )
        self._starts = {segment.start_frame for segment in binding.segments}
        self._chain = TrackChain()
        self._content: _Content | None = None

    def add(self, part: ArchiveReader) -> None:
        """Take over the frames of the next part.

        Args:
            part: in the order of their frames.

        Raises:
            ValueError: a frame is missing, or comes twice.
            ObjectNotFoundError: the part is damaged.
            DomainError: the archive cannot be written.
        """
        content: _Content = json.loads(part.read(PART_FILE))
        if content["frames"][0][0] in self._starts:
            # Tracks do not reach from one stretch into the next.
            self._chain = TrackChain(self._chain.following)
        numbers = self._chain.numbers(_links(content))
        for row in content["frames"]:
            frame, file = _frame(row, numbers)
            if frame.index != next(self._wanted, None):
                raise ValueError(f"frame {frame.index} is not the next one")
            self._archive.add(file, part.read(file))
            self._log.add(0, file, frame)
            self._on_frame()
        self._content = content

    def finish(self) -> Summary:
        """Write the manifest and give the archive its name.

        Raises:
            ValueError: frames are missing.
            DomainError: the archive cannot be written.
        """
        if self._content is None or next(self._wanted, None) is not None:
            raise ValueError("frames are missing")
        self._archive.add(MANIFEST_FILE, _manifest(self._binding, self._content, self._log))
        self._archive.commit()
        return self._log.summary


def _consume(frames: Generator[RedactedFrame, None, Seam], take: Callable[[RedactedFrame], None]) -> Seam:
    """Take every frame; gives what is left when there are no more."""
    while True:
        try:
            frame = next(frames)
        except StopIteration as end:
            seam: Seam = end.value
            return seam
        take(frame)


def _manifest(binding: Binding, content: _Content, log: FrameLog) -> bytes:
    """The manifest; what is the same for all parts comes from any of them."""
    tracking = content["tracking"]
    source = RecordedSource(
        id=0,
        sha256=binding.sha256,
        info=SourceInfo(**content["info"]),
        name=None,
        segments=binding.segments,
        regions=binding.regions,
        tracking=TrackingSettings(**tracking) if tracking else None,
        keep_text=binding.keep_text,
    )
    models = [ModelCard(**card) for card in content["models"]]
    settings = recorded_settings(binding.level, binding.appearance, content["threshold"])
    return manifest(binding.tool, settings, models, [source], log)


def _box_row(box: RedactedBox) -> list[object]:
    return [*box.xyxy, box.track, box.score, box.origin, box.kind]


def _frame(row: list[Any], numbers: Sequence[int]) -> tuple[RedactedFrame, str]:
    """A frame without its picture, its tracks numbered through all parts; and the name of its file."""
    index, file, blanked, boxes = row
    found = tuple(
        RedactedBox(
            (x1, y1, x2, y2),
            None if track is None else numbers[track],
            score,
            Origin(origin),
            None if kind is None else Kind(kind),
        )
        for x1, y1, x2, y2, track, score, origin, kind in boxes
    )
    return RedactedFrame(index, b"", found, blanked), file


def _links(content: _Content) -> TrackLinks:
    heads = tuple(tuple((frame, row) for frame, row in head) for head in content["heads"])
    tails = {(frame, row): number for frame, row, number in content["tails"]}
    return TrackLinks(heads, tails)
