"""Measure lists, searches and states with 5,000 videos and 20,000 requests.

Run with ``make bench-listing``. Starts embedded servers and an API without a worker, stores one video and one
request over HTTP, and copies both within the database: for an account that owns nine of ten videos, and to
which the others are shared. Then it asks for each page again and again, over one connection, as that account
and as an administrator. Printed are the median and the 99th percentile of the answers, and the processor time
that API and Postgres used for each, which other processes of the machine change less.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg
from playwright.sync_api import sync_playwright

from benchmarks.service.fleet import processor_seconds
from benchmarks.service.load import write_video
from benchmarks.support.processes import PASSWORD, Client, cpu_seconds, load_average, program, servers

REQUESTS = "/api/frames/anonymize/requests/"
PAGES = {
    "first page of videos": "/api/videos/?limit=24",
    "last page of videos": "/api/videos/?limit=24&offset=4900",
    "videos by name": "/api/videos/?limit=24&sort=name",
    "videos by state": "/api/videos/?limit=24&sort=state",
    "videos to be reviewed": "/api/videos/?limit=24&state=ready",
    "released videos": "/api/videos/?limit=24&state=released",
    "one tag": "/api/videos/?limit=24&tag=ward+3",
    "search, many hits": "/api/videos/?limit=24&q=ward",
    "search, one hit": "/api/videos/?limit=24&q=film+4711",
    "search for a reference": "/api/videos/?limit=24&q=STUDY-123",
    "tags": "/api/videos/tags",
    "first page of requests": f"{REQUESTS}?limit=20",
    "last page of requests": f"{REQUESTS}?limit=20&offset=17000",
    "completed requests": f"{REQUESTS}?limit=20&status=completed",
    "requests by reference": f"{REQUESTS}?limit=20&search=STUDY-123",
    "requests of a video": f"{REQUESTS}?limit=20&video_id={{video}}",
    "results to be released": f"{REQUESTS}?limit=20&awaiting_release=true",
    "batches": "/api/batches/?limit=20",
    "options with the backlog": "/api/frames/anonymize/options",
    "status of a request": "/api/frames/anonymize/status/{request}/",
    "health": "/api/frames/anonymize/health/",
    "statistics": "/api/frames/anonymize/statistics/",
}
ADMIN_ONLY = {"statistics"}

VIDEO_VALUES = {
    "owner_id": "CASE WHEN n % 10 = 0 THEN $2::bigint ELSE r.owner_id END",
    "filename": "'film ' || n || '.mp4'",
    "object_key": "'videos/' || n",
    "title": "CASE WHEN n % 3 = 0 THEN 'Theatre ' || n % 7 END",
    "tags": "ARRAY['ward ' || n % 9, 'study']",
    "created_at": "r.created_at - n * interval '1 hour'",
}
_IS_WAITING, _IS_FAILED = "n % 200 = 1", "n % 20 = 0"
_HAS_RESULT = f"NOT ({_IS_WAITING} OR {_IS_FAILED})"
_BEGAN = f"CASE WHEN NOT {_IS_WAITING} THEN r.created_at - n * interval '20 minutes' END"
REQUEST_VALUES = {
    "id": "gen_random_uuid()",
    "video_id": "v.id",
    "user_id": "v.owner_id",
    "reference": "'STUDY-' || n % 4000",
    "status": f"CASE WHEN {_IS_FAILED} THEN 'failed' WHEN {_IS_WAITING} THEN 'pending' ELSE 'completed' END",
    "created_at": "r.created_at - n * interval '20 minutes'",
    "admitted_at": _BEGAN,
    "started_at": _BEGAN,
    "completed_at": f"CASE WHEN NOT {_IS_WAITING} THEN r.created_at - n * interval '19 minutes' END",
    "processed_frames": f"CASE WHEN {_HAS_RESULT} THEN r.total_frames ELSE 0 END",
    "result_key": f"CASE WHEN {_HAS_RESULT} THEN 'requests/' || n END",
    "result_bytes": f"CASE WHEN {_HAS_RESULT} THEN 1000 END",
    "released_at": f"CASE WHEN {_HAS_RESULT} AND n % 3 = 0 THEN r.created_at END",
    "released_by": f"CASE WHEN {_HAS_RESULT} AND n % 3 = 0 THEN 'Grace' END",
    "release_document": f"CASE WHEN {_HAS_RESULT} AND n % 3 = 0 THEN '\\x7b7d'::bytea END",
}
VIDEOS_BY_PLACE = """
JOIN (
    SELECT id, owner_id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS number FROM videos
) AS v ON v.place = n % v.number
"""
SHARE = "INSERT INTO grants (video_id, user_id, role) SELECT id, $1, 'editor' FROM videos WHERE owner_id = $2"
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = $1 AND is_generated = 'NEVER' AND is_identity = 'NO' AND column_default IS NULL
UNION SELECT column_name FROM information_schema.columns
WHERE table_name = $1 AND is_generated = 'NEVER' AND column_name <> 'id'
"""


