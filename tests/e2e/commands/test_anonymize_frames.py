"""``framecloak anonymize-frames``: requests without the HTTP API."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.entrypoints.schemas.orders import SubmitBody
from support.patience import patience
from support.processes import command, service_process
from support.processes.installation import SHORT_VIDEO, Installation, error_line

pytest_plugins = ("support.processes.shared_installation",)

EXAMPLE = Path(__file__).parents[3] / "examples" / "frame_anonymization_batch.json"


def short_order(installation: Installation, **more: object) -> dict[str, object]:
    return {"video_id": SHORT_VIDEO, "segment_ids": [installation.segments[SHORT_VIDEO]], **more}


def lines_of_json(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_request_in_the_foreground(installation: Installation, tmp_path: Path) -> None:
    output = tmp_path / "frames.zip"
    done = installation.run(
        "anonymize-frames",
        *("--video-id", "1", "--segment-ids", str(installation.segments[SHORT_VIDEO]), "-o", output),
        *("--output-format", "png", "--redaction", "pixelate", "--priority", "high"),
        *("--reference", "STUDY-7"),
        installed=True,
    )
    request = installation.newest_request()
    assert (done.code, done.err) == (0, "")
    assert done.out == f"request {request.id} is completed: 6 frames, {output}\n"
    names = [
        f"frames/segment_{installation.segments[SHORT_VIDEO]}/frame_{index:07d}.png" for index in range(2, 8)
    ]
    assert command.Output(output).names == [*names, "report.html", "manifest.json", "manifest.sig"]
    assert [path.name for path in tmp_path.iterdir()] == ["frames.zip"]
    assert (request.status, request.spec.priority) == (Status.COMPLETED, "high")
    assert (request.spec.appearance.style, request.spec.reference) == ("pixelate", "STUDY-7")
    assert command.Output(output).manifest["order"]["reference"] == "STUDY-7"


def test_request_with_a_text_policy(installation: Installation, tmp_path: Path) -> None:
    output, names = tmp_path / "frames.zip", tmp_path / "names.txt"
    names.write_text("Mustermann, Erika\n\n", "utf-8")
    segment = str(installation.segments[SHORT_VIDEO])
    order = ("anonymize-frames", "--video-id", "1", "--segment-ids", segment, "-o", output)
    full = (*order, "--anonymization-level", "full", "--text", "identifying", "--keep", "times")
    assert installation.run(*full, "--names", names).code == 0
    text = installation.newest_request().spec.text
    assert (text.mode, sorted(text.keep)) == ("identifying", ["times"])
    assert (text.names, text.patterns) == (True, False)
    assert command.Output(output).manifest["text"]["names"] is True
    error_line(installation.run(*full, "--names", tmp_path / "missing"), 10)
    error_line(installation.run(*full, "--fail-open", "--force"), 25)


def test_request_is_left_to_the_workers_and_followed(installation: Installation, tmp_path: Path) -> None:
    segment = str(installation.segments[SHORT_VIDEO])
    submitted = installation.run(
        "anonymize-frames",
        "--video-id",
        "1",
        "--segment-ids",
        segment,
        "--async",
        "--json",
        "--quality",
        "50",
    )
    (view,) = lines_of_json(submitted.out)
    assert (submitted.code, submitted.err) == (0, "")
    assert (view["status"], view["total_frames"]) == ("pending", 6)

    reported = installation.run("anonymize-frames", "--status", view["request_id"], "--json")
    (status,) = lines_of_json(reported.out)
    assert (reported.code, status["status"], status["processed_frames"]) == (0, "pending", 0)
    early = installation.run(
        "anonymize-frames", "--status", view["request_id"], "-o", tmp_path / "frames.zip"
    )
    assert early.code == 94
    assert "pending" in early.out
    assert list(tmp_path.iterdir()) == []

    with service_process.started("worker", environment=addressed(installation)):
        while not (installation.status(view["request_id"])).is_final:
            time.sleep(0.1)
    late = installation.run("anonymize-frames", "--status", view["request_id"], "-o", tmp_path / "frames.zip")
    assert (late.code, late.err) == (0, "")
    assert view["request_id"] in late.out
    assert "completed" in late.out
    assert len(command.Output(tmp_path / "frames.zip").manifest["frames"]) == 6


def addressed(installation: Installation) -> dict[str, str]:
    return {
        **installation.environment,
        "DATABASE_URL": installation.settings.database_url,
        "REDIS_URL": installation.settings.redis_url,
    }


def test_result_of_a_foreground_request_can_be_downloaded_later(
    installation: Installation, tmp_path: Path
) -> None:
    segment = str(installation.segments[SHORT_VIDEO])
    done = installation.run("anonymize-frames", "--video-id", "1", "--segment-ids", segment, "--json")
    (view,) = lines_of_json(done.out)
    assert (done.code, done.err, view["status"]) == (0, "", "completed")
    fetched = installation.run(
        "anonymize-frames", "--status", view["request_id"], "-o", tmp_path / "a.zip", "--json"
    )
    assert (fetched.code, lines_of_json(fetched.out)[0]["progress"]) == (0, 100)
    assert (tmp_path / "a.zip").stat().st_size == view["result_bytes"]
    (tmp_path / "a.zip").write_bytes(b"precious")
    again = ("anonymize-frames", "--status", view["request_id"], "-o", tmp_path / "a.zip")
    assert "already exists" in error_line(installation.run(*again), 40)
    assert (tmp_path / "a.zip").read_bytes() == b"precious"
    assert installation.run(*again, "--force").code == 0
    assert (tmp_path / "a.zip").stat().st_size == view["result_bytes"]


def test_requests_are_listed_newest_first(installation: Installation) -> None:
    order = ("--video-id", "1", "--segment-ids", str(installation.segments[SHORT_VIDEO]), "--async", "--json")
    ids = [
        lines_of_json((installation.run("anonymize-frames", *order)).out)[0]["request_id"] for _ in range(2)
    ]
    listed = installation.run("anonymize-frames", "--list-requests", "--json")
    (views,) = lines_of_json(listed.out)
    assert [view["request_id"] for view in views[:2]] == ids[::-1]
    table = installation.run("anonymize-frames", "--list-requests")
    assert (table.code, table.err) == (0, "")
    lines = table.out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert [line.split()[0] for line in lines if line[:36] in ids] == ids[::-1]
    assert lines[-1] == f"{len(views)} of {len(views)}"


def test_statistics_and_cleanup_as_text_and_json(installation: Installation) -> None:
    (numbers,) = lines_of_json((installation.run("anonymize-frames", "--statistics", "--json")).out)
    assert set(numbers["requests"]) == {"pending", "processing", "completed", "failed", "cancelled"}
    table = installation.run("anonymize-frames", "--statistics")
    assert (table.code, table.err) == (0, "")
    assert "frames waiting" in table.out

    (removed,) = lines_of_json((installation.run("anonymize-frames", "--cleanup-expired", "--json")).out)
    swept = {"results", "uploads", "leftovers", "parts", "folders"}
    assert set(removed) == swept | {"tokens", "sessions", "galleries", "unfinished", "orphans", "failures"}
    assert removed.pop("failures") == {}
    cleaned = installation.run("anonymize-frames", "--cleanup-expired")
    assert (cleaned.code, cleaned.err) == (0, "")
    assert cleaned.out == f"removed {', '.join(f'0 {what}' for what in removed)}\n"


def test_a_bad_item_does_not_stop_the_batch(installation: Installation, tmp_path: Path) -> None:
    items = [
        short_order(installation),
        {"video_id": 1},
        short_order(installation, video_id=99),
        "no order at all",
        short_order(installation, anonymization_level="most"),
        short_order(installation, segment_ids=str(installation.segments[SHORT_VIDEO]), output_format="PNG"),
    ]
    batch = tmp_path / "batch.json"
    batch.write_text(json.dumps(items))
    done = installation.run("anonymize-frames", "--batch-file", batch, "--async", "--json")
    assert (done.code, done.err) == (4, "")
    results = lines_of_json(done.out)
    assert [result["index"] for result in results] == list(range(6))
    assert [result.get("code", result["status"]) for result in results] == [
        "accepted",
        "invalid_option",
        "video_not_found",
        "invalid_option",
        "invalid_level",
        "accepted",
    ]
    assert (installation.newest_request()).id == UUID(results[5]["request_id"])
    assert installation.status(results[0]["request_id"]) is Status.PENDING


def test_batch_in_the_foreground(installation: Installation, tmp_path: Path) -> None:
    batch = tmp_path / "batch.json"
    batch.write_text(json.dumps([short_order(installation), short_order(installation, segment_ids=[999])]))
    done = installation.run("anonymize-frames", "--batch-file", batch)
    request = installation.newest_request()
    accepted, completed, rejected = done.out.splitlines()
    assert done.code == 4
    assert accepted == f"item 0: accepted, request {request.id}"
    assert completed.startswith(f"request {request.id} is completed: 6 frames, ")
    assert rejected.startswith("item 1: rejected, ")
    assert request.status is Status.COMPLETED


def test_batch_item_may_be_left_to_the_workers(installation: Installation, tmp_path: Path) -> None:
    batch = tmp_path / "batch.json"
    items = [{**short_order(installation), "async": one} for one in (True, False, "true")]
    batch.write_text(json.dumps(items))
    done = installation.run("anonymize-frames", "--batch-file", batch, "--json")
    results = [line for line in lines_of_json(done.out) if "index" in line]
    assert done.code == 4
    assert [result.get("code", result["status"]) for result in results] == [
        "accepted",
        "accepted",
        "invalid_option",
    ]
    states = [installation.status(result["request_id"]) for result in results[:2]]
    assert states == [Status.PENDING, Status.COMPLETED]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, 10, "cannot be read (No such file or directory)"),
        ('[{"video_id": 1', 25, "is not JSON"),
        (b"\xff\xfe", 25, "is not JSON"),
        ("[" * 100_000, 25, "is not JSON"),
        ('{"video_id": 1}', 25, "does not contain a list of requests"),
    ],
)
def test_invalid_batch_file_is_refused(
    installation: Installation, tmp_path: Path, content: str | bytes | None, code: int, says: str
) -> None:
    batch = tmp_path / "batch.json"
    if content is not None:
        batch.write_bytes(content.encode() if isinstance(content, str) else content)
    line = error_line(installation.run("anonymize-frames", "--batch-file", batch), code)
    assert line.startswith(f"framecloak: {batch} ")
    assert says in line


def test_every_item_of_the_example_is_a_valid_request() -> None:
    items = json.loads(EXAMPLE.read_text())
    # The command reads `async` itself; the others are fields of an order.
    assert [item.pop("async", False) for item in items] == [True, False]
    orders = [msgspec.convert(item, SubmitBody).to_domain(Level.FACES, OutputFormat.JPG) for item in items]
    assert [order.video_id for order in orders] == [1, 2]
    assert [order.segment_ids for order in orders] == [(1, 2, 3), (4, 5)]
    assert [order.level for order in orders] == [Level.FACES, Level.FULL]
    assert [order.appearance.output_format for order in orders] == ["jpg", "png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give exactly one of --video-id, --batch-file, --status"),
        (["--list-requests", "--statistics"], "give exactly one of"),
        (["--video-id", "1", "--batch-file", "b.json"], "give exactly one of"),
        (["--video-id", "1"], "--video-id needs --segment-ids"),
        (["--video-id", "1", "--segment-ids", "1;2"], "'1;2' is not a list of numbers"),
        (["--video-id", "0", "--segment-ids", "1"], "0 is not in the range"),
        (["--video-id", "1", "--segment-ids", "1", "--async", "-o", "a.zip"], "--output requires"),
        (["--batch-file", "b.json", "-o", "a.zip"], "--output requires"),
        (["--list-requests", "--force"], "--force requires"),
        (["--list-requests", "-o", "a.zip"], "--output requires"),
        (["--status", str(uuid4()), "--segment-ids", "1"], "--segment-ids requires --video-id"),
        (["--batch-file", "b.json", "--anonymization-level", "faces"], "--anonymization-level requires"),
        (["--statistics", "--async"], "--async requires --video-id or --batch-file"),
        (["--cleanup-expired", "--as", "root"], "--as requires --video-id or --batch-file"),
        (["--status", "1"], "'1' is not a valid UUID"),
        (["--video-id", "1", "--segment-ids", "1", "--quality", "0"], "0 is not in the range"),
    ],
)
def test_contradictory_modes_and_options_are_refused(arguments: list[str], says: str) -> None:
    line = error_line(command.run("anonymize-frames", *arguments), 2)
    assert says in line
    assert line.endswith("see `framecloak anonymize-frames --help`")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--video-id", "99", "--segment-ids", "1"], 80, "video 99"),
        (["--video-id", "1", "--segment-ids", "99"], 90, "99"),
        (["--video-id", "1", "--segment-ids", "1", "--output-format", "tiff"], 24, "tiff"),
        (["--video-id", "1", "--segment-ids", "1", "--as", "stranger"], 100, "'stranger'"),
        (["--video-id", "1", "--segment-ids", "1", "-o", "/nowhere/a.zip"], 40, "/nowhere is not a folder"),
        (["--video-id", "1", "--segment-ids", "1", "-o", "/"], 40, "it is a folder"),
        (["--status", "12345678-1234-5678-1234-567812345678"], 92, "request"),
    ],
)
def test_invalid_request_ends_with_one_line(
    installation: Installation, arguments: list[str], code: int, says: str
) -> None:
    assert says in error_line(installation.run("anonymize-frames", *arguments), code)


def test_ctrl_c_in_the_foreground_cancels_the_request_and_leaves_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    with installation.processing_long_video(tmp_path / "frames.zip") as (process, request_id):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=patience(60))
    assert len(err.splitlines()) == 2, err
    cancelled, interrupted = err.splitlines()
    assert (process.returncode, out) == (130, "")
    assert cancelled == f"request {request_id} is cancelled"
    assert interrupted.startswith("framecloak: interrupted: ")
    assert installation.status(str(request_id)) is Status.CANCELLED
    assert list(tmp_path.iterdir()) == []
    # The remaining folder is that of the service in this process.
    assert list(installation.settings.temp_storage_path.iterdir()) == [installation.service.scratch]
    assert list(installation.service.scratch.iterdir()) == []
    assert not any(str(request_id) in key for key in installation.objects)
