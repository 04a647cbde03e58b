"""Makes still pictures of one open file, in a warm child: what ffmpeg would make of the same step, to the pixel.

What it does to times, turns and colours is what the program ffmpeg does around libav's libraries (of version 9:
ffmpeg_demux.c, ffmpeg_filter.c, ffmpeg_enc.c). Where a file asks for something of which we don't know that it comes
out the same, nothing is made: ffmpeg does it.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter
import av.logging
from av.sidedata.sidedata import Type
from av.stream import Discard

from reelmill.media.failures import input_damaged
from reelmill.media.formats.containers import DEMUXERS, MAX_PIXELS
from reelmill.media.opened import demuxed, described
from reelmill.media.warm_bounds import MOST_WARNINGS
from reelmill.media.whole import PICTURES, complaint

_OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": ",".join(sorted(DEMUXERS))}
_MICRO = 1_000_000
_REORDERED = 3 * _MICRO // 23  # by which ffmpeg seeks earlier where frames come in another order
_DISCONTINUOUS, _SEEKS_TO_PTS = 0x0200, 0x4000000  # AVFMT_TS_DISCONT, AVFMT_SEEK_TO_PTS
_LEAP_SECONDS = 9  # ffmpeg shifts what comes after a leap of ten
_SKIPS = frozenset({"h264"})
"""What no other frame refers to need not be decoded, where a codec says so of each frame (not of HEVC's layers)."""
_BY_TIME = frozenset({"trim", "fps", "tpad"})
"""Filters after which it may be another frame that comes out first."""
_EXIF = 31  # AV_FRAME_DATA_EXIF


class Undone(Exception):
    """It is not made here; the text says why."""


def prepare() -> None:
    """Do once what each still needs: encoders, filters, modules that the library loads late."""
    for encoder, pixels in (("mjpeg", "yuvj420p"), ("png", "rgb24")):
        frame = av.VideoFrame(16, 16, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        list(frame.side_data)
        stream = _Stream()
        for filtered in _filtered(iter([frame]), stream, [["scale", "8:8"], ["format", pixels]]):
            still = {"encoder": encoder, "options": {}}
            context = _encoder(filtered, still)
            for packet in (*context.encode(filtered), *context.encode(None)):
                bytes(packet)


class _Stream:
    """What a graph must know of a stream, of a frame that came from nowhere."""

    time_base = guessed_rate = Fraction(1, 25)
    sample_aspect_ratio = None


def made(file: int, order: dict[str, Any], held: Any = None) -> tuple[list[list[bytes]], list[str]]:
    """The pictures of each still of an order (media/render/still.py), and libav's warnings.

    `file`: open. `held`: a container of it that stayed open (openings.py). Raises Undone.
    """
    lines: list[str] = []
    pictures = []
    try:
        for still in order["stills"]:
            level = av.logging.get_level()
            av.logging.set_level(av.logging.WARNING)
            try:
                with av.logging.Capture() as said:
                    pictures.append(_pictures(_of(file, order, still, held), still))
            finally:
                av.logging.set_level(level)
            lines += _told(said, pictures=order["demuxer"] in PICTURES)
    except (av.error.FFmpegError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise Undone(f"{type(error).__name__}: {error}") from error
    return pictures, list(dict.fromkeys(lines))[:MOST_WARNINGS]


def _told(said: list[tuple[int, str, str]], *, pictures: bool) -> list[str]:
    """Warnings as ffmpeg shows them. Raises Undone for more than that: ffmpeg knows what follows from it.

    `pictures`: of a file that is one.
    """
    lines = [f"[{name}] [warning] {text.strip()}" for _, name, text in said]
    damaged = input_damaged(lines) or (pictures and complaint(lines))
    if damaged or any(level <= av.logging.ERROR for level, _, _ in said):
        raise Undone("; ".join(lines)[:500])
    return lines


def _of(file: int, order: dict[str, Any], still: dict[str, Any], held: Any) -> AbstractContextManager[Any]:
    """The container that a still is made of. A new one for what begins with the first packet, or decodes otherwise."""
    same = held is not None and held.format.name.split(",")[0] == order["demuxer"]
    if same and still["seek"] and not still["decoding"]:
        return nullcontext(held)
    os.lseek(file, 0, os.SEEK_SET)
    return av.open("fd:", format=order["demuxer"], options={**_OPTIONS, "fd": str(file)})


def _pictures(opened: AbstractContextManager[Any], still: dict[str, Any]) -> list[bytes]:
    found: list[bytes] = []
    with opened as container:
        stream = container.streams[still["stream"]]
        if stream.type != "video" or stream.codec_context is None:
            raise Undone("no picture there")
        if "frame cropping" in described(container).lower():
            raise Undone("the file says what is cut off its picture")
        one = still["frames"] == 1 and _BY_TIME.isdisjoint(name for name, _ in still["filters"])
        frames = _decoded(container, stream, still["seek"], still["decoding"], one=one)
        encoder: Any = None
        for frame in _filtered(frames, stream, still["filters"]):
            if encoder is None:
                encoder = _encoder(frame, still)
            found += [bytes(packet) for packet in encoder.encode(frame)]
            if len(found) >= still["frames"]:
                break
        if encoder is not None and len(found) < still["frames"]:
            found += [bytes(packet) for packet in encoder.encode(None)]
    return found


def _decoded(container: Any, stream: Any, seek: float, options: dict[str, str], *, one: bool) -> Iterator[Any]:
    """Frames from `seek` on, in seconds; their times count from there, as ffmpeg's do after -ss.

    `options`: of the decoder; `one`: the first is all that is wanted.
    """
    context = stream.codec_context
    start = container.start_time or 0
    target = start + round(seek * _MICRO)
    if seek:
        early = context.reorder_depth and not container.format.flags & _SEEKS_TO_PTS
        container.seek(target - (_REORDERED if early else 0))
    for other in container.streams:
        other.discard = Discard.default if other is stream else Discard.all
    joined = bool(container.format.flags & _DISCONTINUOUS)
    if joined and stream.start_time is not None:
        target = max(target, _rescaled(stream.start_time, stream.time_base, Fraction(1, _MICRO)))
    back = _rescaled(target, Fraction(1, _MICRO), stream.time_base)
    if not context.is_open:  # it decoded the first picture, as the prober had it
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS), **options}
    last = sent = None
    for packet in demuxed(container, stream):
        if packet.is_corrupt:
            raise Undone("a damaged packet")
        if joined and packet.dts is not None:
            if sent is not None and abs(packet.dts - sent) * stream.time_base > _LEAP_SECONDS:
                raise Undone("a clock that leaps")
            sent = packet.dts
        if context.name in _SKIPS:
            context.skip_frame = "NONREF" if packet.pts is not None and packet.pts < back else "DEFAULT"
        frames = packet.decode()
        reached = one and packet.pts == back
        if reached:  # by what comes later nothing of it changes
            frames += context.decode(None)
        for frame in frames:
            if frame.width * frame.height > MAX_PIXELS:
                raise Undone("the picture becomes too large")  # of a decoder that was open before it got its options
            if frame.pts is None or frame.is_corrupt or (last is not None and frame.pts <= last):
                raise Undone("a frame without a sound time")
            last = frame.pts
            frame.pts -= back
            if frame.pts >= 0:
                yield frame
            elif not seek:
                raise Undone("a frame before the beginning")
        if reached:
            return


def _rescaled(value: int, unit: Fraction, to: Fraction) -> int:
    """As av_rescale_q: to the nearest, halves away from zero."""
    exact = value * unit / to
    return int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)


