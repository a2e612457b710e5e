"""Webhooks about ended requests: signatures, retries and clean-up."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from fakes.persistence.tables import NoticeEntry
from fakes.webhooks import FakeWebhookSender, webhook_failure
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.anonymization.requests.cleanup import NOTICE_RETENTION, CleanupService
from framecloak.domain.anonymization.requests.webhooks import (
    ATTEMPT_LEASE,
    MAX_CONCURRENT_CALLS,
    RETRY_DELAYS,
    Webhooks,
    sign,
)
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.repositories.webhooks import NoticeEvent, NoticeState
from framecloak.domain.support.log_events import WEBHOOK_DELIVERED, WEBHOOK_POSTPONED
from framecloak.entrypoints.schemas.requests import StatusView
from support.use_cases import FakeService, no_stale_folders

SECRET = "a secret shared with receivers only"
URL = "https://hooks.example/done?token=hush"
SECOND = timedelta(seconds=1)


@pytest.fixture
def sender() -> FakeWebhookSender:
    return FakeWebhookSender()


@pytest.fixture
def webhooks(world: FakeService, sender: FakeWebhookSender) -> Webhooks:
    return Webhooks(world.database, sender, world.clock, SECRET)


async def ended(
    world: FakeService, anna: Principal, status: Status = Status.COMPLETED, url: str | None = URL
) -> UUID:
    spec = replace(await world.request_spec(anna, (0, 10)), webhook_url=url)
    request_id = (await world.submissions.submit(anna, spec)).request.id
    async with world.database.unit_of_work() as work:
        await work.requests.claim(request_id, world.clock.now())
        result = StoredResult("requests/x.zip", 3) if status is Status.COMPLETED else None
        error = "it rained" if status is Status.FAILED else None
        await work.requests.finish(
            request_id, status, world.clock.now(), result=result, error=error, blanked_frames=4
        )
        await work.commit()
    return request_id


def entry(world: FakeService) -> NoticeEntry:
    (notice,) = world.fake_database.tables.notices.values()
    return notice


async def test_a_request_without_a_webhook_sends_nothing(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna, url=None)
    assert await webhooks.deliver_due() == 0
    assert sender.calls == []


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
async def test_a_webhook_has_the_body_of_the_status_response(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender, status: Status
) -> None:
    request_id = await ended(world, anna, status)
    assert await webhooks.deliver_due() == 1
    (call,) = sender.calls
    answer = StatusView.of(await world.anonymization.status(anna, request_id))
    assert json.loads(call.body) == json.loads(msgspec.json.encode(answer))
    assert json.loads(call.body)["status"] == status
    assert json.loads(call.body)["blanked_frames"] == (4 if status is Status.COMPLETED else None)
    assert call.url == URL
    assert call.headers["Content-Type"] == "application/json"
    assert entry(world).state is NoticeState.DELIVERED
    assert await webhooks.deliver_due() == 0


async def test_cancelling_sends_a_webhook_too(
    world: FakeService, anna: Principal, webhooks: Webhooks
) -> None:
    spec = replace(await world.request_spec(anna, (0, 10)), webhook_url=URL)
    request_id = (await world.submissions.submit(anna, spec)).request.id
    assert await webhooks.deliver_due() == 0
    await world.anonymization.cancel(anna, request_id)
    assert await webhooks.deliver_due() == 1


async def test_the_signature_is_over_the_time_and_the_body(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    await webhooks.deliver_due()
    (call,) = sender.calls
    timestamp = call.headers["Framecloak-Timestamp"]
    assert int(timestamp) == int(world.clock.now().timestamp())
    message = f"{timestamp}.{call.body.decode()}".encode()
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in SECRET.encode().ljust(64, b"\0")) + message)
    outer = bytes(byte ^ 0x5C for byte in SECRET.encode().ljust(64, b"\0")) + inner.digest()
    assert call.headers["Framecloak-Signature"] == f"v1={hashlib.sha256(outer).hexdigest()}"


def test_the_signature_of_a_known_message() -> None:
    # From `printf '1700000000.{}' | openssl dgst -sha256 -hmac <32 times k>`.
    expected = "0b3b35525c10b3757ffa78df69037021fc3168d8390a51a4fcb4a8d56a25b557"
    assert sign("k" * 32, "1700000000", b"{}") == f"v1={expected}"
    assert sign("k" * 32, "1700000001", b"{}") != f"v1={expected}"


async def test_failed_deliveries_are_retried_until_attempts_run_out(
    world: FakeService,
    anna: Principal,
    webhooks: Webhooks,
    sender: FakeWebhookSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    request_id = await ended(world, anna)
    sender.failures[URL] = webhook_failure()
    caplog.clear()
    for attempt, pause in enumerate(RETRY_DELAYS, start=1):
        assert await webhooks.deliver_due() == 1
        assert (entry(world).state, entry(world).attempts) == (NoticeState.PENDING, attempt)
        world.clock.advance(pause - SECOND)
        assert await webhooks.deliver_due() == 0
        world.clock.advance(SECOND)
    postponed = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert postponed == [(logging.INFO, WEBHOOK_POSTPONED.message)] * len(RETRY_DELAYS)
    assert await webhooks.deliver_due() == 1
    assert entry(world).state is NoticeState.GIVEN_UP
    assert entry(world).failure == "the receiver answered 503"
    world.clock.advance(timedelta(days=30))
    assert await webhooks.deliver_due() == 0
    assert len({call.headers["Framecloak-Event-Id"] for call in sender.calls}) == 1
    assert len({call.headers["Framecloak-Timestamp"] for call in sender.calls}) == len(RETRY_DELAYS) + 1
    (*_, record) = caplog.records
    assert (record.levelno, len(caplog.records)) == (logging.WARNING, len(RETRY_DELAYS) + 1)
    assert str(request_id) in record.getMessage()
    assert "hush" not in caplog.text


async def test_a_recovered_receiver_gets_its_webhook(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    sender.failures[URL] = webhook_failure()
    await webhooks.deliver_due()
    sender.failures.clear()
    world.clock.advance(RETRY_DELAYS[0])
    await webhooks.deliver_due()
    assert (entry(world).state, entry(world).attempts) == (NoticeState.DELIVERED, 2)


async def test_permanent_failures_are_not_retried(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    sender.failures[URL] = webhook_failure("the receiver answered 410", retry=False)
    await webhooks.deliver_due()
    assert (entry(world).state, entry(world).attempts) == (NoticeState.GIVEN_UP, 1)


async def test_a_failing_webhook_does_not_delay_the_others(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    urls = [f"https://hooks.example/{number}" for number in range(3)]
    for url in urls:
        await ended(world, anna, url=url)
    sender.failures = {urls[0]: webhook_failure(), urls[1]: RuntimeError("a bug")}
    with pytest.raises(RuntimeError, match="a bug"):
        await webhooks.deliver_due()
    assert [notice.state for notice in world.fake_database.tables.notices.values()] == [
        NoticeState.PENDING,
        NoticeState.PENDING,
        NoticeState.DELIVERED,
    ]


async def test_attempts_that_crash_the_worker_are_limited(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    sender.failures[URL] = RuntimeError("the worker dies")
    for _ in range(len(RETRY_DELAYS) + 1):
        with pytest.raises(RuntimeError):
            await webhooks.deliver_due()
        world.clock.advance(ATTEMPT_LEASE)
    assert await webhooks.deliver_due() == 1
    assert entry(world).state is NoticeState.GIVEN_UP
    assert len(sender.calls) == len(RETRY_DELAYS) + 1


async def test_one_of_many_workers_delivers(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    others = [Webhooks(world.database, sender, world.clock, SECRET) for _ in range(9)]
    counts = await asyncio.gather(*(worker.deliver_due() for worker in (webhooks, *others)))
    assert sorted(counts) == [0] * 9 + [1]
    assert len(sender.calls) == 1


async def test_a_run_delivers_no_more_than_its_limit(
    world: FakeService, anna: Principal, webhooks: Webhooks
) -> None:
    for _ in range(3):
        await ended(world, anna)
    assert [await webhooks.deliver_due(limit=2) for _ in range(3)] == [2, 1, 0]
    assert MAX_CONCURRENT_CALLS > 3


async def test_without_the_database_nothing_is_sent(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    await ended(world, anna)
    world.fake_database.reachable = False
    with pytest.raises(DatabaseUnavailableError):
        await webhooks.deliver_due()
    assert sender.calls == []
    world.fake_database.reachable = True
    assert await webhooks.deliver_due() == 1


async def test_notices_are_deleted_a_week_after_delivery(
    world: FakeService, anna: Principal, webhooks: Webhooks
) -> None:
    cleaner = CleanupService(world.database, world.store, world.clock, timedelta(days=1), no_stale_folders)
    await ended(world, anna)
    await webhooks.deliver_due()
    world.clock.advance(NOTICE_RETENTION)
    await cleaner.run()
    assert entry(world).state is NoticeState.DELIVERED
    world.clock.advance(SECOND)
    await cleaner.run()
    assert world.fake_database.tables.notices == {}


async def test_the_end_and_the_release_of_a_request_are_told_apart(
    world: FakeService, anna: Principal, webhooks: Webhooks, sender: FakeWebhookSender
) -> None:
    request_id = await ended(world, anna)
    assert await webhooks.deliver_due() == 1
    now = world.clock.now()
    async with world.database.unit_of_work() as work:
        assert await work.releases.release(request_id, now, "Dr. Anna Ng", b"signed")
        await work.notices.add(request_id, URL, now, NoticeEvent.RELEASED)
        await work.commit()
    assert await webhooks.deliver_due() == 1
    told_end, told_release = sender.calls
    assert [call.headers["Framecloak-Event"] for call in sender.calls] == ["ended", "released"]
    assert told_end.headers["Framecloak-Event-Id"] != told_release.headers["Framecloak-Event-Id"]
    assert json.loads(told_end.body)["released_by"] is None
    body = json.loads(told_release.body)
    assert (body["released_by"], body["released_at"]) == (
        "Dr. Anna Ng",
        now.isoformat().replace("+00:00", "Z"),
    )


async def test_a_delivery_is_logged_with_its_attempt(
    world: FakeService,
    anna: Principal,
    webhooks: Webhooks,
    sender: FakeWebhookSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    request_id = await ended(world, anna)
    sender.failures[URL] = webhook_failure()
    await webhooks.deliver_due()
    sender.failures.clear()
    world.clock.advance(RETRY_DELAYS[0])
    caplog.clear()
    with caplog.at_level(logging.INFO):
        await webhooks.deliver_due()
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.INFO, WEBHOOK_DELIVERED.message)
    assert (vars(record)["request_id"], vars(record)["attempt"]) == (str(request_id), 2)
