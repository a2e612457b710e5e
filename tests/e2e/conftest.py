"""Fixtures shared by the fault suites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from framecloak.adapters.embedded.redis import EmbeddedRedis
from support.http.client import FRAMES
from support.patience import patience
from support.samples.media import write_video
from support.servers.cluster import Cluster
from support.servers.shared_cluster import SharedCluster

LONGEST = 900
"""Seconds before a test counts as hung; each wait within has a limit of its own."""


_FAILED = pytest.StashKey[bool]()


class Databases(Protocol):
    """Creates databases; see the suite's own conftest."""

    def new_name(self) -> str: ...

    async def create(self, name: str, template: str) -> str: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(patience(LONGEST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="session")
def video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with one or two seconds of work."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", FRAMES, size=(160, 120))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Redis that no other test empties."""
    async with EmbeddedRedis(tmp_path_factory.mktemp("shared-redis")) as url:
        yield url


@pytest.fixture(scope="session")
def shared(
    postgres_server: Databases, shared_redis: str, tmp_path_factory: pytest.TempPathFactory, video_file: Path
) -> Iterator[SharedCluster]:
    """The shared installation for tests that disturb only workers."""

    def create() -> str:
        return asyncio.run(postgres_server.create(postgres_server.new_name(), "migrated"))

    shared = SharedCluster(create, shared_redis, tmp_path_factory.mktemp("shared"), video_file)
    yield shared
    shared.close()


@pytest.fixture
def cluster(shared: SharedCluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """An API and two workers, with objects in a folder and slices of a third of the video."""
    with shared.lent(lambda: request.node.stash.get(_FAILED, False)) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _measured(request: pytest.FixtureRequest) -> None:
    """Measure this machine before a test waits for anything."""
    if request.node.get_closest_marker("faults"):
        shared: SharedCluster = request.getfixturevalue("shared")
        shared.started()
