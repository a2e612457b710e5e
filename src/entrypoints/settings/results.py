"""Settings of results: what they record about people and corrections."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

import re
from dataclasses import dataclass

from framecloak.domain.anonymization.model.record.policy import EDIT_REASONS, NamedPeople, ResultPolicy
from framecloak.domain.anonymization.model.record.reference import DEFAULT_REFERENCE_PATTERN
from framecloak.entrypoints.settings.variables import setting

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _reasons(value: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for code in value.split(","))
    if not all(_CODE.fullmatch(code) for code in codes):
        raise ValueError("codes of small letters, digits and underscores, separated by commas")
    return tuple(dict.fromkeys((*EDIT_REASONS, *codes)))


def _named_people(value: str) -> NamedPeople:
    try:
        return NamedPeople(value)
    except ValueError as error:
        raise ValueError(" or ".join(NamedPeople)) from error


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error
    return value


@dataclass(frozen=True, kw_only=True)
class ResultSettings:
    """Settings of results."""

    edit_reasons: tuple[str, ...] = setting(
        "EDIT_REASONS",
        "Further reasons for edits of results, as codes separated by commas.",
        _reasons,
        lambda _: EDIT_REASONS,
        default_text=", ".join(EDIT_REASONS),
    )
    named_people: NamedPeople = setting(
        "PEOPLE_IN_RESULTS",
        "Form in which manifests and reports name the people who ordered and edited results: name or code.",
        _named_people,
        NamedPeople.NAME.value,
    )
    reference_pattern: str = setting(
        "REFERENCE_PATTERN",
        "Regular expression that references of orders must match as a whole, so that they are codes and not"
        " names. Dates are refused in any case.",
        _pattern,
        DEFAULT_REFERENCE_PATTERN,
    )

    @property
    def result_policy(self) -> ResultPolicy:
        """Rules for results that these settings make."""
        return ResultPolicy(
            edit_reasons=self.edit_reasons,
            named_people=self.named_people,
            reference_pattern=self.reference_pattern,
        )
