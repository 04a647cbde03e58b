"""Which inputs an output reads, and which other outputs. Pure."""

from reelmill.media.operations import OPERATIONS
from reelmill.v1.jobs_pb2 import Job, Output

OF_OUTPUT = "output:"
"""What the name of an input begins with that is another output's file; no input of a client is called so."""


def output_read(name: str) -> str:
    """The output that the name of an input means; empty where it means an input of the job."""
    return name[len(OF_OUTPUT) :] if name.startswith(OF_OUTPUT) else ""


def outputs_read(output: Output, job: Job) -> frozenset[str]:
    """Names of the outputs whose files an output reads."""
    return frozenset(map(output_read, inputs_of(output, job))) - {""}


def inputs_of(output: Output, job: Job) -> tuple[str, ...]:
    """Names of the job's inputs that an output reads, its own first: who names none has the job's first."""
    name = output.WhichOneof("operation")
    further = OPERATIONS[name].inputs(getattr(output, name)) if name in OPERATIONS else ()
    return tuple(dict.fromkeys((output.input or job.inputs[0].name, *further)))
