"""Every operation of the API, called by every role: who may use what is a table, and it is complete."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest

from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.model.videos import GrantRole
from support.http.api import CONFIG, VIDEO, Api, make_api
from support.http.served_document import COMMITTED
from support.use_cases import PASSWORD, chunks

QUICK = replace(CONFIG, max_stream_duration=timedelta(milliseconds=20))
"""Event streams end at once; unfinished requests would be followed for a quarter of an hour."""

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
DOCUMENT = json.loads(COMMITTED.read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if isinstance(operation, dict) and "operationId" in operation
}


class Caller(IntEnum):
    """Roles of callers. Ada owns a video, a request for it, a gallery and an API key."""

    ANONYMOUS = 0
    DISABLED = 1
    STRANGER = 2
    VIEWER = 3
    EDITOR = 4
    ADA = 5
    ADMIN = 6


ALL = frozenset(Caller)
SIGNED_IN = ALL - {Caller.ANONYMOUS, Caller.DISABLED}
VIEWERS = SIGNED_IN - {Caller.STRANGER}
EDITORS = VIEWERS - {Caller.VIEWER}
OWNERS = frozenset({Caller.ADA, Caller.ADMIN})
ADA_ALONE = frozenset({Caller.ADA})
ADMINS = frozenset({Caller.ADMIN})

PERMITTED = {
    "analyzeFace": SIGNED_IN,
    "analyzeFaces": SIGNED_IN,
    "listApiKeys": SIGNED_IN,
    "createApiKey": SIGNED_IN,
    # Administrators cannot revoke the keys of others; they disable the account.
    "revokeApiKey": ADA_ALONE,
    "signIn": ALL,
    "signOut": SIGNED_IN,
    "whoAmI": SIGNED_IN,
    "getSignOn": ALL,
    "beginSignOn": ALL,
    # Without a sign-in that the browser has begun, it is refused for another reason.
    "finishSignOn": ALL,
    "endSignOn": SIGNED_IN,
    "linkIdentity": ADMINS,
    "unlinkIdentity": ADMINS,
    "changePassword": SIGNED_IN,
    "changeProfile": SIGNED_IN,
    "issueTokens": ALL,
    "refreshTokens": ALL,
    "submitRequest": EDITORS,
    "submitBatch": SIGNED_IN,
    "orderVideos": SIGNED_IN,
    "estimateBatch": SIGNED_IN,
    "listBatches": SIGNED_IN,
    "getBatch": OWNERS,
    "cancelBatch": OWNERS,
    "downloadBatch": OWNERS,
    "getTextLists": ADMINS,
    "replaceTextLists": ADMINS,
    "listTemplates": SIGNED_IN,
    "createTemplate": SIGNED_IN,
    "getLastOptions": SIGNED_IN,
    "getTemplate": OWNERS,
    "changeTemplate": OWNERS,
    "deleteTemplate": OWNERS,
    "downloadResult": OWNERS,
    "redeemDownload": ALL,
    "followRequest": OWNERS,
    "getHealth": ALL,
    "getOptions": SIGNED_IN,
    "listRequests": SIGNED_IN,
    "getRequest": OWNERS,
    "getSigningKey": SIGNED_IN,
    "getStatistics": ADMINS,
    "getRequestStatus": OWNERS,
    "cancelRequest": OWNERS,
    "eraseResult": OWNERS,
    "listBoxes": OWNERS,
    "getRedactedFrame": OWNERS,
    "getManifest": OWNERS,
    "renderResult": OWNERS,
    "getReport": OWNERS,
    "getReviewProgress": OWNERS,
    "markFramesSeen": OWNERS,
    "releaseResult": OWNERS,
    "getRelease": OWNERS,
    "listFramesByRisk": OWNERS,
    "listTexts": OWNERS,
    "listUsers": ADMINS,
    "createUser": ADMINS,
    "removeUser": ADMINS,
    "getUser": OWNERS,
    "changeUser": ADMINS,
    "listVideos": SIGNED_IN,
    "listTags": SIGNED_IN,
    "describeVideo": EDITORS,
    "eraseVideo": OWNERS,
    "uploadVideo": SIGNED_IN,
    "beginUpload": SIGNED_IN,
    "completeUpload": ADA_ALONE,
    "deleteVideo": OWNERS,
    "getVideo": VIEWERS,
    "getFrame": VIEWERS,
    "getFilmstrip": VIEWERS,
    "listGrants": OWNERS,
    "putGrant": OWNERS,
    "deleteGrant": OWNERS,
    "listRegions": VIEWERS,
    "createRegion": EDITORS,
    "proposeRegions": EDITORS,
    "followProposals": EDITORS,
    "deleteRegion": EDITORS,
    "copyMarks": EDITORS,
    "listSegments": VIEWERS,
    "createSegment": EDITORS,
    "deleteSegment": EDITORS,
    "getSegment": VIEWERS,
    "changeSegment": EDITORS,
    "compareFaces": SIGNED_IN,
    "findMatches": SIGNED_IN,
    "listGalleries": SIGNED_IN,
    "createGallery": SIGNED_IN,
    "deleteGallery": OWNERS,
    "getGallery": OWNERS,
    "listEnrolledFaces": OWNERS,
    "enrolFace": OWNERS,
    "deleteEnrolledFace": OWNERS,
    "searchGallery": OWNERS,
    "getLiveness": ALL,
    "getMetrics": ADMINS,
}
"""Callers who may use each operation on the objects of Ada."""

_casts = count()

REFUSALS = {
    "api_key_not_found",
    "batch_not_found",
    "forbidden",
    "gallery_not_found",
    "request_not_found",
    "template_not_found",
    "upload_not_found",
    "user_not_found",
    "video_not_found",
}
"""Codes that refuse a caller: objects of others appear not to exist."""


@dataclass
class Cast:
    """Clients of all callers, and the objects of Ada."""

    clients: dict[Caller, httpx.AsyncClient]
    parameters: dict[str, object]

    async def call(self, operation_id: str, caller: Caller) -> httpx.Response:
        method, path, operation = OPERATIONS[operation_id]
        url = path.format(**self.parameters)
        headers, content = {}, None
        if "requestBody" in operation:
            headers, content = {"Content-Type": "application/json"}, self.body(operation_id)
        if operation_id == "uploadVideo":
            url, headers, content = f"{url}?filename=a.mp4", VIDEO, b"film"
        if operation_id == "redeemDownload":
            url = path.format(**self.parameters | {"token": "unknown"})
        return await self.clients[caller].request(method, url, headers=headers, content=content)

    def body(self, operation_id: str) -> bytes:
        video, segment = self.parameters["video_id"], self.parameters["segment_id"]
        order = {"video_id": video, "segment_ids": [segment]}
        bodies: dict[str, Any] = {
            "submitRequest": order,
            "submitBatch": {"requests": [order]},
            "orderVideos": {"videos": [{"video_id": video}]},
            "estimateBatch": {"videos": [{"video_id": video}]},
            "createTemplate": {"name": "template"},
            "replaceTextLists": {"device_terms": ["Tower B"], "patterns": []},
            "changeTemplate": {"name": "other"},
            "changeProfile": {"display_name": "Dr. Ada"},
            "describeVideo": {"title": "film"},
            "createSegment": {"start_frame": 0, "end_frame": 5},
            "changeSegment": {"start_frame": 0, "end_frame": 5},
            "createRegion": {"x": 0, "y": 0, "width": 5, "height": 5},
            "copyMarks": {"from_video": video},
            "putGrant": {"user_id": self.parameters["viewer_id"], "role": "editor"},
            "renderResult": {"frames": []},
            "markFramesSeen": {"frames": [0]},
            "enrolFace": {"label": "a", "embedding": [1.0, 0.0, 0.0, 0.0], "model": "model"},
            "changeUser": {"role": "user"},
            "createUser": {"username": str(uuid4()), "password": PASSWORD, "role": "user"},
            "createApiKey": {"name": "key"},
            "linkIdentity": {"subject": str(uuid4())},
            "createGallery": {"name": "people", "model": "model", "model_sha256": "0" * 64, "dimension": 4},
        }
        return json.dumps(bodies.get(operation_id, {})).encode()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return make_api(tmp_path_factory.mktemp("api"), QUICK)


async def make_cast(api: Api) -> Cast:
    """Create accounts of their own for each call that may change something."""
    cast = next(_casts)
    ada, owner = await api.person(f"ada {cast}")
    clients = {Caller.ANONYMOUS: api.client(), Caller.ADA: owner}
    people = {}
    for caller in (Caller.DISABLED, Caller.STRANGER, Caller.VIEWER, Caller.EDITOR):
        people[caller], clients[caller] = await api.person(f"{caller.name.lower()} {cast}")
    _, clients[Caller.ADMIN] = await api.person(f"root {cast}", Role.ADMIN)
    world = api.world
    await world.administration.change_user(OPERATOR, people[Caller.DISABLED].user_id, disabled=True)
    video = (await owner.post("/api/videos?filename=film.mp4", content=b"film", headers=VIDEO)).json()["id"]
    for caller, role in ((Caller.VIEWER, GrantRole.VIEWER), (Caller.EDITOR, GrantRole.EDITOR)):
        await world.sharing.grant(ada, video, people[caller].user_id, role)
    segment = (
        await owner.post(f"/api/videos/{video}/segments", json={"start_frame": 0, "end_frame": 9})
    ).json()["id"]
    region = (
        await owner.post(f"/api/videos/{video}/regions", json={"x": 0, "y": 0, "width": 9, "height": 9})
    ).json()["id"]
    order = {"video_id": video, "segment_ids": [segment]}
    request = (await owner.post("/api/frames/anonymize", json=order)).json()["request_id"]
    gallery = await world.use_cases.galleries.create(ada, "people", EmbeddingSpace("model", "0" * 64, 4))
    upload = await world.uploads.begin_upload(ada, "film.mp4")
    await world.store.put(upload.upload.object_key, chunks(b"film"))
    key, _ = await world.api_keys.create(ada, "another")
    template = (await owner.post("/api/templates", json={"name": "template"})).json()["id"]
    batch = (await owner.post("/api/batches", json={"videos": [{"video_id": video}]})).json()["batch_id"]
    return Cast(
        clients,
        {
            "video_id": video,
            "segment_id": segment,
            "region_id": region,
            "request_id": request,
            "gallery_id": gallery.id,
            "face_id": uuid4(),
            "upload_id": upload.upload.id,
            "key_id": key.id,
            "template_id": template,
            "batch_id": batch,
            "user_id": ada.user_id,
            "viewer_id": people[Caller.VIEWER].user_id,
            "index": 0,
            "name": "0.jpg",
            "token": "t",
        },
    )


def code_of(answer: httpx.Response) -> str | None:
    if "problem" not in answer.headers.get("content-type", ""):
        return None
    code: str = answer.json()["code"]
    return code


def test_the_table_names_every_operation() -> None:
    assert set(PERMITTED) == set(OPERATIONS)


@pytest.mark.parametrize("operation_id", OPERATIONS)
async def test_only_permitted_callers_pass(api: Api, operation_id: str) -> None:
    cast = await make_cast(api)
    permitted = PERMITTED[operation_id]
    for caller in sorted(ALL - permitted):
        answer = await cast.call(operation_id, caller)
        if caller in {Caller.ANONYMOUS, Caller.DISABLED}:
            assert (answer.status_code, code_of(answer)) == (401, "not_authenticated"), caller
        else:
            assert answer.status_code in {403, 404}, caller
            assert code_of(answer) in REFUSALS, caller
    for caller in sorted(permitted):
        if OPERATIONS[operation_id][0] != "GET" and caller is not min(permitted):
            cast = await make_cast(api)
        answer = await cast.call(operation_id, caller)
        assert answer.status_code < 500, caller
        assert code_of(answer) not in REFUSALS | {"not_authenticated"}, (caller, answer.text)
