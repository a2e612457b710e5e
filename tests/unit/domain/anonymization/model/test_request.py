"""State of a request: its progress and the permitted actions."""

from __future__ import annotations

import pytest

from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.errors import AlreadyFinishedError, NotReadyError
from support.samples.persistence import request_of


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
    assert request_of(status, processed_frames=done, total_frames=total).progress == percent


FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


def test_three_statuses_are_final() -> None:
    assert tuple(status for status in Status if status.is_final) == FINAL


@pytest.mark.parametrize("status", Status)
def test_a_finished_request_cannot_be_changed(status: Status) -> None:
    if status in FINAL:
        with pytest.raises(AlreadyFinishedError, match=f"ended already; its status is {status}"):
            request_of(status).require_unfinished()
    else:
        request_of(status).require_unfinished()


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (Status.PENDING, "the request has no result; its status is pending: wait until it is completed"),
        (
            Status.PROCESSING,
            "the request has no result; its status is processing: wait until it is completed",
        ),
        (Status.FAILED, "the request has no result; its status is failed: submit the request again"),
        (Status.CANCELLED, "the request has no result; its status is cancelled: submit the request again"),
        (Status.COMPLETED, "the result has expired or was deleted: submit the request again"),
    ],
)
def test_the_error_for_a_missing_result_has_a_hint(status: Status, hint: str) -> None:
    with pytest.raises(NotReadyError) as refused:
        request_of(status).require_result()
    assert str(refused.value) == hint


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
def test_only_a_completed_request_has_a_result(status: Status) -> None:
    with pytest.raises(NotReadyError):
        request_of(status, result_key="requests/1/frames.zip").require_result()
    completed = request_of(Status.COMPLETED, result_key="requests/1/frames.zip")
    assert completed.require_result() == "requests/1/frames.zip"
