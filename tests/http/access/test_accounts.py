"""Administration of accounts."""

from __future__ import annotations

from framecloak.domain.model.accounts import Role
from support.http.api import Api
from support.use_cases import PASSWORD


async def test_accounts_are_created_changed_and_used(api: Api) -> None:
    root, admin = await api.person("root", Role.ADMIN)
    body = {"username": "grace", "password": "for the first sign-in"}
    created = await admin.post("/api/users/", json=body)
    assert created.status_code == 201
    assert created.json() | {"username": "grace", "role": "user", "disabled": False} == created.json()
    assert "password" not in created.text
    for changes, code in (
        ({}, "username_taken"),
        ({"username": "GRACE"}, "username_taken"),
        ({"username": "ada", "password": "short"}, "weak_password"),
    ):
        assert (await admin.post("/api/users/", json=body | changes)).json()["code"] == code
    assert [user["username"] for user in (await admin.get("/api/users")).json()["items"]] == ["root", "grace"]
    own_change = await admin.patch(f"/api/users/{root.user_id}", json={"disabled": True})
    assert (own_change.status_code, own_change.json()["code"]) == (422, "invalid_option")
    browser = api.client()
    signed_in = (await browser.post("/api/auth/login", json=body)).json()
    change = {"old_password": body["password"], "new_password": "a good long password"}
    headers = {"X-CSRFToken": signed_in["csrf_token"]}
    assert (await browser.post("/api/auth/password", json=change, headers=headers)).status_code == 200
    credentials = {"username": "grace", "password": "a good long password"}
    tokens = (await admin.post("/api/auth/token", json=credentials)).json()
    assert tokens["token_type"] == "Bearer"
    grace = api.client(Authorization=f"Bearer {tokens['access_token']}")
    assert (await grace.get("/api/auth/me")).json() == {
        "id": created.json()["id"],
        "username": "grace",
        "role": "user",
        "authenticated_by": "jwt",
        "one_time_sign_in": False,
        "local_sign_in": True,
        "display_name": None,
        "language": None,
    }
    assert (await grace.get(f"/api/users/{created.json()['id']}")).status_code == 200
    assert (await grace.get(f"/api/users/{root.user_id}")).json()["code"] == "forbidden"
    refreshed = await grace.post("/api/auth/token/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.json()["expires_in"] == 900
    assert (await admin.post("/api/auth/token", json=credentials | {"password": PASSWORD})).status_code == 401
