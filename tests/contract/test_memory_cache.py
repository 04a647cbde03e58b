"""How the in-process cache forgets, by a clock that the test moves."""

import pytest
from contract.test_cache import status

from reelmill.cache.memory import MemoryCache, _Expiring


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


@pytest.mark.parametrize("final", [True, False])
async def test_each_kind_of_status_has_its_own_time_to_live(final: bool) -> None:
    """A time of nothing keeps nothing: so it shows which of the two was taken."""
    put = status(final=final)
    for status_ttl_seconds, final_ttl_seconds in ((0, 600), (600, 0)):
        cache = MemoryCache(status_ttl_seconds=status_ttl_seconds, final_ttl_seconds=final_ttl_seconds)
        await cache.put([put])
        lives = final_ttl_seconds if final else status_ttl_seconds
        assert await cache.get(put.tenant_id, put.job_id) == (put if lives else None)
