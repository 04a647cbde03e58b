"""Which inputs an output reads. Pure."""

from reelmill.media.operations import OPERATIONS
from reelmill.v1.jobs_pb2 import Job, Output


def inputs_of(output: Output, job: Job) -> tuple[str, ...]:
    """Names of the job's inputs that an output reads, its own first: who names none has the job's first."""
    name = output.WhichOneof("operation")
    further = OPERATIONS[name].inputs(getattr(output, name)) if name in OPERATIONS else ()
    return tuple(dict.fromkeys((output.input or job.inputs[0].name, *further)))
