"""The OpenAPI document, from which clients are generated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.http.api import Api
from support.http.served_document import COMMITTED, as_committed, served_document

METHODS = ("get", "post", "put", "patch", "delete")
WITHOUT_AUTHENTICATION = {
    "getLiveness",
    "signIn",
    "issueTokens",
    "refreshTokens",
    "redeemDownload",
    "getHealth",
    "getSignOn",
    "beginSignOn",
    "finishSignOn",
}


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    _, ada = await api.person("ada")
    answer = await ada.get("/schema/openapi.json")
    served: dict[str, Any] = answer.raise_for_status().json()
    return served


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_the_document_is_openapi_3_1_with_valid_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version", "description", "license"} <= set(document["info"])
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_unique_id_and_a_description(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) > 35
    for path, method, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (method, path, parameter["name"])


def test_every_operation_declares_its_authentication(document: dict[str, Any]) -> None:
    schemes = set(document["components"]["securitySchemes"])
    assert schemes == {"session", "bearer", "apiKey"}
    for _, _, operation in operations(document):
        allowed = operation.get("security", document["security"])
        assert ({} in allowed) == (operation["operationId"] in WITHOUT_AUTHENTICATION), operation[
            "operationId"
        ]
        assert {name for alternative in allowed for name in alternative} <= schemes


def test_every_operation_declares_its_errors(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        answers = operation["responses"]
        if operation["operationId"] == "getLiveness":
            continue
        assert {"429", "500", "503"} <= set(answers), (method, path)
        if operation["operationId"] not in WITHOUT_AUTHENTICATION:
            assert "401" in answers, (method, path)
            assert method == "get" or "403" in answers, (method, path)
        for status, answer in answers.items():
            if int(status) >= 400 and operation["operationId"] != "getHealth":
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
                assert "`" in answer["description"]  # the codes
        assert "204" not in answers or not answers["204"].get("content"), (method, path)


def test_msgpack_is_offered_wherever_json_is(document: dict[str, Any]) -> None:
    count = 0
    for _, _, operation in operations(document):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content") or {} for answer in operation["responses"].values()]
        for content in contents:
            assert ("application/json" in content) == ("application/msgpack" in content)
            count += "application/json" in content
    assert count > 40


def test_the_schema_of_a_submission_is_described_and_has_examples(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["SubmitBody"]
    assert schema["additionalProperties"] is False
    examples = {
        name: schema_of_field.get("examples") for name, schema_of_field in schema["properties"].items()
    }
    assert examples["video_id"] == [123]
    described = [
        name
        for name, schema_of_field in schema["properties"].items()
        if "description" in str(schema_of_field)
    ]
    assert sorted(described) == sorted(schema["properties"])
    assert schema["required"] == ["segment_ids", "video_id"] or sorted(schema["required"]) == [
        "segment_ids",
        "video_id",
    ]


async def test_the_document_can_be_switched_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    from dataclasses import replace

    from support.http.api import CONFIG, make_api

    api = make_api(tmp_path_factory.mktemp("closed"), replace(CONFIG, docs_enabled=False))
    _, ada = await api.person("ada")
    assert (await ada.get("/schema/openapi.json")).status_code == 404


async def test_the_committed_document_is_the_served_one(tmp_path: Path) -> None:
    served = as_committed(await served_document(tmp_path))
    assert COMMITTED.read_text("utf-8") == served, "run `make openapi` and check the changes"


def test_binary_answers_are_declared_and_redirects_have_no_body(document: dict[str, Any]) -> None:
    binary = set()
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert not (status.startswith("3") and answer.get("content")), operation["operationId"]
            for media_type, content in (answer.get("content") or {}).items():
                if content["schema"].get("format") == "binary":
                    binary.add(media_type)
    assert binary == {"application/zip", "image/jpeg", "image/png", "image/webp"}


def test_fields_of_answers_are_required_and_fields_of_requests_mostly_optional(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for name in ("SubmittedView", "StatusView", "VideoView"):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"])
    assert set(schemas["SubmitBody"]["required"]) == {"video_id", "segment_ids"}
    # The list of errors is omitted when it is empty.
    assert "errors" not in schemas["Problem"]["required"]


def test_a_field_with_one_value_is_a_constant(document: dict[str, Any]) -> None:
    success = document["components"]["schemas"]["SubmittedView"]["properties"]["success"]
    assert success == {"const": True, "default": True, "description": "Always true."}
