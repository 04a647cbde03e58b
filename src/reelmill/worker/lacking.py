"""What an attempt goes on without: it is logged, counted, and told with the task's completion."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.optional import Promised, Tolerance
from reelmill.media.pieces import Chunk, Join, Piece, Sound
from reelmill.media.promises import FileSet
from reelmill.media.spreading import JOIN_PIECES, MAKE_OUTPUTS
from reelmill.media.stages import lost
from reelmill.media.steps import Step
from reelmill.store.leases import MadeFile
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import OUTPUT_FAILURES
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.messages_pb2 import OutputFindings, TaskResult
from reelmill.worker.attempt import Attempt

log = get_logger(__name__)


class Lacking:
    """The optional outputs of an attempt, and which of them have failed."""

    def __init__(self, attempt: Attempt, job: Job, piece: Piece | None = None, lost: Iterable[Failure] = ()) -> None:
        """`job`: as far as the attempt makes it, but for outputs that are `lost`, for others have no pieces of them.

        Who joins pieces bears no other failure: what does not fit together is made whole.
        """
        self._attempt = attempt
        self._counts = not isinstance(piece, Chunk | Sound)  # an output is counted once
        self._tolerance = Tolerance(job, last=attempt.last, strict=isinstance(piece, Join), lost=lost)
        self._tell()

    @property
    def everything(self) -> bool:
        """Whether nothing at all is made."""
        return self._tolerance.whole is not None

    def planned(self, failed: Iterable[Failure], *, final: bool = False) -> None:
        """A plan told of outputs that it can't make. Raises AttemptFailed where one must be there.

        `final`: see `input`.
        """
        for failure in failed:
            self._tolerance.note(AttemptFailed.of(failure), [failure.output], final=final)
        self._tell()

    def lost(self, later: Iterable[Job]) -> None:
        """Give up outputs of later stages that read what is not made. Raises AttemptFailed where one must be there."""
        self.planned(lost(later, tuple(self._tolerance.failed.values())), final=True)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why outputs are not made."""
        return self._tolerance.told

    def failure(self, output: str) -> Failure | None:
        """Why an output is not made, if it is not."""
        return self._tolerance.failed.get(output)

    def input(self, name: str, error: AttemptFailed, *, final: bool = False) -> Failure:
        """An input can't be read: the plan is to know. Raises the error where outputs read it that must be there.

        `final`: no other attempt would change that.
        """
        if not self._tolerance.bears(error, self._tolerance.readers(name), final=final):
            raise error
        return error.failure

    def instead(self, step: Step, error: AttemptFailed, steps: list[Step]) -> Sequence[Step]:
        """A step of all `steps`, which are changed to what is run now, has failed: what to run in its place.

        Raises AttemptFailed where that can't be borne.
        """
        found = self._tolerance.instead(step, error)
        at = steps.index(step)
        steps[at : at + 1] = found or (step,)
        self._tolerance.left(steps)
        self._tell()
        return found

    def left(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Those of all steps that still make something."""
        return self._tolerance.left(steps)

    def separately(self, steps: Sequence[Step]) -> list[list[Promised]]:
        """Files of steps that are still wanted, in groups that are checked apart."""
        return self._tolerance.separately(thing for step in self.left(steps) for thing in step.promised)

    def failed(self, error: AttemptFailed, promised: Iterable[Promised]) -> None:
        """Files are not as promised. Raises the error where that can't be borne."""
        self._tolerance.note(error, {thing.output for thing in promised})
        self._tell()

    def may_lack(self, step: Step) -> bool:
        """Whether some of what a step makes is optional."""
        return self._tolerance.may_lack(step)

    def told(self, made: tuple[MadeFile, ...], findings: Sequence[OutputFindings] = ()) -> tuple[MadeFile, ...]:
        """What was made; the attempt tells what was not, and what was found out.

        Raises AttemptFailed where a whole job has nothing.
        """
        known = [one for one in findings if one.output not in self._tolerance.failed]
        found = TaskResult(findings=known, receipts=self._attempt.receipts)
        self._attempt.result = self._tolerance.result + found.SerializeToString()  # which is a TaskResult of both
        if (failure := self._tolerance.whole) is not None:
            if self._attempt.task.kind not in (MAKE_OUTPUTS, JOIN_PIECES):
                raise AttemptFailed.of(failure)
            self._attempt.failure = failure
        return made

    def _tell(self) -> None:
        for failure in self._tolerance.news():
            if self._counts:
                OUTPUT_FAILURES[failure.code].inc()
            log.warning("an optional output failed", output=failure.output, code=failure.code, reason=failure.message)
            told = f"goes on without this output. {failure.code}: {failure.message}"
            self._attempt.log(told, level="WARNING", output=failure.output, command=failure.command)


def remove_files(folder: Path, step: Step) -> None:
    """Remove what a step left that failed: another writes there."""
    for thing in step.promised:
        if isinstance(thing, FileSet):
            for path in (folder / thing.manifest.parent).glob(thing.pattern):
                path.unlink(missing_ok=True)
        (folder / (thing.manifest if isinstance(thing, FileSet) else thing.path)).unlink(missing_ok=True)
