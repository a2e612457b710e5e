"""Twenty films on a Monday: an officer, a nurse and her colleague, from the upload to the results."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.http.browser import PHONE, WORK_MS, Console, Visitor, visit
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video

FILMS = 20
MAX_CLICKS = 12

COUNT_CLICKS = """
  addEventListener("pointerdown", (event) => {
    if (!event.isTrusted) return;
    const target = event.target.closest("a, button, label, input, select, summary") ?? event.target;
    const name = target.getAttribute("aria-label") ?? target.name ?? "";
    const words = target.textContent.trim() || name || target.tagName;
    const log = JSON.parse(localStorage.getItem("clicks") ?? "[]");
    localStorage.setItem("clicks", JSON.stringify([...log, words]));
  }, true);
"""


@pytest.fixture(scope="module")
def strict_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with four eyes, where colleagues review."""
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path_factory.mktemp("strict"))
    environment = {
        "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD,
        "RESULT_RELEASE": "second_person",
        "RESULT_REVIEWERS": "colleagues",
    }
    with service_process.started(*arguments, environment=environment) as running:
        yield running.wait_for("ready ")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tower")
    return [write_video(folder / f"film {number:02}.mp4", 3, size=(320, 240)) for number in range(FILMS)]


def count_clicks(visitor: Visitor) -> None:
    visitor.page.add_init_script(COUNT_CLICKS)


def clicks(page: Page) -> list[str]:
    """Return what was clicked, in order."""
    found: list[str] = page.evaluate("JSON.parse(localStorage.getItem('clicks') ?? '[]')")
    return found


def type_into(field: Locator, text: str) -> None:
    """Type into a field as a person would, who has to click it unless it has the focus already."""
    if not field.evaluate("(field) => field === document.activeElement"):
        field.click()
    field.press_sequentially(text)


def make_default_template(officer: Console, film: Path) -> None:
    """As an administrator, keep a region and the whole of a video as the template for everybody."""
    page = officer.page
    officer.upload(film)
    officer.open(officer.marking_page(film.name))
    page.get_by_role("button", name="Add region").click()
    page.get_by_role("button", name="Mark whole video").click()
    expect(page.locator(".grip")).to_have_count(2)
    page.get_by_role("link", name="Continue to anonymise").click()
    page.get_by_role("button", name="Save as template").click()
    dialog = page.get_by_role("dialog", name="Save as template")
    dialog.get_by_label("Name").fill("Tower B")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The template “Tower B” is saved.")).to_be_visible()
    officer.open("/templates")
    page.get_by_role("button", name="Make default").click()
    expect(page.get_by_text("Default", exact=True)).to_be_visible()


def order_all(nurse: Console, films: list[Path], colleague: str) -> None:
    """Upload the films, share them with a colleague, and order them with the template."""
    page = nurse.page
    page.get_by_label("Drop videos here").set_input_files(films)
    expect(page.get_by_text(f"{FILMS} of {FILMS} files uploaded")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name=f"Select {FILMS} videos").click()
    selection = page.get_by_role("region", name="Selected videos")
    selection.get_by_role("button", name="Share").click()
    type_into(page.get_by_label("User name"), colleague)
    page.get_by_label("User name").press("Enter")
    expect(page.get_by_text(f"{FILMS} videos are shared with {colleague}.")).to_be_visible()
    selection.get_by_role("link", name="Anonymise together").click()
    expect(page.get_by_label("Template")).to_contain_text("Tower B")
    type_into(page.get_by_label("Reference"), "STUDY-7")
    page.get_by_role("button", name=f"Start {FILMS} runs").click()
    expect(page.locator(".batch .facts").nth(1)).to_have_text(f"Done: {FILMS}", timeout=3 * WORK_MS)


