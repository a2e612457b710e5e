"""What a manifest says of people, taken over by a result that takes its boxes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from framecloak.domain.anonymization.identification.log import DecidedRun, RecordedIdentities
from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.support.canonical_json import canonical

_PEOPLE = re.compile(r"gallery:[0-9a-f-]{36}|folder:[0-9a-f]{64}")
_ASKED_FIELDS = frozenset({"mode", "threshold", "possible", "unknown", "model", "people", "faces"})
_RUN_FIELDS = frozenset({"source", "track", "segment", "decision", "redacted", "similarity", "views"})


@dataclass(frozen=True, slots=True)
class EarlierIdentities:
    """Whose faces the boxes of another result leave out on purpose.

    Attributes:
        asked: what was asked about people then.
        runs: what was decided then, and on which evidence.
    """

    asked: RecordedIdentities
    runs: tuple[DecidedRun, ...]

    @classmethod
    def read(cls, document: object) -> Self:
        """From what a manifest has under ``identities``, which somebody may have edited.

        Raises:
            ValueError: it says something that cannot be.
        """
        if not isinstance(document, dict) or not isinstance(document.get("decisions"), list):
            raise ValueError("what is said of people is no object with decisions")  # noqa: TRY004 - it is JSON
        asked = {name: value for name, value in document.items() if name != "decisions"}
        return cls(_asked(asked), tuple(_run(one) for one in document["decisions"]))

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """What was packed.

        Raises:
            ValueError: that is something else.
        """
        return cls.read(json.loads(packed))

    def packed(self) -> bytes:
        """For the database."""
        return canonical(self.document())

    def document(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {**asdict(self.asked), "decisions": [run.document() for run in self.runs]}

    def of_source(self, number: int) -> Self:
        """What is said of one source, which is to be the only one."""
        return replace(self, runs=tuple(replace(run, source=0) for run in self.runs if run.source == number))


def _asked(document: Mapping[str, Any]) -> RecordedIdentities:
    if document.keys() - {"possible"} != _ASKED_FIELDS - {"possible"}:
        raise ValueError("what was asked about people lacks fields, or has some that nobody knows")
    cosines = [document["threshold"], document.get("possible", document["threshold"])]
    if not all(_is_number(one) and 0 < one <= 1 for one in cosines):
        raise ValueError("a threshold for people is above 0, and 1 at most")
    model, people, faces = document["model"], document["people"], document["faces"]
    if not isinstance(model, str) or not model or not _is_count(faces):
        raise ValueError("people were recognised with some model, from a number of faces")
    if not isinstance(people, str) or not _PEOPLE.fullmatch(people):
        raise ValueError("people are those of a gallery or a folder")
    return RecordedIdentities.read(document)


def _run(document: object) -> DecidedRun:
    if not isinstance(document, dict) or document.keys() != _RUN_FIELDS:
        raise ValueError("a decision lacks fields, or has some that nobody knows")
    segment, redacted, views = document["segment"], document["redacted"], document["views"]
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(_is_count, segment)):
        raise ValueError("a decision is about a segment of frames")
    start, stop = segment
    if start >= stop or not isinstance(redacted, bool) or not isinstance(views, list):
        raise ValueError("a decision is about some frames, in which a face was redacted or not")
    if not _is_count(document["source"]) or not _is_count(document["track"]):
        raise ValueError("a decision is about a track of a source")
    if not all(_is_view(view) for view in views):
        raise ValueError("a view is the number of a frame, and a cosine")
    return DecidedRun(
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
    # Not isinstance: a truth value is an int to Python, and none to JSON.
    return type(value) is int and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in {int, float}
