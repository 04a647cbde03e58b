"""The order in which test files begin."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from order import ROOT, SECONDS, WAITING, arrange


def test_the_files_that_take_long_are_there() -> None:
    assert [name for name in SECONDS if not (ROOT / name).is_file()] == []


def test_what_waits_and_what_computes_run_side_by_side_the_longest_first_and_files_stay_whole() -> None:
    names = [*SECONDS, "fault/test_uploads.py", "unit/test_order.py", "unit/test_short.py", "../elsewhere/test_it.py"]
    items: list[Any] = [SimpleNamespace(path=ROOT / name, nodeid=i) for i in range(2) for name in sorted(names)]
    arrange(items)
    assert [item.nodeid for item in items] == [0, 1] * len(names)
    files = [str(Path(item.path).relative_to(ROOT)) for item in items[::2]]
    for waits in (True, False):
        assert max((n for n in SECONDS if (n.split("/")[0] in WAITING) is waits), key=SECONDS.__getitem__) in files[:2]
        taken = [SECONDS.get(name, 0) for name in files if (name.split("/")[0] in WAITING) is waits]
        assert taken == sorted(taken, reverse=True)
    half = files[: len(files) // 2]
    waiting = sum(SECONDS[name] for name in half if name.split("/")[0] in WAITING)
    assert waiting / sum(s for name, s in SECONDS.items() if name.split("/")[0] in WAITING) > 0.4
