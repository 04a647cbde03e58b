"""Named points of the code that a fault test can stop at. In production they cost one comparison.

A test listens on a Unix socket and names it in REELMILL_TEST_POINTS. A process that reaches a point
connects, writes `NAME PID` and a newline, and goes on once it has read a line, or once the test has
closed the connection. Meanwhile the test may kill it, stop it, or break what is around it.
"""

import asyncio
import os

_SOCKET = os.environ.get("REELMILL_TEST_POINTS")


async def reach(name: str) -> None:
    """Announce a point, and wait until the test lets us go on."""
    if _SOCKET is None:
        return
    try:
        reader, writer = await asyncio.open_unix_connection(_SOCKET)
    except OSError:  # nobody listens any more
        return
    try:
        writer.write(f"{name} {os.getpid()}\n".encode())
        await writer.drain()
        await reader.readline()
    except OSError:
        return
    finally:
        writer.close()
