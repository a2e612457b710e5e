"""The servers behind the service: those that the settings name, or embedded ones in the data folder.

One process starts the embedded servers of a data folder, and stops them. Commands that come meanwhile use
them too, as guests: each holds a shared lock, and the servers stop when nobody holds one any more.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.postgres.schema import Schema
from framecloak.domain.errors import DatabaseUnavailableError, OutputUnwritableError
from framecloak.entrypoints.settings import Settings

PATIENCE = 30.0
"""Seconds to wait for embedded servers that another process is starting or stopping."""

_ADDRESSES = "servers.json"
_HOST = "stack.lock"
"""Whoever has it exclusively may start and stop the servers."""
_GUESTS = "guests.lock"
"""Whoever has it shared uses servers of another process; whoever has it exclusively may stop them."""
_POLL = 0.1
"""Seconds between two looks at a lock."""

logger = logging.getLogger(__name__)


class _Addresses(TypedDict, total=False):
    """Of embedded servers that run."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def own_stack(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the addresses of servers that nobody stops before the block ends.

    Embedded servers are started for what has no address, the database brought up to date, and their addresses
    written where commands of the same user find them. Such commands are waited for as long as a worker may
    take to stop.

    Raises:
        DatabaseUnavailableError: another process runs the embedded servers of this data folder, or they do
            not start.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    with _locked(settings.data_dir / _HOST, fcntl.LOCK_EX) as mine:
        if not mine:
            raise DatabaseUnavailableError(
                f"another Framecloak runs on {settings.data_dir}",
                "stop it, or choose another data folder with --data-dir",
            )
        async with _hosted(settings, settings.worker_grace_seconds) as running:
            yield running


@asynccontextmanager
async def any_stack(settings: Settings) -> AsyncIterator[Settings]:
    """As `own_stack`, but embedded servers that run already are used as they are, and not stopped.

    Servers that were started here and that other commands use by now are stopped when the last of these ends.

    Raises:
        DatabaseUnavailableError: the embedded servers do not start, do not come up in another process, or are
            others there than are needed here.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        with _locked(settings.data_dir / _HOST, fcntl.LOCK_EX) as mine:
            if mine:
                async with _hosted(settings, None) as running:
                    yield running
                return
        with _locked(settings.data_dir / _GUESTS, fcntl.LOCK_SH) as welcome:
            found = _read_addresses(settings) if welcome else None
            if found is not None:
                yield found
                return
        if loop.time() > deadline:
            raise DatabaseUnavailableError(
                f"another Framecloak uses {settings.data_dir} and its servers do not come up",
                "stop it and try again",
            )
        await asyncio.sleep(_POLL)


def remove_data_folder(folder: Path) -> None:
    """Remove what an earlier run left there, if anything.

    Raises:
        DatabaseUnavailableError: another process runs on it.
        OutputUnwritableError: it is something else than a data folder, or cannot be removed.
    """
    if not folder.exists():
        return
    if not (folder / _HOST).is_file():
        raise OutputUnwritableError(f"{folder} is there and not Framecloak's", "choose another folder")
    with _locked(folder / _HOST, fcntl.LOCK_EX) as mine:
        if not mine:
            raise DatabaseUnavailableError(
                f"another Framecloak runs on {folder}", "stop it, or choose another folder"
            )
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputUnwritableError(
                f"cannot remove {folder} ({error.strerror})", "choose another folder"
            ) from error


@asynccontextmanager
async def _hosted(settings: Settings, patience: float | None) -> AsyncIterator[Settings]:
    """Start what has no address, tell others, and stop it when they are done.

    Args:
        settings: some addresses are missing.
        patience: seconds that guests may take to end; None for as long as they want.
    """
    addresses = settings.data_dir / _ADDRESSES
    # Left behind by a process that was killed, and its servers with it.
    _withdraw_now(addresses)
    started = _Addresses()
    async with AsyncExitStack() as servers:
        if not settings.database_url:
            postgres = EmbeddedPostgres(settings.data_dir / "postgres")
            started["database_url"] = await servers.enter_async_context(postgres)
            # An embedded database belongs to this version alone; one with an address is the operator's.
            await Schema(started["database_url"]).upgrade()
        if not settings.redis_url:
            redis = EmbeddedRedis(settings.data_dir / "redis")
            started["redis_url"] = await servers.enter_async_context(redis)
        _write_addresses(addresses, started)
        try:
            yield replace(settings, **started)
        finally:
            await _withdraw(addresses, patience)


async def _withdraw(addresses: Path, patience: float | None) -> None:
    """Take the addresses away once nobody uses them; at the latest when patience runs out."""
    limit = "Ctrl-C stops them now" if patience is None else f"they stop in {patience:g} s at the latest"
    told = False
    try:
        async with asyncio.timeout(patience):
            while not _withdrawn_unused(addresses):
                if not told:
                    logger.warning("waiting for another command that uses these servers; %s", limit)
                    told = True
                await asyncio.sleep(_POLL)
    except TimeoutError:
        logger.warning("another command still uses these servers; they stop all the same")
    finally:
        _withdraw_now(addresses)


def _withdrawn_unused(addresses: Path) -> bool:
    """Take the addresses away if nobody uses them now; while it is being found out, nobody can begin to."""
    with _locked(addresses.with_name(_GUESTS), fcntl.LOCK_EX) as alone:
        if alone:
            _withdraw_now(addresses)
    return alone


def _withdraw_now(addresses: Path) -> None:
    addresses.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    """Whether a lock could be had at once; if so, it is kept while the block lasts.

    Args:
        path: of the lock; made when missing, with the folder that it is in.
        kind: ``fcntl.LOCK_EX``, or ``fcntl.LOCK_SH`` to share it.
    """
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot write to {folder} ({error.strerror})", "choose another data folder with --data-dir"
        ) from error
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        got = True
    except BlockingIOError:
        got = False
    try:
        yield got
    finally:
        os.close(lock)


def _write_addresses(path: Path, started: _Addresses) -> None:
    """Write the addresses, passwords included, for the eyes of this user alone."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(started, file)
    draft.rename(path)


def _read_addresses(settings: Settings) -> Settings | None:
    """The settings with what they lack; None while another process is starting its servers.

    Raises:
        DatabaseUnavailableError: the other process does not run what they lack.
    """
    try:
        found: _Addresses = json.loads((settings.data_dir / _ADDRESSES).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    complete = replace(
        settings,
        database_url=settings.database_url or found.get("database_url", ""),
        redis_url=settings.redis_url or found.get("redis_url", ""),
    )
    if not complete.database_url or not complete.redis_url:
        raise DatabaseUnavailableError(
            f"another Framecloak runs on {settings.data_dir} with servers of its own choice",
            "set DATABASE_URL and REDIS_URL as it has them, or choose another data folder with --data-dir",
        )
    return complete
