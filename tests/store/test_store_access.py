"""Keys, tenants and the audit log, as they are stored."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from reelmill.auth.tokens import new_token
from reelmill.jobs.errors import Conflict, NotFound, WrongState
from reelmill.store.access import AuditStore, Done, KeyStore, NewKey, TenantStore
from reelmill.store.database import Database
from reelmill.store.retention import RetentionStore
from reelmill.store.tenancy import DEFAULT_IDENTITY

OURS = DEFAULT_IDENTITY.tenant_id


def new(**fields: object) -> NewKey:
    token = new_token()
    return NewKey(id=token.id, hash=token.hash, **fields)  # type: ignore[arg-type]


async def test_a_key_is_found_with_its_user_until_it_ends(database: Database) -> None:
    keys = KeyStore(database)
    key, late = new(), new(expire_time=datetime.now(UTC) + timedelta(hours=1))
    await keys.create(OURS, key, name="ingest", role="submitter", user="ann")
    await keys.create(OURS, late, name="ingest", role="viewer", user="ann")
    found, none, limited = await keys.find([key.id, "nobody", late.id])
    assert found and limited and none is None
    assert (found.tenant_id, found.user_name, found.role, found.hash) == (OURS, "ann", "submitter", key.hash)
    assert (found.left_seconds, found.unnoted, found.user_id) == (None, True, limited.user_id)
    assert limited.left_seconds and 3500 < limited.left_seconds <= 3600
    await keys.note_use(OURS, key.id)
    [again] = await keys.find([key.id])
    assert again and not again.unnoted
    [told] = [stored for stored in await keys.page(OURS, after="", limit=9) if stored.id == key.id]
    assert told.use_time and (told.tenant, told.user, told.name) == ("default", "ann", "ingest")
    await keys.revoke(OURS, key.id)
    first = (await keys.revoke(OURS, key.id)).revoke_time
    [ended] = await keys.find([key.id])
    assert ended and ended.left_seconds is not None and ended.left_seconds <= 0
    assert (await keys.revoke(OURS, key.id)).revoke_time == first, "a key is revoked once"


async def test_a_rotated_key_goes_on_for_a_while_and_its_successor_lives_as_long(database: Database) -> None:
    keys = KeyStore(database)
    old, following = new(expire_time=datetime.now(UTC) + timedelta(days=10)), new()
    made = await keys.create(OURS, old, name="ingest", role="operator", user="ann")
    stored = await keys.rotate(OURS, old.id, following, overlap=timedelta(minutes=5))
    assert (stored.name, stored.role, stored.user) == ("ingest", "operator", "ann")
    assert stored.expire_time and made.expire_time
    assert abs(stored.expire_time - made.expire_time) < timedelta(minutes=1)
    before, after = await keys.find([old.id, following.id])
    assert before and after and before.left_seconds and after.left_seconds
    assert 200 < before.left_seconds <= 300 < after.left_seconds and before.user_id == after.user_id
    with pytest.raises(WrongState, match="is revoked, rotated or expired"):
        await keys.rotate(OURS, old.id, new(), overlap=timedelta(0))


async def test_another_tenants_keys_are_not_there(database: Database) -> None:
    keys, tenants = KeyStore(database), TenantStore(database)
    other = (await tenants.create("studio-b")).id
    key = new()
    await keys.create(other, key, name="theirs", role="admin", user="bob")
    assert await keys.page(OURS, after="", limit=9) == []
    for call in (keys.revoke(OURS, key.id), keys.rotate(OURS, key.id, new(), overlap=timedelta(0))):
        with pytest.raises(NotFound, match="there is no key"):
            await call
    await keys.note_use(OURS, key.id)
    [found] = await keys.find([key.id])
    assert found and found.unnoted and found.left_seconds is None and found.tenant_id == other
    with pytest.raises(Conflict):
        await keys.create(OURS, key, name="same", role="admin", user="x")
    with pytest.raises(Conflict):
        await tenants.create("studio-b")
    assert [t.name for t in await tenants.page(OURS, everyone=True, after="", limit=9)] == ["default", "studio-b"]
    assert [t.name for t in await tenants.page(other, everyone=False, after="", limit=9)] == ["studio-b"]
    assert await tenants.find(other, "studio-b", everyone=False) == other
    with pytest.raises(NotFound):
        await tenants.find(other, "default", everyone=False)


async def test_a_key_that_a_deployment_brings_is_made_once_and_the_next_revokes_it(database: Database) -> None:
    keys, first, second = KeyStore(database), new(), new()
    assert [await keys.register(OURS, first, name="S", role="admin") for _ in range(2)] == [True, False]
    assert await keys.in_use() == (True, False)
    with pytest.raises(Conflict):
        await keys.register(OURS, NewKey(id=first.id, hash=second.hash), name="S", role="admin")
    assert await keys.register(OURS, second, name="S", role="admin")
    assert not await keys.register(OURS, first, name="S", role="admin"), "an api that starts late changes nothing"
    old, current = await keys.find([first.id, second.id])
    assert old and current and old.left_seconds is not None and old.left_seconds <= 0 and current.left_seconds is None


async def test_the_audit_log_is_added_to_and_goes_by_age_alone(database: Database) -> None:
    audit, other = AuditStore(database), uuid4()

    def done(tenant_id: UUID, days: float = 0) -> Done:
        moment = datetime.now(UTC) - timedelta(days=days)
        return Done(
            tenant_id=tenant_id, time=moment, key_id="k", user="ann", method="CancelJob", target="job", address="::1",
            outcome="OK",
        )  # fmt: skip

    await audit.add([done(OURS, 400), done(OURS, 3), done(OURS), done(other)])
    page = await audit.page(OURS, before=2**63 - 1, limit=9)
    assert len(page) == 3 and page[0].sequence > page[1].sequence > page[2].sequence
    assert len(await audit.page(OURS, before=page[0].sequence, limit=1)) == 1
    async with database.connection() as connection:
        for statement in ("UPDATE audit_events SET outcome = 'x'", "DELETE FROM audit_events"):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute(statement)
            assert caught.value.sqlstate == "RM003"
    await RetentionStore(database).trim()
    assert len(await audit.page(OURS, before=2**63 - 1, limit=9)) == 2
    await RetentionStore(database, audit_life=timedelta(days=1)).trim()
    assert len(await audit.page(OURS, before=2**63 - 1, limit=9)) == 1


async def test_what_was_done_is_a_cloud_event_of_its_tenant_too(database: Database, database_url: str) -> None:
    done = Done(
        tenant_id=OURS, time=datetime.now(UTC), key_id="k", user="ann", method="CancelJob", target="job",
        address="::1", outcome="NOT_FOUND",
    )  # fmt: skip
    await AuditStore(database).add([done, done])
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT key, value, headers::text FROM outbox WHERE topic = 'events' ORDER BY id")
    first, second = await AuditStore(database).page(OURS, before=2**63 - 1, limit=9)
    headers = [json.loads(row["headers"]) for row in rows]
    assert [header["ce_id"] for header in headers] == [f"audit:{second.sequence}", f"audit:{first.sequence}"]
    assert {header["ce_type"] for header in headers} == {"reelmill.audit"} and rows[0]["key"] == str(OURS)
    assert json.loads(rows[0]["value"]) == {
        "sequence": second.sequence, "tenant_id": str(OURS), "key_id": "k", "user": "ann", "method": "CancelJob",
        "target": "job", "address": "::1", "outcome": "NOT_FOUND",
    }  # fmt: skip
    assert datetime.fromisoformat(headers[0]["ce_time"]) == done.time
    quiet = Database(database_url, pool_size=1, publish_events=False, application="test")
    await quiet.start()
    try:
        await AuditStore(quiet).add([done])
        async with quiet.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM outbox WHERE topic = 'events'") == 2
            assert await connection.fetchval("SELECT count(*) FROM audit_events") == 3
    finally:
        await quiet.stop()
