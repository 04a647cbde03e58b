"""Runs the program of a step, with its limits watched and its words read."""

import asyncio
import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from reelmill.jobs.errors import AttemptFailed, Stopped
from reelmill.media.confinement import Confinement
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.failures import cause_of, input_damaged, rule_of
from reelmill.media.foreseeing import Limit, Miss, missed, spared
from reelmill.media.launcher import Launcher, outgrown
from reelmill.media.programs import argv_of, reads_of, shown
from reelmill.media.progress import ProgressParser, RunProgress
from reelmill.media.render.command import Command
from reelmill.media.whole import complaint, torn
from reelmill.points import reach
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import EARLY_STOPS, SPARED_CPU_SECONDS, running_ffmpegs

log = get_logger("ffmpeg")
_CHECK_SECONDS = 0.5
_MOST_WRITTEN = 100_000  # files of outputs: a day in segments of a second has 86,400
_TAIL_LINES = 40
_MAX_WARNINGS = 20
_MAX_LOGGED = 50  # different lines of a run; a damaged input may bring thousands
_LEVELS = {"warning": logging.WARNING, "error": logging.ERROR, "fatal": logging.ERROR}
_COMPLAINT = re.compile(r"\[(warning|error|fatal)\]")
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What a command that ended well had to say."""

    warnings: tuple[str, ...]
    """At most 20 different ones."""
    input_damaged: bool
    cpu_seconds: float = 0.0
    """What its process took of a core; 0: not known."""
    wall_seconds: float = 0.0


@dataclass(slots=True)
class _Output:
    """What is read from the process's pipes."""

    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    causes: dict[int, str] = field(default_factory=dict)
    """The first line of each rule that one fits: thousands may follow it."""
    warnings: dict[str, None] = field(default_factory=dict)
    logged: set[str] = field(default_factory=set)


async def run(
    command: Command,
    *,
    launcher: Launcher,
    ffmpeg: Path,
    folder: Path,
    stop: asyncio.Event,
    on_progress: Callable[[RunProgress], None],
    no_progress_seconds: float,
    wall_seconds: float,
    max_bytes: int,
    memory_bytes: int,
    check_space: Callable[[], None] = lambda: None,
    limits: Sequence[Limit] = (),
) -> RunResult:
    """Run a command in `folder` to its end. `check_space` raises AttemptFailed where the disk has too little left.

    `limits`: what it is stopped by once a file has more. Raises Stopped once `stop` is set, and AttemptFailed
    (FFMPEG_FAILED, INPUT_CORRUPT, NO_PROGRESS, WALL_LIMIT, OUTPUT_TOO_LARGE, CONTRACT_BROKEN, …) with the command
    and the end of its stderr. The process and all its children are gone when this returns.
    """
    # SVT_LOG: errors only.
    confinement = Confinement(
        memory_bytes=memory_bytes,
        file_bytes=max_bytes,
        environment={"SVT_LOG": "1"},
        reads=reads_of(command),
    )
    for path, words in command.written:
        (folder / path).write_text(words, encoding="utf-8")
    process = await launcher.launch(argv_of(command, ffmpeg), confinement, folder=folder)
    running_ffmpegs.add(process.pid)
    text, began = shown(command, ffmpeg), time.monotonic()
    log.info(f"{command.program.value} starts", pid=process.pid, command=text, output=", ".join(command.outputs))
    output = _Output()
    parser = ProgressParser(command.duration_seconds)
    readers = asyncio.gather(
        _read_progress(process.stdout, parser, on_progress), _read_stderr(process.stderr, output), process.wait()
    )
    watch = asyncio.create_task(_watch(parser, folder, no_progress_seconds, wall_seconds, max_bytes, check_space))
    growing = asyncio.create_task(outgrown(process.pid, confinement))
    missing = asyncio.create_task(_missed(parser, folder, limits))
    stopping = asyncio.create_task(stop.wait())
    try:
        waited: tuple[asyncio.Future[Any], ...] = (readers, watch, growing, missing, stopping)
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not readers.done():
            # At once: what it wrote is discarded, and a large encoder flushes for seconds after TERM.
            process.kill_group()
            await readers
            if stop.is_set():
                raise Stopped
            if missing.done() and not growing.done():
                raise _broken(command, missing.result(), parser, process.cpu_seconds, text)
            code, message = _too_large(command, memory_bytes) if growing.done() else watch.result()
            raise _failure(command, code, message, text, "\n".join(output.tail))
        _check(command, process.returncode, output, text)
    finally:
        for task in (watch, growing, missing, stopping):
            task.cancel()
        if process.returncode is None:
            process.kill_group()
            await asyncio.shield(process.wait())  # the readers may have ended before it
            await asyncio.shield(readers)
        process.close()
        running_ffmpegs.discard(process.pid)
        seconds = round(time.monotonic() - began, 3)
        log.info(f"{command.program.value} ended", pid=process.pid, exit_code=process.returncode, seconds=seconds)
    warnings = tuple(output.warnings)
    return RunResult(
        warnings=warnings,
        input_damaged=input_damaged(warnings),
        cpu_seconds=process.cpu_seconds,
        wall_seconds=seconds,
    )


def _too_large(command: Command, memory_bytes: int) -> tuple[str, str]:
    needed = f"{command.program.value} took more than the {memory_bytes // 2**20} MiB that a job has here"
    return "OUT_OF_MEMORY", f"{needed} (setting worker_memory_bytes)"


