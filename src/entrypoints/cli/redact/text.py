"""Text policy of ``framecloak redact``: its options, and the files with its lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.text.re2_patterns import Re2Patterns
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.text_policy import (
    TextChoice,
    TextLists,
    TextMode,
    parse_keep,
    require_text_is_covered,
)
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
        choice = self.choice()
        options = choice.options()
        require_text_is_covered(level, options.mode)
        if options.mode is TextMode.ALL:
            return None
        if options.mode is TextMode.LISTED and not (options.names or options.patterns):
            raise InvalidOptionError(
                "text policy listed without a list would cover no text", "give names or patterns"
            )
        return TextPolicy.of(options, choice.lists, Re2Patterns)

    def choice(self) -> TextChoice:
        """Return the text policy with its lists, which are not checked yet.

        Raises:
            InvalidOptionError: the mode or a class of text does not exist, or a list is invalid.
            InputNotFoundError: a list cannot be read.
            EmptyFileError: a list has no entries.
        """
        names, patterns, device_terms = (tuple(read_lines(path)) if path else () for path in self._files)
        return TextChoice(
            mode=TextMode.parse(self.mode),
            keep=None if self.keep is None else parse_keep(self.keep.split(",")),
            lists=TextLists(names, patterns, device_terms),
            fail_open=self.fail_open,
        )

    @property
    def _files(self) -> tuple[Path | None, Path | None, Path | None]:
        return self.names, self.patterns, self.device_terms
