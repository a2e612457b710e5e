"""The record of what was redacted: ``manifest.json``, described by ``manifest.schema.json`` beside this file.

It holds no time, no file name and no machine, so that the same input, settings and key give the same bytes.

It is one line of canonical JSON. Entries of frames are chained: the ``link`` of each is the SHA-256 of the
link before it (32 bytes; zeros before the first) and of the entry without its link, as canonical JSON. The
last link is the ``head``, so that no frame can be changed, moved, added or left out without changing it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from framecloak.domain.anonymization.detection.scales import Look
from framecloak.domain.anonymization.detection.text_and_plates import AreaSettings
from framecloak.domain.anonymization.identification.log import IdentityLog, RecordedIdentities
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import Proof
from framecloak.domain.anonymization.pipeline.render import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.tracking.tracker import Origin, TrackingSettings
from framecloak.domain.imaging.detections import Kind, ModelCard
from framecloak.domain.ports import SourceInfo
from framecloak.domain.support.canonical_json import canonical
from framecloak.domain.videos.segments import Region, Segment

MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 2
FIRST_LINK = bytes(32)
"""What the chain of frames begins with."""

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """One input file.

    Attributes:
        id: its place among the inputs, from 0.
        sha256: hex digest of its bytes.
        info: what is known of it; the name in it is not recorded.
        name: base name of the file; None where names are kept out because they may hold a patient's.
        segments: the frames that were written.
        regions: what was marked by hand.
        tracking: what counted as a face; None where faces were not looked for.
        keep_text: where text was to stay.
    """

    id: int
    sha256: str
    info: SourceInfo
    name: str | None
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    tracking: TrackingSettings | None
    keep_text: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """What looked at frames.

    Attributes:
        card: which weights, and how they ran.
        segments: the frames of the one source that it looked at so; empty for all frames of all sources.
    """

    card: ModelCard
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """What was asked for, the same for all sources.

    Attributes:
        level: what was redacted.
        appearance: how the written frames look.
        threshold: the lowest score that the tracker got to know; None where faces were not looked for.
        video_looks: the sizes at which a video's frames were examined.
        picture_looks: the sizes at which pictures were examined.
        video_areas: how text and plates were looked for in videos; None where they were not.
        picture_areas: likewise in pictures.
        based_on: the manifest that the boxes were taken from; None where they were looked for.
        identities: what was asked about people; None where it made no difference whose a face is.
    """

    level: Level
    appearance: Appearance
    threshold: float | None
    video_looks: tuple[Look, ...]
    picture_looks: tuple[Look, ...]
    video_areas: AreaSettings | None = None
    picture_areas: AreaSettings | None = None
    based_on: BasedOn | None = None
    identities: RecordedIdentities | None = None


@dataclass(slots=True)
class Summary:
    """What was done, in numbers.

    Attributes:
        frames: written.
        blanked: of these, black because they could not be examined.
        tracks: what was followed, each counted once however often it was redacted.
        boxes: redacted boxes by origin.
        kinds: redacted boxes by kind, without regions.
    """

    frames: int = 0
    blanked: int = 0
    tracks: int = 0
    boxes: Counter[Origin] = field(default_factory=Counter)
    kinds: Counter[Kind | None] = field(default_factory=Counter)

    @property
    def faces(self) -> int:
        """Redacted boxes that are faces."""
        return self.kinds[Kind.FACE]


class FrameLog:
    """The manifest's entries of frames, kept compressed: an hour of film has a hundred thousand of them."""

    def __init__(self) -> None:
        self.summary = Summary()
        self.head = FIRST_LINK
        self._compressor = zlib.compressobj(level=1)
        self._compressed = bytearray()
        self._tracks: set[tuple[int, int]] = set()

    def add(self, source: int, file: str, frame: RedactedFrame, digest: str) -> None:
        """Record a frame that was written.

        Args:
            source: id of the source it comes from.
            file: its name in the archive, or that of the film it is in.
            frame: numbered as in its source, tracks numbered so that a number occurs once per source.
            digest: SHA-256 of the picture file, or of the frame's sample in the film, in hex.
        """
        entry: dict[str, Any] = {
            "source": source,
            "index": frame.index,
            "file": file,
            "blanked": frame.blanked,
            "boxes": [_box(box) for box in frame.boxes],
            "sha256": digest,
        }
        self.head = next_link(self.head, entry)
        separator = b"," if self.summary.frames else b""
        entry["link"] = self.head.hex()
        self._compressed += self._compressor.compress(separator + canonical(entry))
        self._count(source, frame)

    def close(self) -> Iterator[bytes]:
        """All entries as a JSON array, in pieces; nothing can be added afterwards."""
        self._compressed += self._compressor.flush()
        unpacked = zlib.decompressobj()
        yield b"["
        for start in range(0, len(self._compressed), _PIECE):
            yield unpacked.decompress(self._compressed[start : start + _PIECE])
        yield b"]"

    def _count(self, source: int, frame: RedactedFrame) -> None:
        self.summary.frames += 1
        self.summary.blanked += frame.blanked
        self.summary.boxes.update(box.origin for box in frame.boxes)
        self.summary.kinds.update(box.kind for box in frame.boxes if box.kind)
        self._tracks.update((source, box.track) for box in frame.boxes if box.track is not None)
        self.summary.tracks = len(self._tracks)


