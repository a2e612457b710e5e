"""What people do with the console, in the browser that they do it with."""

from __future__ import annotations

import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from browsing import PHONE, Console, Visitor, visit
from media_samples import write_video

FRAMES = 30


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("films") / "ward round.mp4", FRAMES, size=(320, 240))


@pytest.fixture(scope="session")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Longer in work than anybody takes to cancel it."""
    return write_video(tmp_path_factory.mktemp("films") / "whole day.mp4", 6000, size=(320, 240))


def test_a_newcomer_gets_from_the_first_page_to_a_zip(visitor: Visitor, film: Path, tmp_path: Path) -> None:
    page = visitor.page
    page.goto(visitor.address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visitor.fill_in()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()
    page.get_by_label("Drop videos here").set_input_files(film)
    page.get_by_role("link", name="Mark this video").click()
    page.get_by_role("button", name="Mark whole video").click()
    expect(page.locator(".segment")).to_have_count(1)
    page.get_by_role("link", name="Go on to anonymise").click()
    expect(page.get_by_text(f"{FRAMES} frames").first).to_be_visible()
    page.get_by_role("button", name="Start").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download ZIP").click(timeout=60_000)
    downloading.value.save_as(tmp_path / "frames.zip")
    with zipfile.ZipFile(tmp_path / "frames.zip") as archive:
        names = archive.namelist()
    assert "manifest.json" in names
    assert sum(name.startswith("frames/") for name in names) == FRAMES


def test_a_film_is_ordered_with_a_report_in_the_language_that_is_spoken(
    chromium: Browser, address: str, film: Path, tmp_path: Path
) -> None:
    with visit(chromium, address, locale="de-DE") as somebody:
        console, page = somebody.sign_in(), somebody.page
        console.upload(film)
        console.card(film.name).get_by_role("link", name="Anonymisieren").click()
        expect(page.get_by_label("Ton behalten")).to_be_hidden()
        page.get_by_label("Format").select_option("mp4")
        expect(page.get_by_label("Ton behalten")).to_be_visible()
        page.get_by_role("button", name="Starten").click()
        with page.expect_download() as downloading:
            page.get_by_role("button", name="ZIP herunterladen").click(timeout=60_000)
        downloading.value.save_as(tmp_path / "film.zip")
    with zipfile.ZipFile(tmp_path / "film.zip") as archive:
        assert any(name.endswith(".mp4") for name in archive.namelist())
        assert 'lang="de"' in archive.read("report.html").decode()


def test_a_run_is_followed_and_cancelled(console: Console, long_film: Path) -> None:
    page = console.page
    console.upload(long_film)
    run = console.run_of_everything(long_film.name)
    expect(run).to_contain_text("In work", timeout=60_000)
    expect(run).to_contain_text("left")
    run.get_by_role("button", name="Cancel run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(long_film.name)
    dialog.get_by_role("button", name="Cancel run").click()
    expect(run).to_contain_text("Cancelled")
    page.get_by_label("State").select_option("completed")
    expect(page.get_by_text("No run fits these filters")).to_be_visible()
    page.get_by_label("State").select_option("cancelled")
    expect(page.locator(".card.run")).to_have_count(1)


def test_what_is_wrong_is_said_in_words(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    page.goto(visitor.address)
    visitor.fill_in("not the password")
    expect(page.get_by_role("alert").get_by_text("User name or password is wrong.")).to_be_visible()
    visitor.fill_in()
    notes = tmp_path / "notes.mp4"
    notes.write_text("no video")
    page.get_by_label("Drop videos here").set_input_files(notes)
    expect(page.get_by_text("This file is no video that can be read")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.goto(f"{visitor.address}/#/videos/999999")
    expect(page.get_by_text("There is no such video")).to_be_visible()
    page.goto(f"{visitor.address}/#/nowhere")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_a_second_user_sees_nothing_of_the_first(
    console: Console, chromium: Browser, address: str, film: Path
) -> None:
    console.upload(film)
    console.card(film.name).get_by_role("link", name="Mark").click()
    expect(console.page.get_by_role("button", name="Mark whole video")).to_be_visible()
    theirs = console.page.url
    with visit(chromium, address) as other:
        others = other.sign_in()
        expect(others.page.get_by_text("There are no videos yet")).to_be_visible()
        others.open("/runs")
        expect(others.page.get_by_text("Nothing has been anonymised yet")).to_be_visible()
        others.page.goto(theirs)
        expect(others.page.get_by_text("There is no such video")).to_be_visible()
        expect(others.page.get_by_role("link", name="Admin")).to_have_count(0)
        others.open("/admin")
        expect(others.page.get_by_text("You are not allowed to do this")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "title", "language", "other"),
    [("en-GB", "Sign in", "en", "Anmelden"), ("de-DE", "Anmelden", "de", "Sign in")],
)
def test_it_speaks_the_language_of_the_browser_and_the_other_one(
    chromium: Browser, address: str, locale: str, title: str, language: str, other: str
) -> None:
    with visit(chromium, address, locale=locale) as somebody:
        page = somebody.page
        page.goto(address)
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.locator(".preferences select").first.select_option("en" if language == "de" else "de")
        expect(page.get_by_role("heading", name=other)).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name=other)).to_be_visible()


def test_nothing_is_wider_than_a_phone(chromium: Browser, address: str, film: Path) -> None:
    with visit(chromium, address, role="admin", size=PHONE, locale="de-DE") as somebody:
        console = somebody.sign_in()
        console.upload(film)
        marking = console.page.locator(".card.video h2 a").first.get_attribute("href") or ""
        own = marking.removeprefix("#")
        for path in ("/videos", own, f"{own}/run", "/runs", "/faces", "/galleries", "/keys", "/admin"):
            console.open(path)
            widths = console.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths == [PHONE["width"], PHONE["width"]], path


def test_marks_are_made_with_keys_alone(console: Console, film: Path) -> None:
    page = console.page
    console.upload(film)
    console.card(film.name).get_by_role("link", name="Mark").click()
    line = page.get_by_role("slider", name="Position in the video")
    expect(line).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    first, last = page.get_by_label("First frame", exact=True), page.get_by_label("Last frame", exact=True)
    expect(first).to_have_value("10")
    expect(last).to_have_value("12")
    page.get_by_role("slider", name="Last frame of").press("Shift+ArrowRight")
    expect(last).to_have_value("22")
    page.get_by_role("button", name="Add region").click()
    region = page.locator(".region")
    region.press("Shift+ArrowLeft")
    expect(page.get_by_label("Left", exact=True)).to_have_value("110")
    region.press("Delete")
    expect(page.get_by_text("No region yet.")).to_be_visible()


def test_regions_and_segments_are_drawn_and_dragged(console: Console, film: Path) -> None:
    page = console.page
    console.upload(film)
    console.card(film.name).get_by_role("link", name="Mark").click()
    layer = page.locator(".regions")
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    assert box
    # In eighths of the picture, which is 320 pixels wide and 240 high.
    x, y = (
        [box["x"] + box["width"] * n / 8 for n in range(9)],
        [box["y"] + box["height"] * n / 8 for n in range(9)],
    )
    drag(page, (x[2], y[2]), (x[4], y[4]))
    expect(page.get_by_label("Left", exact=True)).to_have_value("80")
    expect(page.get_by_label("Width", exact=True)).to_have_value("80")
    drag(page, (x[3], y[3]), (x[4], y[3]))
    expect(page.get_by_label("Left", exact=True)).to_have_value("120")
    drag(page, (x[5], y[4]), (x[6], y[6]))
    expect(page.get_by_label("Width", exact=True)).to_have_value("120")
    expect(page.get_by_label("Height", exact=True)).to_have_value("120")
    page.get_by_role("button", name="Mark whole video").click()
    grip = page.locator(".grip.end").bounding_box()
    line = page.locator(".segments").bounding_box()
    assert grip
    assert line
    middle = grip["y"] + grip["height"] / 2
    drag(page, (grip["x"] + 4, middle), (line["x"] + line["width"] * 10.5 / FRAMES, middle))
    expect(page.get_by_label("Last frame", exact=True)).to_have_value("10")
    page.reload()
    expect(page.get_by_label("Last frame", exact=True)).to_have_value("10")
    expect(page.get_by_label("Height", exact=True)).to_have_value("120")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=4)
    mouse.up()


def test_an_expired_session_asks_to_sign_in_and_goes_on(visitor: Visitor, console: Console) -> None:
    page = console.page
    console.open("/keys")
    page.context.clear_cookies()
    page.get_by_label("Name").fill("nightly export")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    visitor.fill_in()
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    expect(page.get_by_text("Your session has ended")).to_have_count(0)


def test_a_lost_connection_is_told_and_comes_back(console: Console) -> None:
    page = console.page
    banner = page.get_by_text("No connection to the service")
    page.context.set_offline(True)
    expect(banner).to_be_visible()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_text("The service cannot be reached")).to_be_visible()
    page.context.set_offline(False)
    expect(banner).to_be_hidden()
    expect(page.get_by_text("Nothing has been anonymised yet")).to_be_visible()


def test_a_video_is_deleted_after_a_question(console: Console, film: Path) -> None:
    page = console.page
    console.upload(film)
    remove = page.get_by_role("button", name=f"Delete {film.name}")
    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(console.card(film.name)).to_be_visible()
    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()


def test_a_key_is_shown_once_works_and_is_revoked(console: Console, address: str) -> None:
    page = console.page
    console.open("/keys")
    page.get_by_label("Name").fill("<b>nightly</b> export")
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_role("dialog").locator("code").inner_text()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    # What people type is text, whatever it looks like.
    expect(page.get_by_text("<b>nightly</b> export")).to_be_visible()
    headers = {"X-API-Key": secret}
    assert httpx.get(f"{address}/api/auth/me", headers=headers).status_code == 200
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You have no API keys.")).to_be_visible()
    assert httpx.get(f"{address}/api/auth/me", headers=headers).status_code == 401


def test_text_never_becomes_markup_or_script(visitor: Visitor, console: Console) -> None:
    with pytest.raises(Error, match="TrustedHTML"):
        console.page.evaluate("() => { document.body.innerHTML = '<b>bold</b>' }")
    expect(console.page.get_by_role("heading", name="Videos")).to_be_visible()
    # Tests would see a violation of the policy in the console itself, too.
    assert any("TrustedHTML" in error for error in visitor.errors)
    visitor.errors.clear()
