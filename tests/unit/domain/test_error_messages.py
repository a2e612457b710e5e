"""What users are told of errors, and what is kept for those who run the installation."""

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

MAY_BE_READ_BY_ALL = {"examination_failed", "overloaded", "processing_timeout", "workers_disagree"}
"""Status 5xx, and yet about what was asked for: pictures, load, time, frames and what looked at them."""

OPERATORS_WORDS = re.compile(r"/|\\d|[A-Z]{2,}|framecloak|pip")
"""What sentences about an installation are full of: paths, ports, variables, commands."""

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_about_the_installation_is_not_for_users(kind: type[DomainError]) -> None:
    is_inside = STATUS_BY_CODE.get(kind.code, 0) >= 500 and kind.code not in MAY_BE_READ_BY_ALL
    if is_inside and kind is not DomainError:
        assert kind.user_message_override is not None
    if kind.user_message_override is not None:
        assert kind.user_message_override.hint
        assert not OPERATORS_WORDS.search(str(kind.user_message_override))


@pytest.mark.parametrize(
    "translating",
    [
        lambda: s3_errors("minio.internal:9000", "find the bucket"),
        lambda: disk_errors("write to /srv/framecloak/scratch/process-ab12"),
    ],
)
def test_neither_hosts_nor_paths_are_told(translating: Callable[[], AbstractContextManager[None]]) -> None:
    with pytest.raises(DomainError) as caught, translating():
        raise OSError(errno.EIO, "Input/output error")
    assert re.search("minio|/srv", str(caught.value))
    assert not re.search("minio|MINIO|/srv|folder", str(caught.value.user_message()))


def test_what_users_can_do_something_about_is_told() -> None:
    late = ProcessingTimeoutError("Processing timeout: a slice took longer than 3 s", "try fewer frames")
    assert (
        str(late.user_message())
        == str(late)
        == "Processing timeout: a slice took longer than 3 s: try fewer frames"
    )


def test_nothing_is_told_of_what_has_no_name() -> None:
    assert DomainError("the database rejected a row by constraint 'x'").user_message() == UNEXPECTED_ERROR


def test_operators_are_told_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DomainError) as caught, s3_errors("minio.internal:9000", "find the bucket"):
        raise OSError(errno.EIO, "Input/output error")
    report_domain_error(caught.value, as_json=False)
    told = capsys.readouterr().err
    assert "minio.internal:9000" in told
    assert "MINIO_ENDPOINT" in told
