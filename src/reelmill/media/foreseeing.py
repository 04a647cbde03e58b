"""Whether a file that is being written can still keep its contract. Pure.

Only what is certain counts, never a guess at what is still to come: a dark end may be next to nothing. A file never
shrinks, so one that is too large stays so. And what was written of the first t seconds lies in no more than t seconds
(rounded up): where it is more than so many may have together, one of them has too much, whichever it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.media.contract import Source
from reelmill.media.progress import RunProgress
from reelmill.media.promises import PlannedFile
from reelmill.media.steps import Program, Step
from reelmill.v1.analysis_pb2 import Contract
from reelmill.v1.jobs_pb2 import Job

# Of a file what may be no packet of its streams, at the most: of MPEG-TS headers and stuffing, of others indexes.
_OVERHEAD, _OVERHEADS, _OVERHEAD_BYTES = 0.1, {".ts": 0.5}, 2**17
_LATE_SECONDS = 2  # by which packets may lie behind the time that ffmpeg tells


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What a file may have at most, for its output would fail with more."""

    output: str
    path: PurePosixPath
    size_ratio: float = 0.0
    """Bytes for each of the input's; 0: any."""
    input_bytes: int = 0
    peak_bps: int = 0
    """Bits in any second; 0: any, or its size is not what ffmpeg tells."""

    @property
    def overhead(self) -> float:
        """See _OVERHEADS."""
        return _OVERHEADS.get(self.path.suffix, _OVERHEAD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Miss:
    """A file can't keep its contract any more."""

    output: str
    field: str
    """Of the contract."""
    words: str
    """For people."""


def limits(job: Job, step: Step, sources: Mapping[str, Source]) -> tuple[Limit, ...]:
    """Those of the files of a step by which it may be stopped.

    None where its end would cost more than it saves: outputs that are optional share it with others.
    """
    if step.program is not Program.FFMPEG:
        return ()
    asked = {output.name: output for output in job.outputs}
    mine = [asked[name] for name in step.outputs if name in asked]
    if len(mine) > 1 and any(output.optional for output in mine):
        return ()
    found = []
    for i, writing in enumerate(step.writes):
        for file in writing.promised:
            if not (isinstance(file, PlannedFile) and file.stored and file.output in asked):
                continue
            output = asked[file.output]
            source = sources.get(output.input or job.inputs[0].name)
            size = source.info.size_bytes if source is not None else 0
            contract = output.contract
            if contract.miss == Contract.WARN:
                continue
            limit = Limit(
                output=output.name,
                path=file.path,
                size_ratio=contract.max_size_ratio if size else 0.0,
                input_bytes=size,
                peak_bps=contract.max_peak_bitrate_bps if not i else 0,  # ffmpeg tells the size of the first file
            )
            if limit.size_ratio or limit.peak_bps:
                found.append(limit)
    return tuple(found)


def missed(found: Sequence[Limit], sizes: Mapping[PurePosixPath, int], progress: RunProgress | None) -> Miss | None:
    """The first limit that is broken for certain. `sizes`: bytes that lie on the disk; `progress`: what ffmpeg said."""
    for one in found:
        size = sizes.get(one.path, 0)
        if one.size_ratio and size / one.input_bytes > one.size_ratio:
            words = f"{size} bytes so far are {size / one.input_bytes:.6g} instead of at most {one.size_ratio:g}"
            return Miss(output=one.output, field="max_size_ratio", words=f"max_size_ratio: {words}")
        if one.peak_bps and progress is not None and (least := least_peak(one, progress)) > one.peak_bps:
            words = f"at least {least} bit/s so far instead of at most {one.peak_bps} bit/s"
            return Miss(output=one.output, field="max_peak_bitrate_bps", words=f"max_peak_bitrate_bps: {words}")
    return None


def least_peak(limit: Limit, progress: RunProgress) -> int:
    """Bits that some second of what was written has at least."""
    packets = progress.size_bytes * (1 - limit.overhead) - _OVERHEAD_BYTES
    return max(0, math.floor(packets * 8 / (math.ceil(progress.seconds) + _LATE_SECONDS)))


def spared(cpu_seconds: float, progress: RunProgress | None) -> float:
    """Core-seconds that the rest would have taken, if it took as much as what was done; 0 where that is not known."""
    if progress is None or not 0 < progress.percent < 100:
        return 0.0
    return cpu_seconds * (100 - progress.percent) / progress.percent
