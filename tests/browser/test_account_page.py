"""What people keep for themselves: password, display name, language, and the key of the installation."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from support.http.browser import ONE_TIME_PASSWORD, Console, Visitor, visit
from support.processes import service_process
from support.processes.service_process import PASSWORD

NEW_PASSWORD = "chosen on the account page"


def open_menu(page: Page) -> None:
    page.locator(".account summary").click()


def test_the_own_password_is_changed_and_other_sessions_end(
    chromium: Browser, address: str, visitor: Visitor
) -> None:
    console, page = visitor.sign_in(), visitor.page
    elsewhere = chromium.new_context()
    other = Visitor(elsewhere.new_page(), address, visitor.username)
    other.sign_in()
    console.open("/keys")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password again").fill("something else again")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password was changed.")).to_have_count(0)
    page.get_by_label("New password again").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password was changed.")).to_be_visible()
    # This session goes on, and the one in the other browser has ended.
    console.open("/keys")
    other.page.reload()
    expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
    elsewhere.close()
    open_menu(page)
    page.get_by_role("button", name="Sign out").click()
    visitor.sign_in(password=NEW_PASSWORD)


def test_a_display_name_is_shown_and_removed(console: Console, visitor: Visitor) -> None:
    page = console.page
    name = page.get_by_label("Name shown to others")
    for typed, shown in (("Dr. Ada Ng", "Dr. Ada Ng"), ("", visitor.username)):
        console.open("/keys")
        name.fill(typed)
        page.locator("form", has=name).get_by_role("button", name="Save").click()
        expect(page.get_by_text("Your display name is saved.").last).to_be_visible()
        page.reload()
        expect(page.locator(".account summary")).to_have_text(shown)
        assert console.request("GET", "/api/auth/me").json()["display_name"] == (typed or None)


def test_the_language_of_an_account_is_that_of_every_browser(
    chromium: Browser, address: str, visitor: Visitor
) -> None:
    visitor.sign_in()
    open_menu(visitor.page)
    with visitor.page.expect_response("**/api/auth/me") as stored:
        visitor.page.get_by_label("Language").select_option("de")
    assert stored.value.ok
    elsewhere = chromium.new_context(locale="en-GB")
    other = Visitor(elsewhere.new_page(), address, visitor.username)
    other.sign_in()
    expect(other.page.locator("html")).to_have_attribute("lang", "de")
    expect(other.page.get_by_role("link", name="Aufträge")).to_be_visible()
    elsewhere.close()


def test_the_key_of_the_installation_is_downloaded(console: Console, address: str) -> None:
    console.open("/keys")
    with console.page.expect_download() as started:
        console.page.get_by_role("link", name="Download key").click()
    key = console.request("GET", "/api/frames/anonymize/signing-key").json()
    assert started.value.suggested_filename == f"framecloak-{key['key_id']}.pem"
    assert Path(started.value.path()).read_text() == key["public_key"]


def test_a_password_of_an_administrator_is_changed_first(chromium: Browser, address: str) -> None:
    with visit(chromium, address) as visitor:
        number = visitor.sign_in().request("GET", "/api/auth/me").json()["id"]
        with service_process.signed_in(address) as http:
            # As an administrator does for people who forgot theirs; their sessions end.
            http.patch(f"/api/users/{number}", json={"password": ONE_TIME_PASSWORD}).raise_for_status()
        page = visitor.page
        page.goto(address)
        visitor.fill_in(ONE_TIME_PASSWORD)
        expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
        page.goto(f"{address}/#/keys")
        expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
        page.get_by_label("Current password").fill(ONE_TIME_PASSWORD)
        for label in ("New password", "New password again"):
            page.get_by_label(label, exact=True).fill(NEW_PASSWORD)
        page.get_by_role("button", name="Change password").click()
        expect(page.locator(".account")).to_be_visible()
