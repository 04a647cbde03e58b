"""What is wrong with a system, as far as its api and this process tell, each with its remedy. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reelmill.console.views import length, size
from reelmill.v1 import workers_pb2 as pb


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was looked at; `remedy` is empty where all is well."""

    name: str
    detail: str
    remedy: str = ""


def of(
    workers: Sequence[pb.Worker], *, api: str, version: str, measured: Mapping[str, float], now: float
) -> list[Finding]:
    """All of them. `api`: why it does not serve, empty where it does."""
    return [
        Finding(name="api", detail=api or "serves", remedy="look into its log; `reelmill doctor` there" if api else ""),
        _workers(workers),
        _versions(workers, version),
        _slots(workers, measured),
        *_measured(measured),
    ]


def _workers(workers: Sequence[pb.Worker]) -> Finding:
    silent = [worker for worker in workers if worker.silent]
    if not workers:
        return Finding(name="workers", detail="none lives: jobs wait", remedy="start one: `reelmill worker`")
    if silent:
        told = ", ".join(f"{one.name} for {length(one.silence)}" for one in silent[:5])
        remedy = "its tasks go to others; look whether its machine was killed or is out of memory"
        return Finding(name="workers", detail=f"{len(silent)} silent: {told}", remedy=remedy)
    return Finding(name="workers", detail=f"{len(workers)} live" if len(workers) > 1 else "one lives")


def _versions(workers: Sequence[pb.Worker], version: str) -> Finding:
    found = sorted({version, *(worker.version for worker in workers if worker.version)})
    if len(found) == 1:
        return Finding(name="versions", detail=version)
    remedy = "as it should be during an upgrade; after one, restart what is older"
    return Finding(name="versions", detail=", ".join(found), remedy=remedy)


def _slots(workers: Sequence[pb.Worker], measured: Mapping[str, float]) -> Finding:
    live = [worker for worker in workers if not worker.silent]
    slots, running = sum(worker.slots for worker in live), sum(worker.running for worker in live)
    detail = f"{running} of {slots} have a task"
    if measured.get("waiting", 0) > 10 * max(slots, 1):
        return Finding(name="slots", detail=f"{detail}, {measured['waiting']:.0f} wait", remedy="add workers")
    return Finding(name="slots", detail=detail)


def _measured(measured: Mapping[str, float]) -> list[Finding]:
    found = []
    if measured.get("unserved"):
        remedy = "start a worker of their pool with their labels, or change the jobs"
        found.append(
            Finding(name="pools", detail=f"{measured['unserved']:.0f} tasks no worker can take", remedy=remedy)
        )
    if measured.get("disk_free"):
        low = measured["disk_free"] < 2 * measured.get("disk_reserve", 0.0)
        remedy = "free some space where workers work" if low else ""
        found.append(Finding(name="disk", detail=f"{size(measured['disk_free'])} free", remedy=remedy))
    return found
