"""Captions of one channel of line 21, out of all that passes there."""

from hypothesis import given
from hypothesis import strategies as st
from media.closed import NOTHING, RATE, SHOWN, erased, letters, lines_of, loaded, odd, pairs, triples

from reelmill.media.line21 import CHANNELS, Channel
from reelmill.media.texts import Order
from reelmill.media.tools.captions import converted
from reelmill.media.tools.kit import Refused


def passed(channel: str, first: dict[int, bytes], second: dict[int, bytes] | None = None) -> Channel:
    """What a channel took of ten seconds."""
    made = Channel(channel)
    for frame in range(round(10 * RATE)):
        made.take(frame / RATE, triples(frame, first, second or {}))
    return made


def shown(channel: Channel, end: float = 10.0) -> list[tuple[float, float, str]]:
    """Captions as they come out."""
    scc = "".join(channel.scc(end))
    return lines_of(converted(scc, Order(source="scc", target="srt")))


def test_each_channel_has_its_own_captions_when_they_are_shown() -> None:
    first = pairs(SHOWN, "CC1") | pairs([(7.0, 8.0, "Hola")], "CC2")
    second = pairs([(1.5, 2.5, "Bonjour")], "CC3") | pairs([(6.0, 9.0, "Servus")], "CC4")
    made = {name: passed(name, first, second) for name in CHANNELS}
    assert shown(made["CC1"]) == list(SHOWN)
    assert shown(made["CC2"]) == [(7.0, 8.0, "Hola")]
    assert shown(made["CC3"]) == [(1.5, 2.5, "Bonjour")]
    assert shown(made["CC4"]) == [(6.0, 9.0, "Servus")]
    assert made["CC2"].others == {"CC1", "CC3", "CC4"}


def test_pages_of_text_data_about_programs_and_what_is_damaged_are_no_captions() -> None:
    page = [odd(0x14, 0x2A)] * 2 + letters("Stocks fell") + [odd(0x14, 0x20)] * 2
    first = pairs(SHOWN) | {180 + i: word for i, word in enumerate(page)}
    first[10] = letters("no")[0]  # nobody said whose
    begin = min(frame for frame in first if frame > 20)
    first[begin - 1] = bytes([0x94, 0x2F ^ 0x80])  # parity
    assert shown(passed("CC1", first)) == list(SHOWN)
    program = [odd(0x01, 0x03), *letters("A title"), odd(0x0F, 0x10)]
    second = pairs(SHOWN, "CC3") | {180 + i: word for i, word in enumerate(program)}
    assert shown(passed("CC3", {}, second)) == list(SHOWN)
    empty = passed("CC1", {5: page[0], 6: page[2]})
    assert (empty.words, empty.others) == ([], set())


def words(*sent: bytes) -> list[str]:
    """What CC1 takes of pairs that follow each other."""
    made = Channel("CC1")
    for frame, pair in enumerate(sent):
        made.take(frame / RATE, b"\xfc" + pair)
    return [word for _, word in made.words]


def test_a_page_that_begins_ends_the_captions_until_they_begin_anew() -> None:
    begin, page, (hi, *_) = odd(0x14, 0x20), odd(0x14, 0x2A), letters("Hi")
    assert words(begin, hi, page, hi, hi) == [begin.hex(), hi.hex()]
    assert words(begin, page, hi, begin, hi) == [begin.hex(), begin.hex(), hi.hex()]


def test_a_pair_of_the_wrong_parity_is_left_out() -> None:
    begin, (hi, *_) = odd(0x14, 0x20), letters("Hi")
    for damaged in (bytes((hi[0] ^ 0x80, hi[1])), bytes((hi[0], hi[1] ^ 0x80)), bytes((hi[0] ^ 1, hi[1]))):
        assert words(begin, damaged, hi) == [begin.hex(), hi.hex()]


def test_what_is_never_taken_away_ends_with_the_film() -> None:
    first = {30 + i: word for i, word in enumerate(loaded("Stay"))}
    assert [(end, text) for _, end, text in shown(passed("CC1", first), end=10.0)] == [(10.0, "Stay")]


def test_pairs_that_come_two_at_a_time_keep_their_order() -> None:
    words = [*loaded("At 24 frames"), *[NOTHING] * 20, *erased()]
    made = Channel("CC1")
    for frame in range(0, len(words), 2):  # so a picture of a film of 15 frames a second has two of them
        made.take(1 + frame / RATE, b"".join(b"\xfc" + word for word in words[frame : frame + 2]))
    (one,) = shown(made)
    assert one[2] == "At 24 frames" and 1.3 < one[0] < 1.6 and 2.0 < one[1] < 2.4


PASSING = st.tuples(st.sampled_from(b"\xf8\xfc\xfd\xfe"), st.integers(0, 127), st.integers(0, 127), st.booleans())


@given(st.lists(PASSING, max_size=60), st.sampled_from(CHANNELS))
def test_any_bytes_are_captions_or_refused(found: list[tuple[int, int, int, bool]], name: str) -> None:
    made = Channel(name)
    starts = [(0xFC, 0x14, 0x25, True), (0xFC, 0x1C, 0x29, True), (0xFD, 0x15, 0x20, True), (0xFD, 0x1D, 0x26, True)]
    for frame, (kind, first, second, whole) in enumerate(starts + found):
        pair = odd(first, second) if whole else bytes((first, second))
        made.take(frame / RATE, bytes([kind]) + pair)
    frames = [frame for frame, _ in made.words]
    assert frames == sorted(set(frames))
    try:
        converted("".join(made.scc(3.0)), Order(source="scc", target="srt"))
    except Refused as error:
        assert error.code == "INPUT_CORRUPT"
