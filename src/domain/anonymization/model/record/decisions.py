"""Decisions on tracks, read back from a manifest that may have been edited."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from framecloak.domain.support.canonical_json import canonical_json


class Dataclass(Protocol):
    """Instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class TrackRun(Dataclass, Protocol):
    """Run of frames of a track with the same decision.

    Attributes:
        source: id of the source.
    """

    source: int

    def to_entry(self) -> dict[str, object]:
        """Return the manifest entry of the run."""
        ...


Rules = TypeVar("Rules", bound=Dataclass)
Run = TypeVar("Run", bound=TrackRun)


@dataclass(frozen=True, slots=True)
class InheritedDecisions(ABC, Generic[Rules, Run]):
    """Decisions of an earlier result, from the manifest that supplies the boxes of a new one.

    Attributes:
        rules: settings by which that result decided, a dataclass whose fields are members of the manifest.
        runs: decisions of that result.
        member: name of the member of the manifest.
    """

    rules: Rules
    runs: tuple[Run, ...]

    member: ClassVar[str]

    @classmethod
    def read(cls, document: object) -> Self:
        """Read the member of a manifest that may have been edited.

        Raises:
            ValueError: the member has invalid values.
        """
        if not isinstance(document, dict) or not isinstance(document.get("decisions"), list):
            raise ValueError(f"{cls.member} must be an object with decisions")  # noqa: TRY004 - it is JSON
        rules = {name: value for name, value in document.items() if name != "decisions"}
        return cls(cls._parse_rules(rules), tuple(map(cls._parse_run, document["decisions"])))

    @classmethod
    @abstractmethod
    def _parse_rules(cls, document: Mapping[str, Any]) -> Rules: ...

    @classmethod
    @abstractmethod
    def _parse_run(cls, document: object) -> Run: ...

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
        """Return the member of a manifest."""
        return {**asdict(self.rules), "decisions": [run.to_entry() for run in self.runs]}

    def of_source(self, number: int) -> Self:
        """Return the decisions of one source, renumbered to be the only source."""
        runs = tuple(replace(run, source=0) for run in self.runs if run.source == number)
        return replace(self, runs=runs)


def parse_track(document: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return the source, the track and the half-open range of frames ``start, stop`` of a decision's entry.

    Raises:
        ValueError: one of them is not valid.
    """
    segment, source, track = document["segment"], document["source"], document["track"]
    if not isinstance(segment, list) or len(segment) != 2 or not all(map(is_count, segment)):
        raise ValueError("the segment of a decision must be two frame indices")
    start, stop = segment
    if start >= stop:
        raise ValueError("the segment of a decision is empty")
    if not is_count(source) or not is_count(track):
        raise ValueError("a decision must name a source and a track")
    return source, track, start, stop


def is_count(value: object) -> bool:
    """Return whether a value from JSON is a whole number of at least 0."""
    # Not isinstance: in Python a bool is an int, in JSON it is not.
    return type(value) is int and value >= 0
