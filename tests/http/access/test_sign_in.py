"""Signing in and out over HTTP, and limits on repeated attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from framecloak.domain.model.accounts import Role
from framecloak.entrypoints.http.config import RateLimits
from support.http.api import CONFIG, Api, make_api
from support.use_cases import PASSWORD


async def test_signing_out_ends_the_session(api: Api) -> None:
    await api.world.person("ada")
    browser = await api.browser("ada")
    async with browser:
        secret = browser.cookies["framecloak_session"]
        assert (await browser.post("/api/auth/logout")).status_code == 204
        assert "framecloak_session" not in browser.cookies
        async with api.client(Cookie=f"framecloak_session={secret}") as thief:
            assert (await thief.get("/api/auth/me")).status_code == 401


async def test_the_authorization_header_takes_precedence_over_the_cookie(api: Api) -> None:
    await api.world.person("ada")
    browser = await api.browser("ada")
    async with browser:
        for header in ("Token wrong", "Bearer wrong", "Basic YTpi", "Token", ""):
            answer = await browser.get("/api/auth/me", headers={"Authorization": header})
            assert answer.status_code == 401, header


async def test_password_guesses_are_rate_limited(api: Api) -> None:
    await api.world.person("ada")
    async with api.client() as anonymous:
        wrong = {"username": "ada", "password": "guess number one"}
        answers = [await anonymous.post("/api/auth/login", json=wrong) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert answers[-1].json()["code"] == "too_many_attempts"
        assert 0 < int(answers[-1].headers["retry-after"]) <= 300
        assert answers[-1].headers["ratelimit-limit"] == "10"
        assert answers[-1].headers["ratelimit-remaining"] == "0"
        assert answers[-1].headers["ratelimit-reset"] == answers[-1].headers["retry-after"]
        right = {"username": "ada", "password": PASSWORD}
        assert (await anonymous.post("/api/auth/token", json=right)).status_code == 429
        api.world.clock.advance(timedelta(minutes=5))
        assert (await anonymous.post("/api/auth/token", json=right)).status_code == 200


async def test_existing_and_unknown_usernames_get_the_same_answer(api: Api) -> None:
    await api.world.person("ada")
    async with api.client() as anonymous:
        answers = [
            await anonymous.post("/api/auth/login", json={"username": name, "password": "wrong password"})
            for name in ("ada", "unknown")
        ]
    assert answers[0].content == answers[1].content
    # It also takes as long: for the unknown name a dummy password was hashed.
    assert api.world.hasher.dummy_verifications == 1


async def test_calls_are_limited_per_account_and_per_address(tmp_path: Path) -> None:
    limited = make_api(tmp_path / "limited", replace(CONFIG, rate_limits=RateLimits(3, 2)))
    _, ada = await limited.person("ada")
    async with ada, limited.client() as anonymous:
        mine = [await ada.get("/api/auth/me") for _ in range(4)]
        assert [answer.status_code for answer in mine] == [200, 200, 200, 429]
        assert mine[-1].headers["ratelimit-limit"] == "3"
        assert int(mine[-1].headers["retry-after"]) > 0
        # The first call with the key, which was not cached yet, also counted for the address.
        theirs = [await anonymous.get("/api/auth/me") for _ in range(2)]
        assert [answer.status_code for answer in theirs] == [401, 429]
        # Liveness probes of containers must not be limited because of other callers.
        assert (await anonymous.get("/health")).status_code == 200


async def test_an_invalidated_credential_is_limited_like_any_guess(tmp_path: Path) -> None:
    config = replace(CONFIG, rate_limits=RateLimits(0, 5), principal_ttl=timedelta(0))
    limited = make_api(tmp_path / "limited", config)
    admin = await limited.world.person("root", Role.ADMIN)
    ada, client = await limited.person("ada")
    async with client:
        assert [(await client.get("/api/auth/me")).status_code for _ in range(9)] == [200] * 9
        # As if done by another process, which cannot notify this one.
        await limited.world.administration.change_user(admin, ada.user_id, disabled=True)
        answers = [(await client.get("/api/auth/me")).status_code for _ in range(9)]
    # The first call with the new key counted for the address; the first failed lookup did not.
    assert answers == [401] * 5 + [429] * 4


async def test_signing_in_again_replaces_the_session(api: Api) -> None:
    await api.world.person("ada")
    browser = await api.browser("ada")
    async with browser:
        first = browser.cookies["framecloak_session"]
        wrong = {"username": "ada", "password": "guess number one"}
        assert (await browser.post("/api/auth/login", json=wrong)).status_code == 401
        assert (await browser.get("/api/auth/me")).status_code == 200
        right = {"username": "ada", "password": PASSWORD}
        assert (await browser.post("/api/auth/login", json=right)).status_code == 200
        assert browser.cookies["framecloak_session"] != first
        assert (await browser.get("/api/auth/me")).status_code == 200
    async with api.client(Cookie=f"framecloak_session={first}") as thief:
        assert (await thief.get("/api/auth/me")).status_code == 401
    assert len(api.world.fake_database.tables.sessions) == 1


async def test_a_refresh_token_works_once(api: Api) -> None:
    await api.world.person("ada")
    async with api.client() as program:
        credentials = {"username": "ada", "password": PASSWORD}
        first = (await program.post("/api/auth/token", json=credentials)).json()
        url, body = "/api/auth/token/refresh", {"refresh_token": first["refresh_token"]}
        second = (await program.post(url, json=body)).raise_for_status().json()
        again = await program.post(url, json=body)
        assert (again.status_code, again.json()["code"]) == (401, "not_authenticated")
        # After a reuse the newer token is revoked too: its holder may be the thief.
        stolen = await program.post(url, json={"refresh_token": second["refresh_token"]})
        assert stolen.status_code == 401
        bearer = {"Authorization": f"Bearer {second['access_token']}"}
        assert (await program.get("/api/auth/me", headers=bearer)).status_code == 401


async def test_signing_out_with_a_token_ends_every_token_and_session(api: Api) -> None:
    _, with_key = await api.person("ada")
    _, bob = await api.person("bob")
    browser = await api.browser("ada")
    credentials = {"username": "ada", "password": PASSWORD}
    tokens = (await with_key.post("/api/auth/token", json=credentials)).json()
    with_jwt = api.client(Authorization=f"Bearer {tokens['access_token']}")
    async with with_key, bob, browser, with_jwt:
        for client in (with_jwt, browser):
            assert (await client.get("/api/auth/me")).status_code == 200
        assert (await with_jwt.post("/api/auth/logout")).status_code == 204
        for client in (with_jwt, browser):
            assert (await client.get("/api/auth/me")).status_code == 401
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert (await bob.post("/api/auth/token/refresh", json=refresh)).status_code == 401
        # An API key is not a session: signing out neither revokes it nor ends other sign-ins.
        assert (await with_key.post("/api/auth/logout")).status_code == 204
        for client in (with_key, bob):
            assert (await client.get("/api/auth/me")).status_code == 200


async def test_the_own_password_is_changed_and_other_sessions_end(api: Api) -> None:
    await api.person("grace")
    credentials = {"username": "grace", "password": PASSWORD}
    fresh = "another good password"
    async with api.client() as here, api.client() as elsewhere:
        signed_in = (await here.post("/api/auth/login", json=credentials)).json()
        await elsewhere.post("/api/auth/login", json=credentials)
        tokens = (await elsewhere.post("/api/auth/token", json=credentials)).json()
        headers = {"X-CSRFToken": signed_in["csrf_token"]}

        async def change(old: str, new: str) -> tuple[int, str | None]:
            body = {"old_password": old, "new_password": new}
            answer = await here.post("/api/auth/password", json=body, headers=headers)
            return answer.status_code, answer.json().get("code")

        assert await change("wrong" + PASSWORD, fresh) == (401, "invalid_credentials")
        assert await change(PASSWORD, "short") == (422, "weak_password")
        assert await change(PASSWORD, PASSWORD) == (422, "weak_password")
        assert (await elsewhere.get("/api/auth/me")).status_code == 200
        assert await change(PASSWORD, fresh) == (200, None)
        assert (await here.get("/api/auth/me")).status_code == 200
        assert (await elsewhere.get("/api/auth/me")).status_code == 401
        bearer = api.client(Authorization=f"Bearer {tokens['access_token']}")
        assert (await bearer.get("/api/auth/me")).status_code == 401
        assert (await elsewhere.post("/api/auth/login", json=credentials)).status_code == 401
        again = credentials | {"password": fresh}
        assert (await elsewhere.post("/api/auth/login", json=again)).status_code == 200
    entries = api.world.fake_database.tables.audit.values()
    assert [entry.subject for entry in entries if entry.action == "user.password"] != []
