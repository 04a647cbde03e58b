"""The form of a job, presets, webhooks, keys and the system's state, as a browser without scripts sees them."""

import json
import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from live import Reelmill

from reelmill.client import Client
from reelmill.console import draft, findings, recipes
from reelmill.jobs.errors import Violation
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import media_pb2, workers_pb2


@pytest.fixture(scope="module")
def browser(live: Reelmill) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.http, timeout=60, headers={"Origin": live.http}) as client:
        yield client


@pytest.fixture
def uri(live: Reelmill) -> str:
    return (live.media / "clip.mp4").as_uri()


def form(uri: str, **more: str) -> dict[str, str]:
    """What the form sends for a still of our clip."""
    return {
        "uri": uri,
        "o0.name": "still",
        "o0.make": "operation:thumbnail",
        "o0.p.count": "1",
        "o0.p.width": "64",
        "o0.p.format": "PNG",
    } | more


def test_a_draft_is_the_json_that_a_client_would_send() -> None:
    operation = media_pb2.Operation(name="transcode")
    for path, kind in (("container", "enum"), ("video.width", "int32"), ("video.crf", "double"), ("video.two", "bool")):
        operation.parameters.add(path=path, type=kind)
    operation.parameters.add(path="times", type="double", repeated=True)
    operation.parameters.add(path="overlays[].text", type="string")
    operation.parameters.add(path="video", type="message")
    assert [one.path for one in draft.shown(operation)] == [
        "container",
        "video.width",
        "video.crf",
        "video.two",
        "times",
    ]
    fields = {"o1.name": "b", "o1.make": "preset:web", "o0.name": "a", "o0.make": "operation:transcode", "uri": " u "}
    fields |= {"o0.p.container": "MP4", "o0.p.video.width": "640", "o0.p.video.crf": "x", "o0.p.video.two": "true"}
    fields |= {"o0.p.times": "1, 2.5", "o0.p.overlays[].text": "no", "labels": "a=1, b = c d", "priority": "9"}
    assert draft.document(draft.read(list(fields.items())), {"transcode": operation}) == {
        "inputs": [{"uri": "u"}],
        "outputs": [
            {
                "name": "a",
                "transcode": {"container": "MP4", "video": {"width": 640, "crf": "x", "two": True}, "times": [1, 2.5]},
            },
            {"name": "b", "preset": "web"},
        ],
        "priority": 9,
        "labels": {"a": "1", "b": "c d"},
    }
    many = draft.read([(f"o{i}.name", "x") for i in range(500)])
    assert len(many.outputs) == draft.MOST_OUTPUTS


def test_the_form_has_each_parameter_with_its_range_and_default(browser: httpx.Client, live: Reelmill) -> None:
    part = browser.get("/new/output", params={"n": "0", "make": "operation:thumbnail"}).text
    with Client(live.grpc) as client:
        [thumbnail] = [one for one in client.operations() if one.name == "thumbnail"]
    shown = draft.shown(thumbnail)
    assert len(shown) > 5
    for parameter in shown:
        assert f'name="o0.p.{parameter.path}"' in part
    assert "<option" in part
    assert "PNG" in part
    assert browser.get("/new").status_code == 200


def test_what_is_typed_is_checked(browser: httpx.Client, uri: str) -> None:
    good = browser.post("/new/check", data=form(uri))
    assert (good.status_code, "well formed" in good.text) == (200, True)
    bad = browser.post(
        "/new/check", data=form(uri, **{"o0.p.width": "1000000", "o0.p.count": "many", "o0.name": "a b"})
    )
    marked = set(re.findall(r'data-for="([^"]+)"', bad.text))
    wanted = {"job.outputs[0].thumbnail.width", "job.outputs[0].thumbnail.count", "job.outputs[0].name"}
    assert wanted <= marked
    assert "well formed" not in bad.text
    broken = browser.post("/new/check", data={"json": "{"})
    assert 'data-for="job"' in broken.text


def test_steps_and_an_estimate_are_shown_before_it_runs(browser: httpx.Client, uri: str) -> None:
    told = browser.post("/new/plan", data=form(uri))
    assert told.status_code == 200
    assert "ffmpeg" in told.text
    assert "of one core" in told.text
    away = browser.post("/new/plan", data=form(uri + ".gone"), headers={"HX-Request": "true"})
    assert (away.status_code, 'role="alert"' in away.text, "<html" in away.text) == (400, True, False)


