"""Canonical JSON (RFC 8785): equal values give equal bytes, so that they can be hashed and signed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON parser reads exactly."""


def canonical_json(value: object) -> bytes:
    """Serialise a value as RFC 8785: sorted keys, no whitespace, numbers as in ECMAScript, UTF-8.

    Args:
        value: None, booleans, numbers, strings, and mappings with string keys and sequences of them.

    Raises:
        ValueError: a number is not finite or too large, or a string contains an unpaired surrogate.
        TypeError: a value cannot be represented in JSON.
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
            if abs(value) > MAX_SAFE_INTEGER:
                raise ValueError(f"{value} is too large for an integer in JSON")
            out.append(str(value))
        case float():
            out.append(_number(value))
        case Mapping():
            _write_mapping(value, out)
        case list() | tuple():
            out.append("[")
            for index, item in enumerate(value):
                out.append("," if index else "")
                _write(item, out)
            out.append("]")
        case _:
            raise TypeError(f"values of type {type(value).__name__} cannot be represented in JSON")


def _write_mapping(value: Mapping[str, object], out: list[str]) -> None:
    out.append("{")
    for index, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be"))):
        out.append(("," if index else "") + encode_basestring(key) + ":")
        _write(value[key], out)
    out.append("}")


def _number(value: float) -> str:
    """Format a number like ECMA-262's Number::toString; Python's repr gives the same, shortest digits."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be represented in JSON")
    text = repr(value)
    if "e" not in text:
        return "0" if value == 0 else text.removesuffix(".0")
    sign, digit_values, exponent = Decimal(text).normalize().as_tuple()
    digits = "".join(map(str, digit_values))
    point = len(digits) + int(exponent)
    if len(digits) <= point <= 21:
        written = digits.ljust(point, "0")
    elif -6 < point <= 0:
        written = "0." + "0" * -point + digits
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        written = f"{digits[0]}{fraction}e{point - 1:+d}"
    return f"-{written}" if sign else written
