"""What an attempt that failed tells besides: what is wrong with its input, which line told it, how to see it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.failures import diagnosis_of, first_damage
from reelmill.media.probe import TenantProber
from reelmill.media.programs import shown
from reelmill.media.reproduction import of_commands, of_job
from reelmill.media.steps import Step
from reelmill.storage.fetch import Fetched
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.runs import Run

# What a run alone says of its input no more exactly than that it is damaged: the input's own parts may tell why.
_VAGUE = frozenset(
    ("", "unknown", "unreadable", "nothing_decoded", "data_damaged", "too_many_errors", "stream_missing", "cut_off",
     "header_damaged", "decoder_refused", "no_index", "parameters_missing")
)  # fmt: skip
_OF_INPUT = frozenset({"INPUT_CORRUPT", "FFMPEG_FAILED", "OUTPUT_INVALID"})
_NOTHING_TOLD = frozenset(("", "unknown", "unreadable"))
_LACKS = "INPUT_NO_"  # a stream that is asked for, which may never have come
_UNDECODABLE = "codec_unsupported"  # which is also what protection makes of a codec
_NOTHING_CAME = "nothing_decoded"
_NEVER_CAME = frozenset({"no_data", "no_streams", "cut_off"})


@dataclass(slots=True)
class Explaining:
    """What was run in an attempt's stage, and what was said meanwhile."""

    ffmpeg: Path
    begun: list[Run] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    """By the names of outputs."""

    def begin(self, run: Run) -> None:
        """It is run now."""
        self.begun.append(run)

    def note(self, run: Run, warnings: tuple[str, ...]) -> None:
        """It ended well, and said this."""
        for name in run.command.outputs:
            self.warnings.setdefault(name, []).extend(warnings)

    async def of(
        self, error: AttemptFailed, job: Job, fetched: Mapping[str, Fetched], prober: TenantProber
    ) -> AttemptFailed:
        """The error with all that is known of it. `job`: as far as this attempt makes it; `fetched`: what is here."""
        failure = error.failure
        run = self._failed(failure)
        ran = run if failure.command else None
        told_of = (failure.code in _OF_INPUT or failure.code.startswith(_LACKS)) and failure.kind in _VAGUE
        if (told_of or failure.kind == _UNDECODABLE) and (failure.command or failure.output):
            found = await self._diagnosis(failure, fetched, prober)
            failure = _with(failure, found) if found is None or _says_more(failure, found) else failure
        if run is not None and not failure.command:
            failure = replace(failure, command=shown(run.command, self.ffmpeg))
        # What ffmpeg made and did not pass its check it would make again, and end well.
        return AttemptFailed.of(replace(failure, reproduction=self._reproduction(failure, ran, job, fetched)))

    async def _diagnosis(
        self, failure: Failure, fetched: Mapping[str, Fetched], prober: TenantProber
    ) -> Diagnosis | None:
        said = self.warnings.get(failure.output, [])
        of_run = diagnosis_of([line for line in said if first_damage([line])])
        for one in fetched.values():
            found = None if one.lacking_bytes else await prober.why(one.path)
            if found is not None:
                line = failure.deciding_line or (of_run.line if of_run else "") or found.line
                return replace(found, line=line)
        return of_run

    def _failed(self, failure: Failure) -> Run | None:
        """Whose command failed, or made what is not as promised."""
        by_command = [run for run in self.begun if failure.command == shown(run.command, self.ffmpeg)]
        by_output = [run for run in self.begun if failure.output and failure.output in run.command.outputs]
        return next(reversed(by_command or by_output), None)

    def _reproduction(self, failure: Failure, run: Run | None, job: Job, fetched: Mapping[str, Fetched]) -> str:
        if run is None:
            return of_job(job, failure.output)
        remote = {}
        for item in job.inputs:
            one = fetched.get(item.name)
            if one is not None and item.uri and not item.uri.startswith("file:"):
                remote[str(one.path)] = item.uri
        chain = [(one.command, [w.path for w in one.step.writes]) for one in self._before(run)]
        return of_commands(chain, self.ffmpeg, remote)

    def _before(self, run: Run) -> list[Run]:
        """A run behind those that made what it reads."""
        needed, chain = _read(run.step), [run]
        for one in reversed(self.begun[: self.begun.index(run)]):
            if needed & {str(writing.path) for writing in one.step.writes}:
                chain.insert(0, one)
                needed |= _read(one.step)
        return chain


def _says_more(failure: Failure, found: Diagnosis) -> bool:
    """Whether what is found in an input is a better reason than what a run told."""
    if failure.kind == _UNDECODABLE:
        return found.kind in ("encrypted", _UNDECODABLE)  # which names it
    if failure.code.startswith(_LACKS):
        return found.kind in _NEVER_CAME
    if failure.code == "OUTPUT_INVALID" and failure.kind != _NOTHING_CAME:
        return found.kind not in _VAGUE
    return found.kind not in _NOTHING_TOLD or failure.kind in _NOTHING_TOLD


def _read(step: Step) -> set[str]:
    return {str(getattr(reading.of, "path", reading.of)) for reading in step.reads}


def _with(failure: Failure, found: Diagnosis | None) -> Failure:
    if found is None:
        return failure
    line = failure.deciding_line or found.line
    return replace(
        failure, code=found.code, kind=found.kind, cause=found.cause, remedy=found.remedy, deciding_line=line
    )
