"""Clients that strict readers make of an OpenAPI document. Of `make lint` too (scripts/check_clients.py)."""

import json
import subprocess
from pathlib import Path

from services import npm, pypi

PACKAGE = "reelmill_api"


def python_client(document: Path, folder: Path) -> Path:
    """The package that openapi-python-client makes, in its folder; a warning is an error. Raises AssertionError."""
    program = pypi.program("openapi-python-client", pypi.OPENAPI_PYTHON_CLIENT)
    config = folder / "config.json"
    config.write_text(json.dumps({"package_name_override": PACKAGE, "post_hooks": []}))
    made = folder / "made"
    argv = [program, "generate", "--path", document, "--output-path", made, "--config", config, "--meta", "setup"]
    done = subprocess.run([*argv, "--fail-on-warning"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout, done.stdout
    return made


def typescript_types(document: Path, folder: Path, program: str) -> Path:
    """The types that openapi-typescript makes, `schema.d.ts`, with which a program compiles. Raises AssertionError."""
    project = npm.project(npm.OPENAPI_TYPESCRIPT, npm.TYPESCRIPT)
    (folder / "node_modules").symlink_to(project / "node_modules")
    (folder / "program.ts").write_text(program)
    for argv in (
        ["openapi-typescript/bin/cli.js", str(document), "-o", "schema.d.ts"],
        ["typescript/bin/tsc", "--strict", "--noEmit", "--noUncheckedIndexedAccess", "program.ts"],
    ):
        command = [npm.node(), f"node_modules/{argv[0]}", *argv[1:]]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "schema.d.ts"
