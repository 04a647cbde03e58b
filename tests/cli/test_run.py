"""`reelmill run` and `reelmill demo`: a system of their own, outputs where the user wants them."""

import json
import re
import shutil
import signal
from pathlib import Path

import clips
import pytest
from cli.conftest import Process, reelmill
from gateway.browser import Browser
from media.watching import furnish, play_out, serving, start

from reelmill.cli.processes import known_as_up, running_up
from reelmill.media.launcher import running
from reelmill.media.probe import Prober
from reelmill.media.warm import WarmChildren


def done(process: Process) -> tuple[int, str, str]:
    """Exit code, standard output and error."""
    out, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    return process.returncode, out, err


def left(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "data" not in p.parts)


async def test_files_are_run_by_presets_into_the_folder(tmp_path: Path, clip: Path) -> None:
    for name in ("one.mp4", "two words.mp4"):
        shutil.copy(clip, tmp_path / name)
    presets = ["-p", "podcast-audio", "-p", "web-mp4", "-p", "web-hls", "-p", "web-cmaf"]
    files = ("one.mp4", "two words.mp4")
    code, out, err = done(reelmill("run", *files, *presets, "-o", "out", folder=tmp_path, as_a_user=True))
    assert code == 0, err
    stream = (
        "master.m3u8",
        *(f"{of}/{file}" for of in ("audio-und", "h264-180") for file in ("00001.m4s", "index.m3u8")),
    )
    every = left(tmp_path / "out")
    assert [name for name in every if "/" not in name] == [
        "one-podcast-audio.mp3",
        "one-web-mp4.mp4",
        "two words-podcast-audio.mp3",
        "two words-web-mp4.mp4",
    ]
    trees = [f"{name}-{preset}" for name in ("one", "two words") for preset in ("web-hls", "web-cmaf")]
    assert {f"{tree}/{file}" for tree in trees for file in stream} <= set(every)
    assert re.search(r"web-mp4 +one-web-mp4\.mp4 +[0-9.]+ kB +h264\+aac +320×180 +4\.\d+ s", out)
    assert "one: COMPLETED" in err
    async with running() as launcher:
        prober = Prober(WarmChildren(launcher))
        probed = await prober.of("").probe(tmp_path / "out" / "one-web-mp4.mp4")
        await prober.children.close()
    assert [s.codec for s in probed.info.streams] == ["h264", "aac"]
    furnish(tmp_path / "out")
    with serving(tmp_path / "out") as address, Browser(tmp_path / "chromium") as browser:
        for call in ("hls('/one-web-hls/master.m3u8', 0)", "dash('/one-web-cmaf/manifest.mpd')"):
            start(browser, address, call)
            play_out(browser)
            assert browser.evaluate("seen.errors") == [] and browser.evaluate("frames()") == clips.FPS * clips.SECONDS


