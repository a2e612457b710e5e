"""A real Chromium in front of a real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from support.http.browser import CHROMIUM, FRAMES, Console, Visitor, launched, visit
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video
from support.samples.scan import SIZE, scan


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no Chromium: apt-get install chromium"))


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service shared by all tests."""
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path_factory.mktemp("browsed"))
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD, "HIGH_PRIORITY": "everyone"}
    with service_process.started(*arguments, environment=environment) as running:
        yield running.wait_for("ready ")


@pytest.fixture(scope="session")
def video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short video."""
    return write_video(tmp_path_factory.mktemp("films") / "ward round.mp4", FRAMES, size=(320, 240))


@pytest.fixture(scope="session")
def long_video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose anonymisation takes longer than cancelling it."""
    return write_video(tmp_path_factory.mktemp("films") / "whole day.mp4", 6000, size=(320, 240))


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a name and a scale written over moving content."""
    path = tmp_path_factory.mktemp("films") / "ultrasound.mp4"
    return write_video(path, FRAMES, size=SIZE, images=map(scan, range(FRAMES)))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all: every visitor has a profile of their own in it.

    While Playwright runs, no other event loop can run in the same thread, so tests that have one are in
    other folders.
    """
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, address: str) -> Iterator[Visitor]:
    """A user with an account of their own and a browser without a session."""
    with visit(chromium, address) as new_visitor:
        yield new_visitor


@pytest.fixture
def console(visitor: Visitor) -> Console:
    """The console of the signed-in visitor."""
    return visitor.sign_in()
