"""The index page of the results of a batch: who ordered and released what, and when, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.report.batch_index import render_batch_index
from framecloak.domain.anonymization.batches.results import IndexEntry
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from support.samples.persistence import completed_request

ORDERED = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)
COMPLETED, RELEASED = ORDERED + timedelta(hours=1), ORDERED + timedelta(days=1)
REQUEST = completed_request("STUDY-7", ORDERED)
COLUMNS = {
    Language.ENGLISH: ["Ordered by", "Completed at (UTC)", "Reviewed and released by"],
    Language.GERMAN: ["Beauftragt von", "Fertiggestellt am (UTC)", "Geprüft und freigegeben von"],
}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


class Cells(HTMLParser):
    """The text of each cell, row by row, and all tags and addresses."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self._is_cell = False
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._is_cell = True
        elif tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[-1][-1] += data


def render(entry: IndexEntry, language: Language = Language.ENGLISH) -> Cells:
    batch = Batch(UUID(int=1), 1, None, ORDERED, (entry.item,))
    return Cells(render_batch_index(batch, [entry], language))


def entry_of(request: AnonymizationRequest | None, **more: object) -> IndexEntry:
    item = BatchItem(0, 1, None, request, None if request else "video_not_found", None if request else "gone")
    return replace(IndexEntry(item, None, None, ordered_by="Anna"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", list(Language))
def test_an_order_is_listed_with_people_and_times(language: Language) -> None:
    request = replace(REQUEST, released_at=RELEASED, released_by="Eve")
    files = {"archive": "results/a.zip", "report": "reports/a.html", "release": "results/a.release.json"}
    page = render(entry_of(request, **files), language)
    heads, row = page.rows
    assert set(COLUMNS[language]) < set(heads)
    assert len(heads) == len(row)
    assert row[:6] == ["1", "STUDY-7", str(REQUEST.id), "Anna", "2026-11-29 23:30", "2026-11-30 00:30"]
    assert row[10:12] == ["Eve", "2026-11-30 23:30"]
    assert page.links == ["reports/a.html", "results/a.zip", "results/a.release.json"]


def test_times_of_other_zones_are_those_of_utc() -> None:
    zone = timezone(timedelta(hours=2))
    request = replace(REQUEST, created_at=ORDERED.astimezone(zone), completed_at=COMPLETED.astimezone(zone))
    assert render(entry_of(request)).rows[1][4:6] == ["2026-11-29 23:30", "2026-11-30 00:30"]


@pytest.mark.parametrize(
    ("entry", "state", "released_by"),
    [
        (entry_of(REQUEST), "result deleted", "-"),
        (entry_of(REQUEST, is_unreleased=True), "completed", "not released"),
        (entry_of(REQUEST, is_unshared=True), "no longer shared", "-"),
        (entry_of(REQUEST, archive="results/a.zip", report="reports/a.html"), "completed", "not released"),
        (entry_of(replace(REQUEST, status=Status.FAILED, completed_at=None)), "failed", "-"),
        (entry_of(None), "rejected: gone", "-"),
    ],
)
def test_the_state_of_each_order_is_said(entry: IndexEntry, state: str, released_by: str) -> None:
    heads, row = render(entry).rows
    assert len(heads) == len(row)
    assert (row[9], row[10], row[3]) == (state, released_by, "Anna")


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(Language))
def test_texts_are_shown_as_they_are_and_never_as_markup(
    reference: str, person: str, error: str, language: Language
) -> None:
    request = replace(
        REQUEST, spec=replace(REQUEST.spec, reference=reference), released_by=person, released_at=RELEASED
    )
    plain = render(entry_of(REQUEST), language)
    page = render(entry_of(request, ordered_by=person), language)
    assert (page.rows[1][1], page.rows[1][3], page.rows[1][10]) == (reference, person, person)
    assert page.tags == plain.tags
    rejected = BatchItem(0, 1, None, None, "invalid_option", error)
    assert error in render(IndexEntry(rejected, None, None), language).rows[1][9]
