"""Embedded Redis server, installed from a wheel."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from framecloak.adapters.embedded.folder import ServerFolder
from framecloak.adapters.embedded.processes import ServerProcess, available_port
from framecloak.adapters.embedded.server import PORT_ATTEMPTS, EmbeddedServer
from framecloak.adapters.embedded.wheels import redis_server
from framecloak.domain.errors import QueueUnavailableError

_START_SECONDS = 60.0

# Every write is logged before it is acknowledged, and reaches the disk within a second.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
appendonly yes
appendfsync everysec
save ""
dir ./
daemonize no
"""


class EmbeddedRedis(EmbeddedServer):
    """Embedded Redis server on 127.0.0.1, with a password.

    Args:
        data_dir: folder of all its files, created when missing.
        port: TCP port to listen on; None for any free port.
    """

    name = "embedded Redis"

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        super().__init__(ServerFolder(data_dir, None))
        self._port = port

    async def start(self) -> str:
        """Start the server and return its URL; see `EmbeddedServer.start`."""
        program = redis_server()
        self._folder.acquire()
        try:
            self.url = await self._listen(program)
        except BaseException:
            await self.stop()
            raise
        return self.url

    async def restart(self) -> None:
        """Start the server again under its address, after its process ended.

        Raises:
            QueueUnavailableError: it does not start.
            InvalidSettingError: another program took its port.
        """
        await self._listen(redis_server())

    async def _listen(self, program: Path) -> str:
        """Start the server, wait until it answers, and return its URL."""
        password = self._folder.password()
        for _ in range(1 if self._port else PORT_ATTEMPTS):
            port = available_port(self._port)
            self._process = self._spawn(program, _CONFIGURATION.format(port=port, password=password))
            url = f"redis://:{password}@127.0.0.1:{port}/0"
            if await self._wait_until_ready(url, self._process):
                self._port = port  # kept for restarts, because clients know the address
                return url
            await self._process.stop()
        raise QueueUnavailableError("the embedded Redis did not start", self._folder.log_tail())

    def _spawn(self, program: Path, configuration: str) -> ServerProcess:
        """Start the server process, with the password in a file: every user can read command lines."""
        self._folder.write_secret("redis.conf", configuration)
        return ServerProcess(
            [str(program), "redis.conf"],
            cwd=self._folder.path,
            log=self._folder.log,
            account=None,
            stop_signal=signal.SIGTERM,
        )

    async def _wait_until_ready(self, url: str, process: ServerProcess) -> bool:
        """Return whether the server answers before it ends or the time limit passes."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        async with Redis.from_url(url) as client:
            while process.is_running and asyncio.get_running_loop().time() < deadline:
                try:
                    await client.ping()
                except (BusyLoadingError, RedisConnectionError):
                    await asyncio.sleep(0.02)
                else:
                    return process.is_running
        return False
