"""Log lines of the ends of requests, retried slices and webhooks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.work.slice_worker import BACKOFF
from framecloak.domain.errors import StorageFullError
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    return WorkerHarness(FakeService(tmp_path))


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "framecloak"):
        yield


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == message]


async def test_a_completed_request_is_one_line(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    request_id = await harness.submit((0, 5))
    harness.world.clock.advance(timedelta(seconds=7))
    await harness.process(request_id)
    request = await harness.request(request_id)
    (line,) = lines(caplog, "request ended")
    assert (line["request_id"], line["state"], line["code"]) == (str(request_id), "completed", None)
    assert (line["frames"], line["blanked"], line["bytes"]) == (5, 0, request.result_bytes)
    assert (line["queue_seconds"], line["seconds"]) == (7.0, 0.0)
    assert (line["worker"], line["user_id"]) == ("worker-1", harness.anna.user_id)


async def test_a_cancelled_request_is_one_line_without_a_worker(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.anonymization.cancel(harness.anna, request_id)
    (line,) = lines(caplog, "request ended")
    assert (line["state"], line["worker"], line["seconds"], line["bytes"]) == ("cancelled", None, None, None)


async def test_each_retry_of_a_slice_is_a_line_and_so_is_the_end(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    request_id = await harness.submit((0, 5))
    harness.max_entries = 3
    with pytest.raises(StorageFullError):
        await harness.process(request_id)
    (line,) = lines(caplog, "slice to be retried")
    assert (line["slice"], line["attempt"], line["failures"], line["code"], line["pause"]) == (
        0,
        1,
        0,
        "storage_full",
        5.0,
    )
    harness.max_entries = 1_000_000
    harness.world.fake_store.objects.clear()
    for _ in range(3):
        harness.world.clock.advance(timedelta(minutes=1))
        await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.FAILED
    retries = lines(caplog, "slice to be retried")[1:]
    assert [(line["failures"], line["pause"]) for line in retries] == [
        (number, BACKOFF[number - 1].total_seconds()) for number in (1, 2)
    ]
    assert [line["attempt"] for line in retries] == [2, 3]
    (line,) = lines(caplog, "request ended")
    assert (line["state"], line["worker"]) == ("failed", "worker-1")
