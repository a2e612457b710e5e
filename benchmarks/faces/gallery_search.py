"""Search a large gallery, exactly and through its index.

Run with ``make bench-galleries``. Starts an embedded Postgres in a temporary folder, enrols synthetic faces
through the service's own use cases (encrypted and rotated as always), and searches for the best person, one
search after the other, first exactly and then through the index built by the maintenance. Vectors are of
three kinds:

- people: each person is a random direction with four faces around it, which differ in directions of their
  own; two faces of one person have a cosine of about 0.55 and two people hardly any, in all dimensions alike.
- skewed people: the same in a space where some directions vary far more than others, as in real models.
- noise: random directions without people in them, and random queries. No neighbour is much nearer than any
  other, so there is no correct match; the index's behaviour is shown and not evaluated.

Prints the duration of a search, how often the index returns the best face, the time and size of the index,
and exits with 1 when searches are too slow or miss too often.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from benchmarks.support.processes import load_average
from framecloak.adapters.clock import SystemClock
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search.indexes import PostgresGalleryIndexes
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.reid.galleries.maintenance import SIGN_DIMENSION, GalleryMaintenance
from framecloak.domain.reid.galleries.model import MAX_ENROLMENTS, Enrolment
from framecloak.domain.reid.galleries.service import GalleryService

FACES_PER_PERSON = 4
SPREAD = 0.9
"""Distance of a face from its person's mean, relative to the length of that mean."""
USUAL_MIN_COSINE = 0.4
"""Lowest cosine that counts as one person, as is usual for networks with 512 numbers."""
MAX_SEARCH_MS, MIN_RECALL = 20.0, 0.99

Vectors = NDArray[np.float32]


