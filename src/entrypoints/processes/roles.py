"""Commands ``framecloak api`` and ``framecloak worker``: run one process of the service."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import click
import uvloop

from framecloak.entrypoints.asgi.listening import listening_socket, local_url
from framecloak.entrypoints.cli.interrupts import set_on_signals
from framecloak.entrypoints.cli.options import data_dir_option, require_addresses, service_settings
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.worker.duty import Duty


@click.command(short_help="Serve the HTTP API.")
@click.option("--host", help="Address to listen on; default: $HOST, or 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; default: $PORT, or 8000.")
@click.option("--listen-fd", type=int, hidden=True, help="File descriptor of an inherited listening socket.")
@data_dir_option
def api(*, host: str | None, port: int | None, listen_fd: int | None, data_dir: str | None) -> None:
    """Serve the HTTP API until stopped.

    Needs DATABASE_URL and REDIS_URL, and a database that `framecloak db upgrade` has upgraded. Any number of
    API processes can run behind a load balancer.
    """
    # Importing Litestar and SQLAlchemy is slow, and `--help` does not need them.
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    settings = service_settings(data_dir=data_dir, host=host, port=port)
    require_addresses(settings)
    configure_logging(settings)
    if listen_fd is None:
        listener = listening_socket(settings.host, settings.port)
    else:
        listener = socket.socket(fileno=listen_fd)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_api(settings, listener, lambda: _report(local_url(listener), listen_fd)))


@click.command(short_help="Process requests.")
@click.option(
    "--duty",
    type=click.Choice([duty.value for duty in Duty]),
    default=Duty.ALL.value,
    show_default=True,
    help="Tasks of this worker: slices of videos, upkeep (clean-up, webhooks, gallery indexes), or all.",
)
@data_dir_option
def worker(*, duty: str, data_dir: str | None) -> None:
    """Process requests until stopped; unfinished work then returns to the queue.

    Needs DATABASE_URL and REDIS_URL, and the same DATA_DIR or MINIO_ENDPOINT as the API. Any number of
    workers can run; if all of them have --duty slices, one more with --duty upkeep is required.
    """
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415 - as above

    settings = service_settings(data_dir=data_dir)
    require_addresses(settings)
    configure_logging(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, Duty(duty)))


def _report(address: str, listen_fd: int | None) -> None:
    """Print the address, unless the parent process owns the socket and prints it itself."""
    if listen_fd is None:
        click.echo(f"listening on {address}")


async def _serve_api(settings: Settings, listener: socket.socket, on_started: Callable[[], None]) -> None:
    from framecloak.entrypoints.http.server import serve_api  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    with set_on_signals(stop):
        await serve_api(settings, listener, stop, on_started)


async def _work(settings: Settings, duty: Duty) -> None:
    from framecloak.entrypoints.worker.process import run_worker_process  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    with set_on_signals(stop):
        await run_worker_process(settings, stop, f"{socket.gethostname()}-{os.getpid()}", duty)
