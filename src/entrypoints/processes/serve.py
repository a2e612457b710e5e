"""``framecloak serve``: the whole service on one machine, with one command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from socket import socket
from urllib.request import urlopen

import click
import uvloop

from framecloak.domain.errors import QueueUnavailableError
from framecloak.entrypoints.cli.interrupts import signals_set
from framecloak.entrypoints.cli.options import data_dir_option, service_settings
from framecloak.entrypoints.settings import Settings

ADMINISTRATOR = "admin"
"""Name of the first account."""

START_SECONDS = 60.0
"""How long API and worker may take to give their first sign of life."""


@click.command(short_help="Run the whole service on this machine.")
@click.option("--host", help="Address to listen on; HOST, or 127.0.0.1, when left out.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; PORT, or 8000, when left out."
)
@data_dir_option
def serve(*, host: str | None, port: int | None, data_dir: str | None) -> None:
    """Start everything that the service needs, and stop all of it on Ctrl-C. Nothing is lost on restart.

    Without any setting, Postgres and Redis run out of wheels and everything is kept in the data folder. With
    DATABASE_URL, REDIS_URL, MINIO_ENDPOINT and so on, those are used instead; see `framecloak settings`.

    The first time an administrator's account is made; its password is FRAMECLOAK_ADMIN_PASSWORD, or one that
    is made up and printed this once. Prints `ready http://HOST:PORT` when it can serve.
    """
    # structlog takes a moment to import; `--help` does not need it.
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    settings = service_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    with signals_set(stop):
        async with running_service(settings) as address:
            click.echo(f"ready {address}")
            await stop.wait()
            click.echo("stopping", err=True)


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[str]:
    """The whole service, from here to the end of the block; gives its address.

    Raises:
        InvalidSettingError: the port is taken.
        DomainError: the settings name a model or a device that is not there, or the servers behind it do not
            start or cannot be reached.
    """
    # SQLAlchemy, Litestar and the models' runtime take a moment to import; `--help` needs none of it.
    from framecloak.entrypoints.asgi.uvicorn_server import address_of, listening_socket  # noqa: PLC0415
    from framecloak.entrypoints.composition.pipeline import require_detector  # noqa: PLC0415
    from framecloak.entrypoints.composition.servers import own_stack  # noqa: PLC0415

    await asyncio.to_thread(require_detector, settings)
    with listening_socket(settings.host, settings.port) as listener:
        async with own_stack(settings) as connected:
            await _first_administrator(connected)
            address = address_of(listener)
            async with _processes(connected, listener, address):
                yield address


async def _first_administrator(settings: Settings) -> None:
    from framecloak.adapters.security.secrets import new_secret  # noqa: PLC0415 - as above
    from framecloak.entrypoints.composition.service import build_service  # noqa: PLC0415 - as above

    password = settings.admin_password or new_secret()
    async with build_service(settings) as service:
        made = await service.identity.first_administrator(ADMINISTRATOR, password)
    if made is None:
        return
    click.echo(f"administrator {made.username}")
    if not settings.admin_password:
        click.echo(f"password      {password}")
        click.echo("Keep it: it is not shown again. `framecloak users password admin` sets another.")


@asynccontextmanager
async def _processes(settings: Settings, listener: socket, address: str) -> AsyncIterator[None]:
    """API and worker, each in a process of its own, once both have given a sign of life."""
    from framecloak.entrypoints.runtime.supervisor import Role, SupervisedProcess, environment  # noqa: PLC0415 - as above

    variables = environment(
        {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "DATA_DIR": str(settings.data_dir),
            "TEMP_STORAGE_PATH": str(settings.temp_storage_path),
            "LOG_LEVEL": settings.log_level,
        }
    )
    descriptor = listener.fileno()
    api = Role("api", ("--listen-fd", str(descriptor)), patience=10.0, inherits=(descriptor,))
    worker = Role("worker", (), patience=settings.worker_grace_seconds + 10.0)
    # In this order they stop: nothing new comes in while the worker puts back what it has.
    processes = [SupervisedProcess(role, variables) for role in (api, worker)]
    running = [asyncio.create_task(process.run()) for process in processes]
    try:
        await _until_ready(settings, address)
        yield
    finally:
        for process in processes:
            await process.stop()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _until_ready(settings: Settings, address: str) -> None:
    """Wait until the API answers and a worker listens.

    Raises:
        QueueUnavailableError: they do not.
    """
    from framecloak.adapters.redis.job_queue import ArqJobQueue  # noqa: PLC0415 - as above

    try:
        async with asyncio.timeout(START_SECONDS), ArqJobQueue(settings.redis_url) as queue:
            await _until(lambda: asyncio.to_thread(_answers, address))
            await _until(queue.workers)
    except TimeoutError as error:
        raise QueueUnavailableError(
            "the API or the worker does not come up",
            "the lines above say why; FRAME_ANONYMIZATION_DEBUG=true says more",
        ) from error


async def _until(question: Callable[[], Awaitable[object]]) -> None:
    """Ask until the answer is yes."""
    answer = await question()
    while not answer:
        await asyncio.sleep(0.05)
        answer = await question()


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=1.0):  # noqa: S310 -- our own address, which is http
            return True
    except OSError:
        return False
