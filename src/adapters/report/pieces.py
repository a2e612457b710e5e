"""The pieces that a report is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def section(title: str, content: str) -> str:
    """A part of the page under a title; the content is HTML."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def paragraph(text: str) -> str:
    """Some sentences."""
    return f"<p>{escape(text)}</p>"


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """Numbers, each with what it counts."""
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
