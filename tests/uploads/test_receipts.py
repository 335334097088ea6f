"""A receipt holds for exactly what it says, under exactly the server's key."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from media.receipts import BadReceipt, as_document, check_receipt, published_keys, read_keys
from media.receipts import sign_receipt as sign

SECRET = b"s" * 32
KEYS = read_keys(published_keys(SECRET))
BODY = {
    "recording_id": UUID(int=7),
    "sha256": "ab" * 32,
    "size": 10,
    "object_key": "originals/shijian/2026/03/02/x.mp4",
    "verified_at": datetime(2026, 3, 2, 1, 0, tzinfo=UTC),
}
DOCUMENT = as_document(sign(SECRET, **BODY))


def test_a_receipt_survives_the_wire_and_verifies() -> None:
    travelled = msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    assert check_receipt(travelled, KEYS).sha256 == "ab" * 32


def test_the_order_of_keys_on_the_way_does_not_matter() -> None:
    shuffled = {**DOCUMENT, "body": dict(reversed(DOCUMENT["body"].items()))}
    assert check_receipt(shuffled, KEYS).size == 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "cd" * 32),
        ("size", 11),
        ("recording_id", str(UUID(int=8))),
        ("object_key", "originals/zhujian/2026/03/02/x.mp4"),
        ("verified_at", "2026-03-02T01:00:01Z"),
        ("format", "quanji-receipt-2"),
        ("key_id", "0" * 16),
    ],
)
def test_a_changed_field_breaks_it(field: str, value: Any) -> None:
    changed = copy.deepcopy(DOCUMENT)
    changed["body"][field] = value
    with pytest.raises(BadReceipt):
        check_receipt(changed, KEYS)


@pytest.mark.parametrize("document", [{}, {"body": {}}, {"body": DOCUMENT["body"]}])
def test_what_is_no_receipt_is_said_to_be_none(document: dict[str, Any]) -> None:
    with pytest.raises(BadReceipt, match="not a receipt"):
        check_receipt(document, KEYS)


def test_another_servers_key_does_not_hold() -> None:
    with pytest.raises(BadReceipt, match="isn't the server's"):
        check_receipt(DOCUMENT, read_keys(published_keys(b"t" * 32)))


def test_a_published_key_is_named_by_what_it_is_not_by_what_it_claims() -> None:
    published = published_keys(SECRET)
    published["keys"][0]["x"] = published_keys(b"t" * 32)["keys"][0]["x"]
    with pytest.raises(BadReceipt):
        check_receipt(DOCUMENT, read_keys(published))
