"""History of a result that was corrected by hand: its parents, who edited them, and what they searched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.support.canonical_json import canonical_json

MAX_CORRECTIONS = 1000
"""Maximum number of corrections, one after another, of one result."""


class Change(StrEnum):
    """Change that a reviewer made to a frame."""

    ADDED = "added"
    """A box was drawn, or moved to this place."""
    REMOVED = "removed"
    """A box was taken away, or moved from this place."""
    BLANKED = "blanked"
    """The frame was made black."""
    SHOWN = "shown"
    """A black frame was shown again."""


@dataclass(frozen=True, slots=True)
class BoxEdit:
    """Single change to a frame.

    Attributes:
        frame: frame index.
        change: the change.
        xyxy: ``x1, y1, x2, y2`` of the box in whole pixels; None for a change of the whole frame.
        kind: kind of object; None for a region and for a change of the whole frame.
        track: track id; None for a box without a track.
        origin: reason why the box was redacted; None for a change of the whole frame.
        reason: code of the reviewer's reason; None if none was given.
    """

    frame: int
    change: Change
    xyxy: Corners | None = None
    kind: TargetKind | None = None
    track: int | None = None
    origin: Origin | None = None
    reason: str | None = None

    @classmethod
    def of_box(cls, frame: int, change: Change, box: RedactedBox, reason: str | None) -> Self:
        """Build the change of one box."""
        return cls(frame, change, box.xyxy, box.kind, box.track, box.origin, reason)

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """Read a manifest entry.

        Raises:
            KeyError, TypeError, ValueError: the entry is invalid.
        """
        box, reason, frame = entry["box"], entry["reason"], entry["frame"]
        if type(frame) is not int or not isinstance(reason, str | None):
            raise TypeError("an edit must name a frame, and a reason or null")
        change = Change(entry["change"])
        if box is None:
            return cls(frame, change, reason=reason)
        x1, y1, x2, y2 = box["xyxy"]
        kind = None if box["kind"] == "region" else TargetKind(box["kind"])
        return cls(frame, change, (x1, y1, x2, y2), kind, box["track"], Origin(box["origin"]), reason)

    @property
    def releases_face(self) -> bool:
        """True if a face was uncovered for a stated reason."""
        return self.change is Change.REMOVED and self.kind is TargetKind.FACE and bool(self.reason)

    def to_entry(self) -> dict[str, Any]:
        """Return the entry in the manifest."""
        box = None
        if self.xyxy is not None:
            kind = self.kind or "region"
            box = {"xyxy": list(self.xyxy), "kind": kind, "track": self.track, "origin": self.origin}
        return {"frame": self.frame, "change": self.change, "box": box, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Correction:
    """One step from a result to the corrected one.

    Attributes:
        manifest_sha256: hex digest of the parent's manifest.
        signature: state of the parent's signature.
        signature_file: fields of the parent's ``manifest.sig``; None if there is none or it is malformed.
        result: id of the request that the parent is the result of; None if it was given as a file.
        editor: name or code of the person who corrected it; None if it is not known.
        edited_at: time of the correction, RFC 3339 in UTC; None if it is not known.
        edits: all changes, ordered by frame.
    """

    manifest_sha256: str
    signature: SignatureState
    signature_file: Mapping[str, str] | None
    result: str | None
    editor: str | None
    edited_at: str | None
    edits: tuple[BoxEdit, ...]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """Read a manifest entry.

        Raises:
            KeyError, TypeError, ValueError: the entry is invalid.
        """
        digest, signature_file = entry["manifest_sha256"], entry["parent_signature"]
        texts = [digest, *(value or "" for value in (entry["result"], entry["editor"], entry["edited_at"]))]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("digest, result, editor and time of a correction must be texts")
        if signature_file is not None and not isinstance(signature_file, dict):
            raise TypeError("the signature of a parent must be an object or null")
        return cls(
            digest,
            SignatureState(entry["signature"]),
            signature_file,
            entry["result"],
            entry["editor"],
            entry["edited_at"],
            tuple(BoxEdit.read(edit) for edit in entry["edits"]),
        )

    def to_entry(self) -> dict[str, Any]:
        """Return the entry in the manifest."""
        return {
            "manifest_sha256": self.manifest_sha256,
            "signature": self.signature,
            "parent_signature": self.signature_file,
            "result": self.result,
            "editor": self.editor,
            "edited_at": self.edited_at,
            "edits": [edit.to_entry() for edit in self.edits],
        }


@dataclass(frozen=True, slots=True)
class History:
    """Corrections of a result, and the figures of the search that found its boxes.

    Attributes:
        corrections: all corrections, the first one first.
        first_search: members of the first result's manifest that describe its search and its residual check:
            ``tool``, ``models``, ``settings``, ``summary`` and ``proof``; None if they are not known.
    """

    corrections: tuple[Correction, ...] = ()
    first_search: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, corrections: object, first_search: object) -> Self:
        """Read the members of a manifest.

        Raises:
            ValueError: they are invalid.
        """
        if not isinstance(corrections, list) or len(corrections) > MAX_CORRECTIONS:
            raise ValueError(f"corrections must be a list of at most {MAX_CORRECTIONS}")
        if not isinstance(first_search, dict | None):
            raise ValueError("the first search must be an object or null")  # noqa: TRY004 - it is JSON
        try:
            return cls(tuple(Correction.read(entry) for entry in corrections), first_search)
        except (KeyError, TypeError) as error:
            raise ValueError(f"a correction is invalid ({error})") from error

    def with_correction(self, correction: Correction) -> Self:
        """Return the history of a result that was corrected once more."""
        return replace(self, corrections=(*self.corrections, correction))

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Decode the result of `to_bytes`.

        Raises:
            ValueError: the bytes are invalid.
        """
        document = json.loads(packed)
        return cls.read(document["corrections"], document["first_search"])

    def to_bytes(self) -> bytes:
        """Encode for storage in the database."""
        return canonical_json(self.members())

    def members(self) -> dict[str, Any]:
        """Return the members ``corrections`` and ``first_search`` of a manifest."""
        entries = [correction.to_entry() for correction in self.corrections]
        return {"corrections": entries, "first_search": self.first_search}

    @property
    def first_verify(self) -> Verify | None:
        """Extent of the residual check of the first result; None if it is not known."""
        if self.first_search is None or "proof" not in self.first_search:
            return None
        proof = self.first_search["proof"]
        try:
            return Verify.NONE if proof is None else Verify(proof["verify"])
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def edited_frames(self) -> frozenset[int]:
        """Indices of all frames that were edited by hand."""
        return frozenset(edit.frame for correction in self.corrections for edit in correction.edits)

    def released(self) -> dict[int, tuple[Corners, ...]]:
        """Return the boxes of faces, by frame, that reviewers took away for a stated reason.

        A box that was only moved, or removed without a reason, is none of them: a face that shows there is
        found by the residual check, and covered again.
        """
        boxes: dict[int, set[Corners]] = {}
        for correction in self.corrections:
            for edit in correction.edits:
                if edit.releases_face and edit.xyxy:
                    boxes.setdefault(edit.frame, set()).add(edit.xyxy)
            for edit in correction.edits:
                if edit.change is Change.ADDED and edit.xyxy and edit.frame in boxes:
                    of_frame = boxes[edit.frame]
                    of_frame -= {box for box in of_frame if _overlap(box, edit.xyxy)}
        return {frame: tuple(sorted(of_frame)) for frame, of_frame in boxes.items() if of_frame}


def _overlap(first: Corners, second: Corners) -> bool:
    return max(first[0], second[0]) < min(first[2], second[2]) and max(first[1], second[1]) < min(
        first[3], second[3]
    )
