"""Keys of outputs: the same for the same work on the same bytes, another for any other."""

from dataclasses import replace
from typing import Any

import planning
import pytest
from google.protobuf.json_format import ParseDict
from unit.test_media_golden import CLIP, WORDY

from reelmill.media import reuse
from reelmill.media.contract import Graph, PlanContext
from reelmill.media.reuse import cpu_seconds, keys, paths_of, without, worth_hashing
from reelmill.media.steps import Joined, Program
from reelmill.v1.jobs_pb2 import Job

BYTES, OTHER = "a" * 64, "b" * 64
FILM: dict[str, Any] = {"name": "film", "transcode": {}}
SOUND: dict[str, Any] = {"name": "sound", "audio": {}}
STILLS: dict[str, Any] = {"name": "stills", "thumbnail": {}}
SMALL: dict[str, Any] = {"name": "small", "transcode": {"video": {"height": 144}}}


def builds(engine: str) -> dict[Program, str]:
    return {Program.FFMPEG: engine, Program.TOOL: "t", Program.PACKAGER: "p"}


def job(*outputs: dict[str, Any]) -> Job:
    return ParseDict({"inputs": [{"uri": "file:///a"}], "outputs": list(outputs)}, Job())


def planned(*outputs: dict[str, Any], threads: int = 2) -> Graph:
    return planning.graph(job(*outputs), CLIP, threads=threads)


def told(*outputs: dict[str, Any], of: str = BYTES, engine: str = "e", threads: int = 2) -> dict[str, str]:
    return keys(job(*outputs), planned(*outputs, threads=threads), {"": of}, builds=builds(engine))


def test_an_output_has_one_key_whatever_it_is_called_and_whatever_is_made_beside_it() -> None:
    alone = told(FILM)["film"]
    assert told({**FILM, "name": "other"}) == {"other": alone}
    assert len(planned(FILM, SMALL).steps) == 1, "one process makes both"
    together = told(SMALL, SOUND, STILLS, FILM)
    assert together["film"] == alone
    assert len(set(together.values())) == 4
    assert told({**FILM, "optional": True})["film"] == told({**FILM, "from_preset": "mine@3"})["film"] == alone
    titled: dict[str, Any] = {"name": "titled", "transcode": {"overlays": [{"text": {"text": "a title"}}]}}
    other: dict[str, Any] = {"name": "other", "transcode": {"overlays": [{"text": {"text": "another"}}]}}
    both = told(titled, other, FILM)
    assert both == {**told(titled), **told(other), "film": alone} and len(set(both.values())) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"of": OTHER},
        {"engine": "another"},
        {"threads": 3},
    ],
)
def test_other_bytes_another_build_and_other_threads_make_another_key(other: dict[str, Any]) -> None:
    assert told(FILM, **other)["film"] != told(FILM)["film"]


def test_a_plan_of_another_version_has_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = told(FILM)
    monkeypatch.setattr(reuse, "PLAN_VERSION", reuse.PLAN_VERSION + 1)
    assert told(FILM) != before


def test_what_is_not_known_has_no_key() -> None:
    made = planned(FILM)
    assert keys(job(FILM), made, {}, builds=builds("e")) == {}
    assert keys(job(FILM), replace(made, steps=()), {"": BYTES}, builds=builds("e")) == {}
    reader = replace(made.steps[0], reads=(replace(made.steps[0].reads[0], of="output:film"),))
    assert keys(job(FILM), replace(made, steps=(reader,)), {"": BYTES}, builds=builds("e")) == {}


def test_a_step_that_reads_anothers_file_is_known_by_what_that_does() -> None:
    made = planned(FILM, STILLS)
    film = next(step for step in made.steps if "film" in step.outputs)
    stills = next(step for step in made.steps if "stills" in step.outputs)
    assert film is not stills
    chained = replace(stills, reads=(replace(stills.reads[0], of=film.writes[0].path),))

    def key(first: Any, of: str = BYTES) -> str:
        graph = replace(made, steps=(first, chained))
        return keys(job(FILM, STILLS), graph, {"": of}, builds=builds("e"))["stills"]

    assert key(film) != told(STILLS)["stills"]
    louder = replace(film.writes[0], seconds=1.0)
    assert len({key(film), key(film, OTHER), key(replace(film, writes=(louder,)))}) == 3


