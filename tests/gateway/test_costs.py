"""What a request may cost: the event loop's time, by its thread's CPU, beside bare parsing of the same bytes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from statistics import median
from typing import Any

import grpc
import pytest
import shapes
from effort import short_or_long
from google.protobuf.message_factory import GetMessageClass
from live import Reelmill
from starlette.applications import Starlette

from reelmill.app.api import running_api
from reelmill.gateway.app import build
from reelmill.gateway.bindings import Binding, bindings, services
from reelmill.parts import open_parts
from reelmill.settings import Settings
from reelmill.storage.storage import Storage

FACTOR = 3
FLOOR_SECONDS = 0.010  # of CPU, for the call itself
TRIES = 15
BINDINGS = [b for b in bindings(services()) if b.body]
AS_CREATE_JOB = {"ValidateJob": 1, "EstimateJob": 1, "BatchCreateJobs": 2, "SavePreset": 1}
"""Methods whose jobs, or outputs, are read as those of CreateJob, and how many fields lead to one."""


def parsing_seconds(parse: Callable[[], object]) -> float:
    """CPU of bare parsing, once."""
    began = time.thread_time()
    with suppress(Exception):
        parse()
    return time.thread_time() - began


def limit_bytes(name: str) -> int:
    """Of a request; in the short run, of an eighth of it, and less where CreateJob stands for it."""
    settings = Settings()
    limit = settings.batch_max_bytes if name.startswith("BatchCreate") else settings.request_max_bytes
    less = 32 if AS_CREATE_JOB.get(name) == 1 else 8
    return limit // short_or_long(less, 1) - 2000


def longest(name: str, root: Any) -> int:
    """How many fields deep a request is filled: what lies deep in a job, in the short run, by CreateJob alone."""
    if name not in AS_CREATE_JOB or short_or_long(0, 1):
        return shapes.ANY
    return 2 + (0 if root.name == "Job" else AS_CREATE_JOB[name])


async def loop_seconds(call: Callable[[], Any], parse: Callable[[], object]) -> tuple[float, float]:
    """CPU that a call takes of the loop's thread, and how much it may; in turns, which end once it holds.

    Parsing alone takes a tenth where the allocator has the memory already: of it the median counts, of calls the least.
    """
    least, bare = float("inf"), []
    for _ in range(TRIES):
        bare.append(parsing_seconds(parse))
        began = time.thread_time()
        await call()
        least = min(least, time.thread_time() - began)
        most = FACTOR * median(bare) + FLOOR_SECONDS
        if least <= most:
            break
    return least, most


async def ask(app: Starlette, path: str, body: bytes) -> int:
    """Status of a POST to an application in this loop."""
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": headers, "asgi": {"version": "3.0"}}, receive, send)
    return status[0]


def rest_cases(binding: Binding) -> Iterator[tuple[str, bytes]]:
    root: Any = binding.method.input_type
    if binding.body != "*":
        root = root.fields_by_name[binding.body].message_type
    name = binding.method.name
    size = limit_bytes(name)
    # What lies below one request of a batch is as large as one request may be.
    return shapes.as_json(root, size, short_or_long(min(size, limit_bytes("")), size), longest(name, root))


@pytest.fixture
async def gateway(idle_api: Reelmill) -> AsyncIterator[Starlette]:
    """The gateway's application in this test's own loop, before a real api."""
    settings = Settings(api_target=idle_api.grpc)
    app = build(api_target=idle_api.grpc, storage=Storage.from_settings(settings), settings=settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda b: b.method.name)
async def test_the_loop_reads_no_rest_request_for_longer_than_three_times_bare_parsing(
    gateway: Starlette, binding: Binding
) -> None:
    path = binding.template.text.replace("{id}", "x")
    await ask(gateway, path, b"{}")
    for name, body in rest_cases(binding):
        statuses = []

        async def call(body: bytes = body, statuses: list[int] = statuses) -> None:
            statuses.append(await ask(gateway, path, body))

        took, most = await loop_seconds(call, lambda body=body: json.loads(body.decode()))  # type: ignore[misc]
        assert statuses[0] in (400, 404, 413, 200), (name, statuses)
        assert took <= most, f"{name}: {took:.3f} s of CPU, and {most:.3f} s are allowed"


async def test_the_loop_reads_no_grpc_request_for_longer_than_three_times_bare_parsing(database_url: str) -> None:
    settings = Settings(database_url=database_url, grpc_port=0)
    async with open_parts(settings, process="api") as parts, running_api(parts) as port:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            for method in shapes.METHODS:
                path = f"/{method.containing_service.full_name}/{method.name}"
                kind = GetMessageClass(method.input_type)
                rpc: Any = channel.unary_stream(path) if method.server_streaming else channel.unary_unary(path)
                deep = longest(method.name, method.input_type)
                for name, raw in shapes.as_bytes(method.input_type, limit_bytes(method.name), deep):
                    codes: list[str] = []

                    def send(raw: bytes = raw, rpc: Any = rpc, codes: list[str] = codes) -> None:
                        try:
                            answer = rpc(raw, timeout=60)
                            list(answer) if hasattr(answer, "__next__") else None
                            codes.append("OK")
                        except grpc.RpcError as error:
                            codes.append(error.code().name)  # type: ignore[attr-defined]

                    took, most = await loop_seconds(
                        lambda send=send: asyncio.to_thread(send),  # type: ignore[misc]
                        lambda raw=raw, kind=kind: kind.FromString(raw),  # type: ignore[misc]
                    )
                    what = f"{method.name} {name} ({len(raw)} bytes)"
                    assert set(codes) <= {"INVALID_ARGUMENT", "NOT_FOUND", "OK"}, (what, codes)
                    assert took <= most, f"{what}: {took:.3f} s of CPU, and {most:.3f} s are allowed"
