"""Which engine runs a step, and what a warm child is asked for."""

import json
from dataclasses import replace

import planning
import pytest
from jobs import job
from unit.test_media_golden import CLIP, HDR, SOUND, VIDEO, source

from reelmill.media.contract import Source
from reelmill.media.engines import MOST_BYTES, Engine, engine_of
from reelmill.media.render.still import chain, ordered
from reelmill.media.steps import Step
from reelmill.media.timeline import SECOND, Timeline, Track

KEYS = tuple(range(0, 60 * SECOND, 2 * SECOND))
FRAMES = tuple(range(0, 60 * SECOND, SECOND // 25))


def measured(keys: tuple[int, ...] = KEYS, **video: object) -> Source:
    """A minute whose every frame is known."""
    track = Track(start=0, end=60 * SECOND, windows=((0, 60 * SECOND),), frames=FRAMES, keys=keys)
    return replace(source({**VIDEO, **video}, SOUND), measured=Timeline(tracks={0: track}, measured=True))


def steps(of: Source, output: dict) -> tuple[Step, ...]:
    return planning.graph(job("file:///input", {"name": "out"} | output), of).steps


def engines(of: Source, **thumbnail: object) -> list[Engine]:
    return [engine_of(step) for step in steps(of, {"thumbnail": thumbnail})]


def test_small_stills_are_made_by_a_warm_child() -> None:
    for spec in ({}, {"count": 5, "width": 320}, {"format": "PNG", "width": 640}, {"times_seconds": [0, 59]}):
        assert engines(measured(), **spec) == [Engine.WARM], spec
    photo = source({**VIDEO, "codec": "mjpeg", "duration_seconds": 0}, demuxer="jpeg_pipe", duration=0)
    assert engines(photo, width=320) == [Engine.WARM]


@pytest.mark.parametrize(
    ("of", "thumbnail"),
    [
        (measured(**HDR), {}),
        (measured(alpha=True), {}),
        (measured(interlaced=True), {}),
        (measured(pixel_format="gray"), {}),
        (measured(color_primaries="bt2020"), {}),
        (measured(), {"format": "WEBP"}),
        (measured(keys=(0,)), {}),  # half a minute to be decoded
        (measured(), {"count": 60}),  # all of it
        (measured(), {"count": 3, "format": "PNG"}),  # more bytes than go through a pipe
        (measured(width=7680, height=4320), {"width": 320}),  # more memory than a child has
        (replace(measured(), demuxer="avi"), {}),
    ],
)
def test_what_is_large_or_may_come_out_otherwise_is_ffmpegs(of: Source, thumbnail: dict) -> None:
    assert set(engines(of, **thumbnail)) == {Engine.PROCESS}


def test_films_and_sounds_are_ffmpegs() -> None:
    for output in ({"transcode": {}}, {"audio": {}}):
        assert [engine_of(step) for step in steps(CLIP, output)] == [Engine.PROCESS]


def test_a_step_that_differs_in_anything_is_ffmpegs() -> None:
    (step,) = steps(measured(), {"thumbnail": {"count": 2}})
    (writing, _) = step.writes
    (stream,) = writing.streams

    def written(**changed: object) -> Step:
        return replace(step, writes=(replace(writing, **changed),))

    def encoded(**changed: object) -> Step:
        return written(streams=(replace(stream, **changed),))

    first = step.reads[0]
    others: list[Step] = [
        replace(step, reads=(first, replace(first, of="second"))),
        replace(step, reads=(replace(first, options=("-noautorotate",)),)),
        replace(step, cost=replace(step.cost, writing_bytes=MOST_BYTES)),
        written(seconds=1.0),
        written(options=(*writing.options[:2], "-f", "mp4")),
        written(streams=(stream, stream)),
        written(promised=()),
        encoded(frames=0),
        encoded(encoder="libx264"),
        encoded(options=("-huffman", "default")),
        encoded(timing=("-fps_mode", "vfr")),
        encoded(taken=replace(stream.taken, streams=(0, 1))),
        encoded(taken=replace(stream.taken, filters="split[a][b];[a][b]overlay")),
        encoded(taken=replace(stream.taken, filters="scale=1:1,movie=a")),
    ]
    assert engine_of(replace(step, writes=(writing,))) is Engine.WARM
    for i, other in enumerate(others):
        assert engine_of(other) is Engine.PROCESS, i


def test_an_order_says_what_the_command_says() -> None:
    (step,) = steps(measured(), {"thumbnail": {"times_seconds": [0, 12], "width": 320, "quality": 35}})
    order = ordered(step)
    assert json.loads(json.dumps(order)) == order
    filters = [
        ["scale", "320:180:flags=bicubic:out_color_matrix=bt601:out_range=full"],
        ["setsar", "1"],
        ["format", "yuv420p"],
        ["sidedata", "mode=delete"],
    ]
    still = {"stream": 0, "seek": 0.0, "decoding": {}, "filters": filters, "encoder": "mjpeg", "frames": 1}
    still["options"] = {"qmin": "21", "qmax": "21"}
    assert order == {"demuxer": "mov", "stills": [still, {**still, "seek": 12.0}]}


def test_a_chain_is_taken_apart_as_libavfilter_does() -> None:
    text = r"scale=w=if(lt(abs(dar/1.5-1)\,0.01)\,2\,4):h=1,pad='1,2':3\\,4, setsar=1,hflip"
    assert chain(text) == [
        ["scale", "w=if(lt(abs(dar/1.5-1),0.01),2,4):h=1"],
        ["pad", "1,2:3\\"],
        ["4", ""],
        ["setsar", "1"],
        ["hflip", ""],
    ]