def test_a_second_pass_is_known_by_the_first_and_kept_with_it() -> None:
    passes: dict[str, Any] = {"name": "two", "transcode": {"video": {"bitrate_bps": 500_000, "two_pass": True}}}
    made = planned(passes, SMALL)
    [first] = [step for step in made.steps if not step.promised]
    [second] = [step for step in made.steps if step.after]
    both = without(made, {"small"})
    assert [step in both.steps for step in (first, second)] == [True, True]
    assert first not in without(made, {"two"}).steps

    def key(of: Any) -> str:
        graph = replace(made, steps=tuple(of if step is first else step for step in made.steps))
        return keys(job(passes, SMALL), graph, {"": BYTES}, builds=builds("e"))["two"]

    other = replace(first, writes=(replace(first.writes[0], seconds=1.0),))
    assert key(first) == told(passes)["two"] != key(other)
    without_first = replace(made, steps=tuple(step for step in made.steps if step is not first))
    assert "two" not in keys(job(passes, SMALL), without_first, {"": BYTES}, builds=builds("e"))


def test_what_is_left_of_a_graph_makes_the_others_alone() -> None:
    made = planned(FILM, SMALL, STILLS)
    left = without(made, {"film", "stills"})
    assert [step.outputs for step in left.steps] == [("small",)]
    assert 0 < cpu_seconds(left) < cpu_seconds(made)
    assert left.steps[0].writes == planned(SMALL).steps[0].writes
    assert without(made, {"film", "small", "stills"}).steps == ()
    assert without(made, ()) == made
    first, second = made.steps
    reader = replace(second, reads=(replace(second.reads[0], of=first.writes[0].path),))
    chained = replace(made, steps=(first, reader))
    assert [len(step.writes) for step in without(chained, {"film", "small"}).steps] == [1, 1], "what it reads is made"


def test_files_of_an_output_are_called_as_its_job_calls_it() -> None:
    made = planned({**STILLS, "thumbnail": {"count": 2}}, FILM)
    assert [str(path) for path in paths_of(made, "film") or ()] == ["film/film.mp4"]
    assert len(paths_of(made, "stills") or ()) == 2


def test_what_takes_long_to_hash_is_hashed_for_long_work_alone() -> None:
    assert worth_hashing(3 * 10**7, 1.0)
    assert not worth_hashing(10**9, 1.0)
    assert worth_hashing(10**9, 60.0)


def test_what_a_first_pass_or_drawn_captions_wrote_down_is_made_too_and_is_part_of_a_key() -> None:
    twice = {"name": "twice", "transcode": {"video": {"bitrate_bps": 500_000, "two_pass": True}}}
    both = planned(twice, {"name": "sound", "audio": {}})
    left = without(both, {"sound"})
    assert [step.outputs for step in left.steps] == [("twice",), ("twice",)]
    assert [step.outputs for step in without(both, {"twice"}).steps] == [("sound",)]
    drawn = {"name": "out", "transcode": {"subtitles": [{"input": "words", "burn_in": True}]}}
    made = ParseDict(
        {"inputs": [{"name": n, "uri": f"file:///{n}"} for n in ("film", "words")], "outputs": [drawn]}, Job()
    )
    others = {"film": replace(CLIP, name="film"), "words": replace(WORDY, name="words")}
    graph = planning.graph(made, CLIP, others=others)
    one, same, other = (
        keys(made, graph, {"film": BYTES, "words": words}, builds=builds("e"))
        for words in ("1" * 64, "1" * 64, "2" * 64)
    )
    assert one == same != other and one.keys() == {"out"}


LOOK: dict[str, Any] = {"name": "look", "analyze": {"looks": ["BLACK"]}}
STREAM: dict[str, Any] = {"name": "stream", "package": {"rungs": [{"height": 144}]}}
EVERY: list[dict[str, Any]] = [
    FILM,
    SOUND,
    STILLS,
    LOOK,
    STREAM,
    {"name": "wave", "waveform": {}},
    {"name": "same", "compare": {"reference": "", "metrics": ["SSIM"]}},
    {"name": "board", "sprite": {}},
    {"name": "moving", "preview": {}},
    {"name": "joined", "concat": {"parts": [{}]}},
    {"name": "loud", "audio": {"loudness_lufs": -16}},
    {"name": "held", "transcode": {"video": {"height": 144}}, "contract": {"max_peak_bitrate_bps": 1}},
]


@pytest.mark.parametrize("output", EVERY, ids=lambda output: str(output["name"]))
def test_whatever_is_made_by_steps_has_a_key(output: dict[str, Any]) -> None:
    name = output["name"]
    [key] = told(output).values()
    assert told(SMALL, output)[name] == key == told({**output, "optional": True})[name]
    assert len({key, told(output, of=OTHER)[name], told(output, engine="another")[name]}) == 3


