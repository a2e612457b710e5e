"""Requirements on every page of the console."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect

from support.http.browser import PHONE, Console, Visitor, visit


def test_nothing_is_wider_than_a_phone(chromium: Browser, address: str, video_file: Path) -> None:
    with visit(chromium, address, role="admin", size=PHONE, locale="de-DE") as visitor:
        console = visitor.sign_in()
        console.upload(video_file)
        marking = console.page.locator(".card.video h2 a").first.get_attribute("href") or ""
        own = marking.removeprefix("#")
        for path in ("/videos", own, f"{own}/run", "/runs", "/faces", "/galleries", "/keys", "/admin"):
            console.open(path)
            widths = console.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths == [PHONE["width"], PHONE["width"]], path


def test_text_never_becomes_markup_or_script(visitor: Visitor, console: Console) -> None:
    with pytest.raises(Error, match="TrustedHTML"):
        console.page.evaluate("() => { document.body.innerHTML = '<b>bold</b>' }")
    expect(console.page.get_by_role("heading", name="Videos")).to_be_visible()
    # Tests would detect a violation of the policy in the console itself, too.
    assert any("TrustedHTML" in error for error in visitor.errors)
    visitor.errors.clear()


def test_invalid_addresses_lead_to_a_sensible_page(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    run = console.submit_all_frames(video_file.name)
    for query in ("offset=900", "status=bad", "offset=-5&video_id=%C3%A4", "video_id=1e99&offset=1.5"):
        console.open(f"/runs?{query}")
        expect(run).to_contain_text(video_file.name)
        expect(page.get_by_label("Status")).to_have_value("")
    console.open("/videos?offset=-1")
    expect(console.card(video_file.name)).to_be_visible()
    for path in ("/videos/%", "/runs/%E0%A4%A/review"):
        console.open(path)
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
