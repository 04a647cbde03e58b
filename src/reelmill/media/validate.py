"""What a job's outputs must be beyond the rules in the protos, and the defaults that they take. Pure."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from reelmill.jobs import secrets
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
MOST_PRESET_BYTES = 16 * 2**10
"""Of a preset of one's own."""


Presets = Mapping[str, Preset]
"""By what an output may ask for."""


def job_violations(
    job: Job, path: str, *, hints: int = MAX_HINTS, presets: Presets = PRESETS, names: Sequence[str] = tuple(PRESETS)
) -> list[Violation]:
    """Names that lead nowhere and options that contradict each other, with their fields' paths.

    The operations keep the rules of their fields; the rest of the job need not. `names`: of presets that may be meant.
    """
    found = [
        Violation(f"{path}.inputs[{i}].name", "is required where there are several inputs")
        for i, item in enumerate(job.inputs)
        if not item.name and len(job.inputs) > 1
    ]
    reads = {output.name: frozenset(map(output_read, _named(output))) for output in job.outputs}
    for i, output in enumerate(job.outputs):
        hint, at = len(found) < hints, f"{path}.outputs[{i}]"
        if output.WhichOneof("operation") == "preset" and output.preset not in presets:
            found.append(Violation(f"{at}.preset", _unknown(output.preset, names, "preset", hint)))
        found += _output_violations(output, job, reads, at, presets, hint=hint)
    return [*found, *_name_violations(job, f"{path}.outputs", presets)]


def preset_violations(preset: Preset, path: str) -> list[Violation]:
    """Why a preset can't be saved: its name, or what it says. It keeps the rules of its fields."""
    if preset.name in PRESETS:
        return [Violation(f"{path}.name", f"{preset.name!r} comes with Reelmill: choose another name")]
    if bool(preset.outputs) == bool(preset.WhichOneof("operation")):
        return [Violation(path, f"set either outputs, or one of {', '.join(OPERATIONS)}")]
    if preset.outputs and preset.HasField("contract"):
        return [Violation(f"{path}.contract", "is for one output: give each of the outputs its own")]
    if (size := preset.ByteSize()) > MOST_PRESET_BYTES:
        return [Violation(path, f"has {size} bytes; at most {MOST_PRESET_BYTES} are allowed")]
    if secrets.are_in(preset):
        return [Violation(path, "has secrets, such as keys, which no preset keeps: give them with the job")]
    found = []
    parts: Sequence[Preset | Preset.Part] = preset.outputs or (preset,)
    for i, part in enumerate(parts):
        at = f"{path}.outputs[{i}]" if preset.outputs else path
        operation = part.WhichOneof("operation") or ""
        found += OPERATIONS[operation].violations(getattr(part, operation), f"{at}.{operation}")
        if part.HasField("contract"):
            found += contracts.violations(_made(Output(), part), at)
    return found


def _name_violations(job: Job, path: str, presets: Presets) -> list[Violation]:
    """What a preset's parts would be called twice, too long, or too many to be."""
    found, taken = list[Violation](), Counter(o.name for o in job.outputs if not _parts(o, presets))
    count = 0
    for i, output in enumerate(job.outputs):
        parts = [f"{output.name}-{part.part}" for part in _parts(output, presets)]
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


def _parts(output: Output, presets: Presets) -> Sequence[Preset.Part]:
    """The outputs that one becomes by its preset; none where it stays one."""
    preset = presets.get(output.preset) if output.WhichOneof("operation") == "preset" else None
    return preset.outputs if preset else ()


