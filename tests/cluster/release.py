"""The chart, installed; and its users, over REST through the Service."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from jobs import STILL, body, encoding
from services.image import ROOT

from cluster.node import Node
from cluster.parts import run
from cluster.programs import program

NAMESPACE = "reelmill"
CHART = ROOT / "deploy/helm/reelmill"
VALUES = Path(__file__).with_name("values.yaml")
ENDS = ("COMPLETED", "FAILED", "CANCELLED")


class Release:
    """One installed chart."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.values: dict[str, str] = {}

    def upgrade(self, *, timeout: str = "10m", **values: str) -> float:
        """Install, or upgrade with values beside those of before (`__` is a dot); answers the seconds that it took.

        Raises subprocess.CalledProcessError where not all is ready in time.
        """
        self.values |= {name.replace("__", "."): value for name, value in values.items()}
        settings = [f"--set={name}={value}" for name, value in self.values.items()]
        began = time.monotonic()
        wait = ("--wait", f"--timeout={timeout}")
        self.helm("upgrade", "--install", "reelmill", str(CHART), f"--values={VALUES}", *settings, *wait)
        return time.monotonic() - began

    def helm(self, *arguments: str) -> str:
        """What helm printed. Raises subprocess.CalledProcessError."""
        return run(program("helm"), f"--kubeconfig={self.node.kubeconfig}", f"--namespace={NAMESPACE}", *arguments)

    def kubectl(self, *arguments: str) -> str:
        """What kubectl printed. Raises subprocess.CalledProcessError."""
        return self.node.kubectl(f"--namespace={NAMESPACE}", *arguments)

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        """Pods that are not ending, by name; of one component, or of all."""
        selector = (
            f"--selector=app.kubernetes.io/component={component}" if component else "--selector=app.kubernetes.io/name"
        )
        found = json.loads(self.kubectl("get", "pods", selector, "-o", "json"))["items"]
        living = [p for p in found if "deletionTimestamp" not in p["metadata"] and p["status"]["phase"] == "Running"]
        return sorted(living, key=lambda p: str(p["metadata"]["name"]))

    def replicas(self, component: str) -> int:
        """How many pods a Deployment wants."""
        return int(self.kubectl("get", "deployment", f"reelmill-{component}", "-o", "jsonpath={.spec.replicas}"))

    def address(self, service: str) -> str:
        """A Service's own address."""
        return self.kubectl("get", "service", f"reelmill-{service}", "-o", "jsonpath={.spec.clusterIP}")

    async def wait(self, holds: Callable[[], bool], *, timeout_seconds: float = 300) -> float:
        """Wait until something holds; answers the seconds that it took. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(timeout_seconds):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.5)  # between looks
        return time.monotonic() - began


class Users:
    """Clients of the gateway's Service that count their failed requests, and remember what was acknowledged."""

    def __init__(self, address: str, *, patient: bool = False) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://{address}", timeout=30)
        self._patient = patient
        self.acknowledged: set[str] = set()
        self.requests = 0
        self.failed: list[str] = []

    async def __aenter__(self) -> "Users":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def upload(self, file: Path) -> str:
        """Upload a file; answers its URI."""
        answer = await self._http.post("/v1/uploads", params={"name": file.name}, content=file.read_bytes())
        answer.raise_for_status()
        return str(answer.json()["uri"])

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """One request, counted; where we are patient it is repeated until it is answered well."""
        while True:
            self.requests += 1
            try:
                answer = await self._http.request(method, path, **arguments)
                answer.raise_for_status()
                return answer.json()
            except httpx.HTTPError as error:
                self.failed.append(f"{method} {path}: {error!r}")
                if not self._patient:
                    raise
                await asyncio.sleep(0.5)

    async def submit(self, job: dict[str, Any]) -> str:
        """Submit a job under a key of its own; answers its id."""
        created = await self.call("POST", "/v1/jobs", json=job, headers={"Idempotency-Key": str(uuid4())})
        self.acknowledged.add(created["id"])
        return str(created["id"])

    async def ended(self, job_id: str, *, timeout_seconds: float = 300) -> dict[str, Any]:
        """A job in full, once it has ended. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                found: dict[str, Any] = await self.call("GET", f"/v1/jobs/{job_id}", params={"view": "FULL"})
                if found["state"] in ENDS:
                    return found
                await asyncio.sleep(0.2)

    async def work(self, job: dict[str, Any], until: asyncio.Event) -> None:
        """Submit one job after the other and see each to its end."""
        while not until.is_set():
            await self.ended(await self.submit(job))


def still(uri: str) -> dict[str, Any]:
    """A job of a moment."""
    return body(uri, STILL)


def encode(uri: str, *, height: int = 720) -> dict[str, Any]:
    """A job of some seconds."""
    return body(uri, encoding(height=height, effort="SLOW"))


def wide(uri: str) -> dict[str, Any]:
    """A job whose three films are tasks of their own; what is small goes with one of them."""
    films = ({"name": f"nine{i}", "transcode": {"container": "WEBM", "video": {"height": 180}}} for i in range(2))
    return body(uri, encoding(), *films, STILL)
