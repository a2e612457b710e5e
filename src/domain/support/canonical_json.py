"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that it can be hashed and signed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

LARGEST_WHOLE = 2**53 - 1
"""Whole numbers up to here are read the same by every JSON parser."""


def canonical(value: object) -> bytes:
    """A value as RFC 8785 writes it: keys sorted, no blanks, numbers as ECMAScript prints them, UTF-8.

    Args:
        value: None, truth values, numbers, text, and mappings with text as keys and sequences of them.

    Raises:
        ValueError: a number is not finite or too large, or a text holds half a surrogate pair.
        TypeError: something that JSON has no form for.
    """
    out: list[str] = []
    _write(value, out)
    return "".join(out).encode()


def _write(value: Any, out: list[str]) -> None:  # noqa: ANN401 - whatever JSON may hold
    match value:
        case None:
            out.append("null")
        case bool():
            out.append("true" if value else "false")
        case str():
            out.append(encode_basestring(value))
        case int():
            if abs(value) > LARGEST_WHOLE:
                raise ValueError(f"{value} is too large a number for JSON")
            out.append(str(value))
        case float():
            out.append(_number(value))
        case Mapping():
            _write_mapping(value, out)
        case list() | tuple():
            out.append("[")
            for place, item in enumerate(value):
                out.append("," if place else "")
                _write(item, out)
            out.append("]")
        case _:
            raise TypeError(f"JSON has no form for {type(value).__name__}")


def _write_mapping(value: Mapping[str, object], out: list[str]) -> None:
    out.append("{")
    for place, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be"))):
        out.append(("," if place else "") + encode_basestring(key) + ":")
        _write(value[key], out)
    out.append("}")


def _number(value: float) -> str:
    """A number as ECMA-262's Number::toString prints it; both find the same, shortest digits."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number in JSON")
    text = repr(value)
    if "e" not in text:
        return "0" if value == 0 else text.removesuffix(".0")
    sign, places, exponent = Decimal(text).normalize().as_tuple()
    digits = "".join(map(str, places))
    point = len(digits) + int(exponent)
    if len(digits) <= point <= 21:
        written = digits.ljust(point, "0")
    elif -6 < point <= 0:
        written = "0." + "0" * -point + digits
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        written = f"{digits[0]}{fraction}e{point - 1:+d}"
    return f"-{written}" if sign else written
