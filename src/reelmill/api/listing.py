"""Page tokens (AIP-158) and a subset of filters (AIP-160): comparisons joined by AND."""

import base64
import re
import struct
from datetime import UTC, datetime
from uuid import UUID

from reelmill.jobs.errors import InvalidRequest, Violation
from reelmill.jobs.states import JobState
from reelmill.store.jobs import JobFilter

_TERM = re.compile(
    r"\s*(?P<field>state|create_time|labels\.[A-Za-z0-9_.-]+)\s*(?P<op>=|>|<)\s*"
    r"(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s\"()]+))\s*"
)
_JOINT = re.compile(r"AND\b")
_HINT = 'write comparisons joined by AND, such as: state = "FAILED" AND labels.asset = "42"'


def parse_filter(text: str) -> JobFilter:
    """Read a filter. Raises InvalidRequest, naming `filter` and what can be written."""
    states: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    after: datetime | None = None
    before: datetime | None = None
    position = 0
    while position < len(text.rstrip()):
        if position:
            if not (joint := _JOINT.match(text, position)):
                raise _invalid(f"expected AND at {text[position : position + 20]!r}; {_HINT}")
            position = joint.end()
        term = _TERM.match(text, position)
        if not term:
            raise _invalid(f"can't read {text[position : position + 40]!r}; {_HINT}")
        field, op = term["field"], term["op"]
        value = re.sub(r"\\(.)", r"\1", term["quoted"]) if term["quoted"] is not None else term["bare"]
        if field == "create_time":
            moment = _time(value)
            if op == "=":
                raise _invalid("create_time takes > and <")
            after, before = (moment, before) if op == ">" else (after, moment)
        elif op != "=":
            raise _invalid(f"{field} takes only =")
        elif field == "state":
            if value not in list(JobState):
                raise _invalid(f"{value!r} is no state; the states are {', '.join(JobState)}")
            states = (value,)
        else:
            labels[field.removeprefix("labels.")] = value
        position = term.end()
    return JobFilter(states=states, labels=labels, created_after=after, created_before=before)


def page_token(last: str) -> str:
    """The token of the page after the job with id `last`."""
    return base64.urlsafe_b64encode(UUID(last).bytes).decode().rstrip("=")


def parse_page_token(token: str) -> UUID | None:
    """Where the page begins; None for the first. Raises InvalidRequest."""
    if not token:
        return None
    try:
        return UUID(bytes=base64.b64decode(token + "==", altchars=b"-_", validate=True))
    except ValueError as error:
        raise _no_token() from error


def position_token(position: int) -> str:
    """The token of the page after a position."""
    return base64.urlsafe_b64encode(struct.pack(">i", position)).decode().rstrip("=")


def parse_position_token(token: str) -> int:
    """After which position the page begins; -1 for the first. Raises InvalidRequest."""
    if not token:
        return -1
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
        [position] = struct.unpack(">i", raw)
    except (ValueError, struct.error) as error:
        raise _no_token() from error
    return int(position)


def number_token(number: int) -> str:
    """The token of the page before a number of a row."""
    return base64.urlsafe_b64encode(struct.pack(">q", number)).decode().rstrip("=")


def parse_number_token(token: str) -> int:
    """Before which number the page begins. Raises InvalidRequest."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        [number] = struct.unpack(">q", raw)
    except (ValueError, struct.error) as error:
        raise _no_token() from error
    return int(number)


def name_token(name: str) -> str:
    """The token of the page after a name."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def parse_name_token(token: str) -> str:
    """After which name the page begins; empty for the first. Raises InvalidRequest."""
    try:
        name = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise _no_token() from error
    if "\0" in name:  # which no text of PostgreSQL has
        raise _no_token()
    return name


def _time(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _invalid(f"{value!r} is no RFC 3339 time, such as 2026-01-01T00:00:00Z") from error
    if moment.tzinfo is None:
        raise _invalid(f"{value!r} needs a time zone, such as Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # in its own zone only it lies within the years 1 to 9999
        raise _invalid(f"{value!r} lies outside the years 1 to 9999 in UTC") from error


def _no_token() -> InvalidRequest:
    return InvalidRequest([Violation("page_token", "is not one that this server gave; take next_page_token as it is")])


def _invalid(description: str) -> InvalidRequest:
    return InvalidRequest([Violation("filter", description)])