def test_each_program_is_known_by_its_build_and_without_one_by_nothing() -> None:
    made, wanted = planned(STREAM), job(STREAM)
    known = builds("e")
    assert {step.program for step in made.steps} == set(Program)
    first = keys(wanted, made, {"": BYTES}, builds=known)["stream"]
    for program in Program:
        other = keys(wanted, made, {"": BYTES}, builds={**known, program: "another"})
        assert other["stream"] != first
        lacking = {one: build for one, build in known.items() if one is not program}
        assert keys(wanted, made, {"": BYTES}, builds=lacking) == {}


def test_a_contract_is_part_of_a_key_for_what_is_measured_is_told_too() -> None:
    held = {**SMALL, "contract": {"max_peak_bitrate_bps": 10**9}}
    assert (
        len({told(one)["small"] for one in (SMALL, held, {**held, "contract": {"max_peak_bitrate_bps": 10**8}})}) == 3
    )


def test_files_of_one_muxer_are_told_apart() -> None:
    made = planned(STREAM)
    [pack] = [step for step in made.steps if step.program is Program.PACKAGER]
    swapped = replace(pack, reads=pack.reads[::-1])
    assert len(pack.reads) > 1, "picture and sound"
    other = replace(made, steps=tuple(swapped if step is pack else step for step in made.steps))
    assert keys(job(STREAM), other, {"": BYTES}, builds=builds("e")) != told(STREAM)


def test_many_files_that_are_read_as_one_are_known_by_the_bytes_of_each() -> None:
    made = planned(FILM)
    joined = Joined(path=made.steps[0].writes[0].path, files=("a", "b"), lasts=(1,))
    reader = replace(made.steps[0], reads=(replace(made.steps[0].reads[0], of=joined),))
    graph = replace(made, steps=(reader,))

    def key(**digests: str) -> str:
        return keys(job(FILM), graph, digests, builds=builds("e")).get("film", "")

    assert key(a=BYTES) == ""
    assert len({key(a=BYTES, b=OTHER), key(a=OTHER, b=BYTES), key(a=BYTES, b=BYTES)}) == 3


def test_what_makes_frames_of_another_length_runs_by_itself() -> None:
    """Beside a picture's encoder ffmpeg would wait for ever."""
    wave: dict[str, Any] = {"name": "wave", "waveform": {}}
    runs = [step.outputs for step in planned(FILM, wave, SOUND).steps if step.program is Program.FFMPEG]
    assert sorted(runs) == [("film", "sound"), ("wave",)]


def test_what_is_asked_for_is_known_before_it_is_planned() -> None:
    context = PlanContext(threads=2)

    def memo(output: dict[str, Any], *, of: str = BYTES, builds: str = "b", context: PlanContext = context) -> str:
        return reuse.asked(job(output), {"": of}, builds, context).get(output["name"], "")

    first = memo(FILM)
    assert first == memo({**FILM, "optional": True}) == memo({**FILM, "from_preset": "mine@3"})
    others = [
        memo({**FILM, "name": "other"}),
        memo({**FILM, "transcode": {"mute": True}}),
        memo({**FILM, "contract": {"max_width": 1}}),
        memo(FILM, of=OTHER),
        memo(FILM, builds="another"),
        memo(FILM, context=PlanContext(threads=3)),
        memo(FILM, context=PlanContext(threads=2, memory_bytes=1)),
    ]
    assert len({first, *others}) == 1 + len(others) and all(others)
    assert reuse.asked(job(FILM), {}, "b", context) == {}
    chained = job(FILM, {"name": "still", "input": "output:film", "thumbnail": {}})
    assert reuse.asked(chained, {"": BYTES, "output:film": BYTES}, "b", context).keys() == {"film"}
    assert reuse.seen("http://a/b") != reuse.seen("http://a/c")


def test_what_is_encrypted_has_no_key_for_what_it_is_encrypted_with_is_told_nowhere() -> None:
    given = [{"key_id": "00" * 16, "key": "ab" * 16}]
    plain: dict[str, Any] = {"name": "stream", "package": {"protocols": ["DASH"]}}
    hidden: dict[str, Any] = {
        "name": "stream",
        "package": {**plain["package"], "encryption": {"scheme": "CENC", "keys": given}},
    }
    assert told(plain).keys() == {"stream"} and told(hidden) == {}
    context = PlanContext(threads=2)
    assert reuse.asked(job(plain), {"": BYTES}, "b", context) and not reuse.asked(
        job(hidden), {"": BYTES}, "b", context
    )
