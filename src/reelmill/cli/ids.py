"""Which job is meant: a whole id, its beginning, its last letters as `reelmill jobs` shows them, or @last."""

import re
from itertools import islice
from typing import TYPE_CHECKING

from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from reelmill.client import Client

SHOWN = 8
"""Last letters of an id that are shown."""
_WHOLE, _LOOKED_AT, _TOLD = 36, 2000, 5
_PART = re.compile(r"[0-9a-f-]{4,35}")


def full_id(client: "Client", text: str) -> str:
    """The id of the job that is meant. Raises Problem where there is none, or more than one."""
    if text == "@last":
        if (newest := next(client.list_jobs(page_size=1), None)) is None:
            raise Problem("there is no job yet; `reelmill submit` makes one")
        return newest.id
    if len(text) >= _WHOLE or not _PART.fullmatch(text.lower()):
        return text  # the api says what is wrong with it
    part = text.lower()
    jobs = islice(client.list_jobs(page_size=500), _LOOKED_AT)
    found = [job.id for job in jobs if job.id.startswith(part) or job.id.endswith(part)]
    if not found:
        raise Problem(f"no job's id begins or ends with {text!r}; `reelmill jobs` lists them")
    if len(found) > 1:
        more = ["…"] if len(found) > _TOLD else []
        raise Problem(
            f"{len(found)} jobs' ids begin or end with {text!r}", details=found[:_TOLD] + more, exit_code=USAGE
        )
    return found[0]
