"""Passwords that administrators set, and the profile of the own account."""

from __future__ import annotations

import httpx
import pytest

from support.http.api import Scene
from support.use_cases import PASSWORD

ONE_TIME = "only for the first sign-in"


async def _created(scene: Scene) -> httpx.AsyncClient:
    """Return a browser session of an account that an administrator created."""
    body = {"username": "cyn", "password": ONE_TIME}
    answer = await scene.admin.post("/api/users", json=body)
    assert answer.json()["one_time_sign_in"] is True
    return await _signed_in(scene, "cyn", ONE_TIME)


async def _signed_in(scene: Scene, name: str, password: str) -> httpx.AsyncClient:
    client = scene.api.client()
    answer = await client.post("/api/auth/login", json={"username": name, "password": password})
    client.headers["X-CSRFToken"] = answer.raise_for_status().json()["csrf_token"]
    return client


async def test_a_password_of_an_administrator_permits_only_its_change(scene: Scene) -> None:
    client = await _created(scene)
    assert (await client.get("/api/auth/me")).json()["one_time_sign_in"] is True
    for path in ("/api/videos/", "/api/frames/anonymize/requests/", "/api/auth/api-keys", "/galleries"):
        refused = await client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    refused = await client.post("/api/auth/api-keys", json={"name": "a way around"})
    assert refused.json()["code"] == "password_change_required"
    change = {"old_password": ONE_TIME, "new_password": PASSWORD}
    changed = await client.post("/api/auth/password", json=change)
    assert changed.json()["user"]["one_time_sign_in"] is False
    assert (await client.get("/api/videos/")).status_code == 200
    again = await _signed_in(scene, "cyn", PASSWORD)
    assert (await again.get("/api/videos/")).status_code == 200


async def test_tokens_are_bound_by_the_password_too(scene: Scene) -> None:
    await _created(scene)
    pair = (
        await scene.api.client().post("/api/auth/token", json={"username": "cyn", "password": ONE_TIME})
    ).json()
    client = scene.api.client(Authorization=f"Bearer {pair['access_token']}")
    assert (await client.get("/api/videos/")).json()["code"] == "password_change_required"
    assert (await client.get("/health")).status_code == 200


async def test_a_password_reset_is_for_one_sign_in_and_leaves_keys_alone(scene: Scene) -> None:
    answer = await scene.admin.patch(f"/api/users/{scene.owner.user_id}", json={"password": ONE_TIME})
    assert answer.json()["one_time_sign_in"] is True
    assert (await scene.ada.get("/api/videos/")).status_code == 200  # by an API key
    client = await _signed_in(scene, "ada", ONE_TIME)
    assert (await client.get("/api/videos/")).json()["code"] == "password_change_required"
    assert (await client.post("/api/auth/logout")).status_code == 204


async def test_other_changes_by_administrators_require_no_new_password(scene: Scene) -> None:
    answer = await scene.admin.patch(f"/api/users/{scene.owner.user_id}", json={"role": "admin"})
    assert answer.json()["one_time_sign_in"] is False


async def test_display_name_and_language_are_chosen_and_removed(scene: Scene) -> None:
    profile = {"display_name": "  Ada   L. ", "language": "de"}
    me = (await scene.ada.patch("/api/auth/me", json=profile)).json()
    assert (me["display_name"], me["language"], me["username"]) == ("Ada L.", "de", "ada")
    assert (await scene.ada.get("/api/auth/me")).json() == me
    kept = (await scene.ada.patch("/api/auth/me", json={"language": None})).json()
    assert (kept["display_name"], kept["language"]) == ("Ada L.", None)
    assert (await scene.ada.patch("/api/auth/me", json={"display_name": ""})).json()["display_name"] is None


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        ({"display_name": "x" * 101}, "invalid_option"),
        ({"display_name": "a\u0007b"}, "invalid_option"),
        ({"language": "fr"}, "validation_failed"),
        ({"username": "eve"}, "validation_failed"),
    ],
)
async def test_an_impossible_profile_is_refused(scene: Scene, profile: dict[str, str], code: str) -> None:
    assert (await scene.ada.patch("/api/auth/me", json=profile)).json()["code"] == code
