"""openapi-python-client and openapi-typescript make whole clients of our OpenAPI document. Part of `make lint`.

The second needs Node.js' npm: without one its types are left to tests/gateway/test_generators.py, which installs it. A
document that passed is not looked at again: both are made anew where it, a generator or this file changes.
"""

import ast
import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from reelmill.capacity import Limits
from reelmill.gateway import openapi
from reelmill.gateway.bindings import bindings, services

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from gateway import generated
from services import npm, pypi
from services.process import MissingError

PASSED = Path(sys.prefix) / "clients.passed"
_LIMITS = Limits(request_max_bytes=2**20, batch_max_bytes=2**20)
_PROGRAM = """
import type { components, operations } from "./schema";

export type Output = components["schemas"]["Output"];
export const made: Output = { name: "web", transcode: { container: "MP4" } };
export type Created = operations["CreateJob"]["responses"]["200"]["content"]["application/json"];
"""


def names(document: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The schemas and the operations of a document."""
    operations = {
        one["operationId"] for path in document["paths"].values() for one in path.values() if "operationId" in one
    }
    return set(document["components"]["schemas"]), operations


def plain(name: str) -> str:
    """A name as one of any generator is compared with it."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def lacking(document: dict[str, Any], made: Path) -> list[str]:
    """What a document has and the Python that was made of it has not."""
    schemas, operations = names(document)
    package = made / generated.PACKAGE
    found = {plain(path.stem) for path in package.rglob("*.py")}
    for path in package.rglob("*.py"):
        ast.parse(path.read_text(), path.name)
    return sorted(name for name in schemas | operations if plain(name) not in found)


def check(document: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong with what is made of a document. Raises AssertionError, MissingError."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    wrong = [
        f"openapi-python-client leaves out {name}" for name in lacking(document, generated.python_client(path, folder))
    ]
    if shutil.which("npm") and shutil.which("node"):
        types = generated.typescript_types(path, folder, _PROGRAM).read_text()
        told = {plain(word) for word in re.findall(r"^ {4,8}\"?([\w.]+)\"?: ", types, re.MULTILINE)}
        wrong += [
            f"openapi-typescript leaves out {name}"
            for name in sorted(set().union(*names(document)))
            if plain(name) not in told
        ]
    else:
        print("there is no npm: types for TypeScript are left to tests/gateway/test_generators.py, which installs it")
    return wrong


def main() -> None:
    """Check the document of this tree, unless it passed."""
    document = openapi.document(list(bindings(services())), limits=_LIMITS, upload_max_bytes=2**40)
    by = (
        json.dumps(document),
        npm.OPENAPI_TYPESCRIPT,
        npm.TYPESCRIPT,
        pypi.OPENAPI_PYTHON_CLIENT,
        shutil.which("npm") or "",
    )
    digest = hashlib.sha256("\n".join([*by, Path(__file__).read_text()]).encode()).hexdigest()
    if PASSED.exists() and PASSED.read_text() == digest:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = check(document, Path(folder))
        except (AssertionError, MissingError) as error:
            sys.exit(f"no client can be made of /openapi.json:\n{error}")
    if wrong:
        sys.exit("\n".join(wrong))
    PASSED.write_text(digest)


if __name__ == "__main__":
    main()
