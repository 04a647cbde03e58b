"""What each method of the client sends and to where, and how errors, pages and broken streams are read."""

import inspect
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_origin

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from reelmill.client import (
    AsyncClient,
    Backoff,
    Client,
    ReelmillError,
    Unavailable,
    Violation,
    calls,
    channel,
    errors,
    webhook_calls,
)
from reelmill.client.watching import Watch
from reelmill.gateway.bindings import services
from reelmill.v1 import access_pb2 as access
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import media_pb2 as media
from reelmill.v1 import uploads_pb2 as uploads
from reelmill.v1 import webhooks_pb2 as webhooks
from reelmill.v1 import workers_pb2 as workers

MOMENT = datetime(2027, 1, 2, tzinfo=UTC)
JOB = pb.Job(labels={"asset": "42"})
EVENT, ERROR = pb.JobEvent(sequence=7, state=pb.Job.PROCESSING), Unavailable("away", code="UNAVAILABLE")
CALLS = [
    (calls.create_job(JOB, "k"), "CreateJob", pb.CreateJobRequest(job=JOB, request_id="k")),
    (calls.validate_job(JOB), "ValidateJob", pb.ValidateJobRequest(job=JOB)),
    (calls.estimate_job(JOB), "EstimateJob", pb.EstimateJobRequest(job=JOB)),
    (calls.get_job("i", True), "GetJob", pb.GetJobRequest(id="i", view=pb.FULL)),
    (calls.get_job("i", False), "GetJob", pb.GetJobRequest(id="i", view=pb.BASIC)),
    (calls.cancel_job("i", "why"), "CancelJob", pb.CancelJobRequest(id="i", reason="why")),
    (calls.retry_job("i"), "RetryJob", pb.RetryJobRequest(id="i")),
    (calls.delete_job("i"), "DeleteJob", pb.DeleteJobRequest(id="i")),
    (calls.delete_jobs("f"), "DeleteJobs", pb.DeleteJobsRequest(filter="f")),
    (calls.watch_job("i", 7), "WatchJob", pb.WatchJobRequest(id="i", after_sequence=7)),
    (calls.list_jobs("f", 9).page("t"), "ListJobs", pb.ListJobsRequest(filter="f", page_size=9, page_token="t")),
    (calls.job_events("i", 3).page(7), "ListJobEvents", pb.ListJobEventsRequest(id="i", after_sequence=7)),
    (calls.job_logs("i", 3).page(7), "ListJobLogs", pb.ListJobLogsRequest(id="i", after_sequence=7)),
    (
        calls.output_files("i", "o").page("t"),
        "ListOutputFiles",
        pb.ListOutputFilesRequest(id="i", output="o", page_size=1000, page_token="t"),
    ),
    (calls.job_tasks("i", 9).page("t"), "ListTasks", pb.ListTasksRequest(id="i", page_size=9, page_token="t")),
    (calls.probe("u"), "ProbeMedia", media.ProbeMediaRequest(uri="u")),
    (calls.operations(), "ListOperations", media.ListOperationsRequest()),
    (calls.get_preset("mine@3"), "GetPreset", media.GetPresetRequest(name="mine@3")),
    (calls.save_preset(media.Preset(name="p")), "SavePreset", media.SavePresetRequest(preset=media.Preset(name="p"))),
    (calls.delete_preset("mine"), "DeletePreset", media.DeletePresetRequest(name="mine")),
    (calls.workers(9).page("t"), "ListWorkers", workers.ListWorkersRequest(page_size=9, page_token="t")),
    (webhook_calls.create_webhook("u", ["e"]), "CreateWebhook", webhooks.CreateWebhookRequest(url="u", events=["e"])),
    (webhook_calls.webhooks(9).page("t"), "ListWebhooks", webhooks.ListWebhooksRequest(page_size=9, page_token="t")),
    (webhook_calls.delete_webhook("i"), "DeleteWebhook", webhooks.DeleteWebhookRequest(id="i")),
    (webhook_calls.enable_webhook("i"), "EnableWebhook", webhooks.EnableWebhookRequest(id="i")),
    (
        webhook_calls.rotate_webhook_secret("i", timedelta(seconds=3)),
        "RotateWebhookSecret",
        webhooks.RotateWebhookSecretRequest(id="i", overlap=Duration(seconds=3)),
    ),
    (webhook_calls.test_webhook("i"), "TestWebhook", webhooks.TestWebhookRequest(id="i")),
    (
        webhook_calls.deliveries("i", "FAILED", 9).page("t"),
        "ListDeliveries",
        webhooks.ListDeliveriesRequest(id="i", state="FAILED", page_size=9, page_token="t"),
    ),
    (
        webhook_calls.redeliver("i", "7", datetime(2026, 1, 1, tzinfo=UTC)),
        "Redeliver",
        webhooks.RedeliverRequest(id="i", delivery_id="7", since=Timestamp(seconds=1767225600)),
    ),
    (
        calls.create_key("n", "viewer", user="u", tenant="t", expire_time=MOMENT),
        "CreateKey",
        access.CreateKeyRequest(name="n", role=access.Key.VIEWER, user="u", tenant="t", expire_time=MOMENT),
    ),
    (calls.list_keys("t", 9).page("p"), "ListKeys", access.ListKeysRequest(tenant="t", page_size=9, page_token="p")),
    (calls.revoke_key("i", "t"), "RevokeKey", access.RevokeKeyRequest(id="i", tenant="t")),
    (
        calls.rotate_key("i", overlap=timedelta(hours=1), expire_time=MOMENT, tenant="t"),
        "RotateKey",
        access.RotateKeyRequest(id="i", overlap=timedelta(hours=1), expire_time=MOMENT, tenant="t"),
    ),
    (
        calls.sign_upload("n", 7, timedelta(seconds=3)),
        "SignUpload",
        uploads.SignUploadRequest(name="n", max_bytes=7, lifetime=Duration(seconds=3)),
    ),
    (calls.create_tenant("t"), "CreateTenant", access.CreateTenantRequest(name="t")),
    (calls.list_tenants(9).page("p"), "ListTenants", access.ListTenantsRequest(page_size=9, page_token="p")),
    (
        calls.audit_events("t", 9).page("p"),
        "ListAuditEvents",
        access.ListAuditEventsRequest(tenant="t", page_size=9, page_token="p"),
    ),
    (calls.presets(), "ListPresets", media.ListPresetsRequest()),
    (
        calls.batch_create_jobs([JOB, JOB], ["a", "b"]),
        "BatchCreateJobs",
        pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest(job=JOB, request_id=key) for key in "ab"]),
    ),
]
METHODS = {m.name: m for service in services() for m in service.methods}


