"""Put in place what the wheels don't bring: servers, libfaketime, and what checks charts and builds images."""

import os
import shutil
import subprocess
from collections.abc import Callable

from services import charts, clock, elasticsearch, filebeat, image, kafka, prometheus, redis
from services.process import MissingError


def install(*, logging: bool = False) -> list[str]:
    """Install what is missing and needed; answers what could not be, each with its remedy.

    Quick when all is there. A server that is named by a REELMILL_TEST_* variable is not needed.
    """
    parts: list[tuple[str, Callable[[], object]]] = [
        ("clock", _clock),
        ("prometheus", _prometheus),
        ("charts", _charts),
        ("image", _image),
    ]
    if not os.environ.get("REELMILL_TEST_REDIS_URL"):
        parts.append(("redis", _redis))
    if not os.environ.get("REELMILL_TEST_KAFKA_URL"):
        parts.append(("kafka", _kafka))
    if logging:
        parts += [("elasticsearch", _elasticsearch), ("filebeat", _filebeat)]
    problems = []
    for name, part in parts:
        try:
            part()
        except MissingError as error:
            problems.append(f"{name}: {error}")
    return problems


def _clock() -> None:
    try:
        clock.library()
    except MissingError:
        apt_get("libfaketime")
        clock.library()


def _prometheus() -> None:
    # Each package's program has its name.
    for package in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"):
        if shutil.which(package) is None:
            apt_get(package)
        prometheus.program(package)


def _redis() -> None:
    if shutil.which("redis-server") is None:
        apt_get("redis-server")
    redis.executable()


def _kafka() -> None:
    if kafka.jars().is_dir():
        return
    if shutil.which("mvn") is None:
        apt_get("maven")
    print(f"fetching Apache Kafka {kafka.VERSION} (43 MB) into {kafka.jars()}", flush=True)
    kafka.fetch_jars()


def _elasticsearch() -> None:
    try:
        elasticsearch.java()
    except MissingError:
        apt_get("openjdk-17-jre-headless")
        elasticsearch.java()
    if not elasticsearch.jars().is_dir():
        if shutil.which("mvn") is None:
            apt_get("maven")
        print(f"fetching Elasticsearch {elasticsearch.VERSION} (32 MB) into {elasticsearch.jars()}", flush=True)
        elasticsearch.fetch_jars()


def _filebeat() -> None:
    for version in (filebeat.VERSION, filebeat.SENDER_VERSION):
        if not filebeat.program(version).exists():
            print(f"building Filebeat {version} with Go: some minutes, once", flush=True)
            filebeat.build(version)


def _charts() -> None:
    if not charts.folder().is_dir():
        print(f"building Helm {charts.HELM} and kubeconform with Go: some minutes, once", flush=True)
        charts.install()


def _image() -> None:
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None:
            apt_get(program)
    if image.ARCHITECTURE:
        for program in ("qemu-user-static", "arch-test"):
            apt_get(program)
        image.emulate()
    if not image.base().exists():
        print(f"making {image.base()} from Debian's packages", flush=True)
        image.make_base()


def apt_get(package: str) -> None:
    """Install a Debian package where we may; whoever needs it says what is missing still."""
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        return
    print(f"installing {package} with apt-get", flush=True)
    # Run level 1 keeps the package from starting a service of the system's.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            [apt_get, "-qq", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            print(f"apt-get {' '.join(arguments)} failed:\n{done.stderr[-2000:]}", flush=True)
