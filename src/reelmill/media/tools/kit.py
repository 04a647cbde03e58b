"""What every tool begins and ends with."""

import json
import sys
from collections.abc import Callable, Sequence

_MARK = "reelmill-tool: "
_EXIT_CODE = 3


class Refused(Exception):
    """What a tool can't do, for a reason that is told."""

    def __init__(self, code: str, message: str) -> None:
        """`code`: a key of jobs.errors.CODES."""
        super().__init__(message)
        self.code = code


def run(work: Callable[[Sequence[str]], None]) -> None:
    """A tool's main(): do its work with the arguments, and tell why it could not."""
    try:
        work(sys.argv[1:])
    except Refused as error:
        _end(error.code, str(error))
    except MemoryError:
        _end("OUT_OF_MEMORY", "this takes more memory than a job has here (setting worker_memory_bytes)")


def told(seconds: float) -> None:
    """Tell how far a tool is, in seconds of media, as ffmpeg does."""
    print(f"out_time_us={int(seconds * 1e6)}\nprogress=continue", flush=True)


def refusal(stderr: str) -> tuple[str, str] | None:
    """Code and message of a tool that was refused its work, out of what it wrote; None: it ended otherwise."""
    last = stderr.rstrip().rpartition("\n")[2]
    if not last.startswith(_MARK):
        return None
    code, message = json.loads(last.removeprefix(_MARK))
    return str(code), str(message)


def _end(code: str, message: str) -> None:
    print(_MARK + json.dumps([code, message[:500]]), file=sys.stderr)
    sys.exit(_EXIT_CODE)
