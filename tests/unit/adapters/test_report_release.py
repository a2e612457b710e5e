"""The section on a release in reports: in the report's language, escaped, before its footer."""

from __future__ import annotations

import pytest

from framecloak.adapters.report.release import add_release
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.results.proof.release_addendum import ReadRelease

REPORT = b"<html><body><h1>Report</h1><footer>made</footer></body></html>"


@pytest.mark.parametrize(
    ("language", "name", "seen"),
    [(Language.ENGLISH, "Released by", "9 of 10"), (Language.GERMAN, "Freigegeben von", "9 von 10")],
)
def test_a_report_ends_with_its_release(language: Language, name: str, seen: str) -> None:
    page = add_release(REPORT, ReadRelease("<Ada>", "2026-11-30T09:00:00Z", 9, 10), language).decode()
    assert page.index("</h1>") < page.index(f"<dt>{name}</dt><dd>&lt;Ada&gt;</dd>") < page.index("<footer>")
    assert f"<dd>{seen}</dd>" in page
    assert page.replace(page[page.index("<section>") : page.index("<footer>")], "") == REPORT.decode()
