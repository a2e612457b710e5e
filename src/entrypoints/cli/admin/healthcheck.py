"""``framecloak healthcheck``: what containers are asked, so that images need no other program for it."""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum
from urllib.request import urlopen

import click

from framecloak.domain.errors import QueueUnavailableError
from framecloak.entrypoints.cli.options import require_addresses, service_settings
from framecloak.entrypoints.settings import Settings

PATIENCE = 5.0
"""Seconds that an answer may take."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared with, not bound to


class Part(StrEnum):
    """What can be asked."""

    API = "api"
    WORKER = "worker"
    CLIP_SERVICE = "clip-service"


@click.command(short_help="Say whether a process on this machine is well.")
@click.argument("part", type=click.Choice([part.value for part in Part]))
@click.pass_context
def healthcheck(context: click.Context, part: str) -> None:
    """Ask a PART of the service on this machine for a sign of life; exits with 1 when there is none.

    For the health checks of containers. It reads the settings that the process itself has: HOST and PORT,
    CLIP_SERVICE_PORT, REDIS_URL. A worker is well when it has told Redis so in the last ten seconds; while
    Redis is away nothing can be held against it, because starting it anew would not help.
    """
    settings = service_settings()
    try:
        _ask(Part(part), settings)
    except QueueUnavailableError as error:
        click.echo(f"the {part} cannot be asked: {error}", err=True)
        return
    except OSError as error:
        click.echo(f"the {part} is not well: {error}", err=True)
        context.exit(1)
    click.echo(f"the {part} is well")


def _ask(part: Part, settings: Settings) -> None:
    match part:
        case Part.API:
            _ask_over_http(settings.host, settings.port)
        case Part.CLIP_SERVICE:
            _ask_over_http(settings.host, settings.clip_service_port)
        case Part.WORKER:
            require_addresses(settings)
            asyncio.run(_find_worker(settings.redis_url, socket.gethostname()))


def _ask_over_http(host: str, port: int) -> None:
    host = _ANYWHERE.get(host, host)
    name = f"[{host}]" if ":" in host else host
    with urlopen(f"http://{name}:{port}/health", timeout=PATIENCE):
        pass


async def _find_worker(redis_url: str, host: str) -> None:
    """Look for a worker of this machine.

    Raises:
        QueueUnavailableError: Redis cannot be reached.
        ProcessLookupError: no worker of this machine has said anything lately.
    """
    from framecloak.adapters.redis.job_queue import ArqJobQueue  # noqa: PLC0415 - takes a moment to import

    async with asyncio.timeout(PATIENCE), ArqJobQueue(redis_url) as queue:
        names = [process.name for process in await queue.processes()]
    if not any(name.rpartition("-")[0] == host for name in names):
        raise ProcessLookupError(f"no worker on {host} has given a sign of life")
