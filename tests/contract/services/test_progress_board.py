"""Contract of progress boards: the fake and Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

import pytest

from fakes.queue import FakeProgressBoard
from framecloak.adapters.embedded.processes import available_port
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.redis.progress_board import RedisProgressBoard
from framecloak.domain.ports.progress import Listener, ProgressBoard

LONG, SHORT = 10.0, 0.1


@pytest.fixture(params=["fake", "redis"])
async def board(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[ProgressBoard]:
    if request.param == "fake":
        yield FakeProgressBoard()
        return
    async with RedisProgressBoard(redis_url) as opened:
        yield opened


async def settle(listener: Listener) -> None:
    """Wait for the notification that every listener gets on the first connection."""
    await listener.wait_for_change(SHORT * 5)


async def test_a_listener_is_notified_only_of_its_request(board: ProgressBoard) -> None:
    watched, other = uuid4(), uuid4()
    with board.listen(watched) as listener:
        await settle(listener)
        await board.announce(other)
        assert not await listener.wait_for_change(SHORT)
        await board.announce(watched)
        assert await listener.wait_for_change(LONG)
        assert not await listener.wait_for_change(SHORT)


async def test_only_a_cancellation_notifies_both_kinds_of_listeners(board: ProgressBoard) -> None:
    request_id, other = uuid4(), uuid4()
    with board.listen(request_id) as client, board.listen_for_cancellation(request_id) as worker:
        await settle(client)
        await settle(worker)
        await board.announce(request_id)
        assert await client.wait_for_change(LONG)
        await board.announce_cancellation(other)
        assert not await worker.wait_for_change(SHORT)
        await board.announce_cancellation(request_id)
        assert await worker.wait_for_change(LONG)
        assert await client.wait_for_change(LONG)


async def test_missed_announcements_are_delivered_once(board: ProgressBoard) -> None:
    request_id = uuid4()
    with board.listen(request_id) as listener:
        await settle(listener)
        for _ in range(3):
            await board.announce(request_id)
        await asyncio.sleep(SHORT)
        assert await listener.wait_for_change(LONG)
        assert not await listener.wait_for_change(SHORT)


async def test_several_listeners_can_share_a_request(board: ProgressBoard) -> None:
    request_id = uuid4()
    with board.listen(request_id) as first, board.listen(request_id) as second:
        await settle(first)
        await settle(second)
        await board.announce(request_id)
        assert await asyncio.gather(first.wait_for_change(LONG), second.wait_for_change(LONG)) == [True, True]
    await board.announce(request_id)  # without a listener


async def test_announcements_reach_other_processes(redis_url: str) -> None:
    request_id = uuid4()
    async with RedisProgressBoard(redis_url) as worker, RedisProgressBoard(redis_url) as api:
        with api.listen(request_id) as listener:
            await settle(listener)
            await worker.announce(request_id)
            assert await listener.wait_for_change(LONG)


async def test_two_thousand_listeners_share_one_connection(redis_url: str) -> None:
    async with RedisProgressBoard(redis_url) as board:
        ids = [uuid4() for _ in range(2000)]
        entered = [board.listen(request_id) for request_id in ids]
        listeners = [request_id.__enter__() for request_id in entered]
        await settle(listeners[0])
        clients = await board._redis.client_list()
        assert len([request_id for request_id in clients if request_id["sub"] == "1"]) == 1
        await board.announce(ids[1234])
        assert await listeners[1234].wait_for_change(LONG)
        for request_id in entered:
            request_id.__exit__(None, None, None)
        assert not board.listened_to


async def test_lost_connections_are_not_logged_as_those_of_the_first_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handled = ContextVar("handled", default="")
    seen: asyncio.Queue[str] = asyncio.Queue()

    def note(record: logging.LogRecord) -> bool:
        if "cannot receive progress announcements" in record.getMessage():
            seen.put_nowait(handled.get())
        return True

    caplog.handler.addFilter(note)
    nowhere = f"redis://127.0.0.1:{available_port(None)}"
    async with RedisProgressBoard(nowhere) as board:
        handled.set("the first request")
        with board.listen(uuid4()):
            async with asyncio.timeout(LONG):
                assert await seen.get() == ""


async def test_listeners_survive_a_restart_of_redis(tmp_path: Path) -> None:
    redis, request_id = EmbeddedRedis(tmp_path / "redis", available_port(None)), uuid4()
    async with RedisProgressBoard(await redis.start()) as board:
        try:
            with board.listen(request_id) as client, board.listen_for_cancellation(request_id) as worker:
                await settle(client)
                await settle(worker)
                await redis.stop()
                await board.announce_cancellation(request_id)  # never raises
                assert not await client.wait_for_change(SHORT)
                assert not await worker.wait_for_change(SHORT)
                await redis.start()
                # Announcements may have been missed, so every listener is notified.
                assert await client.wait_for_change(LONG)
                assert await worker.wait_for_change(LONG)
                await board.announce_cancellation(request_id)
                assert await client.wait_for_change(LONG)
                assert await worker.wait_for_change(LONG)
        finally:
            await redis.stop()
