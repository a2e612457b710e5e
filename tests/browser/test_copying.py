"""Marks copied from another video."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.http.browser import PHONE, Console, visit
from support.samples.media import write_video

FRAMES = 12


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Videos of one shape in two sizes, and one of another shape."""
    folder = tmp_path_factory.mktemp("tower")
    sizes = {"small": (320, 240), "large": (640, 480), "wide": (320, 180)}
    return {name: write_video(folder / f"{name}.mp4", FRAMES, size=size) for name, size in sizes.items()}


def _mark(console: Console, video: Path) -> None:
    """Mark frames 3 to 6 of a video and a quarter of its frame, and keep text in an area of its order."""
    page = console.page
    video_id = console.marking_page(video.name).rpartition("/")[2]
    segment = console.request(
        "POST", f"/api/videos/{video_id}/segments/", {"start_frame": 3, "end_frame": 7, "label": "talk"}
    ).json()
    area = {"x": 10, "y": 20, "width": 80, "height": 60}
    console.request("POST", f"/api/videos/{video_id}/regions/", area | {"label": "panel"})
    order = {
        "video_id": int(video_id),
        "segment_ids": [segment["id"]],
        "anonymization_level": "full",
        "keep_text": [area],
    }
    console.request("POST", "/api/frames/anonymize/", order)
    page.reload()


def _copy(page: Page, title: str, source: str) -> Locator:
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name=title).click()
    # Messages name videos, too.
    dialog.get_by_text(source, exact=True).click()
    return dialog


def test_marks_are_copied_scaled_undone_and_refused(console: Console, videos: dict[str, Path]) -> None:
    page = console.page
    for video in videos.values():
        console.upload(video)
    _mark(console, videos["small"])
    console.open(console.marking_page(videos["large"].name))
    dialog = _copy(page, "Copy marks from another video", "small.mp4")
    dialog.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("1 segment, 1 region, 1 area with readable text")).to_be_visible()
    expect(page.get_by_label("Left", exact=True)).to_have_value("20")
    expect(page.get_by_label("Height", exact=True)).to_have_value("120")
    expect(page.get_by_label("Last frame", exact=True)).to_have_value("6")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("No region yet.")).to_be_visible()
    expect(page.locator(".grip")).to_have_count(0)
    page.get_by_role("button", name="Redo", exact=True).click()
    expect(page.locator(".grip")).to_have_count(2)
    page.get_by_role("link", name="Continue to anonymise").click()
    expect(page.get_by_text("1 area in which text stays readable was copied")).to_be_visible()
    page.locator("[name=level][value=full]").check()
    expect(page.get_by_role("button", name="1 area chosen")).to_be_visible()
    console.open("/videos")
    console.open(console.marking_page(videos["wide"].name))
    dialog = _copy(page, "Copy marks from another video", "small.mp4")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_text("The frames of the other video have another shape.")).to_be_visible()
    dialog.get_by_label("Regions").uncheck()
    dialog.get_by_role("button", name="Copy").click()
    expect(page.locator(".grip")).to_have_count(2)
    expect(page.get_by_text("No region yet.")).to_be_visible()


def test_the_dialog_fits_a_phone_in_german(chromium: Browser, address: str, videos: dict[str, Path]) -> None:
    with visit(chromium, address, size=PHONE, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        for name in ("small", "large"):
            console.upload(videos[name])
        console.open(console.marking_page(videos["large"].name))
        dialog = _copy(page, "Markierungen eines anderen Videos", "small.mp4")
        dialog.get_by_label("Suchen").fill("nichts davon")
        expect(dialog.get_by_text("Kein anderes Video passt dazu.")).to_be_visible()
        dialog.get_by_label("Suchen").fill("small")
        dialog.get_by_text("small.mp4", exact=True).click()
        dialog.get_by_role("button", name="Übernehmen").click()
        expect(page.get_by_text("hat keine Markierungen, die diesem Video fehlen")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
