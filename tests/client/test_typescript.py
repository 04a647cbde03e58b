"""A client in TypeScript, made from the protos alone by buf and protoc-gen-es, runs a job."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import google.api
from live import Reelmill
from services import npm

from reelmill.v1.jobs_pb2 import Job

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "@bufbuild/protobuf@2.17.0",
    "@bufbuild/protoc-gen-es@2.17.0",
    "@connectrpc/connect@2.3.0",
    "@connectrpc/connect-node@2.3.0",
    "@types/node@20.19.0",
    npm.TYPESCRIPT,
)
PROGRAM = """
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { Job_State, JobService } from "./gen/reelmill/v1/jobs_pb.js";
import { AudioExtract_Format } from "./gen/reelmill/v1/operations_pb.js";

const jobs = createClient(JobService, createGrpcTransport({ baseUrl: process.argv[2] ?? "" }));
const { id } = await jobs.createJob({
  job: {
    inputs: [{ uri: "example:clip" }],
    outputs: [{ name: "sound", operation: { case: "audio", value: { format: AudioExtract_Format.MP3 } } }],
    labels: { language: "typescript" },
  },
});
let last = Job_State.STATE_UNSPECIFIED;
for await (const event of jobs.watchJob({ id })) last = event.state;
const job = await jobs.getJob({ id });
const operation = job.outputs[0]?.operation;
console.log(JSON.stringify({
  state: Job_State[last],
  files: job.outputs.flatMap((output) => output.files.map((file) => file.path)),
  format: operation?.case === "audio" ? AudioExtract_Format[operation.value.format] : undefined,
  labels: job.labels,
}));
"""


def run(argv: list[str], folder: Path) -> str:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_client_of_the_protos_runs_a_job(live: Reelmill, tmp_path: Path) -> None:
    node, project = npm.node(), npm.project(*PACKAGES)
    (tmp_path / "node_modules").symlink_to(project / "node_modules")
    shutil.copy(project / "package.json", tmp_path)  # says that modules are ES's
    shutil.copytree(ROOT / "proto/reelmill", tmp_path / "protos/reelmill")
    common = Path(google.api.__path__[0]).parent
    for name in ("api", "rpc"):
        shutil.copytree(common / name, tmp_path / "common/google" / name, ignore=shutil.ignore_patterns("*.py*"))
    (tmp_path / "buf.yaml").write_text("version: v2\nmodules: [{path: protos}, {path: common}]\n")
    plugin = {
        "local": [node, "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es"],
        "out": "gen",
        "strategy": "all",  # in one process, and not in one for each folder
        "opt": ["target=ts", "import_extension=js"],
    }
    (tmp_path / "buf.gen.yaml").write_text(json.dumps({"version": "v2", "plugins": [plugin]}))
    run([str(Path(sys.executable).parent / "buf"), "generate"], tmp_path)
    [told_in_docs] = re.findall(r"^```typescript\n(.*?)^```$", (ROOT / "docs/sdk.md").read_text(), re.M | re.S)
    (tmp_path / "program.ts").write_text(PROGRAM)
    (tmp_path / "docs.ts").write_text(told_in_docs.replace("localhost:9090", live.grpc))
    # What libraries declare of themselves is theirs.
    options = [
        "--strict",
        "--skipLibCheck",
        "--target",
        "es2022",
        "--lib",  # and nothing of browsers
        "es2022",
        "--module",
        "nodenext",
        "--outDir",
        "out",
        "--types",
        "node",
    ]
    run([node, "node_modules/typescript/bin/tsc", *options, "program.ts", "docs.ts"], tmp_path)
    shutil.copy(project / "package.json", tmp_path / "out")
    told = json.loads(run([node, "out/program.js", f"http://{live.grpc}"], tmp_path))
    assert told == {
        "state": "COMPLETED",
        "files": ["sound.mp3"],
        "format": "MP3",
        "labels": {"language": "typescript"},
    }
    assert run([node, "out/docs.js"], tmp_path).splitlines()[-1].startswith(f"{Job.COMPLETED} ")
