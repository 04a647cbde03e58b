"""What an event loop waits for is noted, by whichever of Python's functions Reelmill does it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import blocking
import pytest

WAYS = {
    "list(folder.iterdir())": "os.listdir",
    "list(folder.rglob('*'))": "os.scandir",
    "glob.glob(f'{folder}/*')": "os.scandir",
    "list(os.walk(folder))": "os.scandir",
    "(folder / 'file').unlink()": "os.unlink",
    "os.remove(folder / 'file')": "os.remove",
    "shutil.rmtree(folder)": "shutil.rmtree",
}


def coroutine(code: str, place: str) -> Any:
    """A coroutine function of one argument, `folder`, whose code lies at that place."""
    names: dict[str, Any] = {}
    text = f"import glob, os, shutil\nasync def does(folder):\n    {code}\n"
    exec(compile(text, place, "exec"), names)
    return names["does"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    return tmp_path / "folder"


@pytest.mark.parametrize(("way", "function"), WAYS.items())
def test_what_reelmill_does_on_its_event_loop_is_noted(folder: Path, way: str, function: str) -> None:
    asyncio.run(coroutine(way, f"{blocking._OURS}/some/where.py")(folder))
    first, *_ = blocking.found()
    assert first.startswith(f"{function} of {folder}") and first.endswith("/reelmill/some/where.py:3")


def test_nothing_else_is_noted(folder: Path) -> None:
    asyncio.run(coroutine("list(folder.iterdir())", __file__)(folder))  # of somebody else
    asyncio.run(coroutine("list(folder.iterdir())", f"{blocking._OURS}/sealing.py")(folder))  # of a known size
    shutil.rmtree(folder)  # on no event loop
    assert blocking.found() == []
