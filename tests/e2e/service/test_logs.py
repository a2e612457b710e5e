"""The log of a complete run of the service: requests can be traced, and it holds no secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import asyncpg
import cv2
import httpx
import numpy as np
import pytest
from anyio.from_thread import start_blocking_portal

from framecloak.domain.support.log_events import REQUEST_ENDED, WEBHOOK_DELIVERED, WEBHOOK_POSTPONED
from support.patience import patience
from support.processes import command, service_process
from support.processes.service_process import PASSWORD
from support.samples import images
from support.samples.media import write_video
from support.servers.webhook_receiver import OK, Receiver, answer, running_receiver

WRONG = "a wrong horse battery"
LABEL = "Augusta Ada King, Countess of Lovelace"
OWN_SECRETS = {
    "WEBHOOK_SECRET": "what only receivers of webhooks know",
    "GALLERY_KEY": "what the galleries of this run are sealed with",
}
GONE = answer("410 Gone")
BUSY = answer("503 Service Unavailable")
RECEIVER_SECONDS = patience(60)
SAID_FOR_PEOPLE = {"stopping"}
"""Lines on standard error that are not part of the log."""


@dataclass
class Run:
    """What a run used, received and wrote.

    Attributes:
        secrets: secrets by their description.
        embeddings: numbers of faces.
        output: all of standard output and standard error.
        lines: lines of the log.
        audit: rows of the audit table, as text.
        entries: output of ``framecloak audit``.
        request: id of the anonymisation request.
        submitted_by: id of the HTTP request that submitted it.
        kept: the anonymisation request's objects in the store at the end.
        called_for: id of the request whose webhook caused an event, by its message.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    embeddings: list[list[float]] = field(default_factory=list)
    output: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    audit: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    request: str = ""
    submitted_by: str = ""
    kept: list[str] = field(default_factory=list)
    called_for: dict[str, str] = field(default_factory=dict)

    def of(self, **facts: object) -> list[dict[str, Any]]:
        """Return the lines with these fields."""
        return [line for line in self.lines if line | facts == line]


def sign_in(address: str, run: Run) -> None:
    with httpx.Client(base_url=address) as browser:
        for password, status in ((WRONG, 401), (PASSWORD, 200)):
            answer = browser.post("/api/auth/login", json={"username": "admin", "password": password})
            assert answer.status_code == status
        # Users sometimes type their password into the wrong field.
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


def use(
    http: httpx.Client, address: str, video_file: Path, receiver: Receiver, run: Run
) -> Mapping[str, object]:
    """Use the service; return the order."""
    video = service_process.upload(http, video_file)["id"]
    begun = http.post("/api/videos/uploads", json={"filename": "film.mp4"}).raise_for_status().json()
    run.secrets["signature of an upload"] = parse_qs(urlsplit(begun["url"]).query)["signature"][0]
    assert httpx.put(f"{address}{begun['url']}", content=video_file.read_bytes()).status_code == 204
    assert http.get(f"/api/videos/{video}/frames/0.jpg").status_code == 200
    segment = service_process.mark(http, video, 0, 12)
    token = run.secrets["token of a webhook"] = "what only this receiver is to see"
    hook = str(httpx.URL(receiver.url).copy_set_param("token", token))
    body = {"video_id": video, "segment_ids": [segment], "webhook_url": hook}
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
    return body


