"""Manifest of a result: ``manifest.json``, described by ``manifest.schema.json`` beside this file.

It contains no file names, no machine names, and no times but those of orders and of corrections by hand, so
the same input, settings, order, corrections and key give the same bytes.

It is one line of canonical JSON. Frame entries form a hash chain: the ``link`` of an entry is the SHA-256 of
the previous link (32 bytes; zeros before the first entry) followed by the canonical JSON of the entry without
its link. The last link is the ``head``: changing, moving, adding or removing a frame changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

from framecloak.domain.anonymization.identification.log import IdentityLog
from framecloak.domain.anonymization.model.frames import BlankReason
from framecloak.domain.anonymization.model.residuals import ResidualSummary
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.frame_log import FrameLog, Summary
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings, settings_entry
from framecloak.domain.anonymization.results.sight import smallest_faces
from framecloak.domain.anonymization.results.text_log import TextLog
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.imaging.pixel_aspect import format_aspect
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.ports.speech import MutedSound
from framecloak.domain.support.canonical_json import canonical_json

MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 2


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
