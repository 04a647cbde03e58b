"""All pages, put together."""

from collections.abc import Sequence

from reelmill.console import job, jobs, keys, new, presets, sign_in, static, system, webhooks
from reelmill.console.callers import Callers
from reelmill.console.live import Feeds
from reelmill.console.pages import Room
from reelmill.console.rendering import Templates
from reelmill.console.sessions import Sessions
from reelmill.gateway.app import Inside
from reelmill.gateway.bindings import Template
from reelmill.gateway.routing import Endpoint


def endpoints(inside: Inside) -> Sequence[Endpoint]:
    """The console, at `/`."""
    sessions = Sessions(inside.keys)
    room = Room(
        inside=inside,
        templates=Templates(),
        sessions=sessions,
        callers=Callers(inside.upstream, inside.methods, sessions),
        feeds=Feeds(),
    )
    rooms = (jobs, job, new, presets, webhooks, keys, system, sign_in)
    files = Endpoint(verb="GET", template=Template("/console/{file}"), handler=static.file)
    return [*(endpoint for one in rooms for endpoint in one.endpoints(room)), files]
