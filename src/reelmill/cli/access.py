"""Commands about who may call: keys, tenants, audit."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reelmill.cli.configuration import load
from reelmill.cli.jobs import Api, AsJson, connected, print_json
from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from reelmill.v1.access_pb2 import CreateKeyResponse

keys = typer.Typer(help="Say who may call: make, list, revoke and rotate keys.", no_args_is_help=True)
tenants = typer.Typer(help="Make and list tenants, which hear nothing of each other.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: what stands behind rm_.")]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="The tenant. Default: the calling key's.")]
Days = Annotated[float | None, typer.Option("--days", min=0, help="Days until it is refused. Default: never.")]
Role = Literal["admin", "operator", "submitter", "viewer"]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[
        Role,
        typer.Option(
            help="admin: everything; operator: all but keys and tenants; submitter: its user's jobs; viewer: read all."
        ),
    ] = "submitter",
    user: Annotated[str, typer.Option(metavar="NAME", help="Whose it is. Default: a user called as the key.")] = "",
    tenant: Tenant = "",
    days: Days = None,
    database: Annotated[
        bool, typer.Option("--database", help="Write to REELMILL_DATABASE_URL itself: for the first key.")
    ] = False,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Make a key, and print its token, which is told once."""
    expire_time = _from_now(days)
    if database:
        made = _in_database(name, role, user or name, tenant, expire_time)
    else:
        with _told_plainly(), connected(api) as client:
            made = client.create_key(name, role, user=user, tenant=tenant, expire_time=expire_time)
    _show_new(made, as_json)


@keys.command(name="list")
def list_keys(tenant: Tenant = "", as_json: AsJson = False, api: Api = None) -> None:
    """List keys: who has which role, until when, and when each was last used."""
    with connected(api) as client:
        found = list(client.list_keys(tenant, page_size=1000))
    names = ("id", "name", "role", "user", "tenant", "created", "last used", "refused from", "rotated to")
    _show(
        found,
        as_json,
        names,
        [
            (
                *(key.id, key.name, key.Role.Name(key.role).lower(), key.user, key.tenant),
                *(_moment(key, "create_time"), _moment(key, "use_time")),
                _moment(key, "revoke_time") or _moment(key, "expire_time"),
                key.rotated_to,
            )
            for key in found
        ],
    )


@keys.command()
def revoke(key_id: KeyId, tenant: Tenant = "", as_json: AsJson = False, api: Api = None) -> None:
    """Refuse a key from now on. An api that remembers it learns so within five seconds."""
    with connected(api) as client:
        revoked = client.revoke_key(key_id, tenant)
    print_json(revoked) if as_json else typer.echo(f"{key_id} is revoked")


@keys.command()
def rotate(
    key_id: KeyId,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=720, help="How long the older one goes on.")
    ] = 24,
    days: Days = None,
    tenant: Tenant = "",
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Make a key in another's place, for the same user with the same role, and print its token."""
    with connected(api) as client:
        made = client.rotate_key(
            key_id, overlap=timedelta(hours=overlap_hours), expire_time=_from_now(days), tenant=tenant
        )
    _show_new(made, as_json)


@keys.command()
def token() -> None:
    """Print a token that nobody has yet, for REELMILL_ADMIN_KEY of a deployment. Nothing is stored."""
    from reelmill.auth.tokens import new_token

    typer.echo(new_token().text)


@tenants.command(name="create")
def create_tenant(
    name: Annotated[str, typer.Argument(metavar="NAME")], as_json: AsJson = False, api: Api = None
) -> None:
    """Make a tenant. Its first key: `reelmill keys create NAME --role admin --tenant TENANT`."""
    with connected(api) as client:
        made = client.create_tenant(name)
    print_json(made) if as_json else typer.echo(made.id)


@tenants.command(name="list")
def list_tenants(as_json: AsJson = False, api: Api = None) -> None:
    """List the tenants that the key may know of."""
    with connected(api) as client:
        found = list(client.list_tenants(page_size=1000))
    _show(found, as_json, ("name", "id", "created"), [(t.name, t.id, _moment(t, "create_time")) for t in found])


def audit(
    limit: Annotated[int, typer.Option(min=1, help="Most events to print.")] = 50,
    tenant: Tenant = "",
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """List what was done, newest first: by whom, to what, from where, and how it ended."""
    with connected(api) as client:
        found = list(islice(client.audit_events(tenant, page_size=min(limit, 1000)), limit))
    names = ("time", "user", "key", "method", "target", "from", "outcome")
    rows = [(_moment(e, "time"), e.user, e.key_id, e.method, e.target, e.address, e.outcome) for e in found]
    _show(found, as_json, names, rows)


def _in_database(name: str, role: Role, user: str, tenant: str, expire_time: datetime | None) -> "CreateKeyResponse":
    """A key written by somebody who reaches the database, and needs none therefore."""
    import asyncio

    import asyncpg

    from reelmill.api.access_service import AccessService
    from reelmill.api.validation import violations
    from reelmill.jobs.errors import ReelmillError
    from reelmill.parts import database_url, make_database
    from reelmill.store.access import AuditStore, Done
    from reelmill.store.tenancy import DEFAULT_IDENTITY
    from reelmill.v1.access_pb2 import CreateKeyRequest

    settings = load()
    request = CreateKeyRequest(name=name, role=role.upper(), user=user, tenant=tenant, expire_time=expire_time)

    if found := violations(request):
        raise Problem("the key breaks a rule", details=[f"{v.field}: {v.description}" for v in found], exit_code=USAGE)

    async def write() -> "CreateKeyResponse":
        async with database_url(settings) as url:
            database = make_database(settings, url, "keys")
            await database.start()
            try:
                made = await AccessService.of(database, lambda _: DEFAULT_IDENTITY).CreateKey(request, None)
                done = Done(
                    tenant_id=DEFAULT_IDENTITY.tenant_id,
                    time=datetime.now(UTC),
                    key_id="",
                    user=f"uid {os.getuid()}",
                    method="CreateKey",
                    target=made.key.id,
                    address="the database",
                    outcome="OK",
                )
                await AuditStore(database).add([done])
                return made
            finally:
                await database.stop()

    try:
        return asyncio.run(write())
    except asyncpg.UndefinedTableError as error:
        raise Problem("the database is not migrated: `reelmill migrate` does it") from error
    except ReelmillError as error:
        raise Problem(str(error)) from error


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Where the first key is asked for with none, say how it is made."""
    from reelmill.client import Unauthenticated

    try:
        yield
    except Unauthenticated as error:
        raise Problem(
            error.message, details=["the first key is made by who reaches the database: add --database"]
        ) from error


def _from_now(days: float | None) -> datetime | None:
    if days is None:
        return None
    try:
        return datetime.now(UTC) + timedelta(days=days)
    except OverflowError as error:
        raise Problem(f"--days {days:g}: is beyond the year 9999", exit_code=USAGE) from error


def _moment(message: "Message", field: str) -> str:
    if not message.HasField(field):
        return ""
    moment: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _show_new(made: "CreateKeyResponse", as_json: bool) -> None:
    from reelmill.cli.display import err

    if as_json:
        print_json(made)
        return
    typer.echo(made.token)
    err().print(f"key {made.key.id} of {made.key.user}: keep the token, it is not told again")


def _show(found: Sequence["Message"], as_json: bool, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from reelmill.cli.display import out

    if as_json:
        for message in found:
            print_json(message)
        return
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name.upper(), no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    out().print(table)
