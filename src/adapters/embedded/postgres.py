"""Embedded PostgreSQL server with pgvector, installed from a wheel."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import asyncpg

from framecloak.adapters.embedded.folder import ServerFolder
from framecloak.adapters.embedded.processes import (
    Account,
    ServerProcess,
    available_port,
    command_line,
    environment,
)
from framecloak.adapters.embedded.server import PORT_ATTEMPTS, EmbeddedServer
from framecloak.adapters.embedded.wheels import CACHE, postgres_programs
from framecloak.domain.errors import DatabaseUnavailableError

_USER = _DATABASE = "framecloak"
_WORKING_FOLDER = "/proc/self/cwd"
"""The server's working folder. Postgres requires an absolute path to its data. This one works even when
the server's account cannot traverse the parent folders, for example under root's home."""

_START_SECONDS = 120.0
"""Time limit of a start, which includes replaying the write-ahead log after a crash."""


class EmbeddedPostgres(EmbeddedServer):
    """Embedded Postgres server on 127.0.0.1, with a password that only its account can read.

    When this process is killed, the server shuts down cleanly.

    Args:
        data_dir: folder of all its files, created when missing.
        port: TCP port to listen on; None for any free port.
        durable: flush commits to disk; False speeds up tests.
        cache: folder that root copies the programs to when the unprivileged account cannot reach them.
    """

    name = "embedded Postgres"

    def __init__(
        self, data_dir: Path, port: int | None = None, *, durable: bool = True, cache: Path = CACHE
    ) -> None:
        self._account = Account.unprivileged()
        super().__init__(ServerFolder(data_dir, self._account))
        self._port = port
        self._durable = durable
        self._cache = cache
        self._cluster = self._folder.path / "cluster"

    async def start(self) -> str:
        """Start the server and return the URL of its database; see `EmbeddedServer.start`."""
        programs = postgres_programs(self._account, self._cache)
        self._folder.acquire()
        try:
            if not self._cluster.exists():
                await asyncio.to_thread(self._create_cluster, programs)
            await self._clear_stale_server()
            # Kept for restarts, because clients know the address.
            self._port = await self._listen(programs / "postgres")
            await self._create_database(self._port)
        except BaseException:
            await self.stop()
            raise
        self.url = self._address(self._port, _DATABASE)
        return self.url

    async def restart(self) -> None:
        """Start the server again under its address, after its process ended.

        Raises:
            DatabaseUnavailableError: it does not start.
            InvalidSettingError: another program took its port.
        """
        programs = postgres_programs(self._account, self._cache)
        await self._clear_stale_server()
        await self._listen(programs / "postgres")

    def _address(self, port: int, database: str) -> str:
        return f"postgresql://{_USER}:{self._folder.password()}@127.0.0.1:{port}/{database}"

    def _create_cluster(self, programs: Path) -> None:
        """Create the cluster under a temporary name and rename it, so that it is never used half-made."""
        draft = self._folder.path / "cluster.new"
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self._folder.change_owner(draft)
        self._folder.password()
        command = [
            str(programs / "initdb"),
            f"--pgdata={_WORKING_FOLDER}",
            f"--username={_USER}",
            "--pwfile=../password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if self._durable else ["--no-sync"]),
        ]
        result = subprocess.run(  # noqa: S603 -- our own launcher and a program from a wheel
            command_line(command, self._account, signal.SIGKILL),
            cwd=draft,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise DatabaseUnavailableError(
                f"the embedded Postgres cannot create its files in {draft}", result.stderr.strip()
            )
        draft.rename(self._cluster)

    async def _clear_stale_server(self) -> None:
        """Stop the server of a killed process, and remove the lock file that a crashed server left."""
        lock = self._cluster / "postmaster.pid"
        try:
            pid = int(lock.read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            pid = 0
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while pid and self._is_our_server(pid):
            if asyncio.get_running_loop().time() > deadline:
                raise DatabaseUnavailableError(
                    f"an earlier Postgres (process {pid}) still uses {self._cluster}", "end it and try again"
                )
            os.kill(pid, signal.SIGINT)
            await asyncio.sleep(0.1)
        # We hold the folder's lock, so a process that has this id by now is not a server of these files.
        lock.unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/cwd").samefile(self._cluster)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    async def _listen(self, program: Path) -> int:
        """Start the server, wait until it accepts connections, and return its port."""
        for _ in range(1 if self._port else PORT_ATTEMPTS):
            port = available_port(self._port)
            self._process = self._spawn(program, port)
            if await self._wait_until_ready(port, self._process):
                return port
            await self._process.stop()
        raise DatabaseUnavailableError("the embedded Postgres did not start", self._folder.log_tail())

    def _spawn(self, program: Path, port: int) -> ServerProcess:
        durable = "on" if self._durable else "off"
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": durable,
            "synchronous_commit": durable,
            "full_page_writes": durable,
            # Holds the index of a gallery of 100,000 faces, which searches read at random positions.
            "shared_buffers": "512MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            # All statements are short: compiling them takes longer than running them.
            "jit": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ServerProcess(
            [str(program), "-D", _WORKING_FOLDER, *options],
            cwd=self._cluster,
            log=self._folder.log,
            account=self._account,
            stop_signal=signal.SIGINT,
        )

    async def _wait_until_ready(self, port: int, process: ServerProcess) -> bool:
        """Return whether the server accepts connections before it ends or the time limit passes."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while process.is_running and asyncio.get_running_loop().time() < deadline:
            try:
                connection = await asyncpg.connect(self._address(port, "postgres"), ssl=False)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise DatabaseUnavailableError(
                    f"the embedded Postgres rejects the password in {self._folder.path}",
                    "restore the password file, or remove the folder to start with an empty database",
                ) from error
            else:
                await connection.close()
                return process.is_running
        return False

    async def _create_database(self, port: int) -> None:
        connection = await asyncpg.connect(self._address(port, "postgres"), ssl=False)
        try:
            if not await connection.fetchval("select true from pg_database where datname = $1", _DATABASE):
                await connection.execute(f"create database {_DATABASE}")
        finally:
            await connection.close()
        connection = await asyncpg.connect(self._address(port, _DATABASE), ssl=False)
        try:
            await connection.execute("create extension if not exists vector")
        finally:
            await connection.close()
