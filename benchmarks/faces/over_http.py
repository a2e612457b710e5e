"""Faces over HTTP: `/analyze` with 16 connections, and `/find_matches` with 10,000 embeddings of 512 numbers.

Run with ``make bench-faces``. An API on embedded servers responds; all variants alternate within one run.

- `/analyze`: the image is the body, its largest face is embedded, and the embedding is returned as base64.
  Faces a second over HTTP, beside the same two models called directly in a loop over as many threads as there
  are cores (decoding included, and the largest face only), and beside InsightFace's own ``FaceAnalysis.get``
  in a loop (with ``max_num=1``) when ``--pack`` names a pack.
- `/analyze/batch`: the same with one image a request, in msgpack, and all of its faces.
- `/find_matches`: the whole exchange, for embeddings as JSON numbers, as base64 and as msgpack, beside the
  time that msgspec alone needs to decode the JSON.

    python -m benchmarks.faces.over_http [--pack FOLDER] [--connections 16] [--rounds 5] PICTURE...
    python -m benchmarks.faces.over_http --made-pack

``--made-pack`` uses synthetic graphs with the cost of a real pack, and images made for them (`packs`).
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
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.faces.packs import pictures, write_pack
from benchmarks.faces.recognition_load import direct, insightface
from benchmarks.support.plain_http import Connection, post
from benchmarks.support.processes import Client, program, servers
from framecloak.entrypoints.composition.reid import load_analysis
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.settings.resources import available_cores

IMAGES_PER_ROUND = 200
"""Images analysed in a round."""
ROWS, DIMENSION = 10_000, 512


class FindMatches(msgspec.Struct):
    """The part of the body that takes long to decode."""

    embeddings: list[list[float]]


class Face(msgspec.Struct):
    """The part of a response that shows that there was a face."""

    embedding: str


class Faces(msgspec.Struct):
    """The faces of one image."""

    faces: list[Face]


class Batch(msgspec.Struct):
    """The faces of all images of a request."""

    results: list[Faces]


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
            for endpoint in (ANALYZE, BATCH):
                analyses(endpoint, client, files, settings, arguments)
            matches(client, arguments.rounds)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the two endpoints that analyse images.

    Attributes:
        path: URL path.
        largest: whether it embeds only the largest face of an image.
        media_type: media type of a body with an image.
        body: makes a body of an image.
        faces: counts the faces in a response.
    """

    path: str
    largest: bool
    media_type: Callable[[bytes], str]
    body: Callable[[bytes], bytes]
    faces: Callable[[bytes], int]


ANALYZE = Endpoint(
    "/analyze?embedding_format=base64",
    largest=True,
    media_type=lambda file: "image/png" if file.startswith(b"\x89PNG") else "image/jpeg",
    body=bytes,
    faces=lambda answer: len([msgspec.json.decode(answer, type=Face)]),
)
BATCH = Endpoint(
    "/analyze/batch",
    largest=False,
    media_type=lambda _: "application/msgpack",
    body=lambda file: msgspec.msgpack.encode({"images": [file], "embedding_format": "base64"}),
    faces=lambda answer: len(msgspec.json.decode(answer, type=Batch).results[0].faces),
)


