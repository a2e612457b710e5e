"""Index page of the results of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from urllib.parse import quote

from framecloak.domain.anonymization.batches.results import IndexEntry
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch
from framecloak.domain.anonymization.model.request import Status

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


_MESSAGES = {
    Language.ENGLISH: _Messages(
        language="en",
        title="Results of {date}",
        lead="{results} of {orders} orders have a result here. Orders with black frames should be reviewed.",
        columns=("No.", "Reference", "Order", "Level", "Frames", "Black frames", "State", "Files"),
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
    ),
    Language.GERMAN: _Messages(
        language="de",
        title="Ergebnisse vom {date}",
        lead="{results} von {orders} Aufträgen haben hier ein Ergebnis. Aufträge mit schwarzen Bildern "
        "sollten geprüft werden.",
        columns=("Nr.", "Referenz", "Auftrag", "Stufe", "Bilder", "Schwarze Bilder", "Stand", "Dateien"),
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
    ),
}


def render_batch_index(batch: Batch, entries: Sequence[IndexEntry], language: Language) -> bytes:
    """Render the index page of a batch; it names references and orders, and no videos or people."""
    messages = _MESSAGES[language]
    title = messages.title.format(date=batch.created_at.date().isoformat())
    count = sum(entry.archive is not None for entry in entries)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in messages.columns)
    body = "".join(_row(entry, messages) for entry in entries)
    page = (
        f'<!doctype html><html lang="{messages.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body>"
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
        cells = [number, "-", "-", "-", "-", "-", state]
        return _cells(cells, "-")
    state = messages.statuses[request.status]
    if request.status is Status.COMPLETED and entry.archive is None:
        state = _missing(entry, messages)
    blanked = "-" if request.known_blanked_frames is None else str(request.known_blanked_frames)
    cells = [
        number,
        request.spec.reference or "-",
        str(request.id),
        request.spec.level,
        str(request.total_frames),
        blanked,
        state,
    ]
    links = [
        f'<a href="{quote(path)}">{escape(text)}</a>'
        for path, text in ((entry.report, messages.report), (entry.archive, messages.result))
        if path
    ]
    return _cells(cells, " ".join(links) or "-")


def _missing(entry: IndexEntry, messages: _Messages) -> str:
    """Return why the result of a completed order is not in the bundle."""
    if entry.is_unshared:
        return messages.unshared
    return messages.unreleased if entry.is_unreleased else messages.gone


def _cells(texts: Sequence[str], markup: str) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f"<tr>{cells}<td>{markup}</td></tr>"


@cache
def _style() -> str:
    return files("framecloak.adapters.report").joinpath("style.css").read_text("utf-8")
