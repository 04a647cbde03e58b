"""How the in-process cache forgets, by a clock that the test moves."""

from reelmill.cache.memory import _Expiring


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_lives_for_its_time() -> None:
    clock = Clock()
    items: _Expiring[str, int] = _Expiring(clock=clock)
    items.set("a", 1, 10)
    clock.now = 9.9
    assert items.get("a") == 1
    clock.now = 10
    assert items.get("a") is None


def test_a_value_that_was_replaced_lives_for_its_new_time() -> None:
    clock = Clock()
    items: _Expiring[str, int] = _Expiring(clock=clock)
    items.set("a", 1, 10)
    items.set("a", 2, 100)
    clock.now = 50
    items.set("b", 3, 1)
    assert (items.get("a"), items.get("b")) == (2, 3)


def test_a_time_of_nothing_keeps_nothing() -> None:
    items: _Expiring[str, int] = _Expiring(clock=Clock())
    items.set("a", 1, 0)
    assert items.get("a") is None


def test_the_oldest_give_way_beyond_the_most_items() -> None:
    items: _Expiring[int, int] = _Expiring(max_items=3, clock=Clock())
    for n in range(5):
        items.set(n, n, 10)
    assert [items.get(n) for n in range(5)] == [None, None, 2, 3, 4]


def test_what_is_over_takes_no_room() -> None:
    clock = Clock()
    items: _Expiring[int, int] = _Expiring(clock=clock)
    for n in range(1000):
        clock.now = n
        items.set(n % 10 if n % 2 else n, n, 5)
    assert len(items._items) < 20
    assert len(items._deadlines) < 20
