"""Downloads of results by single-use links."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from litestar.exceptions import LitestarException

from support.http import asgi
from support.http.api import Scene
from support.use_cases import chunks

REQUESTS = "/api/frames/anonymize"


async def test_a_result_is_downloaded_by_a_single_use_link(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    pending = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    early = await scene.ada.get(f"{REQUESTS}/download/{pending}/")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    request = await scene.request()
    followed = await scene.ada.get(f"{REQUESTS}/download/{request}/", follow_redirects=True)
    assert (followed.status_code, followed.content) == (200, b"zip")
    assert followed.headers["content-type"] == "application/zip"
    name = f"{request}_faces_2026-03-01.zip"
    assert followed.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert [answer.status_code for answer in followed.history] == [303]
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    assert minted["url"] == f"{REQUESTS}/download/{request}/{minted['token']}/"
    assert minted["expires_at"] == "2026-03-01T13:00:10Z"
    async with scene.api.client() as anonymous:
        assert (await anonymous.get(minted["url"])).content == b"zip"
        assert (await anonymous.get(minted["url"])).json()["code"] == "token_used"


@pytest.mark.parametrize(
    ("requested_range", "status", "content"),
    [
        ("bytes=0-0", 206, b"z"),
        ("bytes=1-", 206, b"ip"),
        ("bytes=-2", 206, b"ip"),
        ("bytes=0-99", 200, b"zip"),
        ("bytes=-99", 200, b"zip"),
        ("bytes=2-1", 200, b"zip"),
        ("bytes=0-0,2-2", 200, b"zip"),
        ("lines=1-2", 200, b"zip"),
        ("bytes=3-", 416, None),
        ("bytes=99-100", 416, None),
    ],
)
async def test_ranges_of_a_result_can_be_downloaded(
    scene: Scene, requested_range: str, status: int, content: bytes | None
) -> None:
    request = await scene.request()
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    address = await scene.api.world.anonymization.redeem_download_token(request, minted["token"])
    answer = await scene.ada.get(address, headers={"Range": requested_range})
    assert answer.status_code == status
    if content is None:
        assert (answer.json()["code"], answer.headers["content-range"]) == (
            "range_not_satisfiable",
            "bytes */3",
        )
    else:
        assert (answer.content, answer.headers["content-length"]) == (content, str(len(content)))


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=1-"}])
@pytest.mark.parametrize("own_store", [False, True])
async def test_a_swapped_result_is_not_delivered(
    scene: Scene, own_store: bool, headers: dict[str, str]
) -> None:
    request = await scene.request()
    world = scene.api.world
    app = scene.api.with_own_store() if own_store else scene.api.app
    anonymous = replace(scene.api, app=app).client()
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    await world.store.put(f"requests/{request}/frames.zip", chunks(b"ZIP"))
    if own_store or headers:
        refused = await anonymous.get(minted["url"], headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "result_damaged")
    else:
        # The response had begun: the server closes the connection before its announced length.
        with pytest.raises(LitestarException, match="after response started"):
            await asgi.call(app, "GET", minted["url"], {})
    assert world.meter.damaged == ["result"]


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=1-"}])
async def test_a_result_swapped_after_the_comparison_is_not_delivered(
    scene: Scene, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await scene.request()
    world = scene.api.world
    # Remembers this version as intact.
    await scene.ada.get(f"{REQUESTS}/download/{request}/", follow_redirects=True)
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    redeem = world.use_cases.requests.redeem_download_token

    async def swapped(request_id: UUID, token: str) -> str:
        await world.store.put(f"requests/{request}/frames.zip", chunks(b"ZIP"))
        return await redeem(request_id, token)

    monkeypatch.setattr(world.use_cases.requests, "redeem_download_token", swapped)
    with pytest.raises(LitestarException, match="after response started"):
        await asgi.call(scene.api.app, "GET", minted["url"], headers)


@pytest.mark.parametrize("own_store", [False, True])
async def test_a_link_is_not_used_up_by_failed_downloads(scene: Scene, own_store: bool) -> None:
    request = await scene.request()
    world = scene.api.world
    app = scene.api.with_own_store() if own_store else scene.api.app
    anonymous = replace(scene.api, app=app).client()
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    beyond = await anonymous.get(minted["url"], headers={"Range": "bytes=3-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */3")
    key = f"requests/{request}/frames.zip"
    await world.store.remove(key)
    gone = await anonymous.get(minted["url"])
    assert (gone.status_code, gone.json()["code"]) == (409, "not_ready")
    await world.store.put(key, chunks(b"zip"))
    range_header = {"Range": "bytes=1-"}
    answers = await asyncio.gather(*(anonymous.get(minted["url"], headers=range_header) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [307 if own_store else 206] + [410] * 19


async def test_with_a_separate_object_store_the_link_redirects_to_it(scene: Scene) -> None:
    request = await scene.request()
    app = scene.api.with_own_store()
    credential = {"authorization": scene.ada.headers["authorization"]}
    minted = await asgi.call(app, "GET", f"{REQUESTS}/download/{request}/", credential)
    redeemed = await asgi.call(app, "GET", minted.headers["location"], {})
    assert (redeemed.status, redeemed.body) == (307, b"")
    assert redeemed.headers["location"].startswith(
        "/objects/requests/"
    )  # the address that the store presigned
    assert (await asgi.call(app, "GET", "/objects/requests/x", {})).status == 404
