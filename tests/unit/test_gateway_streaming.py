"""Places for streams: each that is left, in whichever way, is one place again."""

from collections.abc import Callable
from typing import Any

import pytest

from reelmill.gateway.problems import Problem
from reelmill.gateway.streaming import Room


class Call:
    """A streaming call that ends when it is told to."""

    def __init__(self) -> None:
        self.end: Callable[[Any], None] = lambda _: None

    def add_done_callback(self, end: Callable[[Any], None]) -> None:
        self.end = end


def fails() -> Call:
    raise ConnectionError


def by_a_block(room: Room) -> None:
    with room.place():
        pass


def by_a_call(room: Room) -> None:
    call = room.open(Call)
    call.end(call)


def by_a_call_that_fails(room: Room) -> None:
    with pytest.raises(ConnectionError):
        room.open(fails)


@pytest.mark.parametrize("left", [by_a_block, by_a_call, by_a_call_that_fails])
def test_a_place_that_is_left_is_one_again(left: Callable[[Room], None]) -> None:
    room = Room(1)
    left(room)
    room.open(Call)
    with pytest.raises(Problem) as refused, room.place():
        raise AssertionError("one place too many")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")
