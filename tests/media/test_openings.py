"""A file that stays open between two questions: for whom, how long, and that the second answer is the same."""

import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from media.kit import make
from waiting import PATIENCE_SECONDS

from reelmill.media import warm_child
from reelmill.media.launcher import Launcher
from reelmill.media.openings import Shelf, is_forgotten
from reelmill.media.warm import WarmChildren

LOOK: dict[str, Any] = {"looks": [], "span": [], "partial": False}
STILL = {"stream": 0, "seek": 0.04, "filters": [["scale", "16:16"], ["format", "rgb24"]], "encoder": "png"}
ORDER = {"demuxer": "mov", "stills": [{**STILL, "options": {}, "decoding": {}, "frames": 1}]}


def told(shelf: Shelf, path: Path, question: dict[str, Any], holder: str = "mine") -> dict[str, Any]:
    """What a child says that holds a shelf, without what it says of it; and the pictures."""
    file = os.open(path, os.O_RDONLY)
    try:
        said, made = warm_child.answer(file, {**question, "holder": holder} if holder else question, shelf)
    finally:
        os.close(file)
    return {**said, "made": made}


def test_only_its_holder_finds_a_file_open_and_finds_it_once(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(tiny, tmp_path / "copy.mp4"))
    shelf = Shelf()
    first = told(shelf, tiny, ORDER, "")
    for second, path in (("mine", tiny), ("another's", tiny), ("", tiny), ("mine", copy)):
        assert told(shelf, tiny, LOOK)["kept"] is True
        answer = told(shelf, path, ORDER, second)
        assert answer["held"] is (second == "mine" and path == tiny), (second, path)
        assert answer["made"] == first["made"]
        assert shelf.empty
    assert told(shelf, tiny, LOOK, "")["kept"] is False


def test_a_file_that_changed_is_opened_anew(tiny: Path, tmp_path: Path) -> None:
    path, shelf = Path(shutil.copy(tiny, tmp_path / "film.mp4")), Shelf()
    for change in (lambda: path.write_bytes(tiny.read_bytes() + bytes(8)), lambda: os.utime(path, (1, 1))):
        assert told(shelf, path, LOOK)["kept"] is True
        change()
        assert told(shelf, path, ORDER)["held"] is False


def test_what_may_read_otherwise_is_not_kept(tiny: Path, tmp_path: Path) -> None:
    """Fragments, other containers, films of an encoder whose build matters, and what libav has something to say of."""
    copied = ("-i", str(tiny), "-c", "copy")
    old = tmp_path / "old.mp4"
    old.write_bytes(make(tmp_path / "plain.mp4", *copied).read_bytes())
    build = old.read_bytes().find(b"x264 - core ")
    assert build > 0
    data = bytearray(old.read_bytes())
    data[build + 12 : build + 15] = b"148"
    old.write_bytes(data)
    for path in (
        old,
        make(tmp_path / "fragments.mp4", *copied, "-movflags", "frag_keyframe+empty_moov"),
        make(tmp_path / "film.mkv", *copied),
        make(tmp_path / "a.mp4", "-f", "lavfi", "-i", "testsrc2=duration=0.4", "-c:v", "mpeg4"),
        make(tmp_path / "a.png", "-f", "lavfi", "-i", "testsrc2", "-frames:v", "1"),
    ):
        shelf = Shelf()
        assert told(shelf, path, LOOK)["kept"] is False, path
        assert shelf.empty


def test_decoders_that_remember(tiny: Path) -> None:
    assert is_forgotten("h264", b"\0\0\1e") and is_forgotten("h264", b"..x264 - core 164 r3095")
    assert not is_forgotten("h264", b"..x264 - core 150") and not is_forgotten("mpeg4", b"")


def test_what_nobody_asks_for_is_let_go(tiny: Path) -> None:
    asker, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with asker, child:
        for asked in (True, False):
            shelf = Shelf()
            assert told(shelf, tiny, LOOK)["kept"] is True
            if asked:
                asker.send(b"a question")
            warm_child.wait(child, shelf, 0.0)
            assert shelf.empty is not asked
            if asked:
                child.recv(100)
            shelf.clear()


@pytest.fixture
async def children(launcher: Launcher) -> AsyncIterator[WarmChildren]:
    made = WarmChildren(launcher, timeout_seconds=PATIENCE_SECONDS, children=2)
    yield made
    await made.close()


async def test_the_child_that_has_a_file_open_is_asked_and_others_leave_it(children: WarmChildren, tiny: Path) -> None:
    holders = ("one", "another")
    for holder in holders:
        assert (await children.ask("", tiny, LOOK, holder)).told["kept"] is True
    for holder in holders:
        assert (await children.ask("", tiny, ORDER, holder)).told["held"] is True
    # Where there are as many children as there may be, who comes takes one that has another's file open.
    three = (*holders, "a third")
    for holder in three:
        assert (await children.ask("", tiny, LOOK, holder)).told["kept"] is True
    held = [(await children.ask("", tiny, ORDER, holder)).told["held"] for holder in reversed(three)]
    assert sorted(held) == [False, True, True]
