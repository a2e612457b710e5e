"""Reading a manifest that people may have edited: strictly, entry by entry, in bounded memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.model.box_table import (
    LARGEST,
    MOST_BOXES,
    MOST_FRAMES,
    BoxTable,
    BoxTableBuilder,
)
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Audio,
    Level,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
)
from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.results.manifest import MANIFEST_VERSION
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.errors import (
    DomainError,
    InvalidManifestError,
    ManifestMismatchError,
    TooManyBoxesError,
)
from framecloak.domain.imaging.detections import Basis, Kind
from framecloak.domain.videos.segments import Region, Segment, union

LARGEST_EDITED = 256 << 20
"""Bytes of a manifest that may be rendered: about two million boxes."""

_KINDS: Mapping[str, Kind | None] = {"region": None, **{kind.value: kind for kind in Kind}}
_BASES = {None, *(basis.value for basis in Basis)}
_ORIGINS = {origin.value: origin for origin in Origin}
_FRAME_FIELDS = frozenset({"source", "index", "file", "blanked", "boxes", "sha256", "link"})
_BOX_FIELDS = frozenset({"xyxy", "kind", "track", "score", "origin", "basis"})
_BLANKS = re.compile(r"[ \t\n\r]*")
_SHOWN = 12


@dataclass(frozen=True, slots=True, eq=False)
class EditedManifest:
    """A manifest as far as rendering needs it.

    Attributes:
        sha256: hex digest of its bytes.
        level: what had been looked for.
        appearance: how the frames looked.
        sources: what it says of each input, by id.
        tables: what to redact in each input, by id.
        identities: what it says of people; None where everybody's faces were to be redacted.
    """

    sha256: str
    level: Level
    appearance: Appearance
    sources: Mapping[int, EditedSource]
    tables: Mapping[int, BoxTable]
    identities: EarlierIdentities | None

    def of(self, digest: str, name: str) -> tuple[EditedSource, BoxTable]:
        """What it says of a file.

        Args:
            digest: SHA-256 of the file's bytes, in hex.
            name: what people call the file.

        Raises:
            ManifestMismatchError: it is about other files.
            InvalidManifestError: a frame that was ordered has no entry.
        """
        for number, source in self.sources.items():
            if source.sha256 == digest:
                table = self.tables.get(number, BoxTableBuilder().finish())
                return source, table.within(source.segments)
        known = ", ".join(f"{source.sha256[:_SHOWN]}..." for source in self.sources.values())
        raise ManifestMismatchError(
            f"the manifest is about the file with the SHA-256 {known}, and {name} has {digest[:_SHOWN]}...",
            "name the file that the result was made from",
        )


@dataclass(frozen=True, slots=True)
class EditedSource:
    """What a manifest says of an input.

    Attributes:
        id: its place among the inputs.
        sha256: hex digest of its bytes.
        segments: the frames that were written, disjoint and ascending.
        regions: what was marked by hand.
        keep_text: where text was to stay.
    """

    id: int
    sha256: str
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    keep_text: tuple[Region, ...]


def read_edited(data: bytes) -> EditedManifest:
    """Read a manifest whose boxes may have been edited.

    Entries of frames may be in any order; what the manifest says beside boxes, sources and settings, as its
    chain and its digests of files, is not looked at. A box without an origin counts as added by hand.

    Args:
        data: the bytes of ``manifest.json``.

    Raises:
        InvalidManifestError: it is no manifest of this version, says something that cannot be, has two
            entries for a frame, or something in it is not understood.
        TooManyBoxesError: it is larger than can be held.
    """
    _weigh(data)
    builders: dict[int, BoxTableBuilder] = {}
    try:
        document = _Document(data.decode())
        for entry in document.entries():
            source, index, boxes = _frame(entry)
            builders.setdefault(source, BoxTableBuilder()).add(index, boxes)
        return _manifest(sha256(data).hexdigest(), document.values, builders)
    except RecursionError as error:
        raise _invalid("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise _invalid("it is not UTF-8") from error
    except ValueError as error:
        raise _invalid(f"it is not JSON that can be read: {error}") from error


def _weigh(data: bytes) -> None:
    """Refuse what would take too much memory, before any of it is parsed."""
    # A box has an object and a list of four numbers in it; a frame an object and a list of boxes.
    most = MOST_BOXES + MOST_FRAMES
    signs = {b"{": most, b"[": most, b",": 10 * most}
    if len(data) > LARGEST_EDITED or any(data.count(sign) > limit for sign, limit in signs.items()):
        raise TooManyBoxesError(
            f"the manifest is larger than {LARGEST_EDITED >> 20} MiB, or has more than {MOST_BOXES} boxes",
            "render fewer frames at once",
        )


class _Document:
    """The members of the manifest; its frames come one by one, so that only one is held as objects."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_unambiguous, parse_constant=_refuse_constant)
        self.values: dict[str, Any] = {}

    def entries(self) -> Iterator[object]:
        """Every frame's entry; ``values`` has everything else afterwards."""
        has_frames = False
        for _ in self._items("{", "}"):
            name = self._value()
            self._expect(":")
            if name == "frames" and not has_frames:
                has_frames = True
                for _ in self._items("[", "]"):
                    yield self._value()
            elif isinstance(name, str) and name not in self.values and name != "frames":
                self.values[name] = self._value()
            else:
                raise ValueError(f"{name!r} is no name, or occurs twice")
        if self._next():
            raise ValueError("something follows its end")
        if not has_frames:
            raise _invalid("it has no frames")

    def _items(self, first: str, last: str) -> Iterator[None]:
        """Stop before every item between two brackets."""
        self._expect(first)
        if self._next() == last:
            self._at += 1
            return
        while True:
            yield None
            if self._next() == last:
                self._at += 1
                return
            self._expect(",")

    def _next(self) -> str:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at
        return self._text[self._at : self._at + 1]

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise ValueError(f"{sign!r} is missing at character {self._at}")
        self._at += 1

    def _value(self) -> Any:  # noqa: ANN401 - whatever JSON may hold
        self._next()
        value, self._at = self._decoder.raw_decode(self._text, self._at)
        return value


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _frame(entry: object) -> tuple[int, int, list[RedactedBox] | None]:
    """Source, number and boxes of a frame; no boxes at all where it is black."""
    if not isinstance(entry, dict) or not entry.keys() <= _FRAME_FIELDS:
        raise _invalid("an entry of its frames is no object, or has fields that nobody knows")
    index, source = entry.get("index"), entry.get("source")
    boxes = entry.get("boxes")
    # A black frame has no boxes either: where nothing says that it is black, it must not be shown as it is.
    blanked = entry.get("blanked", False if boxes else None)
    if not isinstance(index, int) or not isinstance(source, int) or not _are_counts(index, source):
        raise _invalid("an entry of its frames has no index or no source")
    if not isinstance(boxes, list) or (blanked and boxes):
        raise _invalid(f"frame {index}: it has either boxes or is blanked")
    if not isinstance(blanked, bool):
        raise _invalid(f'frame {index}: "blanked" is true or false, and needed where there are no boxes')
    return source, index, None if blanked else [_box(index, box) for box in boxes]


