"""What a command will take of memory, and what is done where there is less."""

import re
from itertools import pairwise
from pathlib import Path

import planning
import pytest
from google.protobuf.json_format import ParseDict

from reelmill.jobs.codes import CODES
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import memory
from reelmill.media.confinement import Confinement
from reelmill.media.contract import Graph, Source
from reelmill.media.graph import fused
from reelmill.media.sources import believable_seconds
from reelmill.media.steps import Cost, Step
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.worker.machine import available_bytes

MIB = 2**20


def source(width: int, height: int, pixels: str, codec: str, *, demuxer: str = "mov", seconds: float = 60) -> Source:
    stream = {"kind": "VIDEO", "codec": codec, "width": width, "height": height, "pixel_format": pixels}
    info = {"duration_seconds": seconds, "size_bytes": 10**7, "streams": [{**stream, "duration_seconds": seconds}]}
    return Source(info=ParseDict(info, MediaInfo()), demuxer=demuxer)


def planned(given: Source, *outputs: dict, memory_bytes: int = 0) -> Graph:
    named = [{"name": f"out{i}", **output} for i, output in enumerate(outputs)]
    job = ParseDict({"inputs": [{"uri": "file:///in"}], "outputs": named}, Job())
    return planning.graph(job, given, threads=2, memory_bytes=memory_bytes)


# What was measured (MiB resident at the most); see memory.py.
MEASURED = (
    (source(3840, 2160, "yuv420p", "h264"), {"transcode": {"video": {"height": 360}, "mute": True}}, 201),
    (source(3840, 2160, "yuv420p10le", "hevc"), {"transcode": {"video": {"height": 360}, "mute": True}}, 295),
    (source(64, 64, "yuv420p", "h264"), {"transcode": {"video": {"width": 8192}, "mute": True}}, 5707),
    (source(64, 64, "yuv420p", "h264"), {"transcode": {"video": {"width": 4096}, "mute": True}}, 1542),
    (
        source(64, 64, "yuv420p", "h264"),
        {"transcode": {"container": "WEBM", "video": {"width": 4096}, "mute": True}},
        1964,
    ),
    (source(8000, 8000, "bgra", "gif", demuxer="gif"), {"transcode": {"video": {"width": 320}, "mute": True}}, 806),
    (source(8192, 8192, "rgb48be", "png", demuxer="png_pipe", seconds=0), {"thumbnail": {"format": "PNG"}}, 612),
    (source(8192, 8192, "rgb48be", "png", demuxer="png_pipe", seconds=0), {"thumbnail": {"width": 320}}, 470),
)


@pytest.mark.parametrize(("given", "output", "measured"), MEASURED)
def test_what_is_reckoned_is_what_was_measured_and_a_little_more(given: Source, output: dict, measured: int) -> None:
    [command] = planned(given, output).steps
    assert 0.97 * measured < command.memory_bytes / MIB < 1.6 * measured


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ("yuv420p", 1.5),
        ("yuv422p", 2),
        ("yuv444p", 3),
        ("yuv420p10le", 3),
        ("p010le", 3),
        ("yuva420p", 2.5),
        ("yuv444p16le", 6),
        ("rgb24", 3),
        ("rgba", 4),
        ("bgra", 4),
        ("gbrp", 3),
        ("gbrap12le", 8),
        ("rgb48be", 6),
        ("rgba64le", 8),
        ("gray", 1),
        ("gray16be", 2),
        ("pal8", 4),
        ("gbrpf32le", 16),
        ("", 4),
        ("nv12", 1.5),
        ("yuvj420p", 1.5),
        ("bgr48le", 6),
        ("bgra64le", 8),
        ("ayuv64le", 8),
        ("bgr24", 3),
    ],
)
def test_bytes_of_a_pixel(pixels: str, expected: float) -> None:
    assert memory.pixel_bytes(pixels) == expected


def test_what_together_takes_too_much_runs_one_after_the_other() -> None:
    given = source(1920, 1080, "yuv420p", "h264")
    outputs = [{"transcode": {"video": {"height": 1080}, "mute": True}} for _ in range(6)]
    one = planned(given, *outputs)
    assert len(one.steps) == 1
    limit = 700 * MIB
    several = planned(given, *outputs, memory_bytes=limit)
    assert len(several.steps) == 3
    assert all(command.memory_bytes <= limit for command in several.steps)
    assert [name for c in several.steps for name in c.outputs] == [name for c in one.steps for name in c.outputs]
    assert several.promised == one.promised


def test_pictures_are_taken_fewer_at_once_where_memory_is_little() -> None:
    given = source(3840, 2160, "yuv420p", "h264", seconds=600)
    times = {"thumbnail": {"count": 16}}
    assert len(planned(given, times).steps) == 1
    several = planned(given, times, memory_bytes=700 * MIB)
    assert len(several.steps) > 3
    assert all(command.memory_bytes <= 700 * MIB for command in several.steps)
    assert several.promised == planned(given, times).promised


