"""Users of the console in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import (
    APIResponse,
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    expect,
)

from support.patience import patience
from support.processes import service_process
from support.processes.service_process import PASSWORD

expect.set_options(timeout=1000 * patience(20))

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Path of the system's browser; None without one."""

FRAMES = 30
"""Length of the video that most tests upload."""

WORK_MS = 1000 * patience(60)
"""Milliseconds before unfinished work of a worker counts as a hang."""

ONE_TIME_PASSWORD = "only for the first sign-in"
"""Password that an administrator sets."""

_numbers = count(1)


def launched(playwright: Playwright) -> Browser:
    """Launch the system's Chromium without a window."""
    # Chromium refuses to use its sandbox when started by root, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@dataclass
class Console:
    """The console of a signed-in user."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        """Open a page by its address and wait until it has loaded its content."""
        self.page.goto(f"{self.address}/#{path}")
        expect(self.page.locator("main h1")).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def upload(self, path: Path) -> None:
        """Upload a video on the videos page and wait until it is listed."""
        self.open("/videos")
        before = self.page.locator(".upload").count()
        self.page.set_input_files(".drop-zone input", path)
        uploaded = self.page.locator(".upload").nth(before).locator("a.primary")
        # Other videos may have the same name, and administrators see those of all users.
        link = uploaded.get_attribute("href")
        expect(self.page.locator(f'.card.video h2 a[href="{link}"]')).to_be_visible()

    def card(self, name: str) -> Locator:
        """Return the newest card with this name in the list of videos."""
        named = self.page.get_by_role("link", name=name, exact=True)
        return self.page.locator(".card.video", has=named).first

    @property
    def csrf_token(self) -> str:
        """The CSRF token of the console."""
        found: str = self.page.evaluate("document.cookie.match(/csrftoken=([^;]+)/)[1]")
        return found

    def request(self, method: str, path: str, body: object = None) -> APIResponse:
        """Send a request to the API as the page would; return its successful response."""
        url, headers = f"{self.address}{path}", {"X-CSRFToken": self.csrf_token}
        answer = self.page.request.fetch(url, method=method, data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer

    def marking_page(self, name: str) -> str:
        """Return the address of an uploaded video's marking page."""
        link = self.card(name).get_by_role("heading").get_by_role("link").get_attribute("href")
        assert link
        return link.removeprefix("#")

    def submit_all_frames(self, name: str) -> Locator:
        """Submit all frames of an uploaded video; return the card of the run."""
        self.open("/videos")
        self.card(name).get_by_role("link", name="Anonymise").click()
        self.page.get_by_role("button", name="Start").click()
        run = self.page.locator(".card.run").first
        expect(run).to_contain_text(name)
        return run


@dataclass
class Visitor:
    """A user with an account, and a browser without a session.

    Attributes:
        page: page of the browser.
        address: address of the service.
        username: name of the account; its password is the common test password.
        errors: errors on the browser's console, including violations of the content security policy.
    """

    page: Page
    address: str
    username: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._record_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _record_error(self, message: ConsoleMessage) -> None:
        # Error responses and dropped connections are expected in some tests.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def sign_in(self, *, password: str = PASSWORD) -> Console:
        """Sign in with the form of the start page."""
        self.page.goto(self.address)
        self.fill_in(password)
        expect(self.page.locator(".account")).to_be_visible()
        return Console(self.page, self.address)

    def fill_in(self, password: str = PASSWORD) -> None:
        self.page.locator("[name=username]").fill(self.username)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("button[type=submit]").click()


def wrapped_texts(nodes: Locator) -> list[str]:
    """Return the text of those elements that take more than one line."""
    found: list[str] = nodes.evaluate_all(
        """(nodes) => nodes.filter((node) => {
          const range = document.createRange();
          range.selectNodeContents(node);
          const parts = [...range.getClientRects()];
          const lowest = Math.max(...parts.map(({ top }) => top));
          return lowest >= Math.min(...parts.map(({ bottom }) => bottom));
        }).map((node) => node.textContent)"""
    )
    return found


def choose_password(address: str, username: str, one_time: str) -> None:
    """Change the password that an administrator set to the common test password."""
    with httpx.Client(base_url=address) as http:
        credentials = {"username": username, "password": one_time}
        token = http.post("/api/auth/token", json=credentials).raise_for_status().json()["access_token"]
        body = {"old_password": one_time, "new_password": PASSWORD}
        headers = {"Authorization": f"Bearer {token}"}
        http.post("/api/auth/password", json=body, headers=headers).raise_for_status()


@contextmanager
def visit(
    chromium: Browser,
    address: str,
    *,
    role: str = "user",
    size: ViewportSize = DESKTOP,
    locale: str = "en-GB",
    brightness: Literal["light", "dark"] = "light",
) -> Iterator[Visitor]:
    """Create an account and a browser context; check that the browser reported no errors.

    Args:
        chromium: browser in which the context is created.
        address: address of the service.
        role: role of the account.
        size: size of the window in pixels.
        locale: locale of the browser.
        brightness: colour scheme that the system prefers.
    """
    username = f"visitor-{next(_numbers)}"
    with service_process.signed_in(address) as http:
        body = {"username": username, "password": ONE_TIME_PASSWORD, "role": role}
        http.post("/api/users", json=body).raise_for_status()
        choose_password(address, username, ONE_TIME_PASSWORD)
    context = chromium.new_context(viewport=size, locale=locale, color_scheme=brightness)
    visitor = Visitor(context.new_page(), address, username)
    yield visitor
    context.close()
    assert visitor.errors == []