def _check(command: Command, exit_code: int | None, output: _Output, text: str) -> None:
    """Raise what a command that ended by itself told, if it went wrong."""
    tail = "\n".join(output.tail)
    if exit_code:
        found = cause_of(command.program, exit_code, "\n".join((*output.causes.values(), tail)))
        raise _told(command, found, text, tail)
    if command.of_pictures and (line := complaint(output.warnings)):
        raise _told(command, torn(line), text, tail)


def _failure(command: Command, code: str, message: str, text: str, tail: str) -> AttemptFailed:
    return AttemptFailed(code, message, output=", ".join(command.outputs), command=text, stderr_tail=tail)


def _told(command: Command, found: Diagnosis, text: str, tail: str) -> AttemptFailed:
    return AttemptFailed(
        found.code,
        found.message,
        output=", ".join(command.outputs),
        command=text,
        stderr_tail=tail,
        kind=found.kind,
        cause=found.cause,
        deciding_line=found.line,
        remedy=found.remedy,
    )


def _broken(command: Command, miss: Miss, parser: ProgressParser, cpu_seconds: float, text: str) -> AttemptFailed:
    """It was stopped early: that is counted, logged and told."""
    percent, saved = parser.latest.percent if parser.latest else 0.0, spared(cpu_seconds, parser.latest)
    EARLY_STOPS[miss.field].inc()
    SPARED_CPU_SECONDS.inc(saved)
    told = f"{miss.words}; stopped at {percent:.0f} % of its encoding"
    told += f", which spared about {saved:.1f} s of CPU" if saved else ""
    log.info("stopped early", output=miss.output, reason=miss.words, percent=round(percent), spared_cpu_seconds=saved)
    return AttemptFailed("CONTRACT_BROKEN", told, output=miss.output, command=text)


async def _missed(parser: ProgressParser, folder: Path, limits: Sequence[Limit]) -> Miss:
    """Returns once a file can't keep its contract any more; never for one that can."""
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        if not limits:
            continue
        sizes = await asyncio.to_thread(_sizes, folder, limits)
        if (miss := missed(limits, sizes, parser.latest)) is not None:
            return miss


def _sizes(folder: Path, limits: Sequence[Limit]) -> dict[PurePosixPath, int]:
    sizes = {}
    for one in limits:
        with suppress(FileNotFoundError):
            sizes[one.path] = (folder / one.path).stat().st_size
    return sizes


async def _read_progress(
    stream: asyncio.StreamReader, parser: ProgressParser, on_progress: Callable[[RunProgress], None]
) -> None:
    while line := await stream.readline():
        if progress := parser.feed(line.decode(errors="replace")):
            on_progress(progress)
            await reach("task.encoding")


async def _read_stderr(stream: asyncio.StreamReader, output: _Output) -> None:
    # By chunks: a line may be longer than any buffer, and readline would raise.
    rest = b""
    while chunk := await stream.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-4096:]
        for line in lines:
            _keep(line, output)
    if rest:
        _keep(rest, output)


def _keep(line: bytes, output: _Output) -> None:
    text = _ADDRESS.sub("", line.decode(errors="replace").rstrip())[:1000]
    if not text:
        return
    output.tail.append(text)
    if (rule := rule_of(text)) is not None:
        output.causes.setdefault(rule, text)
    complaint = _COMPLAINT.search(text)
    if len(output.warnings) < _MAX_WARNINGS and complaint:
        output.warnings[text] = None
    if len(output.logged) < _MAX_LOGGED and text not in output.logged:
        output.logged.add(text)
        log.log(_LEVELS[complaint[1]] if complaint else logging.INFO, text)


async def _watch(
    parser: ProgressParser,
    folder: Path,
    no_progress_seconds: float,
    wall_seconds: float,
    max_bytes: int,
    check_space: Callable[[], None],
) -> tuple[str, str]:
    """Returns, with a code and a message, when the process must not go on."""
    clock = asyncio.get_running_loop().time
    began = moved = clock()
    position, size = parser.position, 0
    while True:
        await asyncio.sleep(min(_CHECK_SECONDS, no_progress_seconds / 2))
        now = clock()
        new_size = await asyncio.to_thread(_written_bytes, folder)
        if new_size is None:
            return "OUTPUT_TOO_LARGE", f"the outputs have more than {_MOST_WRITTEN} files"
        if (parser.position, new_size) != (position, size):
            position, size, moved = parser.position, new_size, now
        try:
            await asyncio.to_thread(check_space)  # what is only kept may have to go
        except AttemptFailed as error:
            return error.failure.code, error.failure.message
        if size > max_bytes:
            return "OUTPUT_TOO_LARGE", f"the outputs outgrew {max_bytes} bytes (setting input_max_bytes)"
        if now - moved > no_progress_seconds:
            return "NO_PROGRESS", f"ffmpeg made no progress for {no_progress_seconds:g} s and was stopped"
        if now - began > wall_seconds:
            return "WALL_LIMIT", f"ffmpeg ran longer than {wall_seconds:g} s and was stopped"


def _written_bytes(folder: Path) -> int | None:
    """Of all that lies in its folders, however deep (what lies beside them was fetched); None: too much to count."""
    total, left = 0, _MOST_WRITTEN
    folders = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                left -= 1
                if left < 0:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    with suppress(FileNotFoundError):  # ffmpeg renames and removes files
                        total += entry.stat(follow_symlinks=False).st_size
    return total
