"""Reader of the manifest of an untrusted result, limited to what verification needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE, MANIFEST_VERSION
from framecloak.domain.errors import ObjectNotFoundError, UnreadableArchiveError
from framecloak.domain.ports.archives import ArchiveReader

MAX_MANIFEST_BYTES = 1 << 30
"""Maximum size in bytes; this program never writes a larger manifest."""

_FRAME_TYPES = {"source": int, "index": int, "file": str, "sha256": str, "link": str}
_FILE_TYPES = {"file": str, "sha256": str}


def manifest_bytes(archive: ArchiveReader) -> bytes:
    """Return the raw bytes of the manifest of a result.

    Raises:
        UnreadableArchiveError: the archive has no readable manifest.
    """
    data = bytearray()
    try:
        for chunk in archive.stream(MANIFEST_FILE):
            data += chunk
            if len(data) > MAX_MANIFEST_BYTES:
                raise UnreadableArchiveError("its manifest is too large", "it was not made by framecloak")
    except ObjectNotFoundError as error:
        hint = "give a ZIP that framecloak has made"
        raise UnreadableArchiveError("the archive has no readable manifest", hint) from error
    return bytes(data)


def parse_untrusted_manifest(data: bytes) -> dict[str, Any]:
    """Parse a manifest and check the types of its frame, file and source entries.

    Args:
        data: bytes of the manifest. Only types are checked, because the signature covers the values.

    Raises:
        UnreadableArchiveError: the data are not a manifest of this version.
    """
    hint = "give a ZIP that this version of framecloak can read"
    try:
        document = json.loads(data)
        _require_members(
            document, {"version": int, "chain": dict, "frames": list, "files": list, "sources": list}
        )
        if document["version"] != MANIFEST_VERSION:
            raise UnreadableArchiveError(f"its manifest has version {document['version']}", hint)
        _require_members(document["chain"], {"head": str})
        for entry in document["frames"]:
            _require_members(entry, _FRAME_TYPES)
        for file in document["files"]:
            _require_members(file, _FILE_TYPES)
        for source in document["sources"]:
            _require_members(source, {"id": int, "segments": list})
            for start, stop in source["segments"]:
                _require_members({"start": start, "stop": stop}, {"start": int, "stop": int})
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadableArchiveError("its manifest was not written by framecloak", hint) from error
    return dict(document)


def _require_members(value: object, types: Mapping[str, type]) -> None:
    """Require an object with members of the given types, and text that can be encoded.

    Raises:
        TypeError: the value is not an object, or a member is missing or of another type.
        UnicodeEncodeError: a text contains half a surrogate pair.
    """
    if not isinstance(value, dict):
        raise TypeError("it is not an object")
    for name, required in types.items():
        member = value.get(name)
        # Not isinstance: in Python a bool is an int, in JSON it is not.
        if type(member) is not required:
            raise TypeError(f"{name} is not of type {required.__name__}")
        if isinstance(member, str):
            member.encode()
