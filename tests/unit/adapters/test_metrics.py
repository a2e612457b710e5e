"""What a worker counts, and how that is told."""

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
from support.use_cases import World
from support.worker_harness import Desk


@pytest.fixture
def registry() -> CollectorRegistry:
    return process_registry("1.2.3", "worker")


def test_what_was_counted_is_told(registry: CollectorRegistry) -> None:
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
    told: Callable[..., float | None] = registry.get_sample_value
    assert told("framecloak_stage_seconds_sum", {"stage": "detect"}) == 0.75
    assert told("framecloak_stage_seconds_bucket", {"stage": "detect", "le": "0.25"}) == 1
    assert told("framecloak_stage_seconds_count", {"stage": "encode"}) == 0
    assert told("framecloak_model_batch_size_sum") == 4
    assert (told("framecloak_frames_total"), told("framecloak_frames_blanked_total")) == (10, 3)
    assert told("framecloak_slices_recovered_total") == 1
    assert told("framecloak_slice_seconds_sum", {"kind": "frames", "outcome": "done"}) == 2
    assert told("framecloak_slice_failures_total", {"code": "storage_full"}) == 1
    assert told("framecloak_retries_total", {"what": "upload"}) == 1
    assert told("framecloak_cleanup_removed_total", {"what": "results"}) == 3
    assert told("framecloak_cleanup_failures_total", {"what": "uploads"}) == 2
    # An increase can be seen from the first on.
    assert told("framecloak_cleanup_failures_total", {"what": "videos"}) == 0
    assert told("framecloak_build_info", {"version": "1.2.3", "role": "worker"}) == 1
    assert (told("process_resident_memory_bytes") or 0) > 1e6


def test_two_processes_worth_of_numbers_do_not_meet(registry: CollectorRegistry) -> None:
    PrometheusMeter(registry).frames(1, 0)
    other = process_registry("1", "worker")
    PrometheusMeter(other)
    assert other.get_sample_value("framecloak_frames_total") == 0


def test_memory_is_told(registry: CollectorRegistry) -> None:
    answers = [True, False]
    register_memory_gauges(registry, 100, lambda: answers.pop(0))
    assert registry.get_sample_value("framecloak_worker_memory_limit_bytes") == 100
    assert registry.get_sample_value("framecloak_worker_has_room") == 1.0
    assert registry.get_sample_value("framecloak_worker_has_room") == 0.0


def test_it_is_told_over_http_while_it_is_wanted(registry: CollectorRegistry) -> None:
    with MetricsServer(registry, "127.0.0.1", 0) as port:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b'framecloak_build_info{role="worker",version="1.2.3"} 1.0' in answer.read()
        with pytest.raises(InvalidSettingError, match=str(port)), MetricsServer(registry, "127.0.0.1", port):
            pass
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{port}/metrics")


def test_nobody_has_to_watch() -> None:
    meter: Meter = NULL_METER
    meter.frames(1, 1)
    with suppress(ZeroDivisionError), timed(meter, Stage.STORE):
        raise ZeroDivisionError


def test_openmetrics_is_for_those_who_name_it(registry: CollectorRegistry) -> None:
    assert "version=0.0.4" in exposition(registry, "*/*")[1]
    text, content_type = exposition(registry, "text/plain;q=0.5, application/openmetrics-text;version=9")
    assert (text[-6:], content_type) == (
        b"# EOF\n",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(World(tmp_path))


def ends(desk: Desk) -> list[tuple[str, SliceOutcome]]:
    return [(kind, outcome) for kind, outcome, _ in desk.meter.ends]


async def test_work_is_counted(desk: Desk) -> None:
    await desk.process(await desk.submit((0, 30)))
    assert ends(desk) == [
        ("frames", SliceOutcome.DONE),
        ("frames", SliceOutcome.DONE),
        ("assembly", SliceOutcome.DONE),
    ]
    assert (desk.meter.delivered, desk.meter.blanked) == (30, 0)
    # The video for both slices, and both parts; two parts and the result.
    assert len(desk.meter.stages[Stage.STORE]) == 2 + 2 + 3
    assert len(desk.meter.stages[Stage.ENCODE]) == 30
    assert (desk.meter.recovered, desk.meter.failures, desk.meter.retries) == (0, [], [])


async def test_a_failure_and_what_is_done_again_are_counted(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.room = 3
    with pytest.raises(StorageFullError):
        await desk.process(request_id)
    desk.room = 1_000_000
    desk.world.clock.advance(RETRY_DELAY)
    await desk.process(request_id)
    assert desk.meter.failures == ["storage_full"]
    assert desk.meter.retries == ["slice"]
    assert ends(desk)[0] == ("frames", SliceOutcome.FAILED)


async def test_a_slice_that_was_taken_over_is_counted(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.dispatcher.run()
    assert await desk.worker("silent").lease(request_id)
    desk.world.clock.advance(2 * LEASE_DURATION)
    await desk.process(request_id)
    assert (desk.meter.recovered, desk.meter.retries) == (1, [])


async def test_a_slice_that_nobody_survives_is_counted(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.dispatcher.run()
    for _ in range(MAX_ATTEMPTS):
        assert await desk.worker().lease(request_id)
        desk.world.clock.advance(2 * LEASE_DURATION)
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.FAILED
    assert desk.meter.failures == ["no_worker_survived"]


async def test_what_was_cancelled_or_given_back_is_told_apart(desk: Desk) -> None:
    begun = asyncio.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    request_id = await desk.submit((0, 5))
    await desk.world.dispatcher.run()
    worker = desk.worker()
    lease = await worker.lease(request_id)
    assert lease
    desk.world.store.put_file = never  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(worker.process(lease))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del desk.world.store.put_file
    again = await worker.lease(request_id)
    assert again
    await desk.world.anonymization.cancel(desk.anna, request_id)
    await worker.process(again)
    desk.world.clock.advance(timedelta(minutes=1))
    assert ends(desk) == [("frames", SliceOutcome.RELEASED), ("frames", SliceOutcome.CANCELLED)]
