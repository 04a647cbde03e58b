"""Every image that deploy/ names is pinned by its digest: a tag may be another image tomorrow. Part of `make lint`.

Exit status 1 where one is not. Those in UNPINNED are told: docs/operating.md says how to pin them.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Their digests could not be looked up where this was written: no registry was reached, and none is made up.
UNPINNED = frozenset({"elasticsearch:8.19.3", "kibana:8.19.3", "elastic/filebeat:8.19.3"})
_PINNED = re.compile(r"[\w./-]+(:[\w.-]+)?@sha256:[0-9a-f]{64}")
_NAMED = re.compile(r"^[ \t]*(?:-[ \t]*)?image:[ \t]*[\"']?([^\s\"'#]+)|^(?:ARG \w*BASE=|FROM )(\S+)", re.MULTILINE)


def images(root: Path = ROOT) -> dict[str, list[str]]:
    """The images of others, each with the files that name it."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "deploy").rglob("*")):
        if not path.is_file() or "templates" in path.parts or path.suffix not in (".yaml", ".yml", ""):
            continue
        for match in _NAMED.finditer(path.read_text()):
            image = match[1] or match[2]
            if not image.startswith(("$", "{")):  # ours, or the argument above
                found.setdefault(image, []).append(str(path.relative_to(root)))
    return found


def unpinned(named: dict[str, list[str]]) -> list[str]:
    """A line for each that has no digest and may not be without."""
    return [
        f"{', '.join(files)}: {image} has no digest"
        for image, files in named.items()
        if image not in UNPINNED and not _PINNED.fullmatch(image)
    ]


def main() -> None:
    """Check all of them."""
    named = images()
    for image in sorted(UNPINNED & named.keys()):
        print(f"not pinned, as docs/operating.md says: {image}")
    if found := unpinned(named):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
