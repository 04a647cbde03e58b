"""AccessService: keys, tenants, and what was done."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from reelmill.api.identity import Identify, calling
from reelmill.api.listing import name_token, parse_name_token
from reelmill.auth.roles import Role
from reelmill.auth.tokens import new_token
from reelmill.jobs.errors import InvalidRequest, Violation
from reelmill.store.access import AuditStore, Done, KeyStore, NewKey, StoredKey, StoredTenant, TenantStore
from reelmill.store.database import Database
from reelmill.store.tenancy import DEFAULT_IDENTITY, Identity
from reelmill.v1 import access_pb2 as pb
from reelmill.v1 import access_pb2_grpc

_PAGE, _AUDIT_PAGE = 50, 100
_OVERLAP = timedelta(days=1)
_LAST = 2**63 - 1
Told = TypeVar("Told", bound=Message)


class AccessService(access_pb2_grpc.AccessServiceServicer):
    """Who may call was asked before; here it is whose keys they see: their tenant's, or, of the first tenant, all."""

    def __init__(self, keys: KeyStore, tenants: TenantStore, audit: AuditStore, identify: Identify = calling) -> None:
        self._keys = keys
        self._tenants = tenants
        self._audit = audit
        self._identify = identify

    @classmethod
    def of(cls, database: Database, identify: Identify = calling) -> "AccessService":
        """The service of a database."""
        return cls(KeyStore(database), TenantStore(database), AuditStore(database), identify)

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Any) -> pb.CreateKeyResponse:
        """Make a key."""
        tenant_id, token = await self._tenant(context, request.tenant), new_token()
        new = NewKey(id=token.id, hash=token.hash, expire_time=_future(request))
        role = Role(pb.Key.Role.Name(request.role).lower())
        stored = await self._keys.create(
            tenant_id, new, name=request.name, role=role, user=request.user or request.name
        )
        return pb.CreateKeyResponse(key=_key(stored), token=token.text)

    async def ListKeys(self, request: pb.ListKeysRequest, context: Any) -> pb.ListKeysResponse:
        """Answer a page of keys."""
        tenant_id, size = await self._tenant(context, request.tenant), request.page_size or _PAGE
        found = await self._keys.page(tenant_id, after=parse_name_token(request.page_token), limit=size + 1)
        more = name_token(found[size - 1].id) if len(found) > size else ""
        return pb.ListKeysResponse(keys=map(_key, found[:size]), next_page_token=more)

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Any) -> pb.Key:
        """Refuse a key."""
        return _key(await self._keys.revoke(await self._tenant(context, request.tenant), request.id))

    async def RotateKey(self, request: pb.RotateKeyRequest, context: Any) -> pb.CreateKeyResponse:
        """Make a key in another's place."""
        tenant_id, token = await self._tenant(context, request.tenant), new_token()
        overlap = request.overlap.ToTimedelta() if request.HasField("overlap") else _OVERLAP
        new = NewKey(id=token.id, hash=token.hash, expire_time=_future(request))
        stored = await self._keys.rotate(tenant_id, request.id, new, overlap=overlap)
        return pb.CreateKeyResponse(key=_key(stored), token=token.text)

    async def CreateTenant(self, request: pb.CreateTenantRequest, context: Any) -> pb.Tenant:
        """Make a tenant."""
        return _tenant(await self._tenants.create(request.name))

    async def ListTenants(self, request: pb.ListTenantsRequest, context: Any) -> pb.ListTenantsResponse:
        """Answer a page of tenants."""
        who, size = self._identify(context), request.page_size or _PAGE
        after = parse_name_token(request.page_token)
        found = await self._tenants.page(who.tenant_id, everyone=_sees_all(who), after=after, limit=size + 1)
        more = name_token(found[size - 1].name) if len(found) > size else ""
        return pb.ListTenantsResponse(tenants=map(_tenant, found[:size]), next_page_token=more)

    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, context: Any) -> pb.ListAuditEventsResponse:
        """Answer a page of what was done."""
        tenant_id, size = await self._tenant(context, request.tenant), request.page_size or _AUDIT_PAGE
        before = _number(request.page_token)
        found = await self._audit.page(tenant_id, before=before, limit=size + 1)
        more = name_token(str(found[size - 1].sequence)) if len(found) > size else ""
        return pb.ListAuditEventsResponse(events=map(_event, found[:size]), next_page_token=more)

    async def _tenant(self, context: Any, name: str) -> UUID:
        """The tenant that a request is about. Raises NotFound, also for one that the caller is not to know of."""
        who = self._identify(context)
        if not name:
            return who.tenant_id
        return await self._tenants.find(who.tenant_id, name, everyone=_sees_all(who))


def _sees_all(who: Identity) -> bool:
    return who.tenant_id == DEFAULT_IDENTITY.tenant_id


def _future(request: pb.CreateKeyRequest | pb.RotateKeyRequest) -> datetime | None:
    if not request.HasField("expire_time"):
        return None
    if request.expire_time.seconds <= time.time():
        raise InvalidRequest([Violation("expire_time", "lies in the past")])
    return request.expire_time.ToDatetime(tzinfo=UTC)


def _number(token: str) -> int:
    if not token:
        return _LAST
    told = parse_name_token(token)
    if not told.isdecimal() or not 0 < int(told) <= _LAST:
        raise InvalidRequest(
            [Violation("page_token", "is not one that this server gave; take next_page_token as it is")]
        )
    return int(told)


def _key(stored: StoredKey) -> pb.Key:
    known = stored.role.upper() in pb.Key.Role.keys()  # noqa: SIM118 - an enum of protobuf is no dictionary
    told = pb.Key(
        id=stored.id,
        name=stored.name,
        role=stored.role.upper() if known else "ROLE_UNSPECIFIED",
        tenant=stored.tenant,
        user=stored.user,
        rotated_to=stored.rotated_to,
    )
    return _with_times(told, stored, "create_time", "expire_time", "use_time", "revoke_time")


def _tenant(stored: StoredTenant) -> pb.Tenant:
    return _with_times(pb.Tenant(id=str(stored.id), name=stored.name), stored, "create_time")


def _event(done: Done) -> pb.AuditEvent:
    names = ("sequence", "key_id", "user", "method", "target", "address", "outcome")
    return _with_times(pb.AuditEvent(**{name: getattr(done, name) for name in names}), done, "time")


def _with_times(told: Told, stored: object, *names: str) -> Told:
    for name in names:
        if (moment := getattr(stored, name)) is not None:
            getattr(told, name).FromDatetime(moment)
    return told
