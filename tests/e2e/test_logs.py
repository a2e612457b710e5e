"""A whole run of the service: its log can be followed, and holds nothing that must not be in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest

import command
import service_process
from media_samples import write_video
from service_process import PASSWORD

WRONG = "a wrong horse battery"
SAID_FOR_PEOPLE = {"stopping"}
"""Lines on standard error that are no log."""


@dataclass
class Run:
    """What a run used, received and wrote.

    Attributes:
        secrets: by what they are.
        output: all of standard output and standard error.
        lines: of the log.
        audit: rows of the table, as text.
        entries: what ``framecloak audit`` shows.
        request: id of the anonymisation request.
        submitted_by: id of the HTTP request that submitted it.
        kept: what lies in the object store for the anonymisation request at the end.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    output: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    audit: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    request: str = ""
    submitted_by: str = ""
    kept: list[str] = field(default_factory=list)

    def of(self, **facts: object) -> list[dict[str, Any]]:
        """Lines with these fields."""
        return [line for line in self.lines if line | facts == line]


def sign_in(address: str, run: Run) -> None:
    with httpx.Client(base_url=address) as browser:
        for password, status in ((WRONG, 401), (PASSWORD, 200)):
            answer = browser.post("/api/auth/login", json={"username": "admin", "password": password})
            assert answer.status_code == status
        # People type passwords into the wrong field.
        answer = browser.post("/api/auth/login", json={"username": WRONG, "password": WRONG})
        assert answer.status_code == 401
        run.secrets["session"] = browser.cookies["framecloak_session"]
        run.secrets["CSRF token"] = browser.cookies["csrftoken"]
        tokens = browser.post("/api/auth/token", json={"username": "admin", "password": PASSWORD}).json()
        run.secrets |= {"access token": tokens["access_token"], "refresh token": tokens["refresh_token"]}
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        key = browser.post("/api/auth/api-keys", json={"name": "mine"}, headers=bearer)
        run.secrets["API key"] = key.raise_for_status().json()["key"]
        browser.headers["X-CSRFToken"] = run.secrets["CSRF token"]
        assert browser.post("/api/auth/logout").status_code == 204


def use(http: httpx.Client, address: str, film: Path, run: Run) -> None:
    video = service_process.upload(http, film)["id"]
    begun = http.post("/api/videos/uploads", json={"filename": "film.mp4"}).raise_for_status().json()
    run.secrets["signature of an upload"] = parse_qs(urlsplit(begun["url"]).query)["signature"][0]
    assert httpx.put(f"{address}{begun['url']}", content=film.read_bytes()).status_code == 204
    assert http.get(f"/api/videos/{video}/frames/0.jpg").status_code == 200
    segment = service_process.mark(http, video, 0, 12)
    body = {"video_id": video, "segment_ids": [segment]}
    submitted = http.post("/api/frames/anonymize/", json=body).raise_for_status()
    run.request, run.submitted_by = submitted.json()["request_id"], submitted.headers["x-request-id"]
    assert service_process.follow(http, run.request)[-1]["status"] == "completed"
    link = http.get(f"/api/frames/anonymize/download/{run.request}/").headers["location"]
    run.secrets["download token"] = link.rstrip("/").rpartition("/")[2]
    assert httpx.get(f"{address}{link}").status_code == 200
    assert httpx.get(f"{address}{link}").status_code == 410
    assert httpx.get(f"{address}{link}mistyped").status_code == 404
    assert http.get("/api/videos/999999/").status_code == 404
    assert http.post("/api/videos/?filename=x", content=WRONG, headers={"Content-Type": "video/mp4"}).is_error
    stranger = {"Authorization": f"Bearer {run.secrets['access token']}x"}
    assert httpx.get(f"{address}/api/auth/me", headers=stranger).status_code == 401


def kept_secrets(data_dir: Path) -> Mapping[str, str]:
    """What the installation itself keeps secret, while it runs."""
    addresses = json.loads((data_dir / "servers.json").read_text())
    return {
        "SECRET_KEY": (data_dir / "secret-key").read_text().strip(),
        **{f"password in {name}": urlsplit(value).password or value for name, value in addresses.items()},
    }


