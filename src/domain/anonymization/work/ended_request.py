"""Log line of a request that has ended."""

from __future__ import annotations

import logging

from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.support.log_events import REQUEST_ENDED


def log_request_ended(logger: logging.Logger, request: AnonymizationRequest, worker: str | None) -> None:
    """Log the end of a request, after it has been committed.

    Args:
        logger: logger of the caller.
        request: request with its final status.
        worker: name of the worker that ended it; None for a cancelled one.
    """
    started, ended = request.started_at, request.completed_at
    REQUEST_ENDED.log(
        logger,
        request_id=str(request.id),
        state=request.status.value,
        code=request.error_code,
        frames=request.total_frames,
        blanked=request.known_blanked_frames,
        # Clocks of several machines are involved.
        seconds=max(0.0, round((ended - started).total_seconds(), 3)) if started and ended else None,
        queue_seconds=max(0.0, round((started - request.created_at).total_seconds(), 3)) if started else None,
        worker=worker,
        bytes=request.result_bytes,
        user_id=request.user_id,
    )