@dataclass
class Population:
    """Faces of one kind.

    Attributes:
        kind: name of the kind.
        dimension: numbers of a vector.
        faces: number of faces.
        is_evaluated: whether the figures are evaluated.
    """

    kind: str
    dimension: int
    faces: int
    is_evaluated: bool = True

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(7)
        ranks = np.arange(self.dimension)
        self._scale = 1 / np.sqrt(1 + ranks / 32) if self.kind == "skewed people" else np.ones(self.dimension)
        self.people = self._directions(-(-self.faces // FACES_PER_PERSON))

    def blocks(self) -> Iterator[Vectors]:
        """Yield all faces, in the order of their people."""
        for first in range(0, self.faces, MAX_ENROLMENTS):
            yield self.around(np.arange(first, min(self.faces, first + MAX_ENROLMENTS)) // FACES_PER_PERSON)

    def queries(self, count: int) -> Vectors:
        """Return faces of enrolled people that are not enrolled themselves."""
        return self.around(self._random.integers(0, len(self.people), count))

    def strangers(self, count: int) -> Vectors:
        """Return faces of people who are not enrolled."""
        return self._directions(count)

    def around(self, people: NDArray[np.int64]) -> Vectors:
        """Return new faces of people."""
        fresh = self._directions(len(people))
        return fresh if self.kind == "noise" else _unit(self.people[people] + SPREAD * fresh)

    def _directions(self, count: int) -> Vectors:
        return _unit(self._random.standard_normal((count, self.dimension), np.float32) * self._scale)


def _unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Bench:
    """The gallery under test.

    Attributes:
        url: address of the database.
        database: the same.
        galleries: the use cases.
        maintenance: builds indexes.
        owner: owner of the galleries.
    """

    url: str
    database: PostgresDatabase
    galleries: GalleryService
    maintenance: GalleryMaintenance
    owner: Principal

    async def measure(self, population: Population, searches: int, exact_searches: int) -> bool:
        """Fill a gallery, search it both ways, and print the results; return whether they are good enough."""
        space = EmbeddingSpace("synthetic", "0" * 64, population.dimension)
        gallery = await self.galleries.create(self.owner, population.kind, space)
        questions = population.queries(searches)
        best = np.full(searches, -2.0, np.float32)
        where = np.zeros(searches, np.int64)
        began, enrolled = time.perf_counter(), 0
        for block in population.blocks():
            products = questions @ block.T
            better = products.max(axis=1) > best
            best[better] = products.max(axis=1)[better]
            where[better] = enrolled + products.argmax(axis=1)[better]
            await self.galleries.enrol(self.owner, gallery.id, _enrolments(space, block, enrolled))
            enrolled += len(block)
        took = time.perf_counter() - began
        print(f"{population.kind}: {enrolled} x {population.dimension} ({load_average()})")
        print(f"  enrolled at {enrolled / took:.0f} faces/s")
        await self._execute("VACUUM ANALYZE gallery_faces")
        # Each face is a person here, so that not only the right person but the very face must be returned.
        await self._search(gallery.id, space, questions[:exact_searches], where, "exact")
        began = time.perf_counter()
        if population.dimension >= SIGN_DIMENSION:
            size = await self._load_signs(gallery.id, space, questions[0])
        else:
            await self.maintenance.maintain_indexes()
            relation = f"ix_gallery_faces_hnsw_{gallery.id.hex}"
            size = int(str(await self._execute(f"SELECT pg_relation_size('{relation}')")))
        print(f"  index made in {time.perf_counter() - began:.0f} s, {size / 1e6:.0f} MB")
        # Without a threshold there is always a match; with one, no match leads to an exact search.
        await self._search(gallery.id, space, questions, where, "index alone")
        label = f"index, threshold {USUAL_MIN_COSINE}"
        median, recall = await self._search(gallery.id, space, questions, where, label, USUAL_MIN_COSINE)
        strangers, label = population.strangers(100), f"{label}, strangers"
        await self._search(gallery.id, space, strangers, where, label, USUAL_MIN_COSINE)
        await self.galleries.delete(self.owner, gallery.id)
        await self.maintenance.maintain_indexes()
        await self._execute("VACUUM gallery_faces")
        return not population.is_evaluated or (median < MAX_SEARCH_MS and recall >= MIN_RECALL)

    async def _search(
        self,
        gallery_id: UUID,
        space: EmbeddingSpace,
        questions: Vectors,
        where: NDArray[np.int64],
        label: str,
        threshold: float = 0.0,
    ) -> tuple[float, float]:
        """Search for each; return the median in milliseconds, and how often the best face was returned."""
        took: list[float] = []
        right = 0
        for question, expected in zip(questions, where.tolist(), strict=False):
            began = time.perf_counter()
            found = await self.galleries.search(
                self.owner, gallery_id, Embedding(space, question), threshold, top_k=1
            )
            took.append(1000 * (time.perf_counter() - began))
            right += [match.face.label for match in found] == [str(expected)]
        took.sort()
        median, recall = took[len(took) // 2], right / len(took)
        print(
            f"  {label}: {len(took)} searches, p50 {median:.1f} ms, "
            f"p99 {took[int(0.99 * len(took))]:.1f} ms, "
            f"recall@1 {recall:.4f}",
            flush=True,
        )
        return median, recall

    async def _load_signs(self, gallery_id: UUID, space: EmbeddingSpace, vector: Vectors) -> int:
        """Search until the signs of the gallery are in memory, and return their size in bytes."""
        while True:
            await self.galleries.search(self.owner, gallery_id, Embedding(space, vector), 0.99, top_k=1)
            loaded = self.database.loaded_signs(gallery_id)
            if loaded is not None:
                return loaded
            await asyncio.sleep(0.1)

    async def _execute(self, statement: str) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


def _enrolments(space: EmbeddingSpace, block: Vectors, first: int) -> list[Enrolment]:
    return [Enrolment(str(first + number), Embedding(space, vector)) for number, vector in enumerate(block)]


async def run(arguments: argparse.Namespace) -> bool:
    """Measure all kinds; return whether every evaluated figure was good enough."""
    good = True
    with tempfile.TemporaryDirectory(prefix="framecloak-galleries-", dir=arguments.folder) as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            await Schema(url).upgrade()
            database, vault = PostgresDatabase(url, signs_above=0), AesGalleryCipher(os.urandom(32))
            async with database.unit_of_work() as work:
                user = await work.users.add("owner", "no password", Role.USER)
                await work.commit()
            bench = Bench(
                url,
                database,
                GalleryService(database, vault, SystemClock(), arguments.faces),
                GalleryMaintenance(database, vault, PostgresGalleryIndexes(url), index_above=0),
                Principal(user.id, user.username, user.role, Means.COMMAND),
            )
            for kind in arguments.kinds:
                population = Population(
                    kind, arguments.dimension, arguments.faces, is_evaluated=kind != "noise"
                )
                good &= await bench.measure(population, arguments.searches, arguments.exact_searches)
            await database.close()
    return good


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--searches", type=int, default=1000, help="through the index")
    parser.add_argument("--exact-searches", type=int, default=50)
    parser.add_argument("--kinds", nargs="+", default=["people", "skewed people", "noise"])
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args(arguments)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    sys.exit(0 if asyncio.run(run(options)) else 1)


if __name__ == "__main__":
    main()
