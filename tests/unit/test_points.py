"""Points at which a fault test stops a process: it hears name and process, and the process waits for its word."""

import asyncio
import os
from pathlib import Path

import pytest
from fault.kit.points import Points
from waiting import soon

from reelmill import points


async def test_a_point_is_announced_and_waits_for_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard, go = asyncio.Queue[bytes](), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readline())
        await go.wait()
        writer.write(b"go\n")
        writer.close()

    await points.reach("nobody.listens")
    monkeypatch.setattr(points, "_SOCKET", str(tmp_path / "points"))
    await points.reach("nobody.listens.yet")
    async with await asyncio.start_unix_server(listen, tmp_path / "points"):
        reaching = asyncio.create_task(points.reach("task.claimed"))
        assert await soon(heard.get()) == f"task.claimed {os.getpid()}\n".encode()
        assert not reaching.done()
        go.set()
        await soon(reaching)


async def test_a_process_that_is_killed_as_it_comes_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Points(tmp_path / "points") as stops:
        stops.hold("task.claimed")
        for said in (b"", b"task.claimed", b"task.claimed 7\n"):
            reader, writer = await asyncio.open_unix_connection(stops.path)
            writer.write(said)
            if said.endswith(b"\n"):
                arrival = await stops.reached("task.claimed")
                arrival.go()
            else:
                writer.write_eof()
            assert await soon(reader.readline()) == b"go\n"
            writer.close()
        assert arrival.pid == 7
    assert caplog.records == []
