"""The reference of the HTTP API: pages without scripts, out of the OpenAPI document."""

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
    """A page for every tag, one for all schemas, and one that leads to them.

    Args:
        document: OpenAPI 3.1.

    Returns:
        Markdown by file name.
    """
    tags = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    pages = {"index.md": _index(document, tags)}
    for tag, description in tags.items():
        operations = [one for one in _operations(document) if tag in one[2]["tags"]]
        texts = [_operation(document, *one) for one in operations]
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
        for method, path, one in _operations(document):
            if tag in one["tags"]:
                link = f"{_file(tag)}#{_anchor(one['operationId'])}"
                lines.append(f"| [`{method.upper()} {path}`]({link}) | {_cell(one['summary'])} |")
        lines.append("")
    lines += ["## Who is calling", ""]
    for name, scheme in document["components"]["securitySchemes"].items():
        lines.append(f"- `{name}`: {scheme['description']}")
    return "\n".join([*lines, ""])


def _anchor(name: str) -> str:
    return name.lower()


def _operation(document: Json, method: str, path: str, one: Json) -> str:
    lines = [
        f"## {one['summary']} {{ #{_anchor(one['operationId'])} }}",
        "",
        "```http",
        f"{method.upper()} {path}",
        "```",
        "",
        one.get("description", ""),
        "",
        f"Operation `{one['operationId']}`. {_access(document, one)}",
        "",
    ]
    if one.get("parameters"):
        lines += ["| parameter | in | type | what |", "| --- | --- | --- | --- |"]
        for parameter in one["parameters"]:
            name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
            kind = _type(parameter["schema"])
            what = parameter.get("description", "")
            lines.append(f"| {name} | {parameter['in']} | {_cell(kind)} | {_cell(what)} |")
        lines.append("")
    lines += _body(document, one)
    lines += ["| answer | body | what |", "| --- | --- | --- |"]
    for status, answer in one["responses"].items():
        lines.append(f"| {status} | {_cell(_content(answer))} | {_cell(answer['description'])} |")
    return "\n".join([*lines, ""])


def _access(document: Json, one: Json) -> str:
    security = one.get("security", document.get("security", []))
    if {} not in security:
        return "Needs a credential."
    return "Needs no credential." if len(security) == 1 else "A credential is welcome, and not needed."


def _body(document: Json, one: Json) -> list[str]:
    content = one.get("requestBody", {}).get("content", {})
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
    """What a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({'' if in_schemas else SCHEMAS}#{_anchor(name)})"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(_type(one, in_schemas=in_schemas) for one in choices)
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
    return ", ".join(f"`{json.dumps(one)}`" if not isinstance(one, str) else f"`{one}`" for one in values)


def _meaning(schema: Json) -> str:
    """Description, limits and default of a field."""
    parts = [schema.get("description", "")]
    parts += [one["description"] for one in schema.get("anyOf", ()) if "description" in one]
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
    """A body made of the examples of its fields; of those without one, only what has to be there."""
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
