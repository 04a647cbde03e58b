"""The body of a message: the same bytes at each repetition. Pure."""

import json
from datetime import UTC
from typing import Any

from google.protobuf import json_format

from reelmill.jobs.times import without_broken
from reelmill.store.deliveries import DueDelivery
from reelmill.store.records import FILES
from reelmill.v1.jobs_pb2 import Job

BODY_MAX_BYTES = 2**20
"""Of a message: of a larger one the job's files, or all that its client gave, are left to be asked for."""


def body_of(delivery: DueDelivery) -> bytes:
    """JSON: type, timestamp, sequence, and data, which is the job as GET shows it."""
    if delivery.job is None:
        return _body(delivery, json.loads(delivery.data))
    body = _body(delivery, _shown(delivery.job))
    if len(body) <= BODY_MAX_BYTES:
        return body
    smaller = Job()
    smaller.CopyFrom(delivery.job)
    for output in smaller.outputs:
        output.ClearField("files")
    smaller.omitted.append(FILES)
    body = _body(delivery, _shown(smaller))
    if len(body) <= BODY_MAX_BYTES:
        return body
    for name in ("inputs", "outputs", "labels"):
        smaller.ClearField(name)
        smaller.omitted.append(name)
    return _body(delivery, _shown(smaller))


def _body(delivery: DueDelivery, data: Any) -> bytes:
    time = delivery.create_time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    message: dict[str, Any] = {"type": delivery.type, "timestamp": time}
    if delivery.sequence:
        message["sequence"] = delivery.sequence
    return json.dumps(message | {"data": data}, ensure_ascii=False, separators=(",", ":")).encode()


def _shown(job: Job) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(job, preserving_proto_field_name=True)
    except (ValueError, OverflowError, json_format.SerializeToJsonError):  # as the gateway does it
        copy = Job()
        copy.CopyFrom(job)
        without_broken(copy)
        return json_format.MessageToDict(copy, preserving_proto_field_name=True)
