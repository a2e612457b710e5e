"""Pieces of HTML that the sections of a report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.results.archive_writer import ReportFacts

NONE = "-"
"""What stands where there is nothing to say."""
LISTED = 200
"""Sources, runs of black frames and films that are named one by one; the manifest names all."""


def section(title: str, content: str) -> str:
    """A heading and what stands under it, which is markup already."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def paragraph(text: str) -> str:
    """Text."""
    return f"<p>{escape(text)}</p>"


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Names, each with a value."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f"<dl>{cells}</dl>"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: frozenset[int] | set[int] = frozenset(),
    code: frozenset[int] | set[int] = frozenset(),
) -> str:
    """A table that scrolls by itself where it is too wide; some columns hold numbers, others digests."""

    def style(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    head = "".join(f'<th scope="col"{style(column)}>{escape(name)}</th>' for column, name in enumerate(heads))
    lines = []
    for row in rows:
        cells = (
            f"<code>{escape(text)}</code>" if column in code else escape(text)
            for column, text in enumerate(row)
        )
        lines.append("".join(f"<td{style(column)}>{cell}</td>" for column, cell in enumerate(cells)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def more(words: Words, count: int) -> str:
    """How many more there are than were listed; nothing where there are none."""
    return paragraph(words.more.format(count=words.number(count))) if count > 0 else ""


def source_name(facts: ReportFacts, words: Words, number: int) -> str:
    """The number of a source, and its name where that may be told."""
    name = facts.sources[number].name
    return words.number(number) if name is None else f"{number}: {name}"


def frames(words: Words, start: int, stop: int) -> str:
    """From the first frame to the one before ``stop``."""
    text = words.one_frame if stop == start + 1 else words.frame_range
    return text.format(first=words.number(start), last=words.number(stop - 1))
