"""Values of the text policy: which text is covered, and the rule that decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.errors import InvalidOptionError


class TextMode(StrEnum):
    """Selection of the text to cover at level ``full``."""

    ALL = "all"
    """All text."""
    IDENTIFYING = "identifying"
    """All text except what is provably harmless."""
    LISTED = "listed"
    """Only text that matches the lists. It fails open: what cannot be read stays readable."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a mode as typed by a user; case does not matter.

        Raises:
            InvalidOptionError: there is no such mode.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidOptionError(f"unknown text policy {text!r}", f"use one of {names}") from None


class Harmless(StrEnum):
    """Classes of harmless text that a policy may keep."""

    MEASUREMENTS = "measurements"
    """Numbers with units, scales, counters and elapsed times."""
    TIMES = "times"
    """Clock times, and dates that are not dates of birth: they may identify an examination."""
    DEVICE = "device"
    """Modes and makers of devices."""


class TextRule(StrEnum):
    """Rule that decided whether text is covered."""

    UNREAD = "unread"
    """It was not read, or not surely enough."""
    PARTLY_VISIBLE = "partly_visible"
    """The edge of the frame or another box cuts it."""
    CHANGING = "changing"
    """Its readings disagree, or its pixels changed between two of them."""
    NAME = "name"
    DATE_OF_BIRTH = "date_of_birth"
    """A date that is marked as one, or may be one."""
    IDENTIFIER = "identifier"
    """A number or code of a person, a card, an account or a vehicle."""
    CONTACT = "contact"
    """A telephone number or an e-mail address."""
    LISTED = "listed"
    """A pattern given with the order."""
    UNPROVEN = "unproven"
    """It is read, but nothing proves it harmless."""
    MEASUREMENT = "measurement"
    TIME = "time"
    DEVICE = "device"
    UNLISTED = "unlisted"
    """It matches no list, which is all that mode ``listed`` asks for."""


IDENTIFYING_RULES = frozenset(
    {TextRule.NAME, TextRule.DATE_OF_BIRTH, TextRule.IDENTIFIER, TextRule.CONTACT, TextRule.LISTED}
)
"""Rules of text that identifies a person; one reading is enough to cover a track."""

_HARMLESS_RULES = {
    Harmless.MEASUREMENTS: TextRule.MEASUREMENT,
    Harmless.TIMES: TextRule.TIME,
    Harmless.DEVICE: TextRule.DEVICE,
}

DEFAULT_KEEP = frozenset({Harmless.MEASUREMENTS, Harmless.DEVICE})
"""Classes of text that mode ``identifying`` keeps unless a caller chooses others."""


@dataclass(frozen=True, slots=True)
class LineDecision:
    """Decision on one line in one frame; it holds no text.

    Attributes:
        rule: rule that decided.
        bare: True if the line is harmless only where no other text stands beside it.
        weak: True if it is covered for a reading that is not certain: this counts in its own frame, and
            elsewhere only as one of the readings that must agree.
        cut: True if the edge of the frame may cut the line, so that its reading says nothing of other frames.
    """

    rule: TextRule
    bare: bool = False
    weak: bool = False
    cut: bool = False


UNREAD_LINE = LineDecision(TextRule.UNREAD)


@dataclass(frozen=True, slots=True)
class TextDecision:
    """Decision on a tracked line in one frame.

    Attributes:
        rule: rule that decided.
        kept: True if the line stays readable.
    """

    rule: TextRule
    kept: bool


@dataclass(frozen=True, slots=True)
class TextPolicyOptions:
    """Options of the text policy, without the lists, which may contain names.

    Attributes:
        mode: selection of the text to cover.
        keep: classes of harmless text that stay readable; only in mode ``identifying``.
        names: True if a list of names to cover was given.
        patterns: True if patterns of text to cover were given.
    """

    mode: TextMode = TextMode.ALL
    keep: frozenset[Harmless] = DEFAULT_KEEP
    names: bool = False
    patterns: bool = False

    @property
    def kept_rules(self) -> frozenset[TextRule]:
        """Rules of text that stays readable."""
        if self.mode is TextMode.ALL:
            return frozenset()
        if self.mode is TextMode.LISTED:
            return frozenset({TextRule.UNLISTED})
        return frozenset(_HARMLESS_RULES[each] for each in self.keep)


