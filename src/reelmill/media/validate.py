"""What a job's outputs must be beyond the rules in the protos, and the defaults that they take. Pure."""

import difflib

from reelmill.jobs.errors import Violation
from reelmill.media import contracts
from reelmill.media.operations import OPERATIONS
from reelmill.media.presets import PRESETS
from reelmill.v1.jobs_pb2 import Job, Output

MAX_HINTS = 10
"""Mistyped names that are compared with the right ones: that costs more than all else."""
_LONGEST_NAME = 64


def job_violations(job: Job, path: str, *, hints: int = MAX_HINTS) -> list[Violation]:
    """Names that lead nowhere and options that contradict each other, with their fields' paths.

    The operations keep the rules of their fields; the rest of the job need not.
    """
    names = [item.name for item in job.inputs]
    found = [
        Violation(f"{path}.inputs[{i}].name", "is required where there are several inputs")
        for i, name in enumerate(names)
        if not name and len(names) > 1
    ]
    for i, output in enumerate(job.outputs):
        found += _output_violations(output, names, f"{path}.outputs[{i}]", hint=len(found) < hints)
    return found


def _output_violations(output: Output, inputs: list[str], path: str, *, hint: bool) -> list[Violation]:
    found = []
    if output.input and output.input not in inputs:
        found.append(Violation(f"{path}.input", _unknown(output.input, inputs, "input of this job", hint)))
    operation = output.WhichOneof("operation")
    if operation == "preset":
        if output.preset not in PRESETS:
            found.append(Violation(f"{path}.preset", _unknown(output.preset, list(PRESETS), "preset", hint)))
    elif operation:
        made = OPERATIONS[operation]
        spec, at = getattr(output, operation), f"{path}.{operation}"
        found += made.violations(spec, at)
        unknown = [name for name in made.inputs(spec) if name not in inputs]
        found += [Violation(at, _unknown(name, inputs, "input of this job", hint)) for name in unknown[:1]]
    if output.HasField("contract"):
        found += contracts.violations(_meant(output), path)
    return found


def _meant(output: Output) -> Output:
    """An output whose preset is replaced by what it says."""
    if output.preset not in PRESETS:
        return output
    made = Output()
    made.CopyFrom(output)
    preset = PRESETS[output.preset]
    name = preset.WhichOneof("operation")
    assert name
    getattr(made, name).CopyFrom(getattr(preset, name))
    return made


def with_defaults(job: Job) -> Job:
    """A copy in which presets are replaced by what they say, and operations have their defaults."""
    made = Job()
    made.CopyFrom(job)
    for output in made.outputs:
        if output.WhichOneof("operation") == "preset":
            preset = PRESETS[output.preset]
            name = preset.WhichOneof("operation")
            assert name
            getattr(output, name).CopyFrom(getattr(preset, name))
        name = output.WhichOneof("operation")
        assert name
        getattr(output, name).CopyFrom(OPERATIONS[name].with_defaults(getattr(output, name)))
    return made


def _unknown(name: str, known: list[str], what: str, hint: bool) -> str:
    near = difflib.get_close_matches(name, known, n=1) if hint and len(name) <= _LONGEST_NAME else []
    words = f"did you mean {near[0][:_LONGEST_NAME]!r}?" if near else f"there are {', '.join(known)}"
    return f"{name[:_LONGEST_NAME]!r} is no {what}; {words}"
