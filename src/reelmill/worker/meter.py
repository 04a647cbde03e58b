"""How far an attempt's commands are, all in all and of each output, and how long they still have."""

import time
from collections.abc import Iterable, Mapping, Sequence

from reelmill.jobs.measures import Range, Rates
from reelmill.jobs.progress import tell_range
from reelmill.media.estimating import AFTER, beside, seconds_of
from reelmill.media.progress import RunProgress
from reelmill.media.reckoning import Work
from reelmill.media.remaining import left, own, pace
from reelmill.media.render.command import Command
from reelmill.v1.jobs_pb2 import Progress
from reelmill.worker.attempt import Attempt

Commands = Sequence[tuple[Command, Sequence[Work]]]


class Meter:
    """Adds the progress of commands up that run one after the other; each weighs as long as it is reckoned to take."""

    def __init__(self, attempt: Attempt, commands: Commands, rates: Rates, threads: int) -> None:
        """`rates`: what is known of the works of each command, on so many threads."""
        self._attempt = attempt
        self._rates, self._threads = rates, threads
        self._after = beside(AFTER, rates)
        self._done = self._took = 0.0
        self._share = self._began = self._first = self._moved = 0.0
        self._left: list[tuple[Command, Range]] = []
        self._later: list[tuple[Command, Range]] = []
        self._done_of: dict[str, float] = {}
        self._total_of: dict[str, float] = {}
        self.follow(commands)

    def follow(self, commands: Commands, later: Commands = ()) -> None:
        """These come next, and then `later` ones, as far as they are known."""
        self._left, self._later = self._expected(commands), self._expected(later)
        self._reckon()

    def begin(self) -> None:
        """The first of those that are left starts."""
        self._start()
        self._tell(Progress())

    def update(self, progress: RunProgress) -> None:
        """It is so far."""
        now, share = time.monotonic(), progress.percent / 100
        if share <= 0:
            self._first = now
        if share != self._share:
            self._share, self._moved = share, now
        self._tell(Progress(fps=progress.fps, speed=progress.speed))

    def finish(self) -> None:
        """It is done. (Not all tell how far they are meanwhile.)"""
        command, expected = self._left.pop(0)
        self._took += time.monotonic() - self._began
        self._done += expected.likely
        self._add(self._done_of, [(command, expected)])
        self._start()
        self._tell(Progress())

    def replan(self, commands: Commands) -> None:
        """The first of those that are left has failed, and these are run in the place of all that are left."""
        self._took += time.monotonic() - self._began
        self._left = self._expected(commands)
        self._reckon()

    def _reckon(self) -> None:
        """All that is left is known anew."""
        every = [*self._left, *self._later]
        self._total = self._done + sum(expected.likely for _, expected in every) or 1.0
        self._done_of = {name: 0.0 for command, _ in every for name in command.outputs} | self._done_of
        self._total_of = dict(self._done_of)
        self._add(self._total_of, every)
        self._start()

    def _expected(self, commands: Commands) -> list[tuple[Command, Range]]:
        return [(command, seconds_of(works, self._rates, self._threads)) for command, works in commands]

    def _start(self) -> None:
        self._began = self._first = self._moved = time.monotonic()
        self._share = 0.0

    def _tell(self, progress: Progress) -> None:
        now = time.monotonic()
        running: dict[str, float] = {}
        done, to_go = self._done, Range()
        if self._left:
            command, expected = self._left[0]
            done += self._share * expected.likely
            running = dict.fromkeys(command.outputs, self._share * expected.likely)
            elapsed = now - self._began
            rate = pace(done, self._took + (elapsed if self._share > 0 else 0.0))
            mine = own(
                expected.times(pace(self._done, self._took)),
                share=self._share,
                elapsed=elapsed,
                first=self._first - self._began,
                moved=self._moved - self._began,
            )
            to_go = left(mine, [one for _, one in (*self._left[1:], *self._later)], rate)
        progress.percent = round(100 * min(1.0, done / self._total), 2)
        to_go += self._after
        tell_range(progress, "eta", to_go)
        self._attempt.advance(progress, self._outputs(running))

    def _outputs(self, running: Mapping[str, float]) -> dict[str, float]:
        """Percent of each that is made."""
        made = ((name, done) for name, done in self._done_of.items() if self._total_of[name] > 0)
        return {name: 100 * (done + running.get(name, 0.0)) / self._total_of[name] for name, done in made}

    @staticmethod
    def _add(sums: dict[str, float], commands: Iterable[tuple[Command, Range]]) -> None:
        for command, expected in commands:
            for name in command.outputs:
                sums[name] += expected.likely
