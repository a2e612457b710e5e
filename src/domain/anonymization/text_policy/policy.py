"""Decision of the text policy on one line, from its readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from framecloak.domain.anonymization.model.text_policy import (
    IDENTIFYING_RULES,
    UNREAD_LINE,
    LineDecision,
    TextLists,
    TextMode,
    TextPolicyOptions,
    TextRule,
)
from framecloak.domain.anonymization.text_policy.edit_distance import are_alike
from framecloak.domain.anonymization.text_policy.folding import skeleton
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.anonymization.text_policy.identifiers import identifying_rule, looks_like_identifier
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.imaging.readings import Reading
from framecloak.domain.ports.text import TextPatterns

MIN_MEAN_SCORE = 0.8
"""Lowest mean score of a line's characters from which on it counts as read."""
MIN_SCORE = 0.4
"""Lowest score of any of its characters."""
CERTAIN_MEAN_SCORE = 0.9
CERTAIN_SCORE = 0.6
"""The same for a reading that identifies a person in other frames of its track as well."""


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """Text policy with its lists.

    Attributes:
        options: mode, and classes of text to keep.
        names: names to cover.
        patterns: patterns of text to cover; None without any.
        grammar: grammar of harmless text.
        installation: SHA-256, in hex, of the installation's lists; empty without any.
    """

    options: TextPolicyOptions
    names: NameIndex = field(default_factory=lambda: NameIndex(()))
    patterns: TextPatterns | None = None
    grammar: HarmlessGrammar = field(default_factory=HarmlessGrammar)
    installation: str = ""

    @classmethod
    def of(
        cls,
        options: TextPolicyOptions,
        lists: TextLists,
        compile_patterns: Callable[[Iterable[str]], TextPatterns],
    ) -> Self:
        """Build a policy; CPU-bound for a long list of names.

        Raises:
            InvalidOptionError: a list is invalid.
        """
        return cls(
            options,
            NameIndex(lists.names),
            compile_patterns(lists.patterns) if lists.patterns else None,
            HarmlessGrammar(lists.device_terms),
            lists.installation,
        )

    def decide(self, readings: Sequence[Reading], alphabet: Iterable[str] | None = None) -> LineDecision:
        """Decide on one line.

        Args:
            readings: readings of the line in each direction that it may be read in; those that identify a
                person count even with low scores, and a harmless one only if it is sure and the only one.
            alphabet: characters that the reader knows; None to accept all.
        """
        certain_first = sorted(readings, key=_is_certain, reverse=True)
        for reading in certain_first:
            if rule := self._listed_rule(reading.text):
                is_exact = rule is TextRule.LISTED or self.names.matches_exactly(reading.text)
                return LineDecision(rule, weak=not (is_exact and _is_certain(reading)))
        if self.options.mode is TextMode.LISTED:
            return LineDecision(TextRule.UNLISTED)
        for reading in certain_first:
            if rule := identifying_rule(reading.text):
                return LineDecision(rule, weak=not _is_certain(reading))
        known = None if alphabet is None else frozenset(alphabet)
        sure = [reading for reading in readings if is_sure(reading, known)]
        if not sure:
            return UNREAD_LINE
        best = max(sure, key=lambda reading: reading.mean_score)
        harmless = self.grammar.parse(best.text)
        if harmless is None:
            # A time that was read without its colons looks like a code as well.
            is_code = looks_like_identifier(best.text)
            return LineDecision(TextRule.IDENTIFIER if is_code else TextRule.UNPROVEN, weak=True)
        return LineDecision(harmless.rule, harmless.bare)

    def mistakes(self, decision: LineDecision, text: str, harmless: LineDecision, known: str) -> bool:
        """Return whether a line that is not kept is a harmless one that was misread.

        Args:
            decision: decision on the line.
            text: its comparable text.
            harmless: decision on a line that was at its place shortly before or after.
            known: comparable text of that line.
        """
        return (
            not self.keeps(decision.rule)
            and decision.rule not in IDENTIFYING_RULES
            and self.keeps(harmless.rule)
            and are_alike(text, known)
        )

    def keeps(self, rule: TextRule) -> bool:
        """Return whether text with this rule stays readable."""
        return rule in self.options.kept_rules

    def _listed_rule(self, text: str) -> TextRule | None:
        if self.names.matches(text):
            return TextRule.NAME
        return TextRule.LISTED if self.patterns and self.patterns.match(text) else None


def _is_certain(reading: Reading) -> bool:
    return reading.mean_score >= CERTAIN_MEAN_SCORE and reading.min_score >= CERTAIN_SCORE


def is_sure(reading: Reading, alphabet: frozenset[str] | None = None) -> bool:
    """Return whether a line was read with enough certainty to prove it harmless."""
    return (
        bool(reading.text)
        and reading.mean_score >= MIN_MEAN_SCORE
        and reading.min_score >= MIN_SCORE
        and (alphabet is None or alphabet.issuperset(reading.text))
    )


def comparable_text(readings: Sequence[Reading]) -> str:
    """Return the surest reading of a line without spaces, in a form in which characters alike are equal."""
    best = max(readings, key=lambda reading: (is_sure(reading), reading.mean_score), default=None)
    return skeleton(best.text).replace(" ", "") if best else ""
