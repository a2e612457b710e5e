"""Identity decisions inherited from the manifest that supplies a result's boxes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from framecloak.domain.anonymization.identification.log import DecisionRun, RecordedIdentities
from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.support.canonical_json import canonical_json

_PEOPLE = re.compile(r"gallery:[0-9a-f-]{36}|folder:[0-9a-f]{64}")
_SETTINGS_FIELDS = frozenset({"mode", "threshold", "possible", "unknown", "model", "people", "faces"})
_RUN_FIELDS = frozenset({"source", "track", "segment", "decision", "redacted", "similarity", "views"})


@dataclass(frozen=True, slots=True)
class InheritedIdentities:
    """Identity settings and decisions of an earlier result.

    Attributes:
        settings: identification settings of that result.
        runs: decisions of that result, with their evidence.
    """

    settings: RecordedIdentities
    runs: tuple[DecisionRun, ...]

    @classmethod
    def read(cls, document: object) -> Self:
        """Read the ``identities`` member of a manifest that may have been edited.

        Raises:
            ValueError: the member has invalid values.
        """
        if not isinstance(document, dict) or not isinstance(document.get("decisions"), list):
            raise ValueError("identities must be an object with decisions")  # noqa: TRY004 - it is JSON
        settings = {name: value for name, value in document.items() if name != "decisions"}
        return cls(_parse_settings(settings), tuple(_parse_run(run) for run in document["decisions"]))

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Decode the result of `to_bytes`.

        Raises:
            ValueError: the bytes are invalid.
        """
        return cls.read(json.loads(packed))

    def to_bytes(self) -> bytes:
        """Encode for storage in the database."""
        return canonical_json(self.to_entry())

    def to_entry(self) -> dict[str, Any]:
        """Return the ``identities`` member of a manifest."""
        return {**asdict(self.settings), "decisions": [run.to_entry() for run in self.runs]}

    def of_source(self, number: int) -> Self:
        """Return the decisions of one source, renumbered to be the only source."""
        return replace(self, runs=tuple(replace(run, source=0) for run in self.runs if run.source == number))


def _parse_settings(document: Mapping[str, Any]) -> RecordedIdentities:
    if document.keys() - {"possible"} != _SETTINGS_FIELDS - {"possible"}:
        raise ValueError("the identification settings lack fields, or have unknown ones")
    cosines = [document["threshold"], document.get("possible", document["threshold"])]
    if not all(_is_number(cosine) and 0 < cosine <= 1 for cosine in cosines):
        raise ValueError("a threshold for identities must be above 0 and at most 1")
    model, people, faces = document["model"], document["people"], document["faces"]
    if not isinstance(model, str) or not model or not _is_count(faces):
        raise ValueError("identities must name a model and a number of faces")
    if not isinstance(people, str) or not _PEOPLE.fullmatch(people):
        raise ValueError("people must name a gallery or a folder")
    return RecordedIdentities.read(document)


def _parse_run(document: object) -> DecisionRun:
    if not isinstance(document, dict) or document.keys() != _RUN_FIELDS:
        raise ValueError("a decision lacks fields, or has unknown ones")
    segment, redacted, views = document["segment"], document["redacted"], document["views"]
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(_is_count, segment)):
        raise ValueError("the segment of a decision must be two frame indices")
    start, stop = segment
    if start >= stop or not isinstance(redacted, bool) or not isinstance(views, list):
        raise ValueError("a decision must have a non-empty segment, redacted as true or false, and views")
    if not _is_count(document["source"]) or not _is_count(document["track"]):
        raise ValueError("a decision must name a source and a track")
    if not all(_is_view(view) for view in views):
        raise ValueError("a view must be a frame index and a cosine similarity")
    return DecisionRun(
        document["source"],
        document["track"],
        start,
        stop,
        Decision(document["decision"]),
        redacted,
        {frame: float(similarity) for frame, similarity in views},
    )


def _is_view(view: object) -> bool:
    if not isinstance(view, list) or len(view) != 2:
        return False
    frame, similarity = view
    return _is_count(frame) and _is_number(similarity) and -1 <= similarity <= 1


def _is_count(value: object) -> bool:
    # Not isinstance: in Python a bool is an int, in JSON it is not.
    return type(value) is int and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in {int, float}
