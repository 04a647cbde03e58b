"""The chart on a real Kubernetes, from its installation to its last pod: run by `python -m cluster`, in this order."""

import asyncio
import json
import os
import random
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from effort import SEED
from services import charts

from cluster import autoscaling, keda
from cluster.node import Node
from cluster.release import CHART, NAMESPACE, Release, Users, encode, still, wide

pytestmark = pytest.mark.asyncio(loop_scope="module")
Recorder = Callable[[str, object], None]
COMPONENTS = ("api", "gateway", "worker", "scheduler")
SERVERS = ("postgresql", "kafka", "redis")
KILLING_SECONDS = 180.0
AT_ONCE = ("--grace-period=0", "--force", "--wait=false")
# A forced deletion does not wait for the old pod's end, and the next one of a StatefulSet would run beside it: two
# PostgreSQL on one folder.
SOON = ("--grace-period=1", "--wait=false")


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A cluster with a namespace that admits restricted pods alone, and volumes made by hand."""
    with Node([Path(path) for path in os.environ["REELMILL_TEST_IMAGES"].split(os.pathsep)]) as made:
        restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
        made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}})
        for name in ("storage", "data-reelmill-postgresql-0", "data-reelmill-kafka-0"):
            folder = made.folder / "volumes" / name
            folder.mkdir(parents=True)
            folder.chmod(0o777)
            claim = {"namespace": NAMESPACE, "name": "reelmill-storage" if name == "storage" else name}
            spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}
            spec |= {"hostPath": {"path": str(folder)}, "claimRef": claim}
            made.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
        yield made


@pytest.fixture(scope="module")
def release(node: Node) -> Release:
    """The chart, to be installed by the first test."""
    return Release(node)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uri(release: Release, clip: Path) -> str:
    """Where the clip is, once it was uploaded."""
    async with Users(release.address("gateway")) as users:
        return await users.upload(clip)


@pytest_asyncio.fixture(loop_scope="module")
async def users(release: Release) -> AsyncIterator[Users]:
    """Users who take no failed request."""
    async with Users(release.address("gateway")) as made:
        yield made


async def test_all_pods_are_ready_under_pod_security_restricted(release: Release, record_property: Recorder) -> None:
    seconds = await asyncio.to_thread(release.upgrade)
    ready = [p for p in release.pods() if all(c["ready"] for c in p["status"]["containerStatuses"])]
    record_property("figures", f"helm install --wait: {len(ready)} pods ready after {seconds:.0f} s")
    assert len(ready) == 2 * len(COMPONENTS) + len(SERVERS)
    restarts = sum(c["restartCount"] for p in ready for c in p["status"]["containerStatuses"])
    assert restarts == 0


async def test_every_object_that_the_chart_can_make_is_taken(node: Node, release: Release) -> None:
    for path in charts.crds():
        node.kubectl("apply", "--server-side", "-f", str(path))
    node.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        text = release.helm("template", "other", str(CHART), f"--values={values}")
        told = node.kubectl("apply", f"--namespace={NAMESPACE}", "--dry-run=server", "-f", "-", given=text).splitlines()
        assert len(told) == len(list(filter(None, yaml.safe_load_all(text))))
        assert all(line.endswith("created (server dry run)") for line in told)


async def test_jobs_over_rest_are_completed(
    release: Release, users: Users, uri: str, record_property: Recorder
) -> None:
    began = time.monotonic()
    jobs = [await users.submit(still(uri)) for _ in range(10)] + [await users.submit(encode(uri)) for _ in range(2)]
    done = [await users.ended(job_id) for job_id in jobs]
    assert [(job["state"], job["attempt"]) for job in done] == [("COMPLETED", 1)] * 12
    record_property("figures", f"12 jobs COMPLETED {time.monotonic() - began:.1f} s after the first was submitted")
    assert "Phase:          Succeeded" in await asyncio.to_thread(release.helm, "test", "reelmill")


async def test_after_the_roll_out_jobs_are_spread_over_the_workers(
    users: Users, uri: str, record_property: Recorder
) -> None:
    job_id = await users.submit(wide(uri))
    job = await users.ended(job_id)
    assert (job["state"], [len(output["files"]) for output in job["outputs"]]) == ("COMPLETED", [1, 1, 1, 1])
    tasks = (await users.call("GET", f"/v1/jobs/{job_id}/tasks"))["tasks"]
    assert [(task["kind"], task["state"]) for task in tasks] == [
        ("run_job", "COMPLETED"),
        *[("make_outputs", "COMPLETED")] * 3,
    ]
    workers = {task["worker"] for task in tasks}
    record_property("figures", f"a job of {len(tasks)} tasks: by {len(workers)} workers")


async def test_an_upgrade_under_load_fails_no_request_and_charges_no_attempt(
    release: Release, users: Users, uri: str, record_property: Recorder
) -> None:
    stop = asyncio.Event()
    working = [asyncio.create_task(users.work(still(uri), stop)) for _ in range(2)]
    working += [asyncio.create_task(users.work(job, stop)) for job in (encode(uri), wide(uri))]
    seconds = await asyncio.to_thread(release.upgrade, image__tag="new")
    await release.wait(lambda: len(release.pods("worker")) == 2)
    stop.set()
    await asyncio.gather(*working)
    done = [await users.ended(job_id) for job_id in users.acknowledged]
    record_property(
        "figures",
        f"upgrade in {seconds:.0f} s: {users.requests} requests, {len(users.failed)} failed; {_told(done)}",
    )
    assert users.failed == []
    assert {(job["state"], job["attempt"]) for job in done} == {("COMPLETED", 1)}
    assert {c["image"] for c in (p["spec"]["containers"][0] for p in release.pods("api"))} == {"localhost/reelmill:new"}


async def test_changes_of_configuration_and_secrets_roll_out(release: Release, record_property: Recorder) -> None:
    before = {p["metadata"]["name"] for component in COMPONENTS for p in release.pods(component)}
    seconds = await asyncio.to_thread(release.upgrade, settings__log_level="debug")
    between = {p["metadata"]["name"] for component in COMPONENTS for p in release.pods(component)}
    assert not before & between, "a changed setting starts all pods anew"
    assert (
        json.loads(release.kubectl("get", "configmap", "reelmill-settings", "-o", "json"))["data"]["REELMILL_LOG_LEVEL"]
        == "debug"
    )
    key = {"storage__s3__accessKeyId": "key", "storage__s3__secretAccessKey": "changed"}
    more = await asyncio.to_thread(lambda: release.upgrade(**key))
    after = {p["metadata"]["name"] for component in COMPONENTS for p in release.pods(component)}
    assert not between & {name for name in after if "gateway" in name or "worker" in name}
    worker = release.pods("worker")[0]["metadata"]["name"]
    assert release.kubectl("exec", worker, "--", "printenv", "AWS_SECRET_ACCESS_KEY").strip() == "changed"
    record_property("figures", f"rolled out: a setting in {seconds:.0f} s, a secret in {more:.0f} s")


async def test_a_rollback_is_not_refused_after_two_failed_upgrades(
    release: Release, users: Users, uri: str, record_property: Recorder
) -> None:
    [good] = json.loads(release.helm("history", "reelmill", "--max=1", "--output=json"))
    for tag in ("missing", "mistaken"):
        with pytest.raises(subprocess.CalledProcessError):
            await asyncio.to_thread(release.upgrade, timeout="15s", image__tag=tag)
    release.helm("rollback", "reelmill")  # to the first failed one, as one who doesn't look would
    began = time.monotonic()
    await asyncio.to_thread(release.helm, "rollback", "reelmill", str(good["revision"]), "--wait", "--timeout=2m")
    record_property("figures", f"helm rollback after two failed upgrades: {time.monotonic() - began:.0f} s")
    release.values["image.tag"] = "new"
    assert {c["image"] for p in release.pods("worker") for c in p["spec"]["containers"]} == {"localhost/reelmill:new"}
    assert (await users.ended(await users.submit(still(uri))))["state"] == "COMPLETED"
    assert users.failed == []


# Who may speak to whom, beside names: everything else is refused. (docs/operating.md draws it.)
DRAWN = {
    "gateway": {"api:9090"},
    "api": {"postgresql:5432", "kafka:9092", "redis:6379"},
    "worker": {"postgresql:5432", "kafka:9092", "redis:6379"},
    "scheduler": {"postgresql:5432", "kafka:9092", "redis:6379"},
}
TARGETS = (
    "gateway:8080",
    "api:9090",
    "api:8081",
    "worker:8081",
    "scheduler:8081",
    "postgresql:5432",
    "kafka:9092",
    "redis:6379",
)
IDLE = ("--command", "--", "sleep", "3600")
CONNECT = """
import socket, sys
for target in sys.argv[1:]:
    name, host, port = target.split("|")
    try:
        socket.create_connection((host, int(port)), 1).close()
        print(name)
    except OSError:
        pass