def _filtered(frames: Iterator[Any], stream: Any, chain: list[list[str]]) -> Iterator[Any]:
    graph, shape = None, None
    for frame in frames:
        if graph is None:
            graph, shape = _graph(frame, stream, chain), _shape(frame)
        if shape != _shape(frame):
            raise Undone("the picture changes")
        frame.time_base = stream.time_base
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph)


def _ready(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, av.error.EOFError):
            return


def _shape(frame: Any) -> tuple[Any, ...]:
    return frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)


def _graph(frame: Any, stream: Any, chain: list[list[str]]) -> Any:
    graph = av.filter.Graph()
    graph.threads = 1
    aspect = stream.sample_aspect_ratio
    rate = stream.guessed_rate
    told = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": str(stream.time_base),
        "colorspace": str(int(frame.colorspace)),
        "range": str(int(frame.color_range)),
        **({"frame_rate": str(rate)} if rate else {}),
        **({"pixel_aspect": str(aspect)} if aspect else {}),
    }
    steps = [graph.add("buffer", ":".join(f"{name}={value}" for name, value in told.items()))]
    # What the container says wins over what a frame says.
    filters = [["setsar", str(aspect)]] if aspect else []
    for name, arguments in (*filters, *_turned(frame), *chain):
        steps.append(graph.add(name, arguments or None))
    steps.append(graph.add("buffersink"))
    graph.link_nodes(*steps).configure()
    return graph


def _turned(frame: Any) -> list[list[str]]:
    """What brings a picture upright by its display matrix, as ffmpeg's -autorotate does."""
    matrix = next((side for side in _sides(frame) if side.type is Type.DISPLAYMATRIX), None)
    if matrix is None:
        return []
    values = struct.unpack("=9i", bytes(matrix)[:36])
    degrees = -frame.rotation % 360
    if degrees == 90:
        return [["transpose", "cclock_flip" if values[3] > 0 else "clock"]]
    if degrees == 180:
        return [[name, ""] for name, value in (("hflip", values[0]), ("vflip", values[4])) if value < 0]
    if degrees == 270:
        return [["transpose", "clock_flip" if values[3] < 0 else "cclock"]]
    if degrees == 0:
        return [["vflip", ""]] if values[4] < 0 else []
    raise Undone("a picture that is turned by less than a quarter")


def _sides(frame: Any) -> Any:
    """What a frame carries besides its picture. The library has no name for EXIF, and then shows none of it."""
    try:
        return frame.side_data
    except ValueError:
        graph = av.filter.Graph()
        told = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1"
        source, without = graph.add("buffer", told), graph.add("sidedata", f"mode=delete:type={_EXIF}")
        graph.link_nodes(source, without, graph.add("buffersink")).configure()
        graph.push(frame)
        return graph.pull().side_data


def _encoder(frame: Any, still: dict[str, Any]) -> Any:
    context: Any = av.CodecContext.create(still["encoder"], "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = frame.time_base
    context.sample_aspect_ratio = Fraction(1)
    context.color_range, context.colorspace = int(frame.color_range), int(frame.colorspace)
    context.color_primaries, context.color_trc = int(frame.color_primaries), int(frame.color_trc)
    context.thread_count = 1
    context.options = dict(still["options"])
    return context
