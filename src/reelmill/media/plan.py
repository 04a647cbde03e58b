"""From a job and its probed inputs to commands. Pure."""

from collections.abc import Iterable

from reelmill.media.contract import Command, Plan, PlanContext, PlannedFile, Sources
from reelmill.media.operations import OPERATIONS
from reelmill.v1.jobs_pb2 import Job


def plan(job: Job, sources: Sources, context: PlanContext) -> Plan:
    """Commands and files of all outputs; outputs of one input share a process, so it is decoded once.

    `job` has its defaults filled in (media.validate.with_defaults). Raises AttemptFailed where an
    input does not allow an output.
    """
    commands: list[Command] = []
    files: list[PlannedFile] = []
    for output in job.outputs:
        name = output.WhichOneof("operation")
        assert name, "the api refuses outputs without an operation"
        source = sources[output.input or job.inputs[0].name]
        planned = OPERATIONS[name].plan(output.name, getattr(output, name), source, context)
        commands += planned.commands
        files += planned.files
    return Plan(commands=join(commands), files=tuple(files))


def join(commands: Iterable[Command]) -> tuple[Command, ...]:
    """Commands with equal inputs become one, in the order of the first of each."""
    by_inputs: dict[tuple[str, ...], Command] = {}
    for command in commands:
        known = by_inputs.get(command.inputs)
        by_inputs[command.inputs] = (
            Command(
                inputs=command.inputs,
                writes=known.writes + command.writes,
                outputs=known.outputs + command.outputs,
                duration_seconds=max(known.duration_seconds, command.duration_seconds),
            )
            if known
            else command
        )
    return tuple(by_inputs.values())
