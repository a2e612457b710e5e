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

Then another service enrols faces while the first searches for them, and deletes some, which the first must
not return any more.

Prints the duration of a search, how often the index returns the best face, the time and size of the index,
and exits with 1 when searches are too slow or miss too often, or when a new face is missed or a deleted one
returned.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces.gallery_fill import copy_faces
from benchmarks.faces.gallery_process import Service, server_memory_mb
from benchmarks.faces.synthetic_faces import Population, Vectors
from benchmarks.support.processes import load_average
from framecloak.adapters.clock import SystemClock
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search.indexes import PostgresGalleryIndexes
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.reid.galleries.maintenance import SIGN_DIMENSION, GalleryMaintenance
from framecloak.domain.reid.galleries.service import GalleryService

USUAL_MIN_COSINE = 0.4
"""Lowest cosine that counts as one person, as is usual for networks with 512 numbers."""
MAX_SEARCH_MS, MIN_RECALL = 20.0, 0.99
NEVER = 1 << 62
"""Number of faces above which a gallery is searched by signs, where it never shall."""
ENROLMENTS, ENROLMENT_FACES = 50, 20
"""Enrolments during searches, and faces of each."""
KEEP_SECONDS = 60.0
"""Seconds between searches while the benchmark waits; signs that are not used leave the memory."""
RECONCILE_SECONDS = 120.0
"""Time limit for signs of deleted faces to leave the memory of another process."""


@dataclass
class Bench:
    """The gallery under test.

    Attributes:
        url: address of the database.
        folder: folder of the database server.
        vault: encrypts galleries.
        capacity: maximum number of faces of a gallery.
        owner: owner of the galleries.
        is_copied: whether faces are copied into the table, and not enrolled.
        start_file: file whose creation starts the searches through the index; None to start at once.
    """

    url: str
    folder: Path
    vault: AesGalleryCipher
    capacity: int
    owner: Principal
    is_copied: bool = False
    start_file: Path | None = None

    @asynccontextmanager
    async def service(self, signs_above: int) -> AsyncIterator[Service]:
        """Start a service as a process does: without signs in memory.

        Args:
            signs_above: number of faces above which a gallery is searched by signs.
        """
        database = PostgresDatabase(self.url, signs_above=signs_above)
        galleries = GalleryService(database, self.vault, SystemClock(), self.capacity)
        try:
            yield Service(database, galleries, self.owner)
        finally:
            await database.close()

    async def measure(self, population: Population, searches: int, exact_searches: int) -> bool:
        """Fill a gallery, search it both ways, and print the results; return whether they are good enough."""
        space = EmbeddingSpace("synthetic", "0" * 64, population.dimension)
        async with self.service(NEVER) as exact:
            gallery = await exact.galleries.create(self.owner, population.kind, space)
            questions = population.queries(searches)
            best = await self._enrol(exact, gallery.id, space, population, questions)
            # Each face is a person here, so that the very face must be returned.
            await exact.search(gallery.id, space, questions[:exact_searches], best, "exact")
            maintenance = GalleryMaintenance(
                exact.database, self.vault, PostgresGalleryIndexes(self.url), index_above=0
            )
            began = time.perf_counter()
            await maintenance.maintain_indexes()
            if population.dimension < SIGN_DIMENSION:
                relation = f"ix_gallery_faces_hnsw_{gallery.id.hex}"
                size = int(str(await self._execute(f"SELECT pg_relation_size('{relation}')")))
                print(f"  index made in {time.perf_counter() - began:.0f} s, {size / 1e6:.0f} MB")
        async with self.service(0) as service, self.service(0) as other:
            if population.dimension >= SIGN_DIMENSION:
                await service.load(gallery.id, space, questions[0])
            await self._wait(service, gallery.id, space, questions[0])
            # Without a threshold there is always a match; with one, no match leads to an exact search.
            await service.search(gallery.id, space, questions, best, "index alone")
            label = f"index, threshold {USUAL_MIN_COSINE}"
            median, recall = await service.search(gallery.id, space, questions, best, label, USUAL_MIN_COSINE)
            strangers = population.strangers(100)
            await service.search(gallery.id, space, strangers, best, f"{label}, strangers", USUAL_MIN_COSINE)
            print(f"  memory of Postgres: {server_memory_mb(self.folder):.0f} MB")
            changed = True
            if population.is_evaluated and population.dimension >= SIGN_DIMENSION:
                await other.load(gallery.id, space, questions[0])
                changed = await _change(service, other, gallery.id, space, population)
            began = time.perf_counter()
            await service.galleries.delete(self.owner, gallery.id)
            is_gone = service.database.loaded_signs(gallery.id) is None
            print(
                f"  deleted gallery in {time.perf_counter() - began:.1f} s ({load_average()}): "
                f"signs {'gone' if is_gone else 'still in memory'}"
            )
        await self._execute("VACUUM gallery_faces")
        is_fast = median < MAX_SEARCH_MS and recall >= MIN_RECALL
        return not population.is_evaluated or (is_fast and changed and is_gone)

    async def _wait(self, service: Service, gallery_id: UUID, space: EmbeddingSpace, query: Vectors) -> None:
        """Wait for the file that starts the searches, and search now and then to keep the signs in memory."""
        if self.start_file is None:
            return
        print(f"  waits for {self.start_file}", flush=True)
        searched_at = time.monotonic()
        while not self.start_file.exists():
            await asyncio.sleep(1)
            if time.monotonic() - searched_at > KEEP_SECONDS:
                await service.best(gallery_id, space, query)
                searched_at = time.monotonic()

    async def _enrol(
        self,
        service: Service,
        gallery_id: UUID,
        space: EmbeddingSpace,
        population: Population,
        questions: Vectors,
    ) -> NDArray[np.int64]:
        """Enrol everybody; return the number of the nearest face of each question."""
        nearest = np.full(len(questions), -2.0, np.float32)
        where = np.zeros(len(questions), np.int64)

        def numbered() -> Iterator[tuple[int, Vectors]]:
            first = 0
            for block in population.blocks():
                products = questions @ block.T
                better = products.max(axis=1) > nearest
                nearest[better] = products.max(axis=1)[better]
                where[better] = first + products.argmax(axis=1)[better]
                yield first, block
                first += len(block)

        began, enrolled = time.perf_counter(), population.faces
        if self.is_copied:
            async with service.database.unit_of_work() as work:
                gallery = await work.galleries.get(gallery_id, self.owner, SystemClock().now())
            await copy_faces(self.url, self.vault, gallery, numbered())
        else:
            for first, block in numbered():
                await service.enrol(gallery_id, space, block, first)
        took = time.perf_counter() - began
        await self._execute("VACUUM ANALYZE gallery_faces")
        size = int(str(await self._execute("SELECT pg_total_relation_size('gallery_faces')")))
        print(f"{population.kind}: {enrolled} x {population.dimension} ({load_average()})")
        how = "copied" if self.is_copied else "enrolled"
        print(f"  {how} at {enrolled / took:.0f} faces/s, {size / 1e6:.0f} MB of database", flush=True)
        return where

    async def _execute(self, statement: str) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


