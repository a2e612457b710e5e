"""HTML fragments for the sections of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.results.archive_writer import ReportFacts

NONE = "-"
"""Placeholder of an empty cell."""
LISTED = 200
"""Maximum number of rows in a table; the manifest lists all entries."""


def section(title: str, content: str) -> str:
    """Render a section with a heading; ``content`` is markup and is not escaped."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def paragraph(text: str) -> str:
    """Render a paragraph; the text is escaped."""
    return f"<p>{escape(text)}</p>"


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Render a definition list of names and values."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f"<dl>{cells}</dl>"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: frozenset[int] | set[int] = frozenset(),
    code: frozenset[int] | set[int] = frozenset(),
) -> str:
    """Render a horizontally scrollable table.

    Args:
        heads: Column headings.
        rows: Cells of each row as plain text.
        numbers: Indices of columns with numbers.
        code: Indices of columns with digests.
    """

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
    """Render a note on the number of rows that were omitted; empty if there are none."""
    return paragraph(words.more.format(count=words.number(count))) if count > 0 else ""


def source_name(facts: ReportFacts, words: Words, number: int) -> str:
    """Return the number of a source, with its name unless names are excluded from the output."""
    name = facts.sources[number].name
    return words.number(number) if name is None else f"{number}: {name}"


def frames(words: Words, start: int, stop: int) -> str:
    """Return the label of the half-open range of frames ``[start, stop)``."""
    text = words.one_frame if stop == start + 1 else words.frame_range
    return text.format(first=words.number(start), last=words.number(stop - 1))
