"""The servers behind the service: those that the settings name, or embedded ones in the data folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.redis import EmbeddedRedis
from adapters.postgres.schema import Schema
from domain.errors import DatabaseUnavailableError, OutputUnwritableError
from entrypoints.settings import Settings

PATIENCE = 30.0
"""Seconds to wait for embedded servers that another process is starting."""

_ADDRESSES = "servers.json"
_LOCK = "stack.lock"


@asynccontextmanager
async def own_stack(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the addresses of servers that nobody stops before the block ends.

    Embedded servers are started for what has no address, the database brought up to date, and their addresses
    written where commands of the same user find them.

    Raises:
        DatabaseUnavailableError: another process runs the embedded servers of this data folder, or they do
            not start.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    folder = settings.data_dir
    with _locked(folder) as mine:
        if not mine:
            raise DatabaseUnavailableError(
                f"another Framecloak runs on {folder}",
                "stop it, or choose another data folder with --data-dir",
            )
        async with _started(settings) as running:
            yield running


@asynccontextmanager
async def any_stack(settings: Settings) -> AsyncIterator[Settings]:
    """As `own_stack`, but embedded servers that run already are used as they are.

    Raises:
        DatabaseUnavailableError: the embedded servers do not start, or do not come up in another process.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        with _locked(settings.data_dir) as mine:
            if mine:
                async with _started(settings) as running:
                    yield running
                return
        found = _read_addresses(settings)
        if found is not None:
            yield found
            return
        if asyncio.get_running_loop().time() > deadline:
            raise DatabaseUnavailableError(
                f"another Framecloak uses {settings.data_dir} and its servers do not come up",
                "stop it and try again",
            )
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[Settings]:
    """Start what has no address, and tell others while it runs."""
    postgres = None if settings.database_url else EmbeddedPostgres(settings.data_dir / "postgres")
    redis = None if settings.redis_url else EmbeddedRedis(settings.data_dir / "redis")
    addresses = settings.data_dir / _ADDRESSES
    try:
        running = replace(
            settings,
            database_url=await postgres.start() if postgres else settings.database_url,
            redis_url=await redis.start() if redis else settings.redis_url,
        )
        if postgres:
            # An embedded database belongs to this version alone; one with an address is the operator's.
            await Schema(running.database_url).upgrade()
        _write_addresses(addresses, running)
        yield running
    finally:
        addresses.unlink(missing_ok=True)
        if redis:
            await redis.stop()
        if postgres:
            await postgres.stop()


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether the folder's servers are ours to start and stop; nobody else's while the block lasts."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot write to {folder} ({error.strerror})", "choose another data folder with --data-dir"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = True
    except BlockingIOError:
        mine = False
    try:
        yield mine
    finally:
        os.close(lock)


def _write_addresses(path: Path, running: Settings) -> None:
    """Write the addresses, passwords included, for the eyes of this user alone."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"database_url": running.database_url, "redis_url": running.redis_url}, file)
    draft.rename(path)


def _read_addresses(settings: Settings) -> Settings | None:
    try:
        found = json.loads((settings.data_dir / _ADDRESSES).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return replace(settings, database_url=found["database_url"], redis_url=found["redis_url"])
