"""State of a request: its progress and the permitted actions."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec, Status
from framecloak.domain.errors import AlreadyFinishedError, NotReadyError


def request(
    status: Status, *, done: int = 0, total: int = 150, key: str | None = None
) -> AnonymizationRequest:
    return AnonymizationRequest(
        id=UUID(int=1),
        user_id=1,
        spec=RequestSpec(1, (1,), Level.FACES, Appearance()),
        status=status,
        total_frames=total,
        processed_frames=done,
        blanked_frames=0,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        started_at=None,
        completed_at=None,
        error=None,
        error_code=None,
        result_key=key,
        result_bytes=None if key is None else 1,
    )


@pytest.mark.parametrize(
    ("status", "done", "total", "percent"),
    [
        (Status.PENDING, 0, 150, 0),
        (Status.PROCESSING, 98, 150, 65),
        (Status.PROCESSING, 149, 150, 99),
        (Status.PROCESSING, 150, 150, 99),
        (Status.PROCESSING, 9_999, 10_000, 99),
        (Status.COMPLETED, 150, 150, 100),
        (Status.FAILED, 150, 150, 99),
        (Status.CANCELLED, 75, 150, 50),
        (Status.PROCESSING, 0, 0, 0),
    ],
)
def test_progress_is_rounded_down_and_whole_only_at_the_end(
    status: Status, done: int, total: int, percent: int
) -> None:
    assert request(status, done=done, total=total).progress == percent


FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


def test_three_statuses_are_final() -> None:
    assert tuple(status for status in Status if status.is_final) == FINAL


@pytest.mark.parametrize("status", Status)
def test_a_finished_request_cannot_be_changed(status: Status) -> None:
    if status in FINAL:
        with pytest.raises(AlreadyFinishedError, match=f"the request is {status} already"):
            request(status).require_unfinished()
    else:
        request(status).require_unfinished()


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (Status.PENDING, "the request is pending: wait until it is completed"),
        (Status.PROCESSING, "the request is processing: wait until it is completed"),
        (Status.FAILED, "the request is failed: submit the order again"),
        (Status.CANCELLED, "the request is cancelled: submit the order again"),
        (Status.COMPLETED, "the result has expired and was deleted: submit the order again"),
    ],
)
def test_the_error_for_a_missing_result_has_a_hint(status: Status, hint: str) -> None:
    with pytest.raises(NotReadyError) as refused:
        request(status).require_result()
    assert str(refused.value) == hint


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
def test_only_a_completed_request_has_a_result(status: Status) -> None:
    with pytest.raises(NotReadyError):
        request(status, key="requests/1/frames.zip").require_result()
    assert request(Status.COMPLETED, key="requests/1/frames.zip").require_result() == "requests/1/frames.zip"