def release_all(colleague: Console) -> None:
    """Look at the frames of all results, and release them."""
    page = colleague.page
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_text(f"{FILMS} results wait for your review and release.")).to_be_visible()
    page.get_by_role("link", name="Review together").click()
    sheets = page.locator(".sheet")
    expect(sheets).to_have_count(FILMS)
    for place in range(FILMS):
        sheets.nth(place).scroll_into_view_if_needed()
        expect(sheets.nth(place).get_by_text("seen: 3 of 3")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text(f"frames you have seen: {FILMS} of {FILMS}.")).to_be_visible()
    page.get_by_role("button", name="Release what I have seen").click()
    page.get_by_role("dialog").get_by_role("button", name="Release result").click()
    expect(page.get_by_text(f"{FILMS} results are released.")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("No result waits for your release.")).to_be_visible()


def test_twenty_films_are_ordered_reviewed_and_released_by_three_people(
    chromium: Browser, strict_address: str, films: list[Path]
) -> None:
    with visit(chromium, strict_address, role="admin") as officer:
        make_default_template(officer.sign_in(), films[0])
    with visit(chromium, strict_address) as nurse, visit(chromium, strict_address) as colleague:
        for person in (nurse, colleague):
            count_clicks(person)
        ordering = nurse.sign_in()
        order_all(ordering, films, colleague.username)
        page = nurse.page
        # Nothing may leave the house before another person has looked at it.
        held_back = page.locator(".batch .held-back").first
        expect(held_back.get_by_role("button", name="Download all")).to_be_disabled()
        expect(held_back).to_contain_text("once it has been reviewed and released")
        release_all(colleague.sign_in())
        page.reload()
        with page.expect_download() as started:
            page.get_by_role("link", name="Download all").click()
        with ZipFile(io.BytesIO(Path(started.value.path()).read_bytes())) as archive:
            results = [name for name in archive.namelist() if name.startswith("results/STUDY-7_")]
            assert len([name for name in results if name.endswith(".zip")]) == FILMS
            assert len([name for name in results if name.endswith(".release.json")]) == FILMS
        # With signing in twice and the download.
        counted = clicks(nurse.page) + clicks(colleague.page)
        assert 8 < len(counted) <= MAX_CLICKS, counted
        ordering.open("/videos")
        expect(page.locator(".badge[data-state=released]")).to_have_count(FILMS)


def test_a_result_is_reviewed_first_and_downloaded_after_its_release(
    chromium: Browser, strict_address: str, films: list[Path]
) -> None:
    with (
        visit(chromium, strict_address, size=PHONE, locale="de-DE") as nurse,
        visit(chromium, strict_address) as colleague,
    ):
        console, page = nurse.sign_in(), nurse.page
        console.upload(films[0])
        video = console.marking_page(films[0].name)
        console.request("PUT", f"/api{video}/grants/", {"username": colleague.username, "role": "editor"})
        console.open(f"{video}/run")
        page.get_by_role("button", name="Starten").click()
        run = page.locator(".card.run").first
        review = run.get_by_role("link", name="Prüfen")
        expect(review).to_be_visible(timeout=WORK_MS)
        expect(run.get_by_role("button", name="Herunterladen")).to_be_disabled()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        review.click()
        expect(page.get_by_text("Eine andere Person muss es freigeben.")).to_be_visible()
        reviewing, other = colleague.sign_in(), colleague.page
        reviewing.open(page.url.partition("#")[2])
        # A colleague reviews; downloads and corrections stay with the one who ordered.
        expect(other.get_by_role("button", name="Report")).to_be_visible()
        expect(other.get_by_role("button", name="Download")).to_have_count(0)
        expect(other.get_by_role("button", name="Add box")).to_have_count(0)
        other.get_by_role("button", name="Release result").click()
        other.get_by_role("dialog").get_by_role("button", name="Release result").click()
        expect(other.get_by_role("link", name="Save signed release")).to_be_visible()
        page.reload()
        with page.expect_download():
            page.get_by_role("button", name="Herunterladen").click()
