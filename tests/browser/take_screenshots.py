"""Take the screenshots of the console for the documentation: ``make screenshots``.

Every step waits for a state of the page, not for a time, so that a busy machine gives the same pictures;
``TEST_PATIENCE`` is the factor for the time after which a state counts as never reached.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import monotonic
from zipfile import ZipFile

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.http.browser import PHONE, WORK_MS, Console, launched, visit
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples import scan
from support.samples.media import write_video
from support.samples.ward import SIZE, ward

FRAMES = 300
SHORT = 12
SCANS = 60
FILMS = {
    "Theatre 1, 07.30": 20,
    "Theatre 1, 09.10": 60,
    "Theatre 2, 08.00": 100,
    "Theatre 2, 11.45": 140,
    "Endoscopy, 10.20": 180,
    "Ward 3b, 13.00": 220,
}
"""Titles of the films of the pages on many films, and the frame of the drawing at which each begins."""

SCROLL_TO = "(node) => scrollTo(0, node.getBoundingClientRect().top + scrollY - 110)"
QUALITY = 82
ALL_IMAGES_SHOWN = """[...document.images].every((image) => {
  const { x, y, width, height } = image.getBoundingClientRect();
  const seen = document.elementFromPoint(x + width / 2, y + height / 2);
  // Images beside the visible part of a strip are loaded once they are scrolled to.
  return image.complete || !image.parentElement.contains(seen);
})"""
TALL: ViewportSize = {"width": 1280, "height": 900}
TALLER: ViewportSize = {"width": 1280, "height": 1240}
SHORTER: ViewportSize = {"width": 1280, "height": 620}


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
            short = [
                write_video(
                    Path(scratch) / f"{name}.mp4",
                    SHORT,
                    size=SIZE,
                    images=map(ward, range(offset, offset + SHORT)),
                )
                for name, offset in FILMS.items()
            ]
            for name, page in chain(
                scenes_of_many(chromium, address, short, Path(scratch)),
                scenes(chromium, address, video_file, scanned),
            ):
                show_everything(page)
                page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
                print(name, flush=True)  # noqa: T201 -- a program for the command line
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


def scenes_of_many(
    chromium: Browser, address: str, films: list[Path], scratch: Path
) -> Iterator[tuple[str, Page]]:
    """Yield names of screenshots of the pages on many films, and pages that show them."""
    with visit(chromium, address, size=TALL) as visitor:
        console, page = visitor.sign_in(), visitor.page
        page.get_by_label("Drop videos here").set_input_files(films)
        expect(page.get_by_text(f"{len(films)} of {len(films)} files uploaded")).to_be_visible(
            timeout=WORK_MS
        )
        tag_and_template(console)
        select(page, [film.stem for film in films[:4]])
        page.get_by_role("link", name="Anonymise together").click()
        page.get_by_label("Template").select_option("Tower B")
        page.get_by_label("Reference").fill("STUDY-7")
        expect(page.locator(".finish .estimate")).to_be_visible()
        yield "order-many", page
        page.get_by_role("button", name="Start 4 runs").click()
        expect(page.locator(".batch > .facts").last).to_have_text("Done: 4", timeout=WORK_MS)
        batch = page.url.rsplit("/", 1)[1]
        items = console.request("GET", f"/api/batches/{batch}").json()["items"]
        for item in items[:3]:
            console.request("POST", f"/api/frames/anonymize/{item['request_id']}/release/")
        page.reload()
        details = page.locator(".batch details")
        details.evaluate("(details) => { details.open = true; }")
        yield "batch", page
        with page.expect_download() as started:
            page.get_by_role("link", name="Download all").click()
        with ZipFile(started.value.path()) as archive:
            archive.extract("index.html", scratch)
        console.open("/templates")
        page.set_viewport_size(SHORTER)
        yield "templates", page
        page.set_viewport_size(TALL)
        console.open("/videos")
        select(page, [film.stem for film in films[4:]])
        page.get_by_label("Search").evaluate(SCROLL_TO)
        yield "videos", page
        page.set_viewport_size(SHORTER)
        page.goto((scratch / "index.html").as_uri())
        yield "batch-index", page
        page.goto(address)
        username = visitor.username
    with visit(chromium, address, size=PHONE, locale="de-DE") as visitor:
        visitor.username = username
        console = visitor.sign_in()
        console.open("/videos")
        visitor.page.locator(".card.video").nth(2).evaluate(SCROLL_TO)
        yield "videos-phone-german", visitor.page


def tag_and_template(console: Console) -> None:
    """Give a tag to two films, mark another one, and keep its marks as a template that is the default."""
    page = console.page
    videos = console.request("GET", "/api/videos/").json()["items"]
    for video in videos:
        title = video["filename"].removesuffix(".mp4")
        tags = ["Study 7"] if "Theatre" in title else []
        console.request("PATCH", f"/api/videos/{video['id']}", {"title": title, "tags": tags})
    first, *_, last = FILMS
    for name in (first, last):
        console.open("/videos")
        console.open(console.marking_page(name))
        page.get_by_role("button", name="Add region").click()
        expect(page.locator(".region").first).to_be_visible()
    console.open("/videos")
    console.open(f"{console.marking_page(first)}/run")
    page.get_by_role("button", name="Save as template").click()
    dialog = page.get_by_role("dialog", name="Save as template")
    dialog.get_by_label("Name").fill("Tower B")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The template “Tower B” is saved.")).to_be_visible()
    console.request(
        "POST", "/api/templates/", {"name": "Endoscopy, text covered", "options": {"quality": 90}}
    )
    console.open("/videos")


def select(page: Page, titles: list[str]) -> None:
    """Select films of the list."""
    for title in titles:
        page.get_by_label(f"Select {title}").check()


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
    # The frame counts as seen once it was on the screen.
    expect(page.get_by_text(re.compile("(seen|gesehen).*: [1-9] (of|von) "))).to_be_visible()


def review_together(console: Console) -> None:
    """Open the results that wait for a release, with the frames to check first of each."""
    console.open("/reviews")
    page = console.page
    expect(page.locator(".sheet").first.locator("img")).to_have_count(12)
    # Frames count as seen once they were on the screen.
    counted = page.locator(".sheet").first.locator(".facts", has_text=re.compile("[1-9] (of|von) "))
    expect(counted).to_be_visible()


def show_everything(page: Page) -> None:
    """Wait until all images in the window are loaded and no message covers the page."""
    deadline = monotonic() + WORK_MS / 1000
    while not page.evaluate(ALL_IMAGES_SHOWN):  # the page's policy allows no predicates in the browser
        assert monotonic() < deadline, "an image in the window is never shown"
        page.wait_for_timeout(100)
    expect(page.locator(".messages .message")).to_have_count(0)


def mark(console: Console, video_file: Path) -> str:
    """Upload a video and mark it as a user would; return the address of its page."""
    page = console.page
    console.upload(video_file)
    link = console.card(video_file.name).get_by_role("link", name="Mark").get_attribute("href") or ""
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
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.locator("h1").click()
    expect(page.locator("canvas.filmstrip[data-state=shown]")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    return link.removeprefix("#")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
