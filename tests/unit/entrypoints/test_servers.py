"""Ownership of embedded servers: the process that starts and stops them, and those that share them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from framecloak.domain.errors import DatabaseUnavailableError, OutputUnwritableError
from framecloak.entrypoints.composition import servers
from framecloak.entrypoints.composition.servers import owned_servers, remove_data_folder, shared_servers
from framecloak.entrypoints.settings import Settings
from support.patience import patience

ELSEWHERE = "postgresql://db/name"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that lack only Redis, which starts quickly."""
    return Settings.from_environment({"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": ELSEWHERE})


async def answers(url: str) -> bool:
    async with Redis.from_url(url) as client:
        try:
            await client.ping()
        except RedisConnectionError:
            return False
    return True


@asynccontextmanager
async def hosted(
    settings: Settings, *, alone: bool = False
) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Task[None]]]:
    """Run a task that starts the servers; yield their address, the event that ends the task, and the task."""
    addresses: asyncio.Queue[str] = asyncio.Queue()
    end = asyncio.Event()

    async def host() -> None:
        async with owned_servers(settings) if alone else shared_servers(settings) as running:
            addresses.put_nowait(running.redis_url)
            await end.wait()

    task = asyncio.create_task(host())
    try:
        yield await addresses.get(), end, task
    finally:
        end.set()
        await asyncio.wait([task])


async def test_configured_servers_are_used_and_none_is_started(settings: Settings) -> None:
    complete = replace(settings, redis_url="redis://queue")
    for servers_for in (shared_servers, owned_servers):
        async with servers_for(complete) as running:
            assert running is complete
    assert not settings.data_dir.exists()


async def test_missing_servers_are_started_private_and_stopped(settings: Settings) -> None:
    async with shared_servers(settings) as running:
        assert running == replace(settings, redis_url=running.redis_url)
        assert await answers(running.redis_url)
        addresses = settings.data_dir / "servers.json"
        assert json.loads(addresses.read_text()) == {"redis_url": running.redis_url}
        for path, mode in ((settings.data_dir, 0o700), (addresses, 0o600)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
    assert not await answers(running.redis_url)
    assert not addresses.exists()


async def test_a_second_command_uses_the_servers_of_the_first(settings: Settings) -> None:
    async with hosted(settings) as (address, end, host):
        async with shared_servers(settings) as guest:
            assert guest.redis_url == address
            end.set()
            await asyncio.sleep(3 * servers._POLL_SECONDS)
            # The first command has finished; it waits for the second and for those that start meanwhile.
            assert not host.done()
            async with shared_servers(settings) as another:
                assert another.redis_url == address
            assert not host.done()
            assert await answers(address)
        await host
        assert not await answers(address)
    async with shared_servers(settings) as later:
        assert await answers(later.redis_url)


async def test_a_host_that_waits_for_others_can_be_interrupted(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosted(settings) as (address, end, host), shared_servers(settings):
        end.set()
        await asyncio.sleep(3 * servers._POLL_SECONDS)
        assert caplog.messages == [
            "waiting for another command that uses these servers; Ctrl-C stops them now"
        ]
        host.cancel()
        with pytest.raises(asyncio.CancelledError):
            await host
        assert not await answers(address)
        assert not (settings.data_dir / "servers.json").exists()


async def test_a_service_waits_for_commands_as_long_as_for_its_worker(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    hurried = replace(settings, worker_grace_seconds=0.2)
    async with hosted(hurried, alone=True) as (address, end, host), shared_servers(settings):
        end.set()
        await host
        assert not await answers(address)
        assert caplog.messages == [
            "waiting for another command that uses these servers; they stop in 0.2 s at the latest",
            "another command still uses these servers; they stop anyway",
        ]


async def test_an_error_also_stops_the_servers(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError):
        async with shared_servers(settings) as running:
            raise ZeroDivisionError
    assert not await answers(running.redis_url)
    assert not (settings.data_dir / "servers.json").exists()


async def test_a_data_folder_has_one_service_at_a_time(settings: Settings) -> None:
    async with owned_servers(settings):
        with pytest.raises(DatabaseUnavailableError, match="another Framecloak runs on"):
            async with owned_servers(settings):
                pass


async def test_commands_with_other_servers_do_not_share_a_folder_by_mistake(settings: Settings) -> None:
    embedded = replace(settings, database_url="")
    other = replace(settings, database_url="postgresql://other/name")
    async with shared_servers(settings) as running:
        async with shared_servers(other) as guest:
            assert guest == replace(other, redis_url=running.redis_url)
        with pytest.raises(DatabaseUnavailableError, match="and uses other servers"):
            async with shared_servers(embedded):
                pass


async def test_waiting_for_servers_that_do_not_start_ends_with_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SERVER_WAIT_SECONDS", 0.2)
    settings.data_dir.mkdir()
    with (settings.data_dir / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DatabaseUnavailableError, match="its servers are not ready"):
            async with shared_servers(settings):
                pass


async def test_addresses_of_a_killed_process_are_ignored(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "servers.json").write_text('{"redis_url": "redis://127.0.0.1:1/0"}')
    async with shared_servers(settings) as running:
        assert await answers(running.redis_url)


async def test_a_data_folder_that_cannot_be_created_is_named(settings: Settings) -> None:
    settings.data_dir.write_text("a file")
    for servers_for in (shared_servers, owned_servers):
        with pytest.raises(OutputUnwritableError, match=f"cannot write to {settings.data_dir}"):
            async with servers_for(settings):
                pass


async def test_only_an_unused_data_folder_is_removed(settings: Settings) -> None:
    folder = settings.data_dir
    remove_data_folder(folder)
    async with shared_servers(settings):
        with pytest.raises(DatabaseUnavailableError, match="another Framecloak runs on"):
            remove_data_folder(folder)
    remove_data_folder(folder)
    assert not folder.exists()

    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputUnwritableError, match="is not a data folder of Framecloak"):
        remove_data_folder(folder)
    assert (folder / "thesis.txt").exists()


async def test_a_server_that_is_killed_runs_again_under_its_address(settings: Settings) -> None:
    async with hosted(settings, alone=True) as (url, _, _):
        async with Redis.from_url(url) as client:
            pid = int((await client.info("server"))["process_id"])
        os.kill(pid, signal.SIGKILL)
        for _ in range(int(20 * patience(60))):
            if await answers(url):
                break
            await asyncio.sleep(0.05)
        async with Redis.from_url(url) as client:
            assert int((await client.info("server"))["process_id"]) != pid
