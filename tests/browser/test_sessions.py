"""Signing in, and sessions that end."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from support.http.browser import Console, Visitor, visit


@pytest.mark.parametrize(
    ("locale", "title", "language", "other"),
    [("en-GB", "Sign in", "en", "Anmelden"), ("de-DE", "Anmelden", "de", "Sign in")],
)
def test_browser_language_is_used_and_can_be_changed(
    chromium: Browser, address: str, locale: str, title: str, language: str, other: str
) -> None:
    with visit(chromium, address, locale=locale) as visitor:
        page = visitor.page
        page.goto(address)
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.locator(".preferences select").first.select_option("en" if language == "de" else "de")
        expect(page.get_by_role("heading", name=other)).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name=other)).to_be_visible()


def test_expired_session_asks_to_sign_in_and_continues(visitor: Visitor, console: Console) -> None:
    page = console.page
    console.open("/keys")
    page.context.clear_cookies()
    page.get_by_label("Name", exact=True).fill("nightly export")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    visitor.fill_in()
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    expect(page.get_by_text("Your session has ended")).to_have_count(0)


def test_lost_connection_is_shown_and_recovers(console: Console) -> None:
    page = console.page
    banner = page.get_by_text("No connection to the service")
    page.context.set_offline(True)
    expect(banner).to_be_visible()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_text("The service cannot be reached").first).to_be_visible()
    page.context.set_offline(False)
    expect(banner).to_be_hidden()
    expect(page.get_by_text("Nothing has been anonymised yet")).to_be_visible()


def test_lost_connection_is_shown_in_front_of_dialogs(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    page.get_by_role("button", name=f"Delete {video_file.name}").click()
    dialog = page.get_by_role("dialog")
    banner = page.get_by_text("No connection to the service")
    page.context.set_offline(True)
    # Outside the dialog it would be hidden, and screen readers would not announce it.
    expect(dialog.get_by_text("No connection to the service")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(banner).to_be_visible()
    page.get_by_role("button", name=f"Delete {video_file.name}").click()
    expect(dialog.get_by_text("No connection to the service")).to_be_visible()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The service cannot be reached")).to_be_visible()
    page.context.set_offline(False)
    expect(banner).to_be_hidden()


def test_a_key_is_shown_once_works_and_is_revoked(console: Console, address: str) -> None:
    page = console.page
    console.open("/keys")
    page.get_by_label("Name", exact=True).fill("<b>nightly</b> export")
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_role("dialog").locator("code").inner_text()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    # User input is text, whatever it contains.
    expect(page.get_by_text("<b>nightly</b> export")).to_be_visible()
    headers = {"X-API-Key": secret}
    assert httpx.get(f"{address}/api/auth/me", headers=headers).status_code == 200
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You have no API keys.")).to_be_visible()
    assert httpx.get(f"{address}/api/auth/me", headers=headers).status_code == 401


def test_signing_out_leaves_nothing_behind(visitor: Visitor, console: Console) -> None:
    page = console.page
    console.open("/keys")
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visitor.fill_in("not the password")
    expect(page.get_by_role("alert").get_by_text("User name or password is wrong.")).to_be_visible()
    visitor.fill_in()
    expect(page.locator(".account")).to_contain_text(visitor.username)
