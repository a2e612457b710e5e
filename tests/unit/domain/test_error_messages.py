"""Error messages: those for users, and details for operators only."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from framecloak.adapters.storage.async_files import disk_errors
from framecloak.adapters.storage.minio_errors import s3_errors
from framecloak.domain import errors
from framecloak.domain.errors import DomainError, ProcessingTimeoutError
from framecloak.domain.errors.base import UNEXPECTED_ERROR
from framecloak.entrypoints.asgi.problem_details import STATUS_BY_CODE
from framecloak.entrypoints.cli.exit_codes import report_domain_error

PUBLIC_SERVER_ERRORS = {"examination_failed", "overloaded", "processing_timeout", "workers_disagree"}
"""Codes with status 5xx whose messages concern the request: images, load, time, frames and models."""

INSTALLATION_DETAILS = re.compile(r"/|\d|[A-Z]{2,}|framecloak|pip")
"""Details of an installation in messages: paths, ports, variables, commands."""

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_internal_errors_have_a_message_for_users_without_details(kind: type[DomainError]) -> None:
    is_internal = STATUS_BY_CODE.get(kind.code, 0) >= 500 and kind.code not in PUBLIC_SERVER_ERRORS
    if is_internal and kind is not DomainError:
        assert kind.user_message_override is not None
    if kind.user_message_override is not None:
        assert kind.user_message_override.hint
        assert not INSTALLATION_DETAILS.search(str(kind.user_message_override))


@pytest.mark.parametrize(
    "error_context",
    [
        lambda: s3_errors("minio.internal:9000", "find the bucket"),
        lambda: disk_errors("write to /srv/framecloak/scratch/process-ab12"),
    ],
)
def test_messages_for_users_have_neither_hosts_nor_paths(
    error_context: Callable[[], AbstractContextManager[None]],
) -> None:
    with pytest.raises(DomainError) as caught, error_context():
        raise OSError(errno.EIO, "Input/output error")
    assert re.search("minio|/srv", str(caught.value))
    assert not re.search("minio|MINIO|/srv|folder", str(caught.value.user_message()))


def test_errors_that_users_can_act_on_are_shown_in_full() -> None:
    late = ProcessingTimeoutError("Processing timeout: a slice took longer than 3 s", "try fewer frames")
    assert (
        str(late.user_message())
        == str(late)
        == "Processing timeout: a slice took longer than 3 s: try fewer frames"
    )


def test_errors_without_a_code_are_shown_as_unexpected() -> None:
    assert DomainError("the database rejected a row by constraint 'x'").user_message() == UNEXPECTED_ERROR


def test_operators_see_all_details(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DomainError) as caught, s3_errors("minio.internal:9000", "find the bucket"):
        raise OSError(errno.EIO, "Input/output error")
    report_domain_error(caught.value, as_json=False)
    printed = capsys.readouterr().err
    assert "minio.internal:9000" in printed
    assert "MINIO_ENDPOINT" in printed
