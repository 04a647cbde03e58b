"""The circuit breaker, by a clock that the test moves."""

import asyncio

import pytest

from reelmill.cache.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Counts its calls; fails while `away`."""

    away = True
    calls = 0

    async def answer(self) -> str:
        self.calls += 1
        if self.away:
            raise OSError("away")
        return "hit"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("test", (OSError,), failures=3, first_seconds=1, max_seconds=5, clock=clock)


async def fail(breaker: Breaker, server: Server, times: int) -> None:
    for _ in range(times):
        assert await breaker.call(server.answer, "miss") == "miss"


async def test_it_opens_after_failures_in_a_row_and_keeps_calls_away(breaker: Breaker, server: Server) -> None:
    await fail(breaker, server, 10)
    assert server.calls == 3


async def test_a_success_between_failures_keeps_it_closed(breaker: Breaker, server: Server) -> None:
    for _ in range(5):
        server.away = True
        await fail(breaker, server, 2)
        server.away = False
        assert await breaker.call(server.answer, "miss") == "hit"
    assert server.calls == 15


async def test_it_closes_at_the_first_success_after_its_time(breaker: Breaker, server: Server, clock: Clock) -> None:
    await fail(breaker, server, 3)
    server.away = False
    clock.now = 0.9
    assert await breaker.call(server.answer, "miss") == "miss"
    clock.now = 1.0
    assert await breaker.call(server.answer, "miss") == "hit"
    assert await breaker.call(server.answer, "miss") == "hit"


async def test_each_trial_that_fails_doubles_its_time_up_to_the_most(
    breaker: Breaker, server: Server, clock: Clock
) -> None:
    await fail(breaker, server, 3)
    for wait_seconds in (1, 2, 4, 5, 5):
        before = server.calls
        clock.now += wait_seconds - 0.1
        await fail(breaker, server, 2)
        assert server.calls == before
        clock.now += 0.1
        await fail(breaker, server, 2)
        assert server.calls == before + 1


async def test_one_call_alone_tries_a_server_that_is_slow_to_answer(
    breaker: Breaker, server: Server, clock: Clock
) -> None:
    await fail(breaker, server, 3)
    clock.now = 1
    answered = asyncio.Event()

    async def slow() -> str:
        await answered.wait()
        return "hit"

    trial = asyncio.create_task(breaker.call(slow, "miss"))
    await asyncio.sleep(0)
    await fail(breaker, server, 5)
    assert server.calls == 3
    answered.set()
    assert await trial == "hit"


async def test_a_trial_that_is_cancelled_leaves_room_for_the_next(
    breaker: Breaker, server: Server, clock: Clock
) -> None:
    await fail(breaker, server, 3)
    clock.now, server.away = 1, False
    trial = asyncio.create_task(breaker.call(asyncio.Event().wait, False))
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    assert await breaker.call(server.answer, "miss") == "hit"


async def test_an_error_that_does_not_mean_away_is_raised(breaker: Breaker) -> None:
    async def wrong() -> str:
        raise TypeError

    with pytest.raises(TypeError):
        await breaker.call(wrong, "miss")


async def test_by_itself_it_opens_after_three_failures_for_a_second_and_at_most_five(
    clock: Clock, server: Server
) -> None:
    breaker = Breaker("test", (OSError,), clock=clock)
    for wait_seconds, reached in ((0, 3), (0.9, 3), (0.1, 4), (2, 5), (4, 6), (4.9, 6), (0.1, 7), (4.9, 7), (0.1, 8)):
        clock.now += wait_seconds
        await fail(breaker, server, 4)
        assert server.calls == reached, clock.now