def analyses(
    endpoint: Endpoint, client: Client, files: list[bytes], settings: Settings, arguments: argparse.Namespace
) -> None:
    """Measure the faces a second of each variant, alternating."""
    analysis, largest = load_analysis(settings), endpoint.largest
    requests = requests_of(endpoint, client, files)
    variants: dict[str, Callable[[], int]] = {
        "over HTTP": lambda: over_http(endpoint, client, requests, arguments.connections),
        "direct": lambda: direct(analysis, files, IMAGES_PER_ROUND, largest=largest),
    }
    if arguments.pack:
        variants["insightface"] = insightface(arguments.pack, files, IMAGES_PER_ROUND, largest=largest)
    rates = {name: [] for name in variants}
    counts = {name: way() for name, way in variants.items()}
    if counts["over HTTP"] != counts["direct"]:
        sys.exit(f"{endpoint.path}: not the same work: {counts} faces")
    for _ in range(arguments.rounds):
        for name, way in variants.items():
            started = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - started))
    print(f"{endpoint.path}, {arguments.connections} connections, {available_cores()} cores")
    print(f"{analysis.detector.card.name} and {analysis.space.name}, {counts['direct']} faces a round")
    for name, values in rates.items():
        ratios = [ours / theirs for ours, theirs in zip(rates["over HTTP"], values, strict=True)]
        print(
            f"  {name:<12}{statistics.median(values):8.1f} faces/s   over HTTP is"
            f" {statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    analysis.close()


def requests_of(endpoint: Endpoint, client: Client, files: list[bytes]) -> list[bytes]:
    """Return a request for each image."""
    return [post(client, endpoint.path, endpoint.body(file), endpoint.media_type(file)) for file in files]


def over_http(endpoint: Endpoint, client: Client, requests: list[bytes], connections: int) -> int:
    """Return the number of faces detected over some connections, each sending requests one by one."""
    numbers = count()

    def connection(_: int) -> int:
        faces, line = 0, Connection(client)
        while (number := next(numbers)) < IMAGES_PER_ROUND:
            faces += endpoint.faces(line.send(requests[number % len(requests)]))
        return faces

    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(connection, range(connections)))


def matches(client: Client, rounds: int) -> None:
    """Measure the seconds of a search in each format, alternating."""
    rows = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    target, packed = rows[7].tolist(), rows.tobytes()
    numbers = msgspec.json.encode({"target_embedding": target, "embeddings": rows.tolist()})
    coded = msgspec.json.encode({"target_embedding": target, "embeddings": base64.b64encode(packed).decode()})
    empty = msgspec.json.encode({"target_embedding": target, "embeddings": []})
    binary = msgspec.msgpack.encode({"target_embedding": target, "embeddings": packed})
    line = Connection(client)

    def request(body: bytes, media_type: str = "application/json") -> bytes:
        return post(client, "/find_matches", body, media_type)

    bodies = {
        "JSON numbers": request(numbers),
        "base64": request(coded),
        "msgpack": request(binary, "application/msgpack"),
    }
    idle = request(empty + b" " * len(numbers))
    variants: dict[str, Callable[[], object]] = {
        "msgspec alone": lambda: msgspec.json.decode(numbers, type=FindMatches),
        "nothing to do": lambda: line.send(idle),
        **{name: partial(search, line, one) for name, one in bodies.items()},
    }
    seconds = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, way in variants.items():
            gc.collect()
            started = time.perf_counter()
            way()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    print(f"/find_matches, {ROWS:,} x {DIMENSION}, {len(numbers) / 1e6:.0f} MB as JSON numbers")
    for name, values in seconds.items():
        middle, least, most = (
            1000 * value for value in (statistics.median(values), min(values), max(values))
        )
        print(f"  {name:<14}{middle:8.1f} ms ({least:.1f} to {most:.1f})")

    def ratio(first: str, second: str, less: str = "") -> float:
        idle = seconds[less] if less else [0.0] * rounds
        rows = zip(seconds[first], seconds[second], idle, strict=True)
        return statistics.median((a - c) / b for a, b, c in rows)

    print(f"  JSON numbers take {ratio('JSON numbers', 'msgspec alone'):.2f}x of what msgspec alone takes,")
    print(f"  {ratio('JSON numbers', 'msgspec alone', 'nothing to do'):.2f}x without sending as many bytes")
    print(f"  base64 is {ratio('JSON numbers', 'base64'):.1f}x faster than JSON numbers")
    print(f"  msgpack is {ratio('base64', 'msgpack'):.1f}x faster than base64")


def search(line: Connection, request: bytes) -> None:
    """Send one search; the target is the seventh row."""
    found = msgspec.json.decode(line.send(request))
    assert found[0]["index"] == 7, found  # noqa: S101 -- a wrong answer is no measurement


if __name__ == "__main__":
    main()
