"""A job as somebody would submit it once more, and in what ways that can be written. Pure."""

import json
import shlex
from functools import cache

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from reelmill.v1 import jobs_pb2 as pb

_PYTHON = """from google.protobuf.json_format import Parse

from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

with Client("localhost:9090") as client:  # the api; REELMILL_TOKEN is its key, where it asks for one
    job = client.create_job(Parse({document}, Job()))
    print(job.id)
"""


def again(job: pb.Job) -> pb.Job:
    """A copy without what the server said of it, and without a deadline, which would have passed."""
    copy = pb.Job()
    copy.CopyFrom(job)
    for message in (copy, *copy.outputs):
        for name in _output_only(message.DESCRIPTOR):
            message.ClearField(name)
    copy.ClearField("deadline")
    return copy


def document(job: pb.Job) -> str:
    """A job as JSON, for people."""
    told = json_format.MessageToDict(again(job), preserving_proto_field_name=True)
    return json.dumps(told, indent=2, ensure_ascii=False)


def curl(job: pb.Job, base: str, *, with_key: bool) -> str:
    """The request, for a shell; the key stays in a variable."""
    key = ' -H "Authorization: Bearer $REELMILL_TOKEN"' if with_key else ""
    return f"curl{key} --json {shlex.quote(document(job))} {shlex.quote(f'{base}/v1/jobs')}"


def python(job: pb.Job) -> str:
    """The request by the library."""
    return _PYTHON.format(document=repr(document(job)))


def command(job: pb.Job) -> str:
    """The request by the command line, for a shell."""
    return f"reelmill submit - <<'JOB'\n{document(job)}\nJOB"


@cache
def _output_only(descriptor: Descriptor) -> tuple[str, ...]:
    of, behavior = field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.field_behavior
    return tuple(f.name for f in descriptor.fields if of in f.GetOptions().Extensions[behavior])
