"""Maven: jars of a server and of all that it needs."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from services.process import MissingError


def fetch(pom: Path, target: Path, **properties: str) -> None:
    """Put the jars of a POM's dependencies into a new folder. Raises MissingError."""
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingError(
            f"mvn is not on PATH: install Maven, which fetches {target.name} (Debian: apt-get install maven)"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={made}"]
        goal += [f"-D{name}={value}" for name, value in properties.items()]
        done = subprocess.run([maven, "-B", "-q", "-f", str(pom), *goal], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingError(f"Maven could not fetch {target.name}:\n{done.stdout[-2000:]}")
        try:
            made.rename(target)
        except OSError:  # another run was quicker
            if not target.is_dir():
                raise
