"""`reelmill reproduce`: what a job made is made again here, to the byte, or it is told which file differs."""

import json
import shutil
from pathlib import Path

import pytest
from cli.conftest import Cli
from live import Reelmill

from reelmill.cli.reproduce import folders_of

OUTPUTS = [
    {"name": "film", "transcode": {"video": {"height": 90}, "overlays": [{"text": {"text": "it's 5:00, {so}"}}]}},
    {"name": "sound", "audio": {"format": "WAV"}},
    {"name": "still", "thumbnail": {"count": 2, "width": 64}},
]


def done(cli: Cli, live: Reelmill, source: Path, *outputs: dict[str, object]) -> dict[str, object]:
    job = {"inputs": [{"uri": source.as_uri()}], "outputs": outputs or OUTPUTS}
    result = cli("submit", "-", "--watch", "--json", input=json.dumps(job))
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return told


def test_a_job_is_made_again_to_the_byte_and_what_differs_is_told(live_cli: Cli, live: Reelmill) -> None:
    source = Path(shutil.copy(live.media / "clip.mp4", live.media / "again.mp4"))
    job = done(live_cli, live, source)
    [receipt] = job["receipts"]  # type: ignore[misc]
    assert receipt["outputs"] == ["film", "sound", "still"]
    assert {name for run in receipt["runs"] for name in run["outputs"]} == {"film", "sound", "still"}
    assert receipt["inputs"][0]["path"] == "input-0" and len(receipt["engine"]) == 16
    again = live_cli("reproduce", str(job["id"]), "--output", "film", "--output", "sound")
    assert (again.exit_code, again.stdout) == (0, "film/film.mp4: same\nsound/sound.wav: same\n"), again.output
    stills = live_cli("reproduce", str(job["id"]), "--output", "still").stdout
    assert stills.count("still/") == 2 and ("same" in stills or "packs the same pixels" in stills)
    moved = source.rename(live.media / "moved.mp4")
    assert live_cli("reproduce", str(job["id"])).exit_code == 1
    given = live_cli("reproduce", str(job["id"]), "--output", "sound", "--input", str(moved))
    assert (given.exit_code, given.stdout) == (0, "sound/sound.wav: same\n"), given.output
    moved.write_bytes(moved.read_bytes()[:-1])
    refused = live_cli("reproduce", str(job["id"]), "--input", str(moved))
    assert refused.exit_code == 1 and "is not the file that the job read" in refused.stderr


def test_streams_and_what_tools_write_are_made_again_too(live_cli: Cli, live: Reelmill) -> None:
    source = Path(shutil.copy(live.media / "clip.mp4", live.media / "streamed.mp4"))
    stream = {"segment_seconds": 1, "protocols": ["HLS", "DASH"], "rungs": [{"height": 90}]}
    job = done(
        live_cli,
        live,
        source,
        {"name": "stream", "package": stream},
        {"name": "look", "analyze": {"looks": ["BLACK"]}},
        {"name": "wave", "waveform": {"format": "JSON"}},
        {"name": "board", "sprite": {"count": 4, "columns": 2, "rows": 2, "width": 32}},
    )
    [receipt] = job["receipts"]  # type: ignore[misc]
    assert {run["program"] for run in receipt["runs"]} == {"ffmpeg", "packager", "tool"}
    again = live_cli("reproduce", str(job["id"]))
    lines = again.stdout.splitlines()
    assert again.exit_code == 0 and all(line.endswith(": same") for line in lines), again.output
    assert {"stream/master.m3u8", "look/look.json", "wave/wave.json", "board/board.vtt"} <= {
        x.split(":")[0] for x in lines
    }


@pytest.mark.parametrize(
    ("argument", "folders"),
    [
        ("in=.s/a.mp4,stream=video,init_segment=s/v/init.mp4", {".s", "s/v"}),
        ("scale=1:2,metadata=mode=print:file=_work/a.txt", {"_work"}),
        ("file:/tmp/a/b", set()),
        ("../../etc/a", set()),
        ("a.mp4", set()),
    ],
)
def test_folders_that_a_command_writes_to_are_there(argument: str, folders: set[str]) -> None:
    assert folders_of([argument]) == folders


def test_a_file_that_was_changed_differs(live_cli: Cli, live: Reelmill) -> None:
    """Its record says what it was; what is made here is compared with that."""
    source = Path(shutil.copy(live.media / "clip.mp4", live.media / "other.mp4"))
    job = done(live_cli, live, source, OUTPUTS[1])
    data = bytearray(source.read_bytes())
    at = data.find(b"mdat") + 2000  # what is heard and seen from then on
    data[at : at + len(data) // 2] = bytes(len(data) // 2)
    source.write_bytes(data)
    found = live_cli("reproduce", str(job["id"]))
    assert found.exit_code == 1
    assert "sound/sound.wav: differs" in found.stdout or "failed" in found.stderr
