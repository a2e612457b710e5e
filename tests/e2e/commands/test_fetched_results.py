"""Results that ``framecloak anonymize-frames`` writes were compared, and released or asked for on purpose."""

from __future__ import annotations

import json
from pathlib import Path

from support.processes import command
from support.processes.installation import SHORT_VIDEO, Installation, error_line

pytest_plugins = ("support.processes.shared_installation",)


def order(installation: Installation) -> tuple[str, ...]:
    segment = installation.segments[SHORT_VIDEO]
    return ("anonymize-frames", "--video-id", str(SHORT_VIDEO), "--segment-ids", str(segment))


def last_error(result: command.Result) -> str:
    """Return the code of an error; the log may stand before it."""
    return str(json.loads(result.err.splitlines()[-1])["code"])


def test_a_result_that_is_not_released_is_fetched_only_on_purpose(
    installation: Installation, tmp_path: Path
) -> None:
    environment = {**installation.environment, "RESULT_RELEASE": "required"}
    before = installation.requests()
    at_once = command.run(*order(installation), "-o", tmp_path / "early.zip", environment=environment)
    assert "--before-release" in error_line(at_once, 59)
    assert [request.id for request in installation.requests()] == [request.id for request in before]
    view = json.loads(command.run(*order(installation), "--json", environment=environment).out)
    fetch = ("anonymize-frames", "--status", view["request_id"], "--json", "-o", tmp_path / "a.zip")
    refused = command.run(*fetch, environment=environment)
    assert (refused.code, last_error(refused)) == (59, "not_released")
    assert list(tmp_path.iterdir()) == []
    assert command.run(*fetch, "--before-release", environment=environment).code == 0
    assert (tmp_path / "a.zip").stat().st_size == view["result_bytes"]
    entries = installation.rows("audit", "--subject", f"request:{view['request_id']}")
    fetched = [entry["details"] for entry in entries if entry["action"] == "result.fetch"]
    assert fetched == [{"before_release": True}]


def test_the_exception_is_refused_without_an_output(installation: Installation) -> None:
    alone = installation.run("anonymize-frames", "--list-requests", "--before-release")
    assert "--before-release requires --output" in alone.err


def test_a_swapped_or_cut_result_is_not_written(installation: Installation, tmp_path: Path) -> None:
    view = json.loads(installation.run(*order(installation), "--json").out)
    stored = installation.settings.data_dir / "objects" / f"requests/{view['request_id']}/frames.zip"
    content = stored.read_bytes()
    output = tmp_path / "a.zip"
    fetch = ("anonymize-frames", "--status", view["request_id"], "-o", output, "--json")
    try:
        for altered in (content[:-100] + bytes(100), content[:-100]):
            stored.write_bytes(altered)
            refused = installation.run(*fetch)
            assert (refused.code, last_error(refused)) == (58, "result_damaged")
            assert list(tmp_path.iterdir()) == []
    finally:
        stored.write_bytes(content)
    assert installation.run(*fetch).code == 0
    assert output.read_bytes() == content
