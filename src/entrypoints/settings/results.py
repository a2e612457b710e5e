"""Settings of results: what they record about people and corrections."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

import re
from dataclasses import dataclass

from framecloak.domain.anonymization.model.record.policy import (
    EDIT_REASONS,
    NamedPeople,
    ResultPolicy,
    TitlesInResults,
)
from framecloak.domain.anonymization.model.record.reference import DEFAULT_REFERENCE_PATTERN
from framecloak.domain.anonymization.model.record.release import ReleaseRule, Reviewers
from framecloak.domain.anonymization.model.text_policy import TextLists
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.errors import InvalidOptionError
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


def _titles(value: str) -> TitlesInResults:
    try:
        return TitlesInResults(value)
    except ValueError as error:
        raise ValueError(" or ".join(TitlesInResults)) from error


def _reviewers(value: str) -> Reviewers:
    try:
        return Reviewers(value)
    except ValueError as error:
        raise ValueError(" or ".join(Reviewers)) from error


def _release_rule(value: str) -> ReleaseRule:
    try:
        return ReleaseRule(value)
    except ValueError as error:
        raise ValueError(" or ".join(ReleaseRule)) from error


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error
    return value


def _entries(value: str, separator: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, value.split(separator))))


def _device_terms(value: str) -> tuple[str, ...]:
    terms = _entries(value, ",")
    try:
        HarmlessGrammar(terms)
    except InvalidOptionError as error:
        raise ValueError(f"terms of two characters or more, separated by commas ({error.message})") from error
    return terms


def _text_patterns(value: str) -> tuple[str, ...]:
    # Imported only where it is needed: most commands have no patterns.
    from framecloak.adapters.text.re2_patterns import Re2Patterns  # noqa: PLC0415

    patterns = _entries(value, "\n")
    try:
        Re2Patterns(patterns)
    except InvalidOptionError as error:
        raise ValueError(f"one regular expression (RE2) a line ({error.message})") from error
    return patterns


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
        "Form in which manifests and reports name the people who ordered, edited and released results:"
        " name or code.",
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
    titles: TitlesInResults = setting(
        "TITLES_IN_RESULTS",
        "Titles of videos that manifests, reports, webhooks and file names of results without a reference"
        " name: never, or codes (those that match"
        " REFERENCE_PATTERN, or capitals with a digit where it is not set, and contain no date).",
        _titles,
        TitlesInResults.NEVER.value,
    )
    release_rule: ReleaseRule = setting(
        "RESULT_RELEASE",
        "Condition for downloads of results: optional (none), required (a person has released the result) or"
        " second_person (that person neither ordered nor corrected it).",
        _release_rule,
        ReleaseRule.OPTIONAL.value,
    )
    reviewers: Reviewers = setting(
        "RESULT_REVIEWERS",
        "People who may review and release results, besides those who ordered them: administrators, or"
        " colleagues (also the owner of the video, and everybody with whom it is shared).",
        _reviewers,
        Reviewers.ADMINISTRATORS.value,
    )
    device_terms: tuple[str, ...] = setting(
        "TEXT_DEVICE_TERMS",
        "Terms that the devices of this installation show, separated by commas; text policy identifying keeps"
        " them.",
        _device_terms,
        lambda _: (),
        default_text="none",
    )
    text_patterns: tuple[str, ...] = setting(
        "TEXT_PATTERNS",
        "Regular expressions (RE2) of text that each text policy covers, such as the numbers of cases, one a"
        " line.",
        _text_patterns,
        lambda _: (),
        default_text="none",
    )

    @property
    def text_lists(self) -> TextLists:
        """Lists of text that these settings make."""
        return TextLists(patterns=self.text_patterns, device_terms=self.device_terms)

    @property
    def result_policy(self) -> ResultPolicy:
        """Rules for results that these settings make."""
        return ResultPolicy(
            edit_reasons=self.edit_reasons,
            named_people=self.named_people,
            reference_pattern=self.reference_pattern,
            titles=self.titles,
            release=self.release_rule,
            reviewers=self.reviewers,
        )
