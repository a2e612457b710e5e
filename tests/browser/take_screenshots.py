"""Take the screenshots of the console for the README: ``make screenshots``."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.http.browser import PHONE, WORK_MS, Console, launched, visit
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples import scan
from support.samples.media import write_video
from support.samples.ward import SIZE, ward

FRAMES = 300
SCANS = 60
SECONDS_OF_A_MESSAGE = 7
QUALITY = 82
TALL: ViewportSize = {"width": 1280, "height": 900}
TALLER: ViewportSize = {"width": 1280, "height": 1240}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        video_file = write_video(
            Path(scratch) / "ward-round.mp4", FRAMES, size=SIZE, images=map(ward, range(FRAMES))
        )
        scanned = Path(scratch) / "ultrasound.mp4"
        write_video(scanned, SCANS, size=scan.SIZE, images=map(scan.scan, range(SCANS)))
        chromium = launched(playwright)
        serving = ("serve", "--port", "0", "--data-dir", Path(scratch) / "data")
        environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD, "RESULT_RELEASE": "required"}
        with service_process.started(*serving, environment=environment) as running:
            address = running.wait_for("ready ")
            for name, page in scenes(chromium, address, video_file, scanned):
                page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
        chromium.close()


def scenes(chromium: Browser, address: str, video_file: Path, scanned: Path) -> Iterator[tuple[str, Page]]:
    """Yield names of screenshots, and pages that show them."""
    with visit(chromium, address, size=TALL) as visitor:
        console, page = visitor.sign_in(), visitor.page
        video = mark(console, video_file)
        yield "marking", page
        enrol_person(console)
        console.open(f"{video}/run")
        page.locator("[name=identities][value=except]").check()
        page.evaluate("scrollTo(0, 0)")
        yield "anonymise", page
        find_overlays(console, scanned)
        yield "overlays", page
    with visit(chromium, address, role="admin", brightness="dark") as visitor:
        console = visitor.sign_in()
        for _ in range(2):
            run = console.submit_all_frames(video_file.name)
            expect(run).to_contain_text("Download", timeout=WORK_MS)
        run = console.submit_all_frames(video_file.name)
        expect(run).to_contain_text("frames/s", timeout=WORK_MS)
        yield "runs-dark", visitor.page
        finished = visitor.page.locator(".card.run").nth(1).get_by_role("link", name="Review")
        review = (finished.get_attribute("href") or "").removeprefix("#")
    with visit(chromium, address, role="admin", size=TALLER) as visitor:
        console = visitor.sign_in()
        look_over(console, review)
        yield "review", visitor.page
        review_together(console)
        yield "reviews", visitor.page
    with visit(chromium, address, role="admin", size=PHONE, locale="de-DE") as visitor:
        console = visitor.sign_in()
        console.open(video)
        expect(visitor.page.locator(".frame")).to_have_attribute("src", re.compile("frames"))
        expect(visitor.page.locator("canvas.filmstrip[data-state=shown]")).to_be_visible()
        yield "marking-phone-german", visitor.page
        look_over(console, review)
        yield "review-phone-german", visitor.page
        review_together(console)
        yield "reviews-phone-german", visitor.page


def enrol_person(console: Console) -> None:
    """Create a gallery for identification."""
    gallery = console.request("POST", "/galleries/", {"name": "Staff of ward 3b"}).json()
    for number in range(3):
        embedding = [float(place == number) for place in range(gallery["dimension"])]
        face = {"label": f"nurse {number + 1}", "embedding": embedding}
        console.request("POST", f"/galleries/{gallery['id']}/faces/", face)


def find_overlays(console: Console, video_file: Path) -> None:
    """Have proposals for a scan, with one of them selected."""
    page = console.page
    console.upload(video_file)
    page.wait_for_timeout(1000 * SECONDS_OF_A_MESSAGE)
    console.open(console.marking_page(video_file.name))
    page.get_by_role("button", name="Search for overlays").click()
    page.get_by_role("button", name="Show 1").click(timeout=WORK_MS)
    page.evaluate("scrollTo(0, 0)")


def look_over(console: Console, review: str) -> None:
    """Go to a frame with several redactions, and wait for all images."""
    page = console.page
    console.open(f"{review}?frame=120")
    expect(page.locator(".stage .original")).to_have_attribute("src", re.compile("frames"))
    expect(page.locator(".stage .region").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def review_together(console: Console) -> None:
    """Open the results that wait for a release, with the frames to check first of each."""
    console.open("/reviews")
    page = console.page
    expect(page.locator(".sheet").first.locator("img")).to_have_count(12)
    page.wait_for_load_state("networkidle")
    # Frames count as seen once they were on the screen.
    counted = page.locator(".sheet").first.locator(".facts", has_text=re.compile("[1-9] (of|von) "))
    expect(counted).to_be_visible()


def mark(console: Console, video_file: Path) -> str:
    """Upload a video and mark it as a user would; return the address of its page."""
    page = console.page
    console.upload(video_file)
    link = console.card(video_file.name).get_by_role("link", name="Mark").get_attribute("href") or ""
    # Notifications about earlier actions would be in the way.
    page.wait_for_timeout(1000 * SECONDS_OF_A_MESSAGE)
    console.open(link.removeprefix("#"))
    page.get_by_label("Frame", exact=True).fill("20")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Begin segment").click()
    page.get_by_label("Frame", exact=True).fill("240")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="End segment").click()
    page.get_by_role("button", name="Add region").click()
    for side, pixels in {"Width": 190, "Height": 140, "Left": 1030, "Top": 100}.items():
        field = page.get_by_label(side, exact=True)
        field.fill(str(pixels))
        field.press("Tab")
        expect(page.get_by_label(side, exact=True)).to_have_value(str(pixels))
        page.wait_for_timeout(300)
    page.locator("h1").click()
    expect(page.locator("canvas.filmstrip[data-state=shown]")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    return link.removeprefix("#")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
