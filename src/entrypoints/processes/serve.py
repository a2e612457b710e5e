"""Command ``framecloak serve``: run the whole service on one machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from socket import socket
from urllib.request import urlopen

import click
import uvloop

from framecloak.domain.errors import QueueUnavailableError
from framecloak.entrypoints.asgi.listening import listening_socket, local_url
from framecloak.entrypoints.cli.interrupts import set_on_signals
from framecloak.entrypoints.cli.options import data_dir_option, service_settings
from framecloak.entrypoints.settings import Settings

ADMINISTRATOR = "admin"
"""Name of the first account."""

START_TIMEOUT_SECONDS = 60.0
"""Time limit in seconds for the start of the API and the worker."""


@click.command(short_help="Run the whole service on this machine.")
@click.option("--host", help="Address to listen on; default: $HOST, or 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; default: $PORT, or 8000.")
@data_dir_option
def serve(*, host: str | None, port: int | None, data_dir: str | None) -> None:
    """Start all processes of the service, and stop them on Ctrl-C. No data is lost on restart.

    Without any settings, embedded Postgres and Redis servers run, and all data is kept in the data folder.
    DATABASE_URL, REDIS_URL, MINIO_ENDPOINT and others select external servers; see `framecloak settings`.

    The first start creates an administrator account. Its password is FRAMECLOAK_ADMIN_PASSWORD, or a
    generated one that is printed only once. The command prints `ready http://HOST:PORT` when the service is
    available.
    """
    # Importing structlog is slow, and `--help` does not need it.
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    settings = service_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    with set_on_signals(stop):
        async with running_service(settings) as address:
            click.echo(f"ready {address}")
            await stop.wait()
            click.echo("stopping", err=True)


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[str]:
    """Run the whole service until the end of the ``with`` block, and yield its address.

    Raises:
        InvalidSettingError: the port is in use.
        DomainError: a model or a device in the settings is not available, or a server does not start or
            cannot be reached.
    """
    with listening_socket(settings.host, settings.port) as listener:
        # Importing SQLAlchemy, Litestar and ONNX Runtime is slow, and `--help` does not need them.
        from framecloak.entrypoints.composition.pipeline import require_detector  # noqa: PLC0415
        from framecloak.entrypoints.composition.servers import owned_servers  # noqa: PLC0415
        from framecloak.entrypoints.composition.video_encoder import (  # noqa: PLC0415
            require_video_encoder,
        )

        await asyncio.to_thread(require_detector, settings)
        await asyncio.to_thread(require_video_encoder, settings.video_encoder)
        async with owned_servers(settings) as connected:
            await _require_queue(connected)
            await _first_administrator(connected)
            address = local_url(listener)
            async with _running_processes(connected, listener, address):
                yield address


async def _require_queue(settings: Settings) -> None:
    """Require that Redis answers: API and worker would end at their start, and be started again forever.

    Raises:
        QueueUnavailableError: it cannot be reached, or rejects the password.
    """
    from framecloak.adapters.redis.job_queue import ArqJobQueue  # noqa: PLC0415 - as above

    async with ArqJobQueue(settings.redis_url) as queue:
        await queue.ping()


async def _first_administrator(settings: Settings) -> None:
    from framecloak.adapters.security.secrets import new_secret  # noqa: PLC0415 - as above
    from framecloak.entrypoints.composition.service import build_service  # noqa: PLC0415 - as above

    password = settings.admin_password or new_secret()
    async with build_service(settings) as service:
        created = await service.use_cases.account_administration.create_first_administrator(
            ADMINISTRATOR, password
        )
    if created is None:
        return
    click.echo(f"administrator {created.username}")
    if not settings.admin_password:
        click.echo(f"password      {password}")
        click.echo(
            "Save the password: it is not shown again. `framecloak users password admin` sets a new one."
        )


@asynccontextmanager
async def _running_processes(settings: Settings, listener: socket, address: str) -> AsyncIterator[None]:
    """Run the API and the worker in separate processes; enter the block when both are ready."""
    from framecloak.entrypoints.runtime.supervisor import ChildCommand, SupervisedProcess, child_environment  # noqa: PLC0415 - as above

    variables = child_environment(
        {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "DATA_DIR": str(settings.data_dir),
            "TEMP_STORAGE_PATH": str(settings.temp_storage_path),
            "LOG_LEVEL": settings.log_level,
        }
    )
    descriptor = listener.fileno()
    api = ChildCommand(
        "api", ("--listen-fd", str(descriptor)), stop_timeout=10.0, inherited_fds=(descriptor,)
    )
    worker = ChildCommand("worker", (), stop_timeout=settings.worker_grace_seconds + 10.0)
    # They stop in this order, so that no requests arrive while the worker returns its slices to the queue.
    processes = [SupervisedProcess(role, variables) for role in (api, worker)]
    running = [asyncio.create_task(process.run()) for process in processes]
    try:
        await _wait_until_ready(settings, address)
        yield
    finally:
        for process in processes:
            await process.stop()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _wait_until_ready(settings: Settings, address: str) -> None:
    """Wait until the API responds and a worker is registered.

    Raises:
        QueueUnavailableError: they are not ready within the time limit.
    """
    from framecloak.adapters.redis.job_queue import ArqJobQueue  # noqa: PLC0415 - as above

    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS), ArqJobQueue(settings.redis_url) as queue:
            await _poll(lambda: asyncio.to_thread(_is_reachable, address))
            await _poll(queue.workers)
    except TimeoutError as error:
        raise QueueUnavailableError(
            "the API or the worker did not start",
            "see the log lines above for the reason; FRAME_ANONYMIZATION_DEBUG=true logs more",
        ) from error


async def _poll(condition: Callable[[], Awaitable[object]]) -> None:
    """Poll a condition until it is true."""
    satisfied = await condition()
    while not satisfied:
        await asyncio.sleep(0.05)
        satisfied = await condition()


def _is_reachable(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=1.0):  # noqa: S310 -- the address of this service, which is http
            return True
    except OSError:
        return False
