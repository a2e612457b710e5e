"""The archive of a batch has only what its reader may have, and only what was made."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from uuid import UUID
from zipfile import ZipFile

import httpx
import pytest
from litestar.exceptions import LitestarException

from framecloak.domain.anonymization.batches.results import Bundle
from framecloak.domain.anonymization.model.record.policy import NamedPeople, ResultPolicy
from framecloak.domain.errors import ForbiddenError, ResultDamagedError
from framecloak.domain.model.accounts import Means, principal_of
from support.http import asgi
from support.http.api import VIDEO, Scene
from support.releases import signed_release
from support.use_cases import chunks

BATCHES = "/api/batches"


@dataclass
class Ordered:
    """A batch of Bob's: the first video is Ada's and shared with him, the second is his own.

    Attributes:
        address: path of the download.
        requests: ids of the two orders.
        results: archives of the two results.
    """

    scene: Scene
    address: str
    requests: list[UUID]
    results: list[bytes]

    @property
    def keys(self) -> list[str]:
        return [f"requests/{request}/frames.zip" for request in self.requests]

    async def revoke(self) -> None:
        """End the grant on Ada's video."""
        scene = self.scene
        answer = await scene.ada.delete(f"/api/videos/{scene.video}/grants/{scene.bob_id}")
        assert answer.status_code == 204, answer.text

    async def put(self, number: int, content: bytes) -> None:
        """Replace a stored result."""
        await self.scene.api.world.store.put(self.keys[number], chunks(content))

    async def bundle(self) -> Bundle:
        """Open the download as Bob."""
        world = self.scene.api.world
        async with world.database.unit_of_work() as work:
            bob = principal_of(await work.users.get(self.scene.bob_id), Means.SESSION)
        return await world.use_cases.batch_results.open(bob, UUID(self.address.split("/")[3]))


@pytest.fixture
async def ordered(scene: Scene) -> Ordered:
    grant = {"username": "bob", "role": "editor"}
    assert (await scene.ada.put(f"/api/videos/{scene.video}/grants/", json=grant)).status_code < 300
    own = (await scene.bob.post("/api/videos/?filename=own.mp4", content=b"film", headers=VIDEO)).json()["id"]
    await scene.bob.post(f"/api/videos/{own}/segments/", json={"start_frame": 0, "end_frame": 10})
    body = {"videos": [{"video_id": scene.video}, {"video_id": own}], "reference": "STUDY-7"}
    batch = (await scene.bob.post(f"{BATCHES}/", json=body)).json()
    assert batch["rejected"] == 0, batch
    requests = [UUID(item["request_id"]) for item in batch["items"]]
    results = []
    for request in requests:
        memory = io.BytesIO()
        with ZipFile(memory, "w") as archive:
            archive.writestr("frames/1.png", b"\0" * 1000)
            archive.writestr("report.html", f"report of {request}")
        await scene.api.world.complete(request, archive=memory.getvalue())
        results.append(memory.getvalue())
    return Ordered(scene, f"{BATCHES}/{batch['batch_id']}/download", requests, results)


def opened(answer: httpx.Response) -> ZipFile:
    assert answer.status_code == 200, answer.text
    return ZipFile(io.BytesIO(answer.content))


async def test_a_result_is_left_out_when_its_video_is_no_longer_shared(ordered: Ordered) -> None:
    await ordered.revoke()
    answer = await ordered.scene.bob.get(ordered.address, params={"language": "en"})
    with opened(answer) as archive:
        results = [archive.read(name) for name in archive.namelist() if name.startswith("results/")]
        page = archive.read("index.html").decode()
    assert results == [ordered.results[1]]
    assert f"report of {ordered.requests[0]}".encode() not in answer.content
    assert page.count("no longer shared") == 1
    german = await ordered.scene.bob.get(ordered.address, params={"language": "de"})
    with opened(german) as archive:
        assert "nicht mehr geteilt" in archive.read("index.html").decode()


async def test_without_any_right_left_the_download_is_refused(ordered: Ordered) -> None:
    await ordered.revoke()
    await ordered.scene.bob.delete(f"/api/frames/anonymize/{ordered.requests[1]}/result")
    answer = await ordered.scene.bob.get(ordered.address)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_rights_are_asked_when_the_turn_of_a_result_comes(ordered: Ordered) -> None:
    bundle = await ordered.bundle()
    assert (await anext(bundle.entries))[0] == "index.html"
    await ordered.revoke()
    with pytest.raises(ForbiddenError, match="no longer shared"):
        await anext(bundle.entries)


