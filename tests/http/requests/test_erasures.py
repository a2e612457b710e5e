"""Deleting results, and videos with everything derived from them, with receipts."""

from __future__ import annotations

import hashlib
import io
from uuid import UUID
from zipfile import ZipFile

import pytest

from framecloak.domain.errors import StorageUnavailableError
from framecloak.domain.ports.database import AuditFilter
from support.http.api import Scene
from support.use_cases import chunks

REQUESTS = "/api/frames/anonymize"
MANIFEST = b"{}"


def _archive(manifest: bytes = MANIFEST) -> bytes:
    memory = io.BytesIO()
    with ZipFile(memory, "w") as archive:
        archive.writestr("manifest.json", manifest)
    return memory.getvalue()


async def test_a_result_is_deleted_with_a_receipt_that_stays(scene: Scene) -> None:
    request = str(await scene.request(archive=_archive()))
    await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")
    assert (await scene.bob.delete(f"{REQUESTS}/{request}/result")).json()["code"] == "request_not_found"
    answer = await scene.ada.delete(f"{REQUESTS}/{request}/result")
    assert answer.status_code == 200
    receipt = answer.json()
    digest = hashlib.sha256(MANIFEST).hexdigest()
    size = len(_archive())
    result = {"request_id": request, "reference": None, "result_bytes": size, "manifest_sha256": digest}
    assert (receipt["erased_by"], receipt["video_id"], receipt["results"]) == ("ada", None, [result])
    assert not [key for key in scene.api.stored() if request in key]
    listed = (await scene.ada.get(f"{REQUESTS}/requests/{request}")).json()
    assert (listed["status"], listed["result_bytes"]) == ("completed", None)
    for path in (f"download/{request}/", f"{request}/manifest/"):
        assert (await scene.ada.get(f"{REQUESTS}/{path}")).json()["code"] == "not_ready"
    assert (await scene.ada.delete(f"{REQUESTS}/{request}/result")).json()["code"] == "not_ready"
    (entry,) = await _audited(scene, f"request:{request}", "result.erase")
    assert (entry["receipt"], entry["results"]) == (
        receipt["receipt_id"],
        [{"request_id": request, "reference": None, "bytes": size, "manifest_sha256": digest}],
    )


async def _audited(scene: Scene, subject: str, action: str) -> list[dict[str, object]]:
    async with scene.api.world.database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(subject=subject), 100)
    return [dict(entry.details) for entry in entries if entry.action == action]


@pytest.mark.parametrize("length", ["same", "other"])
async def test_a_receipt_names_no_manifest_of_an_archive_that_was_replaced(scene: Scene, length: str) -> None:
    request = str(await scene.request(archive=_archive()))
    # In one case an intact archive of the same length, but not the one that was made.
    other = _archive(b"[]") if length == "same" else b"zip"
    await scene.api.world.store.put(f"requests/{request}/frames.zip", chunks(other))
    receipt = (await scene.ada.delete(f"{REQUESTS}/{request}/result")).json()
    assert [each["manifest_sha256"] for each in receipt["results"]] == [None]
    assert not [stored for stored in scene.api.stored() if request in stored]
    assert scene.api.world.meter.damaged == ["result"]


async def test_an_unfinished_request_has_no_result_to_delete(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    assert (await scene.ada.delete(f"{REQUESTS}/{request}/result")).json()["code"] == "not_ready"
    answer = await scene.ada.delete(f"/api/videos/{scene.video}/everything")
    assert answer.json()["code"] == "video_in_use"
    assert (await scene.ada.get(f"/api/videos/{scene.video}")).status_code == 200


async def test_a_video_is_deleted_with_the_results_of_all_accounts(scene: Scene) -> None:
    first = str(await scene.request())
    await scene.ada.put(f"/api/videos/{scene.video}/grants/", json={"username": "bob", "role": "editor"})
    body = {"video_id": scene.video, "segment_ids": [scene.segment], "reference": "STUDY-7"}
    second = (await scene.bob.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    await scene.api.world.complete(UUID(second))
    address = f"/api/videos/{scene.video}/everything"
    assert (await scene.bob.delete(address)).json()["code"] == "forbidden"
    sha256 = (await scene.ada.get(f"/api/videos/{scene.video}")).json()["sha256"]
    receipt = (await scene.ada.delete(address)).json()
    assert (receipt["video_id"], receipt["video_sha256"]) == (scene.video, sha256)
    assert [each["request_id"] for each in receipt["results"]] == [first, second]
    # Three bytes are no archive: what is damaged is deleted all the same.
    assert [each["manifest_sha256"] for each in receipt["results"]] == [None, None]
    assert [each["reference"] for each in receipt["results"]] == [None, "STUDY-7"]
    assert scene.api.stored() == []
    assert (await scene.ada.get(f"/api/videos/{scene.video}")).status_code == 404
    assert (await scene.ada.delete(address)).status_code == 404
    (entry,) = await _audited(scene, f"video:{scene.video}", "video.erase")
    assert (entry["receipt"], entry["video_sha256"]) == (receipt["receipt_id"], sha256)


async def test_nothing_is_forgotten_while_the_store_cannot_be_reached(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.request(archive=_archive())
    before = scene.api.stored()

    async def fail(_: str) -> int:
        raise StorageUnavailableError("the store cannot be reached", "try again")

    monkeypatch.setattr(scene.api.store, "remove_prefix", fail)
    answer = await scene.ada.delete(f"/api/videos/{scene.video}/everything")
    assert answer.json()["code"] == "storage_unavailable"
    assert scene.api.stored() == before
    assert (await scene.ada.get(f"/api/videos/{scene.video}")).status_code == 200
