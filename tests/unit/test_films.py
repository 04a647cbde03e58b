"""Films of words are made once, all others each time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import films
import pytest

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30000/1001")
SOUND = ("-f", "lavfi", "-t", "1", "-i", "sine")
# Writes its arguments into the last of them.
FFMPEG = """#!/bin/sh
for last; do :; done
echo "$@" >> "$(dirname "$0")/log"
case "$*" in *wrong*) echo "no such thing" >&2; exit 1;; *several*) touch "$last.1";; esac
echo "$@" > "$last"
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Makes tmp_path/NAME, and answers how often the program ran until then."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    films._folder.cache_clear()
    program = tmp_path / "ffmpeg"
    program.write_text(FFMPEG)
    program.chmod(0o755)

    def make(*arguments: str, name: str = "a.mp4") -> int:
        films.make(program, arguments, tmp_path / name)
        assert (tmp_path / name).read_text()
        return len((tmp_path / "log").read_text().splitlines())

    yield make
    films._folder.cache_clear()


def test_what_is_made_of_words_is_made_once(runs: Callable[..., int], tmp_path: Path) -> None:
    assert runs(*PICTURE, *SOUND, "-c:v", "libx264") == 1
    (tmp_path / "a.mp4").write_text("changed by a test")
    assert runs(*PICTURE, *SOUND, "-c:v", "libx264", name="b.mp4") == 1, "whatever a test did to its copy"
    assert "libx264" in (tmp_path / "b.mp4").read_text()
    assert runs(*PICTURE, *SOUND, "-c:v", "libx265") == 2
    assert runs(*PICTURE, *SOUND, "-c:v", "libx264", name="a.mkv") == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("-i", "film.mp4"),
        (*PICTURE, "-i", "film.mp4"),
        (*PICTURE, "-attach", "/some/font.ttf"),
        (*PICTURE, "-vf", "subtitles=filename='/some/words.srt'"),
        (*PICTURE, "several"),
    ],
)
def test_what_is_made_of_files_or_is_several_is_made_anew(runs: Callable[..., int], arguments: tuple[str, ...]) -> None:
    first = runs(*arguments)
    assert runs(*arguments) > first
    assert runs(*PICTURE, name="%d.png") < runs(*PICTURE, name="%d.png"), "and so are pictures that are counted"


def test_what_ffmpeg_says_is_told(runs: Callable[..., int]) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"could not make a\.mp4: no such thing"):
            runs(*PICTURE, "wrong")


def test_what_nobody_asked_for_is_kept_for_a_month(runs: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert [runs(*PICTURE), runs(*PICTURE)] == [1, 1]
    monkeypatch.setattr(films, "_KEPT_SECONDS", -10.0)
    films._folder.cache_clear()
    assert runs(*PICTURE) == 2


def test_what_another_process_clears_away_meanwhile_is_nothing(
    runs: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = films._folder()
    films._folder.cache_clear()
    monkeypatch.setattr(Path, "iterdir", lambda path: iter([path / "gone"] if path == folder else []))
    assert films._folder() == folder
