"""What the OpenAPI document tells of bodies that a route reads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from sync.ops import MOST_OPERATIONS, Op

# JSON Schema's words, as msgspec writes them, in Litestar's spelling.
_PLAIN = {
    "type": "type",
    "format": "format",
    "title": "title",
    "description": "description",
    "required": "required",
    "default": "default",
    "minimum": "minimum",
    "maximum": "maximum",
    "maxLength": "max_length",
}


def _schema(told: dict[str, Any]) -> Schema:
    given = {ours: told[word] for word, ours in _PLAIN.items() if word in told}
    if "properties" in told:
        given["properties"] = {name: _schema(each) for name, each in told["properties"].items()}
    if "items" in told:
        given["items"] = _schema(told["items"])
    if "anyOf" in told:
        given["any_of"] = [_schema(each) for each in told["anyOf"]]
    if isinstance(told.get("additionalProperties"), dict):
        given["additional_properties"] = _schema(told["additionalProperties"])
    return Schema(**given)


def _push() -> Schema:
    _, components = msgspec.json.schema_components([Op])
    return Schema(
        type=OpenAPIType.OBJECT,
        required=["operations"],
        properties={
            "schema": _schema({"type": "integer", "default": 1}),
            "log": _schema({"type": "string", "maxLength": 64, "default": ""}),
            "operations": Schema(
                type=OpenAPIType.ARRAY,
                items=_schema(components["Op"]),
                max_items=MOST_OPERATIONS,
            ),
        },
    )


@dataclass
class PushOperation(Operation):
    """The push reads its body itself, so that one bad operation cannot fail the others."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=_push())}, required=True
        )
