"""Assemblies in which speech is looked for, which takes minutes in a long video."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.results import FakeVideoEncoder
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.work import worker_resources
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.video import VideoFormat, VideoWriter
from support.patience import patience
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


class SearchingEncoder(FakeVideoEncoder):
    """Encoder that looks for speech until it may stop."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.found = threading.Event(), threading.Event()

    def writer(
        self,
        video_format: VideoFormat,
        timing: Timing,
        sound: Sound | None,
        checkpoint: Callable[[], None] | None = None,
    ) -> VideoWriter:
        self.begun.set()
        assert checkpoint is not None
        while not self.found.is_set():
            checkpoint()
            time.sleep(0.005)
        return super().writer(video_format, timing, sound)


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    harness = WorkerHarness(FakeService(tmp_path))
    harness.appearance = Appearance(OutputFormat.MP4)
    harness.video_encoder = SearchingEncoder()
    return harness


async def begun(encoder: FakeVideoEncoder) -> SearchingEncoder:
    assert isinstance(encoder, SearchingEncoder)
    assert await asyncio.to_thread(encoder.begun.wait, patience(60))
    return encoder


async def test_the_lease_of_a_long_search_is_renewed(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framecloak.domain.anonymization.work.lease_renewal.RENEWAL_INTERVAL", 0.02)
    request_id = await harness.submit((0, 4))
    task = asyncio.create_task(harness.process(request_id))
    encoder = await begun(harness.video_encoder)
    other = harness.worker("worker-2")
    ttl = worker_resources.LEASE_DURATION
    for _ in range(5):
        # Longer together than a lease lasts, with time for renewals in between.
        harness.world.clock.advance(ttl * 0.6)
        await asyncio.sleep(0.2)
        assert await other.lease(request_id) is None
    encoder.found.set()
    await task
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_a_search_ends_with_its_request(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 4))
    task = asyncio.create_task(harness.process(request_id))
    await begun(harness.video_encoder)
    await harness.world.anonymization.cancel(harness.anna, request_id)
    # Without checkpoints, the worker would count as stuck and end itself.
    await task
    assert (await harness.request(request_id)).status is Status.CANCELLED
    assert harness.results() == {}
