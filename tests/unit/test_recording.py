"""What a terminal showed is drawn as it was seen (scripts/recording.py): README and docs have recordings of it."""

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

from recording import Recording, Screen, drawn

SVG = "{http://www.w3.org/2000/svg}"


def texts(screen: Screen) -> list[str]:
    return ["".join(letters for letters, _ in line) for line in screen.seen()]


def test_a_screen_shows_what_a_terminal_would() -> None:
    screen = Screen(columns=10, rows=3)
    screen.feed("\x1b[?25ltalk 10 %\r\nsmall 5 %\r\x1b[2K\x1b[1A\r\x1b[2Ktalk \x1b[1;32m20\x1b[0m %")
    assert texts(screen) == ["talk 20 %", ""]
    assert screen.seen()[0] == [("talk ", ""), ("20", "b2"), (" %", "")]
    screen.feed("\r\n\nabcdefghijkl\b\bX")
    assert texts(screen) == ["", "abcdefghij", "Xl"]
    screen.feed("\x1b]0;title\x07\r\x1b[K\x1b[96mé")
    assert screen.seen()[-1] == [("é", "6")]


def test_a_program_is_recorded_in_a_terminal_and_drawn(tmp_path: Path) -> None:
    code = "import sys, os; print('a <b> & é', sys.stdout.isatty(), os.get_terminal_size().columns); sys.exit(3)"
    recording = Recording(columns=60)
    recording.type("talk <now>")
    assert recording.run([sys.executable, "-c", code], folder=tmp_path, environment=os.environ) == 3
    head, *lines = map(json.loads, recording.cast().splitlines())
    assert (head["version"], head["width"]) == (2, 60)
    assert "".join(text for _, _, text in lines).endswith("a <b> & é True 60\r\n")
    seen = "\n".join(
        "".join(one.itertext()) for one in ElementTree.fromstring(drawn(recording, "a & b")).iter(f"{SVG}text")
    )
    assert "$ talk <now>" in seen and "a <b> & é True 60" in seen


def test_pictures_follow_each_other_and_pauses_are_short() -> None:
    events = [(0.0, "one\r\n"), (0.01, "two\r\n"), (500.0, "three\r\n")]
    made = ElementTree.fromstring(drawn(Recording(events=events), "three"))
    style = made.findtext(f"{SVG}style") or ""
    assert [style.count("%{transform"), style.count("play 5.20s")] == [2, 1]
    shown = [("".join(one.itertext()), int(one.attrib["y"])) for one in made.iter(f"{SVG}text")]
    assert [text for text, _ in shown] == ["one", "two", "one", "two", "three"]
    assert shown[2][1] - shown[0][1] == int(made.attrib["height"])
