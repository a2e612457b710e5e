"""A real Chromium in front of a real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import service_process
from browsing import CHROMIUM, Console, Visitor, launched, visit
from service_process import PASSWORD


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no Chromium: apt-get install chromium"))


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that everybody shares."""
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path_factory.mktemp("browsed"))
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
    with service_process.started(*arguments, environment=environment) as running:
        yield running.wait_for("ready ")


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser for one test: while Playwright runs, no other event loop can in the same thread."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, address: str) -> Iterator[Visitor]:
    """Somebody with an account of their own and an empty browser."""
    with visit(chromium, address) as somebody:
        yield somebody


@pytest.fixture
def console(visitor: Visitor) -> Console:
    """The console, with that somebody signed in."""
    return visitor.sign_in()
