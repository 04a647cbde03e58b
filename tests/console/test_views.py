"""What pages say of a job is true of it, and what users wrote is text."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from reelmill.console import again, failures, graph, players, timeline, views
from reelmill.console.rendering import Templates
from reelmill.v1 import jobs_pb2 as pb

EVIL = "<script>alert(1)</script>"
ID = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"


class Reader:
    name, signed_in = "", False


def at(seconds: float) -> Timestamp:
    return Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.25, "250 ms"),
        (4.25, "4.2 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
        (1e30, "36500 d"),
    ],
)
def test_times_are_told_in_two_units(seconds: float, told: str) -> None:
    assert views.span(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456, "123 kB"), (5e15, "5000 TB")]
)
def test_sizes_are_told_in_units(count: float, told: str) -> None:
    assert views.size(count) == told


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///a/b%20c.mov", "b c.mov"),
        ("https://example.org/", "example.org"),
        ("http://[", "http://["),
        ("s3://b/k/", "k"),
        ("upload:00000000-0000-0000-0000-000000000001/01a21997-41de-7492-8b88-c20a79a2cd07-talk.mov", "talk.mov"),
        ("file:///m/01a21997-41de-7492-8b88-c20a79a2cd07-x", "01a21997-41de-7492-8b88-c20a79a2cd07-x"),
    ],
)
def test_a_file_is_called_by_its_name(uri: str, name: str) -> None:
    assert views.source(uri) == name


def test_the_deciding_line_is_lit_and_stands_once() -> None:
    error = pb.JobError(
        code="INPUT_CORRUPT",
        category=pb.JobError.INPUT,
        message="the input is damaged or cut off: moov atom not found",
        cause="the file is cut off before its index",
        remedy="export it once more",
        deciding_line="moov atom not found",
        stderr_tail="one\n[mov] moov atom not found\nError opening input\n",
    )

    def lit() -> list[str]:
        return [line.text for line in failures.explain(error).lines if line.decides]

    told = failures.explain(error)
    assert (told.cause, told.remedy) == (error.cause, error.remedy)
    assert lit() == ["[mov] moov atom not found"]
    error.stderr_tail = "much more\n" * 2 * failures.MOST_LINES
    assert lit() == ["moov atom not found"]
    assert len(failures.explain(error).lines) == failures.MOST_LINES + 1
    error.deciding_line = ""
    assert not lit()


def test_a_failure_of_a_release_before_is_told_by_its_message() -> None:
    told = failures.explain(pb.JobError(code="NEW", message="it broke", command="ffmpeg -i a"))
    assert (told.cause, told.reproduction) == ("it broke", "ffmpeg -i a")
    assert failures.explain(pb.JobError(code="NEW")).cause == "NEW"


def test_attempts_lie_one_after_the_other() -> None:
    events = [
        pb.JobEvent(sequence=1, state=pb.Job.QUEUED, time=at(100)),
        pb.JobEvent(sequence=2, state=pb.Job.PROCESSING, phase=pb.Job.PROBING, attempt=1, time=at(101)),
        pb.JobEvent(sequence=3, state=pb.Job.QUEUED, attempt=1, time=at(103), error=pb.JobError(code="DISK_FULL")),
        pb.JobEvent(sequence=4, state=pb.Job.PROCESSING, phase=pb.Job.TRANSCODING, attempt=2, time=at(105)),
        pb.JobEvent(sequence=5, state=pb.Job.COMPLETED, attempt=2, time=at(110)),
    ]
    rows = timeline.rows(events, now=999)
    assert [(row.attempt, [stretch.kind for stretch in row.stretches]) for row in rows] == [
        (0, ["queued"]),
        (1, ["probing", "queued"]),
        (2, ["transcoding"]),
    ]
    assert rows[1].error is not None
    assert [row.seconds for row in rows] == [1, 4, 5]
    assert rows[2].stretches[0].x == 500
    running = timeline.rows(events[:4], now=115)
    assert running[2].seconds == 10
    assert timeline.rows([], now=0) == []


def test_who_waits_stands_to_the_right() -> None:
    tasks = [
        pb.Task(id="plan", kind="run_job", state=pb.Task.COMPLETED),
        pb.Task(id="a", planned_by="plan", outputs=["web"], state=pb.Task.RUNNING, worker="w1"),
        pb.Task(id="b", planned_by="plan", state=pb.Task.FAILED),
        pb.Task(id="end", planned_by="plan", depends_on=["a", "b"], state=pb.Task.WAITING, wait=pb.Task.FOR_TASKS),
    ]
    found = graph.drawn(tasks)
    x = {box.task.id: box.x for box in found.boxes}
    assert x["plan"] < x["a"] == x["b"] < x["end"]
    assert len(found.lines) == 4
    assert "w1" in found.boxes[1].about
    turning = [pb.Task(id="a", depends_on=["b"]), pb.Task(id="b", depends_on=["a"]), pb.Task(id="c", depends_on=["c"])]
    assert len(graph.drawn(turning).boxes) == 3  # whatever a server says, it ends
    assert graph.drawn([]).boxes == ()


def test_a_stream_is_played_by_its_master_and_pictures_are_shown() -> None:
    def file(path: str, kind: str) -> pb.OutputFile:
        return pb.OutputFile(path=path, content_type=kind)

    hls = [file("v/720.m3u8", "application/vnd.apple.mpegurl"), file("web.m3u8", "application/vnd.apple.mpegurl")]
    assert (found := players.shown(pb.Output(name="web", files=[*hls, file("a.mp4", "video/mp4")]))).kind == "hls"
    assert found.main is not None
    assert found.main.path == "web.m3u8"
    stills = players.shown(pb.Output(name="s", files=[file(f"{i}.png", "image/png") for i in range(50)]))
    assert (stills.kind, len(stills.stills), len(stills.files)) == ("", players.MOST_STILLS, players.MOST_FILES)
    assert players.address(ID, "web", "a b/ü#?.ts") == f"/jobs/{ID}/files/web/a%20b/%C3%BC%23%3F.ts"


def test_a_job_once_more_has_nothing_of_the_server() -> None:
    job = pb.Job(id=ID, state=pb.Job.FAILED, inputs=[pb.Input(uri="https://example.org/it's.mov")], version=7)
    job.outputs.add(name="web", preset="web-mp4", file_count=3).files.add(uri="x")
    job.deadline.seconds = 5
    copy = again.again(job)
    assert (copy.id, copy.version, copy.outputs[0].file_count, len(copy.outputs[0].files)) == ("", 0, 0, 0)
    assert not copy.HasField("deadline")
    assert (copy.outputs[0].preset, copy.inputs[0].uri) == ("web-mp4", job.inputs[0].uri)
    assert "it'\"'\"'s.mov" in again.curl(job, "http://x", with_key=True)
    compile(again.python(job), "example", "exec")


def test_what_users_wrote_is_text_everywhere() -> None:
    error = pb.JobError(code=EVIL, message=f"{EVIL}: {EVIL}", stderr_tail=f"{EVIL}\n", command=EVIL, output=EVIL)
    job = pb.Job(id=ID, state=pb.Job.FAILED, inputs=[pb.Input(name=EVIL, uri=f"file:///{EVIL}")], error=error)
    job.labels[EVIL] = f"{EVIL}\"'\\"
    job.outputs.add(name=EVIL, preset=EVIL, error=error, file_count=1).files.add(path=EVIL, content_type="image/png")
    tasks = pb.ListTasksResponse(tasks=[pb.Task(id=EVIL, kind=EVIL, outputs=[EVIL], worker=EVIL, state=4)])
    events = pb.ListJobEventsResponse(events=[pb.JobEvent(state=4, error=error)])
    templates = Templates()
    seen = {
        "job": job, "tasks": tasks, "graph": graph.drawn(tasks.tasks), "events": events,
        "rows": timeline.rows(events.events, 0), "failure": failures.explain(error),
        "outputs": [players.shown(output) for output in job.outputs], "address": players.address,
    }  # fmt: skip
    logs = pb.ListJobLogsResponse(logs=[pb.JobLog(message=EVIL, command=EVIL, output=EVIL)])
    written = {name: EVIL for name in ("curl", "python", "command", "json")}
    page = templates.text("job.html", caller=Reader, logs=logs, written=written, **seen)
    found = pb.ListJobsResponse(jobs=[job])
    asked = {"text": f'"{EVIL}', "filter": "", "state": "", "page": EVIL}
    page += templates.text(
        "jobs.html", caller=Reader, found=found, asked=asked, wrong=EVIL, states=(), presets=[], request_id=""
    )
    page += templates.text("sign_in.html", caller=Reader, back=f'"{EVIL}', wrong=EVIL, issuer=EVIL)
    assert "alert(1)" in page
    assert "<script>" not in page
    assert page.count("<script ") == page.count("<script src=")
    assert " style=" not in page
