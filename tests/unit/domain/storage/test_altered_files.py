"""Files altered in the object store are not processed, delivered, reviewed or rendered again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import pytest

from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.errors import (
    ForbiddenError,
    NotReadyError,
    ObjectNotFoundError,
    OriginalDamagedError,
    ResultDamagedError,
)
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.ports.object_store import StoredObject
from support.use_cases import FakeService, chunks
from support.worker_harness import WorkerHarness

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    return WorkerHarness(FakeService(tmp_path))


def swap(harness: WorkerHarness, prefix: str) -> str:
    """Replace an object by another one of the same length, and return its key."""
    objects = harness.world.fake_store.objects
    (key,) = [key for key in objects if key.startswith(prefix)]
    objects[key] = bytes(reversed(objects[key]))
    return key


async def test_a_swapped_original_fails_the_request_and_raises_an_alarm(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    request_id = await harness.submit((0, 5))
    key = swap(harness, "videos/")
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.error_code) == (Status.FAILED, "original_damaged")
    assert harness.results() == {}
    assert harness.meter.damaged == ["original"]
    assert harness.world.fake_store.forgotten == [key]
    (alarm,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert (alarm.kind, alarm.key) == ("original", key)  # type: ignore[attr-defined]


async def test_a_swapped_part_is_not_assembled(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    worker = harness.worker()
    await harness.world.dispatcher.run()
    lease = await worker.lease(request_id)
    assert lease
    await worker.process(lease)
    swap(harness, f"requests/{request_id}/slices/")
    await harness.process(request_id, worker)
    request = await harness.request(request_id)
    assert (request.status, request.error_code) == (Status.FAILED, "result_damaged")
    assert harness.meter.damaged == ["part"]
    assert harness.results() == {}


async def test_a_result_is_recorded_with_its_digest(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    ((key, data),) = harness.results().items()
    expected = StoredResult(key, len(data), hashlib.sha256(data).hexdigest())
    assert (await harness.request(request_id)).require_stored_result() == expected


async def test_frames_and_proposals_of_a_swapped_original_are_not_shown(harness: WorkerHarness) -> None:
    await harness.submit((0, 5))
    video_id, world = harness.request_spec.video_id, harness.world
    assert await world.collection.frame(harness.anna, video_id, 0, None)
    swap(harness, "videos/")
    with pytest.raises(OriginalDamagedError):
        await world.collection.frame(harness.anna, video_id, 0, None)
    with pytest.raises(OriginalDamagedError):
        await world.overlays.propose(harness.anna, video_id)
    assert world.meter.damaged == ["original"] * 2


@pytest.mark.parametrize("length", ["same", "shorter"])
async def test_a_swapped_result_is_not_reviewed_rendered_or_found(
    harness: WorkerHarness, length: str
) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    world, anna = harness.world, harness.anna
    frame = await world.reviewing.frame(anna, request_id, 0)
    assert await world.reviewing.read(anna, request_id, frame)
    key = swap(harness, f"requests/{request_id}/frames.zip")
    if length == "shorter":
        world.fake_store.objects[key] = world.fake_store.objects[key][:-1]
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    with pytest.raises(ResultDamagedError):
        await world.reviewing.read(anna, request_id, frame)
    with pytest.raises(ResultDamagedError):
        await world.reviewing.riskiest(anna, request_id, 10, 0)
    with pytest.raises(ResultDamagedError):
        await world.resubmissions.submit(anna, request_id, RerenderSpec(()))
    with pytest.raises(ResultDamagedError):
        await world.delivery.find_result(request_id, token)
    assert set(world.meter.damaged) == {"result"}


async def _shown_frame(harness: WorkerHarness, request_id: UUID) -> bytes:
    frame = await harness.world.reviewing.frame(harness.anna, request_id, 0)
    return await harness.world.reviewing.read(harness.anna, request_id, frame)


READERS: dict[str, Callable[[WorkerHarness, UUID], Awaitable[object]]] = {
    "frame": _shown_frame,
    "ranking": lambda harness, request_id: harness.world.reviewing.riskiest(harness.anna, request_id, 10, 0),
    "release": lambda harness, request_id: harness.world.use_cases.releases.release(harness.anna, request_id),
    "rerender": lambda harness, request_id: harness.world.resubmissions.submit(
        harness.anna, request_id, RerenderSpec(())
    ),
}


def swap_after_check(harness: WorkerHarness, request_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace a result by another intact one, always between its comparison and its reading."""
    store, key = harness.world.fake_store, f"requests/{request_id}/frames.zip"
    genuine, stat = store.objects[key], store.stat
    memory = io.BytesIO()
    with ZipFile(io.BytesIO(genuine)) as archive, ZipFile(memory, "w") as other:
        for name in archive.namelist():
            document = archive.read(name)
            other.writestr(name, document.replace(b'"index": 0', b'"index": 9') + b" ")

    async def swapped(stored_key: str) -> StoredObject:
        store.objects[key] = genuine
        stored = await stat(stored_key)
        store.objects[key] = memory.getvalue()
        return stored

    monkeypatch.setattr(store, "stat", swapped)


