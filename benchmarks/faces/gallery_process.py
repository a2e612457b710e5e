"""A service with galleries, as a process starts it, and its measurements."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.faces.synthetic_faces import Vectors
from benchmarks.support.processes import load_average
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.reid.galleries.model import EnrolledFace, Enrolment
from framecloak.domain.reid.galleries.service import GalleryService


@dataclass
class Service:
    """A service under test.

    Attributes:
        database: its database, with the signs that it has in memory.
        galleries: the use cases.
        owner: owner of the galleries.
    """

    database: PostgresDatabase
    galleries: GalleryService
    owner: Principal

    async def enrol(
        self, gallery_id: UUID, space: EmbeddingSpace, block: Vectors, first: int
    ) -> Sequence[EnrolledFace]:
        """Enrol faces whose labels are consecutive numbers."""
        enrolments = [Enrolment(str(first + at), Embedding(space, vector)) for at, vector in enumerate(block)]
        return await self.galleries.enrol(self.owner, gallery_id, enrolments)

    async def best(
        self, gallery_id: UUID, space: EmbeddingSpace, question: Vectors, threshold: float = 0.0
    ) -> str:
        """Return the label of the best face; empty if there is no match."""
        embedding = Embedding(space, question)
        found = await self.galleries.search(self.owner, gallery_id, embedding, threshold, top_k=1)
        return found[0].face.label if found else ""

    async def search(
        self,
        gallery_id: UUID,
        space: EmbeddingSpace,
        questions: Vectors,
        where: NDArray[np.int64],
        label: str,
        threshold: float = 0.0,
    ) -> tuple[float, float]:
        """Search for each; print and return the median in ms, and how often the best face was returned."""
        took: list[float] = []
        used = time.process_time()
        matches = right = 0
        for question, expected in zip(questions, where.tolist(), strict=False):
            began = time.perf_counter()
            found = await self.best(gallery_id, space, question, threshold)
            took.append(1000 * (time.perf_counter() - began))
            matches += bool(found)
            right += found == str(expected)
        took.sort()
        median, recall = took[len(took) // 2], right / len(took)
        print(
            f"  {label}: {len(took)} searches, p50 {median:.1f} ms, "
            f"p99 {took[int(0.99 * len(took))]:.1f} ms, {matches} matches, recall@1 {recall:.4f}, "
            f"{1000 * (time.process_time() - used) / len(took):.1f} ms of processor time each, "
            f"without Postgres ({load_average()})",
            flush=True,
        )
        return median, recall

    async def load(self, gallery_id: UUID, space: EmbeddingSpace, question: Vectors) -> None:
        """Search once, as the first caller after a start, and wait until the signs are in memory."""
        before, began = psutil.Process().memory_info().rss, time.perf_counter()
        await self.best(gallery_id, space, question)
        first = time.perf_counter() - began
        loaded = self.database.loaded_signs(gallery_id)
        while loaded is None:
            await asyncio.sleep(0.05)
            loaded = self.database.loaded_signs(gallery_id)
        grown = psutil.Process().memory_info().rss - before
        print(
            f"  signs loaded in {time.perf_counter() - began:.1f} s from the first search, which took "
            f"{first:.1f} s: {loaded / 1e6:.0f} MB, process grew by {grown / 1e6:.0f} MB",
            flush=True,
        )


def server_memory_mb(folder: Path) -> float:
    """Return the memory of processes that work below a folder, in MB; shared pages count once."""
    found = 0
    for process in psutil.process_iter(["cwd"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd).is_relative_to(folder):
            found += process.memory_full_info().pss
    return found / 1e6
