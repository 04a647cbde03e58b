"""Who may what: every method with every role, with another tenant's and another user's objects, over both doors."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from gateway.test_fuzz import FAULTS, FIXED, raw_bytes
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from jobs import STILL, job
from live import Reelmill, channel
from shapes import METHODS
from waiting import PATIENCE_SECONDS

from reelmill.auth.failures import MOST_FAILURES
from reelmill.auth.roles import RULES, Role
from reelmill.auth.tokens import new_token
from reelmill.client import Client, InvalidRequest, NotFound, PermissionDenied, Unauthenticated, WrongState
from reelmill.v1 import access_pb2, jobs_pb2
from reelmill.v1.media_pb2 import Preset
from reelmill.v1.operations_pb2 import AudioExtract

ADMIN = new_token().text
NOBODY = new_token().text
THEIRS = "their-sound"
UNKNOWN = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"


@dataclass
class World:
    """A system with two tenants, a key of each role in both, and what the other one has."""

    system: Reelmill
    connection: grpc.Channel
    keys: dict[str, dict[str, access_pb2.CreateKeyResponse]]  # by tenant and role; `other`: another submitter
    job: jobs_pb2.Job  # COMPLETED, of the tenant theirs
    upload: str

    def token(self, role: str, tenant: str = "default") -> str:
        return self.keys[tenant][role].token

    def client(self, role: str, tenant: str = "default") -> Client:
        return Client(self.system.grpc, token=self.token(role, tenant))

    def ask(self, path: str, request: Message | bytes, token: str | None) -> tuple[str, str, bytes]:
        """Status, message, and the first answer's bytes of a call."""
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            if path.endswith("/WatchJob"):
                call = self.connection.unary_stream(path)(raw, timeout=PATIENCE_SECONDS, metadata=metadata)
                first = next(call, b"")
                call.cancel()
                return "OK", "", first
            made = self.connection.unary_unary(path)(raw, timeout=PATIENCE_SECONDS, metadata=metadata)
            return "OK", "", made
        except grpc.RpcError as error:
            return error.code().name, error.details(), b""  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def world(clip: Path) -> Iterator[World]:
    settings = {"authentication": "keys", "admin_key": ADMIN, "worker_slots": 1}
    with Reelmill("up", **settings) as system, channel(system.grpc) as connection:
        with Client(system.grpc, token=ADMIN) as admin:
            admin.create_tenant("theirs")
            keys = {
                tenant: {
                    name: admin.create_key(name, role, user=name, tenant=tenant)
                    for name, role in [*((str(r), str(r)) for r in Role), ("other", "submitter")]
                }
                for tenant in ("default", "theirs")
            }
        uri = system.bring(clip, "clip.mp4")
        theirs = keys["theirs"]["submitter"].token
        answer = httpx.post(
            f"{system.http}/v1/uploads?name=a.mp4", content=clip.read_bytes(), headers=bearer(theirs), timeout=60
        )
        assert answer.status_code == 201, answer.text
        with Client(system.grpc, token=keys["theirs"]["operator"].token) as client:
            client.save_preset(Preset(name=THEIRS, description="secret", audio=AudioExtract(bitrate_bps=64000)))
        with Client(system.grpc, token=theirs) as client:
            with pytest.raises(InvalidRequest, match="REELMILL_TENANT_STORAGE"):  # the default tenant's folder
                client.create_job(job(uri, STILL))
            made = client.wait(client.create_job(job(answer.json()["uri"], STILL), "one").id, 60)
        assert made.state == jobs_pb2.Job.COMPLETED
        yield World(system, connection, keys, made, answer.json()["uri"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def request_for(path: str, world: World, job_id: str) -> Message:
    """A good request to a method, about a job or another object."""
    method = next(m for m in METHODS if f"/{m.containing_service.full_name}/{m.name}" == path)
    request: Any = GetMessageClass(method.input_type)()
    service, name = method.containing_service.name, method.name
    if service == "JobService" and "id" in method.input_type.fields_by_name:
        request.id = job_id
        if name == "ListOutputFiles":
            request.output = "still"
    elif name in ("CreateJob", "ValidateJob", "EstimateJob"):
        request.job.CopyFrom(job(world.upload))
    elif name == "BatchCreateJobs":
        request.requests.add(job=job(world.upload))
    elif name in ("ProbeMedia", "CompleteUpload", "AbandonUpload"):
        request.uri = world.upload
        if name == "CompleteUpload":
            request.size_bytes = 1
    elif name in ("GetPreset", "DeletePreset"):
        request.name = THEIRS
    elif name == "SavePreset":
        request.preset.name = "more"
        request.preset.audio.bitrate_bps = 64000
    elif name in ("CreateUpload", "SignUpload"):
        request.name = "a.mp4"
    elif name in ("RevokeKey", "RotateKey"):
        request.id = world.keys["theirs"]["viewer"].key.id
    elif name == "CreateKey":
        request.name, request.role = "more", access_pb2.Key.VIEWER
    elif name == "CreateTenant":
        request.name = f"t-{uuid4().hex[:8]}"
    return request


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.rpartition("/")[2])
def test_a_method_answers_its_roles_and_shows_nobody_what_is_anothers(world: World, path: str) -> None:
    rule = RULES[path]
    theirs, nothing = request_for(path, world, world.job.id), request_for(path, world, UNKNOWN)
    assert world.ask(path, theirs, None)[0] == "UNAUTHENTICATED"
    for role in Role:
        code, text, answer = world.ask(path, theirs, world.token(role))
        if role not in rule.roles:
            assert code == "PERMISSION_DENIED", role
            continue
        assert code not in ("UNAUTHENTICATED", "PERMISSION_DENIED", "INTERNAL", "UNKNOWN"), (role, text)
        told = f"{text} {answer!r}".replace(world.job.id, UNKNOWN)
        if rule.job:
            same = world.ask(path, nothing, world.token(role))
            assert (code, text.replace(world.job.id, UNKNOWN)) == ("NOT_FOUND", same[1]) == same[:2], role
        made = world.job.outputs[0].files[0]
        for secret in (made.uri, made.sha256, world.keys["theirs"]["viewer"].token):
            assert secret.encode() not in answer, role
        if path.endswith("/ListJobs"):
            assert world.job.id.encode() not in answer
        if path.endswith(("/RevokeKey", "/RotateKey", "/CompleteUpload", "/ProbeMedia", "/GetPreset", "/DeletePreset")):
            assert code in ("NOT_FOUND", "INVALID_ARGUMENT") and "theirs" not in told, (role, told)
        if path.endswith("/ListPresets"):
            assert THEIRS.encode() not in answer
    if rule.system:
        assert world.ask(path, theirs, world.token("admin", "theirs"))[0] == "PERMISSION_DENIED"
    # The owners' things are as before.
    with world.client("viewer", "theirs") as client:
        assert client.get_job(world.job.id).version == world.job.version
        assert client.get_preset(THEIRS).version == 1
        assert [found.id for found in client.list_jobs()] == [world.job.id]


def test_an_input_of_another_tenants_upload_is_refused_as_one_that_is_none(world: World) -> None:
    with world.client("submitter") as client:
        made = client.wait(client.create_job(job(world.upload, STILL)).id, 60)
    assert made.error.code == "INPUT_NOT_FOUND", made.error
    unknown = world.upload.replace(world.upload.partition("/")[2][:36], UNKNOWN)
    assert unknown != world.upload
    with world.client("submitter", "theirs") as client:
        assert client.wait(client.create_job(job(world.upload, STILL)).id, 60).state == jobs_pb2.Job.COMPLETED
    with world.client("submitter") as client:
        other = client.wait(client.create_job(job(unknown, STILL)).id, 60)
    assert other.error.message.replace(unknown, world.upload) == made.error.message


def test_a_submitter_sees_its_own_jobs_alone_and_its_key_of_a_job_is_its_own(world: World) -> None:
    with world.client("submitter", "theirs") as one, world.client("other", "theirs") as two:
        first = one.create_job(job(labels={"n": "1"}), "same")
        second = two.create_job(job(labels={"n": "2"}), "same")
        assert first.id != second.id and two.create_job(job(labels={"n": "2"}), "same").id == second.id
        assert [found.id for found in two.list_jobs()] == [second.id]
        own = {found.id for found in one.list_jobs(page_size=1)}
        assert {first.id, world.job.id} <= own and second.id not in own
        for call in (two.get_job, two.cancel_job, two.retry_job, lambda i: next(two.watch_job(i))):
            with pytest.raises(NotFound, match=f"^there is no job {first.id}$"):
                call(first.id)
        one.cancel_job(first.id)
        one.wait(first.id, 30)
        with world.client("operator", "theirs") as operator:
            again = operator.retry_job(first.id)
            assert len({found.id for found in operator.list_jobs()} & {first.id, second.id, again.id}) == 3
        assert one.get_job(again.id).retry_of == first.id, "it stays its submitter's"
        with pytest.raises(NotFound):
            two.get_job(again.id)
        for left in (second.id, again.id):
            with world.client("operator", "theirs") as operator, suppress(WrongState):
                operator.cancel_job(left)


def test_odd_requests_with_a_key_of_each_role_are_no_fault_of_the_server(world: World) -> None:
    chance, codes = random.Random(FIXED), set()
    for i in range(16 * len(METHODS)):
        method, role = METHODS[i % len(METHODS)], list(Role)[i // len(METHODS) % len(Role)]
        path = f"/{method.containing_service.full_name}/{method.name}"
        raw = raw_bytes(chance, method.input_type)
        if len(raw) > 2**20:
            continue  # gRPC itself refuses what is larger than any request
        code, text, _ = world.ask(path, raw, world.token(role))
        assert code not in FAULTS, (path, role, text)
        codes.add(code)
    assert codes >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"}, codes


def test_over_rest_a_key_goes_along_and_its_lack_is_told_as_http_does(world: World) -> None:
    at, mine, theirs = world.system.http, bearer(world.token("viewer")), bearer(world.token("viewer", "theirs"))
    own, key = f"/v1/jobs/{world.job.id}", world.keys["theirs"]["viewer"].key.id
    uri = world.job.outputs[0].files[0]
    download = f"{own}/outputs/still/{uri.path}"
    with httpx.Client(base_url=at, timeout=60) as http:
        for path in (
            "/v1/jobs",
            own,
            f"{own}/watch",
            f"{own}/logs",
            download,
            "/v1/keys",
            "/v1/workers",
            "/v1/presets",
        ):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path
            assert answer.json()["code"] == "UNAUTHENTICATED"
        for path in (own, f"{own}/watch", f"{own}/events", f"{own}/outputs/still/files", download):
            answer = http.get(path, headers=mine)
            never = http.get(path.replace(world.job.id, UNKNOWN), headers=mine)
            assert (answer.status_code, never.status_code) == (404, 404), path
            assert answer.text.replace(world.job.id, UNKNOWN) == never.text, path
        assert http.get(own, headers=theirs).json()["id"] == world.job.id
        assert http.get(download, headers=theirs).content.startswith(b"\xff\xd8")
        assert "COMPLETED" in http.get(f"{own}/watch", headers=theirs).text
        assert http.post("/v1/uploads?name=a", content=b"x").status_code == 401
        assert http.post("/v1/uploads?name=a", content=b"x", headers=mine).status_code == 403
        assert http.post(f"/v1/keys/{key}:revoke", json={}, headers=bearer(ADMIN)).status_code == 404
        for odd in ("Basic YTpi", "Bearer", "Bearer " + "x" * 5000, "Bearer é".encode()):
            assert http.get("/v1/jobs", headers={"Authorization": odd}).status_code == 401  # type: ignore[dict-item]
        assert http.get("/v1/jobs", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]).is_error
        for open_path in ("/healthz", "/readyz", "/openapi.json", "/swagger/"):
            assert http.get(open_path).status_code == 200, open_path


def test_no_refusal_tells_which_part_of_a_key_was_wrong(world: World) -> None:
    with Client(world.system.grpc, token=ADMIN) as admin:
        revoked = admin.create_key("revoked", "viewer")
        admin.revoke_key(revoked.key.id)
    good, head = world.token("viewer"), world.token("viewer").rpartition("_")[0]
    path, request = "/reelmill.v1.JobService/ListJobs", jobs_pb2.ListJobsRequest()
    # Another secret behind an id that is there; an id that is nobody's; what was revoked; what is no key at all.
    wrong = [f"{head}_{NOBODY.rpartition('_')[2]}", NOBODY, revoked.token, good[:-1], "rm_x", "eyJ.a.b"]
    assert len({world.ask(path, request, token)[:2] for token in wrong}) == 1
    assert world.ask(path, request, good)[0] == "OK"


def test_a_revoked_key_is_refused_within_seconds_and_a_rotated_one_goes_on(world: World) -> None:
    with Client(world.system.grpc, token=ADMIN) as admin:
        made = admin.create_key("short", "viewer")
        with Client(world.system.grpc, token=made.token) as client:
            list(client.list_jobs())
            following = admin.rotate_key(made.key.id)
            list(client.list_jobs())
            with Client(world.system.grpc, token=following.token) as renewed:
                list(renewed.list_jobs())
                admin.revoke_key(following.key.id)
                deadline = time.monotonic() + PATIENCE_SECONDS
                with pytest.raises(Unauthenticated):
                    while time.monotonic() < deadline:
                        list(renewed.list_jobs())
        listed = list(admin.list_keys())
        found = {key.id: key for key in listed}
        assert found[made.key.id].rotated_to == following.key.id and found[made.key.id].HasField("use_time")
        assert not any(made.token in str(key) for key in listed)


def test_what_was_done_and_what_was_refused_is_listed_with_whom_and_from_where(world: World) -> None:
    with world.client("submitter") as client:
        made = client.create_job(job(), "audited")
        client.cancel_job(made.id)
    with world.client("viewer") as client, pytest.raises(PermissionDenied):
        client.cancel_job(made.id)
    rest = httpx.post(
        f"{world.system.http}/v1/jobs/{UNKNOWN}:cancel", json={}, headers=bearer(world.token("operator")), timeout=60
    )
    assert rest.status_code == 404
    wanted = {
        ("submitter", "CreateJob", made.id, "127.0.0.1", "OK"),
        ("submitter", "CancelJob", made.id, "127.0.0.1", "OK"),
        ("viewer", "CancelJob", "", "127.0.0.1", "PERMISSION_DENIED"),
        ("operator", "CancelJob", UNKNOWN, "127.0.0.1 by 127.0.0.1", "NOT_FOUND"),
    }
    with world.client("admin") as admin:
        deadline, found = time.monotonic() + PATIENCE_SECONDS, set()
        while not wanted <= found and time.monotonic() < deadline:
            events = list(admin.audit_events(page_size=7))
            found = {(e.user, e.method, e.target, e.address, e.outcome) for e in events}
        assert wanted <= found, found
        tried = {e.outcome for e in events if e.target == world.job.id}
        assert tried <= {"NOT_FOUND", "PERMISSION_DENIED"}, "what we were refused; what its owners did is theirs"
        assert [e.sequence for e in events] == sorted((e.sequence for e in events), reverse=True)
    with world.client("admin", "theirs") as theirs:
        others = list(theirs.audit_events())
        assert world.job.id in {e.target for e in others} and made.id not in {e.target for e in others}
        with pytest.raises(NotFound):
            list(theirs.audit_events("default"))
        with pytest.raises(NotFound):
            list(theirs.list_keys("default"))
        assert [tenant.name for tenant in theirs.list_tenants()] == ["theirs"]


def test_the_command_line_makes_lists_and_revokes_keys_and_says_what_it_lacks(world: World) -> None:
    def reelmill(*command: str, token: str = ADMIN) -> subprocess.CompletedProcess[str]:
        argv = [world.system.python, "-m", "reelmill", *command, "--api", world.system.grpc]
        environment = world.system.environment | {"REELMILL_TOKEN": token}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)

    made = reelmill("keys", "create", "by-hand", "--role", "viewer", "--days", "1", "--json")
    key = json.loads(made.stdout)
    assert made.returncode == 0 and key["key"]["expire_time"], made.stderr
    assert reelmill("jobs", token=key["token"]).returncode == 0
    listed = reelmill("keys", "list", "--json")
    assert reelmill("keys", "list").stdout.startswith("ID ")
    assert key["key"]["id"] in listed.stdout and key["token"] not in listed.stdout
    assert reelmill("keys", "revoke", key["key"]["id"]).returncode == 0
    lacking = reelmill("jobs", token="")
    assert lacking.returncode == 1 and "a key is needed" in lacking.stderr and "REELMILL_TOKEN" in lacking.stderr
    denied = reelmill("keys", "list", token=world.token("viewer"))
    assert denied.returncode == 1 and "a key of role viewer may not call ListKeys" in denied.stderr


def test_an_address_that_fails_too_often_is_refused_unread_and_known_keys_go_on(world: World) -> None:
    """Last, for our address is blocked from then on."""
    path, request = "/reelmill.v1.JobService/ListJobs", jobs_pb2.ListJobsRequest()
    codes = [world.ask(path, request, new_token().text)[0] for _ in range(MOST_FAILURES + 2)]
    assert codes[0] in ("UNAUTHENTICATED", "RESOURCE_EXHAUSTED") and codes[-1] == "RESOURCE_EXHAUSTED", codes
    assert world.ask(path, request, world.token("viewer"))[0] == "OK"
    with world.client("viewer", "theirs") as client:
        assert client.wait(world.job.id, 20).id == world.job.id