def test_a_failed_file_gives_exit_code_1_and_the_others_stay(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_text("no media\n" * 1000)
    code, _, err = done(reelmill("run", "good.mp4", "bad.mp4", "-p", "podcast-audio", "-o", "out", folder=tmp_path))
    assert code == 1
    assert "INPUT_NOT_MEDIA (input): " in err
    assert left(tmp_path / "out") == ["good-podcast-audio.mp3"]


def test_a_job_file_is_run_and_a_faulty_one_is_told_by_field(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.mp4")
    late = {"name": "late", "thumbnail": {"times_seconds": [9999]}, "optional": True}
    good = {"outputs": [{"name": "still", "thumbnail": {"count": 1, "width": 64}}, late]}
    elsewhere = {"pool": "films", "requires": ["gpu"]}  # of a cluster: here and now there is one worker
    (tmp_path / "job.json").write_text(json.dumps(good | {"inputs": [{"uri": "clip.mp4"}]} | elsewhere))
    command = ("run", "--job", "job.json", "-o", "out")
    code, out, err = done(reelmill(*command, folder=tmp_path, worker_pool="stills", worker_labels='["x"]'))
    assert code == 0, err
    assert left(tmp_path / "out") == ["clip-still-0001.jpg"]
    assert re.search(r"^late +TIME_OUT_OF_RANGE: ", out, re.MULTILINE)
    (tmp_path / "bad.json").write_text(json.dumps({"outputs": [{"name": "a", "audio": {"channels": 9}}]}))
    code, _, err = done(reelmill("run", "clip.mp4", "--job", "bad.json", "-o", "out", folder=tmp_path))
    assert (code, "outputs[0].audio.channels: 9 is not between" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give files to run on"),
        (["none.mp4"], "there is no file none.mp4"),
        (["a/x.mp4", "b/x.mp4"], "two files are named x"),
        (["a/x.mp4", "--job", "j", "-p", "web-mp4"], "--job and --preset: give one of them"),
        (["a/x.mp4", "-o", "/proc/none"], "can't write to /proc/none"),
        (["a/x.mp4", "--data", "a/x.mp4"], "REELMILL_DATA_DIR: a/x.mp4 can't be made"),
    ],
)
def test_a_usage_fault_is_one_line_and_runs_nothing(cli, tmp_path: Path, arguments: list[str], words: str) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.mp4").touch()
    result = cli("run", *arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_interrupt_cancels_and_leaves_nothing(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.mp4")
    slow = {"video": {"codec": "AV1", "effort": "SLOW", "width": 3840, "height": 2160, "fit": "STRETCH"}}
    job = {"outputs": [{"name": "slow", "transcode": slow}]}
    (tmp_path / "job.json").write_text(json.dumps(job))
    process = reelmill("run", "clip.mp4", "--job", "job.json", "-o", "out", folder=tmp_path)
    seen = ""
    while "transcoding" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    code, out, err = done(process)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; cancelled: clip"
    assert left(tmp_path / "out") == []


def test_the_demo_ends_well_and_lists_what_came_out(tmp_path: Path) -> None:
    code, out, err = done(reelmill("demo", "--data", "demo", folder=tmp_path))
    assert code == 0, err
    assert err.splitlines()[-1] == "demo job: COMPLETED"
    rows = [line.split() for line in out.splitlines()]
    listed = [row[1] for row in rows if row and row[0] in ("video", "stills", "sound")]
    assert listed == ["video/video.mp4", *(f"stills/stills-000{i}.jpg" for i in range(1, 6)), "sound/sound.mp3"]
    assert {row[0] for row in rows if row} >= {"queued", "probing", "transcoding", "packaging", "uploading"}
    assert f"Everything is in {tmp_path / 'demo'}." in out


def test_where_an_up_serves_the_data_folder_it_runs_the_jobs(live_cli, live, tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "talk.mp4")
    folder = ("--data", str(live.folder / "data"))

    def known() -> list[str]:
        return [json.loads(line)["id"] for line in live_cli("jobs", "--json", "--limit", "5").stdout.splitlines()]

    before = known()
    done = live_cli("run", "talk.mp4", "-p", "podcast-audio", "-p", "web-hls", "-o", "out", "--json", *folder)
    assert done.exit_code == 0, done.stderr
    ran = json.loads(done.stdout)
    assert known()[:2] == [ran["id"], *before[:1]]
    assert ran["inputs"][0]["uri"].startswith("upload:")  # it lies in no folder that the system may read
    assert (tmp_path / "out" / "talk-podcast-audio.mp3").is_file()
    assert (tmp_path / "out" / "talk" / "master.m3u8").is_file()
    assert [path.name for path in (tmp_path / "out").glob(".*")] == []
    page = live_cli("job", ran["id"], "--json")
    assert json.loads(page.stdout)["outputs"][0]["files"][0]["uri"].startswith("file:///")  # its history has them too

    wrong = live_cli("run", "talk.mp4", "-p", "no-such", "-o", "out", *folder)
    assert (wrong.exit_code, wrong.stderr.startswith("--preset no-such: ")) == (2, True), wrong.stderr
    assert known()[0] == ran["id"]


def test_local_runs_a_job_here_even_where_an_up_serves(live_cli, live, tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "talk.mp4")
    before = live_cli("jobs", "--json", "--limit", "1").stdout
    done = live_cli("run", "talk.mp4", "-p", "podcast-audio", "--local", "--data", str(live.folder / "data"))
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "talk-podcast-audio.mp3").is_file()
    assert live_cli("jobs", "--json", "--limit", "1").stdout == before


def test_an_up_that_is_gone_is_none(tmp_path: Path) -> None:
    assert running_up(tmp_path) is None
    (tmp_path / "up.pid").write_text("1\nhttp://127.0.0.1:1\n127.0.0.1:2\n")  # what one left that was killed
    assert running_up(tmp_path) is None
    with known_as_up(tmp_path) as known:
        assert running_up(tmp_path) is None  # it is not ready
        known("http://127.0.0.1:8080", "127.0.0.1:9090")
        assert running_up(tmp_path) == ("http://127.0.0.1:8080", "127.0.0.1:9090")
        with known_as_up(tmp_path) as another:
            another("http://127.0.0.1:1", "127.0.0.1:2")
            assert running_up(tmp_path) == ("http://127.0.0.1:8080", "127.0.0.1:9090")
    assert running_up(tmp_path) is None
