"""A run of the service with a text policy leaves neither the names that were given nor what was read."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
import cv2
import httpx
import numpy as np
import pytest
import redis

from framecloak.domain.imaging.detections import Image
from support.patience import patience
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video

NAMES = ["Bergmann, Anna", "Żółtowska"]
PATTERN = "Roentgenstation [0-9]"
LINES = ("BERGMANN, ANNA", "20240815 77341", "Roentgenstation 7", "Gastroenterologie", "Depth 12.5 cm")
SECRET_WORDS = (
    *NAMES,
    PATTERN,
    "Bergmann",
    "Żółtowska",
    "Zoltowska",
    "Roentgenstation",
    "Gastroenterologie",
    "20240815",
)
"""Words of the lists and of the text on the screen; long enough not to occur by chance."""
LENGTH = 8
MIN_LENGTH = 8
"""Shortest form that is searched for; shorter ones occur by chance."""


def encodings(word: str) -> set[bytes]:
    """Return the forms in which a word may be written, in small letters."""
    forms = {word, word.upper(), word.lower(), word.casefold()}
    found: set[bytes] = set()
    for form in forms:
        data = form.encode()
        found |= {data.lower(), json.dumps(form)[1:-1].lower().encode(), data.hex().encode()}
        found.add(form.encode("utf-16-le").lower())
        for shift in range(3):
            packed = base64.b64encode(bytes(shift) + data)
            # Without the characters that depend on what stands beside the word.
            found.add(packed[4 if shift else 0 : -4].lower())
    return {form for form in found if len(form) >= MIN_LENGTH}


FORMS = {word: encodings(word) for word in SECRET_WORDS}


@dataclass
class Run:
    """Everything that a run wrote, by the place where it was found.

    Attributes:
        places: bytes by place.
        manifests: the text policies of the results.
        statuses: final statuses by request.
        results: archives that were downloaded.
        verified: exit codes of the search for names in these archives.
    """

    places: dict[str, bytes] = field(default_factory=dict)
    manifests: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    results: list[bytes] = field(default_factory=list)
    verified: list[int] = field(default_factory=list)

    def add_folder(self, what: str, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.add(f"{what}/{path.relative_to(folder)}", path.read_bytes())

    def add(self, place: str, data: bytes) -> None:
        self.places[place] = data
        if zipfile.is_zipfile(BytesIO(data)):
            with zipfile.ZipFile(BytesIO(data)) as archive:
                for name in archive.namelist():
                    self.add(f"{place}/{name}", archive.read(name))


def screen() -> Image:
    """Return the screen of a device (400, 640, 3) BGR."""
    image = np.full((400, 640, 3), 20, np.uint8)
    for row, text in enumerate(LINES):
        corner = (30, 60 + 70 * row)
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (235,) * 3, 2, cv2.LINE_AA)
    return image


async def dumped(url: str) -> bytes:
    """Return all rows of all tables as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        dump = [
            f"{name}: {row!r}"
            for (name,) in tables
            for row in await connection.fetch(f'select t::text as row from "{name}" t')  # noqa: S608
        ]
    finally:
        await connection.close()
    return "\n".join(dump).encode()


def stored_in_redis(url: str) -> bytes:
    with redis.Redis.from_url(url) as client:
        values = [key + b": " + (client.dump(key) or b"") for key in client.scan_iter("*")]
    return b"\n".join(values)


def review(http: httpx.Client, submit: str, request: str, run: Run) -> str:
    """List the text of a result, cover what was kept and uncover what was covered; return the new result."""
    address = f"{submit}{request}"
    texts = http.get(f"{address}/texts/").raise_for_status()
    run.add("texts for the review", texts.content)
    kept = next(each for each in texts.json()["items"] if not each["covered"])
    frames = http.get(f"{address}/boxes/").raise_for_status().json()["items"]
    place = {"xyxy": kept["ranges"][0]["places"][0]["xyxy"], "kind": "text", "track": kept["track"]}
    edits = [
        {
            "index": frame["index"],
            "boxes": [{name: box[name] for name in ("xyxy", "kind", "track")} for box in frame["boxes"][1:]]
            + [place],
        }
        for frame in frames
    ]
    answer = http.post(f"{address}/render/", json={"frames": edits}).raise_for_status()
    rendered: str = answer.json()["request_id"]
    run.statuses.append(service_process.follow(http, rendered)[-1]["status"])
    return rendered


