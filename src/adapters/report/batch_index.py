"""Index page of the results of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from urllib.parse import quote

from framecloak.domain.anonymization.batches.results import IndexEntry
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status

_EMPTY = "-"
"""Placeholder of an empty cell."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Messages:
    language: str
    title: str
    lead: str
    columns: tuple[str, ...]
    statuses: Mapping[Status, str]
    rejected: str
    gone: str
    unreleased: str
    unshared: str
    report: str
    result: str
    release: str


_MESSAGES = {
    Language.ENGLISH: _Messages(
        language="en",
        title="Results of {date}",
        lead="{results} of {orders} orders have a result here. Orders with black frames should be reviewed.",
        columns=(
            "No.",
            "Reference",
            "Order",
            "Ordered by",
            "Ordered at (UTC)",
            "Completed at (UTC)",
            "Level",
            "Frames",
            "Black frames",
            "State",
            "Reviewed and released by",
            "Released at (UTC)",
            "Files",
        ),
        statuses={
            Status.PENDING: "waiting",
            Status.PROCESSING: "in progress",
            Status.COMPLETED: "completed",
            Status.FAILED: "failed",
            Status.CANCELLED: "cancelled",
        },
        rejected="rejected: {reason}",
        gone="result deleted",
        unreleased="not released",
        unshared="no longer shared",
        report="Report",
        result="Result (ZIP)",
        release="Signed release (JSON)",
    ),
    Language.GERMAN: _Messages(
        language="de",
        title="Ergebnisse vom {date}",
        lead="{results} von {orders} Aufträgen haben hier ein Ergebnis. Aufträge mit schwarzen Bildern "
        "sollten geprüft werden.",
        columns=(
            "Nr.",
            "Referenz",
            "Auftrag",
            "Beauftragt von",
            "Beauftragt am (UTC)",
            "Fertiggestellt am (UTC)",
            "Stufe",
            "Bilder",
            "Schwarze Bilder",
            "Stand",
            "Geprüft und freigegeben von",
            "Freigegeben am (UTC)",
            "Dateien",
        ),
        statuses={
            Status.PENDING: "wartet",
            Status.PROCESSING: "in Arbeit",
            Status.COMPLETED: "fertig",
            Status.FAILED: "fehlgeschlagen",
            Status.CANCELLED: "abgebrochen",
        },
        rejected="abgelehnt: {reason}",
        gone="Ergebnis gelöscht",
        unreleased="nicht freigegeben",
        unshared="nicht mehr geteilt",
        report="Bericht",
        result="Ergebnis (ZIP)",
        release="Signierte Freigabe (JSON)",
    ),
}


def render_batch_index(batch: Batch, entries: Sequence[IndexEntry], language: Language) -> bytes:
    """Render the index page of a batch: its orders, who placed and released them and when, and no videos.

    People are named as `ResultPolicy` says.
    """
    messages = _MESSAGES[language]
    title = messages.title.format(date=batch.created_at.date().isoformat())
    count = sum(entry.archive is not None for entry in entries)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in messages.columns)
    body = "".join(_row(entry, messages) for entry in entries)
    page = (
        f'<!doctype html><html lang="{messages.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body class='wide'>"
        f"<header><h1>{escape(title)}</h1>"
        f"<p>{escape(messages.lead.format(results=count, orders=len(entries)))}</p></header>"
        f'<section><div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div></section></body></html>\n"
    )
    return page.encode()


def _row(entry: IndexEntry, messages: _Messages) -> str:
    request, number = entry.item.request, str(entry.item.number + 1)
    if request is None:
        state = messages.rejected.format(reason=entry.item.error or "")
        cells = [number, _EMPTY, _EMPTY, entry.ordered_by, *[_EMPTY] * 5, state, _EMPTY, _EMPTY]
        return _cells(cells, _EMPTY)
    blanked = _EMPTY if request.known_blanked_frames is None else str(request.known_blanked_frames)
    cells = [
        number,
        request.spec.reference or _EMPTY,
        str(request.id),
        entry.ordered_by,
        _time(request.created_at),
        _time(request.completed_at),
        request.spec.level,
        str(request.total_frames),
        blanked,
        _state(entry, request, messages),
        request.released_by or (messages.unreleased if _awaits_release(entry) else _EMPTY),
        _time(request.released_at),
    ]
    links = [
        f'<a href="{quote(path)}">{escape(text)}</a>'
        for path, text in (
            (entry.report, messages.report),
            (entry.archive, messages.result),
            (entry.release, messages.release),
        )
        if path
    ]
    return _cells(cells, " ".join(links) or _EMPTY)


def _state(entry: IndexEntry, request: AnonymizationRequest, messages: _Messages) -> str:
    """Return the state of an order, or why its result is neither in the bundle nor waits for a release."""
    if entry.is_unshared:
        return messages.unshared
    if request.status is Status.COMPLETED and entry.archive is None and not entry.is_unreleased:
        return messages.gone
    return messages.statuses[request.status]


def _awaits_release(entry: IndexEntry) -> bool:
    return entry.is_unreleased or (entry.archive is not None and entry.release is None)


def _time(time: datetime | None) -> str:
    return _EMPTY if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def _cells(texts: Sequence[str], markup: str) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f"<tr>{cells}<td>{markup}</td></tr>"


@cache
def _style() -> str:
    return files("framecloak.adapters.report").joinpath("style.css").read_text("utf-8")
