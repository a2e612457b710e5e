"""Templates and batches in the console: shared, repeated, cancelled, and downloaded one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect

from framecloak.adapters.report.batch_index import render_batch_index
from framecloak.domain.anonymization.batches.results import IndexEntry
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from support.http.browser import DESKTOP, PHONE, WORK_MS, Console, visit
from support.samples.media import write_video
from support.samples.persistence import completed_request


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("batch") / "ward 7.mp4", 6, size=(320, 240))


def order_together(console: Console) -> Page:
    """Select all videos of the visitor, and open the page that orders them."""
    page = console.page
    console.open("/videos")
    page.get_by_role("button", name="Select 1 video").click()
    page.get_by_role("link", name="Anonymise together").click()
    expect(page.locator(".finish .estimate")).to_be_visible(timeout=WORK_MS)
    return page


def test_the_options_of_last_time_are_offered_and_a_result_of_a_batch_is_downloaded(
    console: Console, film: Path
) -> None:
    console.upload(film)
    page = order_together(console)
    template = page.get_by_label("Template")
    expect(template.locator("option", has_text="Like last time")).to_have_count(0)
    page.locator(".order select").nth(1).select_option("minimal")
    page.locator(".order select").nth(2).select_option("png")
    page.get_by_role("button", name="Start 1 run").click()
    row = page.locator(".batch .rows li")
    expect(row.locator(".badge")).to_have_attribute("data-status", "completed", timeout=WORK_MS)
    page.locator(".batch details").evaluate("(details) => { details.open = true; }")
    with page.expect_download() as started:
        row.get_by_role("button", name="Download ZIP").click()
    with ZipFile(started.value.path()) as archive:
        frames = [name for name in archive.namelist() if name.startswith("frames/")]
    assert len(frames) == 6
    assert all(name.endswith(".png") for name in frames)

    page = order_together(console)
    expect(page.locator(".order select").nth(2)).to_have_value("jpg")
    template.select_option("Like last time")
    assert [page.locator(".order select").nth(place).input_value() for place in (1, 2)] == ["minimal", "png"]


def test_all_runs_of_a_batch_are_cancelled(console: Console, long_video_file: Path) -> None:
    console.upload(long_video_file)
    page = order_together(console)
    page.get_by_role("button", name="Start 1 run").click()
    page.get_by_role("button", name="Cancel all").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel all").click()
    expect(page.locator(".batch > .facts").last).to_have_text("Cancelled: 1", timeout=WORK_MS)
    expect(page.get_by_role("button", name="Cancel all")).to_have_count(0)
    expect(page.locator(".batch progress")).to_be_hidden()
    items = console.request("GET", f"/api/batches/{page.url.rsplit('/', 1)[1]}").json()["items"]
    assert [item["status"] for item in items] == ["cancelled"]


def test_a_template_is_shared_by_user_name(chromium: Browser, address: str, console: Console) -> None:
    page = console.page
    body = {"name": "Tower B", "options": {"quality": 80}}
    console.request("POST", "/api/templates/", body)
    with visit(chromium, address) as colleague:
        theirs = colleague.sign_in()
        theirs.open("/templates")
        expect(theirs.page.locator("main .rows")).to_have_count(0)
        console.open("/templates")
        page.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Shared with").fill(colleague.username)
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator(".rows li")).to_contain_text(f"shared with {colleague.username}")
        theirs.page.reload()
        shared = theirs.page.locator(".rows li", has_text="Tower B")
        expect(shared).to_be_visible()
        # They use it, and do not change it.
        expect(shared.get_by_role("button")).to_have_count(0)


def test_the_reason_of_an_edit_is_recorded(console: Console, film: Path) -> None:
    page = console.page
    console.upload(film)
    run = console.submit_all_frames(film.name)
    run.get_by_role("link", name="Review").click(timeout=WORK_MS)
    reason = page.get_by_label("Reason for the changes")
    expect(reason).to_be_hidden()
    page.get_by_role("button", name="Add box").click()
    reason.select_option("Something was missed")
    with page.expect_response("**/render/") as sent:
        page.get_by_role("button", name="Render again").click()
    corrected = sent.value.json()["request_id"]
    expect(page.locator(".runs .badge, .card.run .badge").first).to_have_attribute(
        "data-status", "completed", timeout=WORK_MS
    )
    manifest = console.request("GET", f"/api/frames/anonymize/{corrected}/manifest/").json()
    reasons = {edit["reason"] for edit in manifest["corrections"][0]["edits"]}
    assert reasons == {"missed"}


def test_the_reason_why_a_video_is_left_out_is_in_the_language_of_the_console(
    console: Console, film: Path
) -> None:
    console.upload(film)
    segments = [{"start_time": 100, "end_time": 200}]
    console.request("POST", "/api/templates/", {"name": "Long", "segments": segments})
    page = order_together(console)
    page.locator(".account summary").click()
    page.locator(".preferences select").first.select_option("de")
    page.locator(".order select").first.select_option("Long")
    reason = page.locator(".finish .notice li")
    expect(reason).to_contain_text("Die Vorlage passt nicht zu diesem Video", timeout=WORK_MS)


@pytest.mark.parametrize("language", list(Language))
def test_the_index_page_shows_its_links_without_scrolling_sideways(
    chromium: Browser, tmp_path: Path, language: Language
) -> None:
    """Who released a result, and the links to it, were to the right of the window."""
    now = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)
    request = completed_request(
        "STUDY-2026-0007",
        now,
        id=UUID("82136a97-1192-4f74-8d6b-1856e01dbd7b"),
        total_frames=10_000,
        processed_frames=10_000,
        blanked_frames=12,
        released_at=now,
        released_by="Theresa Brandt",
    )
    item = BatchItem(0, 1, None, request)
    entry = IndexEntry(item, "results/a.zip", "reports/a.html", "results/a.json", "Anna Oberhuber")
    path = tmp_path / "index.html"
    path.write_bytes(render_batch_index(Batch(UUID(int=1), 1, None, now, (item,)), [entry], language))
    page = chromium.new_page(viewport=DESKTOP)
    page.goto(path.as_uri())
    table = page.locator(".table")
    assert table.evaluate("({ scrollWidth, clientWidth }) => scrollWidth - clientWidth") == 0
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.close()
