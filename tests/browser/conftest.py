"""A real Chromium in front of a real service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import service_process
from browsing import Console, Visitor, visit
from service_process import PASSWORD

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # Chromium refuses to lock itself in when root runs it, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
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
