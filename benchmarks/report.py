"""What a benchmark prints, and what it was asked for."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.rounds import median_ratio, ratios


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Prints to stdout; rounds under way go to stderr."""

    rounds: int
    quick: bool
    only: Collection[str] = ()
    """Names of the contestants to run; empty: all."""

    def wants(self, name: str) -> bool:
        """Whether a contestant was asked for."""
        return not self.only or name in self.only

    def head(self, title: str) -> None:
        """Begin a table."""
        print(f"\n{title} ({self.rounds} rounds)", flush=True)

    def line(self, name: str, *columns: str) -> None:
        """A row."""
        print(f"  {name:<34} {'   '.join(columns)}", flush=True)

    def round(self, name: str, value: float) -> None:
        """A contestant's turn has ended."""
        print(f"    {name}: {value:.4g}", file=sys.stderr, flush=True)

    def ratios(self, values: Mapping[str, Sequence[float]], ours: Collection[str]) -> None:
        """Each of ours to each of theirs: the median of the rounds' ratios, the least and the greatest."""
        for our in (name for name in ours if name in values):
            for their in (name for name in values if name not in ours):
                found = ratios(values[our], values[their])
                median = median_ratio(values[our], values[their])
                self.line(f"{our} / {their}", f"{median:8.2f} ×", f"{min(found):.2f} to {max(found):.2f}")
