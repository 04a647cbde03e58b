"""Who is asked for a key, who is let in by one, and what many failures cost whom."""

from dataclasses import replace

import pytest
from store.kit import new_job

from reelmill.auth.authenticator import AWAY_SECONDS, KEY_SECONDS, Authenticator
from reelmill.auth.callers import ANYBODY, CLIENT_ADDRESS, EXPOSED
from reelmill.auth.failures import MOST_BY_GATEWAY, MOST_FAILURES
from reelmill.auth.opening import open_authenticator
from reelmill.auth.policy import Policy
from reelmill.auth.roles import Role
from reelmill.auth.tokens import Token, checksum, new_token
from reelmill.jobs.errors import Busy, Unauthenticated, Unavailable
from reelmill.settings import Settings
from reelmill.store.access import KeyStore, NewKey
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.tenancy import DEFAULT_IDENTITY

HERE, GATEWAY = "ipv4:192.0.2.1:5", "ipv4:10.0.0.9:5"
OURS = DEFAULT_IDENTITY.tenant_id


async def key(database: Database, role: str = "viewer", user: str = "ann") -> Token:
    token = new_token()
    await KeyStore(database).create(OURS, NewKey(id=token.id, hash=token.hash), name="k", role=role, user=user)
    return token


def bearer(token: Token | str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token.text if isinstance(token, Token) else token}")


async def asking(database: Database, chosen: str, *hosts: str, rate: float = 0) -> Authenticator:
    settings = Settings(authentication=chosen, key_requests_per_second=rate)  # type: ignore[arg-type]
    return await open_authenticator(settings, database, hosts)


async def test_a_key_gives_its_user_and_a_submitter_sees_its_own_alone(database: Database) -> None:
    door = await asking(database, "keys", "127.0.0.1")
    caller = await door.caller([bearer(await key(database, "submitter"))], HERE)
    assert (caller.user, caller.role, caller.identity.tenant_id) == ("ann", Role.SUBMITTER, OURS)
    assert caller.identity.own_only and caller.identity.user_id != DEFAULT_IDENTITY.user_id
    operator = await door.caller([bearer(await key(database, "operator"))], HERE)
    assert operator.identity == replace(caller.identity, own_only=False), "of one user"
    unknown = await key(database, "emperor")
    with pytest.raises(Unauthenticated, match="is not good"):
        await door.caller([bearer(unknown)], HERE)
    with pytest.raises(Unauthenticated, match="a key is needed"):
        await door.caller([], HERE)


async def test_on_loopback_nobody_is_asked_unless_somebody_chose_it(database: Database) -> None:
    token = await key(database)
    for chosen in ("", "none"):
        door = await asking(database, chosen, "127.0.0.1", "::1", "localhost")
        assert await door.caller([], HERE) is ANYBODY
        assert await door.caller([("authorization", "Basic YTpi")], HERE) is ANYBODY, "a proxy's own"
        assert (await door.caller([bearer(token)], HERE)).user == "ann"
        with pytest.raises(Unauthenticated):
            await door.caller([bearer(new_token())], HERE)
    assert await (await asking(database, "none", "0.0.0.0")).caller([], HERE) is ANYBODY


async def test_an_empty_database_that_others_reach_is_refused_with_the_remedy(database: Database) -> None:
    with pytest.raises(
        ValueError, match=r"^REELMILL_AUTHENTICATION: others can reach 0\.0\.0\.0.*reelmill keys create"
    ):
        await asking(database, "", "127.0.0.1", "0.0.0.0")
    await asking(database, "", "127.0.0.1")
    await key(database)
    with pytest.raises(Unauthenticated):
        await (await asking(database, "", "0.0.0.0")).caller([], HERE)


async def test_a_system_that_was_in_use_goes_on_until_its_first_key(database: Database) -> None:
    await JobStore(database).create(OURS, DEFAULT_IDENTITY.user_id, [new_job()])
    keys = KeyStore(database)
    policy = Policy("", ["0.0.0.0"], keys)
    await policy.begin()
    door = Authenticator(keys, policy)
    assert await door.caller([], HERE) is ANYBODY
    token = await key(database, "admin")
    policy._looked -= 6  # it looks each five seconds
    with pytest.raises(Unauthenticated):
        await door.caller([], HERE)
    assert (await door.caller([bearer(token)], HERE)).role == Role.ADMIN


