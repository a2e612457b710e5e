"""What whoever listens to the progress of a request is promised; the fake promises the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
    async with RedisProgressBoard(redis_url) as made:
        yield made


async def settle(listener: Listener) -> None:
    """The first connection tells everybody to look once; wait until that is over."""
    await listener.wait_for_change(SHORT * 5)


async def test_a_listener_hears_of_its_request_and_of_no_other(board: ProgressBoard) -> None:
    one, other = uuid4(), uuid4()
    with board.listen(one) as listener:
        await settle(listener)
        await board.announce(other)
        assert not await listener.wait_for_change(SHORT)
        await board.announce(one)
        assert await listener.wait_for_change(LONG)
        assert not await listener.wait_for_change(SHORT)


async def test_what_was_announced_while_nobody_waited_is_heard_once(board: ProgressBoard) -> None:
    one = uuid4()
    with board.listen(one) as listener:
        await settle(listener)
        for _ in range(3):
            await board.announce(one)
        await asyncio.sleep(SHORT)
        assert await listener.wait_for_change(LONG)
        assert not await listener.wait_for_change(SHORT)


async def test_many_may_listen_to_one_request(board: ProgressBoard) -> None:
    one = uuid4()
    with board.listen(one) as first, board.listen(one) as second:
        await settle(first)
        await settle(second)
        await board.announce(one)
        assert await asyncio.gather(first.wait_for_change(LONG), second.wait_for_change(LONG)) == [True, True]
    await board.announce(one)  # nobody listens any more


async def test_another_process_hears_it_too(redis_url: str) -> None:
    one = uuid4()
    async with RedisProgressBoard(redis_url) as worker, RedisProgressBoard(redis_url) as api:
        with api.listen(one) as listener:
            await settle(listener)
            await worker.announce(one)
            assert await listener.wait_for_change(LONG)


async def test_two_thousand_listeners_share_one_connection(redis_url: str) -> None:
    async with RedisProgressBoard(redis_url) as board:
        ids = [uuid4() for _ in range(2000)]
        entered = [board.listen(one) for one in ids]
        listeners = [one.__enter__() for one in entered]
        await settle(listeners[0])
        clients = await board._redis.client_list()
        assert len([one for one in clients if one["sub"] == "1"]) == 1
        await board.announce(ids[1234])
        assert await listeners[1234].wait_for_change(LONG)
        for one in entered:
            one.__exit__(None, None, None)
        assert not board._listeners


async def test_redis_may_go_away_and_come_back(tmp_path: Path) -> None:
    redis, one = EmbeddedRedis(tmp_path / "redis", available_port(None)), uuid4()
    async with RedisProgressBoard(await redis.start()) as board:
        try:
            with board.listen(one) as listener:
                await settle(listener)
                await redis.stop()
                await board.announce(one)  # never raises
                assert not await listener.wait_for_change(SHORT)
                await redis.start()
                # What was missed is unknown, so whoever listens is told to look.
                assert await listener.wait_for_change(LONG)
                await board.announce(one)
                assert await listener.wait_for_change(LONG)
        finally:
            await redis.stop()
