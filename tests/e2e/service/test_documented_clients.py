"""The documentation's two clients work unchanged except for host, credentials and polling interval.

They use video 123 and segments 1, 2 and 3, so the test creates those.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from support.patience import patience
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video

CLIENTS = Path(__file__).with_name("clients")
DOCUMENT = Path(__file__).parents[4] / "shared" / "seeds" / "000_e077cc0bfeb20528.txt"
PATIENCE = patience(90)


@dataclass(frozen=True)
class Served:
    """A service with video 123 and its segments 1, 2 and 3."""

    address: str
    key: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("documented")
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
    arguments = ("serve", "--port", "0", "--data-dir", folder / "data")
    with service_process.started(*arguments, environment=environment) as service:
        address = service.wait_for("ready ")
        addresses = json.loads((folder / "data" / "servers.json").read_text())
        asyncio.run(_next_video_is(123, addresses["database_url"]))
        with service_process.signed_in(address) as http:
            assert service_process.upload(http, write_video(folder / "film.mp4", 30))["id"] == 123
            assert [service_process.mark(http, 123, at, at + 5) for at in (0, 10, 20)] == [1, 2, 3]
            yield Served(address, http.headers["Authorization"].removeprefix("Token "))


async def _next_video_is(number: int, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    sequence = await connection.fetchval("select pg_get_serial_sequence('videos', 'id')")
    await connection.execute("select setval($1::regclass, $2)", sequence, number - 1)
    await connection.close()


@pytest.fixture
def full_queue(served: Served) -> Iterator[None]:
    """Six orders ahead of the client's, so that no worker can start it at once."""
    headers = {"Authorization": f"Token {served.key}"}
    with httpx.Client(base_url=served.address, headers=headers, follow_redirects=True) as http:
        body = {"video_id": 123, "segment_ids": [1, 2, 3], "anonymization_level": "full"}
        requests = [
            http.post("/api/frames/anonymize/", json=body).raise_for_status().json()["request_id"]
            for _ in range(6)
        ]
        states = [http.get(f"/api/frames/anonymize/status/{request}/").json() for request in requests]
        assert {state["status"] for state in states} == {"processing"}
        assert states[-1]["is_waiting"]
        yield


def assert_is_the_result(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        frames = [name for name in archive.namelist() if name.startswith("frames/")]
        assert archive.testzip() is None
    assert len(frames) == 15
    assert (frames[0], frames[-1]) == (
        "frames/segment_1/frame_0000000.jpg",
        "frames/segment_3/frame_0000024.jpg",
    )


@pytest.mark.usefixtures("full_queue")
def test_the_python_client(served: Served, tmp_path: Path) -> None:
    output = tmp_path / "frames.zip"
    arguments = [CLIENTS / "polling.py.txt", served.address, served.key, output]
    command = [sys.executable, CLIENTS / "run_polling.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert_is_the_result(output)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node to run it")
@pytest.mark.usefixtures("full_queue")
def test_the_browser_client(served: Served, tmp_path: Path) -> None:
    output = tmp_path / "frames.zip"
    arguments = [CLIENTS / "browser.js.txt", served.address, "admin", PASSWORD, output]
    command = ["node", CLIENTS / "run_browser.mjs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_result(output)


@pytest.mark.shared
@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the documentation is not beside the checkout")
@pytest.mark.parametrize(
    ("heading", "file"),
    [("### Python-Client", "polling.py.txt"), ("### JavaScript-Client", "browser.js.txt")],
)
def test_clients_equal_the_documented_ones(heading: str, file: str) -> None:
    section = DOCUMENT.read_text("utf-8").split(heading)[1]
    documented = re.search(r"```\w+\n(.*?)```", section, re.DOTALL)
    assert documented
    assert (CLIENTS / file).read_text("utf-8") == documented[1]
