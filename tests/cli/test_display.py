"""What people see of jobs, to the letter: each row has its heading, each figure its unit, each state its colour."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.progress import Progress

from reelmill.cli import display
from reelmill.cli.doctor import Finding, findings_table
from reelmill.cli.estimates import estimate_view
from reelmill.cli.following import Follower, following
from reelmill.cli.tasks import tasks_table
from reelmill.cli.webhook_tables import deliveries_table
from reelmill.v1.jobs_pb2 import EstimateJobResponse, Job, JobError, JobEvent, JobLog, Queue, Task
from reelmill.v1.jobs_pb2 import Progress as Told
from reelmill.v1.webhooks_pb2 import WebhookDelivery

ID = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"
FILES = [
    {
        "uri": "file:///out/a%20b/video/video.mp4",
        "sizeBytes": 1_240_000,
        "media": {
            "durationSeconds": 723.0,
            "streams": [{"codec": "h264", "width": 64, "height": 36}, {"codec": "aac"}],
        },
    },
    {"uri": "file:///out/a%20b/sound.mp3", "sizeBytes": 999, "media": {"streams": [{"codec": "mp3"}]}},
]
WHOLE = {
    "id": ID,
    "state": "FAILED",
    "phase": "TRANSCODING",
    "attempt": 3,
    "priority": 50,
    "progress": {"percent": 12.34, "speed": 1.5},
    "inputs": [{"uri": "file:///in/[b]x.mp4"}],
    "outputs": [
        {"name": "v", "transcode": {}, "files": FILES[:1], "fileCount": 4},
        {"name": "s", "files": FILES[1:], "fileCount": 1},
    ],
    "destination": "s3://bucket/[b]",
    "labels": {"b": "2", "a": "1"},
    "retryOf": ID[::-1],
    "createTime": "2026-01-02T03:04:05Z",
    "startTime": "2026-01-02T03:04:06Z",
    "nextAttemptTime": "2026-01-02T03:04:07Z",
    "cancelTime": "2026-01-02T03:04:08Z",
    "endTime": "2026-01-02T03:04:09Z",
    "error": {
        "code": "ENCODE_FAILED",
        "category": "TRANSIENT",
        "message": "no [b]luck",
        "output": "v",
        "command": "ffmpeg -i [x]",
        "stderrTail": "bad\n\n",
    },
}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown as this machine's clock has them."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines(shown: Any, *, colours: bool = False) -> list[str]:
    console = Console(
        width=200, highlight=False, soft_wrap=True, force_terminal=colours, color_system="standard" if colours else None
    )
    with console.capture() as captured:
        console.print(shown)
    return captured.get().splitlines()


def cells(shown: Any) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in lines(shown)]


def job(**fields: Any) -> Job:
    return ParseDict(WHOLE | fields, Job())


def test_a_job_is_shown_with_all_that_it_has() -> None:
    rows = cells(display.job_view(job()))
    end = rows.index(["in /out/a b:"])
    assert rows[:end] == [
        ["id", ID],
        ["state", "FAILED transcoding"],
        ["progress", "12.3 %, 1.5× real time"],
        ["attempt", "3"],
        ["priority", "50"],
        ["input", "file:///in/[b]x.mp4"],
        ["output", "v (transcode)"],
        ["output", "s (None)"],
        ["destination", "s3://bucket/[b]"],
        ["label", "a=1"],
        ["label", "b=2"],
        ["retry of", ID[::-1]],
        ["submitted", "2026-01-02 03:04:05"],
        ["started", "2026-01-02 03:04:06"],
        ["next attempt", "2026-01-02 03:04:07"],
        ["cancelled", "2026-01-02 03:04:08"],
        ["ended", "2026-01-02 03:04:09"],
    ]
    assert rows[end + 1 : end + 5] == [
        ["OUTPUT", "FILE", "SIZE", "CODEC", "PIXELS", "DURATION"],
        ["v", "video/video.mp4", "1.24 MB", "h264+aac", "64×36", "12:03"],
        ["v", f"… and 3 more: reelmill job {ID} --files"],
        ["s", "sound.mp3", "999 B", "mp3"],
    ]
    assert rows[end + 5 :] == [
        ["ENCODE_FAILED (transient): no [b]luck"],
        ["output: v"],
        ["command: ffmpeg -i [x]"],
        ["bad"],
        ["Something outside was away: `reelmill retry` submits the job again."],
    ]
    assert lines(display.job_view(job()))[0] == f"id            {ID}"  # no heading, no margin
    assert "\x1b[2mid" in lines(display.job_view(job()), colours=True)[0]


def test_of_a_job_is_shown_only_what_it_has() -> None:
    bare = Job(id=ID, state=Job.QUEUED, priority=7)
    assert cells(display.job_view(bare)) == [["id", ID], ["state", "QUEUED"], ["attempt", "0"], ["priority", "7"]]
    assert cells(display.outputs_view(bare)) == [["in :"], ["OUTPUT", "FILE", "SIZE", "CODEC", "PIXELS", "DURATION"]]
    far = job(outputs=[{"name": "v", "files": [FILES[0] | {"uri": "s3://b/x%20y"}]}])
    assert cells(display.outputs_view(far))[0] == ["in s3:/b:"]


@pytest.mark.parametrize(
    ("category", "remedy"),
    [
        ("INPUT", "Change the input or the job, then submit it again."),
        ("LIMIT", "A limit of the server was reached: raise it (`reelmill settings` lists them) or ask for less."),
        ("INTERNAL", "`reelmill logs` tells more, `reelmill doctor` checks the set-up."),
    ],
)
def test_each_kind_of_error_has_its_remedy(category: str, remedy: str) -> None:
    error = ParseDict({"code": "X", "category": category, "message": "y"}, JobError())
    assert lines(display.error_view(error)) == [f"X ({category.lower()}): y", remedy]
    coloured = lines(display.error_view(error), colours=True)
    assert coloured[0].startswith("\x1b[1;31m") and coloured[1].startswith("\x1b[3m")
    assert len(lines(display.error_view(JobError(code="X", message="y")))) == 1


def test_jobs_are_listed_a_line_each() -> None:
    long = f"file:///{'x' * 60}/end.mp4"
    table = display.jobs_table([job(), job(state="QUEUED", inputs=[{"uri": long}]), Job(id="z")])
    first, other, bare = cells(table)[1:]
    assert cells(table)[0] == ["ID", "STATE", "DONE", "AGE", "INPUT"]
    assert (first[:3], first[-1]) == ([ID[-8:], "FAILED", "12 %"], "file:///in/[b]x.mp4")
    assert re.fullmatch(r"\d+d", first[3])
    assert (other[1], other[-1]) == ("QUEUED", f"…{long[-42:]}")
    assert bare[:2] == ["z", "STATE_UNSPECIFIED"]
    exactly = f"file:///{'x' * 40}"
    assert display._short(exactly, 48) == exactly
    assert display._short(f"{exactly}y", 48) == f"…{f'{exactly}y'[-47:]}"
    raw = lines(table)
    for heading in ("DONE", "AGE"):  # numbers end below one another
        assert raw[1][: raw[0].index(heading) + len(heading)][-1].strip()
    assert raw[1].startswith(ID[-8:]) and raw[0].startswith("ID ")


def test_states_have_their_colours() -> None:
    for state, code in {"COMPLETED": "32", "FAILED": "31", "CANCELLED": "33", "PROCESSING": "36"}.items():
        assert lines(display.state_text(state), colours=True) == [f"\x1b[{code}m{state}\x1b[0m"]
    assert lines(display.state_text("QUEUED", "PHASE_UNSPECIFIED"), colours=True) == ["QUEUED"]


def test_findings_are_marked_and_have_their_remedies_below_them() -> None:
    good, bad = Finding(name="disk", detail="1 GiB [b]"), Finding(name="cache", detail="away", remedy="start it")
    assert cells(findings_table([good, bad])) == [
        ["ok", "disk", "1 GiB [b]"],
        ["wrong", "cache", "away"],
        ["start it"],
    ]
    coloured = lines(findings_table([good, bad]), colours=True)
    assert ("\x1b[32mok" in coloured[0], "\x1b[1;31mwrong" in coloured[1], "\x1b[3mstart it" in coloured[2]) == (
        *(True, True, True),
    )
    assert lines(findings_table([good]))[0].startswith("ok")


def test_a_log_line_has_time_attempt_output_and_command() -> None:
    line = {"time": "2026-01-02T03:04:05Z", "attempt": 2, "message": "[b]oh"}
    assert lines(display.log_line(ParseDict(line, JobLog()))) == ["2026-01-02 03:04:05 #2 [b]oh"]
    whole = ParseDict(line | {"output": "v", "command": "ffmpeg -i [x]", "level": "WARNING"}, JobLog())
    assert lines(display.log_line(whole)) == ["2026-01-02 03:04:05 #2 [v] [b]oh", "    ffmpeg -i [x]"]
    for level, code in {"WARNING": "33", "ERROR": "31"}.items():
        coloured = lines(display.log_line(ParseDict(line | {"level": level}, JobLog())), colours=True)
        assert f"\x1b[{code}m[b]oh" in coloured[0]


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (1_240_000, "1.24 MB"),
        (5_600_000_000, "5.6 GB"),
        (7 * 10**12, "7 TB"),
        (1000 * 10**12, "1e+03 TB"),
    ],
)
def test_sizes_have_three_digits(size_bytes: int, text: str) -> None:
    assert display.size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, ""), (0, ""), (9.984, "9.98 s"), (0.5, "0.50 s"), (60, "1:00"), (723, "12:03"), (3723, "1:02:03")],
)
def test_lengths_are_told_as_people_tell_them(seconds: float, text: str) -> None:
    assert display.duration_text(seconds) == text


def test_progress_is_told_with_its_speed_where_it_is_known() -> None:
    assert display.progress_text(12.34, 1.234) == "12.3 %, 1.2× real time"
    assert display.progress_text(100, 0) == "100.0 %"


EVENTS = [
    {"sequence": 1, "state": "QUEUED"},
    {
        "sequence": 2,
        "state": "PROCESSING",
        "phase": "TRANSCODING",
        "attempt": 1,
        "progress": {"percent": 25, "speed": 2},
    },
    {"state": "PROCESSING", "phase": "TRANSCODING", "progress": {"percent": 30}},  # progress has no number
    {
        "sequence": 3,
        "state": "QUEUED",
        "attempt": 1,
        "error": {"code": "X", "message": "[b]y"},
        "nextAttemptTime": "2026-01-02T03:04:05Z",
    },
    {"sequence": 4, "state": "QUEUED", "cancelRequested": True, "progress": {"percent": 9}},
    {"sequence": 5, "state": "COMPLETED"},
]


def events() -> list[JobEvent]:
    return [ParseDict(event | {"jobId": ID}, JobEvent()) for event in EVENTS]


def test_the_time_that_is_left_and_the_queue_are_told_with_their_ranges() -> None:
    running = {"percent": 40, "eta": "75.4s", "eta_earliest": "58.6s", "eta_latest": "3700s"}
    assert ["time left", "1:15 (59 s to 1:01:40)"] in cells(display.job_view(job(progress=running)))
    assert display.left_text(ParseDict({"eta": "8.6s"}, Told())) == "9 s", "a worker of a release before has no range"
    assert display.left_text(Told(percent=3)) == ""
    waiting = {"tasks_before": 12, "start": "7s", "start_earliest": "3.4s", "start_latest": "61s"}
    shown = cells(display.job_view(job(state="QUEUED", queue=waiting)))
    assert ["queue", "12 tasks go first, starts in 7 s (3 s to 1:01)"] in shown
    assert display.queue_text(Queue(tasks_before=1000)) == "1000 or more tasks go first"


def test_a_line_and_a_bar_tell_the_time_that_is_left() -> None:
    told = {"percent": 25, "eta": "10s", "eta_earliest": "8s", "eta_latest": "12s"}
    event = ParseDict({"jobId": ID, "sequence": 2, "state": "PROCESSING", "progress": told}, JobEvent())
    console = Console(width=200, force_terminal=False, highlight=False)
    with console.capture() as captured, following(console) as follower:
        follower.add(ID, "one")
        follower.saw(event)
    assert captured.get() == "one: PROCESSING 25.0 %, 10 s (8 s to 12 s) left\n"
    progress = Progress(console=Console(force_terminal=True))
    bars = Follower(Console(), progress)
    bars.add(ID, "one")
    bars.saw(event)
    assert progress.tasks[0].fields["left"] == "10 s (8 s to 12 s)"
    bars.saw(ParseDict({"jobId": ID, "state": "QUEUED", "queue": {"tasks_before": 7}}, JobEvent()))
    assert progress.tasks[0].fields["left"] == "7 tasks go first"
    bars.saw(ParseDict({"jobId": ID, "sequence": 3, "state": "COMPLETED"}, JobEvent()))
    assert progress.tasks[0].fields["left"] == ""


def test_an_estimate_is_a_line_for_each_output() -> None:
    amounts = {
        "core_seconds": {"least": 1, "likely": 2.345, "most": 40},
        "bytes": {"least": 900, "likely": 1_234_567, "most": 2e6},
        "seconds": {"least": 4, "likely": 75, "most": 90},
    }
    one = amounts | {"measurements": 17}
    found = ParseDict(
        {"job": amounts, "outputs": [{"output": "[b]web", "estimate": one}], "queue": {"tasks_before": 3}},
        EstimateJobResponse(),
    )
    shown = "2.35 (1 to 40)  1.23 MB (900 B to 2 MB)  1:15 (4 s to 1:30)"
    _, line, whole, queue = lines(estimate_view(found))
    assert line.split("  ")[0] == "[b]web" and " ".join(line.split()) == " ".join(f"[b]web {shown} 17 times".split())
    assert " ".join(whole.split()) == " ".join(f"all {shown} no: built-in figures".split())
    assert queue == "queue: 3 tasks go first"


def test_where_there_is_no_terminal_each_change_is_a_line() -> None:
    console = Console(width=200, force_terminal=False, highlight=False)
    with console.capture() as captured, following(console) as follower:
        follower.add(ID, "[b]one")
        for event in events():
            follower.saw(event)
    assert captured.get().splitlines() == [
        "[b]one: QUEUED",
        "[b]one: PROCESSING transcoding 25.0 %, 2× real time",
        "[b]one: QUEUED X: [b]y (attempt 2 follows)",
        "[b]one: QUEUED cancellation requested",
        "[b]one: COMPLETED",
    ]


def test_on_a_terminal_each_job_has_a_bar_that_moves() -> None:
    progress = Progress(console=Console(force_terminal=True))
    follower = Follower(Console(), progress)
    follower.add("other", "[b]two")
    follower.add(ID, "[b]one")
    other, bar = progress.tasks
    assert (bar.description, bar.total, bar.completed, bar.fields) == (
        *("[b]one", 100, 0, {"state": "queued", "speed": "", "left": ""}),
    )
    seen = []
    for event in events():
        follower.saw(event)
        seen.append((bar.completed, bar.fields["state"], bar.fields["speed"]))
    assert seen == [
        (0, "queued", ""),
        (25, "transcoding", "2×"),
        (30, "transcoding", ""),
        (30, "queued", ""),
        (9, "queued", ""),
        (100, "completed", ""),
    ]
    assert (other.completed, other.fields["state"]) == (0, "queued")


def test_a_bar_shows_name_share_state_and_speed() -> None:
    console = Console(width=120, force_terminal=True, color_system=None)
    with console.capture() as captured, following(console) as follower:
        follower.add(ID, "[b]one")
        follower.saw(events()[1])
    assert re.search(r"\[b\]one .* 25 % transcoding 2× ", captured.get())


def task(**fields: Any) -> Task:
    return ParseDict({"id": ID, "kind": "make_outputs", "outputs": ["[b]a", "c"], "pool": "large"} | fields, Task())


def test_outputs_of_a_running_job_tell_how_far_they_are() -> None:
    outputs = [{"output": "v", "percent": 41.6, "phase": "UPLOADING"}, {"output": "s", "percent": 3}]
    shown = cells(
        display.job_view(job(progress={"percent": 30, "outputs": outputs}, outputs=[{"name": n} for n in "vsx"]))
    )
    assert [row for row in shown if row[0] == "output"] == [
        ["output", "v (None) 42 % uploading"],
        ["output", "s (None) 3 %"],
        ["output", "x (None)"],
    ]


def test_tasks_have_a_line_each_that_says_why_they_wait() -> None:
    error = {"code": "INPUT_UNAVAILABLE", "message": "[b]away"}
    shown = [
        task(state="RUNNING", phase="UPLOADING", progress={"percent": 41.6}, attempt=2, worker="[b]w"),
        task(state="FAILED", error=error, attempt=1),
        task(state="WAITING", wait="FOR_TASKS", dependsOn=["x", "y", "z"], openDependencies=2),
        task(state="DELAYED", wait="FOR_RETRY", error=error, nextAttemptTime="2026-01-02T03:04:07Z"),
        task(state="READY", wait="FOR_WORKER", labels=["gpu", "av1"]),
        task(state="READY", wait="FOR_WORKER"),
        task(state="READY", wait="FOR_SLOT", tasksBefore=999),
        task(state="READY", wait="FOR_SLOT", tasksBefore=1000),
        task(state="READY", wait="FOR_CLAIM"),
        task(state="COMPLETED", reused=[{"output": "[b]a", "reusedFrom": ID}]),
    ]
    rows = cells(tasks_table(shown))
    assert rows[0] == ["ID", "KIND", "OUTPUTS", "STATE", "DONE", "ATTEMPT", "WORKER", "NOTE"]
    begin = [ID, "make_outputs", "[b]a, c"]
    assert rows[1:] == [
        [*begin, "RUNNING uploading", "42 %", "2", "[b]w"],
        [*begin, "FAILED", "1", "INPUT_UNAVAILABLE: [b]away"],
        [*begin, "WAITING", "waits for 2 of 3 tasks"],
        [*begin, "DELAYED", "tried again at 2026-01-02 03:04:07; INPUT_UNAVAILABLE: [b]away"],
        [*begin, "READY", "no living worker of the pool large with gpu, av1 can run make_outputs"],
        [*begin, "READY", "no living worker of the pool large can run make_outputs"],
        [*begin, "READY", "waits for a slot; 999 tasks go first"],
        [*begin, "READY", "waits for a slot; 1000 or more tasks go first"],
        [*begin, "READY", "a worker is about to take it"],
        [*begin, "COMPLETED", f"took [b]a from job {ID}"],
    ]


def test_an_optional_output_is_shown_with_why_it_is_not_there() -> None:
    outputs: list[dict[str, Any]] = [
        {"name": "v", "transcode": {}, "files": FILES[:1], "reused": True},
        {"name": "s", "preset": "podcast-audio", "optional": True},
    ]
    outputs[1]["error"] = {"code": "INPUT_NO_AUDIO", "message": "the [b]input has no sound"}
    rows = cells(display.job_view(ParseDict({"id": ID, "state": "COMPLETED", "outputs": outputs}, Job())))
    assert ["output", "v (transcode, reused)"] in rows and ["output", "s (preset, optional)"] in rows
    assert rows[-1] == ["s", "INPUT_NO_AUDIO: the [b]input has no sound"] and rows[-2][0] == "v"


def test_what_outputs_found_out_is_shown_with_its_units() -> None:
    made = ParseDict(
        {
            "outputs": [
                {
                    "name": "look",
                    "result": {
                        "analysis": {
                            "black_count": 2,
                            "loudness": {"integrated_lufs": -23.04, "true_peak_dbtp": -1.26},
                            "crop": {"top": 10, "width": 160, "height": 60},
                            "interlacing": {"interlaced": True},
                        }
                    },
                },
                {
                    "name": "like",
                    "result": {
                        "comparison": {
                            "scores": [{"metric": "VMAF", "mean": 91.234, "lowest": 60, "lowest_seconds": 1.5}]
                        }
                    },
                },
                {
                    "name": "film",
                    "measured": {
                        "vmaf": 88.88,
                        "input_loudness": {"integrated_lufs": -30},
                        "gain_db": 14,
                        "misses": [{"field": "max_width", "wanted": "at most 10 pixels", "found": "64 pixels"}],
                    },
                },
            ]
        },
        Job(),
    )
    found = display.findings_view(made)
    assert found is not None
    assert cells(found) == [
        ["OUTPUT", "FOUND"],
        ["look", "black", "2"],
        ["look", "loudness", "-23.0 LUFS, -1.3 dBTP"],
        ["look", "picture", "160 × 60 at 0, 10"],
        ["look", "fields", "interlaced"],
        ["like", "VMAF", "91.23, at least 60 (at 1.50 s)"],
        ["film", "loudness before", "-30.0 LUFS, changed by +14.0 dB"],
        ["film", "VMAF against the input", "88.9"],
        ["film", "misses max_width", "64 pixels instead of at most 10 pixels"],
    ]
    assert display.findings_view(Job()) is None


def test_of_a_stream_is_shown_what_players_begin_with() -> None:
    named = [{"uri": f"file:///o/talk/{path}", "path": path} for path in ("master.m3u8", "a/1.m4s", "a/2.m4s")]
    shown = cells(display.outputs_view(job(outputs=[{"name": "v", "files": named, "file_count": 3}])))
    assert shown[2][:2] == ["v", "master.m3u8"] and shown[3][1] == "… and 2 more"


def test_a_delivery_is_shown_in_a_line() -> None:
    taken = WebhookDelivery(
        id="7", type="job.completed", job_id="j", state=WebhookDelivery.DELIVERED, tries=2,
        outcome=WebhookDelivery.TAKEN, status=204, answer=f"two\nlines {'x' * 100}",
    )  # fmt: skip
    taken.duration.FromMilliseconds(1250)
    waiting = WebhookDelivery(id="8", type="webhook.test", state=WebhookDelivery.PENDING)
    waiting.next_time.FromJsonString("2026-11-27T10:00:00Z")
    console = Console(width=300, file=io.StringIO())
    console.print(deliveries_table([taken, waiting]))
    assert isinstance(console.file, io.StringIO)
    _, first, second = console.file.getvalue().splitlines()
    assert first.split() == [
        "7", "job.completed", "j", "DELIVERED", "2", "TAKEN", "204", "1.25", "two", "lines", "x" * 50,
    ]  # fmt: skip
    when = display.local_time(waiting.next_time.ToDatetime())
    assert " ".join(second.split()) == f"8 webhook.test PENDING {when}"
