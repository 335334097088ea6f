"""The test house itself: its services are real, and apart for each test."""

from __future__ import annotations

import asyncio
import io

import psycopg
import pytest
from minio import Minio

from backend.database import Database
from tests.conftest import Bucket


@pytest.mark.parametrize("attempt", ["the first test", "the next test"])
async def test_each_test_has_a_migrated_database_of_its_own(
    database: Database, attempt: str
) -> None:
    async with database.transaction() as tx:
        await tx.execute("create table mine (said text)")
        await tx.execute("insert into mine values ($1)", attempt)
    async with database.snapshot() as tx:
        assert await tx.fetchval("select count(*) from mine") == 1
        assert await tx.fetchval("select count(*) from migration") > 0


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        counted = connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone()
    assert counted == (0,)


async def test_the_store_of_the_run_keeps_what_it_is_given(bucket: Bucket) -> None:
    client = Minio(
        bucket.endpoint.removeprefix("http://"), bucket.access_key, bucket.secret_key, secure=False
    )

    def round_trip() -> bytes:
        client.make_bucket(bucket.bucket)
        client.put_object(bucket.bucket, "巴特尔/笔录", io.BytesIO(b"signed"), 6)
        return client.get_object(bucket.bucket, "巴特尔/笔录").data

    assert await asyncio.to_thread(round_trip) == b"signed"
