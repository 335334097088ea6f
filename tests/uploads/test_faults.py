"""What may go wrong between a camera and the store does, and no byte is lost or counted twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.uploads.conftest import Site
from tests.uploads.test_protocol import MIB, create, once_there, raw_patch, recording_of, send


@pytest.fixture
async def camera(granian: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=granian.url, headers=granian.device, timeout=60
    ) as client:
        yield client


@pytest.mark.parametrize("size", [1000, 6 * MIB, 13 * MIB])
async def test_a_disconnect_keeps_every_byte_that_arrived(
    camera: httpx.AsyncClient, granian: Site, noise: bytes, size: int
) -> None:
    url = await create(camera, len(noise))
    _, writer = await raw_patch(granian, url, 0, len(noise), noise[:size])
    writer.close()
    await writer.wait_closed()
    await once_there(granian, url, size)
    assert (await send(camera, url, size, noise[size:])).status_code == 204
    assert await granian.stored(await recording_of(granian, url)) == noise
