"""Single sign-on over HTTP, with a provider on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fakes.clock import FakeClock
from framecloak.adapters.oidc.provider import OidcConfig, OidcProvider
from framecloak.domain.accounts.sign_on.attempts import ATTEMPT_TTL
from framecloak.domain.accounts.sign_on.group_roles import GroupRoles
from framecloak.domain.accounts.sign_on.service import SignOnPolicy
from framecloak.domain.model.accounts import Role
from support.http.api import SIGN_ON, Api, make_api
from support.servers.identity_provider import (
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityServer,
    SigningKey,
    running_identity_server,
    visit,
)
from support.use_cases import PASSWORD

LOGIN, CALLBACK, LOGOUT = "/api/auth/oidc/login", "/api/auth/oidc/callback", "/api/auth/oidc/logout"
ROLES = GroupRoles({"admins": Role.ADMIN, "staff": Role.USER})


@dataclass
class Clinic:
    """An installation with an identity provider."""

    api: Api
    server: IdentityServer
    clock: FakeClock

    async def answer(self, browser: httpx.AsyncClient) -> httpx.QueryParams:
        """Go to the provider, sign in there, and return the fields of its answer."""
        begun = await browser.get(LOGIN)
        assert begun.status_code == 303, begun.text
        located = await visit(begun.headers["location"])
        address, _, query = located.partition("?")
        assert address == self.server.redirect_uri
        return httpx.QueryParams(query)

    async def sign_in(self, browser: httpx.AsyncClient | None = None) -> httpx.AsyncClient:
        """Return a signed-in browser."""
        browser = browser or self.api.client()
        finished = await browser.get(CALLBACK, params=await self.answer(browser))
        assert (finished.status_code, finished.headers["location"]) == (303, "/"), finished.text
        browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
        return browser

    async def refused(self) -> tuple[int, str]:
        """Sign in and return the status and the code of the refusal."""
        browser = self.api.client()
        answer = await browser.get(CALLBACK, params=await self.answer(browser))
        assert "framecloak_session" not in browser.cookies
        return answer.status_code, answer.json()["code"]

    def program(self, token: str) -> httpx.AsyncClient:
        return self.api.client(Authorization=f"Bearer {token}")


def make_clinic(folder: Path, server: IdentityServer, clock: FakeClock, policy: SignOnPolicy) -> Clinic:
    config = OidcConfig(server.issuer, CLIENT_ID, CLIENT_SECRET, audience=AUDIENCE)
    provider = OidcProvider(config, clock)
    api = make_api(folder, sign_on=policy, identity_provider=provider, clock=clock)
    return Clinic(api, server, clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[IdentityServer]:
    with running_identity_server(clock=clock.now) as server:
        yield server


@pytest.fixture
def clinic(tmp_path: Path, server: IdentityServer, clock: FakeClock) -> Clinic:
    return make_clinic(tmp_path, server, clock, SIGN_ON)


async def test_the_first_sign_in_creates_an_account_that_the_second_one_finds(clinic: Clinic) -> None:
    first = await (await clinic.sign_in()).get("/api/auth/me")
    me = first.json()
    assert (me["username"], me["display_name"], me["role"]) == ("ada", "Ada L.", "user")
    assert (me["authenticated_by"], me["local_sign_in"]) == ("session", False)
    assert clinic.server.user is not None
    clinic.server.user |= {"preferred_username": "ada.married", "name": "Ada M."}
    again = (await (await clinic.sign_in()).get("/api/auth/me")).json()
    assert (again["id"], again["username"]) == (me["id"], "ada")


async def test_the_session_of_a_sign_in_changes_data_with_its_csrf_token(clinic: Clinic) -> None:
    browser = await clinic.sign_in()
    assert (await browser.patch("/api/auth/me", json={"language": "de"})).status_code == 200
    del browser.headers["X-CSRFToken"]
    assert (await browser.patch("/api/auth/me", json={"language": "en"})).status_code == 403


async def test_a_name_like_that_of_a_local_account_takes_nothing_over(clinic: Clinic) -> None:
    local = await clinic.api.world.person("ada", Role.ADMIN)
    for subject, name in (("s-1", "ada"), ("s-2", "ADA"), ("s-3", "\u0430da")):
        clinic.server.user = {"sub": subject, "preferred_username": name, "email": "ada@clinic.test"}
        me = (await (await clinic.sign_in()).get("/api/auth/me")).json()
        assert me["id"] != local.user_id
        assert (me["role"], me["username"].startswith(f"{name}-")) == ("user", True)
    with_password = await clinic.api.browser("ada")
    assert (await with_password.get("/api/auth/me")).json()["role"] == "admin"


async def test_another_subject_with_the_same_name_is_another_person(clinic: Clinic) -> None:
    first = (await (await clinic.sign_in()).get("/api/auth/me")).json()
    clinic.server.user = {"sub": "5678", "preferred_username": "ada"}
    assert (await (await clinic.sign_in()).get("/api/auth/me")).json()["id"] != first["id"]


async def test_groups_give_and_withdraw_the_role_at_each_sign_in(
    tmp_path: Path, server: IdentityServer, clock: FakeClock
) -> None:
    clinic = make_clinic(tmp_path, server, clock, replace(SIGN_ON, group_roles=ROLES))
    assert server.user is not None
    server.user["groups"] = ["staff", "admins"]
    browser = await clinic.sign_in()
    assert (await browser.get("/api/users")).status_code == 200
    stale = server.access_token()
    assert (await clinic.program(stale).get("/api/users")).status_code == 200
    server.user["groups"] = ["staff"]
    again = await clinic.sign_in()
    assert (await again.get("/api/users")).status_code == 403
    # Sessions that began earlier lose the role, too, and an older token does not bring it back.
    assert (await browser.get("/api/users")).status_code == 403
    assert (await clinic.program(stale).get("/api/users")).status_code == 403
    server.user["groups"] = ["visitors"]
    assert await clinic.refused() == (403, "not_admitted")
    del server.user["groups"]
    assert await clinic.refused() == (403, "not_admitted")


async def test_an_access_token_without_the_group_gives_no_more_than_it_says(
    tmp_path: Path, server: IdentityServer, clock: FakeClock
) -> None:
    roles = GroupRoles({"admins": Role.ADMIN, "*": Role.USER})
    clinic = make_clinic(tmp_path, server, clock, replace(SIGN_ON, group_roles=roles))
    assert server.user is not None
    server.user["groups"] = ["admins"]
    await clinic.sign_in()
    for groups, status in ((["admins"], 200), ([], 403), (None, 403)):
        program = clinic.program(server.access_token(groups=groups))
        assert (await program.get("/api/users")).status_code == status, groups


async def test_disabled_accounts_stay_out(clinic: Clinic) -> None:
    browser = await clinic.sign_in()
    me = (await browser.get("/api/auth/me")).json()
    root = await clinic.api.world.person("root", Role.ADMIN)
    await clinic.api.world.administration.change_user(root, me["id"], disabled=True)
    clinic.clock.advance(timedelta(seconds=2))
    assert await clinic.refused() == (403, "not_admitted")
    answer = await clinic.program(clinic.server.access_token()).get("/api/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_admitted")


async def test_unknown_identities_are_refused_where_accounts_are_not_created(
    tmp_path: Path, server: IdentityServer, clock: FakeClock
) -> None:
    clinic = make_clinic(tmp_path, server, clock, replace(SIGN_ON, creates_accounts=False))
    assert await clinic.refused() == (403, "not_admitted")
    program = clinic.program(server.access_token())
    assert (await program.get("/api/auth/me")).json()["code"] == "not_admitted"
    # An administrator links the identity to an account, which then has no password any more.
    ada = await clinic.api.world.person("ada")
    _, admin = await clinic.api.person("root", Role.ADMIN)
    linked = await admin.put(f"/api/users/{ada.user_id}/identity", json={"subject": "1234"})
    assert (linked.status_code, linked.json()["local_sign_in"]) == (200, False)
    browser = await clinic.sign_in()
    assert (await browser.get("/api/auth/me")).json()["id"] == ada.user_id
    password = {"username": "ada", "password": PASSWORD}
    assert (await clinic.api.client().post("/api/auth/login", json=password)).status_code == 401
    # Unlinked, it has neither, until an administrator sets a password.
    assert (await admin.delete(f"/api/users/{ada.user_id}/identity")).status_code == 200
    assert (await browser.get("/api/auth/me")).status_code == 401
    assert await clinic.refused() == (403, "not_admitted")


async def test_an_identity_is_linked_to_one_account(clinic: Clinic) -> None:
    ada, bob = await clinic.api.world.person("ada"), await clinic.api.world.person("bob")
    root, admin = await clinic.api.person("root", Role.ADMIN)
    for _ in range(2):
        assert (
            await admin.put(f"/api/users/{ada.user_id}/identity", json={"subject": "s"})
        ).status_code == 200
    for user_id, subject in ((bob.user_id, "s"), (root.user_id, "t"), (bob.user_id, " ")):
        answer = await admin.put(f"/api/users/{user_id}/identity", json={"subject": subject})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option"), subject
    for user_id in (bob.user_id, root.user_id):
        answer = await admin.delete(f"/api/users/{user_id}/identity")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert (await clinic.api.browser("bob")).cookies


async def test_accounts_without_a_password_cannot_change_or_get_one(clinic: Clinic) -> None:
    browser = await clinic.sign_in()
    me = (await browser.get("/api/auth/me")).json()
    body = {"old_password": "none of mine at all", "new_password": "another of mine"}
    own = await browser.post("/api/auth/password", json=body)
    _, admin = await clinic.api.person("root", Role.ADMIN)
    given = await admin.patch(f"/api/users/{me['id']}", json={"password": PASSWORD})
    for answer in (own, given):
        assert (answer.status_code, answer.json()["code"]) == (409, "no_local_password")
        assert "identity provider" in answer.json()["detail"]
    for path in ("/api/auth/login", "/api/auth/token"):
        credentials = {"username": "ada", "password": PASSWORD}
        assert (await clinic.api.client().post(path, json=credentials)).status_code == 401


async def test_signing_out_ends_the_session_here_and_at_the_provider(clinic: Clinic) -> None:
    browser = await clinic.sign_in()
    address = (await browser.post(LOGOUT)).json()["address"]
    assert "framecloak_session" not in browser.cookies
    assert (await browser.get("/api/auth/me")).status_code == 401
    assert await visit(address) == clinic.server.home
    assert clinic.server.user is None


async def test_a_session_with_a_password_has_nothing_to_end_at_the_provider(clinic: Clinic) -> None:
    await clinic.api.world.person("bob")
    browser = await clinic.api.browser("bob")
    assert (await browser.post(LOGOUT)).json() == {"address": None}
    assert (await browser.get("/api/auth/me")).status_code == 401


async def test_one_signs_out_here_if_the_provider_has_no_such_address(clinic: Clinic) -> None:
    clinic.server.ends_sessions = False
    browser = await clinic.sign_in()
    assert (await browser.post(LOGOUT)).json() == {"address": None}
    assert (await browser.get("/api/auth/me")).status_code == 401


async def test_access_tokens_of_the_provider_are_credentials_of_the_api(clinic: Clinic) -> None:
    program = clinic.program(clinic.server.access_token())
    me = (await program.get("/api/auth/me")).json()
    assert (me["username"], me["authenticated_by"]) == ("ada", "sso_token")
    assert (await (await clinic.sign_in()).get("/api/auth/me")).json()["id"] == me["id"]
    # No cookie, so no CSRF token.
    assert (await program.patch("/api/auth/me", json={"language": "de"})).status_code == 200


async def test_other_tokens_are_refused_in_clear_words(clinic: Clinic) -> None:
    server = clinic.server
    now = int(clinic.clock.now().timestamp())
    tokens = {
        "identity_token_audience": server.access_token("api of another client"),
        "sign_on_expired": server.access_token(iat=now - 600, exp=now - 120),
        "clock_skew": server.access_token(iat=now + 120, exp=now + 600),
        "identity_token_invalid": SigningKey("unpublished").sign(server.claims(AUDIENCE, sub="1234")),
    }
    for code, token in tokens.items():
        answer = await clinic.program(token).get("/api/auth/me")
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.json()["hint"]
        assert answer.headers["www-authenticate"].startswith("Bearer")
    # A token of an unknown issuer is treated like any other one.
    stranger = server.access_token(iss="https://evil.test")
    assert (await clinic.program(stranger).get("/api/auth/me")).json()["code"] == "not_authenticated"


async def test_an_answer_for_another_browser_is_refused(clinic: Clinic) -> None:
    thief, victim = clinic.api.client(), clinic.api.client()
    stolen = await clinic.answer(thief)
    # The victim has no sign-in under way, then one of its own.
    for _ in range(2):
        answer = await victim.get(CALLBACK, params=stolen)
        assert (answer.status_code, answer.json()["code"]) == (400, "sign_on_state_mismatch")
        await clinic.answer(victim)
    assert "framecloak_session" not in victim.cookies
    mixed = await clinic.answer(victim)
    answer = await victim.get(CALLBACK, params={**mixed, "iss": "https://evil.test"})
    assert answer.json()["code"] == "sign_on_state_mismatch"


async def test_an_answer_is_used_once_and_soon(clinic: Clinic) -> None:
    browser = clinic.api.client()
    answer = await clinic.answer(browser)
    cookie = browser.cookies["framecloak_sign_on"]
    assert (await browser.get(CALLBACK, params=answer)).status_code == 303
    assert "framecloak_sign_on" not in browser.cookies
    async with clinic.api.client(Cookie=f"framecloak_sign_on={cookie}") as replaying:
        again = await replaying.get(CALLBACK, params=answer)
        assert (again.status_code, again.json()["code"]) == (401, "sign_on_expired")
    late = await clinic.answer(browser)
    clinic.clock.advance(ATTEMPT_TTL + timedelta(seconds=2))
    assert (await browser.get(CALLBACK, params=late)).json()["code"] == "sign_on_expired"


async def test_a_cancelled_sign_in_is_explained(clinic: Clinic) -> None:
    clinic.server.user = None
    assert await clinic.refused() == (403, "sign_on_denied")


async def test_browsers_are_sent_to_the_sign_in_page_with_the_code_only(clinic: Clinic) -> None:
    browser = clinic.api.client(Accept="text/html,application/xhtml+xml")
    refused = await browser.get(CALLBACK, params={"state": "x", "code": "y"})
    place = urlsplit(refused.headers["location"])
    assert (refused.status_code, place.path) == (303, "/")
    path, _, query = place.fragment.partition("?")
    assert (path, parse_qs(query)) == ("/sign-in", {"problem": ["sign_on_state_mismatch"], "wait": ["0"]})


async def test_an_outage_of_the_provider_is_reported_and_passwords_still_work(
    tmp_path: Path, server: IdentityServer, clock: FakeClock
) -> None:
    clinic = make_clinic(tmp_path, replace(server, issuer="http://127.0.0.1:1"), clock, SIGN_ON)
    answer = await clinic.api.client().get(LOGIN)
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unavailable")
    assert "127.0.0.1" not in answer.text
    assert answer.headers["retry-after"]
    await clinic.api.world.person("bob")
    assert (await (await clinic.api.browser("bob")).get("/api/auth/me")).status_code == 200


async def test_failed_sign_ins_are_limited_by_address(clinic: Clinic) -> None:
    browser = clinic.api.client()
    statuses = [
        (await browser.get(CALLBACK, params={"state": "x", "code": "y"})).status_code for _ in range(31)
    ]
    assert statuses == [400] * 30 + [429]


async def test_the_sign_in_page_is_told_about_the_provider(clinic: Clinic, tmp_path: Path) -> None:
    assert (await clinic.api.client().get("/api/auth/oidc")).json() == {"enabled": True, "name": "Clinic"}
    without = make_api(tmp_path / "without", sign_on=None)
    client = without.client()
    assert (await client.get("/api/auth/oidc")).json() == {"enabled": False, "name": None}
    for path in (LOGIN, CALLBACK):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_sign_ins_and_refusals_are_audited(clinic: Clinic) -> None:
    browser = await clinic.sign_in()
    me = (await browser.get("/api/auth/me")).json()
    root = await clinic.api.world.person("root", Role.ADMIN)
    await clinic.api.world.administration.change_user(root, me["id"], disabled=True)
    await clinic.refused()
    entries = [
        (entry.action, entry.details.get("issuer"))
        for entry in clinic.api.world.fake_database.tables.audit.values()
        if entry.subject == f"user:{me['id']}"
    ]
    assert ("user.create", clinic.server.issuer) in entries
    assert ("session.open", clinic.server.issuer) in entries
    assert ("session.refuse", clinic.server.issuer) in entries
