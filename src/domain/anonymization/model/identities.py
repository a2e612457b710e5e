"""Redact everybody but some people, or only some people: what may be asked, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from framecloak.domain.errors import InvalidOptionError


class IdentityMode(StrEnum):
    """Whose faces are redacted."""

    EXCEPT = "except"
    """Everybody's but those of the people who are named."""
    ONLY = "only"
    """Those of the people who are named."""


class Unknown(StrEnum):
    """What becomes of a face of which nobody can say whose it is."""

    REDACT = "redact"
    KEEP = "keep"


class Decision(StrEnum):
    """What the evidence says of a face."""

    KNOWN = "known"
    """It is one of the people."""
    STRANGER = "stranger"
    """It is none of them."""
    UNCERTAIN = "uncertain"
    """There is too little evidence, or it contradicts itself."""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Which faces are redacted.

    Attributes:
        mode: whose.
        threshold: least cosine at which two faces are taken for one person, above 0 and at most 1.
        possible: least cosine at which two faces may be of one person, at most the threshold; only below it
            a face is certainly somebody else's.
        unknown: what becomes of uncertain faces where only some people are redacted.

    Raises:
        InvalidOptionError: the threshold is out of range, or uncertain faces should be kept in mode
            ``except``, which fails closed.
    """

    mode: IdentityMode
    threshold: float
    possible: float
    unknown: Unknown = Unknown.REDACT

    def __post_init__(self) -> None:
        check_identities(self.mode, self.threshold, self.unknown)

    def redacts(self, decision: Decision) -> bool:
        """Whether a face is redacted."""
        if self.mode is IdentityMode.EXCEPT:
            return decision is not Decision.KNOWN
        if decision is Decision.UNCERTAIN:
            return self.unknown is Unknown.REDACT
        return decision is Decision.KNOWN


@dataclass(frozen=True, slots=True)
class Identities:
    """What an order says about people.

    Attributes:
        mode: whose faces are redacted.
        gallery_id: of the gallery that the people are enrolled in.
        threshold: as in `IdentityRule`; None for the usual one of the gallery's model. Whether it makes
            sense with that model is found out by `rule_for`.
        unknown: as in `IdentityRule`.

    Raises:
        InvalidOptionError: as for `IdentityRule`.
    """

    mode: IdentityMode
    gallery_id: UUID
    threshold: float | None = None
    unknown: Unknown = Unknown.REDACT

    def __post_init__(self) -> None:
        check_identities(self.mode, self.threshold, self.unknown)


@dataclass(frozen=True, slots=True)
class PinnedPeople:
    """Who was enrolled in a gallery when an order was submitted.

    Attributes:
        threshold: the one that counts.
        faces: how many there were; those that were enrolled later do not count.
        digest: SHA-256 over their ids, in the order in which they were enrolled.
    """

    threshold: float
    faces: int
    digest: bytes


def check_identities(mode: IdentityMode, threshold: float | None, unknown: Unknown) -> None:
    """Refuse what makes no sense.

    Raises:
        InvalidOptionError: as for `IdentityRule`.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InvalidOptionError(
            f"the threshold for identities is {threshold}", "a cosine above 0 and up to 1 makes sense"
        )
    if mode is IdentityMode.EXCEPT and unknown is Unknown.KEEP:
        raise InvalidOptionError(
            "mode except redacts every face of which it is not sure whose it is",
            "leave out unknown, or use mode only",
        )
