"""Incremental JSON parser of manifests, which may be larger than their objects could be held in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_WHITESPACE = re.compile(r"[ \t\n\r]*")


class ManifestDocument:
    """Incremental JSON parser of a manifest; holds only one frame entry as objects at a time.

    Args:
        text: the manifest.

    Attributes:
        values: members of the manifest but the frames, complete once all frame entries have been read.
        has_frames: whether there is a list of frames, even if it is empty.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
        self.values: dict[str, Any] = {}
        self.has_frames = False

    def frame_entries(self) -> Iterator[object]:
        """Yield every frame entry.

        Raises:
            ValueError: the text is not JSON, or a member occurs twice.
        """
        for _ in self._items("{", "}"):
            name = self._value()
            self._expect(":")
            if name == "frames" and not self.has_frames:
                self.has_frames = True
                for _ in self._items("[", "]"):
                    yield self._value()
            elif isinstance(name, str) and name not in self.values and name != "frames":
                self.values[name] = self._value()
            else:
                raise ValueError(f"{name!r} is not a member name, or occurs twice")
        if self._peek():
            raise ValueError("data follow the end of the document")

    def _items(self, first: str, last: str) -> Iterator[None]:
        """Yield with the parser positioned before each item between two brackets."""
        self._expect(first)
        if self._peek() == last:
            self._position += 1
            return
        while True:
            yield None
            if self._peek() == last:
                self._position += 1
                return
            self._expect(",")

    def _peek(self) -> str:
        whitespace = _WHITESPACE.match(self._text, self._position)
        self._position = whitespace.end() if whitespace else self._position
        return self._text[self._position : self._position + 1]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise ValueError(f"{sign!r} is missing at character {self._position}")
        self._position += 1

    def _value(self) -> Any:  # noqa: ANN401 - whatever JSON may hold
        self._peek()
        value, self._position = self._decoder.raw_decode(self._text, self._position)
        return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has two members of the same name")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a valid number")
