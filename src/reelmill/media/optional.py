"""Optional outputs: what a job does without them once they have failed. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.graph import waits_for
from reelmill.media.inputs import inputs_of
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.steps import Step
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.messages_pb2 import TaskResult

Promised = PlannedFile | FileSet
# Of the whole job: its inputs are others, or its destination takes nothing.
_OF_THE_JOB = frozenset({"INPUT_CHANGED", "OUTPUT_NOT_WRITABLE", "OUTPUT_UNAVAILABLE"})
_MOST_TOLD = 2000
"""Characters of a command, and of a stderr's end, that a job tells of each output."""


class Tolerance:
    """What an attempt may go on without, and what has failed so far."""

    def __init__(self, job: Job, *, last: bool, strict: bool = False, lost: Iterable[Failure] = ()) -> None:
        """`last`: whether no other attempt follows, so that what another might mend is an output's end too.

        `strict`: whether no other output is optional here than those that are `lost` already, as others found.
        """
        self._outputs = tuple(output.name for output in job.outputs)
        self._optional = frozenset(output.name for output in job.outputs if output.optional and not strict)
        self._inputs = {output.name: inputs_of(output, job) for output in job.outputs}
        self._last = last
        self.failed = {failure.output: failure for failure in lost}
        """Why outputs are not made, by their names."""
        self._untold = list(self.failed.values())

    def bears(self, error: AttemptFailed, outputs: Iterable[str], *, final: bool = False) -> bool:
        """Whether an error that concerns these outputs alone leaves the others as they are.

        `final`: no other attempt would change that, whatever its code says.
        """
        names = frozenset(outputs)
        final = final or self._last or not error.failure.retryable
        return bool(names) and names <= self._optional and final and error.code not in _OF_THE_JOB

    def readers(self, name: str) -> tuple[str, ...]:
        """Outputs that read an input."""
        return tuple(output for output, read in self._inputs.items() if name in read)

    def note(self, error: AttemptFailed, outputs: Iterable[str], *, final: bool = False) -> None:
        """These outputs are not made. Raises the error where that can't be borne. `final`: see `bears`."""
        names = tuple(outputs)
        if not self.bears(error, names, final=final):
            raise error
        for name in names:
            if name not in self.failed:
                self.failed[name] = replace(error.failure, output=name)
                self._untold.append(self.failed[name])

    def news(self) -> list[Failure]:
        """What was noted since the last call."""
        told, self._untold = self._untold, []
        return told

    def instead(self, step: Step, error: AttemptFailed) -> tuple[Step, ...]:
        """What to run in the place of a step that failed; nothing where the outputs that it made are given up.

        ffmpeg does not always tell which of its files a failure was for: so the required ones are tried alone, and each
        optional one. Raises the error where that can't help.
        """
        names = _named(step)
        optional = names & self._optional
        if len(names) > 1 and optional and self.bears(error, optional):
            return apart(step, optional)
        self.note(error, names)
        return ()

    def separately(self, promised: Iterable[Promised]) -> list[list[Promised]]:
        """Files that are still wanted, in groups that are checked apart: of required outputs, of each optional one."""
        groups: dict[str, list[Promised]] = {}
        for thing in (thing for thing in promised if thing.output not in self.failed):
            groups.setdefault(thing.output if thing.output in self._optional else "", []).append(thing)
        return list(groups.values())

    def may_lack(self, step: Step) -> bool:
        """Whether some of what a step makes is optional."""
        return bool(_named(step) & self._optional)

    def left(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Those of steps, each after those that it reads, that still make something.

        Who reads what is not made makes nothing either. Raises AttemptFailed where that is a required output.
        """
        if not self.failed:
            return tuple(steps)
        gone: dict[int, Failure] = {}
        for i, (step, waits) in enumerate(zip(steps, waits_for(steps), strict=True)):
            names = _named(step)
            if lacking := waits & gone.keys():
                gone[i] = gone[min(lacking)]
                self.note(AttemptFailed.of(gone[i]), names)
            elif names and self.failed.keys() >= names:
                gone[i] = self.failed[min(names)]
        return tuple(step for i, step in enumerate(steps) if i not in gone)

    @property
    def whole(self) -> Failure | None:
        """Why nothing at all is made, the first output's reason; None where something is."""
        return self.failed[self._outputs[0]] if self.failed.keys() >= set(self._outputs) else None

    @property
    def told(self) -> tuple[Failure, ...]:
        """What failed, in the order of the outputs, in no more words than a job tells."""
        failed = [self.failed[name] for name in self._outputs if name in self.failed]
        return tuple(
            replace(one, command=one.command[:_MOST_TOLD], stderr_tail=one.stderr_tail[-_MOST_TOLD:]) for one in failed
        )

    @property
    def result(self) -> bytes:
        """What the task tells of it: a TaskResult; empty where nothing failed."""
        return TaskResult(output_errors=[failure.to_proto() for failure in self.told]).SerializeToString()


def apart(step: Step, optional: frozenset[str]) -> tuple[Step, ...]:
    """A step as several: the required outputs in one, each optional one by itself. Files of no output go with each."""

    def only(names: frozenset[str]) -> Step:
        writes = (w for w in step.writes if {file.output for file in w.promised} <= names | {""})
        return replace(step, writes=tuple(writes))

    required = _named(step) - optional
    alone = [only(frozenset({name})) for name in step.outputs if name in optional]
    return (only(required), *alone) if required else tuple(alone)


def _named(step: Step) -> frozenset[str]:
    """The job's outputs that a step makes."""
    return frozenset(step.outputs) - {""}
