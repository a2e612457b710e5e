"""Command ``framecloak healthcheck``: health check of containers, without further tools in the image."""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum
from urllib.request import urlopen

import click

from framecloak.domain.errors import QueueUnavailableError
from framecloak.entrypoints.cli.options import require_addresses, service_settings
from framecloak.entrypoints.settings import Settings

TIMEOUT_SECONDS = 5.0
"""Timeout of a check in seconds."""

_WILDCARD_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared with, not bound to


class HealthTarget(StrEnum):
    """Process that can be checked."""

    API = "api"
    WORKER = "worker"
    CLIP_SERVICE = "clip-service"


@click.command(short_help="Check a process of the service on this machine.")
@click.argument("part", type=click.Choice([part.value for part in HealthTarget]))
@click.pass_context
def healthcheck(context: click.Context, part: str) -> None:
    """Check a PART of the service on this machine; exit with 1 if it does not respond.

    Intended for health checks of containers. The command reads the same settings as the process: HOST and
    PORT, CLIP_SERVICE_PORT, REDIS_URL. A worker is healthy if it has sent a heartbeat to Redis in the last
    ten seconds. While Redis is unavailable, a worker counts as healthy: restarting it would not help.
    """
    settings = service_settings()
    try:
        _check(HealthTarget(part), settings)
    except QueueUnavailableError as error:
        click.echo(f"the {part} cannot be checked: {error}", err=True)
        return
    except OSError as error:
        click.echo(f"the {part} is unhealthy: {error}", err=True)
        context.exit(1)
    click.echo(f"the {part} is healthy")


def _check(part: HealthTarget, settings: Settings) -> None:
    match part:
        case HealthTarget.API:
            _check_http(settings.host, settings.port)
        case HealthTarget.CLIP_SERVICE:
            _check_http(settings.host, settings.clip_service_port)
        case HealthTarget.WORKER:
            require_addresses(settings)
            asyncio.run(_require_worker(settings.redis_url, socket.gethostname()))


def _check_http(host: str, port: int) -> None:
    host = _WILDCARD_ADDRESSES.get(host, host)
    authority = f"[{host}]" if ":" in host else host
    with urlopen(f"http://{authority}:{port}/health", timeout=TIMEOUT_SECONDS):
        pass


async def _require_worker(redis_url: str, host: str) -> None:
    """Check that a worker of this machine is registered in Redis.

    Raises:
        QueueUnavailableError: Redis cannot be reached.
        ProcessLookupError: no worker of this machine has sent a recent heartbeat.
    """
    from framecloak.adapters.redis.job_queue import ArqJobQueue  # noqa: PLC0415 - the import is slow

    async with asyncio.timeout(TIMEOUT_SECONDS), ArqJobQueue(redis_url) as queue:
        names = [process.name for process in await queue.processes()]
    if not any(name.rpartition("-")[0] == host for name in names):
        raise ProcessLookupError(f"no worker on {host} has sent a heartbeat")