@pytest.mark.parametrize(("call", "name", "request_"), CALLS, ids=[f"{c[1]}-{i}" for i, c in enumerate(CALLS)])
def test_a_call_goes_to_its_method_with_all_that_was_given(call: calls.Call, name: str, request_: object) -> None:
    method = METHODS[name]
    assert call.path == f"/{method.containing_service.full_name}/{name}"
    assert call.request == request_
    assert (method.input_type, method.output_type) == (call.request.DESCRIPTOR, call.answer.DESCRIPTOR)


def test_every_method_of_the_api_has_its_call() -> None:
    assert {name for _, name, _ in CALLS} == set(METHODS)


def test_a_call_that_would_act_twice_is_not_repeated() -> None:
    assert {name for call, name, _ in CALLS if isinstance(call, calls.Call) and not call.repeatable} == {
        *("CreateKey", "RotateKey", "CreateTenant"),
    }


def test_where_a_client_connects_and_what_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = [channel.place(target, "", None) for target in ("a:1", "grpc://a:1/", "dns:///a:1", "grpcs://a:1")]
    assert [(place.target, place.credentials is not None, place.metadata) for place in found] == [
        ("a:1", False, ()), ("a:1", False, ()), ("dns:///a:1", False, ()), ("a:1", True, ()),
    ]  # fmt: skip
    assert channel.place("a:1", "t", True).metadata == (("authorization", "Bearer t"),)
    monkeypatch.setenv("REELMILL_TOKEN", "from-outside")
    assert channel.place("a:1", None, None).metadata == (("authorization", "Bearer from-outside"),)
    assert channel.place("a:1", "", None).metadata == ()
    for refused in (lambda: channel.place("grpcs://a:1", "", False), lambda: channel.place("a:1", "ü", None)):
        with pytest.raises(ValueError, match=r"grpcs|token"):
            refused()
    with pytest.raises(FileNotFoundError):
        channel.place("a:1", "", channel.Tls(authorities=tmp_path / "none.pem"))


