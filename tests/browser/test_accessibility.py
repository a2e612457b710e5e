"""Accessibility of every page according to axe-core, in both colour schemes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from support.http.browser import DESKTOP, ONE_TIME_PASSWORD, PHONE, WORK_MS, Console, visit
from support.processes import service_process
from support.samples.media import write_video

AXE = Path(os.environ.get("AXE_CORE", "out/axe/node_modules/axe-core/axe.min.js"))
"""Downloaded by ``make test-browser``."""

SERIOUS = {"serious", "critical"}


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make test-browser fetches it with npm")
@pytest.mark.parametrize("brightness", ["light", "dark"])
def test_axe_reports_nothing_serious(
    chromium: Browser, address: str, tmp_path: Path, brightness: Literal["light", "dark"]
) -> None:
    video_file = write_video(tmp_path / "film.mp4", 30, size=(320, 240))
    with visit(chromium, address, role="admin", brightness=brightness) as visitor:
        page = visitor.page
        page.goto(address)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        found = {"sign in": findings(page)}
        console = visitor.sign_in()
        for path in (
            *with_a_run_of(console, video_file),
            "/reviews",
            "/faces",
            "/galleries",
            "/keys",
            "/admin",
            "/nowhere",
        ):
            console.open(path)
            found[path] = findings(page)
        console.open(review := next(path for path in found if path.endswith("/review")))
        page.get_by_role("button", name="Add box").click()
        page.get_by_label("Changes apply to").select_option("range")
        page.get_by_role("button", name="Report").click()
        expect(page.locator("iframe.report")).to_be_visible()
        found[f"{review}, with changes"] = findings(page)
        page.locator(".account summary").click()
        found["menu"] = findings(page)
        console.open("/admin")
        page.get_by_role("button", name=re.compile("^Remove ")).first.click()
        expect(page.get_by_role("button", name="Remove account")).to_be_visible()
        found["removal of an account"] = findings(page)
        console.open(next(path for path in found if re.fullmatch("/videos/[0-9]+", path)))
        page.get_by_role("button", name="Copy marks from another video").click()
        expect(page.get_by_label("Regions, and areas")).to_be_visible()
        found["copying of marks"] = findings(page)
        console.open("/videos")
        page.get_by_role("button", name=re.compile("^Select [0-9]+ videos?")).click()
        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.get_by_label("User name")).to_be_visible()
        found["sharing of many"] = findings(page)
        page.keyboard.press("Escape")
        console.open("/videos")
        page.get_by_role("button", name="Delete").first.click()
        found["question"] = findings(page)
    assert {place: what for place, what in found.items() if what} == {}


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make test-browser fetches it with npm")
@pytest.mark.parametrize("brightness", ["light", "dark"])
@pytest.mark.parametrize(("locale", "size"), [("en-GB", PHONE), ("de-DE", PHONE), ("de-DE", DESKTOP)])
def test_axe_reports_nothing_serious_in_any_language_and_width(
    chromium: Browser,
    address: str,
    scanned: Path,
    brightness: Literal["light", "dark"],
    locale: str,
    size: ViewportSize,
) -> None:
    with visit(chromium, address, role="admin", size=size, locale=locale, brightness=brightness) as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.upload(scanned)
        video = console.marking_page(scanned.name)
        found = {}
        for path in ("/videos", "/runs", "/faces", "/galleries", "/keys", "/admin"):
            console.open(path)
            found[path] = findings(page)
        page.locator(".rows li").first.get_by_role("button").first.click()
        found["password"] = findings(page)
        console.open("/videos")
        # Selected by role, as texts depend on the language.
        page.locator(".video .apart button").nth(1).click()
        expect(page.locator(".sharing form")).to_be_visible()
        found["sharing"] = findings(page)
        with_people(console)
        console.open(f"{video}/run")
        found["order"] = findings(page)
        page.locator("[name=level][value=full]").check()
        page.locator("[name=identities][value=except]").check()
        page.locator("[aria-expanded]").click()
        page.locator(".kept .controls > button").click()
        page.locator(".more summary").click()
        found["order of everything"] = findings(page)
        page.locator("[name=level][value=minimal]").check()
        found["order with what does not apply"] = findings(page)
        console.open(video)
        page.locator(".marked > button").click()
        expect(page.locator(".proposal")).to_have_count(2, timeout=WORK_MS)
        found["proposals"] = findings(page)
    assert {place: what for place, what in found.items() if what} == {}


def with_people(console: Console) -> None:
    """Create a gallery for identification."""
    gallery = console.request("POST", "/galleries/", {"name": "Ward 3b"}).json()
    face = {"label": "patient 17", "embedding": [1.0] + [0.0] * (gallery["dimension"] - 1)}
    console.request("POST", f"/galleries/{gallery['id']}/faces/", face)


def with_a_run_of(console: Console, video_file: Path) -> tuple[str, ...]:
    """Create content for every page about videos; return the pages."""
    console.upload(video_file)
    link = console.card(video_file.name).get_by_role("link", name="Mark").get_attribute("href")
    assert link
    video = link.removeprefix("#")
    console.open(video)
    console.page.get_by_role("button", name="Add region").click()
    expect(console.page.locator(".region")).to_be_visible()
    run = console.submit_all_frames(video_file.name)
    expect(run).to_contain_text("Download", timeout=WORK_MS)
    review = run.get_by_role("link", name="Review").get_attribute("href") or ""
    return ("/videos", video, f"{video}/run", "/runs", review.removeprefix("#"))


def findings(page: Page) -> list[str]:
    """Return the serious violations on a page, with axe's names, and their elements."""
    # Run from outside the page, whose policy allows no other script.
    page.evaluate(AXE.read_text() + "\n;undefined")
    report = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html']}"
        for violation in report["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make test-browser fetches it with npm")
