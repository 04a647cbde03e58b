"""Which ffmpeg is taken, and what is read out of what it says of itself."""

from pathlib import Path

import pytest

from reelmill.media import ffmpeg

SAYS = r"""#!/bin/sh
case "$2" in
-version) echo "VERSION" ;;
-encoders) printf ' V....D = Video\n ------\n V....D libx264   H.264\n A....D aac\n'
    printf ' S..... srt x\n VFS..D long\n  V....D not\n' ;;
-filters) printf ' T.. = Timeline\n TS scale  V->V\n .. crop\n T.C old one\n ... split\n TSC all three\n  .. not\n' ;;
esac
[ "$1" = -hide_banner ]
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("ffmpeg version n7.1-x Copyright", "n7.1-x"),
        ("built\nffmpeg version 8.0\n", "8.0"),
        ("something else", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_ffmpeg_tells_its_version_encoders_and_filters(tmp_path: Path, said: str, version: str) -> None:
    able = ffmpeg.capabilities(program(tmp_path / "ffmpeg", SAYS.replace("VERSION", said)))
    assert able.version == version
    assert able.encoders == {"=", "libx264", "aac", "srt", "long"}
    assert able.filters >= {"scale", "crop", "old", "split", "all"} and "not" not in able.filters


def test_one_that_does_not_run_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none", program(tmp_path / "fails", "#!/bin/sh\nexit 3\n")):
        with pytest.raises(RuntimeError, match=rf"{path} does not run: "):
            ffmpeg.capabilities(path)


def test_the_setting_goes_before_the_one_that_came_along_and_that_before_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imageio_ffmpeg

    mine = program(tmp_path / "ffmpeg", "")
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/came/along")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg.find_ffmpeg() == Path("/came/along")
    assert ffmpeg.find_ffmpeg("ffmpeg") == ffmpeg.find_ffmpeg(str(mine)) == mine
    with pytest.raises(RuntimeError, match="REELMILL_FFMPEG: 'other' is no program; give the path of an ffmpeg"):
        ffmpeg.find_ffmpeg("other")
    monkeypatch.chdir(tmp_path)
    assert ffmpeg.find_ffmpeg("./ffmpeg") == mine, "wherever it is started"

    def none() -> str:
        raise RuntimeError("no binary came along")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    assert ffmpeg.find_ffmpeg() == mine
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(RuntimeError, match="there is no ffmpeg: install one, or set REELMILL_FFMPEG to its path"):
        ffmpeg.find_ffmpeg()
