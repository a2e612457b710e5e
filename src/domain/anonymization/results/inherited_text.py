"""Decisions of the text policy inherited from the manifest that supplies a result's boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framecloak.domain.anonymization.model.record.decisions import InheritedDecisions, is_count, parse_track
from framecloak.domain.anonymization.model.text_policy import TextDecision, TextRule
from framecloak.domain.anonymization.results.text_log import Place, RecordedTextPolicy, TextRun

_RUN_FIELDS = frozenset({"source", "track", "segment", "rule", "kept"})


class InheritedText(InheritedDecisions[RecordedTextPolicy, TextRun]):
    """Text policy of an earlier result, and its decisions."""

    member = "text"

    @classmethod
    def _parse_rules(cls, document: Mapping[str, Any]) -> RecordedTextPolicy:
        return RecordedTextPolicy.read(document)

    @classmethod
    def _parse_run(cls, document: object) -> TextRun:
        if not isinstance(document, dict) or document.keys() - {"places"} != _RUN_FIELDS:
            raise ValueError("a decision on text lacks fields, or has unknown ones")
        source, track, start, stop = parse_track(document)
        kept, places = document["kept"], document.get("places", [])
        if type(kept) is not bool or type(places) is not list:
            raise ValueError("a decision on text must have kept as true or false, and a list of places")
        decision = TextDecision(TextRule(document["rule"]), kept)
        return TextRun(source, track, start, stop, decision, list(map(_parse_place, places)))


def _parse_place(document: object) -> Place:
    if not isinstance(document, Mapping) or document.keys() != {"frame", "xyxy"}:
        raise ValueError("a place must have a frame and a box")
    frame, xyxy = document["frame"], document["xyxy"]
    if not is_count(frame) or not isinstance(xyxy, list) or len(xyxy) != 4 or not all(map(is_count, xyxy)):
        raise ValueError("a place must be a frame index and four whole numbers")
    x1, y1, x2, y2 = xyxy
    if x1 >= x2 or y1 >= y2:
        raise ValueError("a place is empty")
    return frame, (x1, y1, x2, y2)
