"""File names for downloads."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MAX_FILENAME_LENGTH = 120
"""Maximum number of characters; percent-encoded, the name must fit into a URL and a header."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_SAFE_IN_HEADER = "!#$&+-.^_`|~"  # attr-char of RFC 5987, besides letters and digits


def safe_filename(name: str) -> str:
    """Replace path separators, control characters and bidirectional controls in a file name.

    Returns:
        At most ``MAX_FILENAME_LENGTH`` characters, including a short suffix; ``download`` if nothing is left.
    """
    cleaned = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" .")
    if len(cleaned) > MAX_FILENAME_LENGTH:
        suffix = PurePosixPath(cleaned).suffix
        suffix = suffix if len(suffix) <= 10 else ""
        cleaned = cleaned[: MAX_FILENAME_LENGTH - len(suffix)] + suffix
    return cleaned or "download"


def content_disposition(name: str) -> str:
    """Return a ``Content-Disposition`` header for a download (RFC 6266, with ``filename*`` of RFC 5987)."""
    safe = safe_filename(name)
    plain = unicodedata.normalize("NFD", safe).encode("ascii", "ignore").decode("ascii")
    plain = plain.replace("%", "_") or "download"
    encoded = quote(safe, safe=_SAFE_IN_HEADER)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
