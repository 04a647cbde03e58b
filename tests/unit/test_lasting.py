"""What tests share ends with the last that asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from lasting import Lasting

ITEMS: list[Any] = [
    SimpleNamespace(nodeid="one", fixturenames=["api", "tmp_path"]),
    SimpleNamespace(nodeid="two", fixturenames=["gateway", "api"]),
    SimpleNamespace(nodeid="three", fixturenames=["api"]),
    SimpleNamespace(nodeid="four"),  # as Doctest's
]


def test_a_system_ends_as_the_first_test_begins_after_all_that_ask_for_it() -> None:
    ended: list[str] = []

    @contextmanager
    def system(name: str) -> Iterator[str]:
        yield name
        ended.append(name)

    lasting = Lasting()
    lasting.plan(ITEMS)
    with lasting.run("api", system("api")) as api, lasting.run("gateway", system("gateway")):
        assert api == "api"
        seen = []
        for item in ITEMS:
            lasting.begin(item)
            seen.append(list(ended))
        assert seen == [[], [], ["gateway"], ["gateway", "api"]]
    assert ended == ["gateway", "api"], "and is ended once"


def test_what_no_test_asked_for_lasts_to_the_end() -> None:
    lasting = Lasting()
    lasting.plan(ITEMS)
    with lasting.run("another", SimpleContext()) as context:
        for item in [*ITEMS, SimpleNamespace(nodeid="of another session")]:
            lasting.begin(item)
        assert not context.ended
    assert context.ended


class SimpleContext:
    ended = False

    def __enter__(self) -> "SimpleContext":
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True
