"""Pages for administrators."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from support.http.browser import DESKTOP, PHONE, Visitor, visit, wrapped_texts
from support.processes.service_process import PASSWORD

NEW_PASSWORD = "another horse entirely"


def test_account_is_created_given_another_password_and_locked(
    visitor: Visitor, chromium: Browser, address: str
) -> None:
    name, credentials = visitor.username, {"username": visitor.username, "password": NEW_PASSWORD}
    with visit(chromium, address, role="admin") as administrator:
        console, page = administrator.sign_in(), administrator.page
        console.open("/admin")
        expect(page.get_by_text("Everything works.")).to_be_visible()
        expect(page.get_by_text("Runs by status")).to_be_visible()
        # The own one is changed in the menu of the account, with the old one.
        own = page.get_by_role("button", name=f"Set password: {administrator.username}", exact=True)
        expect(own).to_be_disabled()
        page.get_by_role("button", name=f"Set password: {name}", exact=True).click()
        dialog = page.get_by_role("dialog", name=f"New password for {name}")
        dialog.get_by_label("Password").fill("short")
        dialog.get_by_role("button", name="Set password").click()
        expect(dialog.get_by_role("alert").get_by_text("12 to 1024 characters")).to_be_visible()
        dialog.get_by_label("Password").fill(NEW_PASSWORD)
        dialog.get_by_role("button", name="Set password").click()
        expect(page.get_by_text(f"{name} has a new password.")).to_be_visible()
        assert httpx.post(f"{address}/api/auth/login", json=credentials).is_success
        assert not httpx.post(
            f"{address}/api/auth/login", json=credentials | {"password": PASSWORD}
        ).is_success
        page_of_visitor = visitor.page
        page_of_visitor.goto(address)
        visitor.fill_in(NEW_PASSWORD)
        expect(page_of_visitor.get_by_role("heading", name="Choose a password")).to_be_visible()
        page_of_visitor.get_by_label("Current password").fill(NEW_PASSWORD)
        page_of_visitor.get_by_label("New password", exact=True).fill(PASSWORD)
        page_of_visitor.get_by_label("New password again").fill(PASSWORD)
        page_of_visitor.get_by_role("button", name="Change password").click()
        expect(page_of_visitor.get_by_role("heading", name="Videos", exact=True)).to_be_visible()
        credentials["password"] = PASSWORD
        page.get_by_role("button", name=f"Lock: {name}", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Lock").click()
        expect(page.get_by_role("button", name=f"Unlock: {name}", exact=True)).to_be_visible()
        assert not httpx.post(f"{address}/api/auth/login", json=credentials).is_success


def test_an_account_is_removed_once_what_it_owns_is_handed_over(
    visitor: Visitor, chromium: Browser, address: str, video_file: Path
) -> None:
    visitor.sign_in().upload(video_file)
    with visit(chromium, address, role="admin") as administrator:
        console, page = administrator.sign_in(), administrator.page
        console.open("/admin")
        expect(page.get_by_role("button", name=f"Remove {administrator.username}", exact=True)).to_have_count(
            0
        )
        page.get_by_role("button", name=f"Remove {visitor.username}", exact=True).click()
        dialog = page.get_by_role("dialog", name=f"Remove {visitor.username}")
        dialog.get_by_role("button", name="Remove account").click()
        expect(dialog.get_by_role("alert").get_by_text("owns videos, runs or galleries")).to_be_visible()
        dialog.get_by_label("Hand over").select_option(administrator.username)
        dialog.get_by_role("button", name="Remove account").click()
        expect(page.get_by_text(f"{visitor.username} is removed.")).to_be_visible()
        expect(
            page.get_by_role("button", name=f"Set password: {visitor.username}", exact=True)
        ).to_have_count(0)
        console.open("/videos")
        expect(console.card(video_file.name)).to_be_visible()


NARROWED = """(lists) => lists.map((list) => {
  const widths = () => [...list.querySelectorAll("dt")].map((name) => name.offsetWidth);
  const before = Math.max(...widths());
  list.style.gridTemplateColumns = "min-content max-content";
  return before < Math.max(...widths());
})"""
"""For each list, whether its names have less room than their longest word needs."""


def test_health_page_in_german_breaks_no_word(chromium: Browser, address: str) -> None:
    with visit(chromium, address, role="admin", locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        told = console.request("GET", "/api/frames/anonymize/health/").json() | {"storage_bytes": 50_600_000}
        page.route("**/health/", lambda route: route.fulfill(json=told))
        for width in (PHONE["width"], 768, 1100, DESKTOP["width"], 1440, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            console.open("/admin")
            assert wrapped_texts(page.locator(".checks li, .pairs dd")) == [], width
            # The minimum width of a name is its longest word.
            assert page.locator(".pairs").evaluate_all(NARROWED) == [False, False], width
        expect(page.get_by_text("50,6\u00a0MB", exact=True)).to_be_visible()


def test_installation_that_accepts_no_requests_is_shown_as_unhealthy(chromium: Browser, address: str) -> None:
    with visit(chromium, address, role="admin") as visitor:
        console, page = visitor.sign_in(), visitor.page
        told = console.request("GET", "/api/frames/anonymize/health/").json()
        body = told | {"status": "unhealthy", "checks": told["checks"] | {"storage": "failed"}}
        page.route("**/health/", lambda route: route.fulfill(status=503, json=body))
        console.open("/admin")
        expect(page.get_by_text("New runs cannot be accepted at the moment.")).to_be_visible()
        expect(page.locator(".checks")).to_contain_text("Failed")
