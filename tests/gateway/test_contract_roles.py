"""Schemathesis with a key of each role, with none and with wrong ones: nobody gets more than his role allows, nothing
that is no request is taken, and every refusal is one that the OpenAPI document tells of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from gateway.test_contract import BEYOND_SCHEMA, DOCUMENT, small, with_alternatives
from hypothesis import HealthCheck, settings
from live import Reelmill
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)
from waiting import PATIENCE_SECONDS

from reelmill.auth.roles import RULES, Role
from reelmill.auth.tokens import new_token
from reelmill.client import Client
from reelmill.gateway.bindings import bindings, services

ADMIN = new_token().text
BY_OPERATION = {f"{b.verb} {b.template.text}": RULES[b.rpc].roles for b in bindings(services())}
ROLES = BY_OPERATION | {
    "POST /v1/uploads": RULES["/reelmill.v1.UploadService/CreateUpload"].roles,
    "GET /v1/jobs/{id}/outputs/{output}/{path}": RULES["/reelmill.v1.JobService/ListOutputFiles"].roles,
}
# Boundaries of every value are tried where nobody is asked for a key: test_contract.
CONFIG = {"phases": {"coverage": {"enabled": False}, "examples": {"enabled": False}}}


# One operation for all: who may call does not go by them, and making up others takes long.
schema = schemathesis.openapi.from_dict(
    small(with_alternatives(DOCUMENT), "captions"), config=schemathesis.Config.from_dict(CONFIG)
)


@dataclass(frozen=True)
class Doors:
    """A gateway, and a connection with each key."""

    url: str
    tokens: Mapping[Role, str]
    session: requests.Session


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    """A system without work to do."""
    with (
        Reelmill("up", authentication="keys", admin_key=ADMIN, worker_slots=1, upload_max_bytes=1000) as system,
        requests.Session() as session,
    ):
        with Client(system.grpc, token=ADMIN) as admin:
            tokens = {role: admin.create_key(role, role, user=role).token for role in Role}
        yield Doors(system.http, tokens, session)


class _From(HTTPAdapter):
    """Connections from an address of loopback: from each a few failures to sign in are borne."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords, source_address=(self._address, 0))


def test_every_operation_says_who_may_call_it_and_how_it_refuses_others() -> None:
    operations = {
        f"{verb.upper()} {path}": operation for path, of in DOCUMENT["paths"].items() for verb, operation in of.items()
    }
    assert set(operations) == set(ROLES)
    for name, roles in ROLES.items():
        told = operations[name]["responses"]
        assert "application/problem+json" in told["401"]["content"], name
        assert "application/problem+json" in told["403"]["content"], name
        named = [role for role in Role if f"`{role}`" in told["403"]["description"]]
        assert set(named) == set(roles), name


@schema.parametrize()
@settings(max_examples=3, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_role_is_answered_as_documented(case: Any, doors: Doors) -> None:
    label = case.operation.label
    allowed = ROLES[label]
    for role in sorted(Role, key=lambda role: role in allowed):  # those first that change nothing
        _check(case, doors, doors.session, doors.tokens[role], permitted=role in allowed)
    with requests.Session() as stranger:
        stranger.mount("http://", _From(f"127.0.2.{list(ROLES).index(label) + 1}"))
        _check(case, doors, stranger, None, permitted=False)


@pytest.mark.parametrize("label", ROLES, ids=str)
def test_a_wrong_key_opens_nothing(doors: Doors, label: str) -> None:
    verb, _, path = label.partition(" ")
    url = doors.url + path.format(id="a", output="b", path="c", name="d")
    number = list(ROLES).index(label)
    with requests.Session() as session:
        session.mount("http://", _From(f"127.0.1.{number + 1}"))
        # One that never was, one of another form, and a good one that is spoilt.
        for token in (new_token().text, "x", doors.tokens[Role.ADMIN][:-1]):
            headers = {"Authorization": f"Bearer {token}"}
            body = {"data": b"x", "params": {"name": "a.mp4"}} if path == "/v1/uploads" else {"json": {}}
            answer = session.request(
                verb, url, headers=headers, timeout=PATIENCE_SECONDS, **(body if verb == "POST" else {})
            )
            if answer.status_code != 400:  # what is no request is refused before anybody is asked
                assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), answer.text


def _check(case: Any, doors: Doors, session: requests.Session, token: str | None, *, permitted: bool) -> None:
    """Send a case as somebody, and judge the answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": ""}
    # Who signs in otherwise, or not, is tried here by itself.
    excluded = [ignored_auth, positive_data_acceptance]
    label = case.operation.label
    if label == "POST /v1/jobs:batchCreate":
        excluded.append(negative_data_rejection)  # each item is refused by itself, in a 200
    if label.startswith("GET /v1/presets"):
        excluded.append(response_schema_conformance)  # those that are there have all operations
    if label in ("POST /v1/jobs:validate", "POST /v1/jobs:estimate"):
        excluded.append(not_a_server_error)  # an input of theirs may be one that can't be had now
    answer = case.call_and_validate(
        base_url=doors.url, headers=headers, session=session, timeout=PATIENCE_SECONDS, excluded_checks=excluded
    )
    if answer.status_code >= 500:
        assert permitted and answer.json()["detail"].startswith("INPUT_UNAVAILABLE: "), answer.text
    positive = case.meta.generation.mode.is_positive
    if permitted:
        assert answer.status_code not in (401, 403), answer.text
    elif positive and answer.status_code != 400:
        assert answer.status_code == (403 if token else 401), answer.text
    else:  # what is no request is refused before anybody is asked
        assert 400 <= answer.status_code < 500, answer.text
    if answer.status_code == 400 and positive:
        for error in answer.json()["errors"]:
            assert BEYOND_SCHEMA.search(f"{error['field']} {error['detail']}"), error
