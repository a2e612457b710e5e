"""Search for overlay proposals as server-sent events: its progress, then its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from threading import Event

import msgspec

from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.errors import DomainError
from framecloak.domain.model.accounts import Principal
from framecloak.entrypoints.asgi.problem_details import domain_problem
from framecloak.entrypoints.schemas.videos.marks import ProposalView, SearchProgressView

_HEARTBEAT = b": still here\n\n"


class _ClientGoneError(Exception):
    """The client has closed the stream, so that the rest of the search is pointless."""


async def proposal_messages(
    overlays: OverlayService, caller: Principal, video_id: int, heartbeat_seconds: float
) -> AsyncGenerator[bytes, None]:
    """Search a video for overlays, and yield its progress, then its result or a problem, as events.

    The search ends with the stream.

    Args:
        overlays: use case.
        caller: principal, whose access has been checked.
        video_id: id of the video.
        heartbeat_seconds: maximum time without a message in seconds.
    """
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[SearchProgressView | None] = asyncio.Queue()
    is_closed = Event()

    def report(done: int, total: int) -> None:
        if is_closed.is_set():
            raise _ClientGoneError
        loop.call_soon_threadsafe(news.put_nowait, SearchProgressView(done=done, total=total))

    search = asyncio.create_task(overlays.propose(caller, video_id, report))
    search.add_done_callback(lambda _: news.put_nowait(None))
    try:
        yield _event("progress", SearchProgressView(done=0, total=0))
        while True:
            try:
                progress = await asyncio.wait_for(news.get(), heartbeat_seconds)
            except TimeoutError:
                yield _HEARTBEAT
                continue
            if progress is None:
                break
            yield _event("progress", progress)
        try:
            proposals = await search
        except DomainError as error:
            yield _event("problem", domain_problem(error))
        else:
            yield _event("proposals", [ProposalView.of(proposal) for proposal in proposals])
    finally:
        is_closed.set()
        search.cancel()
        with suppress(asyncio.CancelledError, DomainError):
            await search


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
