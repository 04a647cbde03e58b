"""From a job and its probed inputs to commands. Pure."""

from collections.abc import Iterable

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.contract import Command, Plan, PlanContext, PlannedFile, Sources
from reelmill.media.operations import OPERATIONS
from reelmill.media.timeline import MOST_LOOKS
from reelmill.v1.jobs_pb2 import Job


def plan(job: Job, sources: Sources, context: PlanContext) -> Plan:
    """Commands and files of all outputs; outputs of one input share a process, so it is decoded once.

    `job` has its defaults filled in (media.validate.with_defaults). Raises AttemptFailed where an
    input does not allow an output, and OUT_OF_MEMORY where one command alone would take more than there is.
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
    for command in commands:
        _check_memory(command, context.memory_bytes)
    return Plan(commands=join(commands, memory_bytes=context.memory_bytes), files=tuple(files))


def looks(job: Job, name: str) -> tuple[float, ...]:
    """Times of an input that its outputs need to know frames of, as `measuring.sought` takes them."""
    found: list[float] = []
    for output in job.outputs:
        if (output.input or job.inputs[0].name) != name:
            continue
        for trim in (output.transcode.trim, output.audio.trim):
            found += [trim.start_seconds, trim.end_seconds] if trim.start_seconds or trim.end_seconds else []
        still = output.thumbnail
        found += still.times_seconds
        found += [-(i + 0.5) / still.count for i in range(min(still.count, MOST_LOOKS))]
    return tuple(found[:MOST_LOOKS])


def _check_memory(command: Command, most_bytes: int) -> None:
    if most_bytes and command.memory_bytes > most_bytes:
        raise AttemptFailed(
            "OUT_OF_MEMORY",
            f"this takes about {_mebibytes(command.memory_bytes)} MiB of memory, and a job has {_mebibytes(most_bytes)}"
            " here (settings worker_memory_bytes, worker_slots); ask for a smaller picture, or give workers more",
            output=", ".join(command.outputs),
        )


def _mebibytes(count: int) -> int:
    return -(-count // 2**20)


def join(commands: Iterable[Command], *, memory_bytes: int = 0) -> tuple[Command, ...]:
    """Commands with equal inputs become one, in the order of the first of each, as far as memory lasts (0: any)."""
    made: list[Command] = []
    newest: dict[tuple[str, ...], int] = {}
    for command in commands:
        if not command.joins:
            made.append(command)
            continue
        at = newest.get(command.inputs)
        joined = _joined(made[at], command) if at is not None else None
        if at is not None and joined and (not memory_bytes or joined.memory_bytes <= memory_bytes):
            made[at] = joined
        else:
            newest[command.inputs] = len(made)
            made.append(command)
    return tuple(made)


def _joined(first: Command, second: Command) -> Command:
    return Command(
        inputs=first.inputs,
        writes=first.writes + second.writes,
        outputs=first.outputs + second.outputs,
        duration_seconds=max(first.duration_seconds, second.duration_seconds),
        reading_bytes=max(first.reading_bytes, second.reading_bytes),
        writing_bytes=first.writing_bytes + second.writing_bytes,
    )
