"""Releases of results over HTTP, and their condition for downloads."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest

from fakes.media import PROBED_VIDEO
from fakes.results import FakeMp4Reader, FakeSigner, is_signed
from framecloak.adapters.media.zip.archive import ZipReader
from framecloak.domain.anonymization.results.proof.findings import ProblemKind
from framecloak.domain.anonymization.results.proof.release_addendum import read_release
from framecloak.domain.anonymization.results.proof.verification import verify_archive
from support.http.api import Scene
from support.worker_harness import WorkerHarness

BASE = "/api/frames/anonymize"


async def make_result(scene: Scene) -> UUID:
    """Process a request for ten frames of Ada's video."""
    world = scene.api.world
    world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    harness = WorkerHarness(world)
    spec = await world.request_spec(scene.owner, (0, 10))
    harness.anna = scene.owner
    harness.request_spec = replace(spec, appearance=harness.appearance)
    request_id = (await world.submissions.submit(scene.owner, harness.request_spec)).request.id
    await harness.process(request_id)
    return request_id


async def test_a_reviewer_marks_frames_and_releases_the_result(scene: Scene) -> None:
    request = await make_result(scene)
    path, ada = f"{BASE}/{request}", scene.ada
    early = await ada.get(f"{path}/release/")
    assert (early.status_code, early.json()["code"]) == (409, "not_released")
    begun = (await ada.get(f"{path}/seen/")).json()
    assert (begun["frames"], begun["seen"], begun["may_release"], begun["released_at"]) == (10, 0, True, None)
    seen = await ada.post(f"{path}/seen/", json={"frames": [0, 1, 1]})
    assert (seen.status_code, seen.json()["seen"]) == (200, 2)
    report = await ada.get(f"{path}/report/")
    released = await ada.post(f"{path}/release/")
    assert (released.status_code, released.json()["released_by"]) == (201, "ada")
    again = await ada.post(f"{path}/release/")
    assert (again.status_code, again.json()["code"]) == (409, "already_released")
    signed_off = await ada.get(f"{path}/report/", headers={"If-None-Match": report.headers["etag"]})
    assert signed_off.status_code == 200
    assert "<dt>Released by</dt><dd>ada</dd>" in signed_off.text
    assert "Released by" not in report.text
    manifest = (await ada.get(f"{path}/manifest/")).content
    document = await ada.get(f"{path}/release/")
    assert document.headers["content-type"] == "application/json"
    assert document.headers["content-disposition"] == f'attachment; filename="release_{request}.json"'
    stated = read_release(
        document.content, hashlib.sha256(manifest).hexdigest(), is_signed, FakeSigner().public_key
    )
    assert stated.released_by == "ada"
    store = scene.api.store
    key = FakeSigner().public_key
    changed = document.content.replace(b'"ada"', b'"eve"')
    with ZipReader(store._root / f"requests/{request}/frames.zip") as archive:
        verified = verify_archive(archive, is_signed, FakeMp4Reader(), key, release=document.content)
        refused = verify_archive(archive, is_signed, FakeMp4Reader(), key, release=changed)
    assert verified.release == stated
    assert ProblemKind.RELEASE_INVALID not in {problem.kind for problem in verified.problems}
    assert refused.release is None
    assert ProblemKind.RELEASE_INVALID in {problem.kind for problem in refused.problems}
    view = (await ada.get(f"{BASE}/requests/{request}/")).json()
    assert (view["released_by"], view["released_at"]) == ("ada", released.json()["released_at"])
    assert (await ada.get(f"{BASE}/status/{request}/")).json()["released_by"] == "ada"
    video = (await ada.get(f"/api/videos/{view['video_id']}/")).json()
    assert video["state"] == "released"


@pytest.mark.parametrize(
    ("method", "part"), [("GET", "seen"), ("POST", "seen"), ("POST", "release"), ("GET", "release")]
)
async def test_releases_require_access_to_the_request(scene: Scene, method: str, part: str) -> None:
    path = f"{BASE}/{await make_result(scene)}/{part}/"
    body = {"frames": [0]} if (method, part) == ("POST", "seen") else None
    answer = await scene.bob.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")
    assert (await scene.api.client().request(method, path, json=body)).status_code == 401
    assert (await scene.admin.request(method, path, json=body)).status_code in {200, 201, 409}


@pytest.mark.parametrize("frames", [[], [-1], [1.5], ["1"], [0] * 1001])
async def test_frames_are_a_list_of_indices(scene: Scene, frames: list[object]) -> None:
    path = f"{BASE}/{await make_result(scene)}/seen/"
    assert (await scene.ada.post(path, json={"frames": frames})).status_code == 422
    outside = await scene.ada.post(path, json={"frames": [10]})
    assert (outside.status_code, outside.json()["code"]) == (404, "frame_not_found")


async def test_deleting_a_result_deletes_its_marks(scene: Scene) -> None:
    request = await make_result(scene)
    await scene.ada.post(f"{BASE}/{request}/seen/", json={"frames": [0]})
    await scene.ada.post(f"{BASE}/{request}/release/")
    await scene.ada.delete(f"{BASE}/{request}/result")
    assert (await scene.ada.get(f"{BASE}/{request}/seen/")).json()["code"] == "not_ready"
    assert (await scene.ada.get(f"{BASE}/{request}/release/")).status_code == 200
    assert scene.api.world.fake_database.tables.seen_frames == {}
