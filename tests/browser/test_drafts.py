"""What was chosen and not sent: kept, or chosen again, but never reset unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from support.http.browser import WORK_MS, Console, Visitor

AREA = {"x": 8, "y": 90, "width": 80, "height": 60, "start_frame": None, "end_frame": None}


def speak(page: Page, language: str) -> None:
    """Choose a language in the menu of the account."""
    page.locator(".account summary").click()
    page.locator(".preferences select").first.select_option(language)
    expect(page.locator("html")).to_have_attribute("lang", language)


def ordered(page: Page, action: str) -> dict[str, Any]:
    """Send the order; what the service was asked for."""
    with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/anonymize/")
    ) as sent:
        page.get_by_role("button", name=action, exact=True).click()
    body: dict[str, Any] = sent.value.post_data_json
    return body


def marked(console: Console, film: Path) -> tuple[str, list[int]]:
    """Upload a film with two segments; its page and their numbers."""
    console.upload(film)
    video = console.link_to(film.name)
    ends = ((0, 10), (10, 20))
    segments = [
        console.ask("POST", f"/api{video}/segments/", {"start_frame": start, "end_frame": end}).json()
        for start, end in ends
    ]
    return video, [segment["id"] for segment in segments]


def choose_much(page: Page) -> None:
    """Everything, checked in every frame, with an area that stays, without the second segment, at once."""
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


def assert_much(body: dict[str, Any], segment: int) -> None:
    wanted = {
        "segment_ids": [segment],
        "anonymization_level": "full",
        "verify": "all",
        "keep_text": [AREA],
        "output_format": "webp",
        "quality": 85,
        "priority": "high",
    }
    assert {name: body[name] for name in wanted} == wanted


def test_an_order_outlasts_another_language(console: Console, film: Path) -> None:
    page = console.page
    video, (first, _) = marked(console, film)
    console.open(f"{video}/run")
    expect(page.get_by_text("Your previous choices have been restored")).to_be_hidden()
    choose_much(page)
    speak(page, "de")
    expect(page.get_by_text("Ihre vorherige Auswahl wurde wiederhergestellt")).to_be_visible()
    body = ordered(page, "Starten")
    assert_much(body, first)
    # Nobody had chosen what the report is written in.
    assert body["language"] == "de"
    expect(page.locator(".card.run")).to_have_count(1)
    # What was sent is no draft any more.
    console.open(f"{video}/run")
    expect(page.get_by_role("radio", name="Jedes Gesicht")).to_be_checked()
    expect(page.get_by_text("Ihre vorherige Auswahl wurde wiederhergestellt")).to_be_hidden()


def test_an_order_outlasts_the_session_and_is_begun_anew_on_request(
    visitor: Visitor, console: Console, film: Path
) -> None:
    page = console.page
    video, (first, second) = marked(console, film)
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


def test_what_is_ordered_again_is_what_was_ordered(console: Console, film: Path) -> None:
    page = console.page
    video, (first, _) = marked(console, film)
    console.open(f"{video}/run")
    choose_much(page)
    page.get_by_role("radio", name="Pixelated").check()
    page.get_by_label("Language of the report").select_option("de")
    ordered(page, "Start")
    run = page.locator(".card.run")
    expect(run).to_have_count(1)
    # As if it had been cancelled in time.
    listed = console.ask("GET", "/api/frames/anonymize/requests/").json()
    listed["items"][0]["status"] = "cancelled"
    page.route("**/requests/?*", lambda route: route.fulfill(json=listed))
    page.reload()
    run.get_by_role("link", name="Run again").click()
    expect(page.get_by_text("Filled in with the choices of the run of")).to_be_visible()
    body = ordered(page, "Start")
    assert_much(body, first)
    assert (body["redaction"], body["language"], body["identities"]) == ("pixelate", "de", None)


def test_a_run_of_a_deleted_video_is_not_ordered_again(console: Console, film: Path) -> None:
    page = console.page
    video, segments = marked(console, film)
    order = {"video_id": int(video.rpartition("/")[2]), "segment_ids": segments}
    one = console.ask("POST", "/api/frames/anonymize/", order).json()["request_id"]
    console.open("/runs")
    expect(page.locator(".badge", has_text="Done")).to_be_visible(timeout=WORK_MS)
    console.ask("DELETE", f"/api{video}")
    listed = console.ask("GET", "/api/frames/anonymize/requests/").json()
    listed["items"][0]["status"] = "failed"
    page.route("**/requests/?*", lambda route: route.fulfill(json=listed))
    page.route(f"**/requests/{one}/", lambda route: route.fulfill(json=listed["items"][0]))
    page.reload()
    expect(page.locator(".card.run")).to_contain_text("Failed")
    expect(page.get_by_role("link", name="Run again")).to_have_count(0)
    console.open(f"/runs/{one}/review")
    expect(page.get_by_text("because the run failed")).to_be_visible()
    expect(page.get_by_role("link", name="Run again")).to_have_count(0)


def test_people_of_a_gallery_that_is_gone_are_not_taken_for_those_of_another(
    console: Console, film: Path
) -> None:
    page = console.page
    video, _ = marked(console, film)
    ids = []
    for name in ("Ward 3b", "Ward 4"):
        gallery = console.ask("POST", "/galleries/", {"name": name}).json()
        face = {"label": "patient 17", "embedding": [1.0] + [0.0] * (gallery["dimension"] - 1)}
        console.ask("POST", f"/galleries/{gallery['id']}/faces/", face)
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
    console.ask("DELETE", f"/galleries/{ids[0]}")
    speak(page, "en")
    expect(page.locator("[name=identities]").first).to_be_checked()
    assert ordered(page, "Start")["identities"] is None


def test_a_begun_segment_outlasts_another_language(console: Console, film: Path) -> None:
    page = console.page
    console.upload(film)
    console.open(console.link_to(film.name))
    for key in ("Shift+ArrowRight", "i", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_label("Frame", exact=True)).to_have_value("12")
    speak(page, "de")
    expect(page.get_by_text("Ein Abschnitt beginnt bei Bild 10")).to_be_visible()
    expect(page.get_by_label("Bild", exact=True)).to_have_value("12")
    page.get_by_role("button", name="Abschnitt beenden").click()
    expect(page.locator(".segment")).to_have_count(1)
    assert "begun" not in page.url
