"""Strict reader of a manifest that may have been edited; reads frame by frame in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import (
    MAX_BOXES,
    MAX_FRAMES,
    MAX_INT32,
    BoxTable,
    BoxTableBuilder,
)
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Audio,
    Level,
    RedactionShape,
    RedactionStyle,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.manifest import MANIFEST_VERSION
from framecloak.domain.anonymization.results.manifest_document import ManifestDocument
from framecloak.domain.errors import (
    DomainError,
    InvalidManifestError,
    ManifestMismatchError,
    TooManyBoxesError,
)
from framecloak.domain.imaging.detections import Basis, TargetKind
from framecloak.domain.imaging.pixel_aspect import AspectOrigin, parse_aspect
from framecloak.domain.model.segments import Region, Segment, union

MAX_EDITED_BYTES = 256 << 20
"""Maximum size in bytes of a manifest to render from: about two million boxes."""

_KINDS: Mapping[str, TargetKind | None] = {"region": None, **{kind.value: kind for kind in TargetKind}}
_BASES = {None, *(basis.value for basis in Basis)}
_ORIGINS = {origin.value: origin for origin in Origin}
_FRAME_FIELDS = frozenset({"source", "index", "file", "blanked", "blank_reason", "boxes", "sha256", "link"})
_BOX_FIELDS = frozenset({"xyxy", "kind", "track", "score", "origin", "basis", "direction"})
_DIRECTIONS = range(0, 360, 45)
_DIGEST_PREFIX_LENGTH = 12


@dataclass(frozen=True, slots=True, eq=False)
class EditedManifest:
    """Contents of a manifest that rendering needs.

    Attributes:
        sha256: hex digest of its bytes.
        level: extent of the redaction of that result.
        appearance: format, quality and redaction style of that result.
        sources: inputs by id.
        tables: boxes to redact by source id.
        identities: identity decisions; None if all faces were to be redacted.
        text: decisions of the text policy; None if all text was to be covered.
        history: earlier corrections, and the search that found the boxes.
    """

    sha256: str
    level: Level
    appearance: Appearance
    sources: Mapping[int, EditedSource]
    tables: Mapping[int, BoxTable]
    identities: InheritedIdentities | None
    text: InheritedText | None = None
    history: History = field(default_factory=History)

    def source_and_boxes(self, digest: str, name: str) -> tuple[EditedSource, BoxTable]:
        """Return the source entry and the boxes of a file.

        Args:
            digest: SHA-256 of the file's bytes, in hex.
            name: display name of the file, for error messages.

        Raises:
            ManifestMismatchError: the manifest does not list this file.
            InvalidManifestError: a requested frame has no entry.
        """
        for number, source in self.sources.items():
            if source.sha256 == digest:
                table = self.tables.get(number, BoxTableBuilder().finish())
                return source, table.restricted_to(source.segments)
        listed = ", ".join(f"{source.sha256[:_DIGEST_PREFIX_LENGTH]}..." for source in self.sources.values())
        raise ManifestMismatchError(
            f"the manifest describes the file with the SHA-256 {listed}, "
            f"but {name} has {digest[:_DIGEST_PREFIX_LENGTH]}...",
            "give the file that the result was made from",
        )


@dataclass(frozen=True, slots=True)
class EditedSource:
    """Input as the manifest describes it.

    Attributes:
        id: index among the inputs.
        sha256: hex digest of its bytes.
        size: width and height of its frames in pixels.
        segments: frames that were written, disjoint and ascending.
        regions: regions marked by hand.
        keep_text: regions in which text was kept.
        pixel_aspect: given width to height of one stored pixel; None for what the file declares.
    """

    id: int
    sha256: str
    size: tuple[int, int]
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    keep_text: tuple[Region, ...]
    pixel_aspect: Fraction | None


def read_edited_manifest(data: bytes) -> EditedManifest:
    """Read a manifest whose boxes may have been edited.

    Frame entries may be in any order. Only boxes, sources, settings and identities are read; the hash chain
    and the digests of files are ignored. A box without an origin counts as added by hand.

    Args:
        data: bytes of ``manifest.json``.

    Raises:
        InvalidManifestError: the data are not a manifest of this version, contain invalid or unknown values,
            or have two entries for one frame.
        TooManyBoxesError: the manifest exceeds the memory limits.
    """
    _require_bounded(data)
    builders: dict[int, BoxTableBuilder] = {}
    try:
        document = ManifestDocument(data.decode())
        for entry in document.frame_entries():
            source, index, boxes = _parse_frame(entry)
            builders.setdefault(source, BoxTableBuilder()).add(index, boxes)
        if not document.has_frames:
            raise _invalid("it has no frames")
        return _edited_manifest(sha256(data).hexdigest(), document.values, builders)
    except RecursionError as error:
        raise _invalid("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise _invalid("it is not UTF-8") from error
    except ValueError as error:
        raise _invalid(f"it is not valid JSON: {error}") from error


def first_search_of(values: Mapping[str, Any]) -> object:
    """Return the figures of the search that found the boxes; None if a manifest does not have them.

    Args:
        values: members of a manifest, without its frames.
    """
    settings = values.get("settings")
    if "first_search" in values or not isinstance(settings, dict) or "based_on" in settings:
        # Earlier versions did not carry them.
        return values.get("first_search")
    searched = {name: settings.get(name) for name in ("threshold", "looks", "sight", "areas")}
    members = {name: values.get(name) for name in ("tool", "models", "summary", "proof")}
    return members | {"settings": searched}


def _require_bounded(data: bytes) -> None:
    """Reject a document that would need too much memory, before parsing any of it."""
    # A box is an object with a list of four numbers; a frame is an object with a list of boxes.
    max_objects = MAX_BOXES + MAX_FRAMES
    signs = {b"{": max_objects, b"[": max_objects, b",": 10 * max_objects}
    if len(data) > MAX_EDITED_BYTES or any(data.count(sign) > limit for sign, limit in signs.items()):
        raise TooManyBoxesError(
            f"the manifest is larger than {MAX_EDITED_BYTES >> 20} MiB, or has more than {MAX_BOXES} boxes",
            "render fewer frames at once",
        )


def _parse_frame(entry: object) -> tuple[int, int, list[RedactedBox] | None]:
    """Return the source id, frame index and boxes of a frame entry; None for boxes of a black frame."""
    if not isinstance(entry, dict) or not entry.keys() <= _FRAME_FIELDS:
        raise _invalid("a frame entry is not an object, or has unknown fields")
    index, source = entry.get("index"), entry.get("source")
    boxes = entry.get("boxes")
    # A black frame has no boxes either. Without "blanked" it is ambiguous, and showing it would be unsafe.
    blanked = entry.get("blanked", False if boxes else None)
    if not isinstance(index, int) or not isinstance(source, int) or not _are_counts(index, source):
        raise _invalid("a frame entry has no index or no source")
    if not isinstance(boxes, list) or (blanked and boxes):
        raise _invalid(f"frame {index}: boxes must be a list, which is empty if the frame is blanked")
    if not isinstance(blanked, bool):
        raise _invalid(f'frame {index}: "blanked" must be true or false, and is required without boxes')
    return source, index, None if blanked else [_parse_box(index, box) for box in boxes]


def _parse_box(index: int, box: object) -> RedactedBox:
    if not isinstance(box, dict) or not box.keys() <= _BOX_FIELDS:
        raise _invalid(f"frame {index}: a box is not an object, or has unknown fields")
    xyxy, track, score = box.get("xyxy"), box.get("track"), box.get("score")
    kind, origin = box.get("kind", "face"), box.get("origin", "manual")
    if not isinstance(xyxy, list) or [type(coordinate) for coordinate in xyxy] != [int] * 4:
        raise _invalid(f"frame {index}: xyxy of a box must be four whole numbers")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _invalid(f"frame {index}: the kind of a box must be one of {', '.join(_KINDS)}")
    if not isinstance(origin, str) or origin not in _ORIGINS:
        raise _invalid(f"frame {index}: the origin of a box must be one of {', '.join(_ORIGINS)}")
    if track is not None and not _are_counts(track):
        raise _invalid(f"frame {index}: the track of a box must be a whole number from 0, or null")
    if score is not None and (type(score) not in {int, float} or not 0 <= score <= 1):
        raise _invalid(f"frame {index}: the score of a box must be from 0 to 1, or null")
    by_shape = _is_by_shape(index, box.get("basis"), _KINDS[kind])
    direction = box.get("direction", 0)
    if type(direction) is not int or direction not in _DIRECTIONS:
        raise _invalid(f"frame {index}: the direction of a box must be a multiple of 45 from 0 to 315")
    drawn = RedactedBox((*xyxy,), track, score, _ORIGINS[origin], _KINDS[kind], by_shape, direction)
    return _consistent(drawn)


def _is_by_shape(index: int, basis: object, kind: TargetKind | None) -> bool:
    if not isinstance(basis, str | None) or basis not in _BASES:
        raise _invalid(f"frame {index}: the basis of a plate must be {' or '.join(Basis)}")
    if basis is not None and kind is not TargetKind.PLATE:
        raise _invalid(f"frame {index}: only a plate can have a basis")
    return basis == Basis.SHAPE


def _consistent(box: RedactedBox) -> RedactedBox:
    """Return a box that satisfies the schema.

    Detected boxes have a track and a score; regions and residuals have neither.
    """
    if box.kind is None:
        origin = box.origin if box.origin in {Origin.REGION, Origin.EDITED} else Origin.MANUAL
        return replace(box, track=None, score=None, origin=origin, direction=0)
    if box.origin is Origin.RESIDUAL:
        return replace(box, track=None, score=None, by_shape=False, direction=0)
    is_found = box.track is not None and box.score is not None and box.origin is not Origin.REGION
    if is_found and box.origin not in {Origin.EDITED, Origin.MANUAL}:
        return box
    # A plate drawn by hand is not inferred from the shape of its text.
    origin = Origin.EDITED if box.origin is Origin.EDITED else Origin.MANUAL
    return replace(box, origin=origin, by_shape=False, direction=0)


def _edited_manifest(
    digest: str, values: Mapping[str, Any], builders: Mapping[int, BoxTableBuilder]
) -> EditedManifest:
    version = values.get("version")
    if version != MANIFEST_VERSION or isinstance(version, bool):
        raise _invalid(f"its version is {version!r:.40}, but only version {MANIFEST_VERSION} can be rendered")
    settings, sources = values.get("settings"), values.get("sources")
    if not isinstance(settings, dict) or not isinstance(sources, list):
        raise _invalid("it has no settings or no sources")
    try:
        level = Level(settings["level"])
        appearance = Appearance(
            OutputFormat(settings["format"]),
            settings["quality"],
            RedactionStyle(settings["redaction"]),
            RedactionShape(settings["shape"]),
            Audio(settings["audio"]),
        )
        listed = {source["id"]: _parse_source(source) for source in sources}
        identity_entry = values.get("identities")
        identities = None if identity_entry is None else InheritedIdentities.read(identity_entry)
    except (KeyError, TypeError, ValueError, DomainError) as error:
        raise _invalid(f"its settings, sources or identities are invalid: {error!s:.200}") from error
    try:
        history = History.read(values.get("corrections", []), first_search_of(values))
    except ValueError as error:
        raise _invalid(f"its corrections are invalid: {error!s:.200}") from error
    try:
        text = None if values.get("text") is None else InheritedText.read(values["text"])
    except ValueError as error:
        raise _invalid(f"its decisions on text are invalid: {error!s:.200}") from error
    if len(listed) < len(sources) or not builders.keys() <= listed.keys():
        raise _invalid("a source is listed twice, or its frames refer to a source that is not listed")
    tables = {source: builder.finish() for source, builder in builders.items()}
    return EditedManifest(digest, level, appearance, listed, tables, identities, text, history)


def _parse_source(source: Mapping[str, Any]) -> EditedSource:
    if not _are_counts(source["id"]) or not isinstance(source["sha256"], str):
        raise ValueError("a source must have a number and a digest")
    width, height = source["width"], source["height"]
    if not _are_counts(width, height):
        raise ValueError("a source must have a width and a height")
    segments = tuple(union(_parse_segment(entry) for entry in source["segments"]))
    if not segments:
        raise ValueError("a source has no segments")
    regions, keep_text = (
        [_parse_region(entry) for entry in source[name]] for name in ("regions", "keep_text")
    )
    is_given = source.get("pixel_aspect_origin") == AspectOrigin.OPTION
    aspect = parse_aspect(source["pixel_aspect"]) if is_given else None
    return EditedSource(
        source["id"], source["sha256"], (width, height), segments, tuple(regions), tuple(keep_text), aspect
    )


def _parse_segment(limits: list[int]) -> Segment:
    start, end = limits
    if not _are_counts(start, end):
        raise ValueError("a segment must be two frame indices")
    return Segment(start, end)


def _parse_region(region: Mapping[str, Any]) -> Region:
    x1, y1, x2, y2 = region["xyxy"]
    if not _are_counts(x1, y1, x2, y2):
        raise ValueError("a region must be four whole numbers")
    segment = region["segment"]
    return Region(x1, y1, x2 - x1, y2 - y1, None if segment is None else _parse_segment(segment))


def _are_counts(*values: object) -> bool:
    # Not isinstance: in Python a bool is an int, in JSON it is not.
    return all(type(value) is int and 0 <= value <= MAX_INT32 for value in values)


def _invalid(what: str) -> InvalidManifestError:
    return InvalidManifestError(f"the manifest cannot be used: {what}", "edit the manifest of a result")
