"""Environment variables: how one is described, read and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from framecloak.domain.errors import DomainError, InvalidSettingError

_MASK = "********"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

_ORIGIN = re.compile(r"'self'|https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")

Parser = Callable[[str], Any]
"""Turns text into a value; raises ``ValueError`` whose text says what is allowed."""

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: of the variable; a secret may also be in a file that ``{name}_FILE`` names.
        description: one sentence, for people who operate the service.
        parse: reads it.
        default: as one would write it; or what computes it from the other variables. An empty one means none.
        unit: of the value, or an empty string.
        secret: whether it must not be shown.
        default_text: the default in words, where it is computed.
    """

    name: str
    description: str
    parse: Parser
    default: str | Callable[[Mapping[str, str]], Any] = ""
    unit: str = ""
    secret: bool = False
    default_text: str = ""

    @property
    def documented_default(self) -> str:
        """The default, for people."""
        return self.default_text or (self.default if isinstance(self.default, str) else "")

    def is_set(self, environment: Mapping[str, str]) -> bool:
        """Whether the environment has a value; an empty one counts as none."""
        return bool(environment.get(self.name) or (self.secret and environment.get(f"{self.name}_FILE")))

    def read(self, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - each variable has its own type
        """Its value, or the default.

        Raises:
            InvalidSettingError: the value is not allowed; the message names the variable.
        """
        given = environment.get(self.name) or self._from_file(environment)
        if not given and not isinstance(self.default, str):
            return self.default(environment)
        words = given or str(self.default)
        if not words:
            return ""
        try:
            return self.parse(words)
        except ValueError as error:
            shown = _MASK if self.secret else repr(words)
            raise InvalidSettingError(f"{self.name} is {shown}", f"set it to {error}") from error

    def shown(self, value: object) -> str:
        """The value as text that may be shown to anybody who operates the service."""
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not self.secret:
            return str(value)
        return _without_password(str(value)) if isinstance(self.parse, Address) else _MASK

    def _from_file(self, environment: Mapping[str, str]) -> str:
        path = environment.get(f"{self.name}_FILE") if self.secret else None
        if not path:
            return ""
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise InvalidSettingError(
                f"{self.name}_FILE is {path!r}, which cannot be read: {reason}", "name a readable file"
            ) from error


def setting(
    name: str,
    description: str,
    parse: Parser,
    default: str | Callable[[Mapping[str, str]], Any] = "",
    *,
    unit: str = "",
    secret: bool = False,
    default_text: str = "",
) -> Any:  # noqa: ANN401 - as for `dataclasses.field`, so that the annotation beside it counts
    """A field of a dataclass that is read from a variable; the arguments are those of `Variable`."""
    described = Variable(name, description, parse, default, unit, secret, default_text)
    return field(repr=not secret, metadata={"variable": described})


def text(value: str) -> str:
    """Any text."""
    return value


def path(value: str) -> Path:
    """A path; ``~`` is the user's home."""
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("a path that begins with the home of a user that exists") from error


def switch(value: str) -> bool:
    """On or off."""
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise ValueError("true or false")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def parse(value: str) -> int:
        if not (value.isascii() and value.isdecimal() and len(value) < 20) or not least <= int(value) <= most:
            raise ValueError(f"a number from {least} to {most}")
        return int(value)

    return parse


def positive(most: float) -> Callable[[str], float]:
    """A number above 0, fractions allowed."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number <= most:
            raise ValueError(f"a number above 0, at most {most:g}")
        return number

    return parse


def one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    """One of some words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return parse


def parsed_by(parse: Callable[[str], Choice], kind: type[Choice]) -> Callable[[str], Choice]:
    """A word that the domain knows how to read."""

    def checked(value: str) -> Choice:
        try:
            return parse(value)
        except DomainError as error:
            raise ValueError(f"one of {', '.join(str(one.value) for one in kind)}") from error

    return checked


class Address:
    """Parses an address with one of some schemes, without a slash at its end.

    Args:
        schemes: allowed ones.
    """

    def __init__(self, *schemes: str) -> None:
        self._schemes = schemes

    def __call__(self, value: str) -> str:
        """Check one."""
        try:
            parts = urlsplit(value)
            complete = (
                parts.scheme in self._schemes and bool(parts.hostname or parts.path) and parts.port != 0
            )
        except ValueError:
            complete = False
        if not complete or not value.isprintable() or " " in value:
            schemes = " or ".join(f"{one}://" for one in self._schemes)
            raise ValueError(f"an address that begins with {schemes}")
        return value.rstrip("/")


def network_names(value: str) -> str:
    """Addresses and networks of IP with commas between them, or ``*`` for all."""
    names = [name.strip() for name in value.split(",")]
    try:
        for name in names:
            if name != "*":
                ip_network(name)
    except ValueError as error:
        raise ValueError("IP addresses or networks with commas, as in 10.0.0.1,10.1.0.0/16") from error
    return ",".join(names)


def origins(value: str) -> str:
    """Origins of web pages with spaces between them, as a Content-Security-Policy names them."""
    if not all(_ORIGIN.fullmatch(origin) for origin in value.split()):
        raise ValueError("origins with spaces, as in https://portal.example https://*.clinic.example:8443")
    return " ".join(value.split())


def distinct_words(value: str) -> str:
    """Two or more different words with commas between them."""
    names = [name.strip() for name in value.split(",")]
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        raise ValueError("two or more different words with commas, as in happy,sad")
    return ",".join(names)


def templates(placeholder: str) -> Callable[[str], str]:
    """Texts with ``|`` between them, each of which has a placeholder in braces."""

    def parse(value: str) -> str:
        found = [one.strip() for one in value.split("|")]
        if any(f"{{{placeholder}}}" not in one for one in found):
            raise ValueError(f"texts with | between them, each with {{{placeholder}}} in it")
        return "|".join(found)

    return parse


def at_least(length: int) -> Callable[[str], str]:
    """Text of some length."""

    def parse(value: str) -> str:
        if len(value) < length:
            raise ValueError(f"at least {length} characters")
        return value

    return parse


def comma_free(length: int) -> Callable[[str], str]:
    """Text of some length that can stand in a list with commas."""
    parse_text = at_least(length)

    def parse(value: str) -> str:
        if "," in parse_text(value):
            raise ValueError("something without commas")
        return value

    return parse


def list_of(parse_one: Callable[[str], str]) -> Callable[[str], str]:
    """Such texts with commas between them."""

    def parse(value: str) -> str:
        return ",".join(parse_one(one.strip()) for one in value.split(","))

    return parse


def _without_password(address: str) -> str:
    """An address with everything but the password."""
    parts = urlsplit(address)
    # An unescaped slash in a password ends the part of the address that credentials are looked for in.
    if not parts.netloc or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return _MASK
    credentials, at, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    shown = f"{user}{colon}{_MASK if colon else ''}{at}{host}"
    # A query can carry credentials too, and nobody needs it to recognise the address.
    return urlunsplit((parts.scheme, shown, parts.path, _MASK if parts.query else "", ""))
