"""REST answers: jobs by both spellings, and every kind of refusal as problem+json."""

import http.client
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from live import Reelmill
from services.process import HOST, free_port
from waiting import PATIENCE_SECONDS

JOB = {"inputs": [{"uri": "https://example.org/talk.mov"}], "outputs": [{"name": "sound", "audio": {}}]}
NOBODY = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code)
    assert found["type"] == f"urn:reelmill:problem:{code.lower().replace('_', '-')}"
    assert found["title"]
    assert found["detail"]
    return found


def test_a_job_goes_in_and_comes_back_by_its_id(idle_http: httpx.Client) -> None:
    made = idle_http.post("/v1/jobs", json=JOB | {"priority": 0, "labels": {"asset": "42"}})
    assert (made.status_code, made.headers["content-type"]) == (200, "application/json")
    job = made.json()
    assert (job["state"], job["priority"], job["labels"], job["version"]) == ("QUEUED", 0, {"asset": "42"}, "1")
    for view in ("", "?view=FULL"):
        shown = idle_http.get(f"/v1/jobs/{job['id']}{view}").json()
        assert shown.pop("queue", None) is not None  # of one that waits; empty where none is before it
        assert shown == job


def test_snake_case_and_camel_case_make_the_same_job(idle_http: httpx.Client) -> None:
    bodies = [
        JOB | {"retry_policy": {"max_attempts": 2}, "outputs": [{"name": "a", "audio": {"bitrate_bps": 96000}}]},
        JOB | {"retryPolicy": {"maxAttempts": 2}, "outputs": [{"name": "a", "audio": {"bitrateBps": 96000}}]},
    ]
    snake, camel = (idle_http.post("/v1/jobs:validate", json=body).json() for body in bodies)
    assert snake == camel
    assert snake["retry_policy"]["max_attempts"] == 2


def test_an_idempotency_key_answers_the_same_job_and_refuses_another(idle_http: httpx.Client) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first, again = (idle_http.post("/v1/jobs", json=JOB, headers=headers).json() for _ in range(2))
    assert first["id"] == again["id"]
    other = idle_http.post("/v1/jobs", json=JOB | {"priority": 1}, headers=headers)
    assert "with another body" in problem(other, 409, "IDEMPOTENCY_CONFLICT")["detail"]


def test_what_the_api_refuses_names_all_fields(idle_http: httpx.Client) -> None:
    answer = idle_http.post("/v1/jobs", json={"outputs": [{"name": "../x", "audio": {"channels": 9}}]})
    fields = {e["field"]: e["detail"] for e in problem(answer, 400, "INVALID_REQUEST")["errors"]}
    assert fields.keys() == {"job.inputs", "job.outputs[0].name", "job.outputs[0].audio.channels"}


def test_what_is_no_job_names_all_fields_too(idle_http: httpx.Client) -> None:
    answer = idle_http.post("/v1/jobs", json=JOB | {"prioritty": 1, "labels": []})
    errors = problem(answer, 400, "INVALID_REQUEST")["errors"]
    assert [e["field"] for e in errors] == ["job.prioritty", "job.labels"]
    assert "did you mean priority?" in errors[0]["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/v1/jobs/{NOBODY}", 404, "NOT_FOUND"),
        ("GET", "/v1/jobs/%2E%2E%2Fx", 404, "NOT_FOUND"),
        ("GET", f"/v1/jobs/{NOBODY}/watch", 404, "NOT_FOUND"),
        ("POST", f"/v1/jobs/{NOBODY}:cancel", 404, "NOT_FOUND"),
        ("DELETE", f"/v1/jobs/{NOBODY}", 404, "NOT_FOUND"),
        ("GET", "/v2/jobs", 404, "NO_SUCH_ROUTE"),
        ("DELETE", "/v1/jobs", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/jobs/%ff", 400, "INVALID_REQUEST"),
        ("GET", "/v1/jobs?page_size=-1", 400, "INVALID_REQUEST"),
        ("GET", "/v1/jobs?page_token=x", 400, "INVALID_REQUEST"),
        ("POST", "/v1/jobs", 400, "INVALID_REQUEST"),
    ],
)
def test_a_refusal_is_a_problem(idle_http: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    assert problem(idle_http.request(method, path), status, code)


def test_405_says_what_is_allowed(idle_http: httpx.Client) -> None:
    assert idle_http.delete("/v1/jobs").headers["allow"] == "GET, HEAD, POST"


def test_a_wrong_state_is_a_409(idle_http: httpx.Client) -> None:
    made = idle_http.post("/v1/jobs", json=JOB).json()
    problem(idle_http.post(f"/v1/jobs/{made['id']}:retry"), 409, "WRONG_STATE")
    cancelled = idle_http.post(f"/v1/jobs/{made['id']}:cancel", json={"reason": "test"})
    assert cancelled.json()["state"] == "CANCELLED"
    again = idle_http.post(f"/v1/jobs/{made['id']}:retry").json()
    assert again["retry_of"] == made["id"]


def test_a_body_over_the_limit_is_a_413(idle_http: httpx.Client) -> None:
    connection = http.client.HTTPConnection(idle_http.base_url.netloc.decode(), timeout=PATIENCE_SECONDS)
    connection.putrequest("POST", "/v1/jobs")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(17 * 2**20))
    connection.endheaders(b"{")
    with connection.getresponse() as answer:
        assert (answer.status, json.load(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert answer.getheader("connection") == "close"
    connection.close()


@pytest.mark.parametrize("declared", [True, False])
def test_a_client_that_sends_all_before_it_listens_hears_of_the_limit(idle_http: httpx.Client, declared: bool) -> None:
    body = b"[" + b" " * 8 * 2**20 + b"]"  # more than what lies in buffers on the way
    connection = http.client.HTTPConnection(idle_http.base_url.netloc.decode(), timeout=PATIENCE_SECONDS)
    length = {"Content-Length": str(len(body))} if declared else {"Transfer-Encoding": "chunked"}
    headers = {"Content-Type": "application/json", **length}
    connection.request("POST", "/v1/jobs", body, headers, encode_chunked=not declared)
    with connection.getresponse() as answer:
        assert (answer.status, json.load(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    connection.close()


def test_a_batch_tells_each_refusal_with_its_details(idle_http: httpx.Client) -> None:
    body = {"requests": [{"job": JOB}, {"job": {}}]}
    good, bad = idle_http.post("/v1/jobs:batchCreate", json=body).json()["results"]
    assert good["job"]["state"] == "QUEUED"
    assert bad["error"]["code"] == 3
    assert "requests[1].job.inputs" in json.dumps(bad["error"]["details"])


def test_without_an_api_the_gateway_lives_is_not_ready_and_asks_to_try_again() -> None:
    gateway = Reelmill("gateway", api_target=f"{HOST}:{free_port()}")
    gateway.ready = "healthz"
    with gateway, httpx.Client(base_url=gateway.http, timeout=PATIENCE_SECONDS) as client:
        ready, answer = client.get("/readyz"), client.get("/v1/jobs")
    assert (ready.status_code, "api" in ready.json()["problems"]) == (503, True)
    assert problem(answer, 503, "UNAVAILABLE")["detail"] == "the api is away; try again"
    assert answer.headers["retry-after"] == "1"
