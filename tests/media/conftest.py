from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from media.s3_store import S3Settings, S3Store


@pytest.fixture
async def s3(store_settings: S3Settings) -> AsyncIterator[S3Store]:
    """The real store on a bucket of its own."""
    store = S3Store(store_settings)
    await store.ensure_bucket()
    yield store
    store.close()
