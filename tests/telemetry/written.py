"""Lines that real processes wrote, for tests of logs."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Lines of each process, as it wrote them, and the jobs that they tell of."""

    lines: dict[str, list[str]]
    rescued: str
    """Id of a job whose worker was killed while it encoded; another completed it."""
    damaged: str
    """Id of a job whose input made ffmpeg complain."""

    def documents(self) -> list[dict[str, Any]]:
        """All lines."""
        return [json.loads(line) for lines in self.lines.values() for line in lines]

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """The lines of a job."""
        return [line for line in self.documents() if line.get("labels", {}).get("job_id") == job_id]
