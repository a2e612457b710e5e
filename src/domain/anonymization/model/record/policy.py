"""Rules of an installation for results: reasons of edits, and the people named in results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.model.record.reference import DEFAULT_REFERENCE_PATTERN, parse_reference
from framecloak.domain.anonymization.model.record.release import ReleaseRule, Reviewers
from framecloak.domain.errors import InvalidReferenceError
from framecloak.domain.model.accounts import Principal, User

EDIT_REASONS = ("missed", "not_identifying", "inaccurate", "consent", "other")
"""Codes of the reasons for an edit that every installation knows: something was missed; what was covered
identifies no person; a box was in the wrong place or of the wrong size; the person agreed to be visible; and
other reasons."""


class NamedPeople(StrEnum):
    """Form in which results name the people who ordered, edited and released them."""

    NAME = "name"
    """The name of the account."""
    CODE = "code"
    """A code that only this installation can resolve: ``user-`` and the number of the account."""


class TitlesInResults(StrEnum):
    """Titles of videos that results name."""

    NEVER = "never"
    """None: titles stay inside the installation, as they may name people."""
    CODES = "codes"
    """Those that have the form of references of orders."""


_CODE = re.compile(r"(?=.*[0-9])[A-Z0-9 ._/#+-]+")
"""Titles that are taken for codes where the installation sets no pattern: capitals with a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPolicy:
    """Rules of an installation for its results.

    Attributes:
        edit_reasons: codes of the reasons for edits of results.
        named_people: form in which results name people.
        reference_pattern: regular expression that references of orders must match.
        titles: titles of videos that results name.
        release: condition for downloads of results.
        reviewers: people who may review and release results of others.
    """

    edit_reasons: tuple[str, ...] = EDIT_REASONS
    named_people: NamedPeople = NamedPeople.NAME
    reference_pattern: str = DEFAULT_REFERENCE_PATTERN
    titles: TitlesInResults = TitlesInResults.NEVER
    release: ReleaseRule = ReleaseRule.OPTIONAL
    reviewers: Reviewers = Reviewers.ADMINISTRATORS

    def name_of(self, person: Principal) -> str:
        """Return the name or code of a person for results."""
        return self._name(person.display_name or person.username, person.user_id)

    def name_of_user(self, user: User) -> str:
        """Return the name or code of the owner of an account for results."""
        return self._name(user.display_name or user.username, user.id)

    def title_of(self, title: str | None) -> str | None:
        """Return the title of a video as results name it; None if they do not."""
        if title is None or self.titles is TitlesInResults.NEVER:
            return None
        # The usual pattern of references admits words, and so names of patients.
        if self.reference_pattern == DEFAULT_REFERENCE_PATTERN and not _CODE.fullmatch(title):
            return None
        try:
            return parse_reference(title, self.reference_pattern)
        except InvalidReferenceError:
            return None

    def _name(self, name: str, user_id: int) -> str:
        return name if self.named_people is NamedPeople.NAME else f"user-{user_id}"
