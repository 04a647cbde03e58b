"""When the tracks of a large file end: read from its end alone, and the same as all of its packets say."""

import io
import os
import struct
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.coded import frames
from media.corpus import cases
from media.kit import make

from reelmill.media import description, matroska, measuring, probe_child, shapes, showing
from reelmill.media.timeline import SECOND, Timeline, unpacked

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "20", "-pix_fmt", "yuv420p")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "20")
MPEG2 = ("-c:v", "mpeg2video", "-g", "20", "-bf", "2", "-pix_fmt", "yuv420p")
SOUND = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=3.3")
# A name: its ending, and how a picture of 4 s and a sound of 3.3 s are put into it.
KINDS = {
    "mkv": ("mkv", (*X264, "-c:a", "aac")),
    "mkv-clusters": ("mkv", (*X264, "-bf", "3", "-c:a", "flac", "-cluster_time_limit", "200")),
    "mkv-cues-first": ("mkv", (*X264, "-c:a", "aac", "-cues_to_front", "1")),
    "mkv-mp3": ("mkv", (*X264, "-c:a", "mp3")),
    "mkv-late": ("mkv", (*X264, "-c:a", "aac", "-output_ts_offset", "100")),
    "webm": ("webm", (*VP9, "-c:a", "libopus")),
    "ts": ("ts", (*X264, "-c:a", "aac")),
    "ts-mpeg2": ("ts", (*MPEG2, "-c:a", "mp2")),
    "m2ts": ("m2ts", (*X264, "-c:a", "aac", "-f", "mpegts", "-mpegts_m2ts_mode", "1")),
    "ps": ("mpg", (*MPEG2, "-c:a", "mp2", "-f", "vob")),
    "mkv-pcm": ("mkv", (*X264, "-c:a", "pcm_s16le")),
    "mkv-live": ("mkv", (*X264, "-c:a", "aac", "-f", "matroska", "-live", "1")),
    "mkv-vfw": ("mkv", ("-c:v", "wmv2", "-c:a", "aac")),
    "flv": ("flv", (*X264, "-c:a", "aac", "-ar", "44100")),
    "avi": ("avi", ("-c:v", "mpeg4", "-c:a", "mp3")),
}
PLAIN = ("mkv", "mkv-clusters", "mkv-cues-first", "mkv-late", "webm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of this module lie."""
    return tmp_path_factory.mktemp("ends")


def film(folder: Path, kind: str) -> Path:
    """The file of a kind."""
    suffix, how = KINDS[kind]
    path = folder / f"{kind}.{suffix}"
    return path if path.exists() else make(path, *frames(seconds=4), *SOUND, *how)


class Unsought:
    """A container that nobody seeks in."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        assert name != "seek", "the library reads an index of hours for it"
        return getattr(self._container, name)


def walked(container: Any) -> dict[int, int]:
    """The last end of all packets of each stream, in its ticks."""
    ends: dict[int, int] = {}
    for packet in container.demux():
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size and stamp is not None:
            end = stamp + (packet.duration or 0)
            ends[packet.stream_index] = max(end, ends.get(packet.stream_index, end))
    return ends


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_end_where_their_last_packets_do(folder: Path, kind: str) -> None:
    path = film(folder, kind)
    size = path.stat().st_size
    with av.open(str(path)) as container:
        all_of_it = walked(container)
    with path.open("rb") as file, av.open(str(path)) as container:
        if not container.duration:
            return
        info = description.describe(container, size)
        times = measuring.sought(container, info, None, (), file, size)
        for stream in container.streams:
            end = float(all_of_it[stream.index] * stream.time_base) - (container.start_time or 0) / SECOND
            near = 0.03 if kind == "mkv-mp3" else 0.0001  # what a last frame is cut by libav does not tell there
            assert times.track(stream.index).end / SECOND == pytest.approx(end, abs=near)
        assert times.seconds == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("kind", ["mkv-pcm", "mkv-live", "mkv-vfw", *PLAIN])
def test_the_end_of_a_matroska_is_what_its_last_blocks_say(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ticks, as libav has it; whatever the header says of the length. Of what is not plain nothing is said."""
    path = film(folder, kind)
    with av.open(str(path)) as container:
        all_of_it = walked(container)
    with path.open("rb") as file:
        for claimed in (0.5, 2.2, 3.9, 400.0):
            found = matroska.ends(file, path.stat().st_size, ["video", "audio"], claimed)
            assert found.items() <= all_of_it.items() and 0 in found if kind in PLAIN else not found, claimed
        assert matroska.ends(file, path.stat().st_size, ["audio", "video"], 4.0) == {}
        assert matroska.ends(file, path.stat().st_size - 1, ["video", "audio"], 4.0) == {}
        whole = file.seek(0) or file.read()
    monkeypatch.setattr(matroska, "_MOST_BLOCKS", 5)
    assert matroska.ends(io.BytesIO(whole), len(whole), ["video", "audio"], 4.0) == {}
    monkeypatch.undo()
    joined = io.BytesIO(whole + whole)
    assert matroska.ends(joined, 2 * len(whole), ["video", "audio"], 8.0) == {}


def test_covers_and_texts_of_a_matroska_are_no_tracks_that_end(folder: Path) -> None:
    (folder / "text.srt").write_text("1\n00:00:00,500 --> 00:00:03,900\nWords\n")
    cover = make(folder / "cover.png", *frames(seconds=1), "-frames:v", "1")
    attached = ("-attach", str(cover), "-metadata:s:t", "mimetype=image/png")
    text = ("-i", str(folder / "text.srt"), "-map", "0", "-map", "1", "-map", "2", "-c:s", "srt")
    path = make(folder / "cover.mkv", *frames(seconds=4), *SOUND, *text, *attached, *X264, "-c:a", "aac")
    with path.open("rb") as file, av.open(str(path)) as container:
        info = description.describe(container, path.stat().st_size)
        assert [s.cover for s in info.streams] == [False, False, False, True]
        times = measuring.sought(Unsought(container), info, 0, (), file, path.stat().st_size)
        assert sorted(times.tracks) == [0, 1]
        assert (times.tracks[0].end, times.tracks[1].end) == (4_000_000, 3_300_000)
        assert matroska.ends(file, path.stat().st_size, ["video", "audio", "subtitle"], 4.0).keys() == {0, 1}


changes = st.lists(
    st.tuples(st.floats(0, 1), st.one_of(st.binary(max_size=4), st.just(b"\xff" * 8)), st.integers(0, 8)), max_size=6
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes, st.booleans())
def test_a_damaged_matroska_raises_nothing(folder: Path, spoiled: list[tuple[float, bytes, int]], end: bool) -> None:
    data = film(folder, "mkv").read_bytes()
    for place, put, gone in spoiled:  # in the head, or in the index and the last blocks
        at = len(data) - int(place * 3000) if end else int(place * 1500)
        data = data[:at] + put + data[at + gone :]
    found = matroska.ends(io.BytesIO(data), len(data), ["video", "audio"], 4.0)
    assert found.keys() <= {0, 1}


def test_a_long_file_is_not_read_whole_however_small_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its packets; but not for a mere claim of many, nor where few frames make it long."""
    monkeypatch.setattr(measuring, "_WHOLE_PACKETS", 20_000)
    clip = make(folder / "clip.mkv", *frames(rate=50, seconds=10), *X264)
    long = make(folder / "long.mkv", "-stream_loop", "49", "-i", str(clip), "-c", "copy")
    slow = make(folder / "slow.mkv", *frames(rate=0.2, seconds=7200), *X264)
    lies = folder / "lies.mkv"
    data, claim = clip.read_bytes(), b"\x44\x89\x88"
    at = data.index(claim) + len(claim)
    lies.write_bytes(data[:at] + struct.pack(">d", 7_200_000) + data[at + 8 :])
    found = {}
    for path in (clip, long, slow, lies):
        file = os.open(path, os.O_RDONLY)
        answer = probe_child.answer(file)
        os.close(file)
        times = unpacked(answer["timeline"])
        found[path.stem] = (times.measured, round(times.seconds))
    assert long.stat().st_size < 2**24
    assert found == {"clip": (True, 10), "long": (False, 500), "slow": (True, 7200), "lies": (True, 10)}


def test_a_file_that_was_read_in_part_is_not_told_as_measured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the walk ends at its bound, what the container says counts."""
    path = film(folder, "mkv")
    found = {}
    for packets in (10**6, 30):
        monkeypatch.setattr(measuring, "_WALK_PACKETS", packets)
        file = os.open(path, os.O_RDONLY)
        times = unpacked(probe_child.answer(file)["timeline"])
        os.close(file)
        assert not times.damaged
        found[packets] = (times.measured, round(times.seconds, 1))
    assert found == {10**6: (True, 4.0), 30: (False, 4.0)}


@pytest.mark.parametrize("kind", ["ts", "ts-mpeg2"])
def test_a_film_of_one_shape_is_seen_to_be_so_in_its_bytes(folder: Path, kind: str) -> None:
    suffix, how = KINDS[kind]
    path = make(folder / f"even.{suffix}", *frames(seconds=4), *SOUND, *how, "-g", "2")
    with path.open("rb") as file, av.open(str(path)) as container:
        info = description.describe(container, path.stat().st_size)
        shown = showing.shown(info)
        assert shown is not None
        stream = container.streams[shown.index]
        assert shapes._is_even(container, stream, file, path.stat().st_size)
        known = stream.codec_context.extradata
        other = folder / "other.bin"
        header = b"".join(shapes._HEADERS[stream.codec_context.name].search(known).groups())  # type: ignore[union-attr]
        data = path.read_bytes()
        assert data.count(header[:8]) > 2
        other.write_bytes(data[: len(data) // 2] + data[len(data) // 2 :].replace(header[:8], header[:7] + b"\xa5"))
        with other.open("rb") as changed:
            assert not shapes._is_even(container, stream, changed, other.stat().st_size)


@pytest.mark.parametrize("before", [10, 160, 171, 180])
def test_a_header_that_crosses_packets_is_seen(before: int) -> None:
    """Of a packet of 188 bytes the first four are its own; the next one's stand in the header."""
    header = b"\0\0\1\x67" + bytes(range(1, 30)) + b"\0\0\1\x68"
    stream = b"\xff" * (before - 4) + header + b"\xff" * 2000
    packets = b"".join(b"\x47\x01\x00\x14" + stream[at : at + 184] for at in range(0, len(stream), 184))
    found = shapes._raw_header(io.BytesIO(packets), 0, shapes._HEADERS["h264"])
    assert found == (bytes(range(1, 30)),)


@pytest.mark.parametrize(
    "name",
    ("ts-sound", "ts-midway", "ts-open", "ts-refresh-midway", "mp4-refresh", "avi-b", "avi-h264", "mxf-h264",
     "fields-ts-apart", "fields-mkv"),
)  # fmt: skip
def test_a_large_file_is_looked_into_as_a_small_one_is_read(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(case for case in cases() if case.name == name).build(folder)
    whole = told(path)
    end = whole.end / SECOND
    looks = [share * end for share in (0.0, 0.21, 0.501, 0.77, 0.99)]
    monkeypatch.setattr(measuring, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(measuring, "_goes_back", lambda file, size: False)  # it looks at larger ones
    large = told(path, *looks)
    assert whole.measured and not large.measured
    read, looked = whole.track(0), large.track(0)
    assert (looked.begin or looked.start, looked.late) == (read.begin or read.start, read.late)
    assert (looked.start, looked.recovery) == pytest.approx((read.start, read.recovery), abs=SECOND // 20)
    for look in looks:
        at = round(look * SECOND)
        assert looked.knows(at)
        # Where times are rounded on two ways.
        assert looked.frame_at(at) == pytest.approx(read.frame_at(at), abs=2), look


def told(path: Path, *looks: float) -> Timeline:
    """A file's timeline, as a prober's child tells it."""
    file = os.open(path, os.O_RDONLY)
    try:
        return unpacked(probe_child.answer(file, looks)["timeline"])
    finally:
        os.close(file)
