"""The one place where a call is asked who makes it, and whether it may; and what is recorded of it."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from reelmill.api.audit import Auditor
from reelmill.api.identity import enter
from reelmill.auth.authenticator import Authenticator
from reelmill.auth.callers import Caller, told_address
from reelmill.auth.failures import Streams
from reelmill.auth.opening import open_authenticator
from reelmill.auth.roles import Rule, permitted
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.settings import Settings
from reelmill.store.access import AuditStore, Done
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.tenancy import Identity
from reelmill.telemetry.logs import bind

_MOST_OWNERS = 50_000  # remembered: a job never changes hands
_MOST_TARGET = 300  # letters


class Visit(Protocol):
    """A call, from its beginning to its end."""

    @property
    def identity(self) -> Identity:
        """Who calls."""
        ...

    async def check(self, request: Any) -> None:
        """Raises NotFound where the request names a job that the caller is not to know of."""
        ...

    def stream(self) -> AbstractContextManager[None]:
        """Open while the call streams its answers. Raises Busy."""
        ...

    async def ended(self, request: Any, answer: Any, outcome: str) -> None:
        """How it ended: OK, or gRPC's name of a status; None for what there is not."""
        ...


class Door(Protocol):
    """Lets calls in."""

    async def enter(self, path: str, context: Any) -> Visit:
        """Who calls the method with this path, if it may. Raises Unauthenticated, Forbidden, Busy, Unavailable."""
        ...

    async def run(self) -> None:
        """Whatever is to be done as long as the api runs."""
        ...

    async def close(self) -> None:
        """What is left to be done."""
        ...


class Owners:
    """Whose jobs are, for callers who see their own alone."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._known: OrderedDict[tuple[UUID, UUID], UUID] = OrderedDict()

    async def check(self, who: Identity, text: str) -> None:
        """Raises NotFound for a job that is another user's, in the words for one that is nobody's."""
        try:
            job_id = UUID(text)
        except ValueError:
            return  # the method says so
        key = (who.tenant_id, job_id)
        owner = self._known.get(key)
        if owner is None and (owner := await self._jobs.owner(who.tenant_id, job_id)):
            self._known[key] = owner
            if len(self._known) > _MOST_OWNERS:
                self._known.popitem(last=False)
        if owner != who.user_id:
            raise NotFound(f"there is no job {job_id}")


@dataclass(frozen=True, slots=True)
class Guarded:
    """The visit of a caller whose role allows it."""

    path: str
    caller: Caller
    rule: Rule
    address: str
    _owners: Owners = field(repr=False)
    _auditor: Auditor = field(repr=False)
    _streams: Streams = field(repr=False)

    @property
    def identity(self) -> Identity:
        """Who calls."""
        return self.caller.identity

    async def check(self, request: Any) -> None:
        """Raises NotFound where the request names another user's job and the caller sees its own alone."""
        if self.rule.job and self.identity.own_only:
            await self._owners.check(self.identity, getattr(request, self.rule.job))

    def stream(self) -> AbstractContextManager[None]:
        """Open while the call streams its answers. Raises Busy where the key has too many."""
        key = self.caller.key_id or self.caller.user
        return self._streams.one(key) if key else nullcontext()

    async def ended(self, request: Any, answer: Any, outcome: str) -> None:
        """Record what changed something, or was to. Raises Unavailable where it must be recorded first."""
        if not self.rule.changes or not (self.caller.key_id or self.caller.user or self.rule.access):
            return
        done = Done(
            tenant_id=self.identity.tenant_id,
            time=datetime.now(UTC),
            key_id=self.caller.key_id,
            user=self.caller.user,
            method=self.path.rpartition("/")[2],
            target=target_of(request, answer),
            address=self.address,
            outcome=outcome,
        )
        if self.rule.access:
            await self._auditor.record(done)
        else:
            self._auditor.note(done)


class GuardedDoor:
    """Asks for keys, holds roles to the table, and records."""

    def __init__(self, authenticator: Authenticator, owners: Owners, auditor: Auditor, streams: Streams) -> None:
        self._streams = streams
        self._authenticator = authenticator
        self._owners = owners
        self._auditor = auditor

    async def enter(self, path: str, context: Any) -> Guarded:
        """Who calls the method with this path, if it may. Raises Unauthenticated, Forbidden, Busy, Unavailable."""
        metadata = tuple(context.invocation_metadata() or ())
        peer = context.peer()
        caller = await self._authenticator.caller(metadata, peer)
        enter(caller)
        if caller.key_id or caller.user:
            bind(tenant=str(caller.identity.tenant_id), user=caller.user, key_id=caller.key_id)
        address = told_address(peer, metadata)
        try:
            rule = permitted(path, caller.role, system=caller.system)
        except Exception:
            await self._refused(path, caller, address)
            raise
        return self._visit(path, caller, rule, address)

    def _visit(self, path: str, caller: Caller, rule: Rule, address: str) -> Guarded:
        return Guarded(path, caller, rule, address, self._owners, self._auditor, self._streams)

    async def run(self) -> None:
        """Write what was done, as long as the api runs."""
        await self._auditor.run()

    async def close(self) -> None:
        """Write what is left."""
        with suppress(Unavailable):  # it was long enough away that a client would not have waited
            await self._auditor.flush()

    async def _refused(self, path: str, caller: Caller, address: str) -> None:
        """Who may not is recorded as who did."""
        visit = self._visit(path, caller, Rule(roles=frozenset(), changes=True), address)
        await visit.ended(None, None, "PERMISSION_DENIED")


async def open_door(settings: Settings, database: Database, hosts: Sequence[str]) -> GuardedDoor:
    """The door of an api; with it listen these hosts. Raises ValueError, naming the setting, and Unavailable."""
    authenticator = await open_authenticator(settings, database, hosts)
    owners, auditor = Owners(JobStore(database)), Auditor(AuditStore(database))
    return GuardedDoor(authenticator, owners, auditor, Streams(settings.key_streams))


def target_of(request: Any, answer: Any) -> str:
    """What a call was about: an id, a URI, a name, or how many."""
    if (results := getattr(answer, "results", None)) is not None:
        return f"{len(results)} jobs"
    if (key := getattr(answer, "key", None)) is not None:
        answer = key
    for message in (answer, request):
        for name in ("id", "uri", "name"):
            if value := getattr(message, name, ""):
                return str(value)[:_MOST_TARGET]
    return ""
