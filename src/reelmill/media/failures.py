"""From a program's exit code and stderr to what went wrong: one table. Pure."""

import re
import signal
from collections.abc import Sequence

from reelmill.media.diagnosis import LINE_CHARACTERS, Diagnosis
from reelmill.media.failure_rules import RULES, Rule
from reelmill.media.program import Program
from reelmill.media.tools.kit import refusal

_DAMAGE = re.compile(
    r"partial file|stream \d+, offset 0x|Truncating packet|stream ended prematurely|Error submitting packet to decoder"
    r"|error while decoding|Invalid NAL unit|corrupt|File ended prematurely|Decoding error|Error splitting the input",
    re.IGNORECASE,
)
# Lines that only pass on what another one said.
_WRAPPERS = re.compile(
    r"Conversion failed!|Error opening (in|out)put files?|Task finished with error code|Terminating thread with return"
    r"|Error (while )?(sending frames|filtering)|Could not open encoder before EOF|Nothing was written into output"
    r"|Error initializing output stream|Error muxing a packet|Error writing trailer|Error closing file"
)
_GRAVE = re.compile(r"\[(fatal|panic|error)\]")
_SIGNALS: dict[int, tuple[str, str, str]] = {
    signal.SIGKILL: (
        "killed",
        "; the kernel does that when memory runs out",
        "Look into the kernel's log (dmesg) for memory that ran out; give the worker more, or fewer slots.",
    ),
    signal.SIGTERM: ("ended_from_outside", ": something told it to end", "Retry the job once nobody ends its process."),
    signal.SIGILL: (
        "wrong_processor",
        ": the processor lacks an instruction that this build needs",
        "Give the worker an ffmpeg that was built for its processor (`REELMILL_FFMPEG`).",
    ),
    signal.SIGSYS: (
        "forbidden_call",
        ": it called what the sandbox forbids",
        "Report it with the reproduction: either the file attacks its reader, or the sandbox lacks a call.",
    ),
    signal.SIGBUS: (
        "file_vanished",
        ": a file that it read became shorter, or its disk failed",
        "Check the disk that the input lies on, and that nobody writes to the input; then retry the job.",
    ),
    signal.SIGXCPU: ("cpu_limit", ": it took more CPU time than it may", "Raise the limit of CPU time (ulimit -t)."),
}
_NOT_STARTED = {126: "can't be executed", 127: "is not there, or lacks a library"}


def classify(exit_code: int, stderr: str) -> Diagnosis:
    """What a failed ffmpeg died of. `exit_code` is negative for a signal, as in subprocess."""
    lines = stderr.splitlines()
    for rule in RULES:
        if rule.exit_code in (None, exit_code) and (line := _line_of(rule, lines)) is not None:
            return _told(rule.kind, rule.code, rule.cause, rule.remedy, line)
    if exit_code == -signal.SIGXFSZ:
        cause = "a file outgrew its limit (setting input_max_bytes)"
        return _told("file_too_large", "OUTPUT_TOO_LARGE", cause, "Ask for less, or raise `input_max_bytes`.", "")
    if exit_code < 0:
        return _of_signal(-exit_code, best_of(lines))
    if (why := _NOT_STARTED.get(exit_code)) is not None and not any(_GRAVE.search(line) for line in lines):
        remedy = "Run `reelmill doctor` on the worker, and give it an ffmpeg that runs there."
        return _told("program_broken", "ENCODER_UNAVAILABLE", f"this worker's ffmpeg {why}", remedy, best_of(lines))
    cause = f"ffmpeg ended with exit code {exit_code}"
    remedy = "Run the reproduction and read what it prints; where the input plays elsewhere, report it with that."
    return _told("unknown", "FFMPEG_FAILED", cause, remedy, best_of(lines))


def cause_of(program: Program, exit_code: int, stderr: str) -> Diagnosis:
    """What the program of a step died of, as `classify`."""
    if program is Program.FFMPEG:
        return classify(exit_code, stderr)
    if told := refusal(stderr):
        return _told("", told[0], told[1], "", "")
    if exit_code == -signal.SIGXFSZ:
        return classify(exit_code, stderr)
    cause = f"{program.value} ended with {exit_code}"
    return _told("unknown", "PROGRAM_FAILED", cause, "", _last(stderr.splitlines()))


def rule_of(line: str) -> int | None:
    """Which of the rules a line of stderr fits, the first: whoever keeps a line for each loses no cause to a flood."""
    return next((i for i, rule in enumerate(RULES) if rule.pattern and re.search(rule.pattern, line)), None)


def diagnosis_of(lines: Sequence[str]) -> Diagnosis | None:
    """What complaints of a program that went on, or of libav, tell; None where the table knows none of them."""
    for rule in RULES:
        if rule.pattern and (line := _line_of(rule, lines)) is not None:
            return _told(rule.kind, rule.code, rule.cause, rule.remedy, line)
    return None


def input_damaged(warnings: Sequence[str]) -> bool:
    """Whether ffmpeg, though it ended well, complained of a damaged input."""
    return any(_DAMAGE.search(warning) for warning in warnings)


def first_damage(warnings: Sequence[str]) -> str:
    """The first complaint of a damaged input; empty for none."""
    return next((warning for warning in warnings if _DAMAGE.search(warning)), "")


def best_of(lines: Sequence[str]) -> str:
    """The first grave line that says something itself, else the last that does."""
    grave = (line for line in lines if _GRAVE.search(line) and not _WRAPPERS.search(line))
    return next(grave, _last(lines))


def _line_of(rule: Rule, lines: Sequence[str]) -> str | None:
    """The line that a rule goes by, a grave one before a warning; None where it does not hold."""
    if not rule.pattern:
        return best_of(lines)
    fitting = [line for line in lines if re.search(rule.pattern, line)]
    return next((line for line in fitting if _GRAVE.search(line)), fitting[0] if fitting else None)


def _of_signal(number: int, line: str) -> Diagnosis:
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    kind, why, remedy = _SIGNALS.get(number, ("crashed", "", ""))
    return _told(kind, "FFMPEG_CRASHED", f"ffmpeg was ended by {name}{why}", remedy, "" if kind != "crashed" else line)


def _last(lines: Sequence[str]) -> str:
    """The last line that says something: ffmpeg closes with "Conversion failed!"."""
    return next((line for line in reversed(lines) if line.strip() and "Conversion failed!" not in line), "")


def _told(kind: str, code: str, cause: str, remedy: str, line: str) -> Diagnosis:
    return Diagnosis(kind=kind, code=code, cause=cause, remedy=remedy, line=line[:LINE_CHARACTERS])
