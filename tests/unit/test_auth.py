"""Tokens, roles and the tables of what failed: rules without a server."""

from contextlib import ExitStack
from ipaddress import ip_network

import pytest
from google.protobuf.descriptor import MethodDescriptor
from shapes import METHODS

from reelmill.auth.callers import CLIENT_ADDRESS, SHARED, address_of, is_loopback, told_address
from reelmill.auth.failures import MOST_FAILURES, WINDOW_SECONDS, Failures, Rates, Streams, home
from reelmill.auth.roles import RULES, Role, permitted
from reelmill.auth.tokens import checksum, new_token, parse
from reelmill.gateway.callers import client_address
from reelmill.jobs.errors import Busy, Forbidden
from reelmill.redaction import redacted

# Methods that a submitter may call though they name no job: what they tell is nobody's, its own, or narrowed by them.
NOT_OF_A_JOB = {
    *("CreateJob", "BatchCreateJobs", "ValidateJob", "EstimateJob", "ListJobs", "ProbeMedia", "ListOperations"),
    *("GetPreset", "ListPresets", "CreateUpload", "CompleteUpload", "AbandonUpload", "SignUpload"),
}


def path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


class Clock:
    """A clock that stands until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_known_by_its_form_and_a_slip_of_the_hand_is_seen() -> None:
    token = new_token()
    assert parse(token.text) == token and len(token.hash) == 32
    assert len({new_token().text for _ in range(100)}) == 100
    for at in range(3, len(token.text)):
        other = "a" if token.text[at] != "a" else "b"
        assert parse(token.text[:at] + other + token.text[at + 1 :]) is None, at
    for text in ("", "rm_", token.text[:-1], token.text + "0", token.text + "\n", " " + token.text, "ü" * 60):
        assert parse(text) is None, text
    head = "rm_" + "i" * 12 + "_" + "s" * 32
    assert parse(head + checksum(head))
    assert token.text not in repr(token)


def test_a_token_is_masked_wherever_it_stands_but_for_its_id() -> None:
    token = new_token()
    for text in (f"refused {token.text}", f'{{"token": "{token.text}"}}', f"authorization: Bearer {token.text}"):
        told = redacted(text)
        assert token.text[20:] not in told
    assert redacted(f"the key {token.text}.") == f"the key rm_{token.id}_***."


def test_every_method_of_the_descriptors_has_a_rule_and_no_other_has() -> None:
    assert set(RULES) == {path(method) for method in METHODS}
    for rule in RULES.values():
        assert Role.ADMIN in rule.roles
        assert not (rule.changes and Role.VIEWER in rule.roles), "a viewer changes nothing"
        assert rule.access <= (rule.roles == {Role.ADMIN})


def test_every_method_that_names_a_job_is_held_to_its_owner() -> None:
    for method in METHODS:
        rule, fields = RULES[path(method)], method.input_type.fields_by_name
        if method.containing_service.name == "JobService" and "id" in fields:
            assert rule.job == "id", method.name
        elif Role.SUBMITTER in rule.roles:
            assert method.name in NOT_OF_A_JOB, method.name


def test_a_role_may_what_the_table_says_and_a_method_that_is_in_no_table_nobody() -> None:
    names = ("JobService/CreateJob", "AccessService/CreateKey", "WorkerService/ListWorkers")
    create, keys, workers = (f"/reelmill.v1.{name}" for name in names)
    may = [(role, p) for role in Role for p in (create, keys, workers) if role in RULES[p].roles]
    assert may == [
        (Role.ADMIN, create), (Role.ADMIN, keys), (Role.ADMIN, workers),
        (Role.OPERATOR, create), (Role.OPERATOR, workers), (Role.SUBMITTER, create), (Role.VIEWER, workers),
    ]  # fmt: skip
    assert permitted(create, Role.SUBMITTER, system=False) is RULES[create]
    for refused in (
        lambda: permitted(create, Role.VIEWER, system=True),
        lambda: permitted(workers, Role.ADMIN, system=False),
        lambda: permitted("/reelmill.v1.JobService/DropEverything", Role.ADMIN, system=True),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_an_address_that_fails_too_often_is_blocked_for_a_minute_and_no_other_is() -> None:
    clock = Clock()
    failures = Failures(clock=clock)
    for _ in range(MOST_FAILURES - 1):
        failures.note("2001:db8::1")
    assert not failures.blocked("2001:db8::1")
    failures.note("2001:db8::ffff")  # the same house
    assert failures.blocked("2001:db8::2") and not failures.blocked("2001:db8:1::1")
    clock.now += WINDOW_SECONDS + 1
    assert not failures.blocked("2001:db8::1")
    for i in range(30_000):
        failures.note(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(failures._failed) == 10_000, "it is bounded"


def test_a_key_calls_as_often_as_its_rate_says_and_saves_two_seconds() -> None:
    clock = Clock()
    rates = Rates(5, clock=clock)
    assert [rates.take("a") for _ in range(11)] == [True] * 10 + [False]
    assert rates.take("b")
    clock.now += 0.2
    assert [rates.take("a"), rates.take("a")] == [True, False]
    assert all(Rates(0).take("a") for _ in range(1000))


def test_a_client_is_known_by_what_trusted_proxies_say_and_no_others() -> None:
    trusted = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]

    def client(peer: str, *forwarded: str) -> str:
        return client_address(peer, forwarded, trusted)

    assert client("192.0.2.1") == "192.0.2.1"
    assert client("10.0.0.1", "203.0.113.9, 192.0.2.7") == "192.0.2.7"
    assert client("10.0.0.1", "203.0.113.9, 192.0.2.7", "10.0.0.2") == "192.0.2.7", "two proxies, two headers"
    assert client("fd00::1", "2001:db8::7") == "2001:db8::7"
    assert client("192.0.2.1", "203.0.113.9") == f"192.0.2.1{SHARED}", "a proxy, or who would be taken for one"
    assert client("10.0.0.1", "someone") == "10.0.0.1"
    assert client("10.0.0.1", "") == "10.0.0.1"


def test_a_key_has_so_many_streams_open_and_one_that_ends_makes_room() -> None:
    streams = Streams(2)
    with streams.one("a"), streams.one("b"):
        with streams.one("a"), pytest.raises(Busy), streams.one("a"):
            """Not reached."""
        with streams.one("a"):
            """There is room again."""
    assert not streams._open, "nothing is kept of who has none"
    free = Streams(0)
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(free.one("a"))


def test_addresses_are_read_as_grpc_and_gateways_tell_them() -> None:
    assert [address_of(peer) for peer in ("ipv4:10.0.0.1:5", "ipv6:%5B::1%5D:5", "ipv6:[fe80::1]:5", "unix:/x")] == [
        "10.0.0.1", "::1", "fe80::1", "unix",
    ]  # fmt: skip
    assert told_address("ipv4:10.0.0.1:5", ((CLIENT_ADDRESS, "192.0.2.7"),)) == "192.0.2.7 by 10.0.0.1"
    assert told_address("ipv4:10.0.0.1:5", (("other", "x"),)) == "10.0.0.1"
    assert (home("::ffff:10.0.0.1"), home("10.0.0.1"), home("x" * 99)) == ("10.0.0.1", "10.0.0.1", "x" * 64)
    near, far = ("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"), ("0.0.0.0", "::", "10.0.0.1", "", "a.example")
    assert [is_loopback(host) for host in (*near, *far)] == [True] * 5 + [False] * 5
