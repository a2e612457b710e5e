"""Sign-in of a browser and of a program at an identity provider, with whole processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.patience import patience
from support.processes import service_process
from support.servers.identity_provider import (
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityServer,
    running_identity_server,
    visit,
)

BASE_URL = "http://framecloak.test"


@contextmanager
def signed_in(server: IdentityServer, address: str) -> Iterator[httpx.Client]:
    """Sign in at the provider and yield the browser."""
    with httpx.Client(base_url=address, timeout=patience(60)) as browser:
        begun = browser.get("/api/auth/oidc/login")
        assert begun.status_code == 303, begun.text
        answer = asyncio.run(visit(begun.headers["location"]))
        finished = browser.get(answer.removeprefix(BASE_URL), headers={"Accept": "text/html"})
        assert (finished.status_code, finished.headers["location"]) == (303, f"{BASE_URL}/")
        browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
        yield browser


def test_people_and_programs_sign_in_at_the_provider(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    secret = tmp_path / "oidc-client-secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    with running_identity_server() as server:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(tmp_path / "data"),
            "SECRET_KEY": "one secret for all the processes",
            "BASE_URL": BASE_URL,
            "OIDC_ISSUER": server.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET_FILE": str(secret),
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_GROUP_ROLES": "admins=admin,*=user",
        }
        assert server.user is not None
        server.user["groups"] = ["admins"]
        with service_process.started("api", "--port", "0", environment=environment) as api:
            address = api.wait_for("listening on ")
            with signed_in(server, address) as browser:
                me = browser.get("/api/auth/me").json()
                assert (me["username"], me["role"], me["local_sign_in"]) == ("ada", "admin", False)
                key = browser.post("/api/auth/api-keys", json={"name": "tests"})
                assert key.status_code == 201, key.text
                program = {"Authorization": f"Bearer {server.access_token()}"}
                seen = httpx.get(f"{address}/api/auth/me", headers=program).json()
                assert (seen["id"], seen["authenticated_by"]) == (me["id"], "sso_token")
                server.user["groups"] = []
                with signed_in(server, address) as again:
                    now = again.get("/api/auth/me").json()
                assert (now["id"], now["role"]) == (me["id"], "user")
                assert browser.get("/api/users").status_code == 403
                ended = browser.post("/api/auth/oidc/logout").json()["address"]
                assert asyncio.run(visit(ended)) == server.home
                assert browser.get("/api/auth/me").status_code == 401
            assert not any(CLIENT_SECRET in line for line in api.lines)