def test_a_gateway_is_where_files_are_and_calls_go_by_rest() -> None:
    found = [channel.place(target, "", None) for target in ("http://a:1/", "https://a/b/", "HTTP://a")]
    assert [(place.target, place.gateway) for place in found] == [
        ("", "http://a:1"),
        ("", "https://a/b"),
        ("", "http://a"),
    ]
    beside = channel.place("a:9090", "", None, gateway="http://a:8080/")
    assert (beside.target, beside.gateway) == ("a:9090", "http://a:8080")
    for target, tls, gateway in (
        ("http://a", True, ""),
        ("https://a", False, ""),
        ("http://a", None, "http://b"),
        ("a:1", None, "b:2"),
    ):
        with pytest.raises(ValueError, match=r"TLS|gateway"):
            channel.place(target, "", tls, gateway)


def test_jobs_without_a_key_get_one_each() -> None:
    keys = [calls.create_job(JOB, None).request.request_id for _ in range(3)]
    keys += [r.request_id for r in calls.batch_create_jobs([JOB] * 5, None).request.requests]
    assert len({uuid.UUID(key) for key in keys}) == 8


@pytest.mark.parametrize("keys", [["a"], ["a", "b", "c"]])
def test_a_batch_has_as_many_keys_as_jobs(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="zip"):
        calls.batch_create_jobs([JOB, JOB], keys)


def test_a_batch_answers_each_job_or_its_refusal_in_order() -> None:
    refused = Status(code=code_pb2.NOT_FOUND, message="no")
    results = [{"job": pb.Job(id="1")}, {"error": refused}, {"job": pb.Job(id="3")}]
    first, second, third = calls.batch_results(pb.BatchCreateJobsResponse(results=results))
    assert isinstance(first, pb.Job) and isinstance(second, errors.NotFound) and isinstance(third, pb.Job)
    assert (first.id, second.message, third.id) == ("1", "no", "3")


def test_pages_begin_where_they_are_told_and_go_on_where_the_last_ended() -> None:
    listing = calls.list_jobs("", 0)
    page = pb.ListJobsResponse(jobs=[JOB], next_page_token="t")
    assert (listing.start, list(listing.items(page)), listing.following(page)) == ("", [JOB], "t")
    history, events = calls.job_events("i", 3), pb.ListJobEventsResponse(events=[EVENT], next_after_sequence=7)
    assert (history.start, list(history.items(events)), history.following(events)) == (3, [EVENT], 7)
    log, line = calls.job_logs("i", 4), pb.JobLog(message="x")
    lines = pb.ListJobLogsResponse(logs=[line], next_after_sequence=8)
    assert (log.start, list(log.items(lines)), log.following(lines)) == (4, [line], 8)


def test_both_clients_have_the_same_methods_with_the_same_defaults() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in (*public, "__init__"):
        one, other = (inspect.signature(getattr(kind, name)).parameters for kind in (Client, AsyncClient))
        assert list(one.values()) == list(other.values()), name
    assert {n: p.default for n, p in inspect.signature(Client.watch_job).parameters.items() if n != "self"} == {
        "job_id": inspect.Parameter.empty,
        "after_sequence": 0,
        "timeout_seconds": None,
    }
    assert inspect.signature(Client.get_job).parameters["full"].default is False
    assert inspect.signature(Client.list_jobs).parameters["page_size"].default == 0
    assert (channel.DEFAULT_TARGET, channel.DEFAULT_TIMEOUT_SECONDS) == ("localhost:9090", 30.0)


def of_texts() -> dict[str, tuple[Callable[..., calls.Call], list[str]]]:
    """The calls that take nothing but texts, each with some."""
    made = {}
    for name, call in {**vars(calls), **vars(webhook_calls)}.items():
        if inspect.isfunction(call) and name in vars(Client) and name != "delete_jobs":  # it asks until none is left
            method, told = inspect.signature(getattr(Client, name)), inspect.signature(call)
            needed = [p for p in told.parameters.values() if p.default is p.empty]
            alike = (
                list(method.parameters)[1:] == list(told.parameters)
                and get_origin(told.return_annotation) is calls.Call
            )
            if needed and alike and all(p.annotation is str for p in needed):
                made[name] = (call, ["viewer"] * len(needed))
    return made


