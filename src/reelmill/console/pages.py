"""What all pages have in common: who reads, errors as pages, forms that are read whole and came from our pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console.callers import Caller, Callers
from reelmill.console.live import Feeds, Source, respond
from reelmill.console.policy import HEADERS, require_own_page
from reelmill.console.rendering import Templates, is_part, to
from reelmill.console.sessions import Sessions
from reelmill.gateway.app import Inside
from reelmill.gateway.bindings import Template
from reelmill.gateway.problems import Problem, from_error
from reelmill.gateway.routing import Endpoint, Handler
from reelmill.jobs.errors import ReelmillError

Page = Callable[[Request, Caller], Awaitable[Response]]
Action = Callable[[Request, Caller, FormData], Awaitable[Response]]
_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES = 4 * 2**20
_FORM_FIELDS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What the rooms of the console share."""

    inside: Inside
    templates: Templates
    sessions: Sessions
    callers: Callers
    feeds: Feeds

    def page(self, path: str, page: Page) -> Endpoint:
        """A page that is shown."""
        return Endpoint(verb="GET", template=Template(path), handler=self._guarded(page))

    def stream(self, path: str, page: Page) -> Endpoint:
        """A page's live part, without end."""
        return Endpoint(verb="GET", template=Template(path), handler=self._guarded(page), head=False)

    def action(self, path: str, action: Action) -> Endpoint:
        """A form that is sent."""

        async def read(request: Request, caller: Caller) -> Response:
            require_own_page(request.headers)
            return await action(request, caller, await form(request))

        return Endpoint(verb="POST", template=Template(path), handler=self._guarded(read))

    def own(self, path: str, page: Page) -> Endpoint:
        """A request whose body is no form."""

        async def read(request: Request, caller: Caller) -> Response:
            require_own_page(request.headers)
            return await page(request, caller)

        return Endpoint(verb="POST", template=Template(path), handler=self._guarded(read))

    async def live(self, caller: Caller, what: tuple[str, ...], source: Source) -> Response:
        """A live part of a page. Raises Problem where there is nothing to show, or no place."""
        return await respond(self.inside.room, self.feeds.read(caller, what, source))

    def show(self, name: str, caller: Caller, *, status: int = 200, **values: object) -> Response:
        """A template that is a page of a reader's."""
        return self.templates.answer(name, status=status, caller=caller, **values)

    def _guarded(self, page: Page) -> Handler:
        async def answer(request: Request) -> Response:
            caller = self.callers.of(request)
            try:
                return await page(request, caller)
            except Problem as problem:
                return self._refused(request, caller, problem)
            except ReelmillError as error:
                return self._refused(request, caller, from_error(error))

        return answer

    def _refused(self, request: Request, caller: Caller, problem: Problem) -> Response:
        """The problem as a page; one that wants a key leads to where that is given."""
        if problem.status == 401:
            where = f"/sign-in?next={quote(_back(request), safe='')}"
            if is_part(request.headers):
                return Response(status_code=401, headers={**HEADERS, "HX-Redirect": where})
            if request.method in ("GET", "HEAD") or not caller.signed_in:
                return to(where)
        name = "problem_part.html" if is_part(request.headers) else "problem.html"
        response = self.show(name, caller, status=problem.status, problem=problem)
        response.headers.update(problem.headers)
        return response


async def form(request: Request) -> FormData:
    """The fields of a form. Raises Problem: 413, 415."""
    if not request.headers.get("content-type", "").startswith(_FORM):
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"the form must be {_FORM}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise Problem(413, "PAYLOAD_TOO_LARGE", f"the form is larger than {_FORM_BYTES} bytes")
    try:
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS, errors="strict")
    except ValueError as error:
        raise Problem(400, "INVALID_REQUEST", f"the form can't be read: {error}") from error
    return FormData(pairs)


def text(fields: FormData, name: str) -> str:
    """A field of a form, without what stands around it; empty where it is missing."""
    return str(fields.get(name) or "").strip()


def _back(request: Request) -> str:
    """Where a reader was, on this server."""
    if request.method not in ("GET", "HEAD") or is_part(request.headers):
        return own_path(request.headers.get("hx-current-url", ""))
    query = request.url.query
    return own_path(request.url.path + (f"?{query}" if query else ""))


def own_path(address: str) -> str:
    """The path of an address, where it can lead nowhere else but here; else the first page."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    path = parts.path
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(c) < 33 or c == "\\" for c in path):
        return "/"
    return path + (f"?{parts.query}" if parts.query else "")
