"""Inputs that are copied once for all tasks of a job: an address of the web may have expired when a task begins.

The task that plans copies them below its own prefix, where no output is ever called so, and each further task is told
in its spec where to read. Of a job that ends without a success they go with that prefix, as all that was made; of one
that is COMPLETED with its pieces: a trigger finds that its tasks were told of copies (0016_copies.sql).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reelmill.jobs.validators import Validator
from reelmill.storage.fetch import Fetched
from reelmill.storage.storage import Storage
from reelmill.storage.uris import scheme_of
from reelmill.store.leases import NewTask
from reelmill.v1.jobs_pb2 import Job

FOLDER = "_inputs/"
"""Below a prefix; no output has a name that begins so."""
_EXPIRING = ("http", "https")


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """Where an input lies for the job's tasks, and what it is there."""

    uri: str
    validator: Validator


def expiring(job: Job) -> tuple[str, ...]:
    """Names of the inputs that are copied where a job becomes several tasks."""
    return tuple(item.name for item in job.inputs if scheme_of(item.uri) in _EXPIRING)


async def copy_inputs(storage: Storage, job: Job, inputs: Mapping[str, Fetched], prefix: str) -> dict[str, Copy]:
    """Copy what was fetched of a job's inputs, as far as its addresses may expire. Raises AttemptFailed."""
    found = {}
    for i, name in enumerate(expiring(job)):
        if name in inputs:
            uri = f"{prefix}{FOLDER}{i}"
            await storage.put_file(inputs[name].path, uri, "application/octet-stream")
            found[name] = Copy(uri=uri, validator=await storage.look(uri, made=True))
    return found


def with_copies(tasks: Iterable[NewTask], copies: Mapping[str, Copy], prefix: str) -> tuple[NewTask, ...]:
    """Tasks that read copies in the place of their inputs."""

    def spec(told: bytes) -> bytes:
        fields = json.loads(told)
        inputs = fields.get("inputs", {})
        inputs |= {n: {**c.validator.fields, "uri": c.uri} for n, c in copies.items() if n in inputs}
        return json.dumps({**fields, "inputs": inputs, "copies": prefix + FOLDER}).encode()

    return tuple(replace(task, spec=spec(task.spec)) for task in tasks) if copies else tuple(tasks)


def copies_in(spec: bytes) -> dict[str, str]:
    """URIs of the copies that a task reads, by the name of the input; none of a task without a spec."""
    inputs = json.loads(spec).get("inputs", {}) if spec else {}
    return {name: fields["uri"] for name, fields in inputs.items() if "uri" in fields}
