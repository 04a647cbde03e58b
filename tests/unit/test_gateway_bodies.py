"""A body is read up to its limits of size and time; what is too large is read past for a while and not kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import Headers
from waiting import patient

from reelmill.capacity import SMALL_BYTES, Capacity
from reelmill.gateway import transcoding
from reelmill.gateway.problems import Problem
from reelmill.jobs.errors import Unavailable, Violation

MEBIBYTE = b"x" * 2**20
NO_HEADERS = Headers()


class Sent:
    """What a client sends, piece by piece; counts the pieces that were taken."""

    def __init__(self, *pieces: bytes, stalls: bool = False) -> None:
        self.pieces, self.stalls, self.taken = pieces, stalls, 0

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece
        if self.stalls:
            await asyncio.Event().wait()


async def body_of(sent: Sent, limit_bytes: int, headers: Headers = NO_HEADERS, most_bytes: int = 2**30) -> bytes:
    async with patient(), Capacity(max_bytes=most_bytes, wait_seconds=0).share() as share:
        return await transcoding.read_body(headers, sent.stream(), limit_bytes, share)


async def refusal(sent: Sent, limit_bytes: int, headers: Headers = NO_HEADERS) -> Problem:
    with pytest.raises(Problem) as caught:
        await body_of(sent, limit_bytes, headers)
    assert caught.value.headers == {"Connection": "close"}
    return caught.value


@pytest.mark.parametrize("headers", [Headers(), Headers({"content-length": "10"})])
async def test_a_body_up_to_its_limit_is_put_together_from_its_pieces(headers: Headers) -> None:
    assert await body_of(Sent(b"01234", b"", b"56789"), 10, headers) == b"0123456789"
    assert await body_of(Sent(), 10) == b""


async def test_a_byte_more_than_the_limit_is_413_with_the_limit_and_the_place_for_media() -> None:
    for sent, headers in ((Sent(b"01234", b"567890"), Headers()), (Sent(b"0" * 11), Headers({"content-length": "11"}))):
        problem = await refusal(sent, 10, headers)
        assert (problem.status, problem.code) == (413, "PAYLOAD_TOO_LARGE")
        assert problem.detail == "the body is larger than 10 bytes; send media to /v1/uploads"


async def test_what_is_too_large_is_read_past_for_16_mebibytes_and_no_further() -> None:
    sent = Sent(*[MEBIBYTE] * 40)
    await refusal(sent, 10)
    assert sent.taken == 1 + 16 + 1
    short = Sent(*[MEBIBYTE] * 5)
    await refusal(short, 10)
    assert short.taken == 5


@pytest.mark.parametrize(("length", "taken"), [(16 * 2**20, 16), (16 * 2**20 + 1, 0), (10**30, 0)])
async def test_what_says_that_it_is_far_too_large_is_not_read_at_all(length: int, taken: int) -> None:
    sent = Sent(*[MEBIBYTE] * 16)
    problem = await refusal(sent, 10, Headers({"content-length": str(length)}))
    assert (problem.status, sent.taken) == (413, taken)


async def test_a_client_that_stalls_while_it_is_read_past_hears_of_413_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcoding, "_DISCARD_SECONDS", 0.01)
    assert (await refusal(Sent(b"01234567890", stalls=True), 10)).status == 413


async def test_a_body_that_stalls_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcoding, "BODY_SECONDS", 0.01)
    problem = await refusal(Sent(b"01234", stalls=True), 10)
    assert (problem.status, problem.code) == (408, "BODY_TIMEOUT")
    assert problem.detail == "the body did not come within 0.01 s"


async def test_a_body_has_the_minute_that_docs_errors_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []
    timeout = asyncio.timeout

    def noted(seconds: float | None) -> asyncio.Timeout:
        asked.append(seconds)
        return timeout(seconds)

    async with Capacity().share() as share:
        monkeypatch.setattr(asyncio, "timeout", noted)
        await transcoding.read_body(NO_HEADERS, Sent(b"x").stream(), 10, share)
    assert asked == [60]


async def test_a_large_body_is_counted_as_it_comes_and_a_small_one_never() -> None:
    small, large = Sent(b"x" * SMALL_BYTES), Sent(b"x" * SMALL_BYTES, b"x", b"x")
    assert len(await body_of(small, 2**20, most_bytes=0)) == SMALL_BYTES
    with pytest.raises(Unavailable, match="too many large requests"):
        await body_of(large, 2**20, most_bytes=SMALL_BYTES)
    assert large.taken == 2
    assert len(await body_of(large, 2**20, most_bytes=SMALL_BYTES + 2)) == SMALL_BYTES + 2


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 0),
        ({"content-length": "0"}, 0),
        ({"content-length": "17"}, 17),
        ({"content-length": "many"}, 0),
        ({"content-length": "-1"}, 0),
        ({"content-length": ""}, 0),
        ({"content-length": "²"}, 0),
        ({"content-length": "9" * 20}, 10**20 - 1),
    ],
)
def test_a_length_is_what_the_header_says_in_plain_digits(headers: dict[str, str], length: int) -> None:
    assert transcoding.declared_bytes(Headers(headers)) == length


def test_too_large_tells_which_fields_are() -> None:
    wrong = Violation("name", "is too long")
    problem = transcoding.too_large("too much", [wrong])
    assert (problem.status, problem.code, problem.detail) == (413, "PAYLOAD_TOO_LARGE", "too much")
    assert problem.violations == (wrong,)