async def rows(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return "\n".join(str(dict(row)) for row in await connection.fetch("select * from audit_log"))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("logged")
    data_dir, errors, run = folder / "data", folder / "errors", Run()
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD, "FRAME_ANONYMIZATION_DEBUG": "true"}
    arguments = ("serve", "--port", "0", "--data-dir", data_dir)
    with service_process.started(*arguments, environment=environment, errors=errors) as service:
        address = service.wait_for("ready ")
        run.secrets |= {"password": PASSWORD, "wrong password": WRONG, **kept_secrets(data_dir)}
        sign_in(address, run)
        with httpx.Client(base_url=address, timeout=60) as http:
            http.headers["X-API-Key"] = run.secrets["API key"]
            use(http, address, write_video(folder / "film.mp4", 12), run)
        run.audit = asyncio.run(rows(json.loads((data_dir / "servers.json").read_text())["database_url"]))
        assert service.stop() == 0
    kept = data_dir / "objects" / "requests" / run.request
    run.kept = sorted(str(path.relative_to(kept)) for path in kept.rglob("*.zip"))
    written = errors.read_text()
    run.output = "\n".join([*service.lines, written])
    run.lines = [json.loads(line) for line in written.splitlines() if line not in SAID_FOR_PEOPLE]
    shown = command.run("audit", "--json", environment={"DATA_DIR": str(data_dir)})
    run.entries = json.loads(shown.out)
    return run


def test_no_secret_is_in_the_log_or_in_the_audit_log(run: Run) -> None:
    assert len(run.secrets) == 12
    assert all(len(secret) >= 20 for secret in run.secrets.values())
    for what, secret in run.secrets.items():
        assert secret not in run.output, what
        assert secret not in run.audit, what
        assert secret not in json.dumps(run.entries), what


def test_no_picture_is_in_the_log(run: Run) -> None:
    assert "\\xff\\xd8" not in run.output
    assert max(len(json.dumps(line)) for line in run.lines) < 10_000


def test_every_line_says_when_where_and_what(run: Run) -> None:
    assert len(run.lines) > 30
    for line in run.lines:
        assert {"timestamp", "level", "logger", "event", "pathname", "lineno", "process"} <= set(line)
    assert not run.of(level="error")


def test_the_id_of_a_request_leads_all_the_way(run: Run) -> None:
    (submitted,) = run.of(event="submitted")
    assert (submitted["request_id"], submitted["http_request_id"]) == (run.request, run.submitted_by)
    answered = run.of(event="request", http_request_id=run.submitted_by)
    assert [(line["method"], line["path"], line["status"]) for line in answered] == [
        ("POST", "/api/frames/anonymize", 202)
    ]
    assert answered[0]["request_id"] == run.request
    called = run.of(event="calls a worker", request_id=run.request)
    assert run.submitted_by in {line.get("http_request_id") for line in called}
    worked = [line for line in run.of(request_id=run.request) if line["logger"].endswith("worker.run")]
    assert {line["process"] for line in worked}.isdisjoint({submitted["process"]})
    assert [(line["event"], line["slice"]) for line in worked] == [
        *(("begins frames 0:12", 0), ("done", 0)),
        *(("begins assembly 0:12", 1), ("done", 1)),
    ]
    recorded = run.of(event="audit", subject=f"request:{run.request}")
    assert [line["action"] for line in recorded] == ["request.submit", "download.mint", "download.redeem"]
    assert recorded[0]["http_request_id"] == run.submitted_by


def test_a_worker_says_what_its_models_run_on(run: Run) -> None:
    (told,) = run.of(event="looks for faces")
    assert told["level"] == "info"
    assert told["model"].startswith("CenterFace on ")


def test_what_the_result_was_made_of_is_kept_for_debugging(run: Run) -> None:
    assert run.kept == ["frames.zip", "slices/00000-1.zip"]


def test_every_row_of_the_audit_log_is_a_line_too(run: Run) -> None:
    # Processes take turns, so the order is not that of the table.
    told = [(line["username"], line["action"], line["subject"]) for line in run.of(event="audit")]
    kept = [(one["username"], one["action"], one["subject"]) for one in run.entries]
    assert sorted(told, key=str) == sorted(kept, key=str)
    actions = {one["action"] for one in run.entries}
    assert actions >= {
        "user.create",
        "session.refuse",
        "session.open",
        "session.close",
        "token.issue",
        "api_key.create",
        "video.upload",
        "frame.view",
        "segment.mark",
    }


def test_what_is_asked_for_all_day_is_for_debugging(run: Run) -> None:
    (level,) = {line["level"] for line in run.of(event="request", path="/health")}
    assert level == "debug"