def test_a_form_becomes_a_job(browser: httpx.Client, live: Reelmill, uri: str) -> None:
    made = browser.post("/new", data=form(uri, labels="console=form", request_id="console-form"))
    assert made.status_code == 303, made.text
    with Client(live.grpc) as client:
        job = client.wait(made.headers["location"].removeprefix("/jobs/"))
    assert (job.state, job.labels["console"], job.outputs[0].thumbnail.width) == (pb.Job.COMPLETED, "form", 64)
    edited = browser.get("/new", params={"job": job.id}).text
    assert "&#34;width&#34;: 64" in edited
    refused = browser.post("/new", data=form("", **{"o0.p.width": "7"}))
    assert refused.status_code == 400
    assert 'value="7"' in refused.text  # what was typed stays


def test_presets_are_shown_and_lead_to_jobs(browser: httpx.Client, live: Reelmill) -> None:
    page = browser.get("/presets").text
    with Client(live.grpc) as client:
        names = [preset.name for preset in client.presets()]
    assert sorted(re.findall(r'id="preset-([^"]+)"', page)) == sorted(names)
    for name in names:
        written = browser.get("/new", params={"like": name})
        assert written.status_code == 200, name
    assert "selected" in browser.get("/new", params={"preset": names[0]}).text
    assert browser.get("/new", params={"like": "none"}).status_code == 404


def test_a_preset_is_duplicated_tried_on_a_sample_and_saved(browser: httpx.Client, live: Reelmill) -> None:
    shown = browser.get("/presets/edit", params={"of": "poster"}).text
    assert 'value="poster-copy"' in shown and f'value="{recipes.SAMPLE}"' in shown
    written = json.loads(unescape(shown.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]))
    assert written["thumbnail"]
    assert browser.get("/presets/edit", params={"of": "none"}).status_code == 404

    wrong = {"name": "console", "json": '{"thumbnail": {"width": 7, "count": "many"}}'}
    marked = re.findall(r'data-for="([^"]+)"', browser.post("/presets/check", data=wrong).text)
    assert marked == ["preset.thumbnail.count"]
    wrong["json"] = '{"thumbnail": {"width": 7}}'
    for path in ("/presets/check", "/presets/try", "/presets"):
        answer = browser.post(path, data=wrong)
        assert 'data-for="preset.thumbnail.width"' in answer.text, path
        assert answer.status_code == (200 if path == "/presets/check" else 400)
    assert "&#34;width&#34;: 7" in answer.text  # what was typed stays
    for broken in ("{", "", '{"name": "x", "thumbnail": {}}', "{}"):
        assert browser.post("/presets", data={"name": "console", "json": broken}).status_code == 400, broken

    good = {"name": "console", "description": "a <small> still", "json": '{"thumbnail": {"width": 64, "count": 1}}'}
    assert "well formed" in browser.post("/presets/check", data=good).text
    tried = browser.post("/presets/try", data=good)
    assert tried.status_code == 303, tried.text
    with Client(live.grpc) as client:
        job = client.wait(tried.headers["location"].removeprefix("/jobs/"))
        assert (job.state, job.inputs[0].uri, job.outputs[0].thumbnail.width) == (pb.Job.COMPLETED, recipes.SAMPLE, 64)
        assert "console" not in [preset.name for preset in client.presets()]
        for version, saved in ((1, good), (1, good), (2, good | {"json": '{"thumbnail": {"width": 96}}'})):
            assert browser.post("/presets", data=saved).headers["location"] == "/presets#preset-console"
            page = browser.get("/presets").text
            assert f"version {version}<" in page
        assert "a &lt;small&gt; still" in page
        # One's own is edited under its name; what comes with Reelmill can't be changed.
        assert 'value="console"' in browser.get("/presets/edit", params={"of": "console"}).text
        assert browser.post("/presets", data=good | {"name": "poster"}).status_code == 400
        assert browser.post("/presets/remove", data={"name": "console"}).headers["location"] == "/presets"
        assert "console" not in [preset.name for preset in client.presets()]
    assert browser.post("/presets/remove", data={"name": "poster"}).status_code == 400