@dataclass(frozen=True, slots=True)
class TextLists:
    """Lists of a text policy. They are personal data: no log, result or error may contain them.

    Attributes:
        names: names to cover.
        patterns: regular expressions of text to cover.
        device_terms: terms that devices show, which stay readable in mode ``identifying``.
        installation: SHA-256, in hex, of the lists of the installation that these contain; empty without any.
    """

    names: tuple[str, ...] = field(default=(), repr=False)
    patterns: tuple[str, ...] = field(default=(), repr=False)
    device_terms: tuple[str, ...] = field(default=(), repr=False)
    installation: str = ""

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Decode the result of `to_bytes`."""
        values = json.loads(packed)
        installation = values.pop("installation", "")
        return cls(**{name: tuple(entries) for name, entries in values.items()}, installation=installation)

    def to_bytes(self) -> bytes:
        """Encode the lists; equal lists have equal encodings."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True).encode()


NO_LISTS = TextLists()


@dataclass(frozen=True, slots=True)
class InstallationLists:
    """Lists that administrators keep for all requests. They hold no names.

    Attributes:
        device_terms: terms that devices show, which stay readable in mode ``identifying``.
        patterns: regular expressions of text to cover.
        changed_at: time of the last change; None as long as none were stored.
        changed_by: user name of the administrator who changed them; None without a change.
    """

    device_terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    changed_at: datetime | None = None
    changed_by: str | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of both lists in hex; empty if both are empty."""
        if not self.device_terms and not self.patterns:
            return ""
        values = {"device_terms": self.device_terms, "patterns": self.patterns}
        packed = json.dumps(values, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(packed.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChoice:
    """Text policy as a caller asks for it, before it is checked.

    Attributes:
        mode: selection of the text to cover.
        keep: classes of harmless text to keep; None for the default ones.
        lists: lists of the caller.
        fail_open: True if the caller accepts that text that cannot be read stays readable.
    """

    mode: TextMode = TextMode.ALL
    keep: frozenset[Harmless] | None = None
    lists: TextLists = NO_LISTS
    fail_open: bool = False

    def options(self) -> TextPolicyOptions:
        """Return the options of the policy.

        Raises:
            InvalidOptionError: an option has no effect, or the mode fails open without the caller's consent.
        """
        lists, mode = self.lists, self.mode
        if mode is TextMode.ALL and (self.keep is not None or lists != NO_LISTS or self.fail_open):
            raise InvalidOptionError(
                "text policy all covers all text, so its other options have no effect",
                "leave them out, or use text policy identifying",
            )
        if mode is TextMode.LISTED:
            self._require_listed()
        elif self.fail_open and mode is TextMode.IDENTIFYING:
            raise InvalidOptionError(
                "text policy identifying fails closed, so consent to failing open has no effect",
                "leave it out",
            )
        keep = DEFAULT_KEEP if self.keep is None else self.keep
        return TextPolicyOptions(mode, keep, _any_filled(lists.names), _any_filled(lists.patterns))

    def _require_listed(self) -> None:
        if not self.fail_open:
            raise InvalidOptionError(
                "text policy listed keeps all text that matches no list, also what cannot be read",
                "use text policy identifying, or consent to failing open if that is what you want",
            )
        if self.keep is not None or self.lists.device_terms:
            raise InvalidOptionError(
                "text policy listed keeps everything that matches no list, so text to keep cannot be named",
                "leave it out, or use text policy identifying",
            )


def require_text_is_covered(level: Level, mode: TextMode) -> None:
    """Raise an error if a level covers no text, so that a text policy has no effect.

    Raises:
        InvalidOptionError: it covers none, and the policy is not that of all text.
    """
    if mode is not TextMode.ALL and level is not Level.FULL:
        raise InvalidOptionError(
            f"level {level} does not redact text, so text policy {mode} has no effect",
            "leave the policy out, or use level full",
        )


def parse_keep(names: Iterable[str]) -> frozenset[Harmless]:
    """Parse classes of harmless text as typed by a user; case does not matter.

    Raises:
        InvalidOptionError: there is no such class.
    """
    kept = set()
    for name in names:
        try:
            kept.add(Harmless(name.strip().lower()))
        except ValueError:
            known = ", ".join(Harmless)
            raise InvalidOptionError(f"unknown class of text {name!r}", f"use any of {known}") from None
    return frozenset(kept)


def _any_filled(entries: Iterable[str]) -> bool:
    return any(map(str.strip, entries))