"""


@pytest.mark.parametrize("component", [*COMPONENTS, "stranger"])
async def test_the_network_lets_through_what_is_drawn_and_nothing_else(release: Release, component: str) -> None:
    targets = []
    for target in TARGETS:
        name, port = target.split(":")
        # A pod that is not the one that asks: one always reaches oneself.
        targets.append(f"{target}|{release.pods(name)[-1]['status']['podIP']}|{port}")
    if component == "stranger":
        pod, namespace = "stranger", "default"
        release.node.kubectl("run", pod, "--image=localhost/reelmill:new", "--image-pull-policy=Never", *IDLE)
        release.node.kubectl("wait", "--for=condition=Ready", f"pod/{pod}", "--timeout=60s")
    else:
        pod, namespace = release.pods(component)[0]["metadata"]["name"], NAMESPACE
    command = ("exec", f"--namespace={namespace}", pod, "--", "python3", "-c", CONNECT, *targets)
    expected = {"gateway:8080"} if component == "stranger" else DRAWN[component]

    def reached() -> set[str]:
        return set(release.node.kubectl(*command).split())

    # A policy takes a moment to hold for a new pod.
    await release.wait(lambda: reached() - {"gateway:8080"} == expected - {"gateway:8080"}, timeout_seconds=60)
    assert ("gateway:8080" in reached()) == (component == "stranger")


async def test_workers_scale_out_on_lag_and_back_in_without_interrupting_a_job(
    release: Release, users: Users, uri: str, record_property: Recorder
) -> None:
    scaling = {"mode": "hpa", "minReplicas": "1", "maxReplicas": "4", "scaleDownStabilizationSeconds": "5"}
    await asyncio.to_thread(lambda: release.upgrade(**{f"worker__autoscaling__{k}": v for k, v in scaling.items()}))
    autoscaling.start(release.node, NAMESPACE, [p["status"]["podIP"] for p in release.pods("scheduler")])
    await release.wait(lambda: release.replicas("worker") == 1)
    jobs = await asyncio.gather(*(users.submit(encode(uri)) for _ in range(60)))
    out = await release.wait(lambda: release.replicas("worker") >= 4)
    done = [await users.ended(job_id, timeout_seconds=900) for job_id in jobs]
    back = await release.wait(lambda: len(release.pods("worker")) == 1)
    record_property(
        "figures",
        f"1 to 4 workers {out:.0f} s after the last job was submitted, 1 again {back:.0f} s after the last ended; "
        f"{_told(done)}",
    )
    assert {(job["state"], job["attempt"]) for job in done} == {("COMPLETED", 1)}


@pytest.mark.skipif(not os.environ.get("REELMILL_TEST_KEDA"), reason="KEDA is built by make cluster-test KEDA=1")
async def test_keda_scales_workers_from_none_to_many_and_to_none(
    release: Release, users: Users, uri: str, record_property: Recorder
) -> None:
    await asyncio.to_thread(keda.start, release.node)
    scaling = {"mode": "keda", "minReplicas": "0", "maxReplicas": "4", "scaleDownStabilizationSeconds": "5"}
    scaling |= {"keda__pollingIntervalSeconds": "2", "keda__cooldownSeconds": "10"}
    await asyncio.to_thread(lambda: release.upgrade(**{f"worker__autoscaling__{k}": v for k, v in scaling.items()}))
    await release.wait(lambda: not release.pods("worker"))
    jobs = await asyncio.gather(*(users.submit(encode(uri)) for _ in range(24)))
    first = await release.wait(lambda: release.replicas("worker") >= 1)
    out = first + await release.wait(lambda: release.replicas("worker") >= 4)
    triggers = {m["external"]["metric"]["name"] for m in _keda_hpa(release)["spec"]["metrics"]}
    done = [await users.ended(job_id, timeout_seconds=900) for job_id in jobs]
    back = await release.wait(lambda: not release.pods("worker"))
    record_property(
        "figures",
        f"KEDA: from no worker to 1 after {first:.0f} s, to 4 after {out:.0f} s from the last job's submission, "
        f"none again {back:.0f} s after the last ended; {_told(done)}",
    )
    assert {(job["state"], job["attempt"]) for job in done} == {("COMPLETED", 1)}
    assert {name.partition("-")[2].split("-")[0] for name in triggers} == {"kafka", "postgresql"}
    assert (await users.ended(await users.submit(still(uri))))["state"] == "COMPLETED", "the first after none"
    await asyncio.to_thread(lambda: release.upgrade(worker__autoscaling__mode="none"))


def _keda_hpa(release: Release) -> dict[str, Any]:
    """What KEDA made of our ScaledObject."""
    found: dict[str, Any] = json.loads(release.kubectl("get", "hpa", "keda-hpa-reelmill-worker", "-o", "json"))
    return found


async def test_pods_killed_at_random_lose_no_job(release: Release, uri: str, record_property: Recorder) -> None:
    rng, stop = random.Random(SEED), asyncio.Event()
    async with Users(release.address("gateway"), patient=True) as users:
        working = [asyncio.create_task(users.work(still(uri), stop)) for _ in range(3)]
        working.append(asyncio.create_task(users.work(encode(uri, height=360), stop)))
        until, killed = time.monotonic() + KILLING_SECONDS, 0
        while time.monotonic() < until:
            if pods := release.pods():
                pod = rng.choice(pods)["metadata"]
                how = SOON if pod["labels"]["app.kubernetes.io/component"] in SERVERS else AT_ONCE
                await asyncio.to_thread(release.kubectl, "delete", "pod", pod["name"], *how)
                killed += 1
            await asyncio.sleep(5)  # between kills
        stop.set()
        await asyncio.gather(*working)
        done = [await users.ended(job_id) for job_id in users.acknowledged]
        listed = [job async for job in _all_jobs(users)]
    record_property(
        "figures",
        f"REELMILL_TEST_SEED={SEED}: {killed} pods killed in {KILLING_SECONDS:g} s; {_told(done)}; "
        f"{len(users.failed)} of {users.requests} requests failed and were repeated",
    )
    assert {job["state"] for job in done} == {"COMPLETED"}
    assert all(job["state"] == "COMPLETED" for job in listed)
    assert len({job["id"] for job in listed}) == len(listed) >= len(done)


def _told(jobs: list[dict[str, Any]]) -> str:
    completed = sum(job["state"] == "COMPLETED" for job in jobs)
    charged = sum(job["attempt"] > 1 for job in jobs)
    return f"{len(jobs)} jobs acknowledged, {completed} COMPLETED, {charged} by more than one attempt"


async def _all_jobs(users: Users) -> AsyncIterator[dict[str, str]]:
    token = ""
    while True:
        page = await users.call("GET", "/v1/jobs", params={"page_size": 500, "page_token": token})
        for job in page.get("jobs", ()):
            yield job
        if not (token := page.get("next_page_token", "")):
            return
