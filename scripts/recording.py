"""Recordings of a terminal: as an asciicast (version 2), and as an SVG that moves, for README and docs.

`scripts/recording.py FILE.svg COMMAND…` records one command, run here, in a terminal of 96 columns.
"""

import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fcntl import ioctl
from html import escape
from pathlib import Path
from termios import TIOCSWINSZ

COLUMNS, ROWS = 96, 24
TERM = "xterm-16color"
_FRAME_SECONDS, _IDLE_SECONDS, _LAST_SECONDS = 0.12, 1.2, 4.0  # between two pictures: at least, at most; the last one's
_WIDTH, _HEIGHT, _PAD = 8.4, 18, 12  # of a letter and a line, in pixels
_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()=>].?|[\r\n\b]|[^\x1b\r\n\b]+")
_INKS = ("#1b1f24", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#d0d7de")
_PAPER, _INK = "#0d1117", "#d0d7de"


@dataclass(kw_only=True)
class Recording:
    """What a terminal showed: seconds since the beginning, and text."""

    columns: int = COLUMNS
    rows: int = ROWS
    events: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, text: str) -> None:
        """Text that came now."""
        self.events.append((time.monotonic() - self.began, text))

    def type(self, line: str) -> None:
        """A line that somebody typed at a prompt."""
        self.add(f"\x1b[32m$\x1b[0m {line}\r\n")

    def run(self, argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> int:
        """Run a program in the terminal to its end; answers its exit code."""
        process, terminal = self.start(argv, folder=folder, environment=environment)
        for _ in self.follow(terminal):
            pass
        os.close(terminal)
        return process.wait()

    def start(
        self, argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> tuple["subprocess.Popen[bytes]", int]:
        """Start a program in the terminal; answers our end of it, too."""
        ours, theirs = pty.openpty()
        ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        here = {**environment, "TERM": TERM, "COLUMNS": str(self.columns)}
        process = subprocess.Popen(
            argv, cwd=folder, env=here, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        return process, ours

    def follow(self, terminal: int) -> Iterator[str]:
        """Keep what comes, and answer it piece by piece, until nobody writes any more."""
        rest = b""
        while True:
            select.select([terminal], [], [])
            try:
                data = os.read(terminal, 65536)
            except OSError:  # Linux's way to tell the end
                data = b""
            if not data:
                return
            text = (rest + data).decode(errors="ignore")  # a letter may come in two pieces
            rest = (rest + data)[len(text.encode()) :]
            self.add(text)
            yield text

    def cast(self) -> str:
        """The recording as an asciicast."""
        head = {"version": 2, "width": self.columns, "height": self.rows, "idle_time_limit": 2, "env": {"TERM": TERM}}
        lines = [json.dumps(head), *(json.dumps([round(at, 3), "o", text]) for at, text in self.events)]
        return "\n".join(lines) + "\n"


@dataclass(kw_only=True)
class Screen:
    """What can be seen: of each place a letter and its style, after some text."""

    columns: int
    rows: int
    lines: list[list[tuple[str, str]]] = field(default_factory=lambda: [[]])
    x: int = 0
    style: str = ""

    def feed(self, text: str) -> None:
        """Show text; sequences that move about a page or do what we don't know are left out."""
        for found in _SEQUENCE.finditer(text):
            numbers, action = found[1], found[2]
            if action:
                self._act(action, [int(n) for n in re.findall(r"\d+", numbers)])
            elif found[0] == "\n":
                self.y += 1
                if self.y == len(self.lines):
                    self.lines.append([])
            elif found[0] == "\r":
                self.x = 0
            elif found[0] == "\b":
                self.x = max(0, self.x - 1)
            elif not found[0].startswith("\x1b"):
                self._write(found[0])

    y: int = 0

    def _write(self, text: str) -> None:
        for letter in text:
            if self.x == self.columns:
                self.feed("\r\n")
            line = self.lines[self.y]
            line += [(" ", "")] * (self.x + 1 - len(line))
            line[self.x] = (letter, self.style)
            self.x += 1

    def _act(self, action: str, numbers: list[int]) -> None:
        if action == "A":
            self.y = max(0, self.y - (numbers or [1])[0])
        elif action == "K":
            del self.lines[self.y][0 if numbers[:1] == [2] else self.x :]
        elif action == "m":
            self._colour(numbers or [0])

    def _colour(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in (0, 39):
                self.style = ""
            elif number in (1, 2):
                self.style += {1: "b", 2: "d"}[number]
            elif number % 10 < 8 and number // 10 in (3, 9):
                self.style = re.sub(r"\d", "", self.style) + str(number % 10)

    def seen(self) -> list[list[tuple[str, str]]]:
        """The last lines, as runs of letters of one style."""
        shown = []
        for line in self.lines[-self.rows :]:
            runs: list[tuple[str, str]] = []
            for letter, style in line:
                if runs and runs[-1][1] == style:
                    runs[-1] = (runs[-1][0] + letter, style)
                else:
                    runs.append((letter, style))
            shown.append(runs)
        return shown


def drawn(recording: Recording, title: str) -> str:
    """A recording as an SVG whose pictures follow each other, for ever; who wants no motion sees the last one."""
    shots = list(_shots(recording))
    height = _PAD * 2 + _HEIGHT * max(len(lines) for _, lines in shots)
    width = round(_PAD * 2 + _WIDTH * recording.columns)
    total = sum(seconds for seconds, _ in shots)
    steps, at = [], 0.0
    for i, (seconds, _) in enumerate(shots):
        steps.append(f"{100 * at / total:.3f}%{{transform:translateY({-i * height}px)}}")
        at += seconds
    inks = "".join(f".c{n}{{fill:{ink}}}" for n, ink in enumerate(_INKS))
    frames = "".join(_frame(lines, i * height) for i, (_, lines) in enumerate(shots))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img"><title>{escape(title)}</title><style>'
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre;"
        f"fill:{_INK}}}.b{{font-weight:600}}.d{{opacity:.65}}{inks}"
        f"@keyframes play{{{''.join(steps)}}}"
        f"#film{{animation:play {total:.2f}s steps(1,end) infinite}}"
        "@media(prefers-reduced-motion:reduce){#film{animation:none;"
        f"transform:translateY({-(len(shots) - 1) * height}px)}}}}"
        f'</style><rect width="100%" height="100%" rx="8" fill="{_PAPER}"/><g id="film">{frames}</g></svg>\n'
    )


def _shots(recording: Recording) -> Iterator[tuple[float, list[list[tuple[str, str]]]]]:
    """What is seen, and for how long."""
    screen, last = Screen(columns=recording.columns, rows=recording.rows), 0.0
    waiting: list[list[tuple[str, str]]] | None = None
    for at, text in recording.events:
        if waiting is not None and at - last >= _FRAME_SECONDS:
            yield min(at - last, _IDLE_SECONDS), waiting
            last = at
        elif waiting is None:
            last = at
        screen.feed(text)
        waiting = screen.seen()
    if waiting is not None:
        yield _LAST_SECONDS, waiting


def _frame(lines: list[list[tuple[str, str]]], top: int) -> str:
    texts = []
    for i, runs in enumerate(lines):
        spans = "".join(_span(letters, style) for letters, style in runs)
        if spans.strip():
            texts.append(f'<text x="{_PAD}" y="{top + _PAD + _HEIGHT * i + 13}">{spans}</text>')
    return "".join(texts)


def _span(letters: str, style: str) -> str:
    names = " ".join(f"c{one}" if one.isdigit() else one for one in dict.fromkeys(style))
    return f'<tspan class="{names}">{escape(letters)}</tspan>' if names else escape(letters)


def main(file: Path, argv: Sequence[str]) -> int:
    """Record a command; answers its exit code."""
    recording = Recording()
    recording.type(" ".join(argv))
    code = recording.run(argv, folder=Path.cwd(), environment=os.environ)
    file.write_text(drawn(recording, " ".join(argv)))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
