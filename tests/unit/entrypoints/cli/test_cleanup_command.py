"""Report of ``framecloak anonymize-frames --cleanup-expired`` about failed deletions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from framecloak.domain.anonymization.requests.cleanup_report import CleanupFailure, CleanupReport, CleanupStep
from framecloak.entrypoints.cli.exit_codes import CLEANUP_INCOMPLETE, SUCCESS
from framecloak.entrypoints.cli.requests import run as requests
from framecloak.entrypoints.cli.requests.arguments import RequestArguments
from framecloak.entrypoints.settings import Settings

RIGHTS_FAILURE = CleanupFailure(CleanupStep.DOWNLOAD_RIGHTS, 3, "the database cannot be reached: start it")


class FakeCleaner:
    def __init__(self, report: CleanupReport) -> None:
        self.report = report

    async def run(self) -> CleanupReport:
        return self.report


def cleanup_arguments(*, as_json: bool) -> RequestArguments:
    return RequestArguments(
        video_id=None,
        batch_file=None,
        status=None,
        list_requests=False,
        statistics=False,
        cleanup_expired=True,
        body={},
        in_background=False,
        output=None,
        overwrite=False,
        before_release=False,
        username=None,
        as_json=as_json,
        data_dir=None,
    )


async def clean_up(monkeypatch: pytest.MonkeyPatch, report: CleanupReport, *, as_json: bool) -> int:
    @asynccontextmanager
    async def connected(_: str | None) -> AsyncIterator[SimpleNamespace]:
        use_cases = SimpleNamespace(cleanup=FakeCleaner(report))
        yield SimpleNamespace(settings=Settings.from_environment({}), use_cases=use_cases)

    monkeypatch.setattr(requests, "connected_service", connected)
    return await requests.execute(cleanup_arguments(as_json=as_json))


async def test_failures_are_reported_as_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = CleanupReport(results=2, step_failures=(RIGHTS_FAILURE,))
    assert await clean_up(monkeypatch, report, as_json=False) == CLEANUP_INCOMPLETE == 6
    captured = capsys.readouterr()
    assert "2 results" in captured.out
    assert captured.err == (
        "framecloak: clean-up of download rights failed 3 time(s); first: "
        "the database cannot be reached: start it\n"
    )


async def test_failures_are_reported_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = CleanupReport(results=2, step_failures=(RIGHTS_FAILURE,))
    assert await clean_up(monkeypatch, report, as_json=True) == CLEANUP_INCOMPLETE
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert (printed["results"], printed["failures"]) == (2, {"download_rights": 3})
    assert json.loads(captured.err)["code"] == "cleanup_incomplete"


async def test_nothing_is_reported_when_all_steps_succeed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await clean_up(monkeypatch, CleanupReport(results=2), as_json=False) == SUCCESS
    assert capsys.readouterr().err == ""