async def _change(
    service: Service, other: Service, gallery_id: UUID, space: EmbeddingSpace, population: Population
) -> bool:
    """Enrol while searching, delete elsewhere, and print what searches return; return whether it is right."""
    fresh = population.strangers(ENROLMENTS * ENROLMENT_FACES).reshape(ENROLMENTS, ENROLMENT_FACES, -1)
    ids: list[UUID] = []

    async def enrol() -> None:
        for number, block in enumerate(fresh):
            faces = await other.enrol(gallery_id, space, block, population.faces + number * ENROLMENT_FACES)
            ids.append(faces[0].id)

    enrolling, took, missed, looked_for = asyncio.create_task(enrol()), [], 0, 0
    while not enrolling.done() or looked_for < ENROLMENTS:
        if looked_for == len(ids):
            await asyncio.sleep(0.001)
            if enrolling.done():
                await enrolling
            continue
        began = time.perf_counter()
        found = await service.best(gallery_id, space, fresh[looked_for, 0])
        took.append(1000 * (time.perf_counter() - began))
        missed += found != str(population.faces + looked_for * ENROLMENT_FACES)
        looked_for += 1
    print(
        f"  while {ENROLMENTS * ENROLMENT_FACES} faces are enrolled elsewhere: {looked_for} searches "
        f"for new faces, p50 {statistics.median(took):.1f} ms, {missed} missed"
    )
    for face_id in ids:
        await other.galleries.delete_face(other.owner, gallery_id, face_id)
    labels = {str(population.faces + number * ENROLMENT_FACES) for number in range(ENROLMENTS)}
    returned = [await service.best(gallery_id, space, block[0]) in labels for block in fresh]
    faces = population.faces + ENROLMENTS * (ENROLMENT_FACES - 1)
    sizes = {faces * (population.dimension // 8 + 8)}
    # The first search after a deletion starts the comparison of the signs with the table.
    until = time.monotonic() + RECONCILE_SECONDS
    while {each.database.loaded_signs(gallery_id) for each in (service, other)} != sizes:
        if time.monotonic() > until:
            break
        for each in (service, other):
            await each.best(gallery_id, space, fresh[0, 1])
        await asyncio.sleep(0.1)
    is_clean = {each.database.loaded_signs(gallery_id) for each in (service, other)} == sizes
    print(
        f"  deleted {len(ids)} of them elsewhere: {sum(returned)} returned, "
        f"signs {'gone' if is_clean else 'still'} in both processes"
    )
    return not missed and not any(returned) and is_clean


async def run(arguments: argparse.Namespace) -> bool:
    """Measure all kinds; return whether every evaluated figure was good enough."""
    good = True
    with tempfile.TemporaryDirectory(prefix="framecloak-galleries-", dir=arguments.folder) as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            await Schema(url).upgrade()
            database = PostgresDatabase(url)
            async with database.unit_of_work() as work:
                user = await work.users.add("owner", "no password", Role.USER)
                await work.commit()
            await database.close()
            owner = Principal(user.id, user.username, user.role, Means.COMMAND)
            capacity = arguments.faces + ENROLMENTS * ENROLMENT_FACES
            cipher = AesGalleryCipher(os.urandom(32))
            bench = Bench(url, Path(folder), cipher, capacity, owner, arguments.copy, arguments.start_file)
            for kind in arguments.kinds:
                population = Population(
                    kind, arguments.dimension, arguments.faces, is_evaluated=kind != "noise"
                )
                good &= await bench.measure(population, arguments.searches, arguments.exact_searches)
    return good


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--searches", type=int, default=1000, help="through the index")
    parser.add_argument("--exact-searches", type=int, default=50)
    parser.add_argument("--kinds", nargs="+", default=["people", "skewed people", "noise"])
    parser.add_argument("--copy", action="store_true", help="copy faces into the table, as 10,000,000 need")
    parser.add_argument(
        "--start-file", type=Path, help="search through the index only once this file exists, at a quiet time"
    )
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args(arguments)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    sys.exit(0 if asyncio.run(run(options)) else 1)


if __name__ == "__main__":
    main()
