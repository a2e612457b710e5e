"""Reference pages of the HTTP API without scripts, generated from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

SCHEMAS = "schemas.md"
PROBLEM = "Problem"
_METHODS = ("get", "post", "put", "patch", "delete")
_SHOWN_AS = "application/json"


def api_pages(document: Json) -> dict[str, str]:
    """Return a page for every tag, one for all schemas, and an index.

    Args:
        document: OpenAPI 3.1.

    Returns:
        Markdown by file name.
    """
    tags = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    pages = {"index.md": _index(document, tags)}
    for tag, description in tags.items():
        operations = [operation for operation in _operations(document) if tag in operation[2]["tags"]]
        texts = [_operation(document, *operation) for operation in operations]
        pages[_file(tag)] = "\n".join([f"# {tag}", "", description, "", *texts])
    schemas = document["components"]["schemas"]
    texts = [_schema(name, schemas[name]) for name in sorted(schemas)]
    lead = "What bodies consist of. Fields that are not named here are refused in what you send."
    pages[SCHEMAS] = "\n".join(["# Schemas", "", lead, "", *texts])
    return pages


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method, path, item[method]


def _file(tag: str) -> str:
    return f"{tag.lower().replace(' ', '-')}.md"


def _index(document: Json, tags: Mapping[str, str]) -> str:
    lines = [
        "# HTTP API",
        "",
        document["info"]["description"],
        "",
        "The service tells the same as OpenAPI at `/schema/openapi.json`. Paths work with and without a",
        "slash at their end. Every error is `application/problem+json` with a stable `code`: see",
        "[Errors](../errors.md).",
        "",
    ]
    for tag, description in tags.items():
        lines += [f"## {tag}", "", description, "", "| operation | what it does |", "| --- | --- |"]
        for method, path, operation in _operations(document):
            if tag in operation["tags"]:
                link = f"{_file(tag)}#{_anchor(operation['operationId'])}"
                lines.append(f"| [`{method.upper()} {path}`]({link}) | {_cell(operation['summary'])} |")
        lines.append("")
    lines += ["## Who is calling", ""]
    for name, scheme in document["components"]["securitySchemes"].items():
        lines.append(f"- `{name}`: {scheme['description']}")
    return "\n".join([*lines, ""])


def _anchor(name: str) -> str:
    return name.lower()


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    lines = [
        f"## {operation['summary']} {{ #{_anchor(operation['operationId'])} }}",
        "",
        "```http",
        f"{method.upper()} {path}",
        "```",
        "",
        operation.get("description", ""),
        "",
        f"Operation `{operation['operationId']}`. {_access(document, operation)}",
        "",
    ]
    if operation.get("parameters"):
        lines += ["| parameter | in | type | what |", "| --- | --- | --- | --- |"]
        for parameter in operation["parameters"]:
            name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
            kind = _type(parameter["schema"])
            what = parameter.get("description", "")
            lines.append(f"| {name} | {parameter['in']} | {_cell(kind)} | {_cell(what)} |")
        lines.append("")
    lines += _body(document, operation)
    lines += ["| answer | body | what |", "| --- | --- | --- |"]
    for status, answer in operation["responses"].items():
        lines.append(f"| {status} | {_cell(_content(answer))} | {_cell(answer['description'])} |")
    return "\n".join([*lines, ""])


def _access(document: Json, operation: Json) -> str:
    security = operation.get("security", document.get("security", []))
    if {} not in security:
        return "Needs a credential."
    return "Needs no credential." if len(security) == 1 else "A credential is welcome, and not needed."


def _body(document: Json, operation: Json) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return []
    by_type: dict[str, list[str]] = {}
    for media, found in content.items():
        by_type.setdefault(_type(found.get("schema", {})), []).append(f"`{media}`")
    kinds = "; ".join(f"{', '.join(media)}: {kind}" for kind, media in by_type.items())
    lines = [f"Body: {kinds}.", ""]
    example = _example(document, content.get(_SHOWN_AS, {}).get("schema", {}))
    if example:
        lines += ["```json", json.dumps(example, indent=2, ensure_ascii=False), "```", ""]
    return lines


def _content(answer: Json) -> str:
    kinds = {_type(found.get("schema", {})): media for media, found in answer.get("content", {}).items()}
    return ", ".join(kind or f"`{media}`" for kind, media in kinds.items()) or "none"


def _schema(name: str, schema: Json) -> str:
    lines = [f"## {name} {{ #{_anchor(name)} }}", "", schema.get("description", ""), ""]
    if "enum" in schema:
        lines += [f"One of {_values(schema['enum'])}.", ""]
    if schema.get("properties"):
        required = set(schema.get("required", ()))
        lines += ["| field | type | what |", "| --- | --- | --- |"]
        for field, found in schema["properties"].items():
            shown = f"`{field}`" + (" (required)" if field in required else "")
            lines.append(f"| {shown} | {_cell(_type(found, in_schemas=True))} | {_cell(_meaning(found))} |")
        lines.append("")
    return "\n".join(lines)


def _type(schema: Json, *, in_schemas: bool = False) -> str:
    """Describe the type of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({'' if in_schemas else SCHEMAS}#{_anchor(name)})"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(_type(choice, in_schemas=in_schemas) for choice in choices)
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if values:
        return _values(values)
    kind, form = schema.get("type", ""), schema.get("format")
    if kind == "array":
        items = schema.get("prefixItems")
        inner = _type(schema.get("items", {}), in_schemas=in_schemas) or "anything"
        return f"list of {len(items) if items else inner}"
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{kind} ({form})" if kind and form else kind


def _values(values: Sequence[object]) -> str:
    return ", ".join(
        f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`" for value in values
    )


def _meaning(schema: Json) -> str:
    """Return description, limits and default of a field."""
    parts = [schema.get("description", "")]
    parts += [choice["description"] for choice in schema.get("anyOf", ()) if "description" in choice]
    for low, high, unit in (("minimum", "maximum", ""), ("minItems", "maxItems", " items")):
        if low in schema and high in schema:
            parts.append(f"{schema[low]} to {schema[high]}{unit}.")
        elif high in schema:
            parts.append(f"At most {schema[high]}{unit}.")
        elif low in schema:
            parts.append(f"At least {schema[low]}{unit}.")
    if schema.get("default") is not None:
        parts.append(f"Default `{json.dumps(schema['default'])}`.")
    return " ".join(part for part in parts if part)


def _example(document: Json, schema: Json) -> object:
    """Build a body from the examples of its fields; without examples, with the required fields only."""
    schema = _resolved(document, schema)
    for key in ("anyOf", "oneOf"):
        if key in schema and "examples" not in schema:
            return _example(document, schema[key][0])
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("type") == "array":
        item = _example(document, schema.get("items", {}))
        return [item] if item else []
    found = {}
    for name, field in schema.get("properties", {}).items():
        examples = field.get("examples") or _resolved(document, field).get("examples")
        if examples:
            found[name] = examples[0]
        elif name in schema.get("required", ()):
            found[name] = _example(document, field)
    return found


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
