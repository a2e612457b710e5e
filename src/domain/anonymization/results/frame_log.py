"""Frame entries of the manifest: a chain of hashes, with counts."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.sight import Sight
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence
from framecloak.domain.support.canonical_json import canonical_json

CHAIN_START = bytes(32)
"""Link before the first frame entry."""

_CHUNK_BYTES = 1 << 20


@dataclass(slots=True)
class Summary:
    """Counts over the written frames.

    Attributes:
        frames: frames written.
        blanked: written frames that are black because they could not be analysed or showed a residual.
        blank_reasons: these frames by the reason, where it is known.
        tracks: distinct tracks, regardless of their length.
        boxes: redacted boxes by origin.
        kinds: redacted boxes by class, without regions.
        shapes: faces found in other shapes, by id of the source.
        directions: number of detected faces by id of the source and direction.
        sight: search for faces; None if they were not searched for.
    """

    frames: int = 0
    blanked: int = 0
    blank_reasons: Counter[BlankReason] = field(default_factory=Counter)
    tracks: int = 0
    boxes: Counter[Origin] = field(default_factory=Counter)
    kinds: Counter[TargetKind | None] = field(default_factory=Counter)
    shapes: dict[int, ShapeEvidence] = field(default_factory=dict)
    directions: dict[int, Counter[int]] = field(default_factory=dict)
    sight: Sight | None = None

    @property
    def faces(self) -> int:
        """Number of redacted boxes that are faces."""
        return self.kinds[TargetKind.FACE]


class FrameLog:
    """Frame entries of the manifest, held compressed: an hour of video has about 100,000."""

    def __init__(self) -> None:
        self.summary = Summary()
        self.head = CHAIN_START
        self._compressor = zlib.compressobj(level=1)
        self._compressed = bytearray()
        self._tracks: set[tuple[int, int]] = set()

    def add(self, source_id: int, file: str, frame: RedactedFrame, digest: str) -> None:
        """Append the entry of a written frame.

        Args:
            source_id: id of the frame's source.
            file: archive entry of the frame's image, or of the video that contains the frame.
            frame: frame with its index in the source and with track ids that are unique per source.
            digest: SHA-256 of the image file, or of the frame's sample in the video, in hex.
        """
        entry: dict[str, Any] = {
            "source": source_id,
            "index": frame.index,
            "file": file,
            "blanked": frame.blanked,
            "boxes": [_box_entry(box) for box in frame.boxes],
            "sha256": digest,
        }
        if frame.blank_reason:
            entry["blank_reason"] = frame.blank_reason
        self.head = next_link(self.head, entry)
        separator = b"," if self.summary.frames else b""
        entry["link"] = self.head.hex()
        self._compressed += self._compressor.compress(separator + canonical_json(entry))
        self._count(source_id, frame)

    def json_chunks(self) -> Iterator[bytes]:
        """Yield all entries as one JSON array in chunks; no entry can be added afterwards."""
        self._compressed += self._compressor.flush()
        unpacked = zlib.decompressobj()
        yield b"["
        for start in range(0, len(self._compressed), _CHUNK_BYTES):
            yield unpacked.decompress(self._compressed[start : start + _CHUNK_BYTES])
        yield b"]"

    def _count(self, source_id: int, frame: RedactedFrame) -> None:
        self.summary.frames += 1
        self.summary.blanked += frame.blanked
        self.summary.blank_reasons.update([frame.blank_reason] if frame.blank_reason else [])
        self.summary.boxes.update(box.origin for box in frame.boxes)
        self.summary.kinds.update(box.kind for box in frame.boxes if box.kind)
        if frame.shape_evidence:
            evidence = self.summary.shapes.get(source_id, ShapeEvidence())
            self.summary.shapes[source_id] = evidence + frame.shape_evidence
        self.summary.directions.setdefault(source_id, Counter()).update(
            box.direction
            for box in frame.boxes
            if box.kind is TargetKind.FACE and box.origin is Origin.DETECTED
        )
        self._tracks.update((source_id, box.track) for box in frame.boxes if box.track is not None)
        self.summary.tracks = len(self._tracks)


def next_link(link: bytes, entry: Mapping[str, object]) -> bytes:
    """Return the link of an entry in the hash chain.

    Args:
        link: link of the previous entry, or ``CHAIN_START``.
        entry: frame entry; its own ``link`` is ignored.

    Raises:
        ValueError, TypeError: the entry has no canonical form.
    """
    return sha256(link + canonical_json({key: entry[key] for key in entry if key != "link"})).digest()


def _box_entry(box: RedactedBox) -> dict[str, object]:
    entry: dict[str, object] = {
        "xyxy": box.xyxy,
        "kind": box.kind or "region",
        "track": box.track,
        "score": None if box.score is None else round(box.score, 4),
        "origin": box.origin,
    }
    if box.basis:
        entry["basis"] = box.basis
    if box.direction:
        entry["direction"] = box.direction
    return entry