@pytest.mark.parametrize(("locale", "brightness"), [("en-GB", "dark"), ("de-DE", "light")])
def test_axe_reports_nothing_serious_on_a_phone_with_many_videos(
    chromium: Browser, address: str, tmp_path: Path, locale: str, brightness: Literal["light", "dark"]
) -> None:
    video_file = write_video(tmp_path / "film.mp4", 6, size=(320, 240))
    found, widths = {}, {}

    def look_at(page: Page, name: str) -> None:
        found[name] = findings(page)
        widths[name] = page.evaluate("document.documentElement.scrollWidth")

    with visit(chromium, address, size=PHONE, locale=locale, brightness=brightness) as visitor:
        console, page = visitor.sign_in(), visitor.page
        # Elements are chosen by role or class, as texts depend on the language.
        console.upload(video_file)
        console.request("POST", "/api/templates/", {"name": "Tower B", "options": {"quality": 80}})
        console.open("/templates")
        look_at(page, "templates")
        page.locator(".rows button").first.click()
        expect(page.locator("dialog form")).to_be_visible()
        look_at(page, "sharing of a template")
        console.open("/videos")
        page.locator(".card.video input[type=checkbox]").check()
        page.locator("a[href='#/order']").click()
        expect(page.locator(".finish .estimate")).to_be_visible(timeout=WORK_MS)
        look_at(page, "order")
        page.locator(".finish button[type=submit]").click()
        expect(page.locator(".batch .badge[data-status=completed]")).to_have_count(1, timeout=WORK_MS)
        page.locator(".batch details").evaluate("(details) => { details.open = true; }")
        look_at(page, "batch")
        console.open("/reviews")
        look_at(page, "reviews")
        console.open("/videos")
        console.open(console.marking_page(video_file.name))
        page.keyboard.press("?")
        expect(page.locator("dialog[open]")).to_be_visible()
        look_at(page, "keys")
        number = console.request("GET", "/api/auth/me").json()["id"]
        with service_process.signed_in(address) as http:
            http.patch(f"/api/users/{number}", json={"password": ONE_TIME_PASSWORD}).raise_for_status()
        page.goto(address)
        visitor.fill_in(ONE_TIME_PASSWORD)
        expect(page.locator("input[autocomplete=new-password]")).to_have_count(2)
        look_at(page, "forced password")
    assert {place: what for place, what in found.items() if what} == {}
    assert {place: width for place, width in widths.items() if width > PHONE["width"]} == {}