async def test_a_gateway_that_others_reach_does_not_lend_them_our_loopback(database: Database) -> None:
    door = await asking(database, "", "127.0.0.1")
    with pytest.raises(Unauthenticated, match="reelmill keys create"):
        await door.caller([EXPOSED], HERE)
    assert await door.caller([], HERE) is ANYBODY
    assert (await door.caller([EXPOSED, bearer(await key(database))], HERE)).user == "ann"


async def test_the_key_of_a_deployment_is_an_admins_and_a_wrong_one_is_never_told(database: Database) -> None:
    token = new_token()
    settings = Settings(admin_key=token.text)
    door = await open_authenticator(settings, database, ["0.0.0.0"])
    assert (await door.caller([bearer(token)], HERE)).role == Role.ADMIN
    with pytest.raises(ValueError, match="REELMILL_ADMIN_KEY: must be rm_") as caught:
        await open_authenticator(Settings(admin_key=token.text[:-1]), database, ["0.0.0.0"])
    assert token.text[:-1] not in str(caught.value)


async def test_too_many_failures_block_their_address_and_nobody_else_behind_its_gateway(database: Database) -> None:
    door = await asking(database, "keys", "0.0.0.0")
    good, other = await key(database), await key(database)
    await door.caller([bearer(good)], HERE)
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            await door.caller([bearer(new_token())], HERE)
    for token in (new_token(), other):
        with pytest.raises(Busy):
            await door.caller([bearer(token)], HERE)
    await door.caller([bearer(good)], HERE)  # who was known goes on
    assert (await door.caller([bearer(other)], GATEWAY)).user == "ann"
    bad, fine = (CLIENT_ADDRESS, "198.51.100.1"), (CLIENT_ADDRESS, "198.51.100.2")
    late = await key(database)
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            await door.caller([bad, bearer("rm_none")], GATEWAY)
    with pytest.raises(Busy):
        await door.caller([bad, bearer(late)], GATEWAY)
    assert (await door.caller([fine, bearer(late)], GATEWAY)).user == "ann"
    for i in range(MOST_BY_GATEWAY - MOST_FAILURES):  # whoever says each time that he is another
        with pytest.raises(Unauthenticated):
            await door.caller([(CLIENT_ADDRESS, f"2001:db8:{i:x}::1"), bearer("rm_none")], GATEWAY)
    with pytest.raises(Busy):
        await door.caller([(CLIENT_ADDRESS, "203.0.113.5"), bearer("rm_none")], GATEWAY)


async def test_who_was_let_in_just_now_is_while_the_database_is_away_and_nobody_else(database: Database) -> None:
    door, token, other = await asking(database, "keys", "::"), await key(database), await key(database)
    caller = await door.caller([bearer(token)], HERE)
    await database.stop()
    known = door._known[token.id]
    door._known[token.id] = replace(known, until=0.0)
    assert await door.caller([bearer(token)], HERE) is caller
    with pytest.raises(Unavailable):
        await door.caller([bearer(other)], HERE)
    for late in (replace(known, until=0.0, ends=0.0), replace(known, until=0.0, good=known.good - AWAY_SECONDS)):
        door._known[token.id] = late
        with pytest.raises(Unavailable):
            await door.caller([bearer(token)], HERE)


async def test_a_key_that_calls_too_often_is_told_to_come_again(database: Database) -> None:
    door, token = await asking(database, "keys", "::", rate=2), await key(database)
    for _ in range(4):
        await door.caller([bearer(token)], HERE)
    with pytest.raises(Busy, match="more often than it may"):
        await door.caller([bearer(token)], HERE)


async def test_a_key_that_was_good_is_not_looked_up_again_for_some_seconds(database: Database) -> None:
    door, token = await asking(database, "keys", "::"), await key(database)
    first = await door.caller([bearer(token)], HERE)
    await KeyStore(database).revoke(OURS, token.id)
    assert await door.caller([bearer(token)], HERE) is first
    head = f"rm_{token.id}_{'x' * 32}"
    with pytest.raises(Unauthenticated):  # its id alone does not do
        await door.caller([bearer(head + checksum(head))], HERE)
    known = door._known[token.id]
    door._known[token.id] = replace(known, until=known.until - KEY_SECONDS)
    with pytest.raises(Unauthenticated):
        await door.caller([bearer(token)], HERE)
