"""Decisions of the text policy inherited from the manifest that supplies a result's boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from framecloak.domain.anonymization.model.text_policy import TextDecision, TextRule
from framecloak.domain.anonymization.results.text_log import Place, RecordedTextPolicy, TextRun
from framecloak.domain.support.canonical_json import canonical_json

_RUN_FIELDS = frozenset({"source", "track", "segment", "rule", "kept"})


@dataclass(frozen=True, slots=True)
class InheritedText:
    """Text policy of an earlier result, and its decisions.

    Attributes:
        policy: policy of that result.
        runs: decisions of that result.
    """

    policy: RecordedTextPolicy
    runs: tuple[TextRun, ...]

    @classmethod
    def read(cls, document: object) -> Self:
        """Read the ``text`` member of a manifest that may have been edited.

        Raises:
            ValueError: the member has invalid values.
        """
        if not isinstance(document, dict) or not isinstance(document.get("decisions"), list):
            raise ValueError("text must be an object with decisions")  # noqa: TRY004 - it is JSON
        policy = {name: value for name, value in document.items() if name != "decisions"}
        return cls(RecordedTextPolicy.read(policy), tuple(_parse_run(run) for run in document["decisions"]))

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
        """Return the ``text`` member of a manifest."""
        return {**asdict(self.policy), "decisions": [run.to_entry() for run in self.runs]}

    def of_source(self, number: int) -> Self:
        """Return the decisions of one source, renumbered to be the only source."""
        return replace(self, runs=tuple(replace(run, source=0) for run in self.runs if run.source == number))


def _parse_run(document: object) -> TextRun:
    if not isinstance(document, dict) or document.keys() - {"places"} != _RUN_FIELDS:
        raise ValueError("a decision on text lacks fields, or has unknown ones")
    segment, kept, places = document["segment"], document["kept"], document.get("places", [])
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(_is_count, segment)):
        raise ValueError("the segment of a decision must be two frame indices")
    start, stop = segment
    if start >= stop or not isinstance(kept, bool) or not isinstance(places, list):
        raise ValueError("a decision on text must have a non-empty segment, and kept as true or false")
    if not _is_count(document["source"]) or not _is_count(document["track"]):
        raise ValueError("a decision must name a source and a track")
    decision = TextDecision(TextRule(document["rule"]), kept)
    parsed = [_parse_place(place) for place in places]
    return TextRun(document["source"], document["track"], start, stop, decision, parsed)


def _parse_place(document: object) -> Place:
    if not isinstance(document, Mapping) or document.keys() != {"frame", "xyxy"}:
        raise ValueError("a place must have a frame and a box")
    frame, xyxy = document["frame"], document["xyxy"]
    if not _is_count(frame) or not isinstance(xyxy, list) or len(xyxy) != 4 or not all(map(_is_count, xyxy)):
        raise ValueError("a place must be a frame index and four whole numbers")
    x1, y1, x2, y2 = xyxy
    if x1 >= x2 or y1 >= y2:
        raise ValueError("a place is empty")
    return frame, (x1, y1, x2, y2)


def _is_count(value: object) -> bool:
    # Not isinstance: in Python a bool is an int, in JSON it is not.
    return type(value) is int and value >= 0
