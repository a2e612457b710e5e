"""Manifest of a result: ``manifest.json``, described by ``manifest.schema.json`` beside this file.

It contains no file names, no machine names, and no times but those of orders and of corrections by hand, so
the same input, settings, order, corrections and key give the same bytes.

It is one line of canonical JSON. Frame entries form a hash chain: the ``link`` of an entry is the SHA-256 of
the previous link (32 bytes; zeros before the first entry) followed by the canonical JSON of the entry without
its link. The last link is the ``head``: changing, moving, adding or removing a frame changes it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import Any

from framecloak.domain.anonymization.identification.log import IdentityLog
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.residuals import ResidualSummary
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings, settings_entry
from framecloak.domain.anonymization.results.sight import Sight, smallest_faces
from framecloak.domain.anonymization.results.text_log import TextLog
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence, format_aspect
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.ports.speech import MutedSound
from framecloak.domain.support.canonical_json import canonical_json

MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 2
CHAIN_START = bytes(32)
"""Link before the first frame entry."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """Input file as the manifest records it.

    Attributes:
        id: index among the inputs, from 0.
        sha256: hex digest of the file's bytes.
        info: properties of the source; the name in it is not recorded.
        name: base name of the file; None where names are excluded because they may contain a patient's name.
        segments: frames that were written.
        regions: regions marked by hand.
        tracking: tracking settings; None without face detection.
        keep_text: regions in which text was kept.
        aspect_hint: pixel aspect in which faces are easier to find, where none is declared; None without one.
        weak_evidence: runs of frames ``[start, stop)`` in which a face is covered on weak grounds only.
        turned_hint: degrees clockwise by which the source seems to need turning; None without a hint.
    """

    id: int
    sha256: str
    info: SourceInfo
    name: str | None
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    tracking: TrackingSettings | None
    keep_text: tuple[Region, ...] = ()
    aspect_hint: Fraction | None = None
    turned_hint: int | None = None
    weak_evidence: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """Model as the manifest records it.

    Attributes:
        card: weights, provider and precision.
        segments: frames of the only source that were processed this way; empty for all frames of all sources.
    """

    card: ModelCard
    segments: tuple[Segment, ...] = ()


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


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """File in the archive other than a frame image.

    Attributes:
        file: name of the archive entry.
        sha256: hex digest of its bytes.
        size: size in bytes.
    """

    file: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class RecordedSound:
    """Decisions about speech in a video's sound as the manifest records them.

    Attributes:
        source: id of the source.
        file: name of the video's archive entry.
        muted: decisions.
    """

    source: int
    file: str
    muted: MutedSound

    def to_entry(self) -> dict[str, object]:
        """Return the entry of the manifest."""
        return {"source": self.source, "file": self.file, **asdict(self.muted)}


def manifest_chunks(
    tool: str,
    key_id: str,
    settings: RecordedSettings,
    models: Sequence[RecordedModel],
    sources: Sequence[RecordedSource],
    files: Sequence[RecordedFile],
    frame_log: FrameLog,
    *,
    identity_log: IdentityLog | None = None,
    text_log: TextLog | None = None,
    residuals: ResidualSummary | None = None,
    muted: Sequence[RecordedSound] = (),
) -> Iterator[bytes]:
    """Yield the manifest as canonical JSON in chunks.

    Args:
        tool: name and version of the program.
        key_id: id of the key that will sign the document.
        settings: settings of the request.
        models: models used.
        sources: all inputs, ordered by id.
        files: archive entries other than frame images, the manifest and its signature.
        frame_log: entries of all written frames; this function closes the log.
        text_log: decisions of the text policy; omitted if the settings name none.
        identity_log: identity decisions; omitted if the settings request no identification.
        residuals: results of the residual check; None without one.
        muted: decisions about speech; omitted without any.
    """
    values: dict[str, object] = {
        "version": MANIFEST_VERSION,
        "tool": tool,
        "sources": [_source_entry(source, settings) for source in sources],
        "settings": settings_entry(settings),
        "models": [_model_entry(model) for model in models],
        "files": [asdict(file) for file in files],
        "chain": {"frames": frame_log.summary.frames, "head": frame_log.head.hex()},
        "signing": {"algorithm": "Ed25519", "key_id": key_id},
        "summary": _summary_entry(frame_log.summary),
        "proof": asdict(residuals.method) | asdict(residuals.counts) if residuals else None,
    }
    if settings.identities and identity_log:
        decisions = [run.to_entry() for run in identity_log.runs()]
        values["identities"] = {**asdict(settings.identities), "decisions": decisions}
    if muted:
        values["sound"] = [sound.to_entry() for sound in muted]
    if settings.text_policy and text_log:
        runs = [run.to_entry() for run in text_log.runs()]
        values["text"] = {**asdict(settings.text_policy), "decisions": runs}
    if settings.order:
        values["order"] = asdict(settings.order)
    if settings.history:
        values |= settings.history.members()
    prefix = b"{"
    for key in sorted([*values, "frames"]):
        yield prefix + canonical_json(key) + b":"
        if key == "frames":
            yield from frame_log.json_chunks()
        else:
            yield canonical_json(values[key])
        prefix = b","
    yield b"}"


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


def _model_entry(model: RecordedModel) -> dict[str, object]:
    entry: dict[str, object] = asdict(model.card)
    if model.segments:
        entry["segments"] = [_segment_entry(segment) for segment in model.segments]
    return entry


def _source_entry(source: RecordedSource, settings: RecordedSettings) -> dict[str, object]:
    info = source.info
    entry: dict[str, object] = {
        "id": source.id,
        "sha256": source.sha256,
        "width": info.width,
        "height": info.height,
        "frame_rate": round(info.frame_rate, 6),
        "frame_count": info.frame_count,
        "rotation": info.rotation,
        "pixel_aspect": format_aspect(info.pixel_aspect),
        "pixel_aspect_origin": info.aspect_origin,
        "segments": [_segment_entry(item) for item in source.segments],
        "regions": [_region_entry(item) for item in source.regions],
        "keep_text": [_region_entry(item) for item in source.keep_text],
        "tracking": asdict(source.tracking) if source.tracking else None,
    }
    if source.aspect_hint:
        entry["pixel_aspect_hint"] = format_aspect(source.aspect_hint)
    if settings.sight:
        entry["weak_evidence"] = source.weak_evidence
        entry["smallest_faces"] = asdict(smallest_faces(settings.scales_of(info), info))
    if info.dropped_video_tracks:
        entry["dropped_video_tracks"] = info.dropped_video_tracks
    if source.turned_hint:
        entry["turned_hint"] = source.turned_hint
    if source.name is not None:
        # File names may contain bytes that are not UTF-8, which canonical JSON cannot represent.
        entry["name"] = source.name.encode(errors="replace").decode()
    return entry


def _segment_entry(segment: Segment) -> list[int]:
    return [segment.start_frame, segment.end_frame]


def _region_entry(region: Region) -> dict[str, object]:
    return {"xyxy": region.xyxy, "segment": _segment_entry(region.segment) if region.segment else None}


def _summary_entry(summary: Summary) -> dict[str, object]:
    return {
        "frames": summary.frames,
        "blanked": summary.blanked,
        "blank_reasons": {reason: summary.blank_reasons[reason] for reason in BlankReason},
        "tracks": summary.tracks,
        "boxes": {origin: summary.boxes[origin] for origin in Origin},
        "kinds": {kind: summary.kinds[kind] for kind in TargetKind},
    }
