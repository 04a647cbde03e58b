"""A job's progress, out of its tasks'."""

from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.progress import Part, aged, combined
from reelmill.v1.jobs_pb2 import OutputProgress, Progress


def part(share: float, before: float) -> Part:
    return Part(task_id=uuid4(), share=share, before=before)


def test_shares_add_up_and_speeds_of_what_runs_too() -> None:
    told = [
        (part(0.2, 0), Progress(percent=100, fps=9, speed=9)),
        (part(0.4, 0.2), Progress(percent=50, fps=25, speed=2, eta=Duration(seconds=7))),
        (
            part(0.4, 0.2),
            Progress(percent=25, fps=20, speed=1, eta=Duration(seconds=9), eta_latest=Duration(seconds=11)),
        ),
    ]
    nine, eleven = Duration(seconds=9), Duration(seconds=11)
    assert combined(told) == Progress(percent=50, fps=45, speed=3, eta=nine, eta_earliest=nine, eta_latest=eleven), (
        "a worker of a release before tells no range"
    )


def test_tasks_that_wait_take_over_at_the_pace_of_those_that_run() -> None:
    def running(seconds: int, percent: float = 50) -> Progress:
        eta = Duration(seconds=seconds)
        return Progress(percent=percent, eta=eta, eta_earliest=eta, eta_latest=eta)

    told = [(part(0.1, 0), running(5)), (part(0.1, 0), running(5))]  # and 0.8 of the job waits: 0.02 a second
    job = combined(told)
    assert (job.percent, job.eta.seconds) == (10, 45)
    assert job.eta_earliest.seconds < 45 < job.eta_latest.seconds, "how long those take is only reckoned"
    assert combined([(part(1, 0), running(7))]).eta.seconds == 7
    assert not combined([(part(0.5, 0), Progress(percent=50))]).HasField("eta"), "nobody knows"


def test_a_time_to_go_runs_down_while_nothing_new_is_told() -> None:
    told = Progress(percent=100, eta=Duration(seconds=4), eta_earliest=Duration(seconds=1))
    aged(told, 2.5)
    assert (told.eta.ToMilliseconds(), told.eta_earliest.ToMilliseconds()) == (1500, 0)
    assert not told.HasField("eta_latest")
    assert combined([(part(1, 0), told)]).eta.ToMilliseconds() == 1500, "it uploads"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100), *[st.integers(0, 10**12)] * 3), min_size=1, max_size=8))
def test_the_range_contains_what_is_likely(rows: list[tuple[float, float, int, int, int]]) -> None:
    told = []
    for share, percent, *times in rows:
        one = Progress(percent=percent)
        for name, milliseconds in zip(("eta_earliest", "eta", "eta_latest"), times, strict=True):
            getattr(one, name).FromMilliseconds(min(milliseconds, 10**11))
        told.append((part(share, 0), one))
    job = combined(told)
    times = [job.eta_earliest.ToNanoseconds(), job.eta.ToNanoseconds(), job.eta_latest.ToNanoseconds()]
    assert 0 <= times[0] <= times[1] <= times[2]


def test_what_a_task_knows_was_done_is_done_though_nobody_tells_of_it_any_more() -> None:
    assert combined([(part(0.1, 0.6), Progress(percent=50))]).percent == 65


def test_outputs_are_as_far_as_the_tasks_that_make_them_tell_in_the_order_of_their_names() -> None:
    def told(*outputs: tuple[str, float]) -> Progress:
        return Progress(outputs=[OutputProgress(output=name, percent=percent) for name, percent in outputs])

    tasks = [(part(0.5, 0), told(("c", 30), ("d", 70))), (part(0.5, 0), told(("a", 100)))]
    outputs = combined(tasks).outputs
    assert [(one.output, one.percent) for one in outputs] == [("a", 100), ("c", 30), ("d", 70)]
    assert combined(reversed(tasks)).outputs == outputs


def test_one_task_is_the_whole() -> None:
    assert combined([(part(1, 0), Progress(percent=42, fps=3))]) == Progress(percent=42, fps=3)
    assert combined([]).percent == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 100), st.floats(0, 100)), max_size=8))
def test_it_lies_between_0_and_100_and_grows_with_each_task(rows: list[tuple[float, float, float, float]]) -> None:
    earlier = [(part(s, b), Progress(percent=min(p, q))) for s, b, p, q in rows]
    later = [(part(s, b), Progress(percent=max(p, q))) for s, b, p, q in rows]
    assert 0 <= combined(earlier).percent <= combined(later).percent <= 100
