"""tus decisions, as tables: what came, how the upload stood, what is decided and why."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import tus

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIMITS = tus.Limits(most=1000)
OPEN = tus.Upload(offset=10, length=100, state="open", expires_at=NOW + timedelta(days=14))
DEFERRED = msgspec.structs.replace(OPEN, length=None)
FINISHED = msgspec.structs.replace(OPEN, offset=100, state="finished")
SHA256 = "sha256 " + base64.b64encode(hashlib.sha256(b"x").digest()).decode()


def post(**headers: str) -> tus.Request:
    return tus.Request(method="POST", tus_resumable="1.0.0", **headers)


def patch(offset: str | None = "10", **headers: str) -> tus.Request:
    given = {"content_type": tus.CONTENT_TYPE, "upload_offset": offset, **headers}
    return tus.Request(method="PATCH", tus_resumable="1.0.0", **given)


def test_options_tell_all_that_is_spoken() -> None:
    told = tus.tell_options(LIMITS)
    assert told.status == 204
    assert told.headers["Tus-Version"] == "1.0.0"
    assert told.headers["Tus-Max-Size"] == "1000"
    assert set(told.headers["Tus-Checksum-Algorithm"].split(",")) == {"sha1", "sha256", "md5"}
    assert "creation-defer-length" in told.headers["Tus-Extension"].split(",")


@pytest.mark.parametrize(
    ("request_", "kind", "where"),
    [
        (tus.Request(method="POST", upload_length="5"), "unsupported_version", "Tus-Resumable"),
        (
            tus.Request(method="POST", tus_resumable="0.2.2", upload_length="5"),
            "unsupported_version",
            "Tus-Resumable",
        ),
        (post(), "bad_request", "Upload-Length"),
        (post(upload_length="-1"), "bad_request", "Upload-Length"),
        (post(upload_length="１０"), "bad_request", "Upload-Length"),
        (post(upload_length="1_0"), "bad_request", "Upload-Length"),
        (post(upload_length="9" * 30), "bad_request", "Upload-Length"),
        (post(upload_length="1001"), "too_large", "Upload-Length"),
        (post(upload_length="5", upload_defer_length="1"), "bad_request", "Upload-Defer-Length"),
        (post(upload_defer_length="2"), "bad_request", "Upload-Defer-Length"),
        (post(upload_concat="final;/else/where"), "bad_request", "Upload-Concat"),
        (
            post(upload_length="5", upload_concat="final;/api/uploads/a"),
            "bad_request",
            "Upload-Length",
        ),
        (post(upload_length="5", upload_metadata="filename *"), "bad_request", "Upload-Metadata"),
        (
            post(upload_length="5", upload_metadata="a YQ==,a YQ=="),
            "bad_request",
            "Upload-Metadata",
        ),
        (post(upload_length="5", content_length="5"), "unsupported_media_type", "Content-Type"),
        (
            post(upload_length="5", content_type=tus.CONTENT_TYPE, content_length="6"),
            "too_large",
            "Content-Length",
        ),
    ],
)
def test_a_creation_is_refused_with_the_header_that_is_wrong(
    request_: tus.Request, kind: str, where: str
) -> None:
    decided = tus.decide_create(request_, LIMITS)
    assert isinstance(decided, tus.Refuse)
    assert (decided.kind, decided.where) == (kind, where)


@pytest.mark.parametrize(
    ("request_", "length", "append"),
    [
        # plain creation, no body
        (post(upload_length="100"), 100, None),
        # a length told later
        (post(upload_defer_length="1"), None, None),
        # an empty file is complete at once
        (post(upload_length="0"), 0, tus.Append(offset=0, room=0, length=0)),
        # empty metadata is fine, as tuspy sends it
        (post(upload_length="100", upload_metadata=""), 100, None),
        # creation with upload, length of the body unknown
        (
            post(upload_length="100", content_type=tus.CONTENT_TYPE, chunked=True),
            100,
            tus.Append(offset=0, room=100, length=100),
        ),
        # creation with upload of a deferred length: room up to the limit
        (
            post(upload_defer_length="1", content_type=tus.CONTENT_TYPE, content_length="7"),
            None,
            tus.Append(offset=0, room=1000, length=None),
        ),
    ],
)
def test_a_creation_is_taken(
    request_: tus.Request, length: int | None, append: tus.Append | None
) -> None:
    decided = tus.decide_create(request_, LIMITS)
    assert isinstance(decided, tus.Create)
    assert (decided.length, decided.append) == (length, append)


@pytest.mark.parametrize(
    ("request_", "upload", "kind", "where"),
    [
        (patch("9"), OPEN, "offset_mismatch", "Upload-Offset"),
        (patch("11"), OPEN, "offset_mismatch", "Upload-Offset"),
        (patch(None), OPEN, "bad_request", "Upload-Offset"),
        (patch("-10"), OPEN, "bad_request", "Upload-Offset"),
        (patch(content_type="video/mp4"), OPEN, "unsupported_media_type", "Content-Type"),
        (patch(content_length="91"), OPEN, "too_large", "Content-Length"),
        (patch(content_length="991"), DEFERRED, "too_large", "Content-Length"),
        (patch(upload_checksum="crc32 AAAA"), OPEN, "bad_request", "Upload-Checksum"),
        (patch(upload_checksum="sha1 AAAA"), OPEN, "bad_request", "Upload-Checksum"),
        (patch(upload_checksum="sha1 ???"), OPEN, "bad_request", "Upload-Checksum"),
        (patch(upload_length="101"), OPEN, "bad_request", "Upload-Length"),
        (patch(upload_length="9"), DEFERRED, "bad_request", "Upload-Length"),
        (patch(upload_length="1001"), DEFERRED, "too_large", "Upload-Length"),
        (patch("100", content_length="1"), FINISHED, "too_large", "Content-Length"),
        (patch("50"), FINISHED, "offset_mismatch", "Upload-Offset"),
        (patch(), msgspec.structs.replace(OPEN, state="terminated"), "gone", "upload"),
        (patch(), msgspec.structs.replace(OPEN, state="expired"), "gone", "upload"),
        (patch(), msgspec.structs.replace(OPEN, expires_at=NOW), "gone", "upload"),
    ],
)
def test_a_patch_is_refused_before_its_body_is_read(
    request_: tus.Request, upload: tus.Upload, kind: str, where: str
) -> None:
    decided = tus.decide_patch(request_, upload, NOW, LIMITS)
    assert isinstance(decided, tus.Refuse)
    assert (decided.kind, decided.where) == (kind, where)


def test_a_stale_offset_is_told_the_true_one() -> None:
    decided = tus.decide_patch(patch("9"), OPEN, NOW, LIMITS)
    assert isinstance(decided, tus.Refuse)
    assert decided.headers["Upload-Offset"] == "10"


@pytest.mark.parametrize(
    ("request_", "upload", "append"),
    [
        (patch(content_length="90"), OPEN, tus.Append(offset=10, room=90, length=100)),
        (patch(), DEFERRED, tus.Append(offset=10, room=990, length=None)),
        (patch(upload_length="40"), DEFERRED, tus.Append(offset=10, room=30, length=40)),
        (patch(upload_length="100"), OPEN, tus.Append(offset=10, room=90, length=100)),
    ],
)
def test_a_patch_is_taken(request_: tus.Request, upload: tus.Upload, append: tus.Append) -> None:
    assert tus.decide_patch(request_, upload, NOW, LIMITS) == append


def test_a_patch_repeated_after_the_end_is_told_so() -> None:
    decided = tus.decide_patch(patch("100", content_length="0"), FINISHED, NOW, LIMITS)
    assert decided == tus.Tell(204, {"Tus-Resumable": "1.0.0", "Upload-Offset": "100"})


def test_a_checksum_is_carried_to_the_one_who_reads_the_body() -> None:
    decided = tus.decide_patch(patch(upload_checksum=SHA256), OPEN, NOW, LIMITS)
    assert isinstance(decided, tus.Append)
    assert decided.checksum == tus.Checksum("sha256", hashlib.sha256(b"x").digest())


def test_head_tells_offset_length_and_when_it_expires() -> None:
    head = tus.Request(method="HEAD", tus_resumable="1.0.0")
    told = tus.decide_head(head, msgspec.structs.replace(OPEN, metadata="key YQ=="), NOW)
    assert isinstance(told, tus.Tell)
    assert told.headers == {
        "Cache-Control": "no-store",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "10",
        "Upload-Length": "100",
        "Upload-Expires": "Mon, 16 Mar 2026 09:00:00 GMT",
        "Upload-Metadata": "key YQ==",
    }


def test_head_of_a_deferred_upload_says_that_its_length_is_to_come() -> None:
    told = tus.decide_head(tus.Request(method="HEAD", tus_resumable="1.0.0"), DEFERRED, NOW)
    assert isinstance(told, tus.Tell)
    assert told.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in told.headers


@given(
    st.integers(0, 100),
    st.one_of(st.none(), st.integers(100, 1000)),
    st.text(max_size=20) | st.integers(-5, 200).map(str),
)
def test_head_of_a_live_upload_is_always_2xx_and_patch_never_moves_a_wrong_offset(
    offset: int, length: int | None, said: str
) -> None:
    upload = msgspec.structs.replace(OPEN, offset=offset, length=length)
    head = tus.decide_head(tus.Request(method="HEAD", tus_resumable="1.0.0"), upload, NOW)
    assert isinstance(head, tus.Tell) and head.status == 200
    decided = tus.decide_patch(patch(said), upload, NOW, LIMITS)
    assert isinstance(decided, tus.Refuse) or decided.offset == offset == int(said)


@pytest.mark.parametrize(
    ("state", "kind"), [("finished", "forbidden"), ("terminated", "gone"), ("open", None)]
)
def test_only_what_is_not_evidence_yet_can_be_terminated(state: str, kind: str | None) -> None:
    delete = tus.Request(method="DELETE", tus_resumable="1.0.0")
    upload = msgspec.structs.replace(FINISHED, state=state)
    decided = tus.decide_delete(delete, upload)
    assert (decided.kind if isinstance(decided, tus.Refuse) else None) == kind


@pytest.mark.parametrize(
    ("method", "override", "acts_as"),
    [
        ("POST", "PATCH", "PATCH"),
        ("POST", "delete", "DELETE"),
        ("POST", "GET", "POST"),
        ("GET", "PATCH", "GET"),
    ],
)
def test_a_method_is_overridden_on_post_alone(method: str, override: str, acts_as: str) -> None:
    assert tus.read_request(method, {"x-http-method-override": override}).method == acts_as