async def copies(
    connection: asyncpg.Connection, table: str, values: Mapping[str, str], joined: str = ""
) -> str:
    """Return the statement that copies the row with key $3 $1 times, with other values in some columns."""
    names = sorted({row["column_name"] for row in await connection.fetch(COLUMNS, table)} | values.keys())
    selected = ", ".join(values.get(name, f"r.{name}") for name in names)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {selected} "  # noqa: S608 -- names of this file
        f"FROM {table} AS r, generate_series(1, $1::int) AS n {joined} WHERE r.id = $3 AND $2::bigint > 0"
    )


async def fill(url: str, videos: int, requests: int, owner: int, other: int, request: str) -> int:
    """Copy the only video and request; return the id of a video with requests."""
    connection = await asyncpg.connect(url)
    try:
        first = await connection.fetchval("SELECT min(id) FROM videos")
        await connection.execute(await copies(connection, "videos", VIDEO_VALUES), videos - 1, other, first)
        await connection.execute(SHARE, owner, other)
        statement = await copies(connection, "requests", REQUEST_VALUES, VIDEOS_BY_PLACE)
        await connection.execute(statement, requests - 1, other, request)
        await connection.execute("VACUUM ANALYZE")
        query = "SELECT video_id FROM requests WHERE user_id = $1 LIMIT 1"
        return int(await connection.fetchval(query, owner))
    finally:
        await connection.close()


def measure(
    client: Client, path: str, calls: int, api: int, folder: Path
) -> tuple[float, float, float, float]:
    """Return p50, p99, and the processor time of API and Postgres for a call, in milliseconds."""
    took = []
    client.http.get(path).raise_for_status()
    before = cpu_seconds(api), sum(processor_seconds(folder).values())
    for _ in range(calls):
        began = time.perf_counter()
        client.http.get(path).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    after = cpu_seconds(api), sum(processor_seconds(folder).values())
    took.sort()
    each = [1000 * (end - begin) / calls for begin, end in zip(before, after, strict=True)]
    return took[len(took) // 2], took[int(0.99 * len(took))], each[0], each[1]


def console_seconds(address: str, chromium: str, rounds: int) -> list[float]:
    """Return the seconds from opening the console until its first page of videos is shown, in order."""
    with sync_playwright() as playwright:
        # Chromium refuses to use its sandbox when started by root, as in a container.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page()
        page.goto(address)
        page.locator("[name=username]").fill("nurse")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("button[type=submit]").click()
        card = page.locator(".card.video").first
        card.wait_for(timeout=120_000)
        took = []
        for _ in range(rounds):
            page.goto("about:blank")
            began = time.perf_counter()
            page.goto(f"{address}/#/videos")
            card.wait_for(timeout=120_000)
            took.append(time.perf_counter() - began)
        browser.close()
    return sorted(took)


def show(name: str, values: Mapping[str, tuple[float, float, float, float]]) -> None:
    """Print the figures of one page for each account."""
    cells = [
        f"{account}: p50 {p50:6.1f}, p99 {p99:6.1f} ms, processor {api:5.1f} + {postgres:5.1f} ms"
        for account, (p50, p99, api, postgres) in values.items()
    ]
    print(f"{name:26} {'; '.join(cells)}", flush=True)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program, for the console")
    given = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {load_average()}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with (
            servers(folder) as environment,
            program(
                "api", "--port", "0", environment=environment, log=folder / "log", until="listening on "
            ) as (
                process,
                ready,
            ),
        ):
            admin = Client(ready.split()[0])
            nurse, other = admin.another("nurse"), admin.another("other")
            film = folder / "film.mkv"
            write_video(film, 60, (320, 240), "mpeg4")
            video = nurse.upload(film)
            segment = nurse.mark(video, 0, 60)
            (request,) = nurse.submit([{"video_id": video, "segment_ids": [segment]}])
            ids = [one.http.get("/api/auth/me").json()["id"] for one in (nurse, other)]
            video = asyncio.run(
                fill(environment["DATABASE_URL"], given.videos, given.requests, *ids, request)
            )
            if given.chromium:
                took = console_seconds(str(admin.http.base_url), given.chromium, 10)
                print(f"console: {', '.join(f'{each:.2f}' for each in took)} s", flush=True)
            for name, path in PAGES.items():
                asked = path.format(video=video, request=request)
                accounts = {"administrator": admin} | ({} if name in ADMIN_ONLY else {"owner": nurse})
                show(
                    name,
                    {
                        account: measure(client, asked, given.calls, process.pid, folder)
                        for account, client in accounts.items()
                    },
                )
    print(load_average())


if __name__ == "__main__":
    main()
