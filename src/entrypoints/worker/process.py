"""Composition root of a worker process."""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version

from framecloak.adapters.metrics.prometheus import (
    MetricsServer,
    PrometheusMeter,
    process_registry,
    register_memory_gauges,
)
from framecloak.domain.anonymization.model.options import Verify
from framecloak.entrypoints.composition.pipeline import Container, require_detector
from framecloak.entrypoints.composition.service import build_service
from framecloak.entrypoints.composition.video_encoder import require_video_encoder
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.worker.duty import Duty
from framecloak.entrypoints.worker.lifecycle import WorkerParts, run_worker
from framecloak.entrypoints.worker.memory_limit import MemoryWatermark
from framecloak.entrypoints.worker.tools import WorkerTools

NICENESS = 5
"""Niceness of a worker process; the API, whose clients wait, has priority."""


async def run_worker_process(
    settings: Settings, stop: asyncio.Event, name: str, duty: Duty = Duty.ALL
) -> None:
    """Run a worker until `stop` is set.

    Args:
        settings: settings with the addresses of a database and a Redis server.
        stop: event that ends the worker.
        name: unique name of the worker.
        duty: duty of the worker; upkeep alone needs no models.

    Raises:
        DomainError: as for `build_service`, `require_detector`, `require_video_encoder` and `MetricsServer`.
        QueueUnavailableError: Redis cannot be reached.
    """
    if duty.has_slices:
        require_detector(settings)
        require_video_encoder(settings.video_encoder)
    os.nice(NICENESS)
    container = Container.build(settings)
    registry = process_registry(version("framecloak"), "worker")
    meter = PrometheusMeter(registry)
    memory = MemoryWatermark(settings.worker_memory_mb * 1024**2)
    register_memory_gauges(registry, memory.limit, memory.has_memory)

    # One set of model sessions for the whole process, however many requests are being processed.
    tools = WorkerTools(lambda level: replace(container.pipeline_tools(level, Verify.ALL), meter=meter))
    port = settings.worker_metrics_port
    metrics = MetricsServer(registry, settings.host, port) if port else nullcontext()
    with metrics:
        async with build_service(settings, meter) as service:
            await service.queue.ping()
            if duty.has_slices:
                warm_up = asyncio.to_thread(tools.warm_up, container.describe_model)
            else:
                warm_up = asyncio.sleep(0)
            warming_up = asyncio.create_task(warm_up)
            parts = WorkerParts(
                slices=service.build_worker(name, tools, container.load_text_reader, meter),
                dispatcher=service.use_cases.dispatcher,
                webhooks=service.use_cases.webhooks,
                cleaner=service.use_cases.cleanup,
                gallery_maintenance=service.use_cases.gallery_maintenance,
                queue=service.queue,
                redis_url=settings.redis_url,
                cleanup_interval=timedelta(hours=settings.cleanup_interval_hours),
                grace=timedelta(seconds=settings.worker_grace_seconds),
                name=name,
                duty=duty,
                has_memory=memory.check_memory,
                meter=meter,
                speed=lambda: tools.speed if duty.has_slices else None,
            )
            await run_worker(parts, stop)
            tools.close()
            await warming_up
