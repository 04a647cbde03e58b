"""In CI, try again alone what failed beside others: one or two tests, once, told aloud. `make test` ends with it.

A machine that others keep busy refuses now and then what holds. What fails alone too is red, and so are more than two;
elsewhere than in CI, and in `make flaky`, there is no second try.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
MOST = 2


def main() -> int:
    """Exit status of the second try; 1 where there is none."""
    failed = list(json.loads(FAILED.read_text())) if FAILED.exists() else []
    tests = all("::" in name for name in failed)  # and not a file that could not be read
    if not os.environ.get("CI") or not tests or not 1 <= len(failed) <= MOST:
        return 1
    for name in failed:
        print(f"== failed beside others, tried again alone: {name}", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:xdist", *failed], cwd=ROOT, check=False)
    if again.returncode == 0:
        print(f"== FLAKY: {', '.join(failed)} failed beside others and passed alone. Mend the test, or what it found.")
    return again.returncode


if __name__ == "__main__":
    sys.exit(main())
