"""Images built by buildah on a Debian base that mmdebstrap makes from packages: no registry is needed."""

import configparser
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from services import debian, golang
from services.alone import alone
from services.process import MissingError

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
# Debian's name of it, as buildah's; empty means this machine's. Another one is emulated by QEMU.
ARCHITECTURE = os.environ.get("REELMILL_TEST_ARCHITECTURE", "")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
_PLATFORM = [f"--platform=linux/{ARCHITECTURE}"] if ARCHITECTURE else []
# What of pip's settings tells where packages come from.
_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "retries", "timeout")


def base(*packages: str) -> Path:
    """The files of a base with packages beside Python; they are there once they were made."""
    return golang.cache() / f"{'-'.join(filter(None, [SUITE, ARCHITECTURE, *packages]))}.tar"


def make_base(*packages: str) -> None:
    """Make the base (172 MB without further packages). Raises MissingError."""
    target, mmdebstrap = base(*packages), debian.program("mmdebstrap")
    print(f"making {target.name} from Debian's packages", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_suffix(f".{os.getpid()}.tar")
    options = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    included = ",".join(["python3", "ca-certificates", *packages])
    options += [f"--architectures={ARCHITECTURE}"] if ARCHITECTURE else []
    argv = [mmdebstrap, "-q", "--variant=minbase", *options, f"--include={included}", SUITE, str(made)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        made.unlink(missing_ok=True)
        raise MissingError(f"mmdebstrap failed:\n{done.stderr[-2000:]}")
    made.rename(target)


def ready() -> None:
    """Install what builds images, and make the base, at the first use. Raises MissingError."""
    debian.program("buildah")
    if ARCHITECTURE:
        debian.install("qemu-user-static")
        debian.install("arch-test")
        emulate()
    with alone():
        if not base().exists():
            make_base()


def emulate() -> None:
    """Let the kernel run programs of ARCHITECTURE, in images too. Raises MissingError."""
    machine, kernel = MACHINES.get(ARCHITECTURE, ARCHITECTURE), Path("/proc/sys/fs/binfmt_misc")
    if machine == platform.machine() or (kernel / f"qemu-{machine}").exists():
        return
    settings = Path(f"/usr/lib/binfmt.d/qemu-{machine}.conf")
    if not settings.exists():
        raise MissingError(f"no {settings} (Debian: apt-get install qemu-user-static)")
    try:
        if not (kernel / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "none", str(kernel)], check=True)
        (kernel / "register").write_text(settings.read_text().strip())
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingError(f"the kernel takes no emulator: {error}") from error


class Images:
    """Images below a folder, as root without a daemon."""

    def __init__(self, folder: Path) -> None:
        """Raises MissingError where images can't be built here."""
        self._folder = folder
        if os.geteuid() != 0:
            raise MissingError("images are built as root")
        ready()
        self.add_base("localhost/base", base())

    def add_base(self, tag: str, files: Path) -> None:
        """An image of nothing but a base's files."""
        container = self.container("scratch")
        self.buildah("add", "-q", container, str(files), "/")
        self.buildah("commit", "-q", "--rm", container, tag)

    def container(self, tag: str) -> str:
        """A new container of an image; answers its name. Raises RuntimeError."""
        return self.buildah("from", *_PLATFORM, tag).strip()

    def build(self, tag: str, *, file: Path, context: Path = ROOT, **arguments: str) -> None:
        """Build a Containerfile on the base, with this machine's settings of pip. Raises RuntimeError."""
        pip = self._folder / "pip.conf"
        authorities = _write_pip_settings(pip)
        secrets = [f"--secret=id=pip,src={pip}", *([f"--secret=id=ca,src={authorities}"] if authorities else [])]
        variables = {"BASE": "localhost/base", **arguments}
        options = [f"--build-arg={name}={value}" for name, value in variables.items()]
        self.buildah(
            "bud", "-q", "--isolation=chroot", *_PLATFORM, *secrets, *options, "-f", str(file), "-t", tag, str(context)
        )

    def buildah(self, *arguments: str) -> str:
        """What a command of buildah printed. Raises RuntimeError."""
        done = self.run_buildah(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"buildah {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
        return done.stdout

    def run_buildah(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of buildah."""
        return subprocess.run([*self._program, *arguments], capture_output=True, text=True, check=False)

    @contextmanager
    def running(self, *arguments: str) -> Iterator[psutil.Process]:
        """A command of buildah that goes on until the context ends, with all that it started."""
        process = subprocess.Popen(
            [*self._program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        family = psutil.Process(process.pid)
        try:
            yield family
        finally:
            for one in (*family.children(recursive=True), family):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    @property
    def _program(self) -> list[str]:
        return ["buildah", f"--root={self._folder}/store", f"--runroot={self._folder}/run", "--storage-driver=vfs"]

    def save(self, tag: str, path: Path) -> None:
        """Write an image as an archive that containerd and Docker take."""
        path.unlink(missing_ok=True)
        self.buildah("push", "-q", tag, f"docker-archive:{path}:{tag}")

    def inspect(self, tag: str) -> dict[str, Any]:
        """An image's description, as OCI has it."""
        described: dict[str, Any] = json.loads(self.buildah("inspect", "--type=image", tag))["OCIv1"]
        return described

    def size_bytes(self, tag: str) -> int:
        """Bytes of an image's files."""
        return sum(layer["size"] for layer in self._manifest(tag)["layers"])

    def _manifest(self, tag: str) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(json.loads(self.buildah("inspect", "--type=image", tag))["Manifest"])
        return manifest


def _write_pip_settings(path: Path) -> str:
    """Write those of pip's settings that lead to an index; answers the file of authorities, if one is set."""
    argv = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    # Lines such as global.index-url='https://…'; those of variables, :env:.index-url, come first and win.
    lines = reversed(re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    values = dict(lines)
    file = configparser.RawConfigParser()
    file["global"] = {name: values[name] for name in _PIP if name in values}
    authorities = values.get("cert", "")
    if authorities:
        file["global"]["cert"] = "/run/secrets/ca"
    with path.open("w") as out:
        file.write(out)
    return authorities
