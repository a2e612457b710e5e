"""People who use the console in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

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

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Of the system; None where there is none."""

FRAMES = 30
"""Of the film that most tests upload."""

WORK_MS = 1000 * patience(60)
"""Milliseconds for what a worker does, before it counts as a hang."""

_numbers = count(1)


def launched(playwright: Playwright) -> Browser:
    """The system's Chromium, without a window."""
    # It refuses to lock itself in when root runs it, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@dataclass
class Console:
    """The console as somebody sees it who is signed in."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        """Go to a page by its address, and wait until it has what it shows."""
        self.page.goto(f"{self.address}/#{path}")
        expect(self.page.locator("main h1")).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def upload(self, film: Path) -> None:
        """Choose a film on the page of videos, and wait until it is listed."""
        self.open("/videos")
        before = self.page.locator(".upload").count()
        self.page.set_input_files(".drop-zone input", film)
        made = self.page.locator(".upload").nth(before).locator("a.primary")
        # There may be others of that name, and administrators see those of everybody.
        link = made.get_attribute("href")
        expect(self.page.locator(f'.card.video h2 a[href="{link}"]')).to_be_visible()

    def card(self, name: str) -> Locator:
        """What the list of videos shows of the newest one of a name."""
        named = self.page.get_by_role("link", name=name, exact=True)
        return self.page.locator(".card.video", has=named).first

    @property
    def token(self) -> str:
        """What proves that a change is asked for by the console's own page."""
        found: str = self.page.evaluate("document.cookie.match(/csrftoken=([^;]+)/)[1]")
        return found

    def ask(self, method: str, path: str, body: object = None) -> APIResponse:
        """Ask the service for something as its page would; what it answers, which is no error."""
        url, headers = f"{self.address}{path}", {"X-CSRFToken": self.token}
        answer = self.page.request.fetch(url, method=method, data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer

    def link_to(self, name: str) -> str:
        """The address of the page on which an uploaded film is marked."""
        link = self.card(name).get_by_role("heading").get_by_role("link").get_attribute("href")
        assert link
        return link.removeprefix("#")

    def run_of_everything(self, name: str) -> Locator:
        """Order all frames of an uploaded film; what the list of runs shows of it."""
        self.open("/videos")
        self.card(name).get_by_role("link", name="Anonymise").click()
        self.page.get_by_role("button", name="Start").click()
        run = self.page.locator(".card.run").first
        expect(run).to_contain_text(name)
        return run


@dataclass
class Visitor:
    """Somebody with an account, and a browser in which nobody is signed in.

    Attributes:
        page: of the browser.
        address: of the service.
        username: of the account; its password is that of all tests.
        errors: what the browser complained about, violations of the content policy among it.
    """

    page: Page
    address: str
    username: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        # Answers that are errors, and connections that are cut, are what some tests are about.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def sign_in(self, *, password: str = PASSWORD) -> Console:
        """Fill in the form that strangers see."""
        self.page.goto(self.address)
        self.fill_in(password)
        expect(self.page.locator(".account")).to_be_visible()
        return Console(self.page, self.address)

    def fill_in(self, password: str = PASSWORD) -> None:
        self.page.locator("[name=username]").fill(self.username)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("button[type=submit]").click()


def on_several_lines(nodes: Locator) -> list[str]:
    """What is written in those of some elements that take more than one line."""
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


@contextmanager
def visit(
    chromium: Browser,
    address: str,
    *,
    role: str = "user",
    size: ViewportSize = DESK,
    locale: str = "en-GB",
    brightness: Literal["light", "dark"] = "light",
) -> Iterator[Visitor]:
    """Give somebody a new account and a browser; nothing in it may have been complained about.

    Args:
        chromium: that the browser is a profile of.
        address: of the service.
        role: of the account.
        size: of the window, in pixels.
        locale: of the browser.
        brightness: that the system prefers.
    """
    username = f"visitor-{next(_numbers)}"
    with service_process.signed_in(address) as http:
        body = {"username": username, "password": PASSWORD, "role": role}
        http.post("/api/users", json=body).raise_for_status()
    context = chromium.new_context(viewport=size, locale=locale, color_scheme=brightness)
    somebody = Visitor(context.new_page(), address, username)
    yield somebody
    context.close()
    assert somebody.errors == []
