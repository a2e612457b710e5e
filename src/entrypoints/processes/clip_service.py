"""Command ``framecloak clip-service``: serve emotion recognition to API processes."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import click
import uvloop

from framecloak.entrypoints.asgi.listening import listening_socket, local_url
from framecloak.entrypoints.cli.interrupts import set_on_signals
from framecloak.entrypoints.cli.options import service_settings
from framecloak.entrypoints.settings import Settings


@click.command(short_help="Serve emotion recognition (CLIP).")
@click.option("--host", help="Address to listen on; default: $HOST, or 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; default: $CLIP_SERVICE_PORT, or 8500.",
)
def clip_service(*, host: str | None, port: int | None) -> None:
    """Recognise emotions with the CLIP model that `framecloak models export-clip` wrote, until stopped.

    API processes call the service if CLIP_SERVICE_URL is set to its address. Set CLIP_SERVICE_TOKEN to the
    same value for both to keep other callers out. The service needs neither a database nor Redis. It prints
    `listening on http://HOST:PORT` when it accepts requests.
    """
    # Importing Litestar is slow, and `--help` does not need it.
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    settings = service_settings(host=host)
    if port is not None:
        settings = replace(settings, clip_service_port=port)
    configure_logging(settings)
    with (
        listening_socket(settings.host, settings.clip_service_port) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    from framecloak.entrypoints.clip.server import serve_clip  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    with set_on_signals(stop):
        await serve_clip(settings, listener, stop, lambda: click.echo(f"listening on {local_url(listener)}"))