def test_a_preset_of_several_outputs_is_a_job_of_several() -> None:
    part = media_pb2.Preset.Part
    several = media_pb2.Preset(name="p", outputs=[part(part="a", optional=True), part(part="b")])
    several.outputs[0].thumbnail.width = 64
    several.outputs[1].audio.bitrate_bps = 64000
    several.outputs[1].contract.max_duration_seconds = 3
    job = recipes.as_job(several, "example:clip", name="try")
    told = [(one.name, one.WhichOneof("operation"), one.optional, one.HasField("contract")) for one in job.outputs]
    assert told == [("try-a", "thumbnail", True, False), ("try-b", "audio", False, True)]
    violation = Violation("job.outputs[1].audio.bitrate_bps", "is wrong")
    assert recipes.told_of_preset(violation, several).field == "preset.outputs[1].audio.bitrate_bps"
    assert recipes.told_of_preset(violation, media_pb2.Preset()).field == "preset.audio.bitrate_bps"
    elsewhere = Violation("job.inputs[0].uri", "is wrong")
    assert recipes.told_of_preset(elsewhere, several) == elsewhere
    assert recipes.another_name("web", ["web", "web-copy", "web-copy-2"]) == "web-copy-3"
    assert recipes.another_name("x" * 48, []) == "x" * 43 + "-copy"


def test_endpoints_are_added_tried_and_removed(browser: httpx.Client) -> None:
    wrong = browser.post("/webhooks", data={"url": "nonsense"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (400, True)
    made = browser.post("/webhooks", data={"url": "https://example.org/console", "events": ["job.failed"]})
    assert (made.status_code, "whsec_" in made.text) == (200, True)
    page = browser.get("/webhooks").text
    assert "whsec_" not in page
    [hook] = re.findall(r'href="/webhooks/([^"]+)">https://example.org/console', page)
    assert browser.post(f"/webhooks/{hook}", data={"do": "test"}).status_code == 303
    log = browser.get(f"/webhooks/{hook}")
    assert (log.status_code, "webhook.test" in log.text) == (200, True)
    assert browser.post(f"/webhooks/{hook}", data={"do": "redeliver"}).status_code == 400
    for hours, status in (("1", 303), ("", 400), ("1e9", 400), ("-1", 400)):
        asked = browser.post(f"/webhooks/{hook}", data={"do": "redeliver_since", "hours": hours})
        assert asked.status_code == status, hours
    assert "whsec_" in browser.post(f"/webhooks/{hook}", data={"do": "rotate"}).text
    assert browser.post(f"/webhooks/{hook}", data={"do": "remove"}).headers["location"] == "/webhooks"
    assert hook not in browser.get("/webhooks").text


def test_keys_are_made_shown_once_and_revoked(browser: httpx.Client) -> None:
    made = browser.post("/keys", data={"name": "console", "role": "VIEWER"})
    [token] = re.findall(r"rm_\w+", made.text)
    page = browser.get("/keys").text
    key_id = token.split("_")[1]
    assert token not in page
    assert key_id in page
    assert "CreateKey" in page  # the audit log
    assert re.search(r"rm_\w+", browser.post(f"/keys/{key_id}", data={"do": "rotate"}).text)
    assert browser.post(f"/keys/{key_id}", data={"do": "revoke"}).status_code == 303
    assert "revoked" in browser.get("/keys").text
    assert browser.post("/keys", data={"name": "", "role": "VIEWER"}).status_code == 400
    assert browser.post("/keys", data={"name": "x", "role": "KING"}).status_code == 400


def test_the_system_tells_of_its_workers(browser: httpx.Client, live: Reelmill) -> None:
    page = browser.get("/system").text
    with Client(live.grpc) as client:
        [worker] = client.workers()
    assert worker.name in page
    assert "serves" in page
    with browser.stream("GET", "/live/system") as events:
        told = ""
        for chunk in events.iter_text():
            told += chunk
            if told.count("data-points") >= 2:
                break
    assert worker.name in told


def test_what_is_wrong_is_found_with_its_remedy() -> None:
    def wrong(*workers: workers_pb2.Worker, api: str = "", **measured: float) -> set[str]:
        found = findings.of(workers, api=api, version="1", measured=measured, now=0)
        return {one.name for one in found if one.remedy}

    good = workers_pb2.Worker(name="w", version="1", slots=2)
    assert wrong(good) == set()
    assert wrong() == {"workers"}
    assert wrong(good, api="away") == {"api"}
    assert wrong(good, workers_pb2.Worker(name="x", version="0", silent=True)) == {"workers", "versions"}
    assert wrong(good, waiting=21) == {"slots"}
    assert wrong(good, unserved=1, disk_free=10, disk_reserve=6) == {"pools", "disk"}
