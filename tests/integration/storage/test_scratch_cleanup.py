"""Cleaning up removes all scratch files that a killed process of this machine left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from framecloak.entrypoints.composition.service import build_service
from framecloak.entrypoints.settings import Settings
from support.servers.s3_server import S3Server, running_s3

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from framecloak.adapters.storage.minio import MinioStore
from framecloak.entrypoints.composition.service import build_service
from framecloak.entrypoints.settings import Settings

async def read_and_die() -> None:
    async with build_service(Settings.from_environment(os.environ)) as service:
        assert isinstance(service.store, MinioStore)
        (service.scratch / "frame").write_bytes(b"unredacted")
        async with service.store.cached_file("videos/a", service.scratch) as path:
            print(path, service.scratch / "frame", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(read_and_die())
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3(tmp_path_factory.mktemp("swift")) as server:
        yield server


async def test_copies_of_originals_are_removed_by_the_next_cleanup(
    s3: S3Server, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    variables = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "TEMP_STORAGE_PATH": str(scratch),
        **s3.environment,
    }

    async def chunks() -> AsyncIterator[bytes]:
        yield b"an unredacted video"

    async with build_service(Settings.from_environment(variables)) as service:
        await service.store.put("videos/a", chunks())
        async with service.store.cached_file("videos/a", service.scratch) as ours:
            killed = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", KILLED],
                env={**variables, "PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            assert killed.returncode == -signal.SIGKILL
            leftovers = [Path(line) for line in killed.stdout.split()]
            assert [path.read_bytes() for path in leftovers] == [b"an unredacted video", b"unredacted"]
            assert {path.parent.parent for path in leftovers} == {scratch}
            report = await service.use_cases.cleanup.run()
            assert (report.folders, report.step_failures) == (2, ())
            assert ours.read_bytes() == b"an unredacted video"
            assert not any(path.parent.exists() for path in leftovers)
