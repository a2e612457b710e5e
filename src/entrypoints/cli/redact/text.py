"""Text policy of ``framecloak redact``: its options, and the files with its lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.text.re2_patterns import Re2Patterns
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.text_policy import (
    DEFAULT_KEEP,
    TextMode,
    TextPolicyOptions,
    parse_keep,
)
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.errors import InvalidOptionError
from framecloak.entrypoints.cli.text_lists import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class TextArguments:
    """Options of the text policy, as given on the command line.

    Attributes:
        mode: text to cover.
        keep: classes of harmless text to keep, separated by commas; None for the default.
        names: file with a name a line; None for none.
        patterns: file with a regular expression a line; None for none.
        device_terms: file with a term a line that devices show; None for none.
        fail_open: True if text that cannot be read may stay readable, which mode ``listed`` needs.
    """

    mode: str = TextMode.ALL.value
    keep: str | None = None
    names: Path | None = None
    patterns: Path | None = None
    device_terms: Path | None = None
    fail_open: bool = False

    def policy(self, level: Level) -> TextPolicy | None:
        """Return the text policy; None if all text is covered.

        Args:
            level: extent of the redaction.

        Raises:
            InvalidOptionError: an option has no effect, is invalid or fails open without saying so, or a list
                is invalid.
            InputNotFoundError: a list cannot be read.
            EmptyFileError: a list has no entries.
        """
        mode = TextMode.parse(self.mode)
        given = (self.keep, self.names, self.patterns, self.device_terms)
        if mode is TextMode.ALL:
            if any(each is not None for each in given) or self.fail_open:
                raise InvalidOptionError(
                    "--text all covers all text, so the other options for text have no effect",
                    "leave them out, or use --text identifying",
                )
            return None
        if level is not Level.FULL:
            raise InvalidOptionError(
                f"level {level} does not redact text, so --text {mode} has no effect",
                "leave out --text, or use --level full",
            )
        self._require_consistent(mode)
        return TextPolicy(
            TextPolicyOptions(mode, DEFAULT_KEEP if self.keep is None else parse_keep(self.keep.split(","))),
            NameIndex(read_lines(self.names) if self.names else ()),
            Re2Patterns(filter(None, read_lines(self.patterns))) if self.patterns else None,
            HarmlessGrammar(read_lines(self.device_terms) if self.device_terms else ()),
        )

    def _require_consistent(self, mode: TextMode) -> None:
        if mode is TextMode.LISTED:
            if not self.fail_open:
                raise InvalidOptionError(
                    "--text listed keeps all text that matches no list, also what cannot be read",
                    "use --text identifying, or add --fail-open if that is what you want",
                )
            if self.names is None and self.patterns is None:
                raise InvalidOptionError(
                    "--text listed without a list would cover no text", "add --names or --text-patterns"
                )
            if self.keep is not None or self.device_terms is not None:
                raise InvalidOptionError(
                    "--text listed keeps everything that matches no list, so --keep and --device-terms have"
                    " no effect",
                    "leave them out, or use --text identifying",
                )
        elif self.fail_open:
            raise InvalidOptionError(
                "--text identifying fails closed, so --fail-open has no effect", "leave it out"
            )
