"""Results reviewed, corrected and rendered again, in a real browser."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from framecloak.domain.imaging.detections import Image
from support.http.browser import PHONE, WORK_MS, Console, Visitor, visit
from support.processes import service_process
from support.samples.media import write_video
from support.samples.ward import SIZE, ward

FRAMES = 12
WIDTH, HEIGHT = 320, 240
REGION = (120, 90, 200, 150)
"""Drawn by the button on the marking page: left, top, right, bottom."""


@pytest.fixture(scope="session")
def video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A white video, in which redactions are visible."""
    white = np.full((HEIGHT, WIDTH, 3), 235, np.uint8)
    path = tmp_path_factory.mktemp("films") / "corridor.mp4"
    return write_video(path, FRAMES, size=(WIDTH, HEIGHT), images=[white] * FRAMES)


def reviewed(console: Console, video_file: Path, output: str = "jpg") -> str:
    """Have a video with a region anonymised and open its review; return the address."""
    page = console.page
    console.upload(video_file)
    console.card(video_file.name).get_by_role("link", name="Mark").click()
    page.get_by_role("button", name="Add region").click()
    expect(page.locator(".region")).to_be_visible()
    console.open("/videos")
    console.card(video_file.name).get_by_role("link", name="Anonymise").click()
    page.get_by_label("Format").select_option(output)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Review").first.click(timeout=WORK_MS)
    expect(page.get_by_role("heading", name=f"Review of “{video_file.name}”")).to_be_visible()
    expect(page.locator(".stage .frame").first).to_have_attribute("src", re.compile("/frames/"))
    expect(boxes(page)).to_have_count(1)
    return page.url


def boxes(page: Page) -> Locator:
    return page.locator(".overlay .region")


