"""Requests for anonymised frames, from the form to the result."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.http.browser import FRAMES, WORK_MS, Console, Visitor, visit


def test_new_user_gets_from_the_first_page_to_a_zip(
    visitor: Visitor, video_file: Path, tmp_path: Path
) -> None:
    page = visitor.page
    page.goto(visitor.address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visitor.fill_in()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()
    page.get_by_label("Drop videos here").set_input_files(video_file)
    page.get_by_role("link", name="Mark this video").click()
    page.get_by_role("button", name="Mark whole video").click()
    expect(page.locator(".segment")).to_have_count(1)
    page.get_by_role("link", name="Continue to anonymise").click()
    expect(page.get_by_text(f"{FRAMES} frames").first).to_be_visible()
    page.get_by_role("button", name="Start").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download ZIP").click(timeout=WORK_MS)
    downloading.value.save_as(tmp_path / "frames.zip")
    with zipfile.ZipFile(tmp_path / "frames.zip") as archive:
        names = archive.namelist()
    assert "manifest.json" in names
    assert sum(name.startswith("frames/") for name in names) == FRAMES


def test_video_request_uses_the_interface_language_for_its_report(
    chromium: Browser, address: str, video_file: Path, tmp_path: Path
) -> None:
    with visit(chromium, address, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.upload(video_file)
        console.card(video_file.name).get_by_role("link", name="Anonymisieren").click()
        expect(page.get_by_label("Ton", exact=True)).to_be_disabled()
        expect(page.get_by_text("Bilder haben keinen Ton")).to_be_visible()
        page.get_by_label("Format").select_option("mp4")
        expect(page.get_by_label("Ton", exact=True)).to_be_enabled()
        expect(page.get_by_text("Bilder haben keinen Ton")).to_be_hidden()
        page.get_by_role("button", name="Starten").click()
        with page.expect_download() as downloading:
            page.get_by_role("button", name="ZIP herunterladen").click(timeout=WORK_MS)
        downloading.value.save_as(tmp_path / "film.zip")
    with zipfile.ZipFile(tmp_path / "film.zip") as archive:
        assert any(name.endswith(".mp4") for name in archive.namelist())
        assert 'lang="de"' in archive.read("report.html").decode()


def test_a_run_is_followed_and_cancelled(console: Console, long_video_file: Path) -> None:
    page = console.page
    console.upload(long_video_file)
    run = console.submit_all_frames(long_video_file.name)
    expect(run).to_contain_text("In progress", timeout=WORK_MS)
    expect(run).to_contain_text("left")
    run.get_by_role("button", name="Cancel run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(long_video_file.name)
    dialog.get_by_role("button", name="Cancel run").click()
    expect(run).to_contain_text("Cancelled")
    page.get_by_label("Status").select_option("completed")
    expect(page.get_by_text("No run matches these filters")).to_be_visible()
    page.get_by_label("Status").select_option("cancelled")
    expect(page.locator(".card.run")).to_have_count(1)


def ordered(page: Page) -> dict[str, Any]:
    """Submit the form; return the body of the request to the API."""
    with page.expect_request(
        lambda request: request.method == "POST" and "/anonymize" in request.url
    ) as sent:
        page.get_by_role("button", name="Start").click()
    body: dict[str, Any] = sent.value.post_data_json
    return body


def test_every_option_of_the_form_is_submitted(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    gallery = console.request("POST", "/galleries/", {"name": "Ward 3b"}).json()
    face = {"label": "patient 17", "embedding": [1.0] + [0.0] * (gallery["dimension"] - 1)}
    console.request("POST", f"/galleries/{gallery['id']}/faces/", face)
    console.open(f"{console.marking_page(video_file.name)}/run")
    page.get_by_label("Reference").fill(" STUDY-7")
    page.get_by_role("radio", name="Everything").check()
    page.get_by_role("radio", name="Only certain people").check()
    expect(page.get_by_label("Gallery of these people")).to_contain_text("Ward 3b (1 face)")
    similarity = page.get_by_label("Minimum similarity")
    expect(similarity).to_have_value(str(gallery["threshold"]))
    expect(similarity).to_have_attribute("max", "1")
    page.get_by_role("radio", name="Leave visible").check()
    expect(similarity).to_have_attribute("max", str(gallery["threshold"]))
    page.get_by_role("radio", name=re.compile("^All except certain people")).check()
    expect(similarity).to_have_attribute("min", str(gallery["likeness"]["possible"]))
    page.get_by_role("radio", name="Only certain people").check()
    expect(similarity).to_have_value(str(gallery["threshold"]))
    similarity.press("ArrowLeft")
    page.get_by_role("radio", name="Leave harmless text readable").check()
    page.get_by_role("checkbox", name="Device").uncheck()
    page.get_by_role("checkbox", name="Dates and times").check()
    page.get_by_label("Names to cover").fill(" Erika Mustermann\n\nMüller, Jan\n")
    page.get_by_role("button", name="Choose areas in the frame").click()
    page.get_by_role("button", name="Add area").click()
    page.get_by_label("Left", exact=True).fill("8")
    page.get_by_label("Left", exact=True).press("Enter")
    expect(page.get_by_role("button", name="1 area chosen")).to_be_visible()
    page.get_by_role("radio", name="Pixelated").check()
    page.get_by_role("radio", name="Every frame").check()
    page.get_by_label("Format").select_option("webp")
    page.get_by_label("Quality").press("ArrowLeft")
    page.get_by_label("Language of the report").select_option("de")
    page.get_by_text("More options").click()
    page.get_by_label("Priority").select_option("high")
    page.get_by_label("Pixel aspect").fill(" 24:11")
    page.get_by_label("Webhook address").fill("https://example.org/done")
    expect(page.get_by_text(re.compile(r"^about \d+ s"))).to_be_visible()
    order = ordered(page)
    del order["video_id"], order["segment_ids"]
    assert order == {
        "reference": "STUDY-7",
        "anonymization_level": "full",
        "identities": {
            "mode": "only",
            "gallery_id": gallery["id"],
            "threshold": pytest.approx(gallery["threshold"] - 0.01),
            "unknown": "keep",
        },
        "text": {
            "mode": "identifying",
            "keep": ["measurements", "times"],
            "names": ["Erika Mustermann", "Müller, Jan"],
            "patterns": [],
        },
        "keep_text": [{"x": 8, "y": 90, "width": 80, "height": 60, "start_frame": None, "end_frame": None}],
        "redaction": "pixelate",
        "verify": "all",
        "output_format": "webp",
        "quality": 85,
        "audio": "drop",
        "language": "de",
        "priority": "high",
        "pixel_aspect": "24:11",
        "webhook_url": "https://example.org/done",
    }
    run = page.locator(".card.run").first
    expect(run).to_contain_text(video_file.name)
    expect(run).to_contain_text(
        "Everything · only certain people · harmless text readable · Pixelated · WEBP · every frame checked"
    )


def test_text_that_fails_open_needs_consent(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.open(f"{console.marking_page(video_file.name)}/run")
    policy = page.get_by_role("group", name="Text in the picture")
    expect(policy.get_by_role("radio").first).to_be_disabled()
    page.get_by_role("radio", name="Everything").check()
    page.get_by_role("radio", name="Cover listed text only").check()
    expect(page.get_by_role("checkbox", name="Measurements")).to_be_hidden()
    page.get_by_label("Names to cover").fill("Erika Mustermann")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("checkbox", name="I accept")).to_be_focused()
    page.get_by_role("checkbox", name="I accept").check()
    order = ordered(page)
    assert order["text"] == {
        "mode": "listed",
        "names": ["Erika Mustermann"],
        "patterns": [],
        "fail_open": True,
    }
    expect(page.locator(".card.run").first).to_contain_text("only listed text")
    (run,) = console.request("GET", "/api/frames/anonymize/requests/").json()["items"]
    console.open(f"/videos/{run['video_id']}/run?like={run['request_id']}")
    expect(page.get_by_text("enter them again")).to_be_visible()
    expect(page.get_by_role("radio", name="Cover listed text only")).to_be_checked()
    expect(page.get_by_role("checkbox", name="I accept")).not_to_be_checked()
    expect(page.get_by_label("Names to cover")).to_have_value("")


def test_speech_is_silenced_on_request(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.open(f"{console.marking_page(video_file.name)}/run")
    page.get_by_label("Format").select_option("mp4")
    page.get_by_label("Sound", exact=True).select_option("mute-speech")
    order = ordered(page)
    assert (order["output_format"], order["audio"]) == ("mp4", "mute-speech")


def test_what_does_not_apply_is_disabled_with_the_reason(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    console.open(f"{console.marking_page(video_file.name)}/run")
    # Nobody can be told apart before there is a gallery.
    expect(page.get_by_role("radio", name="All except certain people")).to_be_disabled()
    expect(page.get_by_text("requires a gallery").first).to_be_visible()
    expect(page.get_by_text("text stays readable anyway")).to_be_visible()
    page.get_by_label("Format").select_option("png")
    expect(page.get_by_label("Quality")).to_be_disabled()
    expect(page.get_by_text("PNG is lossless")).to_be_visible()
    page.get_by_role("radio", name="Regions only").check()
    expect(
        page.get_by_role("group", name="Whose faces are covered").get_by_role("radio").first
    ).to_be_disabled()
    expect(
        page.get_by_role("group", name="Check for remaining faces").get_by_role("radio").first
    ).to_be_disabled()
    expect(page.get_by_text("nothing would be covered at this level")).to_be_visible()
    order = ordered(page)
    assert (order["verify"], order["identities"], order["keep_text"]) == ("none", None, [])
    assert order["text"] is None
    assert "quality" not in order


def test_refused_request_is_explained_and_kept(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    console.request("POST", f"/api{video}/segments/", {"start_frame": 0, "end_frame": 10})
    console.open(f"{video}/run")
    page.get_by_role("radio", name="Blurred").check()
    box = page.get_by_label("Segment 1: frames 0 to 9")
    box.uncheck()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    expect(page.get_by_text("Choose at least one segment.")).to_be_visible()
    box.check()
    (segment,) = console.request("GET", f"/api{video}/segments/").json()
    console.request("DELETE", f"/api{video}/segments/{segment['id']}")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").get_by_text("Choose 1 to 100 segments of this video.")).to_be_visible()
    expect(page.get_by_role("radio", name="Blurred")).to_be_checked()


def test_limits_and_load_of_the_installation_are_shown(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    options = console.request("GET", "/api/frames/anonymize/options").json()
    assert set(options["levels"]) == {"minimal", "faces", "full"}

    def tell(route: Route, **changes: object) -> None:
        route.fulfill(json=options | changes)

    page.route(
        "**/options",
        lambda route: tell(route, levels=["minimal", "faces"], seconds_waiting=30, max_frames=9999),
    )
    run = f"{console.marking_page(video_file.name)}/run"
    console.open(run)
    expect(page.get_by_text("including the queue")).to_be_visible()
    expect(page.get_by_role("radio", name="Everything")).to_be_disabled()
    expect(page.get_by_text("cannot cover licence plates and text yet")).to_be_visible()
    page.unroute("**/options")
    (video,) = console.request("GET", "/api/videos/").json()["items"]
    megapixel = {"jpg": 0, "mp4": 0.5e6 / (video["width"] * video["height"])}
    efforts = {"level": {"minimal": 0.1, "faces": 1, "full": 4}, "verify": {"none": 1, "sample": 1, "all": 2}}
    model = {"startup_seconds": 0, "frame_seconds": 10 / FRAMES, "lower_factor": 1, "upper_factor": 2}
    efforts |= {"megapixel": megapixel, "size_exponent": 0, "margin_frames": 0}
    slow = {"seconds_waiting": 0, "efforts": efforts, "time_model": model}
    page.route("**/options", lambda route: tell(route, **slow))
    page.reload()
    expect(page.get_by_text("about 10 s to 20 s")).to_be_visible()
    page.get_by_role("radio", name="Everything").check()
    expect(page.get_by_text("about 40 s")).to_be_visible()
    page.get_by_role("radio", name="Every frame").check()
    page.get_by_label("Format").select_option("mp4")
    expect(page.get_by_text("about 1 min 25 s")).to_be_visible()
    page.get_by_role("radio", name="Regions only").check()
    expect(page.get_by_text("about 7 s")).to_be_visible()
    page.unroute("**/options")
    page.route("**/options", lambda route: tell(route, max_frames=FRAMES - 1))
    page.reload()
    expect(page.get_by_text(f"A run can have at most {FRAMES - 1} frames.")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_failed_run_is_explained_in_the_interface_language(
    chromium: Browser, address: str, video_file: Path
) -> None:
    with visit(chromium, address, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.upload(video_file)
        video = console.marking_page(video_file.name)
        ends = {"start_frame": 0, "end_frame": 10}
        segment = console.request("POST", f"/api{video}/segments/", ends).json()
        order = {"video_id": segment["video_id"], "segment_ids": [segment["id"]]}
        request_id = console.request("POST", "/api/frames/anonymize/", order).json()["request_id"]
        run = console.request("GET", f"/api/frames/anonymize/requests/{request_id}/").json()
        message = "Processing timeout: a slice took longer than 600 s"
        run |= {"status": "failed", "error": message, "error_code": "processing_timeout"}
        page.route("**/requests/?*", lambda route: route.fulfill(json={"items": [run], "total": 1}))
        page.route(f"**/requests/{request_id}/", lambda route: route.fulfill(json=run))
        for path in ("/runs", f"/runs/{request_id}/review"):
            console.open(path)
            expect(
                page.get_by_text("Die Verarbeitung dauerte länger, als dieser Dienst erlaubt.")
            ).to_be_visible()
            expect(page.locator("small[lang=en]")).to_have_text(message)
            expect(page.get_by_role("link", name="Erneut ausführen")).to_be_visible()
        # Of runs that failed before codes were noted, there is no more than what was said.
        run |= {"error_code": None}
        console.open("/runs")
        expect(page.get_by_text(f"Fehlgeschlagen: {message}")).to_be_visible()
