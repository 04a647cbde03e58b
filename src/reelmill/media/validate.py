"""What a job's outputs must be beyond the rules in the protos, and the defaults that they take. Pure."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from reelmill.jobs.errors import Violation
from reelmill.media import contracts
from reelmill.media.inputs import output_read
from reelmill.media.operations import OPERATIONS
from reelmill.media.presets import PRESETS
from reelmill.media.stages import READABLE
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.media_pb2 import Preset

MAX_HINTS = 10
"""Mistyped names that are compared with the right ones: that costs more than all else."""
_LONGEST_NAME = 64
_MOST_OUTPUTS = 64


def job_violations(job: Job, path: str, *, hints: int = MAX_HINTS) -> list[Violation]:
    """Names that lead nowhere and options that contradict each other, with their fields' paths.

    The operations keep the rules of their fields; the rest of the job need not.
    """
    found = [
        Violation(f"{path}.inputs[{i}].name", "is required where there are several inputs")
        for i, item in enumerate(job.inputs)
        if not item.name and len(job.inputs) > 1
    ]
    reads = {output.name: frozenset(map(output_read, _named(output))) for output in job.outputs}
    for i, output in enumerate(job.outputs):
        found += _output_violations(output, job, reads, f"{path}.outputs[{i}]", hint=len(found) < hints)
    return [*found, *_name_violations(job, f"{path}.outputs")]


def _name_violations(job: Job, path: str) -> list[Violation]:
    """What a preset's parts would be called twice, too long, or too many to be."""
    found, taken = list[Violation](), Counter(output.name for output in job.outputs if not _parts(output))
    count = 0
    for i, output in enumerate(job.outputs):
        parts = [f"{output.name}-{part.part}" for part in _parts(output)]
        count += len(parts) or 1
        taken.update(parts)
        twice, long = [n for n in parts if taken[n] > 1], [n for n in parts if len(n) > _LONGEST_NAME]
        if twice:
            found.append(Violation(f"{path}[{i}].name", f"{twice[0]!r}, which this preset makes, is there already"))
        elif long:
            found.append(Violation(f"{path}[{i}].name", f"{long[0]!r}, which this preset makes, is too long"))
    if count > _MOST_OUTPUTS:
        found.append(Violation(path, f"become {count} with what presets make, and {_MOST_OUTPUTS} are the most"))
    return found


def _parts(output: Output) -> Sequence[Preset.Part]:
    """The outputs that one becomes by its preset; none where it stays one."""
    preset = PRESETS.get(output.preset) if output.WhichOneof("operation") == "preset" else None
    return preset.outputs if preset else ()


def _output_violations(
    output: Output, job: Job, reads: Mapping[str, frozenset[str]], path: str, *, hint: bool
) -> list[Violation]:
    found = []
    if output.input and (problem := _name_problem(output.input, output, job, reads, hint)):
        found.append(Violation(f"{path}.input", problem))
    operation = output.WhichOneof("operation")
    if operation == "preset":
        if output.preset not in PRESETS:
            found.append(Violation(f"{path}.preset", _unknown(output.preset, list(PRESETS), "preset", hint)))
    elif operation:
        made = OPERATIONS[operation]
        spec, at = getattr(output, operation), f"{path}.{operation}"
        found += made.violations(spec, at)
        problems = (_name_problem(name, output, job, reads, hint) for name in made.inputs(spec))
        found += [Violation(at, problem) for problem in problems if problem][:1]
    if output.HasField("contract"):
        meant = [output] if operation == "preset" and output.preset not in PRESETS else _expanded(output)
        found += dict.fromkeys(one for whole in meant for one in contracts.violations(whole, path))
    return found


def _name_problem(name: str, output: Output, job: Job, reads: Mapping[str, frozenset[str]], hint: bool) -> str | None:
    """Why an output can't read what it names; None where it may. `reads`: which outputs each of them names."""
    if not (other := output_read(name)):
        inputs = [item.name for item in job.inputs]
        return None if name in inputs else _unknown(name, inputs, "input of this job", hint)
    if other not in reads:
        return _unknown(other, list(reads), "output of this job", hint)
    if output.name in _reached(other, reads):
        return f"output {other!r} reads this one, by itself or through others: outputs can't read each other"
    [read] = [one for one in job.outputs if one.name == other][:1]
    if _operation_of(read) not in READABLE:
        return f"output {other!r} is not one film or sound, which alone can be read: {', '.join(sorted(READABLE))}"
    return None


def _reached(name: str, reads: Mapping[str, frozenset[str]]) -> set[str]:
    """An output, and all that it reads, by itself or through others."""
    found, waiting = set[str](), {name}
    while waiting:
        found |= waiting
        waiting = {other for one in waiting for other in reads.get(one, ())} - found
    return found


def _named(output: Output) -> tuple[str, ...]:
    """What an output says that it reads."""
    operation = output.WhichOneof("operation")
    further = OPERATIONS[operation].inputs(getattr(output, operation)) if operation in OPERATIONS else ()
    return (output.input, *further)


def _operation_of(output: Output) -> str:
    operation = output.WhichOneof("operation")
    if operation == "preset" and output.preset in PRESETS:
        operation = PRESETS[output.preset].WhichOneof("operation")
    return operation or ""


def with_defaults(job: Job) -> Job:
    """A copy in which presets are replaced by what they say, and operations have their defaults."""
    made = Job()
    made.CopyFrom(job)
    del made.outputs[:]
    made.outputs.extend(whole for output in job.outputs for whole in _expanded(output))
    for output in made.outputs:
        name = output.WhichOneof("operation")
        assert name
        getattr(output, name).CopyFrom(OPERATIONS[name].with_defaults(getattr(output, name)))
    return made


def _expanded(output: Output) -> list[Output]:
    """An output without its preset: what that says, or one for each of its parts."""
    if output.WhichOneof("operation") != "preset":
        return [output]
    preset, found = PRESETS[output.preset], list[Output]()
    for what in preset.outputs or (preset,):
        made = Output()
        made.CopyFrom(output)
        name = what.WhichOneof("operation")
        assert name
        getattr(made, name).CopyFrom(getattr(what, name))
        if isinstance(what, Preset.Part):
            made.name = f"{output.name}-{what.part}"
        found.append(made)
    return found


def _unknown(name: str, known: list[str], what: str, hint: bool) -> str:
    near = difflib.get_close_matches(name, known, n=1) if hint and len(name) <= _LONGEST_NAME else []
    words = f"did you mean {near[0][:_LONGEST_NAME]!r}?" if near else f"there are {', '.join(known)}"
    return f"{name[:_LONGEST_NAME]!r} is no {what}; {words}"