def next_link(link: bytes, entry: Mapping[str, object]) -> bytes:
    """The link of an entry that follows another one.

    Args:
        link: of the entry before, or ``FIRST_LINK``.
        entry: what the manifest says of a frame; its own link does not count.

    Raises:
        ValueError, TypeError: the entry has no canonical form.
    """
    return sha256(link + canonical({key: entry[key] for key in entry if key != "link"})).digest()


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file of the archive that is not the picture of one frame.

    Attributes:
        file: its name in the archive.
        sha256: hex digest of its bytes.
        size: its length in bytes.
    """

    file: str
    sha256: str
    size: int


def manifest(
    tool: str,
    key_id: str,
    settings: RecordedSettings,
    models: Sequence[RecordedModel],
    sources: Sequence[RecordedSource],
    files: Sequence[RecordedFile],
    log: FrameLog,
    *,
    people: IdentityLog | None = None,
    proof: Proof | None = None,
) -> Iterator[bytes]:
    """The whole document as canonical JSON, in pieces.

    Args:
        tool: name and version of the program.
        key_id: of the key that the document will be signed with.
        settings: what was asked for.
        models: what faces were looked for with.
        sources: every input, in order of their ids.
        files: what the archive holds beside pictures of frames, the manifest and its signature.
        log: every written frame; it is closed.
        people: what was decided about faces; left out where nothing was asked about people.
        proof: what a second search found; None where there was none.
    """
    values: dict[str, object] = {
        "version": MANIFEST_VERSION,
        "tool": tool,
        "sources": [_source(one) for one in sources],
        "settings": _settings(settings),
        "models": [_model(model) for model in models],
        "files": [asdict(file) for file in files],
        "chain": {"frames": log.summary.frames, "head": log.head.hex()},
        "signing": {"algorithm": "Ed25519", "key_id": key_id},
        "summary": _summary(log.summary),
        "proof": asdict(proof.method) | asdict(proof.tally) if proof else None,
    }
    if settings.identities and people:
        decisions = [run.document() for run in people.runs()]
        values["identities"] = {**asdict(settings.identities), "decisions": decisions}
    opening = b"{"
    for key in sorted([*values, "frames"]):
        yield opening + canonical(key) + b":"
        if key == "frames":
            yield from log.close()
        else:
            yield canonical(values[key])
        opening = b","
    yield b"}"


def _box(box: RedactedBox) -> dict[str, object]:
    entry: dict[str, object] = {
        "xyxy": box.xyxy,
        "kind": box.kind or "region",
        "track": box.track,
        "score": None if box.score is None else round(box.score, 4),
        "origin": box.origin,
    }
    if box.basis:
        entry["basis"] = box.basis
    return entry


def _model(model: RecordedModel) -> dict[str, object]:
    entry: dict[str, object] = asdict(model.card)
    if model.segments:
        entry["segments"] = [_segment(one) for one in model.segments]
    return entry


def _source(source: RecordedSource) -> dict[str, object]:
    info = source.info
    entry: dict[str, object] = {
        "id": source.id,
        "sha256": source.sha256,
        "width": info.width,
        "height": info.height,
        "frame_rate": round(info.frame_rate, 6),
        "frame_count": info.frame_count,
        "rotation": info.rotation,
        "segments": [_segment(one) for one in source.segments],
        "regions": [_region(one) for one in source.regions],
        "keep_text": [_region(one) for one in source.keep_text],
        "tracking": asdict(source.tracking) if source.tracking else None,
    }
    if source.name is not None:
        # Names may hold bytes that are no UTF-8, and canonical JSON has no form for them.
        entry["name"] = source.name.encode(errors="replace").decode()
    return entry


def _segment(segment: Segment) -> list[int]:
    return [segment.start_frame, segment.end_frame]


def _region(region: Region) -> dict[str, object]:
    return {"xyxy": region.xyxy, "segment": _segment(region.segment) if region.segment else None}


def _settings(settings: RecordedSettings) -> dict[str, object]:
    looks_for_faces = settings.threshold is not None
    origin = {"based_on": settings.based_on.entry()} if settings.based_on else {}
    return origin | {
        "level": settings.level,
        "format": settings.appearance.output_format,
        "quality": settings.appearance.quality,
        "redaction": settings.appearance.style,
        "shape": settings.appearance.shape,
        "audio": settings.appearance.audio,
        "threshold": settings.threshold,
        "looks": {
            "video": [asdict(look) for look in settings.video_looks],
            "picture": [asdict(look) for look in settings.picture_looks],
        }
        if looks_for_faces
        else None,
        "areas": {
            "video": asdict(settings.video_areas),
            "picture": asdict(settings.picture_areas),
        }
        if settings.video_areas and settings.picture_areas
        else None,
    }


def _summary(summary: Summary) -> dict[str, object]:
    return {
        "frames": summary.frames,
        "blanked": summary.blanked,
        "tracks": summary.tracks,
        "boxes": {origin: summary.boxes[origin] for origin in Origin},
        "kinds": {kind: summary.kinds[kind] for kind in Kind},
    }
