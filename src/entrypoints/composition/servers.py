"""Servers behind the service: those in the settings, or embedded ones in the data folder.

One process, the owner, starts and stops the embedded servers of a data folder. Other commands may use them
meanwhile as guests: each guest holds a shared lock, and the servers stop when no guest holds it any more.
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
from framecloak.entrypoints.runtime.server_supervisor import supervised
from framecloak.entrypoints.settings import Settings

SERVER_WAIT_SECONDS = 30.0
"""Seconds to wait for embedded servers that another process is starting or stopping."""

_ADDRESSES = "servers.json"
_OWNER_LOCK = "stack.lock"
"""Lock of the owner: the process that holds it exclusively may start and stop the servers."""
_GUEST_LOCK = "guests.lock"
"""Lock of the guests: held shared by each guest, and exclusively by the owner to stop the servers."""
_POLL_SECONDS = 0.1
"""Seconds between two attempts to get a lock."""

logger = logging.getLogger(__name__)


class _Addresses(TypedDict, total=False):
    """Addresses of the running embedded servers."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def owned_servers(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with the addresses of servers that this process owns.

    An embedded server is started for each missing address, the schema of an embedded database is upgraded,
    and the addresses are published for other commands of the same user. At the end of the block those
    commands have WORKER_GRACE_SECONDS to finish before the servers stop.

    Raises:
        DatabaseUnavailableError: another process owns the embedded servers of this data folder, or they do
            not start.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    with _try_lock(settings.data_dir / _OWNER_LOCK, fcntl.LOCK_EX) as is_owner:
        if not is_owner:
            raise DatabaseUnavailableError(
                f"another Framecloak runs on {settings.data_dir}",
                "stop it, or choose another data folder with --data-dir",
            )
        async with _running_servers(settings, settings.worker_grace_seconds) as running:
            yield running


@asynccontextmanager
async def shared_servers(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with the addresses of servers, as a guest of those that run or as their owner.

    Running embedded servers are used and left running. Servers that this process has to start are stopped
    when the last command that uses them ends.

    Raises:
        DatabaseUnavailableError: the embedded servers do not start, do not become ready in another process,
            or the other process runs only some of the needed servers.
        QueueUnavailableError: Redis does not start.
        OutputUnwritableError: the data folder cannot be written.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SERVER_WAIT_SECONDS
    while True:
        with _try_lock(settings.data_dir / _OWNER_LOCK, fcntl.LOCK_EX) as is_owner:
            if is_owner:
                async with _running_servers(settings, None) as running:
                    yield running
                return
        with _try_lock(settings.data_dir / _GUEST_LOCK, fcntl.LOCK_SH) as is_guest:
            complete = _read_addresses(settings) if is_guest else None
            if complete is not None:
                yield complete
                return
        if loop.time() > deadline:
            raise DatabaseUnavailableError(
                f"another Framecloak uses {settings.data_dir}, but its servers are not ready",
                "stop it and try again",
            )
        await asyncio.sleep(_POLL_SECONDS)


def remove_data_folder(folder: Path) -> None:
    """Remove the data folder of an earlier run, if it exists.

    Raises:
        DatabaseUnavailableError: another process uses the folder.
        OutputUnwritableError: the folder is not a data folder, or it cannot be removed.
    """
    if not folder.exists():
        return
    if not (folder / _OWNER_LOCK).is_file():
        raise OutputUnwritableError(
            f"{folder} exists and is not a data folder of Framecloak", "choose another folder"
        )
    with _try_lock(folder / _OWNER_LOCK, fcntl.LOCK_EX) as is_owner:
        if not is_owner:
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
async def _running_servers(settings: Settings, guest_timeout: float | None) -> AsyncIterator[Settings]:
    """Start the servers without an address, publish their addresses, and stop them at the end of the block.

    A server that ends meanwhile is started again; if it does not stay up, the block is cancelled.

    Args:
        settings: settings with at least one missing address.
        guest_timeout: seconds to wait for guests before the servers stop; None to wait indefinitely.
    """
    addresses = settings.data_dir / _ADDRESSES
    # A killed process leaves the addresses of servers behind that were killed with it.
    _remove_addresses(addresses)
    started = _Addresses()
    embedded: list[EmbeddedPostgres | EmbeddedRedis] = []
    async with AsyncExitStack() as servers:
        if not settings.database_url:
            postgres = EmbeddedPostgres(settings.data_dir / "postgres")
            started["database_url"] = await servers.enter_async_context(postgres)
            embedded.append(postgres)
            # Only an embedded database is upgraded here; the operator upgrades any other one.
            await Schema(started["database_url"]).upgrade()
        if not settings.redis_url:
            redis = EmbeddedRedis(settings.data_dir / "redis")
            started["redis_url"] = await servers.enter_async_context(redis)
            embedded.append(redis)
        _write_addresses(addresses, started)
        try:
            async with supervised(embedded):
                yield replace(settings, **started)
        finally:
            await _withdraw_when_unused(addresses, guest_timeout)


async def _withdraw_when_unused(addresses: Path, guest_timeout: float | None) -> None:
    """Remove the addresses once no guest uses the servers, or when the timeout has passed."""
    limit = (
        "Ctrl-C stops them now"
        if guest_timeout is None
        else f"they stop in {guest_timeout:g} s at the latest"
    )
    is_logged = False
    try:
        async with asyncio.timeout(guest_timeout):
            while not _withdraw_if_unused(addresses):
                if not is_logged:
                    logger.warning("waiting for another command that uses these servers; %s", limit)
                    is_logged = True
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        logger.warning("another command still uses these servers; they stop anyway")
    finally:
        _remove_addresses(addresses)


def _withdraw_if_unused(addresses: Path) -> bool:
    """Remove the addresses if there is no guest; holding the lock keeps new guests out meanwhile."""
    with _try_lock(addresses.with_name(_GUEST_LOCK), fcntl.LOCK_EX) as is_unused:
        if is_unused:
            _remove_addresses(addresses)
    return is_unused


def _remove_addresses(addresses: Path) -> None:
    addresses.unlink(missing_ok=True)


@contextmanager
def _try_lock(path: Path, kind: int) -> Iterator[bool]:
    """Try to get a lock without waiting; yield True if it is held during the block.

    Args:
        path: path of the lock file; created with its folder if missing.
        kind: ``fcntl.LOCK_EX`` for an exclusive lock, ``fcntl.LOCK_SH`` for a shared one.
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
        is_held = True
    except BlockingIOError:
        is_held = False
    try:
        yield is_held
    finally:
        os.close(lock)


def _write_addresses(path: Path, started: _Addresses) -> None:
    """Write the addresses, which include passwords, to a file that only this user can read."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(started, file)
    draft.rename(path)


def _read_addresses(settings: Settings) -> Settings | None:
    """Return the settings completed with published addresses; None if none are published yet.

    Raises:
        DatabaseUnavailableError: the other process does not run all missing servers.
    """
    try:
        addresses: _Addresses = json.loads((settings.data_dir / _ADDRESSES).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    complete = replace(
        settings,
        database_url=settings.database_url or addresses.get("database_url", ""),
        redis_url=settings.redis_url or addresses.get("redis_url", ""),
    )
    if not complete.database_url or not complete.redis_url:
        raise DatabaseUnavailableError(
            f"another Framecloak runs on {settings.data_dir} and uses other servers",
            "set DATABASE_URL and REDIS_URL to its values, or choose another data folder with --data-dir",
        )
    return complete
