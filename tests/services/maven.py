"""Maven: jars of a server and of all that it needs."""

import subprocess
import tempfile
from pathlib import Path

from services import debian
from services.alone import alone
from services.process import MissingError


def fetch(pom: Path, target: Path, **properties: str) -> None:
    """Put the jars of a POM's dependencies into a folder, unless it is there. Raises MissingError."""
    with alone():
        if not target.is_dir():  # else another run was quicker
            _fetch(debian.program("mvn", "maven"), pom, target, **properties)


def _fetch(maven: str, pom: Path, target: Path, **properties: str) -> None:
    print(f"fetching {target.name} with Maven", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={made}"]
        goal += [f"-D{name}={value}" for name, value in properties.items()]
        done = subprocess.run([maven, "-B", "-q", "-f", str(pom), *goal], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingError(f"Maven could not fetch {target.name}:\n{done.stdout[-2000:]}")
        made.rename(target)
