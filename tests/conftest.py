"""Real servers for the tests: started once per test process, stopped when it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator

import framecloak.adapters.vision  # noqa: F401 - before ONNX Runtime: turns its telemetry off

# isort: split
import asyncpg
import pytest
import pytest_asyncio
from hypothesis import settings
from redis.asyncio import Redis

from fakes.persistence.database import FakeDatabase
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.ports.database import Database
from support.patience import patience
from support.processes.isolation import Isolation
from support.servers.postgres import PostgresServer

_MIGRATED = "migrated"


# Durations of examples depend on the machine, not on the code; `make test-nightly` runs more examples.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("nightly", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # A background job of a shell ignores SIGINT, and so would every process that the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Isolation())
    if config.option.timeout is None:
        config.option.timeout = patience(float(config.getini("timeout")))


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep commands without a data folder from creating one in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def pytest_report_header() -> str:
    return "tests/clip needs torch and is run by `make test-clip` alone; tests/gpu a GPU: `make test-gpu`"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """Start a server with a migrated database as a template."""
    async with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as url:
        server = PostgresServer(url)
        await Schema(await server.create(_MIGRATED, "framecloak")).upgrade()
        yield server


@pytest.fixture
async def empty_database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a database without tables."""
    name = postgres_server.new_name()
    yield await postgres_server.create(name, "framecloak")
    await postgres_server.drop(name)


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a migrated database without rows."""
    name = postgres_server.new_name()
    yield await postgres_server.create(name, _MIGRATED)
    await postgres_server.drop(name)


@pytest.fixture
async def operated_database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a migrated database as operators have it: its owner did not make the extension."""
    name = postgres_server.new_name()
    role, password = f"owner_of_{name}", "secret"
    connection = await asyncpg.connect(postgres_server.url)
    await connection.execute(f"create role {role} login password '{password}'")
    await connection.execute(f"create database {name} owner {role} template template0")
    superuser = await asyncpg.connect(postgres_server.database_url(name))
    await superuser.execute("create extension vector")
    await superuser.close()
    server = postgres_server.url.partition("@")[2].rpartition("/")[0]
    url = f"postgresql://{role}:{password}@{server}/{name}"
    await Schema(url).upgrade()
    yield url
    await postgres_server.drop(name)
    await connection.execute(f"drop role {role}")
    await connection.close()


@pytest.fixture
async def postgres_database(database_url: str) -> AsyncIterator[PostgresDatabase]:
    """A migrated database without rows."""
    database = PostgresDatabase(database_url)
    yield database
    await database.close()


@pytest.fixture(params=["fake", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of either kind, for tests that must pass on both."""
    if request.param == "fake":
        return FakeDatabase()
    postgres: PostgresDatabase = request.getfixturevalue("postgres_database")
    return postgres


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a Redis server; tests use ``redis_url`` instead."""
    async with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
async def redis_url(redis_server: str) -> str:
    """The address of an empty Redis."""
    async with Redis.from_url(redis_server) as client:
        await client.flushall()
    return redis_server
