"""Names of files in forms, in each of the encodings that clients send."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from multipart import MultipartSegment, content_disposition_unquote, parse_options_header

WIRE_CHARSET = "latin1"
"""Charset that any bytes can be decoded with; headers of forms state none."""


def decode_name(name: str) -> str:
    """Return a name that was decoded as `WIRE_CHARSET` in its own charset: UTF-8, else Latin-1."""
    try:
        return name.encode(WIRE_CHARSET).decode()
    except UnicodeError:
        return name


def file_name(segment: MultipartSegment) -> str:
    """Return the file name of a part; empty if it states none.

    ``filename*`` (RFC 5987) is preferred to ``filename``, as RFC 6266 demands of HTTP; RFC 7578 forbids it in
    forms, but some clients send nothing else.
    """
    return _extended_name(segment) or decode_name(segment.filename or "")


def _extended_name(segment: MultipartSegment) -> str:
    """Return the name in ``filename*``; empty if there is none or it cannot be decoded."""
    for header, value in segment.headerlist:
        if header != "Content-Disposition":
            continue
        _, options = parse_options_header(value, unquote=content_disposition_unquote)
        charset, _, rest = str(options.get("filename*", "")).partition("'")
        _, _, encoded = rest.partition("'")
        if charset.lower() in {"utf-8", "iso-8859-1"}:
            try:
                return unquote_to_bytes(encoded).decode(charset)
            except UnicodeError:
                return ""
    return ""
