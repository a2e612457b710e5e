"""Webhooks end to end: from a finished request in Postgres to a receiver that checks the signature."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framecloak.adapters.clock import SystemClock
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.webhooks.http import HttpWebhookSender
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.webhooks import Webhooks, sign
from framecloak.entrypoints.composition.keys import webhook_secret
from framecloak.entrypoints.settings import Settings
from support.processes.command import run
from support.processes.installation import error_line
from support.samples.persistence import add_user, add_video, request_spec_for, work_spec_for
from support.servers.webhook_receiver import Receiver, running_receiver

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "webhooks.md"
SECRET = "thirty-two characters and some more"


@pytest.fixture(scope="module")
def is_genuine() -> Callable[[str, dict[str, str], bytes], bool]:
    """Return the signature check of the documentation."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - code from our own documentation
    check: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    return check


async def _ended(database: PostgresDatabase, receiver: Receiver, count: int) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    now = SystemClock().now()
    for _ in range(count):
        spec = replace(request_spec_for(video), webhook_url=receiver.url)
        async with database.unit_of_work() as work:
            request, _ = await work.requests.add(user.id, spec, work_spec_for(spec, 10), None)
            await work.requests.finish(request.id, Status.FAILED, now, error="it rained — twice")
            await work.commit()


async def test_a_receiver_can_verify_the_signature(
    postgres_database: PostgresDatabase, is_genuine: Callable[[str, dict[str, str], bytes], bool]
) -> None:
    async with running_receiver() as receiver:
        await _ended(postgres_database, receiver, 1)
        sender = HttpWebhookSender(allow_private=True)
        await Webhooks(postgres_database, sender, SystemClock(), SECRET).deliver_due()
        ((head, body),) = receiver.requests
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
    assert json.loads(body)["error"] == "it rained — twice"
    assert is_genuine(SECRET, headers, body)
    assert not is_genuine(SECRET, headers, body + b" ")
    assert not is_genuine("another secret", headers, body)
    later = str(int(headers["Framecloak-Timestamp"]) + 1)
    assert not is_genuine(SECRET, {**headers, "Framecloak-Timestamp": later}, body)


def test_a_receiver_can_detect_an_old_message(
    is_genuine: Callable[[str, dict[str, str], bytes], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Framecloak-Timestamp": "1700000000"}
    headers["Framecloak-Signature"] = sign(SECRET, "1700000000", b"{}")
    monkeypatch.setattr("time.time", lambda: 1700000299.0)
    assert is_genuine(SECRET, headers, b"{}")
    monkeypatch.setattr("time.time", lambda: 1700000300.0)
    assert not is_genuine(SECRET, headers, b"{}")


async def test_concurrent_workers_deliver_each_notice_once(postgres_database: PostgresDatabase) -> None:
    async with running_receiver() as receiver:
        await _ended(postgres_database, receiver, 12)
        sender = HttpWebhookSender(allow_private=True)
        workers = [Webhooks(postgres_database, sender, SystemClock(), SECRET) for _ in range(6)]
        counts = await asyncio.gather(*(worker.deliver_due(limit=5) for worker in workers))
        assert sum(counts) == 12
        request_ids = [json.loads(body)["request_id"] for _, body in receiver.requests]
        assert len(request_ids) == len(set(request_ids)) == 12
        assert [await worker.deliver_due() for worker in workers] == [0] * 6


def test_the_webhook_secret_is_configured_or_derived(tmp_path: Path) -> None:
    configured = Settings.from_environment({"DATA_DIR": str(tmp_path), "WEBHOOK_SECRET": SECRET})
    assert webhook_secret(configured) == SECRET
    first, same, other = [
        webhook_secret(Settings.from_environment({"SECRET_KEY": 32 * letter})) for letter in "aab"
    ]
    assert first == same != other
    assert re.fullmatch("[0-9a-f]{64}", first)
    created = webhook_secret(Settings.from_environment({"DATA_DIR": str(tmp_path)}))
    assert webhook_secret(Settings.from_environment({"DATA_DIR": str(tmp_path)})) == created


def test_the_command_prints_the_webhook_secret(tmp_path: Path) -> None:
    plain = {"SECRET_KEY": "", "WEBHOOK_SECRET": ""}
    printed = run("webhook-secret", "--data-dir", tmp_path, environment=plain)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.strip() == webhook_secret(Settings.from_environment({"DATA_DIR": str(tmp_path)}))
    configured = run("webhook-secret", environment={**plain, "WEBHOOK_SECRET": SECRET})
    assert (configured.code, configured.out) == (0, f"{SECRET}\n")
    error_line(run("webhook-secret", environment={**plain, "WEBHOOK_SECRET": "short"}), 26)
