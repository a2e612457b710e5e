"""Description, parsing and validation of environment variables."""

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

_ORIGIN_PATTERN = re.compile(r"'self'|https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")

Parser = Callable[[str], Any]
"""Function from text to a value; raises ``ValueError`` with a text that describes the allowed values."""

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: name of the variable; a secret may also be in a file named by ``{name}_FILE``.
        description: one sentence for operators of the service.
        parse: parser of the value.
        default: default in text form, or a function that computes it from the environment; empty for none.
        unit: unit of the value; empty for none.
        secret: True if the value must not be shown.
        default_text: description of a computed default.
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
        """Default value in the form shown in the documentation."""
        return self.default_text or (self.default if isinstance(self.default, str) else "")

    def is_set(self, environment: Mapping[str, str]) -> bool:
        """Return True if the environment sets the variable; an empty value counts as not set."""
        return bool(environment.get(self.name) or (self.secret and environment.get(f"{self.name}_FILE")))

    def read(self, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - each variable has its own type
        """Return the parsed value, or the default if the variable is not set.

        Args:
            environment: environment variables by name.

        Raises:
            InvalidSettingError: the value is not allowed; the message names the variable.
        """
        configured = environment.get(self.name) or self._from_file(environment)
        if not configured and not isinstance(self.default, str):
            return self.default(environment)
        raw = configured or str(self.default)
        if not raw:
            return ""
        try:
            return self.parse(raw)
        except ValueError as error:
            shown = _MASK if self.secret else repr(raw)
            raise InvalidSettingError(f"{self.name} is {shown}", f"set it to {error}") from error

    def masked_text(self, value: object) -> str:
        """Return the value as text that operators may see; secrets are masked."""
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not self.secret:
            return str(value)
        return _mask_password(str(value)) if isinstance(self.parse, Address) else _MASK

    def _from_file(self, environment: Mapping[str, str]) -> str:
        path = environment.get(f"{self.name}_FILE") if self.secret else None
        if not path:
            return ""
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
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
    """Return a dataclass field that is read from a variable; the arguments are those of `Variable`."""
    described = Variable(name, description, parse, default, unit, secret, default_text)
    return field(repr=not secret, metadata={"variable": described})


def text(value: str) -> str:
    """Return the text unchanged."""
    return value


def path(value: str) -> Path:
    """Parse a path, expand ``~`` and make it absolute.

    Raises:
        ValueError: the home folder in it does not exist.
    """
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("a path that begins with the home of a user that exists") from error


def boolean(value: str) -> bool:
    """Parse a Boolean: true, false, yes, no, on, off, 1 or 0.

    Raises:
        ValueError: the text is none of these.
    """
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise ValueError("true or false")


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of integers within inclusive limits."""

    def parse(value: str) -> int:
        if (
            not (value.isascii() and value.isdecimal() and len(value) < 20)
            or not minimum <= int(value) <= maximum
        ):
            raise ValueError(f"a number from {minimum} to {maximum}")
        return int(value)

    return parse


def positive(maximum: float) -> Callable[[str], float]:
    """Return a parser of numbers greater than 0, up to and including a maximum."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number <= maximum:
            raise ValueError(f"a number above 0, at most {maximum:g}")
        return number

    return parse


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """Return a parser of numbers within inclusive limits."""

    def parse(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            parsed = math.nan
        if not minimum <= parsed <= maximum:
            raise ValueError(f"a number from {minimum:g} to {maximum:g}")
        return parsed

    return parse


def one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    """Return a parser that accepts only the allowed words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return parse


def parsed_by(parse: Callable[[str], Choice], enumeration: type[Choice]) -> Callable[[str], Choice]:
    """Return a parser that applies a domain parser to a member of an enumeration.

    Args:
        parse: parser that raises ``DomainError``.
        enumeration: enumeration whose values the error message lists.
    """

    def checked(value: str) -> Choice:
        try:
            return parse(value)
        except DomainError as error:
            raise ValueError(f"one of {', '.join(str(member.value) for member in enumeration)}") from error

    return checked


class Address:
    """Parser of URLs with an allowed scheme; removes trailing slashes.

    Args:
        schemes: allowed schemes.
    """

    def __init__(self, *schemes: str) -> None:
        self._schemes = schemes

    def __call__(self, value: str) -> str:
        """Return the URL without trailing slashes.

        Raises:
            ValueError: it is malformed or has another scheme.
        """
        try:
            parts = urlsplit(value)
            complete = (
                parts.scheme in self._schemes and bool(parts.hostname or parts.path) and parts.port != 0
            )
        except ValueError:
            complete = False
        if not complete or not value.isprintable() or " " in value:
            schemes = " or ".join(f"{scheme}://" for scheme in self._schemes)
            raise ValueError(f"an address that begins with {schemes}")
        return value.rstrip("/")


def network_names(value: str) -> str:
    """Parse a comma-separated list of IP addresses and networks; ``*`` stands for all.

    Raises:
        ValueError: an item is neither.
    """
    names = [name.strip() for name in value.split(",")]
    try:
        for name in names:
            if name != "*":
                ip_network(name)
    except ValueError as error:
        raise ValueError(
            "IP addresses or networks separated by commas, such as 10.0.0.1,10.1.0.0/16"
        ) from error
    return ",".join(names)


def origins(value: str) -> str:
    """Parse a space-separated list of origins in the syntax of Content-Security-Policy.

    Raises:
        ValueError: an item is not an origin.
    """
    if not all(_ORIGIN_PATTERN.fullmatch(origin) for origin in value.split()):
        raise ValueError(
            "origins separated by spaces, such as https://portal.example https://*.clinic.example:8443"
        )
    return " ".join(value.split())


def distinct_words(value: str) -> str:
    """Parse a comma-separated list of two or more distinct words.

    Raises:
        ValueError: there are fewer than two, or a word is empty or repeated.
    """
    names = [name.strip() for name in value.split(",")]
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        raise ValueError("two or more different words separated by commas, such as happy,sad")
    return ",".join(names)


def templates(placeholder: str) -> Callable[[str], str]:
    """Return a parser of templates separated by ``|``, each of which contains ``{placeholder}``."""

    def parse(value: str) -> str:
        parsed = [template.strip() for template in value.split("|")]
        if any(f"{{{placeholder}}}" not in template for template in parsed):
            raise ValueError(f"texts separated by |, each with {{{placeholder}}} in it")
        return "|".join(parsed)

    return parse


def min_length(length: int) -> Callable[[str], str]:
    """Return a parser of texts that have a minimum length."""

    def parse(value: str) -> str:
        if len(value) < length:
            raise ValueError(f"at least {length} characters")
        return value

    return parse


def text_without_commas(length: int) -> Callable[[str], str]:
    """Return a parser of texts without commas that have a minimum length."""
    parse_text = min_length(length)

    def parse(value: str) -> str:
        if "," in parse_text(value):
            raise ValueError("a text without commas")
        return value

    return parse


def list_of(parse_item: Callable[[str], str]) -> Callable[[str], str]:
    """Return a parser of comma-separated lists from a parser of their items."""

    def parse(value: str) -> str:
        return ",".join(parse_item(item.strip()) for item in value.split(","))

    return parse


def _mask_password(address: str) -> str:
    """Return the address with its password and query masked; mask all of it if that is unsafe."""
    parts = urlsplit(address)
    # An unescaped slash in a password ends the network location, which then lacks the credentials.
    if not parts.netloc or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return _MASK
    credentials, at, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    shown = f"{user}{colon}{_MASK if colon else ''}{at}{host}"
    # A query can carry credentials too, and is not needed to recognise the address.
    return urlunsplit((parts.scheme, shown, parts.path, _MASK if parts.query else "", ""))
