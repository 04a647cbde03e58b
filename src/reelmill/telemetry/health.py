"""/healthz, /readyz and /metrics of a process that serves no HTTP otherwise."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_CHECK_SECONDS = 5.0  # a probe must not pile up behind a part that hangs

Check = Callable[[], Awaitable[None]]


def build(checks: Mapping[str, Check]) -> Starlette:
    """The application. `checks` raise where a part is away; liveness does not look at them."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        found = await asyncio.gather(*(_problem(check) for check in checks.values()))
        problems = {name: problem for name, problem in zip(checks, found, strict=True) if problem}
        if problems:
            return JSONResponse({"status": "not ready", "problems": problems}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


async def _problem(check: Check) -> str:
    """What is wrong with a part; empty where it is fine."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except TimeoutError as error:
        return str(error) or f"no answer within {_CHECK_SECONDS:g} s"
    except Exception as error:
        return str(error) or type(error).__name__
    return ""
