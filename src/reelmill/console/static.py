"""The pages' files: styles, scripts, and libraries of others with their licences beside them."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from reelmill.console.policy import HEADERS
from reelmill.gateway.problems import Problem

_HERE = Path(__file__).parent
_OWN, _VENDOR = _HERE / "static", _HERE / "vendor"
_SCRIPT, _STYLE = "text/javascript", "text/css"
_FILES = {
    "console.css": (_OWN, _STYLE),
    "console.js": (_OWN, _SCRIPT),
    "player.js": (_OWN, _SCRIPT),
    "charts.js": (_OWN, _SCRIPT),
    "mark.svg": (_OWN, "image/svg+xml"),
    "htmx.min.js": (_VENDOR / "htmx", _SCRIPT),
    "hx-sse.min.js": (_VENDOR / "htmx", _SCRIPT),
    "hls.light.min.js": (_VENDOR / "hls.js", _SCRIPT),
    "uPlot.iife.min.js": (_VENDOR / "uplot", _SCRIPT),
    "uPlot.min.css": (_VENDOR / "uplot", _STYLE),
}


async def file(request: Request) -> Response:
    """A file, by its name alone."""
    name = request.path_params["file"]
    if name not in _FILES:
        raise Problem(404, "NOT_FOUND", f"the console has no file {name[:80]!r}")
    folder, media_type = _FILES[name]
    caching = "no-cache" if folder is _OWN else "max-age=86400"
    return FileResponse(folder / name, headers={**HEADERS, "Cache-Control": caching}, media_type=media_type)
