"""Generated valid and invalid requests get documented answers and never an internal error."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from framecloak.domain.model.accounts import Role
from support.http.api import CONFIG, VIDEO, Api, make_api
from support.http.served_document import COMMITTED

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = settings.default.max_examples // 4
"""Examples per operation and mode; `make test-nightly` runs many more."""

DOCUMENT = json.loads(COMMITTED.read_text("utf-8"))
LABELS = [
    f"{method.upper()} {path}"
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method in {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
]
"""Labels of all operations, read from the document so that each is a separate test."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    # Event streams end at once; unfinished requests would be followed for a quarter of an hour.
    config = replace(CONFIG, max_stream_duration=timedelta(milliseconds=20))
    return make_api(tmp_path_factory.mktemp("api"), config)


@pytest.fixture(scope="module")
def existing(api: Api) -> dict[str, Any]:
    """Create objects and return their ids, which generated numbers would never match."""

    async def make() -> dict[str, Any]:
        _, root = await api.person("root", Role.ADMIN)
        other, _ = await api.person("bob")
        video = (await root.post("/api/videos/", content=b"film", headers=VIDEO)).json()["id"]
        base = f"/api/videos/{video}"
        limits = {"start_frame": 0, "end_frame": 10}
        segment = (await root.post(f"{base}/segments/", json=limits)).json()["id"]
        area = {"x": 0, "y": 0, "width": 9, "height": 9}
        region = (await root.post(f"{base}/regions/", json=area)).json()["id"]
        submission = {"video_id": video, "segment_ids": [segment]}
        request = (await root.post("/api/frames/anonymize/", json=submission)).json()["request_id"]
        return {
            "credential": root.headers["Authorization"],
            "video_id": video,
            "segment_id": segment,
            "region_id": region,
            "user_id": other.user_id,
            "request_id": request,
            "name": "1.jpg",
        }

    return asyncio.run(make())


Operations = dict[str, APIOperation[Any, Any, Any, Any]]


@pytest.fixture(scope="module")
def operations(api: Api, existing: dict[str, Any]) -> Operations:
    headers = {"Authorization": existing["credential"]}
    schema = schemathesis.openapi.from_asgi("/schema/openapi.json", api.app, headers=headers)
    return {operation.ok().label: operation.ok() for operation in schema.get_all_operations()}


def test_no_operation_is_left_out(operations: Operations) -> None:
    assert len(LABELS) > 35
    assert sorted(operations) == sorted(LABELS)


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_documented(
    operations: Operations, existing: dict[str, Any], label: str, mode: schemathesis.GenerationMode
) -> None:
    call_repeatedly(operations[label], mode, existing, {"Authorization": existing["credential"]})


def call_repeatedly(
    operation: APIOperation[Any, Any, Any, Any],
    mode: schemathesis.GenerationMode,
    existing: dict[str, Any],
    headers: dict[str, str],
) -> None:
    @seed(7)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        for name, value in (case.path_parameters or {}).items():
            # In positive mode half of the ids are those of existing objects.
            if mode.is_positive and name in existing and len(str(value)) % 2:
                case.path_parameters[name] = existing[name]
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        check()
    except Unsatisfiable:
        # The operation has no input that could be invalid.
        assert mode is schemathesis.GenerationMode.NEGATIVE
