"""The site that `make docs` has built: it loads nothing from other hosts, and every page is readable."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from support.documented import ROOT

SITE = ROOT / "out" / "site"
RESOURCE_ATTRIBUTES = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "image": "href",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
"""Attribute from which a browser loads a resource, by element."""

CHROMIUM = shutil.which("chromium")
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
SAMPLE_PAGES = (
    "index.html",
    "operations/data-protection.html",
    "reference/settings.html",
    "reference/api/schemas.html",
)


class Resources(HTMLParser):
    """Collects the addresses of resources that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += (
            [values[RESOURCE_ATTRIBUTES[tag]] or ""]
            if tag in RESOURCE_ATTRIBUTES and RESOURCE_ATTRIBUTES[tag] in values
            else []
        )
        self.found += re.findall(r"url\(([^)]+)\)", values.get("style") or "")
        self.found += [part.split()[0] for part in (values.get("srcset") or "").split(",") if part.strip()]


def pages() -> list[Path]:
    return sorted(SITE.rglob("*.html"))


def is_external(address: str) -> bool:
    parts = urlsplit(address.strip("'\""))
    return bool(parts.netloc) or parts.scheme not in {"", "data"}


def test_pages_load_nothing_from_other_hosts() -> None:
    assert len(pages()) > 35
    for page in pages():
        resources = Resources()
        resources.feed(page.read_text("utf-8"))
        assert len(resources.found) > 3
        assert not [address for address in resources.found if is_external(address)], page


def test_styles_and_images_load_nothing_from_other_hosts() -> None:
    styles, images = list(SITE.rglob("*.css")), list(SITE.rglob("*.svg"))
    assert styles
    assert images
    for path in styles:
        text = path.read_text("utf-8")
        assert not [url for url in re.findall(r"url\(([^)]+)\)", text) if is_external(url)], path
        assert "@import" not in text
    for path in images:
        assert not re.findall(r"(?:href|src)=\"(?!#|data:)[^\"]+", path.read_text("utf-8")), path


def test_generator_scripts_are_not_part_of_the_site() -> None:
    assert not list(SITE.rglob("*.py"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", SAMPLE_PAGES)
def test_a_browser_requests_no_other_host_and_need_not_scroll_sideways(
    browser: Browser, name: str, size: tuple[int, int]
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto((SITE / name).as_uri(), wait_until="networkidle")
    assert not [url for url in requested if not url.startswith(("file:", "data:", "blob:"))]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("h1").first.inner_text().strip()
    page.close()
