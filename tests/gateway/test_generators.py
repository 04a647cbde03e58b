"""Strict readers of the OpenAPI document make whole, typed clients of it, and these run."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gateway import generated
from live import Reelmill
from services import pypi

# A client's own program: what is typed as a job is sent, and what comes back is typed too.
PYTHON = """
import sys

from reelmill_api import Client
from reelmill_api.api.job_service import create_job
from reelmill_api.models import Input, Job, JobState, Output, Thumbnail, Transcode, VideoSettings
from reelmill_api.models.video_settings_codec import VideoSettingsCodec

video = VideoSettings(codec=VideoSettingsCodec.H264, height=720, crf=23)
outputs = [
    Output(name="web", transcode=Transcode(video=video)),
    Output(name="stills", thumbnail=Thumbnail(count=5, width=320)),
    Output(name="small", preset="web-mp4"),
]
job = Job(inputs=[Input(uri="example:clip")], outputs=outputs)
answer = create_job.sync(client=Client(base_url=sys.argv[1]), body=job)
assert isinstance(answer, Job), answer
assert answer.state == JobState.QUEUED
made: list[Output] = answer.outputs
assert isinstance(made[0].transcode, Transcode) and isinstance(made[0].transcode.video, VideoSettings)
print(answer.id, made[0].transcode.video.height)
"""
PYTHON_WRONG = 'from reelmill_api.models import Output\n\nOutput(name="web", preset=5)\n'
TYPESCRIPT = """
import type { components, operations } from "./schema";

type Output = components["schemas"]["Output"];
const web: Output = { name: "web", transcode: { container: "MP4", video: { codec: "H264", height: 720 } } };
const small: Output = { name: "small", preset: "web-mp4" };
// @ts-expect-error a name is needed
const nameless: Output = { preset: "web-mp4" };
// @ts-expect-error no such field
const other: Output = { name: "a", transcode: { video: { colour: "red" } } };
// @ts-expect-error no such codec
const codec: Output = { name: "a", transcode: { video: { codec: "H266" } } };
type Created = operations["CreateJob"]["responses"]["200"]["content"]["application/json"];
export function first(job: Created): string | undefined {
  return job.outputs[0]?.files?.[0]?.path ?? [web, small, nameless, other, codec][0]?.name;
}
"""


@pytest.fixture(scope="module")
def document(idle_http: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the gateway serves."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(idle_http.get("/openapi.json").text)
    return path


@pytest.fixture(scope="module")
def python_client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package that openapi-python-client makes; a warning of it is an error."""
    return generated.python_client(document, tmp_path_factory.mktemp("python"))


def typed(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """mypy --strict of a program that uses the client; what is generated is read and not judged."""
    (folder / "program.py").write_text(program)
    argv = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "--config-file", os.devnull]
    return subprocess.run([*argv, "program.py"], cwd=folder, capture_output=True, text=True, check=False)


def test_openapi_python_client_makes_a_typed_client_that_submits_a_job(
    python_client: Path, idle_gateway: Reelmill, idle_http: httpx.Client
) -> None:
    fine = typed(python_client, PYTHON)
    assert fine.returncode == 0, fine.stdout
    # What it imports, attrs and httpx, is in its own environment.
    python = pypi.program("openapi-python-client", pypi.OPENAPI_PYTHON_CLIENT).parent / "python"
    argv = [python, "program.py", idle_gateway.http]
    done = subprocess.run(argv, cwd=python_client, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    job_id, height = done.stdout.split()
    assert height == "720"
    outputs = idle_http.get(f"/v1/jobs/{job_id}").json()["outputs"]
    assert [output["name"] for output in outputs] == ["web", "stills", "small"]


def test_its_types_refuse_what_the_api_would(python_client: Path) -> None:
    assert 'has incompatible type "int"' in typed(python_client, PYTHON_WRONG).stdout


def test_openapi_typescript_makes_whole_types(document: Path, tmp_path: Path) -> None:
    types = generated.typescript_types(document, tmp_path, TYPESCRIPT).read_text()
    assert "unknown" not in types.partition("Output: {")[2].partition("};")[0]
