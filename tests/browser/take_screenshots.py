"""Takes the pictures of the console that the README shows: ``make screenshots``."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

import service_process
from browsing import PHONE, Console, launched, visit
from domain.detection import Image
from media_samples import write_video
from service_process import PASSWORD

FRAMES = 300
SIZE = (1280, 720)
SECONDS_OF_A_MESSAGE = 7
QUALITY = 82
HAIR, SKIN, SHADE = (40, 50, 70), (176, 200, 232), (140, 168, 203)
TALL: ViewportSize = {"width": 1280, "height": 900}


def ward(frame: int) -> Image:
    """(720, 1280, 3) BGR: a drawn room in which a nurse walks to a bed, so that nobody is shown."""
    picture = np.full((SIZE[1], SIZE[0], 3), (222, 230, 226), np.uint8)
    cv2.rectangle(picture, (0, 520), SIZE, (168, 184, 182), -1)
    cv2.rectangle(picture, (90, 80), (430, 330), (244, 226, 190), -1)
    cv2.rectangle(picture, (90, 80), (430, 330), (255, 255, 255), 12)
    cv2.line(picture, (260, 80), (260, 330), (255, 255, 255), 10)
    cv2.rectangle(picture, (700, 440), (1190, 560), (250, 250, 250), -1)
    cv2.rectangle(picture, (700, 470), (1060, 560), (196, 160, 110), -1)
    for x in (720, 1160):
        cv2.rectangle(picture, (x, 560), (x + 16, 640), (120, 120, 120), -1)
    person(picture, (1110, 420), (96, 60, 40), lying=True)
    person(picture, (180 + 3 * frame // 2, 330 + int(6 * np.sin(frame / 4))), (150, 120, 60), lying=False)
    cv2.rectangle(picture, (1040, 110), (1210, 230), (60, 50, 40), -1)
    cv2.putText(picture, "K. MEYER", (1056, 182), cv2.FONT_HERSHEY_SIMPLEX, 0.95, (120, 240, 160), 2)
    return picture


def person(picture: Image, head: tuple[int, int], clothes: tuple[int, int, int], *, lying: bool) -> None:
    """Draw somebody with a face that is found, though it is nobody's."""
    x, y = head
    if lying:
        cv2.ellipse(picture, (x, y + 140), (80, 70), 0, 180, 360, clothes, -1)
    else:
        cv2.ellipse(picture, (x, y + 210), (86, 150), 0, 180, 360, clothes, -1)
        cv2.rectangle(picture, (x - 86, y + 205), (x + 86, y + 330), clothes, -1)
    cv2.rectangle(picture, (x - 20, y + 40), (x + 20, y + 84), SHADE, -1)
    cv2.ellipse(picture, (x, y - 12), (58, 66), 0, 0, 360, HAIR, -1)
    cv2.ellipse(picture, (x, y + 2), (48, 60), 0, 0, 360, SKIN, -1)
    cv2.ellipse(picture, (x, y - 44), (44, 22), 0, 180, 360, HAIR, -1)
    for side in (-1, 1):
        cv2.ellipse(picture, (x + side * 50, y + 2), (8, 14), 0, 0, 360, SHADE, -1)
        eye = x + side * 19
        cv2.ellipse(picture, (eye, y - 10), (12, 8), 0, 0, 360, SHADE, -1)
        cv2.ellipse(picture, (eye, y - 9), (10, 5), 0, 0, 360, (245, 245, 245), -1)
        cv2.circle(picture, (eye, y - 9), 5, HAIR, -1)
        cv2.ellipse(picture, (eye, y - 22), (13, 4), 0, 180, 360, HAIR, 3)
    cv2.ellipse(picture, (x, y + 12), (9, 7), 0, 0, 180, SHADE, 3)
    cv2.line(picture, (x - 3, y - 6), (x - 5, y + 12), SHADE, 2)
    cv2.ellipse(picture, (x, y + 32), (18, 6), 0, 0, 360, (110, 110, 190), -1)
    cv2.line(picture, (x - 17, y + 32), (x + 17, y + 32), (70, 70, 130), 2)
    face = picture[y - 80 : y + 84, x - 60 : x + 60]
    face[:] = cv2.GaussianBlur(face, (0, 0), 1.5)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        film = write_video(
            Path(scratch) / "ward-round.mp4", FRAMES, size=SIZE, pictures=map(ward, range(FRAMES))
        )
        chromium = launched(playwright)
        serving = ("serve", "--port", "0", "--data-dir", Path(scratch) / "data")
        with service_process.started(
            *serving, environment={"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
        ) as running:
            address = running.wait_for("ready ")
            for name, page in scenes(chromium, address, film):
                page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
        chromium.close()


def scenes(chromium: Browser, address: str, film: Path) -> Iterator[tuple[str, Page]]:
    """Names of pictures, and pages that show what is to be seen on them."""
    with visit(chromium, address, size=TALL) as somebody:
        console, page = somebody.sign_in(), somebody.page
        video = mark(console, film)
        yield "marking", page
        console.open(f"{video}/run")
        yield "anonymise", page
    with visit(chromium, address, role="admin", brightness="dark") as somebody:
        console = somebody.sign_in()
        for _ in range(2):
            run = console.run_of_everything(film.name)
            expect(run).to_contain_text("Download", timeout=60_000)
        run = console.run_of_everything(film.name)
        expect(run).to_contain_text("frames/s", timeout=60_000)
        yield "runs-dark", somebody.page
        finished = somebody.page.locator(".card.run").nth(1).get_by_role("link", name="Review")
        review = (finished.get_attribute("href") or "").removeprefix("#")
    with visit(chromium, address, role="admin", size=TALL) as somebody:
        look_over(somebody.sign_in(), review)
        yield "review", somebody.page
    with visit(chromium, address, role="admin", size=PHONE, locale="de-DE") as somebody:
        console = somebody.sign_in()
        console.open(video)
        expect(somebody.page.locator(".frame")).to_have_attribute("src", re.compile("frames"))
        yield "marking-phone-german", somebody.page
        look_over(console, review)
        yield "review-phone-german", somebody.page


def look_over(console: Console, review: str) -> None:
    """Go to a frame in which much is covered, and have all pictures on the page."""
    page = console.page
    console.open(f"{review}?frame=120")
    expect(page.locator(".stage .original")).to_have_attribute("src", re.compile("frames"))
    expect(page.locator(".stage .region").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def mark(console: Console, film: Path) -> str:
    """Upload a film and mark on it what somebody would; the address of its page."""
    page = console.page
    console.upload(film)
    link = console.card(film.name).get_by_role("link", name="Mark").get_attribute("href") or ""
    # Messages about what was just done would be in the way.
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
    page.evaluate("scrollTo(0, 0)")
    return link.removeprefix("#")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
