"""submit, jobs, job, watch, cancel, retry, logs, workers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from cli.conftest import Cli
from live import Reelmill
from rich.console import Console
from services.process import HOST, free_port

from reelmill import __version__
from reelmill.cli.display import workers_table
from reelmill.v1.workers_pb2 import Worker

BODY = {"inputs": [{"uri": "https://example.org/x.mov"}], "outputs": [{"name": "sound", "preset": "podcast-audio"}]}


def submitted(cli: Cli, *options: str) -> str:
    """Id of a new job."""
    result = cli("submit", "-", *options, input=json.dumps(BODY))
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.strip()


def test_submit_watches_to_the_end_and_shows_the_outputs(live_cli: Cli, live: Reelmill) -> None:
    result = live_cli("submit", "--input", f"{live.media}/clip.mp4", "--preset", "podcast-audio", "--watch")
    assert result.exit_code == 0
    job_id = result.stdout.splitlines()[0]
    assert f"{job_id}: PROCESSING" in result.stderr
    assert f"{job_id}: COMPLETED" in result.stderr
    assert re.search(r"podcast-audio +podcast-audio\.mp3 +[0-9.]+ kB +mp3 +4\.\d+ s", result.stdout)
    shown = live_cli("job", job_id)
    assert "COMPLETED" in shown.stdout
    heading, line = live_cli("job", job_id, "--tasks").stdout.splitlines()
    assert heading.split() == ["ID", "KIND", "OUTPUTS", "STATE", "DONE", "ATTEMPT", "WORKER", "NOTE"]
    assert re.fullmatch(r"[0-9a-f-]{36} +run_job +podcast-audio +COMPLETED +100 % +1 +\S+ *", line), line
    told = json.loads(live_cli("job", job_id, "--tasks", "--json").stdout)
    assert (told["id"], told["state"], told["outputs"]) == (line.split()[0], "COMPLETED", ["podcast-audio"])
    logs = live_cli("logs", job_id).stdout
    assert "#1 input 1: " in logs
    assert "libmp3lame" in logs


def test_a_dry_run_shows_the_commands_and_stores_nothing(live_cli: Cli, live: Reelmill) -> None:
    options = ("submit", "--input", f"{live.media}/clip.mp4", "--preset", "podcast-audio", "--dry-run")
    before = live_cli("jobs", "--json").stdout
    shown, told = live_cli(*options), live_cli(*options, "--json")
    assert (shown.exit_code, told.exit_code, shown.stderr) == (0, 0, "")
    [command] = shown.stdout.splitlines()
    assert "libmp3lame" in command
    assert [step["command"] for step in json.loads(told.stdout)["steps"]] == [command]
    assert live_cli("jobs", "--json").stdout == before


def test_an_estimate_is_shown_and_stores_nothing(live_cli: Cli, live: Reelmill) -> None:
    options = ("submit", "--input", f"{live.media}/clip.mp4", "--preset", "podcast-audio", "--estimate")
    before = live_cli("jobs", "--json").stdout
    shown, told = live_cli(*options), live_cli(*options, "--json")
    assert (shown.exit_code, told.exit_code, shown.stderr) == (0, 0, "")
    heading, output, whole, queue = shown.stdout.splitlines()
    assert heading.split() == ["OUTPUT", "CORE-SECONDS", "SIZE", "TIME", "MEASURED", "REUSE"]
    assert (output.split()[0], whole.split()[0], queue.split()[0]) == ("podcast-audio", "all", "queue:")
    assert json.loads(told.stdout)["outputs"][0]["estimate"]["core_seconds"]["likely"] > 0
    assert live_cli("jobs", "--json").stdout == before
    both = live_cli(*options, "--dry-run")
    assert both.exit_code == 2 and "--dry-run or --estimate" in both.stderr


def test_progress_never_goes_back_to_the_end(live_cli: Cli, live: Reelmill) -> None:
    (live.folder / "job.json").write_text(
        json.dumps(
            {
                "inputs": [{"uri": f"file://{live.media}/clip.mp4"}],
                "outputs": [
                    {"name": "a", "transcode": {"video": {"height": 480}}},
                    {"name": "b", "transcode": {"trim": {"start_seconds": 1}, "container": "WEBM"}},
                    {"name": "c", "thumbnail": {"count": 3}},
                ],
            }
        )
    )
    shown = live_cli("submit", str(live.folder / "job.json"), "--watch", "--json").stdout.splitlines()
    events = [json.loads(line) for line in shown[1:-1]]
    assert events[-1]["state"] == "COMPLETED", events[-1]
    # As a client reads it that asks for the percentage of each: none is 0.
    percents = [event.get("progress", {}).get("percent", 0.0) for event in events]
    assert (percents, percents[-1]) == (sorted(percents), 100.0)
    assert any(0 < percent < 100 for percent in percents)


def test_a_failed_job_is_told_with_its_remedy_and_exit_code_1(live_cli: Cli, live: Reelmill) -> None:
    result = live_cli("submit", "--input", f"file://{live.media}/none.mp4", "--preset", "web-mp4", "--watch")
    assert result.exit_code == 1
    assert "INPUT_NOT_FOUND (input): " in result.stdout
    assert "Check the input's address, and that the file is there as the worker sees it." in result.stdout
    job_id = result.stdout.splitlines()[0]
    assert live_cli("watch", job_id).exit_code == 1
    events = [json.loads(line) for line in live_cli("watch", job_id, "--json", "--after", "1").stdout.splitlines()]
    assert (events[0]["sequence"], events[-1]["error"]["code"]) == ("2", "INPUT_NOT_FOUND")
    again = live_cli("retry", job_id, "--watch")
    assert (again.exit_code, "INPUT_NOT_FOUND" in again.stdout) == (1, True)
    assert again.stdout.splitlines()[0] != job_id


def test_options_add_to_a_job(idle_cli: Cli) -> None:
    options = ("--label", "asset=42", "--label", "note=a=b", "--priority", "7", "--json")
    options += ("--pool", "stills", "--require", "gpu", "--require", "av1", "--anew")
    job = json.loads(submitted(idle_cli, *options))
    assert (job["priority"], job["labels"]) == (7, {"asset": "42", "note": "a=b"})
    assert (job["pool"], job["requires"], job["reuse"]) == ("stills", ["gpu", "av1"], False)
    [task] = [json.loads(line) for line in idle_cli("job", job["id"], "--tasks", "--json").stdout.splitlines()]
    assert (task["pool"], task["labels"], task["wait"]) == ("stills", ["av1", "gpu"], "FOR_WORKER")
    assert "no living worker of the pool stills with av1, gpu can" in idle_cli("job", job["id"], "--tasks").stdout


def test_a_pool_or_label_that_can_not_be_is_told_with_its_field(idle_cli: Cli) -> None:
    five = [word for i in range(5) for word in ("--require", f"l{i}")]
    result = idle_cli("submit", "-", "--pool", "Big Pool", *five, input=json.dumps(BODY))
    assert result.exit_code != 0
    assert "standard input: pool: 'Big Pool' does not match" in result.stderr
    assert "standard input: requires: has 5 items; between 0 and 4 are allowed" in result.stderr


def test_a_request_id_makes_one_job(idle_cli: Cli) -> None:
    key = str(uuid4())
    first, again = (submitted(idle_cli, "--request-id", key) for _ in range(2))
    assert first == again
    other = idle_cli("submit", "-", "--request-id", key, "--priority", "1", input=json.dumps(BODY))
    assert (other.exit_code, "with another body" in other.stderr) == (1, True)


def test_workers_are_listed_with_what_they_do(live_cli: Cli) -> None:
    heading, line = live_cli("workers").stdout.splitlines()
    assert heading.split() == ["NAME", "VERSION", "POOL", "LABELS", "RUNNING", "SEEN"]
    assert re.fullmatch(
        rf"\S+ +{re.escape(__version__)} +default +engine=[0-9a-f]{{16}} +\d+/\d+ +\d+ s ago *", line
    ), line
    told = json.loads(live_cli("workers", "--json").stdout)
    assert (told["name"], told["version"], told["pool"]) == (line.split()[0], __version__, "default")


def test_a_worker_that_fell_silent_is_marked() -> None:
    worker = Worker(name="[b]x", version="1.2.3", pool="large", labels=["gpu", "av1"], slots=4, running=5, silent=True)
    worker.silence.FromMilliseconds(61_400)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(workers_table([worker]))
    last = shown.get().splitlines()[-1]
    assert re.split(r"  +", last.strip()) == ["[b]x", "1.2.3", "large", "gpu, av1", "5/4", "61 s ago, silent"]


def test_jobs_lists_newest_first_by_filter(idle_cli: Cli) -> None:
    run = str(uuid4())
    made = [submitted(idle_cli, "--label", f"run={run}") for _ in range(3)]
    listed = idle_cli("jobs", "--filter", f'labels.run = "{run}"', "--limit", "2").stdout.splitlines()
    assert listed[0].split() == ["ID", "STATE", "DONE", "AGE", "INPUT"]
    assert [line.split()[0] for line in listed[1:]] == [job_id[-8:] for job_id in made[:0:-1]]
    assert max(map(len, listed)) <= 80
    as_json = idle_cli("jobs", "--filter", f'labels.run = "{run}"', "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in as_json] == made[::-1]


def test_a_job_is_cancelled_and_retried(idle_cli: Cli) -> None:
    job_id = submitted(idle_cli)
    assert idle_cli("cancel", job_id, "--reason", "test").stdout == f"{job_id}: CANCELLED\n"
    assert idle_cli("cancel", job_id).exit_code == 0
    new_id = idle_cli("retry", job_id).stdout.strip()
    assert re.search(rf"retry of +{job_id}", idle_cli("job", new_id).stdout)
    refused = idle_cli("retry", new_id)
    assert (refused.exit_code, "is QUEUED; only FAILED" in refused.stderr) == (1, True)


def test_what_is_wrong_is_told_by_field(idle_cli: Cli) -> None:
    result = idle_cli("submit", "-", input='{"inputs": [], "outputs": [{"name": "../x"}]}')
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "the job breaks some rules"
    assert {line.split(": ")[1] for line in lines[1:]} == {"inputs", "outputs[0].name", "outputs[0]"}


def test_what_options_say_wrong_is_told_by_them_in_a_line(idle_cli: Cli, tmp_path: Path) -> None:
    given = ("submit", "--input", "https://example.org/x.mov")
    for arguments, told in (
        ((*given, "--preset", "web-mp5"), "--preset web-mp5: 'web-mp5' is no preset; did you mean 'web-mp4'?"),
        ((*given, "--preset", "web-mp4", "--output-name", "../x"), "--output-name ../x: '../x' does not match"),
        ((*given, "--preset", "web-mp4", "--pool", "A B"), "--pool: 'A B' does not match"),
        (("submit", "--input", "none.mov", "--preset", "web-mp4"), "--input none.mov: there is no such file here"),
    ):
        result = idle_cli(*arguments)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert result.stderr.startswith(told)


def test_a_job_is_meant_by_its_last_letters_its_beginning_and_as_the_last(idle_cli: Cli) -> None:
    job_id = submitted(idle_cli)
    for meant in (job_id[-8:], job_id[:-1], job_id[-8:].upper(), "@last"):
        assert json.loads(idle_cli("job", meant, "--json").stdout)["id"] == job_id, meant
    nobody = idle_cli("job", "00000000-1")
    assert (nobody.exit_code, "no job's id begins or ends with '00000000-1'" in nobody.stderr) == (1, True)
    other = submitted(idle_cli)
    several = idle_cli("job", job_id[:4])
    assert several.exit_code == 2 and "jobs' ids begin or end with" in several.stderr
    assert idle_cli("cancel", other[-8:]).stdout == f"{other}: CANCELLED\n"


def test_a_job_is_submitted_again_whatever_became_of_it(idle_cli: Cli) -> None:
    job_id = submitted(idle_cli, "--label", "asset=42", "--priority", "7")
    made = json.loads(idle_cli("replay", job_id[-8:], "--json").stdout)
    assert (made["priority"], made["labels"], made["outputs"][0]["name"]) == (7, {"asset": "42"}, "sound")
    other = json.loads(idle_cli("replay", job_id, "--preset", "poster", "--json").stdout)
    assert [(o["name"], o["from_preset"]) for o in other["outputs"]] == [("poster", "poster")]
    refused = idle_cli("replay", job_id, "--preset", "web-mp5")
    assert (refused.exit_code, refused.stderr.startswith("--preset web-mp5: ")) == (2, True)


def test_presets_are_saved_of_a_job_shown_and_removed(idle_cli: Cli, tmp_path: Path) -> None:
    name = f"mine-{uuid4().hex[:8]}"
    (tmp_path / "job.json").write_text(json.dumps({"outputs": [{"name": "a", "audio": {"bitrate_bps": 64000}}]}))
    assert idle_cli("presets", "save", name, "job.json").stdout == f"{name}@1\n"
    both = [{"name": "a", "audio": {}}, {"name": "web", "preset": "web-av1"}]
    (tmp_path / "both.json").write_text(json.dumps({"outputs": both}))
    assert idle_cli("presets", "save", name, "both.json").stdout == f"{name}@2\n"
    shown = json.loads(idle_cli("presets", name, "--json").stdout)
    assert [part["part"] for part in shown["outputs"]] == ["a", "web-av1", "web-h264", "web-poster"]
    first = json.loads(idle_cli("presets", f"{name}@1", "--json").stdout)
    assert int(first["audio"]["bitrate_bps"]) == 64000
    listed = idle_cli("presets").stdout
    assert re.search(rf"^{name}@2 +audio, transcode, thumbnail ", listed, re.MULTILINE)
    assert idle_cli("presets", "rm", name).stdout.startswith(f"{name}: removed")
    refused = idle_cli("presets", "save", "web-mp4", "job.json")
    assert (refused.exit_code, "'web-mp4' comes with Reelmill" in refused.stderr) == (2, True)


def test_files_are_looked_into_jobs_checked_and_outputs_fetched(live_cli: Cli, live: Reelmill, tmp_path: Path) -> None:
    shown = live_cli("probe", f"{live.media}/clip.mp4").stdout
    assert re.search(r"^0 +video +h264 .*320×180", shown, re.MULTILINE)
    missing = live_cli("probe", f"file://{live.media}/none.mp4")
    assert (missing.exit_code, len(missing.stderr.splitlines())) == (2, 1)
    body = {"inputs": [{"uri": f"file://{live.media}/clip.mp4"}], "outputs": [{"name": "s", "audio": {}}]}
    assert live_cli("validate", "-", input=json.dumps(body)).stdout == "-: good; it makes s\n"
    body["outputs"].append({"name": "t", "audio": {"channels": 9}})
    wrong = live_cli("validate", "-", input=json.dumps(body))
    assert wrong.exit_code == 2 and wrong.stderr.startswith("standard input: outputs[1].audio.channels: 9 is not")
    job_id = live_cli(
        "submit", "--input", f"{live.media}/clip.mp4", "--preset", "podcast-audio", "--watch"
    ).stdout.split()[0]
    fetched = live_cli("download", job_id[-8:], "-o", "got", "--gateway", live.http)
    assert fetched.stdout == "got/podcast-audio/podcast-audio.mp3\n", fetched.stderr
    assert (tmp_path / "got/podcast-audio/podcast-audio.mp3").stat().st_size > 1000
    assert live_cli("download", job_id, "-o", "got", "--gateway", f"http://{HOST}:1").exit_code == 0  # it is there
    nothing = live_cli("explain", job_id)
    assert (nothing.exit_code, "is COMPLETED: nothing of it failed" in nothing.stderr) == (1, True)


def test_a_failure_is_explained(live_cli: Cli, live: Reelmill) -> None:
    (live.media / "words.mp4").write_text("no media\n" * 1000)
    done = live_cli("submit", "--input", f"{live.media}/words.mp4", "--preset", "podcast-audio", "--watch")
    told = live_cli("explain", done.stdout.split()[0]).stdout.splitlines()
    assert told[0].startswith("INPUT_NOT_MEDIA: ")
    assert any(line.startswith("remedy: ") for line in told)


def test_usage_faults_are_one_line(cli: Cli) -> None:
    for arguments, words in [
        (("submit",), "give either a job's JSON file, or --input and --preset"),
        (("submit", "none.json"), "can't read none.json: No such file"),
        (("submit", "--input", "x"), "--preset says what to make"),
        (("submit", "-", "--label", "x"), "--label x: must be KEY=VALUE"),
    ]:
        result = cli(*arguments, input="{}")
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert words in result.stderr
    assert "is no job" in cli("submit", "-", input="{").stderr


def test_a_job_that_is_not_there_is_told(idle_cli: Cli) -> None:
    result = idle_cli("job", "abc")
    assert (result.exit_code, result.stderr) == (1, "there is no job 'abc': a job's id is a UUID\n")


def test_an_api_that_is_away_is_told_with_what_to_do(cli: Cli) -> None:
    target = f"{HOST}:{free_port()}"
    result = cli("jobs", "--api", target)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"no answer from the api at {target}; `reelmill up` starts one")


def test_delete_takes_ids_or_what_names_several(idle_cli: Cli) -> None:
    run = str(uuid4())
    ids = [submitted(idle_cli, "--label", f"run={run}") for _ in range(3)]
    for job_id in ids:
        idle_cli("cancel", job_id)
    assert idle_cli("delete", ids[0]).stdout == f"{ids[0]}: deleted\n"
    assert idle_cli("job", ids[0]).exit_code == 1
    assert idle_cli("delete", "--label", f"run={run}", "--older-than", "1h").stdout == "0 jobs deleted\n"
    assert idle_cli("delete", "--label", f"run={run}", "--state", "CANCELLED").stdout == "2 jobs deleted\n"
    for wrong in ((), (ids[1], "--label", "a=b"), ("--older-than", "soon"), ("--label", "x")):
        assert idle_cli("delete", *wrong).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("jobs --limit 0", "invalid value for '--limit': Input should be greater than or equal to 1; `reelmill jobs "),
        ("jobs --jsn", "no such option: --jsn (Possible options: --json); `reelmill jobs --help` tells more"),
        ("jobs --filter x=1", "--filter: can't read 'x=1'; write comparisons joined by AND, such as: "),
        ("watch", "missing argument 'ID'; `reelmill watch --help` tells more"),
        ("keys create", "missing argument 'NAME'; `reelmill keys create --help` tells more"),
        ("keys create x --role king", "invalid value for '--role': "),
        ("webhooks add nope", "URL: must begin with https: or http:"),
        ("delete --state WELL", "--state WELL: must be one of COMPLETED, FAILED, CANCELLED"),
        ("delete --older-than soon", "--older-than soon: must be a number of hours or days, such as 12h or 30d"),
        ("submit --input https://x.org/y --preset web-mp5", "--preset web-mp5: 'web-mp5' is no preset; did you mean"),
        ("submit --input https://x.org/y -", "give either a job's JSON file, or --input and --preset"),
        ("submit --input https://x.org/y --preset poster --preset poster", "--preset poster is given twice: give each"),
        ("submit --input https://x.org/y --preset poster --priority 101", "invalid value for '--priority': "),
        ("submit --input https://x.org/y --preset poster --destination out", "--destination: 'out' must begin with "),
        ("submit --input ftp://x.org/y --preset poster", "--input ftp://x.org/y: 'ftp://x.org/y' must begin with one "),
        ("run clip.mp4 -p poster -p poster", "--preset poster is given twice: once is enough"),
        ("run clip.mp4 -p poster2", "--preset poster2: 'poster2' is no preset; did you mean 'poster'?"),
        ("operations nonsense", "there is no operation 'nonsense'; there are transcode, "),
        ("presets nonsense", "there is no preset 'nonsense'; `reelmill presets` "),
        ("presets save mine", "give a name and a job's JSON file: reelmill presets save NAME FILE.json"),
        ("download @last --output nonsense", "--output nonsense: the job's outputs are sound"),
        ("up --http here", "--http here: give a port, or host:port"),
    ],
)
def test_what_is_typed_wrongly_is_told_in_a_line_in_its_own_words(
    idle_cli: Cli, tmp_path: Path, arguments: str, line: str
) -> None:
    (tmp_path / "clip.mp4").touch()
    submitted(idle_cli)
    done = idle_cli(*arguments.split())
    assert (done.exit_code in (1, 2), done.stdout) == (True, "")
    [told] = done.stderr.splitlines()
    assert told.startswith(line)
    assert not re.search(r"job\.|outputs\[|inputs\[|requests\[", told)


def test_a_file_is_sent_and_its_uri_is_a_jobs_input(live_cli: Cli, live: Reelmill, tmp_path: Path, clip: Path) -> None:
    for name in ("one two.mp4", "three.mp4"):
        shutil.copy(clip, tmp_path / name)
    sent = live_cli("upload", "one two.mp4", "three.mp4", "--gateway", live.url)
    assert sent.exit_code == 0, sent.stderr
    first, second = sent.stdout.splitlines()
    assert (first.startswith("upload:"), second.endswith("three.mp4")) == (True, True)
    assert "h264" in live_cli("probe", first).stdout
    told = json.loads(live_cli("upload", "three.mp4", "--json", "--gateway", live.url).stdout)
    assert (told["file"], told["uri"].startswith("upload:")) == ("three.mp4", True)
    missing = live_cli("upload", "none.mp4", "three.mp4", "--gateway", live.url)
    assert (missing.exit_code, missing.stdout, missing.stderr) == (2, "", "there is no file none.mp4\n")
    nobody = live_cli("upload", "three.mp4", "--gateway", "http://127.0.0.1:1")
    assert (nobody.exit_code, "no answer from the gateway at http://127.0.0.1:1;" in nobody.stderr) == (1, True)


def test_a_page_is_opened_in_the_browser_and_told(live_cli: Cli, live: Reelmill, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    job_id = submitted(live_cli)
    page = f"{live.url}/jobs/{job_id}"
    argv = [sys.executable, "-m", "reelmill", "open", job_id[-8:], "--gateway", live.url, "--api", live.grpc]
    variables = os.environ | {"BROWSER": str(browser)}
    done = subprocess.run(argv, env=variables, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{page}\n"
    assert (tmp_path / "opened").read_text() == f"{page}\n"


def test_where_there_is_no_browser_the_address_is_told(
    live_cli: Cli, live: Reelmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert live_cli("open", "--gateway", live.url).stdout == f"{live.url}/\n"
    told = json.loads(live_cli("open", "--json", "--gateway", live.url).stdout)
    assert told == {"url": f"{live.url}/", "opened": False}
    away = live_cli("open", "--gateway", "http://127.0.0.1:1")
    assert (away.exit_code, "`reelmill up` starts one, --gateway says where another is" in away.stderr) == (1, True)
