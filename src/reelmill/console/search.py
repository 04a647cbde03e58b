"""What is typed into the search field → a filter of ListJobs. Pure."""

import re
from dataclasses import dataclass

from reelmill.jobs.states import JobState

HINT = "write state:failed, label:asset=42, after:2026-01-31 or before:2026-01-31, with spaces between; or a job's id"
_TERM = re.compile(r'\s*(?:(?P<key>[a-z]+):)?(?P<value>(?:"(?:[^"\\]|\\.)*"|[^\s"])+)\s*', re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
MOST_LETTERS = 1000


class Unreadable(ValueError):
    """The search can't be read; says what can be written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is looked for: the jobs of a filter (all of them by an empty one), or one by its id."""

    filter: str = ""
    job_id: str = ""
    state: str = ""


def read(text: str) -> Search:
    """The search that a text means. Raises Unreadable."""
    text = text.strip()
    if len(text) > MOST_LETTERS:
        raise Unreadable(f"the search is longer than {MOST_LETTERS} letters")
    if _ID.fullmatch(text):
        return Search(job_id=text.lower())
    terms, state, position = [], "", 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise Unreadable(f"can't read {text[position : position + 40]!r}; {HINT}")
        key, value, position = (found["key"] or "").lower(), _plain(found["value"]), found.end()
        if key == "state":
            if state:
                raise Unreadable("a job has one state: write state: once")
            state = _state(value)
            terms.append(f"state = {_quoted(state)}")
        elif key == "label":
            terms.append(_label(value))
        elif key in ("after", "before"):
            terms.append(f"create_time {'>' if key == 'after' else '<'} {_quoted(_moment(value))}")
        else:
            raise Unreadable(f"can't read {found[0].strip()[:40]!r}; {HINT}")
    return Search(filter=" AND ".join(terms), state=state)


def _state(value: str) -> str:
    state = value.upper()
    if state not in list(JobState):
        raise Unreadable(f"{value[:40]!r} is no state; the states are {', '.join(s.lower() for s in JobState)}")
    return state


def _label(value: str) -> str:
    name, equals, wanted = value.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise Unreadable(f'can\'t read the label {value[:40]!r}; write label:asset=42 or label:name="two words"')
    return f"labels.{name} = {_quoted(wanted)}"


def _moment(value: str) -> str:
    return f"{value}T00:00:00Z" if _DAY.fullmatch(value) else value


def _plain(value: str) -> str:
    """Without the quotes around parts of it."""
    parts = re.split(r'"((?:[^"\\]|\\.)*)"', value)
    return "".join(re.sub(r"\\(.)", r"\1", part) if i % 2 else part for i, part in enumerate(parts))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
