"""Masking of secrets, pixels and embeddings in log lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

MASK = "***"

MAX_ITEMS = 64
"""Maximum length of a list that is logged in full; an embedding has hundreds of items."""

_MAX_DEPTH = 8
_SECRET_NAME = re.compile(
    r"token|passw|secret|authorization|cookie|csrf|credential|embedding|signature|(^|[_-])key$", re.IGNORECASE
)
# Repetitions are bounded to keep matching linear in the length: some logged text comes from clients.
_ASSIGNMENT = re.compile(
    r"""(?ix)
        (?P<name> (?: token | passw(?:or)?d | secret | csrf | credential | signature
            | api[_-]?key(?!:\d+\b) )  # api_key:7 is the id of a key
        [\w-]{0,40} ["']? ) (?P<sign> = | :\s? ) (?! \s | \*{3} ) [^\s&,;)]+"""
)
_HEADER = re.compile(r"(?i)\b((?:set-)?cookie|authorization)(['\"]?\s*[:=,]\s*)\S[^\r\n]*")
_CREDENTIALS = re.compile(r"(?<=://)\S{1,500}@")
_JWT = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*")
_API_KEY = re.compile(r"\bfck?_[\w-]{6,}")
_RANDOM_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{43}(?![\w-])")
"""256 random bits in URL-safe Base64: sessions, download links, signatures."""

_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_HEADER, rf"\1\2{MASK}"),
    (_CREDENTIALS, f"{MASK}@"),
    (_JWT, MASK),
    (_API_KEY, MASK),
    (_ASSIGNMENT, lambda match: f"{match['name']}{match['sign']}{MASK}"),
    (_RANDOM_TOKEN, MASK),
)


def masked_text(text: str) -> str:
    """Return the text with everything masked that looks like a credential."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def masked(value: object, name: str = "") -> Any:  # noqa: ANN401 - log lines hold any type
    """Return a value that may be logged, of types that JSON supports.

    Args:
        value: any value.
        name: name of the field; if it suggests a secret, the whole value is masked.
    """
    return _masked(value, name, 0)


def summarize_binary(value: object) -> object:
    """Return type and size of bytes and arrays, any other value unchanged."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{type(value).__name__} of {len(value)}>"
    # Duck typing avoids importing NumPy, which not every process needs.
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "dtype"):
        size = "x".join(map(str, shape)) or "1"
        return f"<{type(value).__name__} of {size} {value.dtype}>"
    return value


def _masked(value: object, name: str, depth: int) -> object:  # noqa: PLR0911 - one return for each type
    if value is None or isinstance(value, bool):
        return value
    if name and _SECRET_NAME.search(name):
        return MASK
    value = summarize_binary(value)
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {masked_text(str(key)): _masked(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence | AbstractSet) and depth < _MAX_DEPTH:
        if len(value) > MAX_ITEMS:
            return f"<{type(value).__name__} of {len(value)}>"
        return [_masked(item, name, depth + 1) for item in value]
    return masked_text(str(value))
