"""An asynchronous stream as a blocking file."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from framecloak.adapters.storage.blocking_reader import ChunkReader

BLOCK = 4 * 1024 * 1024


async def parts(*sizes: int) -> AsyncIterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number + 1]) * size


@pytest.mark.parametrize("sizes", [(), (7,), (3, 3, 3), (1,) * 12, (20,), (0, 5, 0, 6), (4, 4)])
@pytest.mark.parametrize("read_size", [1, 4, 5, 100])
async def test_reads_are_full_until_the_end(sizes: tuple[int, ...], read_size: int) -> None:
    whole = b"".join([part async for part in parts(*sizes)])
    reader, read = ChunkReader(parts(*sizes)), []
    while data := await asyncio.to_thread(reader.read, read_size):
        read.append(data)
    assert b"".join(read) == whole
    assert all(len(data) == read_size for data in read[:-1])
    assert await asyncio.to_thread(reader.read, read_size) == b""


@pytest.mark.parametrize("chunk", [64 * 1024, 100_000])
async def test_a_block_is_in_memory_once(chunk: int) -> None:
    reader = ChunkReader(parts(*[chunk] * 200))
    tracemalloc.start()
    try:
        data = await asyncio.to_thread(reader.read, BLOCK)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == BLOCK
    assert peak < 1.5 * BLOCK
