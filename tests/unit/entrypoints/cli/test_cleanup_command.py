"""What ``framecloak anonymize-frames --cleanup-expired`` says of what it could not remove."""

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

SHORT = CleanupFailure(CleanupStep.DOWNLOAD_RIGHTS, 3, "the database cannot be reached: start it")


class FakeCleaner:
    def __init__(self, report: CleanupReport) -> None:
        self.report = report

    async def run(self) -> CleanupReport:
        return self.report


def wanted(*, as_json: bool) -> RequestArguments:
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
    return await requests.execute(wanted(as_json=as_json))


async def test_people_are_told_what_could_not_be_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = CleanupReport(results=2, step_failures=(SHORT,))
    assert await clean_up(monkeypatch, report, as_json=False) == CLEANUP_INCOMPLETE == 6
    told = capsys.readouterr()
    assert "2 results" in told.out
    assert told.err == (
        "framecloak: clean-up of download rights failed 3 time(s); first: "
        "the database cannot be reached: start it\n"
    )


async def test_programs_are_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = CleanupReport(results=2, step_failures=(SHORT,))
    assert await clean_up(monkeypatch, report, as_json=True) == CLEANUP_INCOMPLETE
    told = capsys.readouterr()
    done = json.loads(told.out)
    assert (done["results"], done["failures"]) == (2, {"download_rights": 3})
    assert json.loads(told.err)["code"] == "cleanup_incomplete"


async def test_when_all_went_well_there_is_nothing_to_tell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await clean_up(monkeypatch, CleanupReport(results=2), as_json=False) == SUCCESS
    assert capsys.readouterr().err == ""