def delivered(page: Page, address: str, frame: int) -> Image:
    """Return a frame of the reviewed result, as it is in the ZIP."""
    found = re.search(r"/runs/([0-9a-f-]{36})/review", page.url)
    assert found
    answer = page.request.get(f"{address}/api/frames/anonymize/{found[1]}/frames/{frame}/")
    assert answer.status == 200
    picture = cv2.imdecode(np.frombuffer(answer.body(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def brightness(picture: Image, area: tuple[int, int, int, int]) -> float:
    """Return the mean brightness well inside an area."""
    left, top, right, bottom = area
    return float(picture[top + 4 : bottom - 4, left + 4 : right - 4].mean())


def go_to(page: Page, frame: int) -> None:
    field = page.get_by_label("Frame", exact=True)
    field.fill(str(frame))
    field.press("Enter")
    expect(page.locator(f'.frame[alt="Frame {frame} of the result"]')).to_be_visible()


def place(page: Page, area: tuple[int, int, int, int]) -> None:
    """Move the selected box by its number fields."""
    left, top, right, bottom = area
    for label, pixels in (("Width", right - left), ("Height", bottom - top), ("Left", left), ("Top", top)):
        field = page.get_by_label(label, exact=True)
        field.fill(str(pixels))
        field.press("Tab")
        expect(page.get_by_label(label, exact=True)).to_have_value(str(pixels))


def render(page: Page) -> None:
    """Render the changes, wait for the new run, and open its review."""
    before = page.url
    page.get_by_role("button", name="Render again").click()
    made = page.locator(".lists .run")
    made.get_by_role("link", name="Review").click(timeout=WORK_MS)
    expect(page).not_to_have_url(before)
    expect(page.get_by_text("No changes yet")).to_be_visible()


def test_black_frames_are_shown_in_the_list_and_above_the_review(console: Console, video_file: Path) -> None:
    page = console.page
    reviewed(console, video_file)
    expect(page.get_by_text("frames are black")).to_have_count(0)
    found = re.search(r"/runs/([0-9a-f-]{36})/review", page.url)
    assert found
    black = [{"index": index, "blanked": True, "boxes": []} for index in (3, 4)]
    console.request("POST", f"/api/frames/anonymize/{found[1]}/render/", {"frames": black})
    console.open("/runs")
    run = page.locator(".run").first
    expect(run.get_by_text("2 frames are black")).to_be_visible(timeout=WORK_MS)
    run.get_by_role("link", name="Review").click()
    expect(page.get_by_text("2 frames are black")).to_be_visible()


def test_added_box_covers_and_removed_box_uncovers(console: Console, video_file: Path, address: str) -> None:
    page = console.page
    reviewed(console, video_file)
    first = delivered(page, address, 3)
    added = (10, 20, 70, 90)
    assert brightness(first, REGION) < 20
    assert brightness(first, added) > 200
    go_to(page, 3)
    page.get_by_label("Changes apply to").select_option("range")
    page.get_by_label("Last frame", exact=True).fill("5")
    page.get_by_label("Last frame", exact=True).press("Tab")
    page.get_by_role("button", name="Add box").click()
    place(page, added)
    expect(page.get_by_text("3 frames are changed")).to_be_visible()
    page.get_by_label("Changes apply to").select_option("frame")
    page.get_by_role("button", name="Remove Region").click()
    expect(page.get_by_text("In 1 frame, something will be visible")).to_be_visible()
    expect(page.locator(".ghost")).to_be_visible()
    render(page)
    pictures = {frame: delivered(page, address, frame) for frame in (2, 3, 5, 6)}
    assert {frame: brightness(one, added) < 20 for frame, one in pictures.items()} == {
        2: False,
        3: True,
        5: True,
        6: False,
    }
    assert {frame: brightness(one, REGION) < 20 for frame, one in pictures.items()} == {
        2: True,
        3: False,
        5: True,
        6: True,
    }


def test_before_and_after_are_compared_with_keys(console: Console, video_file: Path) -> None:
    page = console.page
    reviewed(console, video_file)
    wipe = page.get_by_role("slider", name="Visible part of the original")
    expect(wipe).to_have_attribute("aria-valuetext", re.compile("50.?% original"))
    wipe.press("ArrowRight")
    expect(wipe).to_have_value("51")
    for _ in range(6):
        wipe.press("PageUp")
    wipe.press("End")
    assert bright_in_the_middle(page) > 200
    wipe.press("Home")
    assert bright_in_the_middle(page) < 60
    stage = page.locator(".stage").bounding_box()
    assert stage
    middle = stage["y"] + stage["height"] / 2
    drag(page, (stage["x"] + 4, middle), (stage["x"] + stage["width"] / 4, middle))
    expect(wipe).to_have_value("25")


def bright_in_the_middle(page: Page) -> float:
    """Return the image at the region, without the boxes drawn on it."""
    page.get_by_label("Show boxes").uncheck()
    shot = page.locator(".stage").screenshot()
    page.get_by_label("Show boxes").check()
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height, width = picture.shape[:2]
    return float(picture[height // 2 - 5 : height // 2 + 5, width // 2 - 30 : width // 2 - 20].mean())


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_frames_are_stepped_through_and_chosen_by_risk(console: Console, video_file: Path) -> None:
    page = console.page
    reviewed(console, video_file)
    number = page.get_by_label("Frame", exact=True)
    expect(number).to_have_value("0")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    expect(number).to_have_value("1")
    page.keyboard.press("End")
    expect(number).to_have_value(str(FRAMES - 1))
    page.get_by_role("button", name="One frame back").click()
    expect(number).to_have_value(str(FRAMES - 2))
    risks = page.locator(".risk")
    expect(risks).to_have_count(FRAMES)
    expect(risks.first).to_contain_text("Covered by hand only")
    risks.nth(4).click()
    expect(number).to_have_value("4")
    expect(risks.nth(4)).to_have_attribute("aria-current", "true")
    # Thumbnails show the delivered frames only.
    sources = page.locator(".risk img").evaluate_all("all => all.map(one => one.getAttribute('src'))")
    assert all(re.match(r"/api/frames/anonymize/[0-9a-f-]+/frames/\d+/\?width=", one) for one in sources)
    page.reload()
    expect(number).to_have_value("4")


def test_boxes_are_drawn_moved_hidden_and_undone(console: Console, video_file: Path) -> None:
    page = console.page
    reviewed(console, video_file)
    stage = page.locator(".stage").bounding_box()
    assert stage
    x, y = (
        [stage["x"] + stage["width"] * n / 8 for n in range(9)],
        [stage["y"] + stage["height"] * n / 8 for n in range(9)],
    )
    drag(page, (x[1], y[1]), (x[2], y[2]))
    expect(boxes(page)).to_have_count(2)
    left, width = page.get_by_label("Left", exact=True), page.get_by_label("Width", exact=True)
    expect(left).to_have_value("40")
    expect(width).to_have_value("40")
    drawn = page.locator(".overlay .region.selected")
    drawn.press("Shift+ArrowRight")
    expect(left).to_have_value("50")
    drawn.press("Alt+ArrowRight")
    expect(width).to_have_value("41")
    page.get_by_role("button", name="Undo").click()
    expect(width).to_have_value("40")
    page.get_by_role("button", name="Redo").click()
    expect(width).to_have_value("41")
    drawn.press("Control+z")
    expect(width).to_have_value("40")
    page.keyboard.press("b")
    expect(page.locator(".overlay")).to_be_hidden()
    page.keyboard.press("b")
    drawn.press("Delete")
    expect(boxes(page)).to_have_count(1)
    page.get_by_text("No changes yet").wait_for()
    # Of a region that does not move, all frames are changed at once.
    page.get_by_label("Changes apply to").select_option("all")
    page.locator(".overlay .region").press("ArrowDown")
    expect(page.get_by_text(f"{FRAMES} frames are changed")).to_be_visible()
    expect(page.get_by_text(f"In {FRAMES} frames, something will be visible")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_text("No changes yet")).to_be_visible()


def test_changes_are_not_lost(console: Console, video_file: Path) -> None:
    page = console.page
    reviewed(console, video_file)
    page.get_by_role("button", name="Add box").click()
    page.get_by_role("link", name="Videos").click()
    expect(page.get_by_text("Your changes are kept")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("1 frame is changed")).to_be_visible()
    expect(boxes(page)).to_have_count(2)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("location.reload()")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    expect(page.get_by_text("1 frame is changed")).to_be_visible()


def test_faces_are_reviewed_with_their_report_and_downloaded(console: Console, tmp_path: Path) -> None:
    page = console.page
    # Out of focus, so that the scores are low enough for thumbnails in the report.
    images = (cv2.GaussianBlur(ward(frame), (0, 0), 4) for frame in range(FRAMES))
    video_file = write_video(tmp_path / "ward.mp4", FRAMES, size=SIZE, images=images)
    console.upload(video_file)
    run = console.submit_all_frames(video_file.name)
    run.get_by_role("link", name="Review").click(timeout=WORK_MS)
    expect(boxes(page)).to_have_count(2)
    expect(page.locator(".risk").first).to_contain_text("Detected with")
    expect(page.locator(".boxes")).to_contain_text("Face 0")
    page.get_by_role("button", name="Report").click()
    report = page.frame_locator("iframe.report")
    expect(report.get_by_role("heading", level=1)).to_be_visible()
    loaded = report.locator("img").evaluate_all("all => all.map(one => one.naturalWidth > 0)")
    assert loaded
    assert all(loaded)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download ZIP").click()
    downloading.value.save_as(tmp_path / "frames.zip")
    with zipfile.ZipFile(tmp_path / "frames.zip") as archive:
        assert "report.html" in archive.namelist()


def test_frames_of_a_video_are_reviewed(console: Console, video_file: Path, address: str) -> None:
    page = console.page
    reviewed(console, video_file, "mp4")
    go_to(page, 7)
    expect(page.locator(".picture-problem")).to_be_hidden()
    assert brightness(delivered(page, address, 7), REGION) < 30
    page.get_by_role("button", name="Add box").click()
    place(page, (10, 20, 70, 90))
    render(page)
    assert brightness(delivered(page, address, 7), (10, 20, 70, 90)) < 30


@contextmanager
def run_of_a_shared_video(
    address: str, editor: Visitor, video_file: Path
) -> Iterator[tuple[str, httpx.Client, str]]:
    """Submit a request for another user's video: return its id, the owner, and the address of the grant."""
    with service_process.signed_in(address) as owner:
        users = owner.get("/api/users", params={"limit": 100}).raise_for_status().json()
        listed = users["items"] if isinstance(users, dict) else users
        number = next(user["id"] for user in listed if user["username"] == editor.username)
        video = service_process.upload(owner, video_file)["id"]
        segment = service_process.mark(owner, video, 0, FRAMES)
        grants = f"/api/videos/{video}/grants/"
        owner.put(grants, json={"user_id": number, "role": "editor"}).raise_for_status()
        area = {"x": 120, "y": 90, "width": 80, "height": 60}
        owner.post(f"/api/videos/{video}/regions/", json=area).raise_for_status()
        with service_process.signed_in(address, editor.username) as http:
            order = {"video_id": video, "segment_ids": [segment]}
            run = http.post("/api/frames/anonymize/", json=order).raise_for_status().json()["request_id"]
        yield run, owner, f"{grants}{number}"


def test_viewer_cannot_change_boxes(chromium: Browser, address: str, video_file: Path) -> None:
    with (
        visit(chromium, address) as visitor,
        run_of_a_shared_video(address, visitor, video_file) as (run, owner, grant),
    ):
        grants, _, number = grant.rpartition("/")
        owner.put(f"{grants}/", json={"user_id": int(number), "role": "viewer"}).raise_for_status()
        page = visitor.page
        visitor.sign_in()
        page.goto(f"{address}/#/runs/{run}/review")
        expect(page.get_by_role("slider")).to_have_count(1, timeout=WORK_MS)
        expect(boxes(page)).to_have_count(1)
        expect(page.get_by_role("button", name="Add box")).to_have_count(0)
        boxes(page).press("Delete")
        expect(boxes(page)).to_have_count(1)


def test_user_without_access_to_the_original_sees_only_the_result(
    chromium: Browser, address: str, video_file: Path
) -> None:
    with (
        visit(chromium, address) as visitor,
        run_of_a_shared_video(address, visitor, video_file) as (run, owner, grant),
    ):
        console, page = visitor.sign_in(), visitor.page
        page.goto(f"{address}/#/runs/{run}/review")
        expect(boxes(page)).to_have_count(1, timeout=WORK_MS)
        owner.delete(grant.partition("grants/")[0]).raise_for_status()
        page.reload()
        expect(page.get_by_text("Only the result is shown")).to_be_visible()
        expect(boxes(page)).to_have_count(1)
        expect(page.get_by_role("slider")).to_have_count(0)
        expect(page.locator(".original")).to_be_hidden()
        expect(page.get_by_role("button", name="Add box")).to_have_count(0)
        boxes(page).press("Delete")
        expect(boxes(page)).to_have_count(1)
        expect(page.get_by_alt_text("of the result")).to_be_visible()
        shown = page.locator(".stage").bounding_box()
        assert shown
        assert shown["width"] / shown["height"] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
        console.open("/runs")
        page.get_by_role("link", name="Review").click()
        expect(boxes(page)).to_have_count(1)
    with visit(chromium, address) as stranger:
        stranger.sign_in()
        stranger.page.goto(f"{address}/#/runs/{run}/review")
        expect(stranger.page.get_by_text("This run does not exist")).to_be_visible()


def test_user_whose_access_was_withdrawn_sees_no_result(
    chromium: Browser, address: str, video_file: Path
) -> None:
    with (
        visit(chromium, address) as visitor,
        run_of_a_shared_video(address, visitor, video_file) as (run, owner, grant),
    ):
        owner.delete(grant).raise_for_status()
        visitor.sign_in()
        visitor.page.goto(f"{address}/#/runs/{run}/review")
        expect(visitor.page.get_by_text("You are not allowed to do this").first).to_be_visible(
            timeout=WORK_MS
        )


def test_missing_images_are_explained(console: Console, video_file: Path) -> None:
    page = console.page
    place_of_it = reviewed(console, video_file)
    page.context.set_offline(True)
    page.keyboard.press("End")
    expect(page.locator(".picture-problem")).to_contain_text("The service cannot be reached")
    page.context.set_offline(False)
    expect(page.locator(".picture-problem")).to_be_hidden()
    expect(page.locator(f'.frame[alt="Frame {FRAMES - 1} of the result"]')).to_be_visible()
    gone = {"code": "not_ready", "status": 409, "title": "Conflict", "detail": "the result is gone"}
    page.route("**/boxes/**", lambda route: route.fulfill(status=409, json=gone))
    page.reload()
    expect(page.get_by_text("The result was deleted at the end of its retention period")).to_be_visible()
    page.goto(place_of_it.replace("/review", "0/review"))
    expect(page.get_by_text("This does not exist")).to_be_visible()


def test_unfinished_run_is_followed_until_it_can_be_reviewed(
    console: Console, address: str, tmp_path: Path
) -> None:
    page = console.page
    video_file = write_video(tmp_path / "whole day.mp4", 6000, size=(320, 240))
    console.upload(video_file)
    console.submit_all_frames(video_file.name)
    listed = page.request.get(f"{address}/api/frames/anonymize/requests/").json()["items"]
    page.goto(f"{address}/#/runs/{listed[0]['request_id']}/review")
    expect(page.get_by_text("You can review the result as soon as")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.get_by_text("nothing to review because the run was cancelled")).to_be_visible()
    expect(page.get_by_role("link", name="Run again")).to_be_visible()


def test_an_expired_session_keeps_the_changes(console: Console, video_file: Path, address: str) -> None:
    page = console.page
    # The page reports the shown frame as seen, and would notice the end of the session by itself.
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/seen/" in answer.url):
        reviewed(console, video_file)
        page.get_by_role("button", name="Add box").click()
    expect(page.get_by_text("1 frame is changed")).to_be_visible()
    username = page.locator(".account summary").inner_text()
    page.context.clear_cookies()
    page.get_by_role("button", name="Render again").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(service_process.PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page.get_by_text("1 frame is changed")).to_be_visible()


def test_a_review_fits_a_phone_in_german(chromium: Browser, address: str, video_file: Path) -> None:
    with visit(chromium, address) as visitor:
        english = visitor.sign_in()
        place_of_it = reviewed(english, video_file)
        page = english.page
        page.locator(".account summary").click()
        page.get_by_label("Language").select_option("de")
        page.set_viewport_size(PHONE)
        page.goto(place_of_it)
        expect(page.get_by_role("heading", name=f"„{video_file.name}“ prüfen")).to_be_visible()
        expect(page.locator(".risk").first).to_be_visible()
        page.get_by_role("button", name="Rahmen hinzufügen").click()
        page.get_by_label("Änderungen gelten für").select_option("range")
        page.get_by_role("button", name="Bericht").click()
        expect(page.locator("iframe.report")).to_be_visible()
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths == [PHONE["width"], PHONE["width"]]


def test_a_track_of_text_is_flipped_with_one_click(console: Console, scanned: Path) -> None:
    page = console.page
    console.upload(scanned)
    console.open(f"{console.marking_page(scanned.name)}/run")
    page.get_by_role("radio", name="Everything").check()
    page.get_by_role("radio", name="Cover listed text only").check()
    page.get_by_label("Names to cover").fill("Klara Meyer")
    page.get_by_role("checkbox", name="I accept").check()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Review").first.click(timeout=WORK_MS)
    texts = page.get_by_role("region", name="Text", exact=True).get_by_role("listitem")
    expect(texts.filter(has_text="name on the list").first).to_contain_text("covered · ")
    expect(texts.first).to_contain_text("readable · on no list · frames 0 to")
    readable = texts.first
    expect(page.get_by_text("KLARA")).to_have_count(0)
    readable.get_by_role("button", name="Cover").click()
    expect(readable).to_contain_text("covered")
    expect(page.get_by_text("frames are changed and not rendered yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(readable).to_contain_text("readable")
    readable.get_by_role("button", name="Cover").click()
    with page.expect_request(lambda request: request.url.endswith("/render/")) as sent:
        page.get_by_role("button", name="Render again").click()
    frames = sent.value.post_data_json["frames"]
    assert len(frames) > 1
    tracks = {box["track"] for frame in frames for box in frame["boxes"] if box["kind"] == "text"}
    assert len(tracks) >= 2, "the text that was covered stays covered"


def test_a_reviewer_sees_risky_frames_and_releases_the_result(console: Console, video_file: Path) -> None:
    page = console.page
    address = reviewed(console, video_file)
    card = page.locator(".card.release")
    expect(card).to_contain_text("Frames that you have seen: 1 of 12")
    card.get_by_role("button", name="Release result").click()
    page.get_by_role("dialog").get_by_role("button", name="Release result").click()
    expect(card).to_contain_text(re.compile("Released by .+ on "))
    expect(card.get_by_role("button", name="Release result")).to_have_count(0)
    with page.expect_download() as download:
        card.get_by_role("link", name="Save signed release").click()
    assert b'"format":"framecloak release 1"' in download.value.path().read_bytes()
    console.open("/runs")
    expect(page.locator(".run").first).to_contain_text("released by ")
    assert address
