"""HTML fragments for the sections of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from framecloak.adapters.report.messages import Messages
from framecloak.domain.anonymization.results.archive_writer import ReportData

EMPTY_CELL = "-"
"""Placeholder of an empty cell."""
MAX_ROWS = 200
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
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    number_columns: frozenset[int] | set[int] = frozenset(),
    code_columns: frozenset[int] | set[int] = frozenset(),
) -> str:
    """Render a horizontally scrollable table.

    Args:
        headings: column headings.
        rows: cells of each row as plain text.
        number_columns: indices of columns with numbers.
        code_columns: indices of columns with digests.
    """

    def style(column: int) -> str:
        return ' class="number"' if column in number_columns else ""

    head = "".join(
        f'<th scope="col"{style(column)}>{escape(name)}</th>' for column, name in enumerate(headings)
    )
    lines = []
    for row in rows:
        cells = (
            f"<code>{escape(text)}</code>" if column in code_columns else escape(text)
            for column, text in enumerate(row)
        )
        lines.append("".join(f"<td{style(column)}>{cell}</td>" for column, cell in enumerate(cells)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def omitted_rows(messages: Messages, count: int) -> str:
    """Render a note on the number of rows that were omitted; empty if there are none."""
    return paragraph(messages.more.format(count=messages.number(count))) if count > 0 else ""


def source_name(facts: ReportData, messages: Messages, number: int) -> str:
    """Return the number of a source, with its name unless names are excluded from the output."""
    name = facts.sources[number].name
    return messages.number(number) if name is None else f"{number}: {name}"


def frame_range(messages: Messages, start: int, stop: int) -> str:
    """Return the label of the half-open range of frames ``[start, stop)``."""
    text = messages.one_frame if stop == start + 1 else messages.frame_range
    return text.format(first=messages.number(start), last=messages.number(stop - 1))
