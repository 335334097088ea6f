"""The OpenAPI document tells a device's author all that a push may hold, and is public."""

from __future__ import annotations

import httpx
import msgspec

from sync.ops import Op


async def test_the_document_is_public_and_tells_of_every_field_of_an_operation(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/schema/openapi.json")
    assert answer.status_code == 200
    push = answer.json()["paths"]["/api/device/sync/push"]["post"]
    body = push["requestBody"]["content"]["application/json"]["schema"]
    operation = body["properties"]["operations"]["items"]
    assert operation["properties"].keys() == {field.name for field in msgspec.structs.fields(Op)}
    assert {"op_id", "device_seq", "entity", "id", "kind", "occurred_at"} == set(
        operation["required"]
    )
