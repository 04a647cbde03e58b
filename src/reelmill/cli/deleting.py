"""What `reelmill delete` is told, as a filter of jobs. Pure."""

import re
from datetime import UTC, datetime, timedelta

from reelmill.cli.problems import USAGE, Problem

_AGE = re.compile(r"(\d{1,5})([hd])")
_LABEL = re.compile(r"[A-Za-z0-9_.-]+")
_STATES = ("COMPLETED", "FAILED", "CANCELLED")
_HOURS = {"h": 1, "d": 24}


def filter_of(labels: list[str], state: str | None, older_than: str | None, *, now: datetime | None = None) -> str:
    """As ListJobs takes it; empty where nothing is told. Raises Problem."""
    terms = []
    for label in labels:
        key, equals, value = label.partition("=")
        if not equals or not _LABEL.fullmatch(key):
            raise Problem(f"--label {label}: must be KEY=VALUE", exit_code=USAGE)
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        terms.append(f'labels.{key} = "{quoted}"')
    if state is not None:
        if state not in _STATES:
            raise Problem(f"--state {state}: must be one of {', '.join(_STATES)}", exit_code=USAGE)
        terms.append(f'state = "{state}"')
    if older_than is not None:
        if not (age := _AGE.fullmatch(older_than)):
            raise Problem(
                f"--older-than {older_than}: must be a number of hours or days, such as 12h or 30d", exit_code=USAGE
            )
        before = (now or datetime.now(UTC)) - timedelta(hours=int(age[1]) * _HOURS[age[2]])
        terms.append(f'create_time < "{before.isoformat()}"')
    return " AND ".join(terms)
