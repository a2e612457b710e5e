"""Attempts at access without permission: authentication, ownership, links, tokens and malformed input."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import jwt
import pytest

from fakes.clock import NOON
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.domain.model.accounts import Role
from framecloak.entrypoints.asgi.headers import SecurityHeaders
from support.http.api import CONFIG, JWT_KEY, Api, Scene, make_api
from support.use_cases import PASSWORD

REQUESTS = "/api/frames/anonymize"


def calls_about(scene: Scene, request: UUID) -> list[tuple[str, str, object]]:
    """Return every call that names an object of Ada."""
    video, submission = (
        f"/api/videos/{scene.video}",
        {"video_id": scene.video, "segment_ids": [scene.segment]},
    )
    limits = {"start_frame": 0, "end_frame": 5}
    area = {"x": 0, "y": 0, "width": 5, "height": 5}
    return [
        ("GET", f"{video}/", None),
        ("DELETE", f"{video}/", None),
        ("GET", f"{video}/frames/0.jpg", None),
        ("GET", f"{video}/segments/", None),
        ("POST", f"{video}/segments/", limits),
        ("GET", f"{video}/segments/{scene.segment}/", None),
        ("PATCH", f"{video}/segments/{scene.segment}/", limits),
        ("DELETE", f"{video}/segments/{scene.segment}/", None),
        ("GET", f"{video}/regions/", None),
        ("POST", f"{video}/regions/", area),
        ("DELETE", f"{video}/regions/1/", None),
        ("GET", f"{video}/grants/", None),
        ("PUT", f"{video}/grants/", {"user_id": scene.bob_id, "role": "editor"}),
        ("DELETE", f"{video}/grants/{scene.bob_id}/", None),
        ("POST", f"{REQUESTS}/", submission),
        ("GET", f"{REQUESTS}/status/{request}/", None),
        ("GET", f"{REQUESTS}/events/{request}/", None),
        ("GET", f"{REQUESTS}/download/{request}/", None),
        ("DELETE", f"{REQUESTS}/{request}/", None),
    ]


async def test_objects_of_other_users_appear_not_to_exist(scene: Scene) -> None:
    request = await scene.request()
    missing = Scene(scene.api, scene.owner, scene.ada, scene.bob, scene.admin, scene.bob_id, 999_999, 999_999)
    missing_request = uuid4()
    for existing, nonexistent in zip(
        calls_about(scene, request), calls_about(missing, missing_request), strict=True
    ):
        method, url, body = existing
        foreign = await scene.bob.request(method, url, json=body)
        absent = await scene.bob.request(nonexistent[0], nonexistent[1], json=nonexistent[2])
        assert (foreign.status_code, absent.status_code) == (404, 404), existing
        renamed = foreign.text.replace(f"video {scene.video}", "video 999999")
        renamed = renamed.replace(str(request), str(missing_request))
        assert renamed == absent.text
    for listing in ("/api/videos/", f"{REQUESTS}/requests/", f"{REQUESTS}/requests/?video_id={scene.video}"):
        assert (await scene.bob.get(listing)).json() | {"items": [], "total": 0} == (
            await scene.bob.get(listing)
        ).json()
    # None of these calls changed anything.
    assert (await scene.ada.get(f"/api/videos/{scene.video}/segments/{scene.segment}")).json()[
        "end_frame"
    ] == 10


async def test_a_user_id_does_not_reveal_the_username(scene: Scene) -> None:
    grants = f"/api/videos/{scene.video}/grants/"
    granted = await scene.ada.put(grants, json={"user_id": scene.bob_id, "role": "viewer"})
    listed = await scene.ada.get(grants)
    assert listed.json() == [granted.json()]
    assert "bob" not in granted.text + listed.text
    # Administrators see every account, including this one.
    assert (await scene.admin.get(grants)).json()[0]["username"] == "bob"


async def test_an_administrator_sees_everything(scene: Scene) -> None:
    request = await scene.request()
    own = (await scene.ada.get(f"/api/videos/{scene.video}")).json()
    assert (own["access"], own["is_own"]) == ("owner", True)
    assert (await scene.admin.get(f"/api/videos/{scene.video}")).json() == own | {"is_own": False}
    assert (await scene.admin.get(f"{REQUESTS}/status/{request}")).status_code == 200
    assert (await scene.admin.get("/api/videos/")).json()["total"] == 1
    assert (await scene.admin.get(f"{REQUESTS}/requests")).json()["total"] == 1
    assert (await scene.admin.get(f"{REQUESTS}/statistics")).json()["requests"]["completed"] == 1
    for url in ("/api/users", f"{REQUESTS}/statistics"):
        assert (await scene.bob.get(url)).json()["code"] == "forbidden"


async def test_a_viewer_can_read_and_an_editor_can_submit(scene: Scene) -> None:
    grants, submission = (
        f"/api/videos/{scene.video}/grants/",
        {"video_id": scene.video, "segment_ids": [scene.segment]},
    )
    mark = {"start_frame": 0, "end_frame": 3}
    granted = await scene.ada.put(grants, json={"user_id": scene.bob_id, "role": "viewer"})
    assert granted.json() == {
        "user_id": scene.bob_id,
        "username": None,
        "display_name": None,
        "role": "viewer",
    }
    listed = (await scene.bob.get(f"/api/videos/{scene.video}/")).json()
    assert (listed["access"], listed["is_own"]) == ("viewer", False)
    assert (await scene.bob.get("/api/videos/")).json()["items"] == [listed]
    for method, url, body in [
        ("POST", f"{REQUESTS}/", submission),
        ("POST", f"/api/videos/{scene.video}/segments/", mark),
        ("DELETE", f"/api/videos/{scene.video}/segments/{scene.segment}/", None),
        ("DELETE", f"/api/videos/{scene.video}/", None),
        ("GET", grants, None),
        ("PUT", grants, {"user_id": scene.bob_id, "role": "editor"}),
    ]:
        answer = await scene.bob.request(method, url, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), url
    await scene.ada.put(grants, json={"user_id": scene.bob_id, "role": "editor"})
    submitted = await scene.bob.post(f"{REQUESTS}/", json=submission)
    assert submitted.status_code == 202
    assert (await scene.bob.get("/api/videos/")).json()["items"][0]["access"] == "editor"
    # A request belongs to its submitter, not to the owner of the video.
    own = submitted.json()["request_id"]
    assert (await scene.ada.get(f"{REQUESTS}/status/{own}")).status_code == 404
    await scene.ada.delete(f"{grants}{scene.bob_id}/")
    assert (await scene.bob.get(f"/api/videos/{scene.video}/")).status_code == 404


async def test_only_liveness_is_available_without_a_credential(scene: Scene) -> None:
    request = await scene.request()
    async with scene.api.client() as anonymous:
        for method, url, body in [
            *calls_about(scene, request),
            ("GET", "/api/videos/", None),
            ("POST", "/api/videos/", None),
            ("GET", "/api/auth/me", None),
            ("GET", "/api/auth/api-keys", None),
            ("GET", "/api/users/", None),
            ("GET", f"{REQUESTS}/statistics/", None),
            ("GET", "/schema/openapi.json", None),
        ]:
            answer = await anonymous.request(method, url, json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), url
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert (await anonymous.get("/health")).json()["status"] == "healthy"
        assert list((await anonymous.get(f"{REQUESTS}/health/")).json()) == ["status"]


def signed(key: str | bytes, algorithm: str, **changes: object) -> str:
    issued = JwtIssuer(JWT_KEY, type("Clock", (), {"now": lambda _: NOON})()).issue(1, 0).access
    claims = jwt.decode(issued, options={"verify_signature": False}) | changes
    return jwt.encode(claims, key, algorithm)


def unsigned() -> str:
    _, payload, _ = signed(JWT_KEY, "HS256").split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=")
    return f"{header.decode()}.{payload}."


async def test_only_valid_tokens_of_this_installation_are_accepted(api: Api) -> None:
    principal, client = await api.person("ada")
    await client.aclose()
    assert principal.user_id == 1
    late = int((NOON - timedelta(seconds=1)).timestamp())
    async with api.client() as anonymous:
        good = await anonymous.get(
            "/api/auth/me", headers={"Authorization": f"Bearer {signed(JWT_KEY, 'HS256')}"}
        )
        assert good.json()["authenticated_by"] == "jwt"
        for token in (
            signed(b"k" * 32, "HS256"),
            signed(JWT_KEY + JWT_KEY, "HS512"),
            unsigned(),
            signed(JWT_KEY, "HS256", exp=late),
            signed(JWT_KEY, "HS256", typ="refresh"),
            signed(JWT_KEY, "HS256", sub="2"),
            signed(JWT_KEY, "HS256", gen=1),
            signed(JWT_KEY, "HS256", aud="another"),
            signed(JWT_KEY, "HS256")[:-2] + "xx",
            "",
            "nonsense",
            "a.b.c",
        ):
            answer = await anonymous.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), token


async def test_disabling_an_account_ends_every_way_to_authenticate(api: Api) -> None:
    _, root = await api.person("root", Role.ADMIN)
    ada, with_key = await api.person("ada")
    with_session = await api.browser("ada")
    tokens = (await with_key.post("/api/auth/token", json={"username": "ada", "password": PASSWORD})).json()
    with_jwt = api.client(Authorization=f"Bearer {tokens['access_token']}")
    async with root, with_key, with_session, with_jwt:
        for client in (with_key, with_session, with_jwt):
            assert (await client.get("/api/auth/me")).status_code == 200
        changed = await root.patch(f"/api/users/{ada.user_id}", json={"disabled": True})
        assert changed.json()["disabled"] is True
        for client in (with_key, with_session, with_jwt):
            assert (await client.get("/api/auth/me")).json()["code"] == "not_authenticated"
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert (await root.post("/api/auth/token/refresh", json=refresh)).status_code == 401
        credentials = {"username": "ada", "password": PASSWORD}
        assert (await root.post("/api/auth/login", json=credentials)).json()["code"] == "invalid_credentials"
        await root.patch(f"/api/users/{ada.user_id}", json={"disabled": False})
        # The key is valid again; sessions and tokens require a new sign-in.
        assert (await with_key.get("/api/auth/me")).status_code == 200
        assert (await with_session.get("/api/auth/me")).status_code == 401


async def test_a_new_password_ends_sessions_and_tokens(api: Api) -> None:
    _, root = await api.person("root", Role.ADMIN)
    ada, client = await api.person("ada")
    browser = await api.browser("ada")
    tokens = (await client.post("/api/auth/token", json={"username": "ada", "password": PASSWORD})).json()
    async with root, client, browser:
        new = {"password": "another good password"}
        assert (await root.patch(f"/api/users/{ada.user_id}", json=new)).status_code == 200
        assert (await browser.get("/api/auth/me")).status_code == 401
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post("/api/auth/token/refresh", json=refresh)).status_code == 401
        old = {"username": "ada", "password": PASSWORD}
        assert (await client.post("/api/auth/login", json=old)).status_code == 401


async def test_an_api_key_is_shown_once_and_useless_once_revoked(api: Api) -> None:
    _, ada = await api.person("ada")
    _, bob = await api.person("bob")
    async with ada, bob:
        created = (await ada.post("/api/auth/api-keys", json={"name": "export"})).json()
        assert created["key"].startswith(created["prefix"])
        listed = (await ada.get("/api/auth/api-keys")).json()
        assert [key["name"] for key in listed] == ["export", "tests"]
        assert all("key" not in key for key in listed)
        async with api.client(**{"X-API-Key": created["key"]}) as program:
            assert (await program.get("/api/auth/me")).json()["authenticated_by"] == "api_key"
            stolen = await bob.delete(f"/api/auth/api-keys/{created['id']}")
            assert (stolen.status_code, stolen.json()["code"]) == (404, "api_key_not_found")
            assert (await program.get("/api/auth/me")).status_code == 200
            assert (await ada.delete(f"/api/auth/api-keys/{created['id']}")).status_code == 204
            assert (await program.get("/api/auth/me")).status_code == 401


async def test_a_browser_needs_the_csrf_token(api: Api) -> None:
    await api.world.person("ada")
    await api.world.person("bob")
    ada, bob = await api.browser("ada"), await api.browser("bob")
    async with ada, bob:
        good = ada.headers.pop("X-CSRFToken")
        body = {"name": "export"}
        for token in (None, "", "0" * 64, bob.headers["X-CSRFToken"], good.upper(), "ü"):
            headers = {} if token is None else {b"X-CSRFToken": token.encode()}
            answer = await ada.post("/api/auth/api-keys", json=body, headers=headers)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), token
        assert (await ada.get("/api/auth/api-keys")).json() == []  # reading needs none
        assert (
            await ada.post("/api/auth/api-keys", json=body, headers={"X-CSRFToken": good})
        ).status_code == 201


async def test_cookies_have_protective_attributes(api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    await api.world.person("ada")
    credentials = {"username": "ada", "password": PASSWORD}
    async with api.client() as browser:
        plain = (await browser.post("/api/auth/login", json=credentials)).headers.get_list("set-cookie")
    session, csrf = plain
    assert session.startswith("framecloak_session=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(session.split("; "))
    assert csrf.startswith("csrftoken=")
    assert "HttpOnly" not in csrf
    over_https = make_api(tmp_path_factory.mktemp("secure"), replace(CONFIG, secure=True))
    await over_https.world.person("ada")
    async with over_https.client() as browser:
        answer = await browser.post("/api/auth/login", json=credentials)
    session, csrf = answer.headers.get_list("set-cookie")
    assert session.startswith("__Host-framecloak_session=")
    assert all("Secure" in cookie for cookie in (session, csrf))


async def test_security_headers_can_be_configured(tmp_path: Path) -> None:
    policies = SecurityHeaders(hsts_seconds=600, frame_ancestors="https://portal.example")
    async with make_api(tmp_path, replace(CONFIG, policies=policies)).client() as browser:
        for path in ("/health", "/nothing"):
            headers = (await browser.get(path)).headers
            assert headers["strict-transport-security"] == "max-age=600; includeSubDomains"
            assert headers["content-security-policy"].endswith("frame-ancestors https://portal.example")
            # This header would forbid the framing that the policy allows.
            assert "x-frame-options" not in headers
    async with make_api(tmp_path).client() as browser:
        headers = (await browser.get("/health")).headers
    assert "strict-transport-security" not in headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_download_link_works_once_even_under_concurrent_use(scene: Scene) -> None:
    request = await scene.request()
    link = (await scene.ada.get(f"{REQUESTS}/download/{request}/")).headers["location"]
    async with scene.api.client() as anonymous:
        answers = await asyncio.gather(*(anonymous.get(link) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 19
    assert {answer.json()["code"] for answer in answers if answer.status_code == 410} == {"token_used"}
    assert [answer.content for answer in answers if answer.status_code == 200] == [b"zip"]


async def test_an_altered_or_expired_download_link_is_refused(scene: Scene) -> None:
    request, other = await scene.request(), await scene.request()
    minted = await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")
    token = minted.json()["token"]
    async with scene.api.client() as anonymous:
        for url in (
            f"{REQUESTS}/download/{request}/{token[:-1]}/",
            f"{REQUESTS}/download/{request}/{token}x/",
            f"{REQUESTS}/download/{request}/{'0' * 43}/",
            f"{REQUESTS}/download/{other}/{token}/",
            f"{REQUESTS}/download/{uuid4()}/{token}/",
        ):
            answer = await anonymous.get(url)
            assert (answer.status_code, answer.json()["code"]) == (404, "token_not_found"), url
        scene.api.world.clock.advance(timedelta(hours=1, seconds=1))
        late = await anonymous.get(f"{REQUESTS}/download/{request}/{token}/")
        assert (late.status_code, late.json()["code"]) == (410, "token_expired")


async def test_an_altered_or_expired_object_address_is_refused(scene: Scene) -> None:
    request = await scene.request()
    async with scene.api.client() as anonymous:
        address = await scene.api.world.anonymization.redeem_download_token(
            request, (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()["token"]
        )
        assert (await anonymous.get(address)).content == b"zip"
        for altered in (
            address.replace("frames.zip", "other.zip"),
            address.replace("requests/", "videos/"),
            address.replace("filename=", "filename=x"),
            address.replace("expires=", "expires=9"),
            address.replace("method=GET", "method=PUT"),
            address.partition("?")[0],
            address + "&signature=x",
        ):
            answer = await anonymous.get(altered)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), altered
        put = await anonymous.put(address, content=b"mine now")
        assert (put.status_code, (await anonymous.get(address)).content) == (403, b"zip")
        scene.api.world.clock.advance(timedelta(minutes=1, seconds=1))
        assert (await anonymous.get(address)).json()["code"] == "token_expired"


async def test_an_upload_address_accepts_one_object_until_it_expires(scene: Scene) -> None:
    started = (await scene.ada.post("/api/videos/uploads/", json={"filename": "film.mp4"})).json()
    async with scene.api.client() as anonymous:
        assert (await anonymous.get(started["url"])).status_code == 403
        elsewhere = started["url"].replace("/objects/uploads/", "/objects/videos/")
        assert (await anonymous.put(elsewhere, content=b"film")).status_code == 403
        assert (await scene.bob.post(f"/api/videos/uploads/{started['id']}/complete")).status_code == 404
        early = await scene.ada.post(f"/api/videos/uploads/{started['id']}/complete")
        assert early.json()["code"] == "upload_not_found"
        assert (await anonymous.put(started["url"], content=b"film")).status_code == 204
        done = await scene.ada.post(f"/api/videos/uploads/{started['id']}/complete")
        assert (done.status_code, done.json()["filename"]) == (201, "film.mp4")
        again = await scene.ada.post(f"/api/videos/uploads/{started['id']}/complete")
        assert again.status_code == 404
        scene.api.world.clock.advance(timedelta(hours=2))
        assert (await anonymous.put(started["url"], content=b"late")).json()["code"] == "token_expired"


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=0",
        "limit=101",
        "limit=1e3",
        "limit=x",
        "offset=-1",
        "offset=1000000000000000000",
        "offset=1e18",
        "video_id=9223372036854775808",
        "video_id=1%20or%201=1",
        "video_id=1;drop%20table%20users",
        "status=completed'%20or%20'1'='1",
        "status=completed%00",
    ],
)
async def test_an_invalid_query_is_refused(scene: Scene, query: str) -> None:
    answer = await scene.ada.get(f"{REQUESTS}/requests/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "1" * 400, "1.5", "x", "%00", "1'--"])
async def test_an_impossible_id_is_not_found_or_refused(scene: Scene, number: str) -> None:
    for url in (f"/api/videos/{number}/", f"/api/videos/{scene.video}/segments/{number}/"):
        assert (await scene.ada.get(url)).status_code in {404, 422}


async def test_deeply_nested_json_is_refused(scene: Scene) -> None:
    for depth in (200, 50_000):
        body = b"[" * depth + b"]" * depth
        for url in (f"{REQUESTS}/", f"{REQUESTS}/batch/", "/api/auth/login"):
            answer = await scene.ada.post(url, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in {400, 422, 202}, answer.text
            if answer.status_code == 202:  # a batch of one invalid request
                assert answer.json()[0]["status"] == "rejected"


async def test_text_with_a_nul_is_refused(scene: Scene) -> None:
    for url, body in [
        (f"/api/videos/{scene.video}/segments/", {"start_frame": 0, "end_frame": 2, "label": "a\0b"}),
        ("/api/auth/api-keys", {"name": "a\0b"}),
        ("/api/auth/login", {"username": "a\0b", "password": PASSWORD}),
    ]:
        answer = await scene.ada.post(url, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), url


async def test_an_unexpected_failure_reveals_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    class BrokenError(Exception):
        pass

    def explode(*_: object) -> None:
        raise BrokenError("secret of the house")

    scene.api.world.marking.segments = explode  # type: ignore[method-assign,assignment]
    answer = await scene.ada.get(f"/api/videos/{scene.video}/segments/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "BrokenError" not in answer.text
    assert answer.headers["x-request-id"] in caplog.text


async def test_a_video_is_shared_by_user_name(scene: Scene) -> None:
    grants = f"/api/videos/{scene.video}/grants/"
    granted = await scene.ada.put(grants, json={"username": " BOB ", "role": "viewer"})
    assert (granted.status_code, granted.json()["user_id"]) == (200, scene.bob_id)
    # Who is named by the user name is listed by it, also after a change that names the number.
    changed = await scene.ada.put(grants, json={"user_id": scene.bob_id, "role": "viewer"})
    assert changed.json()["username"] == (await scene.ada.get(grants)).json()[0]["username"] == "bob"
    assert (await scene.bob.get(f"/api/videos/{scene.video}")).status_code == 200
    for body, code in (
        ({"username": "no one"}, "user_not_found"),
        ({"username": "ada"}, "invalid_option"),
        ({}, "invalid_option"),
        ({"username": "bob", "user_id": scene.bob_id}, "invalid_option"),
    ):
        answer = await scene.ada.put(grants, json=body | {"role": "viewer"})
        assert answer.json()["code"] == code