def verify(folder: Path, run: Run) -> None:
    """Search the results for the names with ``framecloak verify``, and keep what it prints and leaves."""
    names, scratch = folder / "names.txt", folder / "verify"
    scratch.mkdir()
    names.write_text("\n".join(NAMES), "utf-8")
    for number, data in enumerate(run.results):
        archive = folder / f"{number}.zip"
        archive.write_bytes(data)
        command = [sys.executable, "-m", "framecloak", "verify", str(archive), "--forbid-names", str(names)]
        command += ["--data-dir", str(folder / "data")]
        result = subprocess.run(
            [*command, "--json"],
            check=False,
            capture_output=True,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
        run.verified.append(result.returncode)
        run.add(f"verification {number}", result.stdout + result.stderr)
    run.add_folder("temporary files of the verification", scratch)


def use(http: httpx.Client, video: Path, run: Run, servers: dict[str, str]) -> None:
    video_id = service_process.upload(http, video)["id"]
    segment = service_process.mark(http, video_id, 0, LENGTH)
    text = {"mode": "identifying", "names": NAMES, "patterns": [PATTERN]}
    order = {"video_id": video_id, "segment_ids": [segment], "anonymization_level": "full", "text": text}
    submit, keyed = "/api/frames/anonymize/", {"Idempotency-Key": "once"}
    for refused in (
        {"names": [*NAMES, "B"]},
        {"patterns": [f"({PATTERN})\\1"]},
        {"names": [NAMES]},
        {"mode": NAMES[0]},
        {NAMES[0]: True},
    ):
        assert http.post(submit, json=order | {"text": text | refused}).status_code == 422
    assert http.post(submit, content=json.dumps(order)[:-20]).is_error
    listed = {"text": text | {"mode": "listed", "fail_open": True}}
    batch = [
        order | {"output_format": "mp4", "verify": "all"},
        order | {"text": text | {"names": ["B"]}},
        order | listed,
    ]
    answers = http.post(f"{submit}batch/", json=batch).raise_for_status().json()
    assert [each["status"] for each in answers] == ["accepted", "rejected", "accepted"]
    first = http.post(submit, json=order, headers=keyed).raise_for_status().json()["request_id"]
    run.add("database, in progress", asyncio.run(dumped(servers["database_url"])))
    run.add("Redis, in progress", stored_in_redis(servers["redis_url"]))
    assert http.post(submit, json=order, headers=keyed).json()["request_id"] == first
    cancelled = http.post(submit, json=order).raise_for_status().json()["request_id"]
    http.delete(f"{submit}{cancelled}/")
    for request in (answers[0]["request_id"], first, answers[2]["request_id"], cancelled):
        run.statuses.append(service_process.follow(http, request)[-1]["status"])
        run.add(f"request {request}", http.get(f"{submit}requests/{request}/").content)
    rendered = review(http, submit, first, run)
    for request in (answers[0]["request_id"], first, answers[2]["request_id"], rendered):
        link = http.get(f"{submit}download/{request}/").headers["location"]
        data = http.get(link).raise_for_status().content
        run.add(f"result {request}", data)
        run.results.append(data)
        with zipfile.ZipFile(BytesIO(data)) as archive:
            run.manifests.append(json.loads(archive.read("manifest.json"))["text"])
    run.add("metrics", http.get("/metrics").raise_for_status().content)
    run.add("requests", http.get(f"{submit}requests/").raise_for_status().content)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, run = tmp_path_factory.mktemp("read"), Run()
    data_dir, errors, scratch = folder / "data", folder / "errors", folder / "scratch"
    environment = {
        "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD,
        # Keeps the parts, and logs most.
        "FRAME_ANONYMIZATION_DEBUG": "true",
        "TEMP_STORAGE_PATH": str(scratch),
        "SLICE_FRAMES": "4",
    }
    video = write_video(folder / "screen.mp4", size=(640, 400), images=(screen() for _ in range(LENGTH)))
    arguments = ("serve", "--port", "0", "--data-dir", data_dir)
    with service_process.started(*arguments, environment=environment, errors=errors) as service:
        address = service.wait_for("ready ")
        servers = json.loads((data_dir / "servers.json").read_text())
        with service_process.signed_in(address) as http:
            http.timeout = httpx.Timeout(patience(120))
            use(http, video, run, servers)
        run.add("database", asyncio.run(dumped(servers["database_url"])))
        run.add("Redis", stored_in_redis(servers["redis_url"]))
        run.add_folder("temporary files, while it runs", scratch)
        assert service.stop() == 0
        run.add("output", "\n".join(service.lines).encode() + errors.read_bytes())
    run.add_folder("temporary files", scratch)
    run.add_folder("data", data_dir)
    verify(folder, run)
    return run


@pytest.mark.parametrize("word", SECRET_WORDS)
def test_the_search_knows_how_a_word_may_be_written(word: str) -> None:
    data = word.upper().encode()
    for written in (
        data,
        data.hex().encode(),
        *(base64.b64encode(bytes(i) + data + b"xx") for i in range(3)),
    ):
        if len(written) > 16:
            assert any(form in written.lower() for form in FORMS[word]), written


def test_the_run_has_read_text_and_covered_the_names(run: Run) -> None:
    *completed, cancelled, rendered = run.statuses
    assert completed == ["completed"] * 3
    assert cancelled in {"cancelled", "completed"}
    assert rendered == "completed"
    of_identifying, of_listed = run.manifests[:2], run.manifests[2]
    assert of_listed["mode"] == "listed"
    assert {("name", False), ("listed", False), ("unlisted", True)} <= {
        (each["rule"], each["kept"]) for each in of_listed["decisions"]
    }
    for text in of_identifying:
        assert (text["mode"], text["names"], text["patterns"]) == ("identifying", True, True)
        decided = {(each["rule"], each["kept"]) for each in text["decisions"]}
        assert {("name", False), ("listed", False), ("measurement", True), ("unproven", False)} <= decided
    assert b"identifying" in run.places["database"]
    assert any(place.endswith("part.json") for place in run.places)
    assert any(place.endswith("report.html") for place in run.places)


def test_no_name_can_be_read_in_what_the_policy_has_decided(run: Run) -> None:
    assert run.verified[:3] == [0, 0, 0]
    outputs = [data for place, data in run.places.items() if place.startswith("verification")]
    assert len(outputs) == len(run.results) == 4
    assert all(b"{" in output for output in outputs)


def test_no_name_and_no_text_is_left_anywhere(run: Run) -> None:
    assert len(run.places) > 50
    for place, data in run.places.items():
        small = data.lower()
        for word, forms in FORMS.items():
            assert not any(form in small for form in forms), f"{word} is in {place}"


def test_lists_are_in_the_database_only_while_a_request_is_unfinished(run: Run) -> None:
    assert b"request_text_lists" in run.places["database, in progress"]
    assert b"request_text_lists" not in run.places["database"]