@pytest.mark.parametrize("seen_before", [True, False])
@pytest.mark.parametrize("reader", READERS)
async def test_nothing_of_a_result_swapped_after_the_comparison_is_read(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, reader: str, *, seen_before: bool
) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    if seen_before:
        await _shown_frame(harness, request_id)
    swap_after_check(harness, request_id, monkeypatch)
    with pytest.raises(NotReadyError):
        await READERS[reader](harness, request_id)


async def test_a_frame_of_a_video_swapped_while_it_is_read_is_not_shown(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.appearance = Appearance(OutputFormat.MP4)
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    assert await _shown_frame(harness, request_id)
    swap_after_check(harness, request_id, monkeypatch)
    with pytest.raises(ResultDamagedError):
        await _shown_frame(harness, request_id)
    assert harness.world.meter.damaged == ["result"]


async def test_a_download_of_a_result_swapped_after_the_comparison_fails(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    await _shown_frame(harness, request_id)
    swap_after_check(harness, request_id, monkeypatch)
    content = await harness.world.delivery.fetch(OPERATOR, request_id)
    with pytest.raises(ObjectNotFoundError):
        await anext(content)


async def test_the_end_of_a_swapped_result_is_withheld(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    world = harness.world
    key = swap(harness, f"requests/{request_id}/frames.zip")
    token = (await world.anonymization.issue_download_token(harness.anna, request_id)).token
    found = await world.delivery.find_result(request_id, token, checked_while_read=True)
    received: list[bytes] = []

    async def download() -> None:
        chunks_read = world.delivery.checked(found, world.store.read(key))
        while chunk := await anext(chunks_read):
            received.append(chunk)

    with pytest.raises(ResultDamagedError):
        await download()
    assert 0 < len(b"".join(received)) < found.stored.size


async def test_an_intact_result_is_delivered_whole_and_hashed_once(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    ((key, data),) = harness.results().items()
    world = harness.world
    token = (await world.anonymization.issue_download_token(harness.anna, request_id)).token
    found = await world.delivery.find_result(request_id, token, checked_while_read=True)
    assert b"".join([chunk async for chunk in world.delivery.checked(found, world.store.read(key))]) == data
    again = world.store.read(key)
    assert world.delivery.checked(found, again) is again


async def test_a_verification_names_all_damaged_files_and_what_to_do(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    world = harness.world
    verification = world.use_cases.storage_verification
    report = await verification.verify(OPERATOR)
    assert (report.checked, report.damaged, report.without_sha256) == (2, [], 0)
    result = swap(harness, f"requests/{request_id}/")
    (video,) = [key for key in world.fake_store.objects if key.startswith("videos/")]
    await world.store.remove(video)
    report = await verification.verify(OPERATOR)
    assert [(damaged.file.key, damaged.file.kind) for damaged in report.damaged] == [
        (video, "original"),
        (result, "result"),
    ]
    missing, altered = report.damaged
    assert missing.problem == "it is missing"
    assert altered.problem.startswith("it has the SHA-256 ")
    assert all("from a backup" in damaged.advice for damaged in report.damaged)
    sizes = await verification.verify(OPERATOR, sizes_only=True)
    assert [damaged.file.key for damaged in sizes.damaged] == [video]


async def test_parts_are_verified_while_a_request_is_processed(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    worker = harness.worker()
    await harness.world.dispatcher.run()
    lease = await worker.lease(request_id)
    assert lease
    await worker.process(lease)
    part = swap(harness, f"requests/{request_id}/slices/")
    report = await harness.world.use_cases.storage_verification.verify(OPERATOR)
    assert [(damaged.file.key, damaged.file.kind) for damaged in report.damaged] == [(part, "part")]


async def test_only_administrators_verify_the_store(harness: WorkerHarness) -> None:
    anna = await harness.world.person("anna")
    with pytest.raises(ForbiddenError):
        await harness.world.use_cases.storage_verification.verify(anna)


async def test_results_without_a_recorded_digest_are_checked_by_size(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.complete(request_id, sha256=None)
    token = (await harness.world.anonymization.issue_download_token(harness.anna, request_id)).token
    assert (await harness.world.delivery.find_result(request_id, token)).stored.size == 3
    assert (await harness.world.use_cases.storage_verification.verify(OPERATOR)).without_sha256 == 1
    await harness.world.store.put(f"requests/{request_id}/frames.zip", chunks(b"zi"))
    with pytest.raises(ResultDamagedError):
        await harness.world.delivery.find_result(request_id, token)
