"""Health of the installation: condition, checks and figures."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from framecloak.adapters.storage.disk_space import free_bytes
from framecloak.adapters.storage.threads import in_thread
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.operations import probes
from framecloak.domain.operations.health import Condition, HealthService
from framecloak.domain.ports.queue import WorkerInfo
from support.use_cases import FakeService


@pytest.fixture
def world(tmp_path: Path) -> FakeService:
    world = FakeService(tmp_path)
    world.queue.known_workers = [WorkerInfo("here:1", ("anonymization",), world.clock.now())]
    return world


async def present() -> bool:
    return True


async def absent() -> bool:
    return False


async def missing() -> bool:
    raise ModelMissingError("the face detector is not installed")


async def broken() -> bool:
    raise ZeroDivisionError("one\nthing")


async def hanging() -> bool:
    await asyncio.Event().wait()
    return True


def health_of(world: FakeService, models: Callable[[], Awaitable[bool]] = present) -> HealthService:
    return HealthService(world.database, world.store, world.queue, models)


ALL_WELL = {"database": "ok", "redis": "ok", "storage": "ok", "disk": "ok", "models": "ok"}


async def test_a_disk_below_the_watermark_is_reported(world: FakeService) -> None:
    world.free_bytes = 1 << 29
    report = await world.use_cases.health.check()
    assert (report.condition, report.checks["disk"]) == (Condition.DEGRADED, "failed")
    world.free_bytes = 1 << 31
    assert (await world.use_cases.health.check()).checks["disk"] == "ok"


def test_the_fullest_disk_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {tmp_path: 5, Path("/proc"): 3}
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(9, 4, free[path]))  # type: ignore[attr-defined]
    assert free_bytes(tmp_path / "not" / "there", Path("/proc")) == 3


async def test_a_working_installation_is_healthy(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    completed_id, _ = [(await world.submissions.submit(anna, spec)).request.id for _ in range(2)]
    async with world.database.unit_of_work() as work:
        await work.requests.claim(completed_id, world.clock.now())
        ended = world.clock.now() + timedelta(seconds=90)
        await work.requests.finish(
            completed_id, Status.COMPLETED, ended, result=StoredResult("requests/x", 1)
        )
        await work.commit()
    report = await health_of(world).check()
    assert report.condition is Condition.HEALTHY
    assert report.checks == ALL_WELL
    assert (report.workers, report.pending_requests, report.average_seconds) == (1, 1, 90.0)
    assert report.storage_bytes == len(b"film") + 1


async def test_before_the_first_request_there_is_no_average(world: FakeService) -> None:
    report = await health_of(world).check()
    assert (report.pending_requests, report.average_seconds) == (0, None)


@pytest.mark.parametrize("with_workers", [True, False])
@pytest.mark.parametrize("models", [present, absent])
@pytest.mark.parametrize("broken", ["database", "redis", "storage"])
async def test_without_any_of_the_servers_the_installation_is_unhealthy(
    world: FakeService, broken: str, models: Callable[[], Awaitable[bool]], with_workers: bool
) -> None:
    world.fake_database.reachable = broken != "database"
    world.queue.unavailable = broken == "redis"
    world.fake_store.unavailable = broken == "storage"
    if not with_workers:
        world.queue.known_workers = []
    report = await health_of(world, models).check()
    assert report.condition is Condition.UNHEALTHY
    assert [name for name, state in report.checks.items() if state == "failed"] == [
        broken,
        *(["models"] if models is absent else []),
    ]
    assert report.workers == (1 if with_workers and broken != "redis" else 0)
    assert (report.pending_requests is None) == (broken == "database")
    assert (report.storage_bytes is None) == (broken == "database")


@pytest.mark.parametrize("models", [absent, missing, broken])
async def test_without_models_requests_wait(
    world: FakeService, models: Callable[[], Awaitable[bool]]
) -> None:
    report = await health_of(world, models).check()
    assert report.condition is Condition.DEGRADED
    assert report.checks == ALL_WELL | {"models": "failed"}


async def test_unexpected_errors_are_logged_in_one_line(
    world: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    await health_of(world, broken).check()
    assert caplog.messages == ["the check of models failed: ZeroDivisionError: one thing"]


async def test_without_workers_requests_wait(world: FakeService) -> None:
    world.queue.known_workers = []
    report = await health_of(world).check()
    assert report.condition is Condition.DEGRADED
    assert report.checks == ALL_WELL
    assert report.workers == 0


async def test_a_hanging_check_fails_without_delaying_the_report(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.05)
    async with asyncio.timeout(5):
        report = await health_of(world, hanging).check()
    assert report.checks == ALL_WELL | {"models": "failed"}


async def test_checks_run_concurrently(world: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check waits until the others have begun, so none would end if they ran in sequence."""
    barrier = asyncio.Barrier(3)

    async def workers() -> list[WorkerInfo]:
        await barrier.wait()
        return world.queue.known_workers

    async def ping() -> None:
        await barrier.wait()

    async def models() -> bool:
        await barrier.wait()
        return True

    monkeypatch.setattr(world.queue, "workers", workers)
    monkeypatch.setattr(world.store, "ping", ping)
    assert (await health_of(world, models).check()).condition is Condition.HEALTHY


async def test_a_check_that_blocks_a_thread_delays_nothing_and_takes_no_second_one(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.05)
    release, ended, threads = threading.Event(), asyncio.Event(), []

    async def ping() -> None:
        threads.append(1)
        try:
            await in_thread(release.wait, 10)
        finally:
            ended.set()

    monkeypatch.setattr(world.store, "ping", ping)
    health = health_of(world)
    try:
        async with asyncio.timeout(5):
            for _ in range(3):
                reports = await asyncio.gather(*(health.check(detailed=False) for _ in range(20)))
                assert {report.condition for report in reports} == {Condition.UNHEALTHY}
                assert {report.checks["storage"] for report in reports} == {"failed"}
        assert len(threads) == 1
    finally:
        release.set()
    await ended.wait()
    assert (await health.check()).condition is Condition.HEALTHY
    assert len(threads) == 2


async def test_an_undetailed_report_costs_the_database_only_a_ping(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("a unit of work was opened")

    monkeypatch.setattr(world.database, "unit_of_work", refuse)
    report = await health_of(world).check(detailed=False)
    assert (report.condition, report.checks) == (Condition.HEALTHY, ALL_WELL)
    assert (report.pending_requests, report.storage_bytes) == (None, None)
    world.fake_database.reachable = False
    assert (await health_of(world).check(detailed=False)).checks["database"] == "failed"


async def test_the_use_of_storage_is_refreshed_at_intervals(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await world.person("anna")
    health = health_of(world)
    reports = await asyncio.gather(*(health.check() for _ in range(5)))
    assert {report.storage_bytes for report in reports} == {0}
    await world.video(anna)
    assert (await health.check()).storage_bytes == 0
    monkeypatch.setattr(probes, "REFRESH_INTERVAL_SECONDS", 0.0)
    refreshed = health_of(world)
    assert (await refreshed.check()).storage_bytes == 4
    world.fake_database.reachable = False
    assert (await refreshed.check()).storage_bytes == 4


async def test_a_report_can_be_cancelled(world: FakeService) -> None:
    begun = asyncio.Event()

    async def models() -> bool:
        begun.set()
        return await hanging()

    checking = asyncio.create_task(health_of(world, models).check())
    await begun.wait()
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