def test_what_takes_too_much_by_itself_is_told_with_figures_and_not_tried_again() -> None:
    with pytest.raises(AttemptFailed) as caught:
        planned(source(64, 64, "yuv420p", "h264"), {"transcode": {"video": {"width": 8192}}}, memory_bytes=512 * MIB)
    failure = caught.value.failure
    assert (failure.code, failure.output, failure.retryable) == ("OUT_OF_MEMORY", "out0", False)
    assert re.search(r"about 6\d\d\d MiB .* a job has 512 here .*worker_memory_bytes", failure.message)
    assert CODES["OUT_OF_MEMORY"].category == "LIMIT"


@pytest.mark.parametrize("codec", ["H264", "H265", "VP9", "AV1"])
def test_more_effort_takes_no_less_memory(codec: str) -> None:
    given = source(1920, 1080, "yuv420p", "h264")
    efforts = [
        planned(given, {"transcode": {"container": "MKV", "video": {"codec": codec, "effort": effort}}}).steps[0]
        for effort in ("FAST", "MEDIUM", "SLOW")
    ]
    assert all(a.memory_bytes < b.memory_bytes for a, b in pairwise(efforts))


def test_a_decoder_holds_more_frames_for_threads_for_interlaced_pictures_and_for_those_that_refer_to_others() -> None:
    frame = 1920 * 1080 * 1.5

    def frames(codec: str, *, demuxer: str = "mov", threads: int = 0, interlaced: bool = False) -> float:
        stream = MediaInfo.Stream(codec=codec, width=1920, height=1080, pixel_format="yuv420p", interlaced=interlaced)
        return memory.decoding(stream, demuxer, threads) / frame

    assert frames("h264", threads=4) == frames("h264") + 4
    assert frames("h264", interlaced=True) == frames("h264") + 3
    assert frames("mjpeg", threads=4) == frames("mjpeg") < frames("h264")
    assert frames("mjpeg", demuxer="jpeg_pipe", threads=4) < frames("mjpeg")


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_costs_its_floats(transfer: str) -> None:
    given, bright = (source(1920, 1080, "yuv420p10le", "hevc") for _ in range(2))
    bright.info.streams[0].color_transfer = transfer
    floats = 1920 * 1080 * 3 * 4
    for output in ({"transcode": {"mute": True}}, {"thumbnail": {}}):
        [plain], [mapped] = planned(given, output).steps, planned(bright, output).steps
        assert mapped.cost.reading_bytes == plain.cost.reading_bytes
        assert mapped.cost.writing_bytes >= plain.cost.writing_bytes + 4 * floats


def test_a_command_that_is_as_large_as_the_limit_runs_and_two_are_joined_up_to_it() -> None:
    given = source(1920, 1080, "yuv420p", "h264")
    output = {"transcode": {"video": {"height": 720}, "mute": True}}
    [alone], [both] = planned(given, output).steps, planned(given, output, output).steps
    assert len(planned(given, output, memory_bytes=alone.memory_bytes).steps) == 1
    assert len(planned(given, output, output, memory_bytes=both.memory_bytes).steps) == 1
    assert len(planned(given, output, output, memory_bytes=both.memory_bytes - 1).steps) == 2
    with pytest.raises(AttemptFailed, match="OUT_OF_MEMORY"):
        planned(given, output, memory_bytes=alone.memory_bytes - 1)


def test_where_memory_is_for_one_picture_each_is_taken_by_itself() -> None:
    given = source(3840, 2160, "yuv420p", "h264", seconds=600)
    [one] = planned(given, {"thumbnail": {}}).steps
    commands = planned(given, {"thumbnail": {"count": 3}}, memory_bytes=one.memory_bytes).steps
    assert [command.memory_bytes for command in commands] == [one.memory_bytes] * 3


def test_of_joined_steps_one_decodes_and_each_encodes() -> None:
    def step(reading: int, writing: int) -> Step:
        return Step(reads=(), writes=(), cost=Cost(reading_bytes=reading, writing_bytes=writing))

    [joined] = fused([step(100, 1), step(300, 2), step(200, 4)])
    assert (joined.cost.reading_bytes, joined.cost.writing_bytes) == (300, 7)
    assert fused([step(0, 0), step(0, 0)])[0].memory_bytes == memory.PROCESS_BYTES


def test_a_forged_length_is_not_believed() -> None:
    assert believable_seconds(MediaInfo(duration_seconds=1e6, size_bytes=4096)) == 4096
    assert believable_seconds(MediaInfo(duration_seconds=60, size_bytes=10**6)) == 60
    given = source(64, 64, "yuv420p", "h264", seconds=1e9)
    planned(given, {"transcode": {}})  # frames keep their times: two of them are two
    with pytest.raises(AttemptFailed, match=r"INPUT_UNSUPPORTED: the input claims 1000000000 s in 10000000 bytes") as e:
        planned(given, {"transcode": {"video": {"frame_rate": 240}}})
    assert e.value.failure.output == "out0"


def test_the_limit_of_data_leaves_room_for_stacks_of_threads() -> None:
    confinement = Confinement(memory_bytes=512 * MIB, file_bytes=1)
    assert 512 * MIB + 56 * 8 * MIB < confinement.data_bytes < 3 * 512 * MIB


def test_a_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    machine = available_bytes(())
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "less").write_text(f"{2**28}\n")
    (tmp_path / "more").write_text(f"{2**60}\n")
    for name, expected in (("max", machine), ("less", 2**28), ("more", machine), ("none", machine)):
        assert available_bytes((tmp_path / name,)) == expected
