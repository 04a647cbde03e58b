"""What a job is counted under: its operation. Pure."""

from reelmill.v1.jobs_pb2 import Job, Output

SEVERAL, OTHER = "several", "other"
_NAMED = frozenset(f.name for f in Output.DESCRIPTOR.oneofs_by_name["operation"].fields) - {"preset"}
OPERATIONS = (*sorted(_NAMED), SEVERAL, OTHER)
"""All answers of `operation_of`."""


_TELLING = frozenset({"analyze", "compare", "transcribe"})


def tells(output: Output) -> bool:
    """Whether more may be known of an output that was made than its files."""
    audio = output.audio
    heard = any(audio.HasField(name) for name in ("loudness_lufs", "true_peak_dbtp", "remove_silence"))
    asked = output.HasField("contract") or bool(output.package.target_vmaf)
    return output.WhichOneof("operation") in _TELLING or asked or heard


def operation_of(job: Job) -> str:
    """The operation of a job's outputs, which have their defaults; `several` where they differ."""
    names = {output.WhichOneof("operation") for output in job.outputs}
    if len(names) > 1:
        return SEVERAL
    name = next(iter(names), None)
    return name if name in _NAMED else OTHER