def recognise(http: httpx.Client, run: Run) -> None:
    x1, y1, x2, y2 = images.GROUP_BOXES[4].astype(int)
    face = np.ascontiguousarray(images.group_photo()[y1 - 40 : y2 + 40, x1 - 40 : x2 + 40, ::-1])
    file = cv2.imencode(".jpg", face)[1].tobytes()
    picture = base64.b64encode(file).decode()
    # After the header, which all images have in common.
    run.secrets["pixels of a face"] = picture[2000:2040]
    body = {"image_data": picture, "embedding_format": "base64"}
    packed = http.post("/analyze", json=body).raise_for_status().json()["embedding"]
    run.secrets["embedding in base64"] = packed[:40]
    found = http.post("/analyze/batch", json={"images": [picture]}).raise_for_status().json()
    vector = found["results"][0]["faces"][0]["embedding"]
    run.embeddings.append(vector)
    pair = {"face1_embedding": vector, "face2_embedding": vector[:-1]}
    assert http.post("/compare", json=pair).status_code == 422
    many = {"target_embedding": vector, "embeddings": [vector, vector]}
    assert len(http.post("/find_matches", json=many).raise_for_status().json()) == 2

    run.secrets |= {
        "name of a gallery": "people of the second ward",
        "label": LABEL,
        "metadata": "born in 1815",
    }
    created = http.post("/galleries", json={"name": run.secrets["name of a gallery"]}).raise_for_status()
    gallery = f"/galleries/{created.json()['id']}"
    known = {"label": LABEL, "metadata": {"about": run.secrets["metadata"]}}
    for source in ({"image_data": picture}, {"embedding": vector}, {"embedding": packed}):
        http.post(f"{gallery}/faces", json={**known, **source}).raise_for_status()
        (match,) = http.post(f"{gallery}/search", json=source).raise_for_status().json()
        assert match["label"] == LABEL
    assert http.post(f"{gallery}/faces", json={**known, "embedding": vector[:-1]}).status_code == 409
    assert http.post(f"{gallery}/faces", json={"label": [LABEL], "embedding": vector}).status_code == 422
    assert LABEL in http.get(f"{gallery}/faces").text
    assert http.delete(gallery).status_code == 204


@contextmanager
def refusing_receiver() -> Iterator[Receiver]:
    """Run a receiver that refuses webhooks, which is logged."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running_receiver()) as receiver:
        receiver.answer = GONE
        yield receiver


def is_logged(words: str, log: Path) -> bool:
    """Wait until a log has some words; return whether that happens in time."""
    deadline = time.monotonic() + RECEIVER_SECONDS
    while not (written := words in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return written


def given_up(receiver: Receiver, log: Path, run: Run) -> bool:
    """Wait until the webhook was called and the failure logged; return whether that happens in time."""
    written = is_logged("was given up", log)
    for head, _ in receiver.requests:
        (signature,) = [line for line in head.splitlines() if line.lower().startswith("framecloak-signature")]
        run.secrets["signature of a webhook"] = signature.partition("v1=")[2]
    return written


def kept_secrets(data_dir: Path) -> Mapping[str, str]:
    """Return the installation's own secrets, while it runs."""
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
    environment = {
        "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD,
        "FRAME_ANONYMIZATION_DEBUG": "true",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        **OWN_SECRETS,
    }
    arguments = ("serve", "--port", "0", "--data-dir", data_dir)
    with (
        service_process.started(*arguments, environment=environment, errors=errors) as service,
        refusing_receiver() as receiver,
    ):
        address = service.wait_for("ready ")
        run.secrets |= {
            "password": PASSWORD,
            "wrong password": WRONG,
            **OWN_SECRETS,
            **kept_secrets(data_dir),
        }
        sign_in(address, run)
        with httpx.Client(base_url=address, timeout=patience(60)) as http:
            http.headers["X-API-Key"] = run.secrets["API key"]
            order = use(http, address, write_video(folder / "film.mp4", 12), receiver, run)
            recognise(http, run)
            assert given_up(receiver, errors, run)
            for reply, event in ((OK, WEBHOOK_DELIVERED), (BUSY, WEBHOOK_POSTPONED)):
                receiver.answer = reply
                submitted = http.post("/api/frames/anonymize/", json=order).raise_for_status()
                run.called_for[event.message] = submitted.json()["request_id"]
                assert is_logged(event.message, errors)
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
    assert len(run.secrets) == 21
    # Long enough not to occur by chance.
    assert all(len(secret) >= 12 for secret in run.secrets.values())
    for what, secret in run.secrets.items():
        for text in {secret, quote(secret), quote_plus(secret)}:
            assert text not in run.output, what
            assert text not in run.audit, what
            assert text not in json.dumps(run.entries), what


