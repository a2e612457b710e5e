"""Options for redacting everyone except certain people, or certain people only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from framecloak.domain.errors import InvalidOptionError


class IdentityMode(StrEnum):
    """Selection of the faces to redact."""

    EXCEPT = "except"
    """All faces except those of the named people."""
    ONLY = "only"
    """Only the faces of the named people."""


class Unknown(StrEnum):
    """Handling of faces that cannot be identified with confidence."""

    REDACT = "redact"
    KEEP = "keep"


class Decision(StrEnum):
    """Conclusion from the evidence about a face."""

    KNOWN = "known"
    """The face belongs to one of the people."""
    STRANGER = "stranger"
    """The face belongs to none of them."""
    UNCERTAIN = "uncertain"
    """The evidence is insufficient or contradictory."""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Rule that selects the faces to redact.

    Attributes:
        mode: selection of the faces.
        threshold: smallest cosine similarity at which two faces count as the same person, above 0 and at
            most 1.
        possible_threshold: smallest cosine similarity at which two faces may be of the same person, at most
            the threshold; a face below it certainly belongs to another person.
        unknown: handling of uncertain faces in mode ``only``.

    Raises:
        InvalidOptionError: the threshold is out of range, or uncertain faces are to be kept in mode
            ``except``, which fails closed.
    """

    mode: IdentityMode
    threshold: float
    possible_threshold: float
    unknown: Unknown = Unknown.REDACT

    def __post_init__(self) -> None:
        validate_identities(self.mode, self.threshold, self.unknown)

    def redacts(self, decision: Decision) -> bool:
        """Return whether a face with this decision is redacted."""
        if self.mode is IdentityMode.EXCEPT:
            return decision is not Decision.KNOWN
        if decision is Decision.UNCERTAIN:
            return self.unknown is Unknown.REDACT
        return decision is Decision.KNOWN


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """Identity options of a request.

    Attributes:
        mode: selection of the faces to redact.
        gallery_id: id of the gallery in which the people are enrolled.
        threshold: as in `IdentityRule`; None for the default of the gallery's model. `identity_rule` checks
            whether it suits that model.
        unknown: as in `IdentityRule`.

    Raises:
        InvalidOptionError: as for `IdentityRule`.
    """

    mode: IdentityMode
    gallery_id: UUID
    threshold: float | None = None
    unknown: Unknown = Unknown.REDACT

    def __post_init__(self) -> None:
        validate_identities(self.mode, self.threshold, self.unknown)


@dataclass(frozen=True, slots=True)
class PinnedPeople:
    """State of a gallery at the time of submission.

    Attributes:
        threshold: identity threshold in effect.
        faces: number of enrolled faces; faces enrolled later are ignored.
        digest: SHA-256 over their ids, in the order of enrolment.
    """

    threshold: float
    faces: int
    digest: bytes


def validate_identities(mode: IdentityMode, threshold: float | None, unknown: Unknown) -> None:
    """Raise an error if the identity options are invalid.

    Raises:
        InvalidOptionError: as for `IdentityRule`.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InvalidOptionError(
            f"the identity threshold {threshold} is out of range",
            "use a cosine similarity above 0 and up to 1",
        )
    if mode is IdentityMode.EXCEPT and unknown is Unknown.KEEP:
        raise InvalidOptionError(
            "mode 'except' redacts every face it cannot identify with confidence",
            "leave out 'unknown', or use mode 'only'",
        )
