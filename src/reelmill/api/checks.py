"""The one check of a request: rules of its fields, operations, names and URIs, all that is wrong at once."""

import math
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from google.protobuf.message import Message

from reelmill.api.presets import known
from reelmill.api.validation import violations
from reelmill.jobs import secrets
from reelmill.jobs.errors import MAX_VIOLATIONS, Violation
from reelmill.jobs.rules import of_field
from reelmill.media.validate import MAX_HINTS, job_violations, preset_violations
from reelmill.storage import headers
from reelmill.storage.storage import Storage
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest, CreateJobRequest, EstimateJobRequest, Job, ValidateJobRequest
from reelmill.v1.media_pb2 import SavePresetRequest

_MAX_URI = 4096  # characters, as the rules have it: what is longer is refused for that alone
_MAX_HINTED = 10  # items of a batch whose mistyped names are compared with the right ones
_MAX_TOLD_OF_BATCH = 2000  # violations of a batch, after which an item tells a few of its own only
_FEW = 3
_LISTS = tuple((name, of_field(Job.DESCRIPTOR.fields_by_name[name]).max_items) for name in ("inputs", "outputs"))
_MAX_SEGMENTS = 128  # of a path: each is looked up on the disk


class Checks:
    """Checks what clients send. Looks up links on the disk, and does nothing else but compute."""

    def __init__(self, storage: Storage, *, seals: bool = True) -> None:
        """`seals`: whether there are keys that seal secrets."""
        self._storage = storage
        self._seals = seals

    def of(self, tenant_id: UUID) -> "Checks":
        """The checks of what a tenant sends; these are the default tenant's."""
        return Checks(self._storage.of(tenant_id), seals=self._seals)

    def request(self, request: Message) -> list[Violation]:
        """What is wrong with a request; of a batch, but for its items."""
        if isinstance(request, BatchCreateJobsRequest):
            return violations(request, deep=False)
        found = violations(request)
        if isinstance(request, CreateJobRequest | ValidateJobRequest | EstimateJobRequest) and request.HasField("job"):
            found += self.job(request.job, "job", sound=not found)
        if isinstance(request, SavePresetRequest) and not found:
            found = preset_violations(request.preset, "preset")
        return _told(found)

    def items(self, requests: Sequence[CreateJobRequest]) -> Iterator[list[Violation]]:
        """What is wrong with each item of a batch."""
        told = 0
        for i, request in enumerate(requests):
            found = violations(request, f"requests[{i}]")
            if request.HasField("job"):
                hints = MAX_HINTS if i < _MAX_HINTED else 0
                found += self.job(request.job, f"requests[{i}].job", sound=not found, hints=hints)
            found = _told(found)[: MAX_VIOLATIONS if told < _MAX_TOLD_OF_BATCH else _FEW]
            told += len(found)
            yield found

    def everything(self, request: Message) -> list[Violation]:
        """What is wrong with a request, and with each item of a batch."""
        found = self.request(request)
        if isinstance(request, BatchCreateJobsRequest) and not found:
            for more in self.items(request.requests):
                found += more
                if len(found) >= MAX_VIOLATIONS:
                    break
        return found[:MAX_VIOLATIONS]

    def job(self, job: Job, path: str, *, sound: bool = True, hints: int = MAX_HINTS) -> list[Violation]:
        """What is wrong with a job beyond the rules of its fields; `sound` says that it keeps those."""
        if any(len(getattr(job, name)) > most for name, most in _LISTS):
            return []
        presets, names = known().by_reference, known().names
        found = job_violations(job if sound else _sound(job), path, hints=hints, presets=presets, names=names)
        for i, item in enumerate(job.inputs):
            if item.uri and (problem := self.uri(item.uri)):
                found.append(Violation(f"{path}.inputs[{i}].uri", problem))
            if wrong := headers.problem(item.uri, item.headers):
                name, why = wrong
                found.append(Violation(f"{path}.inputs[{i}].headers" + (f"[{name[:40]!r}]" if name else ""), why))
        found += self._key_servers(job, path)
        found += self._secrets(job, path)
        if job.destination and (problem := self._uri_problem(job.destination, writing=True)):
            found.append(Violation(f"{path}.destination", problem))
        if job.HasField("webhook") and (problem := self._callback_problem(job.webhook.url)):
            found.append(Violation(f"{path}.webhook.url", problem))
        if job.HasField("deadline") and job.deadline.seconds <= time.time():
            found.append(Violation(f"{path}.deadline", "lies in the past"))
        return found

    def _key_servers(self, job: Job, path: str) -> Iterator[Violation]:
        """Who tells keys, by the same rules as inputs."""
        for i, output in enumerate(job.outputs):
            server, at = output.package.encryption.key_server, f"{path}.outputs[{i}].package.encryption.key_server"
            if not server.url:
                continue
            if not server.url.lower().startswith(("http://", "https://")):
                yield Violation(f"{at}.url", "must begin with http:// or https://")
            elif problem := self.uri(server.url):
                yield Violation(f"{at}.url", problem)
            if wrong := headers.problem(server.url, server.headers):
                name, why = wrong
                yield Violation(f"{at}.headers" + (f"[{name[:40]!r}]" if name else ""), why)

    def _secrets(self, job: Job, path: str) -> list[Violation]:
        if not secrets.are_in(job):
            return []
        if not self._seals:
            return [Violation(path, "has secrets, and REELMILL_SECRETS_KEY, which seals them, is missing here")]
        if secrets.shown(job):
            return [Violation(path, f"has {secrets.REDACTED!r}, which is shown in a secret's place: give the secret")]
        return []

    def uri(self, uri: str) -> str | None:
        """Why a URI can't be read; None where it may be."""
        return self._uri_problem(uri, writing=False)

    def _callback_problem(self, url: str) -> str | None:
        if not url:
            return None  # the rules say so
        if not self._seals:
            return "is told nothing: the setting REELMILL_SECRETS_KEY, which seals webhooks' secrets, is missing"
        return self._storage.callback_violation(url)

    def _uri_problem(self, uri: str, *, writing: bool) -> str | None:
        if len(uri) > _MAX_URI or "\0" in uri:
            return None  # the rules say so
        if uri.count("/") + uri.upper().count("%2F") > _MAX_SEGMENTS:
            return f"has more than {_MAX_SEGMENTS} segments"
        try:
            return self._storage.destination_violation(uri) if writing else self._storage.input_violation(uri)
        except ValueError as error:  # of a form that nobody thought of
            return f"can't be read: {error}"


def _told(found: list[Violation]) -> list[Violation]:
    """One violation for each field, in their order: the rules' own go first."""
    by_field: dict[str, Violation] = {}
    for violation in found:
        by_field.setdefault(violation.field, violation)
    return list(by_field.values())[:MAX_VIOLATIONS]


def _sound(job: Job) -> Job:
    """A copy whose operations keep the rules of their fields, so that they can be asked what contradicts itself.

    Numbers become the nearest that is allowed: that something was given is a part of what is asked.
    """
    copy = Job()
    copy.CopyFrom(job)
    for output in copy.outputs:
        if (operation := output.WhichOneof("operation")) and operation != "preset":
            _mend(getattr(output, operation))
    return copy


def _mend(message: Message) -> None:
    wrong = {violation.field.partition("[")[0] for violation in violations(message, deep=False)}
    for field, value in message.ListFields():
        if field.name in wrong:
            rules, number = of_field(field), isinstance(value, int | float) and field.enum_type is None
            message.ClearField(field.name)
            if number and not math.isnan(value):
                setattr(message, field.name, type(value)(min(max(value, rules.min), rules.max)))
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else (value,):
                _mend(one)
