"""Reading the manifest of a result that anybody may have written: as far as checking it needs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE, MANIFEST_VERSION
from framecloak.domain.errors import ObjectNotFoundError, UnreadableArchiveError
from framecloak.domain.ports import ArchiveReader

LARGEST_MANIFEST = 1 << 30
"""Bytes; a larger one was not written by this program."""

_FRAME = {"source": int, "index": int, "file": str, "sha256": str, "link": str}
_FILE = {"file": str, "sha256": str}


def manifest_bytes(archive: ArchiveReader) -> bytes:
    """The manifest of a result, as it lies there.

    Raises:
        UnreadableArchiveError: there is none, or none that can be read.
    """
    data = bytearray()
    try:
        for piece in archive.stream(MANIFEST_FILE):
            data += piece
            if len(data) > LARGEST_MANIFEST:
                raise UnreadableArchiveError("its manifest is too large", "it was not made by framecloak")
    except ObjectNotFoundError as error:
        hint = "give a ZIP that framecloak has made"
        raise UnreadableArchiveError("the archive has no manifest that can be read", hint) from error
    return bytes(data)


def read_signed(data: bytes) -> dict[str, Any]:
    """What a manifest says of frames, files and sources; all of it has the types that it ought to have.

    Args:
        data: its bytes. Whether they were changed, its signature tells; so it need not make sense.

    Raises:
        UnreadableArchiveError: it is no manifest of this version.
    """
    hint = "give a ZIP that this version of framecloak can read"
    try:
        document = json.loads(data)
        _require(document, {"version": int, "chain": dict, "frames": list, "files": list, "sources": list})
        if document["version"] != MANIFEST_VERSION:
            raise UnreadableArchiveError(f"its manifest has version {document['version']}", hint)
        _require(document["chain"], {"head": str})
        for entry in document["frames"]:
            _require(entry, _FRAME)
        for file in document["files"]:
            _require(file, _FILE)
        for source in document["sources"]:
            _require(source, {"id": int, "segments": list})
            for start, stop in source["segments"]:
                _require({"start": start, "stop": stop}, {"start": int, "stop": int})
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadableArchiveError("its manifest is not one of framecloak's", hint) from error
    return dict(document)


def _require(value: object, types: Mapping[str, type]) -> None:
    """Members that are there and are of their types, and text that can be written out again.

    Raises:
        TypeError: they are not.
        UnicodeEncodeError: a text holds half a surrogate pair.
    """
    if not isinstance(value, dict):
        raise TypeError("it is no object")
    for name, wanted in types.items():
        member = value.get(name)
        # Not isinstance: a truth value is an int to Python, and none to JSON.
        if type(member) is not wanted:
            raise TypeError(f"{name} is no {wanted.__name__}")
        if isinstance(member, str):
            member.encode()
