"""The gateway's application: every method's REST form, files, pages, health."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reelmill import signed_urls
from reelmill.auth.callers import is_loopback
from reelmill.capacity import Limits
from reelmill.gateway import openapi, streaming, swagger_ui
from reelmill.gateway.admission import Admission
from reelmill.gateway.bindings import Binding, Template, bindings, services
from reelmill.gateway.callers import Callers
from reelmill.gateway.calls import Calls
from reelmill.gateway.files import Files, Storage
from reelmill.gateway.routing import Endpoint, Handler, Router
from reelmill.gateway.upstream import Upstream
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.telemetry import health


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What pages beside the REST form are made with."""

    upstream: Upstream
    methods: Mapping[str, Binding]
    """By the methods' names."""
    files: Files
    room: streaming.Room
    keys: Keys | None
    """The operator's, where the gateway has them."""
    settings: Settings


Pages = Callable[[Inside], Iterable[Endpoint]]
"""Pages that lie at `/`."""


def build(*, api_target: str, storage: Storage, settings: Settings, pages: Pages | None = None) -> Starlette:
    """The application; it talks to the api at `api_target` (host:port) while its lifespan is open.

    Without `pages`, `/` leads to Swagger UI.
    """
    exposed = not settings.authentication and not is_loopback(settings.http_host)
    callers = Callers(required=settings.authentication == "keys", exposed=exposed)
    upstream = Upstream(api_target, callers, _api_credentials(settings))
    bound = list(bindings(services()))
    by_name = {b.method.name: b for b in bound}
    keys = Keys.of(*settings.key_places, make=False)
    files = Files(
        storage,
        upstream,
        list_files=by_name["ListOutputFiles"],
        get_job=by_name["GetJob"],
        upload_max_bytes=settings.upload_max_bytes,
        keys=keys,
    )
    limits = Limits(request_max_bytes=settings.request_max_bytes, batch_max_bytes=settings.batch_max_bytes)
    room = streaming.Room(max(1, settings.http_max_connections * 3 // 4))
    calls = Calls(upstream, limits, room)
    inside = Inside(upstream=upstream, methods=by_name, files=files, room=room, keys=keys, settings=settings)
    endpoints = [
        *(calls.endpoint(binding) for binding in bound),
        _own("POST", "/v1/uploads", files.upload),
        _own("GET", "/v1/jobs/{id}/outputs/{output}/{path=**}", files.download),
        _own("GET", signed_urls.PREFIX + "{path=**}", files.signed),
        _own("PUT", signed_urls.PREFIX + "{path=**}", files.signed_upload),
        _own("GET", "/openapi.json", _document(bound, limits, settings.upload_max_bytes)),
        *(pages(inside) if pages else [_own("GET", "/", swagger_ui.redirect)]),
        _own("GET", "/swagger", swagger_ui.redirect),
        _own("GET", "/swagger/", swagger_ui.index),
        _own("GET", "/swagger/{file}", swagger_ui.file),
        *_health(upstream),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        upstream.open()
        try:
            yield
        finally:
            await upstream.close()

    admission = Admission(settings.allowed_hosts, settings.allowed_origins, listening=settings.http_host)
    return Starlette(
        routes=[Router(endpoints, admission, settings.trusted_proxies)],
        middleware=_sharing(settings.allowed_origins),
        lifespan=lifespan,
    )


def _api_credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    """How the api is known, and we to it. Raises ValueError, naming the settings."""
    files = (settings.api_authorities, settings.api_key, settings.api_certificate)
    if not settings.api_authorities:
        return None
    try:
        return grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))
    except OSError as error:
        raise ValueError(f"REELMILL_API_AUTHORITIES, …_CERTIFICATE, …_KEY: can't be read: {error}") from error


def _sharing(origins: Sequence[str]) -> list[Middleware]:
    """Lets pages of these origins, and no others, read our answers (CORS)."""
    if not origins:
        return []
    readable = ("ETag", "Retry-After", "Content-Range")
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("*",),
            expose_headers=readable,
        )
    ]


def _document(bound: Sequence[Binding], limits: Limits, upload_max_bytes: int) -> Handler:
    document = openapi.document(bound, limits=limits, upload_max_bytes=upload_max_bytes)
    text = json.dumps(document, ensure_ascii=False)

    async def answer(_request: Request) -> Response:
        return Response(text, headers={"Cache-Control": "no-cache"}, media_type="application/json")

    return answer


def _health(upstream: Upstream) -> list[Endpoint]:
    routes = health.build({"api": upstream.check}).routes
    return [_own("GET", route.path, route.endpoint) for route in routes if isinstance(route, Route)]


def _own(verb: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(verb=verb, template=Template(path), handler=handler)