def _output_violations(
    output: Output, job: Job, reads: Mapping[str, frozenset[str]], path: str, presets: Presets, *, hint: bool
) -> list[Violation]:
    found = []
    if output.input and (problem := _name_problem(output.input, output, job, reads, presets, hint)):
        found.append(Violation(f"{path}.input", problem))
    operation = output.WhichOneof("operation")
    if operation == "preset":
        found += _preset_inputs(output, job, reads, f"{path}.preset", presets, hint=hint)
    elif operation:
        made = OPERATIONS[operation]
        spec, at = getattr(output, operation), f"{path}.{operation}"
        found += made.violations(spec, at)
        problems = (_name_problem(name, output, job, reads, presets, hint) for name in made.inputs(spec))
        found += [Violation(at, problem) for problem in problems if problem][:1]
    if output.HasField("contract"):
        found += dict.fromkeys(one for whole in _expanded(output, presets) for one in contracts.violations(whole, path))
    return found


def _preset_inputs(
    output: Output, job: Job, reads: Mapping[str, frozenset[str]], path: str, presets: Presets, *, hint: bool
) -> list[Violation]:
    """Inputs that a preset reads by their names, and this job does not have."""
    for whole in _expanded(output, presets):
        operation = whole.WhichOneof("operation") or ""
        names = OPERATIONS[operation].inputs(getattr(whole, operation)) if operation in OPERATIONS else ()
        for name in names:
            if problem := _name_problem(name, output, job, reads, presets, hint):
                return [Violation(path, problem)]
    return []


def _name_problem(
    name: str, output: Output, job: Job, reads: Mapping[str, frozenset[str]], presets: Presets, hint: bool
) -> str | None:
    """Why an output can't read what it names; None where it may. `reads`: which outputs each of them names."""
    if not (other := output_read(name)):
        inputs = [item.name for item in job.inputs]
        return None if name in inputs else _unknown(name, inputs, "input of this job", hint)
    if other not in reads:
        return _unknown(other, list(reads), "output of this job", hint)
    if output.name in _reached(other, reads):
        return f"output {other!r} reads this one, by itself or through others: outputs can't read each other"
    [read] = [one for one in job.outputs if one.name == other][:1]
    if _operation_of(read, presets) not in READABLE:
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


def _operation_of(output: Output, presets: Presets) -> str:
    operation = output.WhichOneof("operation")
    if operation == "preset" and output.preset in presets:
        operation = presets[output.preset].WhichOneof("operation")
    return operation or ""


def with_defaults(job: Job, presets: Presets = PRESETS) -> Job:
    """A copy in which presets are replaced by what they say, and operations have their defaults."""
    made = Job()
    made.CopyFrom(job)
    del made.outputs[:]
    made.outputs.extend(whole for output in job.outputs for whole in _expanded(output, presets))
    for output in made.outputs:
        name = output.WhichOneof("operation")
        assert name
        getattr(output, name).CopyFrom(OPERATIONS[name].with_defaults(getattr(output, name)))
        contracts.filled(output)
    return made


def _expanded(output: Output, presets: Presets) -> list[Output]:
    """An output without its preset: what that says, or one for each of its parts; as it is where there is none."""
    if output.WhichOneof("operation") != "preset" or not (preset := presets.get(output.preset)):
        return [output]
    found = []
    for part in preset.outputs or (preset,):
        made = _made(output, part)
        made.from_preset = f"{preset.name}@{preset.version}" if preset.version else preset.name
        found.append(made)
    return found


def _made(output: Output, part: Preset | Preset.Part) -> Output:
    """A copy of an output that says what a preset, or one of its parts, does."""
    made = Output()
    made.CopyFrom(output)
    name = part.WhichOneof("operation")
    assert name
    getattr(made, name).CopyFrom(getattr(part, name))
    if part.HasField("contract") and not output.HasField("contract"):
        made.contract.CopyFrom(part.contract)
    if isinstance(part, Preset.Part):
        made.name = f"{output.name}-{part.part}"
        made.optional = output.optional or part.optional
    return made


def _unknown(name: str, known: Sequence[str], what: str, hint: bool) -> str:
    near = difflib.get_close_matches(name, known, n=1) if hint and len(name) <= _LONGEST_NAME else []
    words = f"did you mean {near[0][:_LONGEST_NAME]!r}?" if near else f"there are {', '.join(known)}"
    return f"{name[:_LONGEST_NAME]!r} is no {what}; {words}"
