"""Progress as server-sent events."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from framecloak.domain.model.accounts import Role
from support.http.api import CONFIG, VIDEO, Scene, make_api

REQUESTS = "/api/frames/anonymize"


def events(body: bytes) -> list[tuple[str, dict[str, object]]]:
    """Parse events by name; like in a browser, unnamed events are called ``message``."""
    matches = re.findall(rb"(?:event: (\w+)\n)?data: (.*)\n\n", body)
    return [(name.decode() or "message", json.loads(data)) for name, data in matches]


async def test_events_report_the_state_then_every_change_and_end(scene: Scene) -> None:
    world = scene.api.world
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = UUID((await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"])

    async def work() -> None:
        await asyncio.sleep(0.05)
        async with world.database.unit_of_work() as unit:
            lease = await unit.slices.lease(request, 0, "worker", LEASE_DURATION)
            assert lease
            await unit.slices.renew(lease, LEASE_DURATION, 4)
            await unit.commit()
        await world.board.announce(request)
        await asyncio.sleep(0.05)
        await world.complete(request)
        await world.board.announce(request)

    answer, _ = await asyncio.gather(scene.ada.get(f"{REQUESTS}/events/{request}/"), work())
    assert answer.headers["content-type"].startswith("text/event-stream")
    received = events(answer.content)
    assert {name for name, _ in received} == {"message"}
    states = [(state["status"], state["processed_frames"]) for _, state in received]
    assert states == [("pending", 0), ("processing", 4), ("completed", 10)]
    late = await scene.ada.get(f"{REQUESTS}/events/{request}/")
    assert [state["status"] for _, state in events(late.content)] == ["completed"]


async def test_heartbeats_are_sent_and_unannounced_changes_are_reported(tmp_path: Path) -> None:
    config = replace(CONFIG, heartbeat=timedelta(milliseconds=5))
    api = make_api(tmp_path, config)
    api.world.board.drops_announcements = True
    _, ada = await api.person("ada")
    video = (await ada.post("/api/videos/", content=b"film", headers=VIDEO)).json()["id"]
    limits = {"start_frame": 0, "end_frame": 10}
    segment = (await ada.post(f"/api/videos/{video}/segments/", json=limits)).json()["id"]
    body = {"video_id": video, "segment_ids": [segment]}
    request = (await ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]

    async def work() -> None:
        await asyncio.sleep(0.1)
        await api.world.complete(UUID(request))

    answer, _ = await asyncio.gather(ada.get(f"{REQUESTS}/events/{request}/"), work())
    assert answer.content.count(b": still here\n\n") >= 1
    assert [state["status"] for _, state in events(answer.content)] == ["pending", "completed"]
    assert api.world.board.listeners == []


async def test_a_stream_ends_when_its_listener_loses_access(scene: Scene) -> None:
    world = scene.api.world
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = UUID((await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"])
    admin = await world.person("boss", Role.ADMIN)

    async def lock_out() -> None:
        await asyncio.sleep(0.05)
        await world.administration.change_user(admin, scene.owner.user_id, disabled=True)
        await asyncio.sleep(1.1)  # longer than a credential is cached
        await world.board.announce(request)

    answer, _ = await asyncio.gather(scene.ada.get(f"{REQUESTS}/events/{request}/"), lock_out())
    (_, first), (name, last) = events(answer.content)
    assert (first["status"], name, last["code"]) == ("pending", "problem", "not_authenticated")
