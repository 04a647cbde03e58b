"""What was heard, written down."""

import json

from hypothesis import given
from hypothesis import strategies as st

from reelmill.media import webvtt
from reelmill.media.transcripts import Segment, Word, as_json, ordered, srt
from reelmill.media.transcripts import webvtt as written


def word(start: float, end: float, text: str) -> Word:
    return Word(start_seconds=start, end_seconds=end, text=text, probability=0.5)


WORDS = (word(1.0, 1.5, " R&D"), word(1.5, 2.0, " is"), word(3725.5, 3726, " <fun>."))
ONE = Segment(start_seconds=1.0, end_seconds=3726.25, text=" R&D is <fun>.", words=WORDS)


def test_each_format_has_its_own_way() -> None:
    made = ordered([ONE], 4000)
    head = "WEBVTT\n\n00:00:01.000 --> 01:02:06.250\n"
    assert written(made, words=True) == f"{head}R&amp;D <00:00:01.500>is <01:02:05.500>&lt;fun&gt;.\n"
    assert written(made, words=False) == f"{head}R&amp;D is &lt;fun&gt;.\n"
    assert srt(made) == "1\n00:00:01,000 --> 01:02:06,250\nR&D is <fun>.\n"
    told = json.loads(as_json(made, "en"))
    assert told["language"] == "en" and told["segments"][0]["words"][1] == {
        **{"start_seconds": 1.5, "end_seconds": 2.0},
        **{"text": "is", "probability": 0.5},
    }


def test_nothing_is_said_behind_the_end_or_twice_at_once() -> None:
    late = Segment(start_seconds=3726.0, end_seconds=3730, text="Late")
    empty = Segment(start_seconds=1, end_seconds=2, text="  ")
    made = ordered([ONE, empty, late], 3728)
    assert [(one.start_seconds, one.end_seconds) for one in made] == [(1.0, 3726.25), (3726.25, 3728)]
    assert ordered([ONE], 1.0) == []


times = st.floats(0, 100)
words = st.builds(word, times, times, st.text("ab<>&- ", min_size=1, max_size=5))
segments = st.builds(
    lambda start, end, said: Segment(
        start_seconds=start, end_seconds=end, text="".join(one.text for one in said), words=tuple(said)
    ),
    times,
    times,
    st.lists(words, max_size=4),
)


@given(st.lists(segments, max_size=5))
def test_whatever_was_heard_is_webvtt_whose_times_go_on(found: list[Segment]) -> None:
    made = ordered(found, 90)
    read = webvtt.parsed(written(made, words=True)).cues if made else []
    assert len(read) == len(made)
    starts = [one.start_seconds for one in made]
    assert starts == sorted(starts)
    for one in made:
        inner = [w.start_seconds for w in one.words]
        assert inner == sorted(inner) and all(one.start_seconds <= at <= one.end_seconds for at in inner)