@pytest.mark.parametrize("name", of_texts())
async def test_a_method_of_either_client_sends_the_call_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call, texts = of_texts()[name]
    sent: list[object] = []

    def answer(_: Client, sending: object) -> object:
        sent.append(sending)
        return None

    async def answer_later(_: AsyncClient, sending: object) -> object:
        sent.append(sending)
        return None

    monkeypatch.setattr(Client, "_answer", answer)
    monkeypatch.setattr(AsyncClient, "_answer", answer_later)
    getattr(Client(), name)(*texts)
    await getattr(AsyncClient(), name)(*texts)
    assert sent == [call(*texts)] * 2


def test_a_lost_server_is_found_again_within_a_second() -> None:
    options = dict(channel.OPTIONS)
    assert options["grpc.initial_reconnect_backoff_ms"] == options["grpc.min_reconnect_backoff_ms"] == 100
    assert options["grpc.max_reconnect_backoff_ms"] == 1000
    assert options["grpc.max_receive_message_length"] == options["grpc.max_send_message_length"] == 16 * 1024 * 1024


def rich(code: int, *details: object, message: str = "told") -> Status:
    status = Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return status


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_ARGUMENT", errors.InvalidRequest),
        ("NOT_FOUND", errors.NotFound),
        ("ALREADY_EXISTS", errors.Conflict),
        ("FAILED_PRECONDITION", errors.WrongState),
        ("UNAVAILABLE", errors.Unavailable),
        ("INTERNAL", ReelmillError),
        ("DEADLINE_EXCEEDED", ReelmillError),
    ],
)
def test_a_status_becomes_its_error(code: str, kind: type[ReelmillError]) -> None:
    error = errors.from_status(rich(code_pb2.Code.Value(code)))
    assert (type(error), error.code, error.message, str(error)) == (kind, code, "told", "told")
    assert (error.violations, error.retry_seconds) == ((), None)
    assert errors.from_status(rich(code_pb2.Code.Value(code), message="")).message == code


def test_details_are_told_whatever_their_order() -> None:
    bad = error_details_pb2.BadRequest(field_violations=[{"field": f, "description": f"is {f}"} for f in "ab"])
    retry, other = error_details_pb2.RetryInfo(), error_details_pb2.ErrorInfo(reason="X")
    retry.retry_delay.FromMilliseconds(1500)
    for details in ((bad, other, retry), (retry, other, bad)):
        error = errors.from_status(rich(code_pb2.UNAVAILABLE, *details))
        assert error.violations == (Violation("a", "is a"), Violation("b", "is b"))
        assert error.retry_seconds == 1.5


def test_a_code_that_nobody_knows_is_unknown() -> None:
    error = errors.from_status(rich(999, message=""))
    assert (type(error), error.code, error.message) == (ReelmillError, "UNKNOWN", "UNKNOWN")
    assert ReelmillError("x").code == "UNKNOWN"


def failed(*trailing: tuple[str, bytes], details: str = "plain") -> ReelmillError:
    empty = grpc.aio.Metadata()
    return errors.from_rpc_error(
        grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, empty, grpc.aio.Metadata(*trailing), details)
    )


def test_a_failed_call_tells_its_rich_status_and_else_its_plain_one() -> None:
    key = "grpc-status-details-bin"
    told = rich(code_pb2.NOT_FOUND).SerializeToString()
    assert isinstance(failed(("other", b"x"), (key, told)), errors.NotFound)
    for trailing in ((), (("other", told),), ((key, b"\xff"),)):
        error = failed(*trailing)
        assert (type(error), error.code, error.message) == (Unavailable, "UNAVAILABLE", "plain")
    assert failed(details="").message == "UNAVAILABLE"


def test_a_broken_watch_goes_on_after_the_last_event_and_counts_failures_in_a_row() -> None:
    watch = Watch("i", 3, None, Backoff(attempts=3))
    assert (watch.call().request.id, watch.call().request.after_sequence, watch.left_seconds) == ("i", 3, None)
    assert watch.delay_seconds(ERROR) is not None
    watch.saw(EVENT)
    assert watch.call().request.after_sequence == 7
    watch.saw(pb.JobEvent(sequence=0))  # progress
    assert watch.call().request.after_sequence == 7
    assert watch.delay_seconds(ERROR) is not None
    assert watch.delay_seconds(ERROR) is not None
    with pytest.raises(Unavailable):
        watch.delay_seconds(ERROR)
