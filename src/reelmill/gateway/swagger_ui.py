"""Swagger UI, from files in the package."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from reelmill.gateway.problems import Problem

_OWN = Path(__file__).parent / "swagger"
_VENDOR = Path(__file__).parent / "vendor" / "swagger-ui"
_FILES = {
    "index.html": (_OWN, "text/html"),
    "swagger.js": (_OWN, "text/javascript"),
    "swagger-ui-bundle.js": (_VENDOR, "text/javascript"),
    "swagger-ui.css": (_VENDOR, "text/css"),
    "favicon-32x32.png": (_VENDOR, "image/png"),
}
# Swagger UI sets styles on elements and draws its icons from data: URLs; scripts come from files only.
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


async def index(_request: Request) -> Response:
    """The page."""
    return _file("index.html")


async def file(request: Request) -> Response:
    """A file of the page."""
    return _file(request.path_params["file"])


async def redirect(_request: Request) -> Response:
    """To the page."""
    return RedirectResponse("/swagger/")


def _file(name: str) -> Response:
    if name not in _FILES:
        raise Problem(404, "NOT_FOUND", f"the page has no file {name!r}")
    folder, media_type = _FILES[name]
    headers = {
        "Cache-Control": "max-age=86400" if folder is _VENDOR else "no-cache",
        "Content-Security-Policy": _CONTENT_POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return FileResponse(folder / name, headers=headers, media_type=media_type)
