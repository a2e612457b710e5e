"""A worker on fakes, with one request for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.metrics import FakeMeter
from fakes.results import ISSUER, FakeVideoEncoder
from fakes.vision import FakeFaceDetector, FakeTextReader
from framecloak.adapters.media.zip.archive import ZipReader
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector, TextReader
from framecloak.domain.support.resilience import Backoff
from support.result_files import unzipped
from support.use_cases import FakeService


class FakeZipArchive(FakeArchive):
    """An archive that writes a ZIP file for the store."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def commit(self) -> None:
        super().commit()
        with ZipFile(self.path, "w") as zipped:
            for name, data in self.entries.items():
                zipped.writestr(name, data)


class WorkerHarness:
    """A worker on fakes, with one request for it."""

    def __init__(self, world: FakeService) -> None:
        self.world = world
        self.open_video: Callable[[Path], FrameSource] = lambda _: FakeSource("film.mp4", 100)
        self.detector: FakeFaceDetector | None = FakeFaceDetector()
        self.text: BoxDetector | None = None
        self.reader: TextReader = FakeTextReader()
        self.level = Level.FACES
        self.appearance = Appearance()
        self.levels: list[Level] = []
        self.backoff = Backoff(total_seconds=0)
        self.max_entries = 1_000_000
        self.archives: list[FakeZipArchive] = []
        self.time_limit = 60.0
        self.meter = FakeMeter()
        self.stored_parts: set[str] = set()
        self.pixel_aspect: Fraction | None = None
        self.video_encoder = FakeVideoEncoder()

    async def submit(self, *segments: tuple[int, int], regions: Sequence[Region] = ()) -> UUID:
        self.anna: Principal = await self.world.person("anna")
        self.request_spec: RequestSpec = replace(
            await self.world.request_spec(self.anna, *segments),
            level=self.level,
            appearance=self.appearance,
            verify=Verify.NONE,
            pixel_aspect=self.pixel_aspect,
        )
        for region in regions:
            await self.world.marking.add_region(self.anna, self.request_spec.video_id, region, None)
        return (await self.world.submissions.submit(self.anna, self.request_spec)).request.id

    def worker(self, name: str = "worker-1") -> SliceWorker:
        resources = WorkerResources(
            issuer=ISSUER,
            scratch=self.world.scratch,
            open_video=self.open_video,
            create_archive=self.create_archive,
            read_archive=ZipReader,
            pipeline_tools=self.pipeline_tools,
            time_limit=self.time_limit,
            meter=self.meter,
            video_encoder=self.video_encoder,
            people=self.world.people,
            policy=self.world.results,
            text=self.world.use_cases.text_orders,
            load_text_reader=lambda: self.reader,
        )
        world = self.world
        return SliceWorker(
            world.database, world.store, world.clock, world.board, resources, name, self.backoff
        )

    async def process(self, request_id: UUID, worker: SliceWorker | None = None) -> None:
        """Process slices of a request until it ends, without waiting for pauses."""
        worker = worker or self.worker()
        await self.world.dispatcher.run()
        for _ in range(10):
            while lease := await worker.lease(request_id):
                await worker.process(lease)
                self.stored_parts |= self.parts().keys()
            if (await self.request(request_id)).status.is_final:
                return
            self.world.clock.advance(timedelta(seconds=10))

    def pipeline_tools(self, level: Level) -> PipelineTools:
        self.levels.append(level)
        areas = {TargetKind.TEXT: self.text} if self.text else {}
        return PipelineTools(
            self.detector, FakeRedactor(), FakeEncoder(), FakeSampler(), 2, self.meter, box_detectors=areas
        )

    def create_archive(self, path: Path) -> FakeZipArchive:
        self.archives.append(FakeZipArchive(path))
        self.archives[-1].max_entries = self.max_entries
        return self.archives[-1]

    async def request(self, request_id: UUID) -> AnonymizationRequest:
        return (await self.world.anonymization.status(self.anna, request_id)).request

    def results(self) -> dict[str, bytes]:
        return {key: data for key, data in self._made().items() if "/slices/" not in key}

    async def has_ready_slice(self, request_id: UUID) -> bool:
        """Return whether a worker could lease a slice now."""
        async with self.world.database.unit_of_work() as work:
            return bool(await work.slices.ready_numbers(request_id))

    async def finished_parts(self, request_id: UUID) -> list[str]:
        """Return the keys of the parts that count."""
        async with self.world.database.unit_of_work() as work:
            return [part.key for part in await work.slices.parts(request_id)]

    def parts(self) -> dict[str, bytes]:
        return {key: data for key, data in self._made().items() if "/slices/" in key}

    def _made(self) -> dict[str, bytes]:
        return {
            key: data for key, data in self.world.fake_store.objects.items() if key.startswith("requests/")
        }


def frames(data: bytes) -> dict[str, NDArray[np.uint8]]:
    """Return the frames (64, 64, 3) by name, as the fake encoder wrote them."""
    return {
        name: np.frombuffer(pixels, np.uint8).reshape(64, 64, 3)
        for name, pixels in unzipped(data).items()
        if name.startswith("frames/")
    }