def _box(index: int, box: object) -> RedactedBox:
    if not isinstance(box, dict) or not box.keys() <= _BOX_FIELDS:
        raise _invalid(f"frame {index}: a box is no object, or has fields that nobody knows")
    xyxy, track, score = box.get("xyxy"), box.get("track"), box.get("score")
    kind, origin = box.get("kind", "face"), box.get("origin", "manual")
    if not isinstance(xyxy, list) or [type(one) for one in xyxy] != [int] * 4:
        raise _invalid(f"frame {index}: a box needs xyxy, four whole numbers")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _invalid(f"frame {index}: a box is one of {', '.join(_KINDS)}")
    if not isinstance(origin, str) or origin not in _ORIGINS:
        raise _invalid(f"frame {index}: the origin of a box is one of {', '.join(_ORIGINS)}")
    if track is not None and not _are_counts(track):
        raise _invalid(f"frame {index}: the track of a box is a number from 0, or null")
    if score is not None and (type(score) not in {int, float} or not 0 <= score <= 1):
        raise _invalid(f"frame {index}: the score of a box is in 0 to 1, or null")
    by_shape = _is_by_shape(index, box.get("basis"), _KINDS[kind])
    return _consistent(RedactedBox((*xyxy,), track, score, _ORIGINS[origin], _KINDS[kind], by_shape))


