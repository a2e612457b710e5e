"""Videos, their segments, regions and frames."""

from __future__ import annotations

from support.http.api import VIDEO, Scene

REQUESTS = "/api/frames/anonymize"


async def test_segments_and_regions_are_marked_changed_and_removed(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}"
    in_seconds = await scene.ada.post(f"{base}/segments/", json={"start_time": 1, "end_time": 2.02})
    assert (in_seconds.status_code, in_seconds.json()["start_frame"], in_seconds.json()["end_frame"]) == (
        201,
        25,
        51,
    )
    number = in_seconds.json()["id"]
    moved = await scene.ada.patch(f"{base}/segments/{number}/", json={"end_time": 3, "label": "talk"})
    assert moved.json() == {
        "id": number,
        "video_id": scene.video,
        "start_frame": 25,
        "end_frame": 75,
        "label": "talk",
    }
    unlabelled = await scene.ada.patch(f"{base}/segments/{number}/", json={"label": None})
    assert (unlabelled.json()["label"], unlabelled.json()["end_frame"]) == (None, 75)
    for body in (
        {"start_frame": 5, "end_frame": 5},
        {"start_frame": 0, "end_frame": 101},
        {"start_frame": 0},
        {"start_frame": 0, "end_time": 1.0},
        {"start_time": -1.0, "end_time": 1.0},
        {"start_time": 0.0, "end_time": 1e300},
        {},
    ):
        answer = await scene.ada.post(f"{base}/segments/", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_segment"), body
    assert (await scene.ada.delete(f"{base}/segments/{number}")).status_code == 204
    assert (await scene.ada.get(f"{base}/segments/{number}")).json()["code"] == "segment_not_found"
    area = {"x": 10, "y": 20, "width": 30, "height": 40, "start_frame": 1, "end_frame": 9, "label": "badge"}
    marked = await scene.ada.post(f"{base}/regions/", json=area)
    assert marked.json() == area | {"id": marked.json()["id"], "video_id": scene.video}
    assert (await scene.ada.get(f"{base}/regions/")).json() == [marked.json()]
    for body, code in (
        (area | {"width": 0}, "invalid_region"),
        (area | {"x": 630}, "invalid_region"),
        (area | {"end_frame": None}, "invalid_region"),
        (area | {"end_frame": 101}, "invalid_segment"),
    ):
        assert (await scene.ada.post(f"{base}/regions/", json=body)).json()["code"] == code
    assert (await scene.ada.delete(f"{base}/regions/{marked.json()['id']}")).status_code == 204
    assert (await scene.ada.get(f"{base}/regions/")).json() == []


async def test_marks_are_copied_from_another_video(scene: Scene) -> None:
    ada = scene.ada
    other = (await ada.post("/api/videos/?filename=b.mp4", content=b"film", headers=VIDEO)).json()["id"]
    area = {"x": 10, "y": 20, "width": 30, "height": 40, "label": "badge"}
    await ada.post(f"/api/videos/{scene.video}/regions/", json=area)
    path = f"/api/videos/{other}/marks/copy"
    copied = (await ada.post(path, json={"from_video": scene.video})).json()
    assert [(one["start_frame"], one["end_frame"]) for one in copied["segments"]] == [(0, 10)]
    (region,) = copied["regions"]
    assert region == area | {"id": region["id"], "video_id": other, "start_frame": None, "end_frame": None}
    assert copied["keep_text"] == []
    assert (await ada.get(f"/api/videos/{other}/regions/")).json() == [region]
    unknown = await ada.post(path, json={"from_video": 10**6})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "video_not_found")
    stranger = await scene.bob.post(path, json={"from_video": scene.video})
    assert stranger.json()["code"] == "video_not_found"


async def test_a_filmstrip_shows_a_whole_video_in_one_image(scene: Scene) -> None:
    path = f"/api/videos/{scene.video}/filmstrip"
    strip = await scene.ada.get(path, params={"thumbnails": 4})
    assert (strip.status_code, strip.headers["content-type"]) == (200, "image/jpeg")
    assert strip.content == b"\xff\xd812,37,62,87@72\xff\xd9"
    assert strip.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": strip.headers["etag"]}
    assert (await scene.ada.get(path, params={"thumbnails": 4}, headers=known)).status_code == 304
    assert (await scene.ada.get(path, headers=known)).status_code == 200
    assert scene.api.world.prober.filmstrips == 2
    for number in (0, 33):
        assert (await scene.ada.get(path, params={"thumbnails": number})).status_code == 422
    assert (await scene.bob.get(path)).json()["code"] == "video_not_found"


async def test_frames_are_served_for_marking(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}/frames"
    whole = await scene.ada.get(f"{base}/7.jpg")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/jpeg")
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["vary"] == "Cookie, Authorization, X-API-Key"
    assert (await scene.ada.get(f"{base}/7.jpg?width=320")).content != whole.content
    for name in ("100.jpg", "7.png", "7", "-1.jpg", "x.jpg", "9" * 30 + ".jpg"):
        answer = await scene.ada.get(f"{base}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "frame_not_found"), name
    assert (await scene.ada.get(f"{base}/7.jpg?width=0")).status_code == 422


async def test_a_cached_frame_is_revalidated_only_with_access(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}/frames"
    first = await scene.ada.get(f"{base}/7.jpg?width=320")
    tag = first.headers["etag"]
    for tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await scene.ada.get(f"{base}/7.jpg?width=320", headers={"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), tags
        assert (again.headers["cache-control"], again.headers["vary"]) == (
            "private, no-cache",
            "Cookie, Authorization, X-API-Key",
        )
    condition = {"If-None-Match": tag}
    for other in ("7.jpg", "8.jpg?width=320"):
        assert (await scene.ada.get(f"{base}/{other}", headers=condition)).status_code == 200
    assert (await scene.ada.get(f"{base}/100.jpg", headers={"If-None-Match": "*"})).status_code == 404
    assert (await scene.bob.get(f"{base}/7.jpg?width=320", headers=condition)).status_code == 404
    async with scene.api.client() as anonymous:
        assert (await anonymous.get(f"{base}/7.jpg?width=320", headers=condition)).status_code == 401


async def test_a_video_is_deleted_once_it_is_not_in_use(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    assert (await scene.ada.delete(f"/api/videos/{scene.video}/")).json()["code"] == "video_in_use"
    await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert (await scene.ada.delete(f"/api/videos/{scene.video}/")).status_code == 204
    assert (await scene.ada.get(f"/api/videos/{scene.video}/")).status_code == 404
    assert scene.api.stored() == []
