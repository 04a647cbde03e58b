"""Schemathesis against a running gateway: every answer is what the OpenAPI document says."""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from effort import short_or_long
from hypothesis import HealthCheck, Phase, settings
from live import Reelmill
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)
from waiting import PATIENCE_SECONDS

from reelmill.capacity import Limits
from reelmill.gateway import openapi
from reelmill.gateway.bindings import bindings, services
from reelmill.jobs.rules import one_required
from reelmill.media.operations import OPERATIONS
from reelmill.v1 import jobs_pb2

LIMITS = Limits(request_max_bytes=2**20, batch_max_bytes=2**22)
DOCUMENT = openapi.document(list(bindings(services())), limits=LIMITS, upload_max_bytes=1000)


def with_alternatives(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what it says in words alone: else nearly every job here would have several operations."""
    made = copy.deepcopy(document)
    pool = jobs_pb2.DESCRIPTOR.pool
    for name, component in made["components"]["schemas"].items():
        with suppress(KeyError):  # the gateway's own
            for oneof in pool.FindMessageTypeByName(f"reelmill.v1.{name}").oneofs:
                if one_required(oneof):
                    component["oneOf"] = [{"required": [field.name]} for field in oneof.fields]
        for field in component.get("properties", {}).values():
            if field.get("format") == "int64":
                field |= {"type": ["string", "integer"], "maximum": 2**63 - 1}
                field["minimum"] = -(2**63) if field.get("pattern", "^-?").startswith("^-?") else 0
    return made


def small(document: dict[str, Any], *kept: str) -> dict[str, Any]:
    """The document with some operations alone: to make up boundaries of all of them takes a minute and a half."""
    schemas = document["components"]["schemas"]
    for name in ("Output", "Preset", "Preset.Part"):
        properties = schemas[name]["properties"]
        for field in {*OPERATIONS, "contract"} - set(kept):
            properties.pop(field, None)
        if ways := schemas[name].get("oneOf"):
            schemas[name]["oneOf"] = [way for way in ways if set(way["required"]) <= set(properties)]
    return document


def of_clients(document: dict[str, Any]) -> dict[str, Any]:
    """The document with two of the fields that only the server sets: one mechanism refuses them all, in seven ways."""
    for name in ("Job", "Output"):
        properties = document["components"]["schemas"][name]["properties"]
        for field in [name for name, of in properties.items() if of.get("readOnly")]:
            if field not in ("state", "error"):
                del properties[field]
    return document


JOBS = "POST /v1/jobs"
# These take outputs as POST /v1/jobs does, of which all operations are tried, and the boundaries of every value of some
# operations that have values of each type: here of one operation, and for a release of all, with their boundaries.
AS_JOBS = ["/v1/jobs:batchCreate", "/v1/jobs:validate", "/v1/jobs:estimate", "/v1/presets"]
SOME_OPERATIONS = ("thumbnail", "audio", "captions")
_NO_BOUNDARIES = {"phases": {"coverage": {"enabled": bool(short_or_long(0, 1))}}}
CONFIG = {"operations": [{"include-path": AS_JOBS} | _NO_BOUNDARIES, {"include-name": JOBS} | _NO_BOUNDARIES]}
schema = schemathesis.openapi.from_dict(with_alternatives(DOCUMENT), config=schemathesis.Config.from_dict(CONFIG))
schema_of_one = schemathesis.openapi.from_dict(
    small(with_alternatives(DOCUMENT), "captions"), config=schemathesis.Config.from_dict(CONFIG)
)
schema_of_some = schemathesis.openapi.from_dict(of_clients(small(with_alternatives(DOCUMENT), *SOME_OPERATIONS)))
LABELS = [f"{verb.upper()} {path}" for path, of in DOCUMENT["paths"].items() for verb in of]

EXAMPLES = 8  # made up of each operation, beside those at the boundaries of its values

# Why a request that fits the schema may be refused all the same: a schema can't say these rules.
# What operations say of their own options is theirs to test.
BEYOND_SCHEMA = re.compile(
    rf"(outputs\[\d+\]|preset)\.({'|'.join(OPERATIONS)}|contract)|differs from the query parameter|lies in the past"
    "|outside the allowed folders|must begin with one of|is used by |where there are several inputs"
    "|is no input of this job|is no preset|must be between [0-9]+s|can't read|is not one that this server gave"
    "|NUL character"
    "|is not between|and [0-9]+ more|^(job\\.webhook\\.)?url |^delivery_id give either|^max_bytes is more than"
    "|go with http and https inputs alone|^preset set either outputs, or one of"
    "|^preset has .* only one of them is allowed"
)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """A connection for all requests: to open one for each costs more than the request."""
    with requests.Session() as kept:
        kept.trust_env = False  # else each looks for a proxy
        yield kept


def test_the_gateway_serves_the_document(idle_http: httpx.Client) -> None:
    assert idle_http.get("/openapi.json").json() == DOCUMENT


@settings(
    max_examples=short_or_long(EXAMPLES, 100),
    derandomize=not short_or_long(0, 1),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_documented(case: Any, idle_gateway: Reelmill, session: requests.Session) -> None:
    excluded = [positive_data_acceptance]
    if case.operation.label == "POST /v1/jobs:batchCreate":
        excluded.append(negative_data_rejection)  # each item is refused by itself, in a 200
    if case.operation.label in ("POST /v1/jobs:validate", "POST /v1/jobs:estimate"):
        excluded.append(not_a_server_error)  # an input of theirs may be one that can't be had now
    response = case.call_and_validate(
        base_url=idle_gateway.http, session=session, timeout=PATIENCE_SECONDS, excluded_checks=excluded
    )
    if response.status_code >= 500:
        assert response.json()["detail"].startswith("INPUT_UNAVAILABLE: "), response.text
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        for error in response.json()["errors"]:
            assert BEYOND_SCHEMA.search(f"{error['field']} {error['detail']}"), error


# Its name and text stay: Hypothesis draws by them.
_of_a_case = test_every_operation_answers_as_documented


@pytest.mark.parametrize("label", LABELS)
def test_every_operation_answers_as_documented(label: str, idle_gateway: Reelmill, session: requests.Session) -> None:
    if label.partition(" ")[2] in AS_JOBS and short_or_long(1, 0):
        check_operation(schema_of_one, label, _of_one_operation, idle_gateway, session)
    else:
        check_operation(schema, label, _of_a_case, idle_gateway, session)


@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def _of_one_operation(case: Any, idle_gateway: Reelmill, session: requests.Session) -> None:
    excluded = [positive_data_acceptance, response_schema_conformance]
    if case.operation.label == "POST /v1/jobs:batchCreate":
        excluded.append(negative_data_rejection)
    if case.operation.label in ("POST /v1/jobs:validate", "POST /v1/jobs:estimate"):
        excluded.append(not_a_server_error)
    _answered(case, idle_gateway, session, excluded)


@settings(phases=[Phase.explicit], deadline=None, database=None, suppress_health_check=list(HealthCheck))
def _of_some_operations(case: Any, idle_gateway: Reelmill, session: requests.Session) -> None:
    _answered(case, idle_gateway, session, [positive_data_acceptance, response_schema_conformance])


def _answered(case: Any, idle_gateway: Reelmill, session: requests.Session, excluded: list[Any]) -> None:
    response = case.call_and_validate(
        base_url=idle_gateway.http, session=session, timeout=PATIENCE_SECONDS, excluded_checks=excluded
    )
    # By the whole document: what presets make is in the answer too.
    verb, _, path = case.operation.label.partition(" ")
    schema[path][verb].validate_response(response)
    if response.status_code >= 500:
        assert response.json()["detail"].startswith("INPUT_UNAVAILABLE: "), response.text
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        for error in response.json()["errors"]:
            assert BEYOND_SCHEMA.search(f"{error['field']} {error['detail']}"), error


@pytest.mark.skipif(bool(short_or_long(0, 1)), reason="all operations are tried above")
def test_a_job_of_some_operations_is_answered_as_documented_at_the_boundaries_of_every_value(
    idle_gateway: Reelmill, session: requests.Session
) -> None:
    check_operation(schema_of_some, JOBS, _of_some_operations, idle_gateway, session)


def check_operation(
    of: Any, label: str, test: Callable[..., None], idle_gateway: Reelmill, session: requests.Session
) -> None:
    """Send requests of an operation, as a schema has it."""
    verb, _, path = label.partition(" ")
    load_all_checks()
    # As schema.parametrize() would, which makes all cases of all operations in each process that collects tests: half
    # a minute of each one's CPU.
    answers = build_operation_test(
        config=of.config,
        operation=of[path][verb],
        test_func=test,
        given_kwargs={},
        feedback=FeedbackSources(),
    )
    answers(idle_gateway=idle_gateway, session=session)
