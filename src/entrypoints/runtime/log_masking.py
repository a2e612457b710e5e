"""What must never be in a log line is taken out of it here: secrets, pixels and embeddings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

MASK = "***"

MOST_ITEMS = 64
"""Items of a list that are shown; an embedding has hundreds."""

_DEEPEST = 8
_SECRET_NAME = re.compile(
    r"token|passw|secret|authorization|cookie|csrf|credential|embedding|signature|(^|[_-])key$", re.IGNORECASE
)
# Bounded, so that a long word costs no more than its length: some of what is logged was sent by strangers.
_ASSIGNED = re.compile(
    r"""(?ix)
        (?P<name> (?: token | passw(?:or)?d | secret | csrf | credential | signature
            | api[_-]?key(?!:\d+\b) )  # api_key:7 is the number of one
        [\w-]{0,40} ["']? ) (?P<sign> = | :\s? ) (?! \s | \*{3} ) [^\s&,;)]+"""
)
_HEADER = re.compile(r"(?i)\b((?:set-)?cookie|authorization)(['\"]?\s*[:=,]\s*)\S[^\r\n]*")
_CREDENTIALS = re.compile(r"(?<=://)\S{1,500}@")
_JWT = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*")
_API_KEY = re.compile(r"\bfck?_[\w-]{6,}")
_RANDOM = re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{43}(?![\w-])")
"""256 random bits in Base64 for addresses: sessions, download links, signatures."""

_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_HEADER, rf"\1\2{MASK}"),
    (_CREDENTIALS, f"{MASK}@"),
    (_JWT, MASK),
    (_API_KEY, MASK),
    (_ASSIGNED, lambda found: f"{found['name']}{found['sign']}{MASK}"),
    (_RANDOM, MASK),
)


def masked_text(text: str) -> str:
    """The same text without what looks like a credential."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def masked(value: object, name: str = "") -> Any:  # noqa: ANN401 - whatever a log line may hold
    """What may be shown of a value.

    Args:
        value: anything; JSON can hold what comes back.
        name: that it goes by; a telling one hides it whatever it looks like.
    """
    return _masked(value, name, 0)


def described(value: object) -> object:
    """Bytes and arrays by kind and length, anything else as it is."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{type(value).__name__} of {len(value)}>"
    # NumPy is not imported for this: a process that has arrays has imported it.
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "dtype"):
        size = "x".join(map(str, shape)) or "1"
        return f"<{type(value).__name__} of {size} {value.dtype}>"
    return value


def _masked(value: object, name: str, depth: int) -> object:  # noqa: PLR0911 - one for each kind of value
    if value is None or isinstance(value, bool):
        return value
    if name and _SECRET_NAME.search(name):
        return MASK
    value = described(value)
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {masked_text(str(key)): _masked(one, str(key), depth + 1) for key, one in value.items()}
    if isinstance(value, Sequence | AbstractSet) and depth < _DEEPEST:
        if len(value) > MOST_ITEMS:
            return f"<{type(value).__name__} of {len(value)}>"
        return [_masked(one, name, depth + 1) for one in value]
    return masked_text(str(value))
