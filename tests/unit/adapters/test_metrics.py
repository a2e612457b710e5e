"""Metrics of a worker: counting and exposition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from framecloak.adapters.metrics.prometheus import (
    MetricsServer,
    PrometheusMeter,
    exposition,
    process_registry,
    register_memory_gauges,
)
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, MAX_ATTEMPTS
from framecloak.domain.anonymization.work.slice_worker import RETRY_DELAY
from framecloak.domain.errors import InvalidSettingError, StorageFullError
from framecloak.domain.ports.metrics import NULL_METER, Meter, SliceOutcome, Stage, timed
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


@pytest.fixture
def registry() -> CollectorRegistry:
    return process_registry("1.2.3", "worker")


def test_counted_values_are_exposed(registry: CollectorRegistry) -> None:
    meter: Meter = PrometheusMeter(registry)
    meter.stage(Stage.DETECT, 0.5)
    meter.stage(Stage.DETECT, 0.25)
    meter.model_batch(4)
    meter.frames(10, 3)
    meter.slice_recovered()
    meter.slice_ended("frames", SliceOutcome.DONE, 2.0)
    meter.slice_failed("storage_full")
    meter.retried("upload")
    meter.cleaned_up({"results": 3}, {"uploads": 2})
    sample: Callable[..., float | None] = registry.get_sample_value
    assert sample("framecloak_stage_seconds_sum", {"stage": "detect"}) == 0.75
    assert sample("framecloak_stage_seconds_bucket", {"stage": "detect", "le": "0.25"}) == 1
    assert sample("framecloak_stage_seconds_count", {"stage": "encode"}) == 0
    assert sample("framecloak_model_batch_size_sum") == 4
    assert (sample("framecloak_frames_total"), sample("framecloak_frames_blanked_total")) == (10, 3)
    assert sample("framecloak_slices_recovered_total") == 1
    assert sample("framecloak_slice_seconds_sum", {"kind": "frames", "outcome": "done"}) == 2
    assert sample("framecloak_slice_failures_total", {"code": "storage_full"}) == 1
    assert sample("framecloak_retries_total", {"what": "upload"}) == 1
    assert sample("framecloak_cleanup_removed_total", {"what": "results"}) == 3
    assert sample("framecloak_cleanup_failures_total", {"what": "uploads"}) == 2
    # Counters start at 0, so that the first failure counts as an increase.
    assert sample("framecloak_cleanup_failures_total", {"what": "videos"}) == 0
    assert sample("framecloak_build_info", {"version": "1.2.3", "role": "worker"}) == 1
    assert (sample("process_resident_memory_bytes") or 0) > 1e6


def test_registries_of_two_processes_are_independent(registry: CollectorRegistry) -> None:
    PrometheusMeter(registry).frames(1, 0)
    other = process_registry("1", "worker")
    PrometheusMeter(other)
    assert other.get_sample_value("framecloak_frames_total") == 0


def test_the_memory_limit_is_exposed(registry: CollectorRegistry) -> None:
    answers = [True, False]
    register_memory_gauges(registry, 100, lambda: answers.pop(0))
    assert registry.get_sample_value("framecloak_worker_memory_limit_bytes") == 100
    assert registry.get_sample_value("framecloak_worker_has_room") == 1.0
    assert registry.get_sample_value("framecloak_worker_has_room") == 0.0


def test_metrics_are_served_over_http_until_the_server_stops(registry: CollectorRegistry) -> None:
    with MetricsServer(registry, "127.0.0.1", 0) as port:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b'framecloak_build_info{role="worker",version="1.2.3"} 1.0' in answer.read()
        with pytest.raises(InvalidSettingError, match=str(port)), MetricsServer(registry, "127.0.0.1", port):
            pass
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{port}/metrics")


def test_the_null_meter_discards_everything() -> None:
    meter: Meter = NULL_METER
    meter.frames(1, 1)
    with suppress(ZeroDivisionError), timed(meter, Stage.STORE):
        raise ZeroDivisionError


def test_openmetrics_is_served_on_request(registry: CollectorRegistry) -> None:
    assert "version=0.0.4" in exposition(registry, "*/*")[1]
    text, content_type = exposition(registry, "text/plain;q=0.5, application/openmetrics-text;version=9")
    assert (text[-6:], content_type) == (
        b"# EOF\n",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    return WorkerHarness(FakeService(tmp_path))


def ends(harness: WorkerHarness) -> list[tuple[str, SliceOutcome]]:
    return [(kind, outcome) for kind, outcome, _ in harness.meter.ends]


async def test_work_is_counted(harness: WorkerHarness) -> None:
    await harness.process(await harness.submit((0, 30)))
    assert ends(harness) == [
        ("frames", SliceOutcome.DONE),
        ("frames", SliceOutcome.DONE),
        ("assembly", SliceOutcome.DONE),
    ]
    assert (harness.meter.delivered, harness.meter.blanked) == (30, 0)
    # The video for both slices, and both parts; two parts and the result.
    assert len(harness.meter.stages[Stage.STORE]) == 2 + 2 + 3
    assert len(harness.meter.stages[Stage.ENCODE]) == 30
    assert (harness.meter.recovered, harness.meter.failures, harness.meter.retries) == (0, [], [])


async def test_failures_and_retries_are_counted(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.max_entries = 3
    with pytest.raises(StorageFullError):
        await harness.process(request_id)
    harness.max_entries = 1_000_000
    harness.world.clock.advance(RETRY_DELAY)
    await harness.process(request_id)
    assert harness.meter.failures == ["storage_full"]
    assert harness.meter.retries == ["slice"]
    assert ends(harness)[0] == ("frames", SliceOutcome.FAILED)


async def test_a_slice_that_was_taken_over_is_counted(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    assert await harness.worker("silent").lease(request_id)
    harness.world.clock.advance(2 * LEASE_DURATION)
    await harness.process(request_id)
    assert (harness.meter.recovered, harness.meter.retries) == (1, [])


async def test_a_slice_that_no_worker_survives_is_counted(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    for _ in range(MAX_ATTEMPTS):
        assert await harness.worker().lease(request_id)
        harness.world.clock.advance(2 * LEASE_DURATION)
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.FAILED
    assert harness.meter.failures == ["no_worker_survived"]


async def test_cancelled_and_released_slices_have_different_outcomes(harness: WorkerHarness) -> None:
    begun = asyncio.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    worker = harness.worker()
    lease = await worker.lease(request_id)
    assert lease
    harness.world.store.put_file = never  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(worker.process(lease))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del harness.world.store.put_file
    second_lease = await worker.lease(request_id)
    assert second_lease
    await harness.world.anonymization.cancel(harness.anna, request_id)
    await worker.process(second_lease)
    harness.world.clock.advance(timedelta(minutes=1))
    assert ends(harness) == [("frames", SliceOutcome.RELEASED), ("frames", SliceOutcome.CANCELLED)]
