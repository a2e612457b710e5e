"""Unsent choices in forms: kept or chosen again, but never reset unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from support.http.browser import WORK_MS, Console, Visitor

AREA = {"x": 8, "y": 90, "width": 80, "height": 60, "start_frame": None, "end_frame": None}


def speak(page: Page, language: str) -> None:
    """Choose a language in the account menu."""
    page.locator(".account summary").click()
    page.locator(".preferences select").first.select_option(language)
    expect(page.locator("html")).to_have_attribute("lang", language)


def ordered(page: Page, action: str) -> dict[str, Any]:
    """Submit the form; return the body of the request to the API."""
    with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/anonymize/")
    ) as sent:
        page.get_by_role("button", name=action, exact=True).click()
    body: dict[str, Any] = sent.value.post_data_json
    return body


def marked(console: Console, video_file: Path) -> tuple[str, list[int]]:
    """Upload a video with two segments; return its page and their ids."""
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    ends = ((0, 10), (10, 20))
    segments = [
        console.request("POST", f"/api{video}/segments/", {"start_frame": start, "end_frame": end}).json()
        for start, end in ends
    ]
    return video, [segment["id"] for segment in segments]


def choose_much(page: Page) -> None:
    """Choose everything, all frames, a static area, not the second segment, high priority and an aspect."""
    page.get_by_role("radio", name="Everything").check()
    page.get_by_role("radio", name="Every frame").check()
    page.get_by_label("Segment 2: frames 10 to 19").uncheck()
    page.get_by_role("button", name="Choose areas in the frame").click()
    page.get_by_role("button", name="Add area").click()
    page.get_by_label("Left", exact=True).fill("8")
    page.get_by_label("Left", exact=True).press("Enter")
    page.get_by_label("Format").select_option("webp")
    page.get_by_label("Quality").press("ArrowLeft")
    page.get_by_text("More options").click()
    page.get_by_label("Priority").select_option("high")
    page.get_by_label("Pixel aspect").fill("24:11")


def assert_much(body: dict[str, Any], segment: int) -> None:
    expected = {
        "segment_ids": [segment],
        "anonymization_level": "full",
        "verify": "all",
        "keep_text": [AREA],
        "output_format": "webp",
        "quality": 85,
        "priority": "high",
        "pixel_aspect": "24:11",
    }
    assert {name: body[name] for name in expected} == expected


def test_draft_survives_a_change_of_language(console: Console, video_file: Path) -> None:
    page = console.page
    video, (first, _) = marked(console, video_file)
    console.open(f"{video}/run")
    expect(page.get_by_text("Your previous choices have been restored")).to_be_hidden()
    choose_much(page)
    speak(page, "de")
    expect(page.get_by_text("Ihre vorherige Auswahl wurde wiederhergestellt")).to_be_visible()
    body = ordered(page, "Starten")
    assert_much(body, first)
    # The language of the report was not chosen yet.
    assert body["language"] == "de"
    expect(page.locator(".card.run")).to_have_count(1)
    # What was sent is no longer a draft.
    console.open(f"{video}/run")
    expect(page.get_by_role("radio", name="Jedes Gesicht")).to_be_checked()
    expect(page.get_by_text("Ihre vorherige Auswahl wurde wiederhergestellt")).to_be_hidden()


def test_draft_survives_the_session_and_is_reset_on_request(
    visitor: Visitor, console: Console, video_file: Path
) -> None:
    page = console.page
    video, (first, second) = marked(console, video_file)
    console.open(f"{video}/run")
    choose_much(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    visitor.fill_in()
    expect(page.get_by_text("Your previous choices have been restored")).to_be_visible()
    page.get_by_role("link", name="Back to marking").click()
    page.get_by_role("link", name="Continue to anonymise").click()
    expect(page.get_by_role("radio", name="Every frame")).to_be_checked()
    expect(page.get_by_role("button", name="1 area chosen")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("radio", name="A sample")).to_be_checked()
    body = ordered(page, "Start")
    assert body["segment_ids"] == [first, second]
    assert body["keep_text"] == []


def test_repeated_request_has_the_same_options(console: Console, video_file: Path) -> None:
    page = console.page
    video, (first, _) = marked(console, video_file)
    console.open(f"{video}/run")
    choose_much(page)
    page.get_by_role("radio", name="Pixelated").check()
    page.get_by_label("Language of the report").select_option("de")
    ordered(page, "Start")
    run = page.locator(".card.run")
    expect(run).to_have_count(1)
    # As if it had been cancelled in time.
    listed = console.request("GET", "/api/frames/anonymize/requests/").json()
    listed["items"][0]["status"] = "cancelled"
    page.route("**/requests/?*", lambda route: route.fulfill(json=listed))
    page.reload()
    run.get_by_role("link", name="Run again").click()
    expect(page.get_by_text("Filled in with the choices of the run of")).to_be_visible()
    body = ordered(page, "Start")
    assert_much(body, first)
    assert (body["redaction"], body["language"], body["identities"]) == ("pixelate", "de", None)


def test_run_of_a_deleted_video_cannot_be_repeated(console: Console, video_file: Path) -> None:
    page = console.page
    video, segments = marked(console, video_file)
    order = {"video_id": int(video.rpartition("/")[2]), "segment_ids": segments}
    one = console.request("POST", "/api/frames/anonymize/", order).json()["request_id"]
    console.open("/runs")
    expect(page.locator(".badge", has_text="Done")).to_be_visible(timeout=WORK_MS)
    console.request("DELETE", f"/api{video}")
    listed = console.request("GET", "/api/frames/anonymize/requests/").json()
    listed["items"][0]["status"] = "failed"
    page.route("**/requests/?*", lambda route: route.fulfill(json=listed))
    page.route(f"**/requests/{one}/", lambda route: route.fulfill(json=listed["items"][0]))
    page.reload()
    expect(page.locator(".card.run")).to_contain_text("Failed")
    expect(page.get_by_role("link", name="Run again")).to_have_count(0)
    console.open(f"/runs/{one}/review")
    expect(page.get_by_text("because the run failed")).to_be_visible()
    expect(page.get_by_role("link", name="Run again")).to_have_count(0)


def test_people_of_a_deleted_gallery_are_not_replaced_by_others(console: Console, video_file: Path) -> None:
    page = console.page
    video, _ = marked(console, video_file)
    ids = []
    for name in ("Ward 3b", "Ward 4"):
        gallery = console.request("POST", "/galleries/", {"name": name}).json()
        face = {"label": "patient 17", "embedding": [1.0] + [0.0] * (gallery["dimension"] - 1)}
        console.request("POST", f"/galleries/{gallery['id']}/faces/", face)
        ids.append(gallery["id"])
    console.open(f"{video}/run")
    page.get_by_role("radio", name="Only certain people").check()
    page.get_by_label("Gallery of these people").select_option(ids[0])
    page.get_by_label("Minimum similarity").press("ArrowRight")
    similarity = page.get_by_label("Minimum similarity").input_value()
    speak(page, "de")
    expect(page.get_by_role("radio", name="Nur bestimmte Personen")).to_be_checked()
    expect(page.get_by_label("Galerie dieser Personen")).to_have_value(ids[0])
    expect(page.get_by_label("Mindestähnlichkeit")).to_have_value(similarity)
    console.request("DELETE", f"/galleries/{ids[0]}")
    speak(page, "en")
    expect(page.locator("[name=identities]").first).to_be_checked()
    assert ordered(page, "Start")["identities"] is None


def test_unfinished_segment_survives_a_change_of_language(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.open(console.marking_page(video_file.name))
    for key in ("Shift+ArrowRight", "i", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_label("Frame", exact=True)).to_have_value("12")
    speak(page, "de")
    expect(page.get_by_text("Ein Abschnitt beginnt bei Bild 10")).to_be_visible()
    expect(page.get_by_label("Bild", exact=True)).to_have_value("12")
    page.get_by_role("button", name="Abschnitt beenden").click()
    expect(page.locator(".segment")).to_have_count(1)
    assert "begun" not in page.url
