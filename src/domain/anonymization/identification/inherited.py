"""Identity decisions inherited from the manifest that supplies a result's boxes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from framecloak.domain.anonymization.identification.log import DecisionRun, RecordedIdentities
from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.model.record.decisions import InheritedDecisions, is_count, parse_track

_PEOPLE = re.compile(r"gallery:[0-9a-f-]{36}|folder:[0-9a-f]{64}")
_SETTINGS_FIELDS = frozenset({"mode", "threshold", "possible", "unknown", "model", "people", "faces"})
_RUN_FIELDS = frozenset({"source", "track", "segment", "decision", "redacted", "similarity", "views"})


class InheritedIdentities(InheritedDecisions[RecordedIdentities, DecisionRun]):
    """Identity settings and decisions of an earlier result."""

    member = "identities"

    @classmethod
    def _parse_rules(cls, document: Mapping[str, Any]) -> RecordedIdentities:
        if document.keys() - {"possible"} != _SETTINGS_FIELDS - {"possible"}:
            raise ValueError("the identification settings lack fields, or have unknown ones")
        cosines = [document["threshold"], document.get("possible", document["threshold"])]
        if not all(_is_number(cosine) and 0 < cosine <= 1 for cosine in cosines):
            raise ValueError("a threshold for identities must be above 0 and at most 1")
        model, people, faces = document["model"], document["people"], document["faces"]
        if not isinstance(model, str) or not model or not is_count(faces):
            raise ValueError("identities must name a model and a number of faces")
        if not isinstance(people, str) or not _PEOPLE.fullmatch(people):
            raise ValueError("people must name a gallery or a folder")
        return RecordedIdentities.read(document)

    @classmethod
    def _parse_run(cls, document: object) -> DecisionRun:
        if not isinstance(document, dict) or document.keys() != _RUN_FIELDS:
            raise ValueError("a decision lacks fields, or has unknown ones")
        source, track, start, stop = parse_track(document)
        redacted, views = document["redacted"], document["views"]
        if not isinstance(redacted, bool) or not isinstance(views, list) or not all(map(_is_view, views)):
            raise ValueError("a decision must have redacted as true or false, and views (a frame, a cosine)")
        similarities = {frame: float(similarity) for frame, similarity in views}
        return DecisionRun(source, track, start, stop, Decision(document["decision"]), redacted, similarities)


def _is_view(view: object) -> bool:
    if not isinstance(view, list) or len(view) != 2:
        return False
    frame, similarity = view
    return is_count(frame) and _is_number(similarity) and -1 <= similarity <= 1


def _is_number(value: object) -> bool:
    return type(value) in {int, float}
