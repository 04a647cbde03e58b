"""What a job's outputs must be beyond the rules in the protos, and the defaults that they take. Pure."""

import difflib
from collections import Counter
from collections.abc import Sequence

from reelmill.jobs.errors import Violation
from reelmill.media import contracts
from reelmill.media.operations import OPERATIONS
from reelmill.media.presets import PRESETS
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
    names = [item.name for item in job.inputs]
    found = [
        Violation(f"{path}.inputs[{i}].name", "is required where there are several inputs")
        for i, name in enumerate(names)
        if not name and len(names) > 1
    ]
    for i, output in enumerate(job.outputs):
        found += _output_violations(output, names, f"{path}.outputs[{i}]", hint=len(found) < hints)
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
        meant = [output] if operation == "preset" and output.preset not in PRESETS else _expanded(output)
        found += dict.fromkeys(one for whole in meant for one in contracts.violations(whole, path))
    return found


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