@pytest.mark.parametrize("number", [0, 1])
async def test_a_cut_result_is_refused_before_anything_is_sent(ordered: Ordered, number: int) -> None:
    await ordered.put(number, ordered.results[number][:-1])
    answer = await ordered.scene.bob.get(ordered.address)
    assert (answer.status_code, answer.json()["code"]) == (409, "result_damaged")
    assert ordered.scene.api.world.meter.damaged == ["result"]


@pytest.mark.parametrize("number", [0, 1])
async def test_the_archive_ends_at_a_swapped_result(ordered: Ordered, number: int) -> None:
    swapped = ordered.results[number].replace(b"\0" * 1000, b"\1" * 1000)
    assert len(swapped) == len(ordered.results[number])
    await ordered.put(number, swapped)
    headers = {"authorization": ordered.scene.bob.headers["authorization"]}
    # The response had begun: the server closes the connection before its end.
    with pytest.raises(LitestarException, match="after response started"):
        await asgi.call(ordered.scene.api.app, "GET", ordered.address, headers)
    assert ordered.scene.api.world.meter.damaged == ["result"]


async def test_the_report_of_a_swapped_result_is_not_in_the_bundle(ordered: Ordered) -> None:
    bundle = await ordered.bundle()
    await ordered.put(0, ordered.results[0].replace(b"report of", b"forged by"))
    names: list[str] = []

    async def download() -> None:
        async for name, content in bundle.entries:
            names.append(name)
            async for _ in content:
                pass

    with pytest.raises(ResultDamagedError):
        await download()
    assert [name.partition("/")[0] for name in names] == ["index.html", "results"]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_released_result_goes_out_with_its_proof(ordered: Ordered, language: str) -> None:
    world, request = ordered.scene.api.world, ordered.requests[0]
    released_at = world.clock.now()
    document = signed_release(request, released_at, "<Eve>")
    async with world.database.unit_of_work() as work:
        await work.releases.release(request, released_at, "<Eve>", document)
        await work.commit()
    with opened(await ordered.scene.bob.get(ordered.address, params={"language": language})) as archive:
        names = archive.namelist()
        stem = "STUDY-7_faces_2026-03-01"
        assert names == [
            "index.html",
            *(f"results/{stem}.zip", f"results/{stem}.release.json", f"reports/{stem}.html"),
            *(f"results/{stem}_2.zip", f"reports/{stem}_2.html"),
        ]
        assert archive.read(f"results/{stem}.release.json") == document
        reports = [archive.read(f"reports/{name}.html").decode() for name in (stem, f"{stem}_2")]
        page = archive.read("index.html").decode()
    assert reports[0].startswith(f"report of {request}")
    assert "<dt>Released by</dt><dd>&lt;Eve&gt;</dd>" in reports[0]
    assert reports[1] == f"report of {ordered.requests[1]}"
    assert f"<td>&lt;Eve&gt;</td><td>{released_at:%Y-%m-%d %H:%M}</td>" in page
    assert page.count("<td>bob</td>") == 2
    assert f'href="results/{stem}.release.json"' in page
    assert page.count({"en": "not released", "de": "nicht freigegeben"}[language]) == 1


async def test_people_are_codes_where_results_name_codes(ordered: Ordered) -> None:
    ordered.scene.api.world.use_cases.batch_results._policy = ResultPolicy(named_people=NamedPeople.CODE)
    with opened(await ordered.scene.bob.get(ordered.address)) as archive:
        page = archive.read("index.html").decode()
    assert "bob" not in page
    assert page.count(f"<td>user-{ordered.scene.bob_id}</td>") == 2


async def test_a_download_compares_each_version_once(ordered: Ordered) -> None:
    first = await ordered.scene.bob.get(ordered.address)
    again, other = await asyncio.gather(*(ordered.scene.bob.get(ordered.address) for _ in range(2)))
    assert first.content == again.content == other.content
    assert ordered.scene.api.world.meter.damaged == []
