"""Presets that a call asks for: those of its tenant's own are read before its request is checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from reelmill.jobs.errors import NotFound
from reelmill.media.presets import PRESETS
from reelmill.store.presets import PresetStore
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest, Job
from reelmill.v1.media_pb2 import Preset

MOST_ASKED = 100
"""Different presets of its own that one request may ask for; what comes after is unknown."""
_JOBS_LOOKED_AT, _OUTPUTS_LOOKED_AT, _LONGEST = 1000, 64, 64  # as the rules allow


@dataclass(frozen=True, slots=True)
class Known:
    """The presets that a call knows."""

    by_reference: Mapping[str, Preset]
    """By what an output may ask for: shipped ones, and of its own those that the call asks for."""
    names: tuple[str, ...]
    """What could be meant, for who mistyped."""


_SHIPPED = Known(MappingProxyType(PRESETS), tuple(PRESETS))
_KNOWN: ContextVar[Known] = ContextVar("presets", default=_SHIPPED)  # of a call, each of which has a task of its own


def known() -> Known:
    """The presets that this call knows."""
    return _KNOWN.get()


class Library(Protocol):
    """Where presets of tenants' own are."""

    async def open(self, tenant_id: UUID, request: Any) -> None:
        """From here on this call knows those that its request asks for. Raises Unavailable."""
        ...


class NoLibrary:
    """None but those that come with Reelmill."""

    async def open(self, tenant_id: UUID, request: Any) -> None:
        """Nothing."""


class StoredLibrary:
    """Those in the database, which is asked where a request names none that is shipped."""

    def __init__(self, presets: PresetStore) -> None:
        self._presets = presets

    async def open(self, tenant_id: UUID, request: Any) -> None:
        """From here on this call knows those that its request asks for. Raises Unavailable."""
        if not (asked := _asked(request)):
            return
        own = await self._presets.find(tenant_id, asked)
        names = tuple(PRESETS)
        if len(own) < len(asked):
            names += tuple(preset.name for preset in await self._presets.all(tenant_id))
        _KNOWN.set(Known({**PRESETS, **own}, names))

    async def get(self, tenant_id: UUID, name: str) -> Preset:
        """A preset of whichever kind. Raises NotFound."""
        if name in PRESETS:
            return PRESETS[name]
        if not (found := await self._presets.find(tenant_id, [name])):
            raise NotFound(f"there is no preset {name!r}; `reelmill presets` and GET /v1/presets list them")
        return found[name]


def _asked(request: Any) -> list[str]:
    """What a request asks for that is not shipped, the first MOST_ASKED."""
    asked = dict.fromkeys(
        output.preset
        for job in _jobs(request)
        for output in job.outputs[:_OUTPUTS_LOOKED_AT]
        if output.preset
        and output.preset not in PRESETS
        and len(output.preset) <= _LONGEST
        and "\0" not in output.preset
    )
    return list(asked)[:MOST_ASKED]


def _jobs(request: Any) -> Iterator[Job]:
    requests: Sequence[Any] = (request,)
    if isinstance(request, BatchCreateJobsRequest):
        requests = request.requests[:_JOBS_LOOKED_AT]
    for one in requests:
        if isinstance(job := getattr(one, "job", None), Job):
            yield job
