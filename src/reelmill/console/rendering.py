"""Templates → answers."""

import time
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response

from reelmill.console import views
from reelmill.console.policy import HEADERS

ROOMS = (
    *(("/", "Jobs"), ("/new", "New job"), ("/presets", "Presets")),
    *(("/webhooks", "Webhooks"), ("/keys", "Keys"), ("/system", "System")),
)
"""What the head of each page leads to."""
_FRESH = {"Cache-Control": "no-store"}


class Templates:
    """The templates. Whatever is put into one is escaped."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["rooms"] = dict(ROOMS)
        self._environment.filters.update(views.FILTERS)

    def text(self, name: str, **values: Any) -> str:
        """A template, filled; it knows `now`, in seconds since 1970."""
        return self._environment.get_template(name).render(now=time.time(), **values)

    def answer(self, name: str, *, status: int = 200, **values: Any) -> Response:
        """A page, or a part of one."""
        return Response(self.text(name, **values), status, {**HEADERS, **_FRESH}, media_type="text/html")


def to(path: str) -> Response:
    """Sends a browser to another page, after a form too."""
    return RedirectResponse(path, 303, {**HEADERS, **_FRESH})


def is_part(headers: Headers) -> bool:
    """Whether a script of ours asks for a part of a page."""
    return headers.get("hx-request") == "true"
