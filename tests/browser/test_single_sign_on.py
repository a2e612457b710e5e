"""Signing in and out at an identity provider, in the console."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from support.http.browser import visit
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.servers.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityServer,
    running_identity_server,
)


@dataclass
class SignOn:
    """An installation with single sign-on, and its provider."""

    address: str
    server: IdentityServer


@pytest.fixture(scope="module")
def sign_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignOn]:
    """A service at the address that the provider knows."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    arguments = ("serve", "--port", str(port), "--data-dir", tmp_path_factory.mktemp("signed-on"))
    with running_identity_server(
        redirect_uri=f"{address}/api/auth/oidc/callback", home=f"{address}/"
    ) as server:
        environment = {
            "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD,
            "BASE_URL": address,
            "OIDC_ISSUER": server.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "Clinic",
        }
        with service_process.started(*arguments, environment=environment) as running:
            running.wait_for("ready ")
            yield SignOn(address, server)


@pytest.mark.parametrize(
    ("locale", "button", "refused"),
    [
        ("en-GB", "Sign in with Clinic", "The identity provider refused the sign-in"),
        ("de-DE", "Mit Clinic anmelden", "Der Anmeldedienst hat die Anmeldung abgelehnt"),
    ],
)
def test_a_user_signs_in_and_out_at_the_provider(
    chromium: Browser, sign_on: SignOn, locale: str, button: str, refused: str
) -> None:
    sign_on.server.user = {"sub": "1234", "preferred_username": "ada", "name": "Ada L."}
    with visit(chromium, sign_on.address, locale=locale) as visitor:
        page = visitor.page
        page.goto(f"{sign_on.address}/#/keys")
        page.get_by_role("link", name=button).click()
        # The page that was open before, for an account without a password.
        expect(page.locator("summary").filter(has_text="Ada L.")).to_be_visible()
        expect(page).to_have_url(f"{sign_on.address}/#/keys")
        expect(page.locator("input[autocomplete=current-password]")).to_have_count(0)
        page.locator("details.account summary").click()
        page.locator("details.account button").click()
        # The provider has ended its session, too, and so refuses the next sign-in.
        expect(page.get_by_role("link", name=button)).to_be_visible()
        assert "/end-session" in sign_on.server.calls
        page.get_by_role("link", name=button).click()
        expect(page.locator(".notice")).to_contain_text(refused)


def test_a_link_puts_no_words_onto_the_sign_in_page(chromium: Browser, sign_on: SignOn) -> None:
    with visit(chromium, sign_on.address) as visitor:
        page = visitor.page
        page.goto(f"{sign_on.address}/#/sign-in?problem=call-0900-1234&detail=call-0900-1234")
        expect(page.get_by_role("link", name="Sign in with Clinic")).to_be_visible()
        expect(page.locator(".notice")).to_have_count(0)
        expect(page.get_by_text("0900")).to_have_count(0)


def test_an_administrator_links_an_account_to_an_identity(chromium: Browser, sign_on: SignOn) -> None:
    sign_on.server.user = {"sub": "linked-5678", "preferred_username": "grace"}
    with (
        visit(chromium, sign_on.address) as colleague,
        visit(chromium, sign_on.address, role="admin") as admin,
    ):
        console = admin.sign_in()
        console.open("/admin")
        page = console.page
        page.get_by_role("button", name=f"Link identity: {colleague.username}").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Identifier at the provider").fill("linked-5678")
        dialog.get_by_role("button", name="Link identity").click()
        row = page.locator("li", has_text=colleague.username)
        expect(row).to_contain_text("No password here")
        colleague.page.goto(sign_on.address)
        colleague.page.get_by_role("link", name="Sign in with Clinic").click()
        expect(colleague.page.locator("summary").filter(has_text=colleague.username)).to_be_visible()
        page.reload()
        page.get_by_role("button", name=f"Unlink identity: {colleague.username}").click()
        page.get_by_role("dialog").get_by_role("button", name="Unlink identity").click()
        dialog = page.get_by_role("dialog", name=f"New password for {colleague.username}")
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Set password").click()
        expect(row).not_to_contain_text("No password here")
        # The session that began at the provider has ended, and the password is good for one sign-in.
        colleague.page.reload()
        colleague.fill_in()
        expect(colleague.page.get_by_role("heading", name="Choose a password")).to_be_visible()
