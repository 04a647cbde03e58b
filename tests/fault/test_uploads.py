"""A gateway that dies with an upload in its hands: nothing of it stays for ever, and no job reads half a file."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest
from fault.kit.points import Points
from live import Reelmill
from waiting import patient


async def test_what_a_gateway_killed_before_its_last_word_leaves_is_no_input_and_goes_with_the_old(
    database_url: str, tmp_path: Path
) -> None:
    settings = {"REELMILL_DATABASE_URL": database_url}
    connection = await asyncpg.connect(database_url)
    async with Points(tmp_path / "points") as points:
        settings |= {"REELMILL_TEST_POINTS": str(points.path), "REELMILL_DATA_DIR": str(tmp_path / "data")}
        api = Reelmill("api", variables=settings)
        gateway = Reelmill("gateway", variables=settings, api_target=api.grpc)
        scheduler = Reelmill("scheduler", variables=settings, upload_retention_days=1)
        try:
            for process in (api, gateway):
                await asyncio.to_thread(process.start)
            points.hold("upload.stored")
            async with httpx.AsyncClient(base_url=gateway.http, timeout=60) as http:
                sending = asyncio.create_task(http.post("/v1/uploads?name=talk.mov", content=b"some bytes"))
                await points.reached("upload.stored")
                await asyncio.to_thread(gateway.kill)
                with pytest.raises(httpx.TransportError):
                    await sending
            points.free_all()
            newest = "SELECT id, uri FROM uploads WHERE state = 'WRITING' ORDER BY create_time DESC LIMIT 1"
            [row] = await connection.fetch(newest)
            path = tmp_path / "data" / "storage" / "uploads" / row["uri"].removeprefix("upload:")
            assert path.read_bytes() == b"some bytes"
            older = "UPDATE uploads SET create_time = now() - interval '2 days' WHERE id = $1"
            await connection.execute(older, row["id"])
            await asyncio.to_thread(scheduler.start)
            async with patient():
                while path.exists() or await connection.fetchval("SELECT count(*) FROM storage_deletions"):
                    await asyncio.sleep(0.05)  # between looks
            assert await connection.fetch("SELECT FROM uploads WHERE id = $1", row["id"]) == []
        finally:
            await connection.close()
            for process in (gateway, scheduler, api):
                await asyncio.to_thread(process.close)