def _is_by_shape(index: int, basis: object, kind: Kind | None) -> bool:
    if not isinstance(basis, str | None) or basis not in _BASES:
        raise _invalid(f"frame {index}: the basis of a plate is {' or '.join(Basis)}")
    if basis is not None and kind is not Kind.PLATE:
        raise _invalid(f"frame {index}: only a plate has a basis")
    return basis == Basis.SHAPE


def _consistent(box: RedactedBox) -> RedactedBox:
    """As the schema has it: what was found has a track and a score; a region and a residual have neither."""
    if box.kind is None:
        origin = box.origin if box.origin in {Origin.REGION, Origin.EDITED} else Origin.MANUAL
        return replace(box, track=None, score=None, origin=origin)
    if box.origin is Origin.RESIDUAL:
        return replace(box, track=None, score=None, by_shape=False)
    is_found = box.track is not None and box.score is not None and box.origin is not Origin.REGION
    if is_found and box.origin not in {Origin.EDITED, Origin.MANUAL}:
        return box
    # What a person has drawn is a plate because the person says so.
    origin = Origin.EDITED if box.origin is Origin.EDITED else Origin.MANUAL
    return replace(box, origin=origin, by_shape=False)


def _manifest(
    digest: str, values: Mapping[str, Any], builders: Mapping[int, BoxTableBuilder]
) -> EditedManifest:
    version = values.get("version")
    if version != MANIFEST_VERSION or isinstance(version, bool):
        raise _invalid(f"its version is {version!r:.40}, and only {MANIFEST_VERSION} can be rendered")
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
        listed = {source["id"]: _source(source) for source in sources}
        told = values.get("identities")
        identities = None if told is None else EarlierIdentities.read(told)
    except (KeyError, TypeError, ValueError, DomainError) as error:
        raise _invalid(
            f"its settings or sources, or what it says of people, are not as they should be: {error!s:.200}"
        ) from error
    if len(listed) < len(sources) or not builders.keys() <= listed.keys():
        raise _invalid("its frames name a source that it does not list, or lists twice")
    tables = {source: builder.finish() for source, builder in builders.items()}
    return EditedManifest(digest, level, appearance, listed, tables, identities)


def _source(source: Mapping[str, Any]) -> EditedSource:
    if not _are_counts(source["id"]) or not isinstance(source["sha256"], str):
        raise ValueError("a source has a number and a digest")
    segments = tuple(union(_segment(one) for one in source["segments"]))
    if not segments:
        raise ValueError("a source has no segments")
    regions, kept = ([_region(one) for one in source[name]] for name in ("regions", "keep_text"))
    return EditedSource(source["id"], source["sha256"], segments, tuple(regions), tuple(kept))


def _segment(limits: list[int]) -> Segment:
    start, end = limits
    if not _are_counts(start, end):
        raise ValueError("a segment is two numbers of frames")
    return Segment(start, end)


def _region(region: Mapping[str, Any]) -> Region:
    x1, y1, x2, y2 = region["xyxy"]
    if not _are_counts(x1, y1, x2, y2):
        raise ValueError("a region is four whole numbers")
    segment = region["segment"]
    return Region(x1, y1, x2 - x1, y2 - y1, None if segment is None else _segment(segment))


def _are_counts(*values: object) -> bool:
    # Not isinstance: a truth value is an int to Python, and none to JSON.
    return all(type(value) is int and 0 <= value <= LARGEST for value in values)


def _invalid(what: str) -> InvalidManifestError:
    return InvalidManifestError(f"the manifest cannot be used: {what}", "edit the manifest of a result")
