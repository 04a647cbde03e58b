"""From a program's exit code and stderr to a failure: one table. Pure."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.media.steps import Program
from reelmill.media.tools.kit import refusal


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `pattern` is in stderr and `exit_code` fits (None: any), `code` is what went wrong."""

    pattern: str
    code: str
    message: str
    exit_code: int | None = None


# The first that fits holds: causes stand before their consequences. Codes are keys of jobs.errors.CODES.
RULES: tuple[Rule, ...] = (
    Rule("No space left on device|Disk quota exceeded", "DISK_FULL", "the worker's disk is full"),
    Rule("Cannot allocate memory|Out of memory", "OUT_OF_MEMORY", "ffmpeg wanted more memory than a job has here"),
    Rule("Error while opening decoder", "INPUT_CORRUPT", "its picture or sound can't be decoded: it is damaged"),
    Rule("Decode error rate .* exceeds maximum", "INPUT_CORRUPT", "most of the input could not be decoded"),
    Rule(
        "Unknown encoder|Encoder not found|No such filter|Unknown decoder|Unrecognized option|Unknown input format",
        "ENCODER_UNAVAILABLE",
        "this ffmpeg lacks what the job needs; run `reelmill doctor` on the worker",
    ),
    Rule(
        "Error while opening encoder|is not supported by the .* encoder",
        "ENCODER_REFUSED",
        "the encoder does not take this size, rate or bit rate; change the output's settings",
    ),
    Rule(
        "matches no streams|does not contain any stream", "INPUT_CORRUPT", "the input lacks a stream that it promised"
    ),
    # ffmpeg's own exit code for that: more than two thirds of the packets did not decode.
    Rule("", "INPUT_CORRUPT", "most of the input could not be decoded", exit_code=69),
    Rule(
        "moov atom not found|Invalid data found when processing input|Error opening input|End of file|partial file"
        "|Truncating packet|stream ended prematurely|of its streams received no packets",
        "INPUT_CORRUPT",
        "the input is damaged or cut off",
    ),
)

_DAMAGE = re.compile(
    r"partial file|stream \d+, offset 0x|Truncating packet|stream ended prematurely|Error submitting packet to decoder"
    r"|error while decoding|Invalid NAL unit|corrupt|File ended prematurely|Decoding error|Error splitting the input",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Classified:
    """What went wrong: a key of jobs.errors.CODES, and a sentence with the line of stderr that tells it."""

    code: str
    message: str


def classify(exit_code: int, stderr: str) -> Classified:
    """What a failed ffmpeg died of. `exit_code` is negative for a signal, as in subprocess."""
    lines = stderr.splitlines()
    for rule in RULES:
        if rule.exit_code in (None, exit_code) and re.search(rule.pattern, stderr):
            line = next((line for line in lines if rule.pattern and re.search(rule.pattern, line)), _last(lines))
            return Classified(rule.code, _with_line(rule.message, line))
    if exit_code == -signal.SIGXFSZ:
        return Classified("OUTPUT_TOO_LARGE", "a file outgrew its limit (setting input_max_bytes)")
    if exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else str(-exit_code)
        hint = "; the kernel does that when memory runs out" if exit_code == -signal.SIGKILL else ""
        return Classified("FFMPEG_CRASHED", f"ffmpeg was ended by {name}{hint}")
    return Classified("FFMPEG_FAILED", _with_line(f"ffmpeg ended with exit code {exit_code}", _last(lines)))


def cause_of(program: Program, exit_code: int, stderr: str) -> Classified:
    """What the program of a step died of, as `classify`."""
    if program is Program.FFMPEG:
        return classify(exit_code, stderr)
    if told := refusal(stderr):
        return Classified(*told)
    if exit_code == -signal.SIGXFSZ:
        return classify(exit_code, stderr)
    return Classified(
        "PROGRAM_FAILED", _with_line(f"{program.value} ended with {exit_code}", _last(stderr.splitlines()))
    )


def rule_of(line: str) -> int | None:
    """Which of the rules a line of stderr fits, the first: whoever keeps a line for each loses no cause to a flood."""
    return next((i for i, rule in enumerate(RULES) if rule.pattern and re.search(rule.pattern, line)), None)


def _last(lines: Sequence[str]) -> str:
    """The last line that says something: ffmpeg closes with "Conversion failed!"."""
    return next((line for line in reversed(lines) if line.strip() and "Conversion failed!" not in line), "")


def _with_line(message: str, line: str) -> str:
    return f"{message}: {line}" if line else message


def input_damaged(warnings: Sequence[str]) -> bool:
    """Whether ffmpeg, though it ended well, complained of a damaged input."""
    return any(_DAMAGE.search(warning) for warning in warnings)
