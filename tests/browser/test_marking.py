"""Segments and regions, marked by hand and proposed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from support.http.browser import DESKTOP, FRAMES, PHONE, WORK_MS, Console, visit


def test_marks_are_made_with_the_keyboard_alone(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.card(video_file.name).get_by_role("link", name="Mark").click()
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


def test_regions_and_segments_are_drawn_and_dragged(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.card(video_file.name).get_by_role("link", name="Mark").click()
    layer = page.locator(".regions")
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    assert box
    # In eighths of the frame, which is 320 pixels wide and 240 high.
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


def test_region_is_covered_in_the_chosen_frames(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.open(video)
    page.get_by_role("button", name="Add region").click()
    page.get_by_label("Frame", exact=True).fill("5")
    page.keyboard.press("Enter")
    page.get_by_label("In the whole video").uncheck()
    last = page.get_by_label("Last frame", exact=True)
    expect(page.get_by_label("First frame", exact=True)).to_have_value("5")
    last.fill("9")
    last.press("Tab")
    expect(last).to_have_value("9")
    page.get_by_label("Frame", exact=True).fill("10")
    page.keyboard.press("Enter")
    expect(page.locator(".region")).to_have_count(0)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Frame", exact=True)).to_have_value("5")
    expect(page.locator(".region")).to_have_count(1)
    (region,) = console.request("GET", f"/api{video}/regions/").json()
    assert (region["start_frame"], region["end_frame"]) == (5, 10)


def test_quick_changes_of_a_region_are_all_kept(console: Console, video_file: Path) -> None:
    """A change made before the one before it was stored used to leave two regions, or to be lost."""
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.open(video)
    page.get_by_role("button", name="Add region").click()
    width, height, left, top = (
        page.get_by_label(side, exact=True) for side in ("Width", "Height", "Left", "Top")
    )
    expect(width).to_be_visible()
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if route.request.method == "POST" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/regions/", hold_first)
    with page.expect_request(lambda request: request.method == "POST"):
        width.fill("91")
        width.press("Tab")
    height.fill("67")
    height.press("Tab")
    left.fill("7")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        held[0].continue_()
    expect(left).to_have_value("7")
    expect(left).to_be_focused()
    left.press("Tab")
    expect(top).to_be_focused()
    for field, value in ((width, "91"), (height, "67"), (left, "7")):
        expect(field).to_have_value(value)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.reload()
    for field, value in ((width, "91"), (height, "67"), (left, "7")):
        expect(field).to_have_value(value)


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=4)
    mouse.up()


def test_overlays_are_proposed_and_accepted_one_by_one_or_at_once(console: Console, scanned: Path) -> None:
    page = console.page
    console.upload(scanned)
    console.open(console.marking_page(scanned.name))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/proposals/events", hold)
    page.evaluate(
        """() => {
          window.texts = new Set();
          const node = document.querySelector(".search-status ~ .facts");
          const collect = () => window.texts.add(node.textContent);
          new MutationObserver(collect).observe(document.body, { subtree: true, childList: true });
        }"""
    )
    page.get_by_role("button", name="Search for overlays").click()
    expect(page.get_by_role("status").get_by_text("Searching the video")).to_be_visible()
    expect(page.get_by_role("button", name="Search for overlays")).to_be_disabled()
    held[0].continue_()
    page.unroute("**/proposals/events")
    expect(page.get_by_text("2 static areas found")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("progressbar", name="Progress of the search")).to_be_hidden()
    texts = page.evaluate("[...window.texts]")
    assert len([text for text in texts if re.fullmatch(r"\d+ of \d+ frames searched", text)]) > 3
    expect(page.locator(".proposal")).to_have_count(2)
    expect(page.get_by_text(re.compile("^Stands still"))).to_have_count(2)
    expect(page.get_by_text("%")).to_have_count(0)
    show = page.get_by_role("button", name="Show 2: Text overlay")
    show.press("Enter")
    expect(page.locator(".proposal.selected")).to_have_text("2")
    expect(show).to_be_focused()
    page.get_by_role("button", name="Accept 1: Text overlay").press("Enter")
    expect(page.get_by_role("textbox", name="Name: Text overlay")).to_have_value("Text overlay")
    expect(page.locator(".region")).to_have_count(1)
    expect(page.get_by_role("button", name="Accept 1: Text overlay")).to_be_focused()
    page.get_by_role("button", name="Dismiss 1: Text overlay").click()
    expect(page.get_by_text("All proposals have been processed.")).to_be_visible()
    # What is a region already is not proposed again.
    page.get_by_role("button", name="Search for overlays").click()
    expect(page.get_by_text("1 static area found")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="Remove Text overlay").click()
    page.get_by_role("button", name="Search for overlays").click()
    page.get_by_role("button", name="Accept all").click(timeout=WORK_MS)
    expect(page.locator(".region")).to_have_count(2)
    page.reload()
    expect(page.locator(".region")).to_have_count(2)


def test_overlay_search_without_result_or_with_an_error_is_reported(
    console: Console, video_file: Path
) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.open(video)
    page.get_by_role("button", name="Search for overlays").click()
    expect(page.get_by_text("No new static areas found")).to_be_visible(timeout=WORK_MS)
    console.request("DELETE", f"/api{video}")
    page.get_by_role("button", name="Search for overlays").click()
    expect(page.get_by_role("status").get_by_text("This video does not exist")).to_be_visible()


def test_proposals_fit_a_phone_and_are_named_in_german(
    chromium: Browser, address: str, scanned: Path
) -> None:
    with visit(chromium, address, size=PHONE, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.upload(scanned)
        console.open(console.marking_page(scanned.name))
        page.get_by_role("button", name="Nach Einblendungen suchen").click()
        page.get_by_role("button", name="Alle übernehmen").wait_for(timeout=WORK_MS)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.get_by_role("button", name="Alle übernehmen").click()
        expect(page.get_by_role("textbox", name="Name: Eingeblendeter Text").first).to_be_visible()


def test_changes_of_marks_are_undone_and_repeated(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.open(video)
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    expect(undo).to_be_disabled()
    page.get_by_role("button", name="Add region").click()
    left = page.get_by_label("Left", exact=True)
    left.fill("20")
    left.press("Tab")
    expect(left).to_have_value("20")
    page.get_by_role("button", name="Mark whole video").click()
    page.get_by_label("Name: Segment 1").fill("film")
    page.get_by_label("Name: Segment 1").press("Tab")
    expect(page.locator(".segment")).to_contain_text("film")
    page.get_by_role("button", name="Remove Region 1").click()
    expect(page.locator(".region")).to_have_count(0)
    undo.click()
    expect(page.locator(".region")).to_have_count(1)
    expect(left).to_have_value("20")
    undo.click()
    undo.click()
    expect(page.locator(".segment")).to_have_count(0)
    undo.click()
    expect(left).to_have_value("120")
    page.locator("h1").click()
    page.keyboard.press("Control+z")
    expect(page.locator(".region")).to_have_count(0)
    expect(undo).to_be_disabled()
    for _ in range(4):
        page.keyboard.press("Control+Shift+Z")
    page.keyboard.press("Control+y")
    expect(redo).to_be_disabled()
    expect(page.locator(".segment")).to_contain_text("film")
    stored = {kind: console.request("GET", f"/api{video}/{kind}/").json() for kind in ("segments", "regions")}
    assert [segment["label"] for segment in stored["segments"]] == ["film"]
    assert stored["regions"] == []


def test_undo_shows_what_is_stored_if_another_user_has_changed_it(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.open(video)
    page.get_by_role("button", name="Add region").click()
    expect(page.locator(".region")).to_have_count(1)
    (region,) = console.request("GET", f"/api{video}/regions/").json()
    console.request("DELETE", f"/api{video}/regions/{region['id']}")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("No region yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    expect(page.get_by_role("alert").get_by_text("already been removed")).to_be_visible()


def test_video_is_played_to_its_end_and_paused(console: Console, long_video_file: Path) -> None:
    page = console.page
    console.upload(long_video_file)
    console.open(console.marking_page(long_video_file.name))
    position = page.get_by_role("slider", name="Position in the video")
    page.get_by_role("button", name="Play").click()
    expect(position).not_to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(position).to_have_attribute("aria-valuenow", "5999")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_question_mark_lists_the_keys(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    page.locator("h1").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Close a menu or dialog")
    expect(dialog).not_to_contain_text("Undo the last change")
    page.keyboard.press("Escape")
    console.open(console.marking_page(video_file.name))
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(dialog).to_contain_text("Undo the last change")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_label("Frame", exact=True).press("?")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_timeline_has_thumbnails_from_one_request(
    chromium: Browser, address: str, video_file: Path, size: ViewportSize
) -> None:
    with visit(chromium, address, size=size) as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.upload(video_file)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/filmstrip" in request.url else None)
        console.open(console.marking_page(video_file.name))
        strip = page.locator("canvas.filmstrip[data-state=shown]")
        expect(strip).to_be_visible()
        drawn = strip.evaluate(
            """(canvas) => {
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              let opaque = 0;
              for (let place = 3; place < data.length; place += 4) opaque += data[place] === 255;
              return opaque / (width * height);
            }"""
        )
        assert drawn == 1
        assert len(asked) == 1
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