def test_no_embedding_is_in_the_log_or_in_the_audit_log(run: Run) -> None:
    assert [len(vector) for vector in run.embeddings] == [128]
    written = [*run.output.splitlines(), *run.audit.splitlines(), *map(json.dumps, run.entries)]
    for vector in run.embeddings:
        # As every number format starts. One may be a time or a size by chance, two may not.
        numbers = {str(number)[:7] for number in map(abs, vector) if number > 0.001}
        assert len(numbers) > 100
        for line in written:
            assert sum(number in line for number in numbers) < 2, line


def test_no_image_is_in_the_log(run: Run) -> None:
    assert "\\xff\\xd8" not in run.output
    assert max(len(json.dumps(line)) for line in run.lines) < 10_000


def test_every_line_has_time_origin_and_event(run: Run) -> None:
    assert len(run.lines) > 30
    for line in run.lines:
        assert {"timestamp", "level", "logger", "event", "pathname", "lineno", "process"} <= set(line)
    assert not run.of(level="error")


def test_request_id_is_in_the_lines_of_all_processes(run: Run) -> None:
    (submitted,) = run.of(event="submitted", request_id=run.request)
    assert (submitted["request_id"], submitted["http_request_id"]) == (run.request, run.submitted_by)
    answered = run.of(event="request", http_request_id=run.submitted_by)
    assert [(line["method"], line["path"], line["status"]) for line in answered] == [
        ("POST", "/api/frames/anonymize", 202)
    ]
    assert answered[0]["request_id"] == run.request
    called = run.of(event="waking a worker", request_id=run.request)
    assert run.submitted_by in {line.get("http_request_id") for line in called}
    worked = [line for line in run.of(request_id=run.request) if line["logger"].endswith("worker.slice_loop")]
    assert {line["process"] for line in worked}.isdisjoint({submitted["process"]})
    assert [(line["event"], line["slice"]) for line in worked] == [
        *(("started frames 0:12", 0), ("slice done", 0)),
        *(("started assembly 0:12", 1), ("slice done", 1)),
    ]
    recorded = run.of(event="audit", subject=f"request:{run.request}")
    assert [line["action"] for line in recorded] == ["request.submit", "download.mint", "download.redeem"]
    assert recorded[0]["http_request_id"] == run.submitted_by


def test_worker_logs_the_devices_of_its_models(run: Run) -> None:
    (line,) = run.of(event="face detector loaded")
    assert line["level"] == "info"
    assert line["model"].startswith("CenterFace on ")


def test_debug_setting_keeps_the_parts_of_the_result(run: Run) -> None:
    assert run.kept == ["frames.zip", "slices/00000-1.zip"]


def test_every_audit_entry_is_logged(run: Run) -> None:
    # Processes alternate, so the order differs from that of the table.
    logged = [(line["username"], line["action"], line["subject"]) for line in run.of(event="audit")]
    kept = [(one["username"], one["action"], one["subject"]) for one in run.entries]
    assert sorted(logged, key=str) == sorted(kept, key=str)
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
        "gallery.create",
        "gallery.enrol",
        "gallery.search",
        "gallery.delete",
    }


def test_abandoned_webhook_is_logged_without_its_address(run: Run) -> None:
    (line,) = run.of(logger="framecloak.domain.anonymization.requests.webhooks", level="warning")
    assert line["event"] == f"the webhook of request {run.request} was given up: the receiver answered 410"


def test_frequent_requests_are_logged_at_debug_level(run: Run) -> None:
    (level,) = {line["level"] for line in run.of(event="request", path="/health")}
    assert level == "debug"


def test_the_end_of_a_request_is_logged_with_its_figures(run: Run) -> None:
    (line,) = run.of(event=REQUEST_ENDED.message, request_id=run.request)
    assert set(REQUEST_ENDED.fields) <= set(line)
    assert (line["state"], line["code"]) == ("completed", None)
    assert (line["level"], line["frames"]) == ("info", 12)
    assert line["seconds"] > 0
    assert line["bytes"] > 0
    assert line["worker"]


def test_webhooks_are_logged_when_they_arrive_and_when_they_are_to_be_repeated(run: Run) -> None:
    for event in (WEBHOOK_DELIVERED, WEBHOOK_POSTPONED):
        (line,) = run.of(event=event.message)
        assert set(event.fields) <= set(line)
        assert (line["request_id"], line["attempt"]) == (run.called_for[event.message], 1)
