"""Faces over HTTP: `/analyze` with 16 connections, and `/find_matches` with 10,000 embeddings of 512 numbers.

Run with ``make bench-faces``. An API on embedded servers answers; everything takes turns within one run.

- `/analyze`: faces a second over HTTP, beside the same two models called directly in a loop over as many
  threads as there are cores (decoding included), and beside InsightFace's own ``FaceAnalysis.get`` in a loop
  when ``--pack`` names a pack.
- `/find_matches`: the whole exchange, for embeddings as JSON numbers, as base64 and as msgpack, beside what
  msgspec alone takes to decode the JSON.

    python benchmarks/faces_over_http.py [--pack FOLDER] [--connections 16] [--rounds 5] PICTURE...
    python benchmarks/faces_over_http.py --made-pack

``--made-pack`` takes graphs that cost what those of a pack do, and pictures made for them (`packs`).
"""

from __future__ import annotations

import argparse
import base64
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from entrypoints.machine import available_cores
from entrypoints.recognition import load_analysis
from entrypoints.settings import Settings
from packs import pictures, write_pack
from processes import Client, program, servers
from recognition_load import direct, insightface

PICTURES = 200
"""Looked at in a round."""
ROWS, DIMENSION = 10_000, 512


class FindMatches(msgspec.Struct):
    """The part of the body that takes long to decode."""

    embeddings: list[list[float]]


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE")
    parser.add_argument("--pack", type=Path, help="an InsightFace pack, in a folder named models")
    parser.add_argument("--made-pack", action="store_true", help="graphs and pictures made here")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not (arguments.pictures or arguments.made_pack):
        parser.error("name pictures, or --made-pack")
    files = pictures() if arguments.made_pack else [path.read_bytes() for path in arguments.pictures]
    settings = Settings.from_environment({})
    words = {"LOG_LEVEL": "warning"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.made_pack:
            arguments.pack = write_pack(folder / "models" / "made")
        if arguments.pack:
            models, name = arguments.pack.parent, arguments.pack.name
            settings = replace(settings, models=models, detector=name, recognizer=name)
            words |= {"MODEL_PATH": str(models), "FRAMECLOAK_DETECTOR": name, "RECOGNIZER": name}
        log = folder / "api.log"
        with (
            servers(folder / "data") as environment,
            program(
                "api", "--port", "0", environment=environment | words, log=log, until="listening on "
            ) as (_, address),
        ):
            client = Client(address)
            analyses(client, files, settings, arguments)
            matches(client, arguments.rounds)


def analyses(client: Client, files: list[bytes], settings: Settings, arguments: argparse.Namespace) -> None:
    """Faces a second of each way, in turns."""
    analysis = load_analysis(settings)
    ways: dict[str, Callable[[], int]] = {
        "over HTTP": lambda: over_http(client, files, arguments.connections),
        "direct": lambda: direct(analysis, files, PICTURES),
    }
    if arguments.pack:
        ways["insightface"] = insightface(arguments.pack, files, PICTURES)
    rates = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - started))
    print(f"/analyze/batch, {arguments.connections} connections, {available_cores()} cores")
    print(f"{analysis.detector.card.name} and {analysis.space.name}")
    for name, seen in rates.items():
        ratios = [ours / theirs for ours, theirs in zip(rates["over HTTP"], seen, strict=True)]
        print(
            f"  {name:<12}{statistics.median(seen):8.1f} faces/s   over HTTP is"
            f" {statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    analysis.close()


def over_http(client: Client, files: list[bytes], connections: int) -> int:
    """Faces found by some connections, each sending one picture after the other."""
    numbers = count()
    bodies = [msgspec.msgpack.encode({"images": [file], "embedding_format": "base64"}) for file in files]

    def connection(_: int) -> int:
        faces, line = 0, Line(client)
        while (number := next(numbers)) < PICTURES:
            answer = line.post("/analyze/batch", bodies[number % len(bodies)], "application/msgpack")
            faces += len(answer["results"][0]["faces"])
        return faces

    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(connection, range(connections)))


class Line:
    """A connection that costs its own process next to nothing.

    Args:
        client: whose account and address it uses.
    """

    def __init__(self, client: Client) -> None:
        self._connection = HTTPConnection(client.http.base_url.host, client.http.base_url.port)
        self._headers = {"Authorization": client.http.headers["Authorization"]}

    def post(self, path: str, body: bytes, media_type: str) -> Any:  # noqa: ANN401 -- JSON
        """Send something and decode the answer."""
        self._connection.request("POST", path, body, {**self._headers, "Content-Type": media_type})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            sys.exit(f"{path}: {content.decode()}")
        return msgspec.json.decode(content)


def matches(client: Client, rounds: int) -> None:
    """Seconds of a search in each form, in turns."""
    rows = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    target, packed = rows[7].tolist(), rows.tobytes()
    numbers = msgspec.json.encode({"target_embedding": target, "embeddings": rows.tolist()})
    coded = msgspec.json.encode({"target_embedding": target, "embeddings": base64.b64encode(packed).decode()})
    empty = msgspec.json.encode({"target_embedding": target, "embeddings": []})
    binary = msgspec.msgpack.encode({"target_embedding": target, "embeddings": packed})
    line, json = Line(client), "application/json"
    ways: dict[str, Callable[[], object]] = {
        "msgspec alone": lambda: msgspec.json.decode(numbers, type=FindMatches),
        "nothing to do": lambda: line.post("/find_matches", empty + b" " * len(numbers), json),
        "JSON numbers": lambda: search(line, numbers, json),
        "base64": lambda: search(line, coded, json),
        "msgpack": lambda: search(line, binary, "application/msgpack"),
    }
    seconds = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            gc.collect()
            started = time.perf_counter()
            way()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    print(f"/find_matches, {ROWS:,} x {DIMENSION}, {len(numbers) / 1e6:.0f} MB as JSON numbers")
    for name, seen in seconds.items():
        middle, least, most = (1000 * value for value in (statistics.median(seen), min(seen), max(seen)))
        print(f"  {name:<14}{middle:8.1f} ms ({least:.1f} to {most:.1f})")

    def ratio(first: str, second: str, less: str = "") -> float:
        idle = seconds[less] if less else [0.0] * rounds
        rows = zip(seconds[first], seconds[second], idle, strict=True)
        return statistics.median((a - c) / b for a, b, c in rows)

    print(f"  JSON numbers take {ratio('JSON numbers', 'msgspec alone'):.2f}x of what msgspec alone takes,")
    print(f"  {ratio('JSON numbers', 'msgspec alone', 'nothing to do'):.2f}x without sending as many bytes")
    print(f"  base64 is {ratio('JSON numbers', 'base64'):.1f}x faster than JSON numbers")
    print(f"  msgpack is {ratio('base64', 'msgpack'):.1f}x faster than base64")


def search(line: Line, body: bytes, media_type: str) -> None:
    """One search; the target is the seventh row."""
    found = line.post("/find_matches", body, media_type)
    assert found[0]["index"] == 7, found  # noqa: S101 -- a wrong answer is no measurement


if __name__ == "__main__":
    main()
