"""Uploads of videos: raw bodies and forms, size limits, truncation and false lengths."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from framecloak.domain.errors import (
    DomainError,
    EmptyFileError,
    NoFramesError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from support.http import asgi
from support.http.api import CONFIG, VIDEO, Api, make_api

MAX_UPLOAD_BYTES = 1000
"""Size limit of uploads of the test service, in bytes."""


@pytest.fixture
async def credential(api: Api) -> dict[str, str]:
    _, client = await api.person("ada")
    return {"authorization": client.headers["authorization"]}


def form(*parts: tuple[str, bytes], boundary: str = "frontier", end: bool = True) -> bytes:
    text = b""
    for header, content in parts:
        disposition = f"Content-Disposition: form-data; {header}"
        text += (
            f"--{boundary}\r\n{disposition}\r\nContent-Type: video/mp4\r\n\r\n".encode() + content + b"\r\n"
        )
    return text + (f"--{boundary}--\r\n".encode() if end else b"")


FORM = {"content-type": "multipart/form-data; boundary=frontier"}


async def test_a_raw_body_and_a_form_give_the_same_video(api: Api) -> None:
    _, ada = await api.person("ada")
    raw = await ada.post("/api/videos/?filename=street.mp4", content=b"film", headers=VIDEO)
    formed = await ada.post("/api/videos", files={"file": ("street.mp4", b"film")})
    for answer in (raw, formed):
        assert answer.status_code == 201
        assert answer.json() | {"filename": "street.mp4", "size_bytes": 4} == answer.json()
        assert answer.json()["sha256"] == sha256(b"film").hexdigest()
    assert raw.json()["id"] != formed.json()["id"]
    assert len(api.stored()) == 2


async def test_other_fields_of_a_form_are_ignored(api: Api, credential: dict[str, str]) -> None:
    body = form(('name="note"', b"x" * 50), ('name="file"; filename="a.mp4"', b"film"), ('name="z"', b"y"))
    headers = {**credential, **FORM, "content-length": str(len(body))}
    # The result does not depend on how the body is split into chunks.
    for size in (1, 7, len(body)):
        body_chunks = [body[offset : offset + size] for offset in range(0, len(body), size)]
        answer = await asgi.call(api.app, "POST", "/api/videos/", headers, body_chunks)
        assert (answer.status, answer.json()["filename"], answer.json()["size_bytes"]) == (201, "a.mp4", 4)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        (b"filename*=UTF-8''Klinik%20%C3%A4%E2%82%AC.mp4", "Klinik ä€.mp4"),
        (b"filename*=utf-8'de'%C3%A4.mp4", "ä.mp4"),
        (b"filename*=ISO-8859-1''caf%E9.mp4", "café.mp4"),
        (b"filename=\"plain.mp4\"; filename*=UTF-8''%C3%A4.mp4", "ä.mp4"),
        (b"filename=\"plain.mp4\"; filename*=UTF-8''%FF.mp4", "plain.mp4"),
        (b"filename=\"plain.mp4\"; filename*=KOI8-R''%FF.mp4", "plain.mp4"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        (b"filename*=UTF-8''a%0D%0Ab.mp4", "ab.mp4"),
        (b'filename="caf\xe9.mp4"', "café.mp4"),
        ('filename="日本.mp4"'.encode(), "日本.mp4"),
    ],
)
async def test_names_arrive_in_each_encoding(api: Api, disposition: bytes, filename: str) -> None:
    _, ada = await api.person("ada")
    head = b'--frontier\r\nContent-Disposition: form-data; name="file"; ' + disposition
    body = head + b"\r\nContent-Type: video/mp4\r\n\r\nfilm\r\n--frontier--\r\n"
    answer = await ada.post("/api/videos/", content=body, headers=FORM)
    assert (answer.status_code, answer.json()["filename"]) == (201, filename)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(('name="other"; filename="a.mp4"', b"film")), "invalid_option"),
        (form(('name="file"; filename="a"', b"film"), ('name="file"; filename="b"', b"f")), "invalid_option"),
        (form(('name="file"; filename="a.mp4"', b"film"), end=False), "bad_request"),
        (b"--frontier", "bad_request"),
        (b"", "bad_request"),
        (b"nonsense\r\n" * 20, "bad_request"),
        (form(('name="file"; filename="' + "x" * 40_000 + '"', b"film")), "bad_request"),
    ],
)
async def test_a_malformed_form_leaves_nothing(
    api: Api, credential: dict[str, str], body: bytes, code: str
) -> None:
    headers = {**credential, **FORM, "content-length": str(len(body))}
    answer = await asgi.call(api.app, "POST", "/api/videos/", headers, [body])
    assert (answer.status in {400, 422}, answer.json()["code"]) == (True, code)
    assert api.stored() == []


@pytest.mark.parametrize(
    ("sent", "stored_name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "video"),
        ("..", "video"),
        ("a\r\nSet-Cookie: x=1.mp4", "aSet-Cookie: x=1.mp4"),
        ("a\u202egpj.mp4", "agpj.mp4"),
        ("film\0.mp4", "film.mp4"),
        ("x" * 10_000 + ".mp4", "x" * 255),
        ("Vidéo № 1.mp4", "Vidéo № 1.mp4"),
        ("", "video"),
    ],
)
async def test_filenames_are_sanitized(api: Api, sent: str, stored_name: str) -> None:
    _, ada = await api.person("ada")
    answer = await ada.post("/api/videos/", params={"filename": sent}, content=b"film", headers=VIDEO)
    assert (answer.status_code, answer.json()["filename"]) == (201, stored_name)
    assert all(".." not in key for key in api.stored())
    started = await ada.post("/api/videos/uploads/", json={"filename": sent})
    assert started.status_code == 201


@pytest.mark.parametrize(
    "error_type",
    [UnreadableVideoError, NoVideoStreamError, NoFramesError, TruncatedVideoError, EmptyFileError],
)
async def test_a_file_that_is_not_a_video_is_not_stored(api: Api, error_type: type[DomainError]) -> None:
    _, ada = await api.person("ada")
    api.world.prober.error = error_type("this is not a video", "give an MP4")
    for answer in (
        await ada.post("/api/videos/", content=b"text", headers=VIDEO),
        await ada.post("/api/videos/", files={"file": ("a.mp4", b"text")}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_video")
        assert answer.json()["detail"] == "this is not a video"
    assert api.stored() == []
    assert (await ada.get("/api/videos/")).json()["total"] == 0


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "", "image/png"])
async def test_another_media_type_is_refused(api: Api, media_type: str) -> None:
    _, ada = await api.person("ada")
    answer = await ada.post("/api/videos/", content=b"film", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_declared_length_beyond_the_limit_is_refused_before_reading(
    api: Api, credential: dict[str, str]
) -> None:
    for headers in (VIDEO, FORM):
        all_headers = {**credential, **headers, "content-length": str(MAX_UPLOAD_BYTES + 100_000)}
        answer = await asgi.call(api.app, "POST", "/api/videos/", all_headers, [b"x"] * 50)
        assert (answer.status, answer.json()["code"], answer.read) == (413, "upload_too_large", 0)


async def test_a_body_without_a_length_is_refused_at_the_limit(api: Api, credential: dict[str, str]) -> None:
    headers = {**credential, **VIDEO, "transfer-encoding": "chunked"}
    answer = await asgi.call(api.app, "POST", "/api/videos/", headers, [b"x" * 100] * 50)
    assert (answer.status, answer.json()["code"]) == (413, "upload_too_large")
    assert answer.read < 50
    assert api.stored() == []


@pytest.mark.parametrize(("declared", "sent"), [(100, 10), (10, 100)])
async def test_a_false_length_leaves_nothing(
    api: Api, credential: dict[str, str], declared: int, sent: int
) -> None:
    headers = {**credential, **VIDEO, "content-length": str(declared)}
    answer = await asgi.call(api.app, "POST", "/api/videos/", headers, [b"x" * sent])
    assert (answer.status, answer.json()["code"]) == (400, "upload_incomplete")
    assert api.stored() == []


@pytest.mark.parametrize("headers", [VIDEO, FORM])
async def test_an_interrupted_upload_leaves_nothing(
    api: Api, credential: dict[str, str], headers: dict[str, str]
) -> None:
    body = form(('name="file"; filename="a.mp4"', b"film" * 50), end=False)
    all_headers = {**credential, **headers, "content-length": "900"}
    answer = await asgi.call(
        api.app, "POST", "/api/videos/", all_headers, [body[:120], body[120:]], disconnect=True
    )
    assert answer.status in {0, 400}
    assert api.stored() == []
    assert (await api.world.collection.list(await api.world.person("root"), 10, 0)).total == 0


async def test_an_interrupted_presigned_upload_leaves_nothing(api: Api) -> None:
    _, ada = await api.person("ada")
    started = (await ada.post("/api/videos/uploads/", json={"filename": "a.mp4"})).json()
    length = {"content-length": "100"}
    cut = await asgi.call(api.app, "PUT", started["url"], length, [b"x" * 50], disconnect=True)
    short = await asgi.call(api.app, "PUT", started["url"], length, [b"x" * 50])
    large = await asgi.call(api.app, "PUT", started["url"], {"content-length": "5000"}, [b"x" * 50])
    assert (cut.status in {0, 400}, short.status, large.status) == (True, 400, 413)
    assert api.stored() == []


async def test_a_completed_upload_accepts_no_more_data(api: Api) -> None:
    _, ada = await api.person("ada")
    started = (await ada.post("/api/videos/uploads/", json={"filename": "a.mp4"})).json()
    async with api.client() as anonymous:
        assert (await anonymous.put(started["url"], content=b"film")).status_code == 204
        assert (await ada.post(f"/api/videos/uploads/{started['id']}/complete")).status_code == 201
        late = await anonymous.put(started["url"], content=b"more")
    assert (late.status_code, late.json()["code"]) == (404, "upload_not_found")
    assert [key.partition("/")[0] for key in api.stored()] == ["videos"]


async def test_json_bodies_are_limited_too(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, max_body_bytes=1000))
    _, ada = await api.person("ada")
    answer = await ada.post("/api/auth/api-keys", json={"name": "x" * 2000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_concurrent_uploads_are_independent(api: Api) -> None:
    _, ada = await api.person("ada")
    bodies = [bytes([65 + number]) * (100 + number) for number in range(8)]
    answers = await asyncio.gather(
        *(ada.post("/api/videos/", content=body, headers=VIDEO) for body in bodies)
    )
    assert [answer.json()["sha256"] for answer in answers] == [sha256(body).hexdigest() for body in bodies]
