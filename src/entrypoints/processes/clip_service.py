"""``framecloak clip-service``: reads emotions for API processes elsewhere."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import click
import uvloop

from framecloak.entrypoints.cli.interrupts import signals_set
from framecloak.entrypoints.cli.options import service_settings
from framecloak.entrypoints.settings import Settings


@click.command(short_help="Say what faces express.")
@click.option("--host", help="Address to listen on; HOST, or 127.0.0.1, when left out.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; CLIP_SERVICE_PORT, or 8500, when left out.",
)
def clip_service(*, host: str | None, port: int | None) -> None:
    """Read emotions with the CLIP that `framecloak models export-clip` wrote, until told to stop.

    API processes ask it when CLIP_SERVICE_URL names it. CLIP_SERVICE_TOKEN, the same for both, keeps others
    out. Needs neither database nor Redis. Prints `listening on http://HOST:PORT` when it takes requests.
    """
    # Litestar takes a moment to import; `--help` does not need it.
    from framecloak.entrypoints.asgi.uvicorn_server import address_of, listening_socket  # noqa: PLC0415
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    settings = service_settings(host=host)
    if port is not None:
        settings = replace(settings, clip_service_port=port)
    configure_logging(settings)
    with (
        listening_socket(settings.host, settings.clip_service_port) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        click.echo(f"listening on {address_of(listener)}")
        runner.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    from framecloak.entrypoints.clip.app import serve_clip  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    with signals_set(stop):
        await serve_clip(settings, listener, stop)
