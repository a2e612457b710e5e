"""Requests, and rows for database tests, each added in its own unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import TypeVar
from uuid import UUID

from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    Priority,
    RequestSpec,
    Status,
    WorkSpec,
)
from framecloak.domain.model.accounts import Means, Principal, Role, User
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video, VideoFacts
from framecloak.domain.ports.database import Database, UnitOfWork

NOW = datetime(2026, 3, 1, 12, 0, 30, 123456, tzinfo=UTC)
CONCURRENT_CALLERS = 50
Answer = TypeVar("Answer")
_numbers = count()


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def facts(**changes: object) -> VideoFacts:
    values: dict[str, object] = {
        "sha256": "ab" * 32,
        "size_bytes": 5_000_000_000,
        "width": 640,
        "height": 360,
        "frame_rate": 29.97,
        "frame_count": 900,
        "duration": 30.03,
        "rotation": 90,
    }
    return VideoFacts(**{**values, **changes})


def request_spec_for(video: Video, *segment_ids: int, priority: Priority = Priority.HIGH) -> RequestSpec:
    appearance = Appearance(OutputFormat.WEBP, 71, RedactionStyle.BLUR, RedactionShape.ELLIPSE)
    url = "https://hooks.example/done"
    return RequestSpec(video.id, segment_ids or (3, 1, 2), Level.MINIMAL, appearance, priority, url)


def request_of(status: Status, **changes: object) -> AnonymizationRequest:
    """Return a request of 150 frames, of which none is processed, with some attributes changed."""
    values: dict[str, object] = {
        "id": UUID(int=1),
        "user_id": 1,
        "spec": RequestSpec(1, (1,), Level.FACES, Appearance()),
        "status": status,
        "total_frames": 150,
        "processed_frames": 0,
        "blanked_frames": 0,
        "created_at": NOW,
        "started_at": None,
        "completed_at": None,
        "error": None,
        "error_code": None,
        "result_key": None,
        "result_bytes": None,
    }
    return AnonymizationRequest(**{**values, **changes})


def completed_request(reference: str, created_at: datetime, **changes: object) -> AnonymizationRequest:
    """Return a request with a reference and a result, completed an hour after it was created."""
    values: dict[str, object] = {
        "spec": RequestSpec(1, (1,), Level.FACES, Appearance(), reference=reference),
        "processed_frames": 150,
        "created_at": created_at,
        "started_at": created_at,
        "completed_at": created_at + timedelta(hours=1),
        "result_key": "requests/1/frames.zip",
        "result_bytes": 3,
    }
    return request_of(Status.COMPLETED, **{**values, **changes})


def work_spec_for(request_spec: RequestSpec, frames: int) -> WorkSpec:
    """Return a work spec of some frames that are in all segments of the request."""
    return WorkSpec(dict.fromkeys(request_spec.segment_ids, Segment(0, frames)), ())


async def add_user(database: Database, username: str, role: Role = Role.USER) -> User:
    async with database.unit_of_work() as work:
        user = await work.users.add(username, "hash", role)
        await work.commit()
    return user


def principal_of(user: User) -> Principal:
    return Principal(user.id, user.username, user.role, Means.SESSION)


async def add_video(database: Database, owner: User) -> Video:
    async with database.unit_of_work() as work:
        key = f"videos/{next(_numbers)}"
        video = await work.videos.add(owner.id, "a film.mp4", key, facts(), b"index")
        await work.commit()
    return video


async def add_request(
    database: Database, user: User, video: Video, total_frames: int = 10
) -> AnonymizationRequest:
    async with database.unit_of_work() as work:
        order = request_spec_for(video)
        request, _ = await work.requests.add(user.id, order, work_spec_for(order, total_frames), None)
        await work.slices.add(request.id, [Segment(0, total_frames)])
        await work.commit()
    return request


async def concurrently(
    database: Database, ask: Callable[[UnitOfWork], Awaitable[Answer]]
) -> list[Answer | BaseException]:
    """Run an action concurrently by many callers, each in its own unit of work."""

    async def call() -> Answer:
        async with database.unit_of_work() as work:
            answer = await ask(work)
            await work.commit()
            return answer

    return await asyncio.gather(*(call() for _ in range(CONCURRENT_CALLERS)), return_exceptions=True)
