"""Small files of every kind that people send, made by script: containers by what may be odd about their time.

Frames carry their number as a bar code (media.coded), so that what comes out of a file can be held against it.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import av.error
from media import fields
from media.coded import beeps, frames, heard, number
from media.edits import Edit, edited
from media.kit import make

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-keyint_min", "25", "-pix_fmt", "yuv420p")
PLAIN = (*X264, "-bf", "0")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25", "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-q:v", "2", "-pix_fmt", "yuv420p")
VP9 = ("-c:v", "libvpx-vp9", "-g", "25", "-deadline", "realtime", "-cpu-used", "8")
VP8 = ("-c:v", "libvpx", "-g", "25", "-auto-alt-ref", "1", "-lag-in-frames", "10", "-b:v", "300k")
AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-g", "25", "-pix_fmt", "yuv420p")
AAC, OPUS, MP2 = ("-c:a", "aac"), ("-c:a", "libopus"), ("-c:a", "mp2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """How films of a kind are made."""

    suffix: str
    video: tuple[str, ...]
    audio: tuple[str, ...] = ()
    """None: it has no sound."""
    free: bool = False
    """Frames may be shown at any time."""
    joins: bool = False
    """Files may be put one after the other."""
    streams: bool = False
    """May be written to a pipe, without a length."""


_UNITS = {"ts": 188, "m2ts": 192, "mpg": 2048}
_K = Container
CONTAINERS = {
    "ts": _K(suffix="ts", video=X264, audio=AAC, free=True, joins=True),
    "ts-mpeg2": _K(suffix="ts", video=MPEG2, audio=MP2, joins=True),
    "ts-hevc": _K(suffix="ts", video=X265, audio=AAC, free=True, joins=True),
    "m2ts": _K(suffix="m2ts", video=(*X264, "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
              audio=("-c:a", "ac3"), joins=True),
    "ps": _K(suffix="mpg", video=(*MPEG2, "-f", "vob"), audio=MP2, joins=True),
    "mp4": _K(suffix="mp4", video=X264, audio=AAC, free=True),
    "mp4-hevc": _K(suffix="mp4", video=X265, audio=AAC, free=True),
    "mp4-av1": _K(suffix="mp4", video=AV1, audio=OPUS, free=True),
    "mp4-fragments": _K(suffix="mp4", video=(*X264, "-movflags", "+frag_keyframe+empty_moov"), audio=AAC, free=True),
    "mov": _K(suffix="mov", video=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), audio=("-c:a", "pcm_s16le"), free=True),
    "mkv": _K(suffix="mkv", video=X264, audio=("-c:a", "flac"), free=True, streams=True),
    "mkv-live": _K(suffix="mkv", video=(*X264, "-f", "matroska", "-live", "1"), audio=AAC, free=True),
    "webm": _K(suffix="webm", video=VP9, audio=OPUS, free=True, streams=True),
    "webm-vp8": _K(suffix="webm", video=VP8, audio=OPUS, free=True, streams=True),
    "flv": _K(suffix="flv", video=X264, audio=(*AAC, "-ar", "44100"), free=True, streams=True),
    "avi": _K(suffix="avi", video=("-c:v", "mpeg4", "-g", "25", "-q:v", "2"), audio=("-c:a", "libmp3lame")),
    "avi-mjpeg": _K(suffix="avi", video=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), audio=("-c:a", "pcm_s16le")),
    "asf": _K(suffix="asf", video=("-c:v", "msmpeg4v3", "-g", "25", "-q:v", "2"), audio=("-c:a", "wmav2")),
    "mxf": _K(suffix="mxf", video=("-c:v", "mpeg2video", "-g", "12", "-q:v", "2", "-pix_fmt", "yuv420p"),
              audio=("-c:a", "pcm_s16le", "-ar", "48000")),
    "ogv": _K(suffix="ogv", video=("-c:v", "libtheora", "-g", "25", "-q:v", "8"), audio=("-c:a", "libvorbis")),
    "nut": _K(suffix="nut", video=X264, audio=AAC, free=True),
    "ivf": _K(suffix="ivf", video=VP9),
    "gif": _K(suffix="gif", video=()),
    "apng": _K(suffix="apng", video=("-f", "apng", "-plays", "1")),
    "webp": _K(suffix="webp", video=("-c:v", "libwebp_anim", "-lossless", "1")),
    "h264": _K(suffix="h264", video=PLAIN),
    "h264-b": _K(suffix="h264", video=X264),
    "hevc": _K(suffix="hevc", video=X265),
    "m2v": _K(suffix="m2v", video=MPEG2),
    "obu": _K(suffix="obu", video=AV1),
}  # fmt: skip

SOUNDS = {
    "wav": ("-c:a", "pcm_s16le"),
    "flac": ("-c:a", "flac"),
    "mp3": ("-c:a", "libmp3lame"),
    "mp3-vbr": ("-c:a", "libmp3lame", "-q:a", "9", "-write_xing", "0"),
    "aac": ("-c:a", "aac"),
    "m4a": AAC,
    "opus": OPUS,
    "ogg": ("-c:a", "libvorbis"),
    "mka": AAC,
    "ac3": ("-c:a", "ac3"),
    "eac3": ("-c:a", "eac3"),
    "aiff": (),
    "caf": ("-c:a", "pcm_s16le"),
    "w64": (),
    "wv": (),
    "tta": (),
    "au.mkv": ("-c:a", "pcm_f32le"),
}
_LOUD = "aevalsrc='if(lt(t,1),random(0)-0.5,if(lt(mod(t,0.5),0.1),sin(2*PI*880*t)*0.7,0))':s=48000:d={}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One file, and what is known of it beforehand."""

    name: str
    build: Callable[[Path], Path]
    picture: bool = True
    sound: bool = False
    joined: bool = False
    """The same file twice, one after the other."""
    broken: bool = False
    """It may fail, for its own fault alone."""
    rate: float = 0
    """Each frame is shown at its number by this: the film says only when frames are decoded. 0: it says when."""


def _film(kind: Container, name: str, *, rate: float = 25, seconds: float = 3, then: str = "", sound: float = 0,
          options: Sequence[str] = (), picture_late: float = 0, sound_late: float = 0, hole: bool = False,
          ) -> Callable[[Path], Path]:  # fmt: skip
    def build(folder: Path) -> Path:
        inputs = [*(("-itsoffset", str(picture_late)) if picture_late else ()), *frames(rate, seconds, then=then)]
        if sound:
            late = ("-itsoffset", str(sound_late)) if sound_late else ()
            inputs += [*late, *beeps(sound, then="aselect='lt(t,1)+gte(t,2)'" if hole else "")]
        timing = ("-fps_mode", "vfr") if kind.free else ()
        audio = kind.audio if sound else ()
        return make(folder / f"{name}.{kind.suffix}", *inputs, *kind.video, *audio, *timing, *options)

    return build


def _changed(build: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def built(folder: Path) -> Path:
        path = build(folder)
        path.write_bytes(change(path.read_bytes()))
        return path

    return built


def _copied(build: Callable[[Path], Path], *before: str, after: Sequence[str] = ()) -> Callable[[Path], Path]:
    """What was made, copied once more by ffmpeg."""

    def built(folder: Path) -> Path:
        path = build(folder)
        return make(path.with_stem(path.stem + "-copied"), *before, "-i", str(path), "-c", "copy", "-map", "0", *after)

    return built


def _half(data: bytes) -> bytes:
    return data[: len(data) * 6 // 10]


def _midway(data: bytes, *, unit: int) -> bytes:
    """What a recorder has that was switched on between two key frames; `unit`: the bytes of a packet."""
    return data[len(data) * 37 // 100 // unit * unit :]


def _scratched(data: bytes) -> bytes:
    chance = random.Random(len(data))
    found = bytearray(data)
    at = len(found) // 2
    found[at : at + 40] = chance.randbytes(len(found[at : at + 40]))
    return bytes(found)


def _lies(data: bytes) -> bytes:
    """A Matroska whose header says 16 s, an MP4 whose header says 10 times as long."""
    found = bytearray(data)
    at = found.find(b"\x44\x89\x88")
    if at >= 0:
        found[at + 3 : at + 11] = b"\x40\xcf\x40\x00\x00\x00\x00\x00"
    at = found.find(b"mvhd")
    if at >= 0:
        old = int.from_bytes(found[at + 20 : at + 24])
        found[at + 20 : at + 24] = (10 * old).to_bytes(4)
    return bytes(found)


def cases() -> Iterator[Case]:
    """All of them; the same each time."""
    for name, kind in CONTAINERS.items():
        yield from _films(name, kind)
    for suffix, encoder in SOUNDS.items():
        yield from _sounds(suffix, encoder)
    for name, arguments in OTHERS.items():
        yield _other(name, *arguments)
    # FFmpeg's muxer of Ogg writes times before 0 as of the far future.
    copied = _copied(_film(CONTAINERS["ogv"], "ogv-copied", seconds=6, sound=6), "-ss", "2.3")
    yield Case(name="ogv-copied", build=copied, sound=True, broken=True)
    for name, edits in EDITS.items():
        yield _edited(name, edits)
    for name, (suffix, joined, *options) in FIELDS.items():
        yield _fields(name, suffix, options, joined=joined)
    for suffix, options, offsets in (("mpg", (*MPEG2, *MP2, "-f", "vob"), "100"), ("ts", (*X264, *AAC), "40")):
        yield _later(suffix, options, offsets)


def _films(name: str, kind: Container) -> Iterator[Case]:
    def case(what: str, build: Callable[[Path], Path] | None = None, **told: object) -> Case:
        known = {key: told.pop(key) for key in ("joined", "broken") if key in told}
        made = build or _film(kind, f"{name}-{what}", **told)  # type: ignore[arg-type]
        return Case(name=f"{name}-{what}", build=made, sound=bool(told.get("sound")), **known)  # type: ignore[arg-type]

    def film(what: str, **told: object) -> Callable[[Path], Path]:
        return _film(kind, f"{name}-{what}", **told)  # type: ignore[arg-type]

    yield case("plain")
    # A lone frame of ASF lasts a millisecond, says its clock.
    if name != "asf":
        yield case("one", options=("-frames:v", "1"))
    yield case("two", options=("-frames:v", "2"))
    yield case("long", seconds=9)
    if name not in ("ps", "m2v", "ts-mpeg2", "mxf"):
        yield case("slow", rate=5, seconds=4)
        yield case("ntsc", rate=30000 / 1001)
    yield case("cut", _changed(film("cut"), _half), broken=True)
    # WebP's delays may be scratched into hours, and nobody could know.
    if name != "webp":
        yield case("scratched", _changed(film("scratched"), _scratched), broken=True)
    yield case("tail", _changed(film("tail"), lambda data: data + bytes(3000)), broken=True)
    if kind.audio:
        yield case("sound", sound=3)
        yield case("short-sound", sound=1.5)
        yield case("long-sound", sound=4.5)
        yield case("hole", sound=3, hole=True) if kind.free else case("long-one", sound=2, seconds=6)
        if name not in ("avi", "avi-mjpeg", "mxf", "asf"):
            yield case("late-picture", sound=4, picture_late=1)
            yield case("late-sound", sound=2, sound_late=1)
    if kind.free:
        yield case("gaps", then="select='not(eq(mod(n,6),3)+eq(mod(n,6),4))'")
        yield case("hole-in-picture", then="select='lt(n,20)+gte(n,55)'")
        yield case("rare", then="select='not(mod(n,20))'", sound=3)
        yield case("starts", options=("-output_ts_offset", "100"))
        whole = _film(kind, f"{name}-part", seconds=5, sound=5)
        yield case("part", _copied(whole, "-ss", "1.4"))
    if kind.joins or name in ("h264", "hevc", "m2v"):
        yield case("joined", _changed(film("joined"), lambda data: data * 2), joined=True)
    if kind.joins or name in ("h264", "hevc", "m2v"):
        seconds = 8 if kind.audio else 0
        build = _film(kind, f"{name}-midway", seconds=8, sound=seconds)
        yield case("midway", _changed(build, partial(_midway, unit=_UNITS.get(kind.suffix, 1))), sound=seconds)
    if kind.streams:
        yield case("no-length", options=("-seekable", "0") if kind.suffix != "flv" else ("-flvflags",
                   "no_duration_filesize"))  # fmt: skip
    if kind.suffix in ("mkv", "mp4", "mov", "webm"):
        yield case("lies", _changed(film("lies"), _lies))


def _sounds(suffix: str, encoder: tuple[str, ...]) -> Iterator[Case]:
    def build(what: str, seconds: float) -> Callable[[Path], Path]:
        name = f"sound-{suffix}-{what}.{suffix.split('-')[0]}"
        return lambda folder: make(folder / name, "-f", "lavfi", "-i", _LOUD.format(seconds), *encoder)

    def case(what: str, build: Callable[[Path], Path], **known: bool) -> Case:
        return Case(name=f"sound-{suffix}-{what}", build=build, picture=False, sound=True, **known)

    yield case("plain", build("plain", 4))
    yield case("short", build("short", 0.2))
    yield case("cut", _changed(build("cut", 4), _half), broken=True)
    yield case("scratched", _changed(build("scratched", 4), _scratched), broken=True)
    if suffix in ("aac", "mp3", "mp3-vbr", "opus", "ogg", "ac3", "eac3"):
        yield case("joined", _changed(build("joined", 4), lambda data: data * 2), joined=True)


def _other(name: str, suffix: str, *arguments: str) -> Case:
    sound = any("aevalsrc" in argument for argument in arguments)
    build = lambda folder: make(folder / f"{name}.{suffix}", *arguments)  # noqa: E731
    picture = suffix not in ("m4a", "mka")
    build = _changed(build, partial(_midway, unit=_UNITS[suffix])) if name.endswith("midway") else build
    return Case(name=name, build=build, picture=picture, sound=sound, rate=COUNTED.get(name, 0))


def _edited(name: str, edits: Sequence[Edit]) -> Case:
    """A film of 6 s whose edit list shows parts of it."""
    codecs = (*X264, *AAC) if name.startswith("mp4") else (*PLAIN, "-c:a", "pcm_s16le")

    def build(folder: Path) -> Path:
        inputs = (*frames(25, 6), *beeps(6))
        return make(folder / f"{name}.{name[:3]}", *inputs, *codecs, "-movie_timescale", "1000")

    return Case(name=name, build=_changed(build, lambda data: edited(data, edits)), sound=True)


def _fields(name: str, suffix: str, options: Sequence[str], *, joined: bool) -> Case:
    """A film whose pictures are coded as two fields each."""

    def build(folder: Path) -> Path:
        raw = fields.film(folder / f"{name}-raw.h264", frames=75)
        held = fields.muxed(raw, folder / f"{name}-held.nut", joined=joined)
        return make(folder / f"{name}.{suffix}", "-i", str(held), *beeps(3), "-c:v", "copy", *options)

    return Case(name=name, build=build, sound=suffix != "h264", rate=COUNTED.get(name, 0))


def _later(suffix: str, options: tuple[str, ...], offset: str) -> Case:
    """A file, and behind it one whose clock is far ahead."""

    def build(folder: Path) -> Path:
        inputs = (*frames(25, 3), *beeps(3))
        one = make(folder / f"{suffix}-ahead.{suffix}", *inputs, *options)
        two = make(folder / f"{suffix}-ahead-2.{suffix}", *inputs, *options, "-output_ts_offset", offset)
        one.write_bytes(one.read_bytes() + two.read_bytes())
        return one

    return Case(name=f"{suffix}-ahead", build=build, sound=True, joined=True)


def _refresh(length: int, b_frames: int) -> tuple[str, ...]:
    """H.264 without key frames: strips are renewed, all of them in so many frames."""
    told = f"intra-refresh=1:keyint={length}:bframes={b_frames}"
    return ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-x264-params", told)


_UNEVEN = "select='eq(n,0)+eq(n,3)+eq(n,4)+eq(n,20)+eq(n,29)'"
_LATE = ("-itsoffset", "1.5", *frames(30, 3), "-map", "1", "-map", "0", "-fps_mode", "vfr")
_HOLED = beeps(6, then="aselect='lt(t,1.7)+gte(t,3.2)'")
_B = (*X264, "-bf", "3", "-b_strategy", "0")
_PYRAMID = "bframes=5:b-adapt=0:b-pyramid=normal:keyint="
_LONG_GOP = (*X264, "-g", "999", "-keyint_min", "999", "-sc_threshold", "0", "-bf", "3")
OTHERS: dict[str, tuple[str, ...]] = {
    "avi-b": ("avi", *frames(30, 5), *beeps(5), "-c:v", "mpeg4", "-bf", "2", "-g", "60", "-q:v", "2", "-c:a", "ac3"),
    "avi-picture-late": ("avi", *beeps(5), *_LATE[:-2], "-c:v", "mpeg4", "-bf", "2", "-q:v", "2", "-c:a", "pcm_s16le"),
    "avi-sound-late": ("avi", *frames(30, 4), "-itsoffset", "1.3", *beeps(2), "-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "avi-mpeg2-b": ("avi", *frames(25, 4), *beeps(4), *MPEG2, "-c:a", "pcm_s16le"),
    "avi-h264": ("avi", *frames(25, 4), *beeps(4), *_B, "-c:a", "libmp3lame"),
    "avi-h264-film": ("avi", *frames(24000 / 1001, 5), *beeps(5), *X264, "-x264-params",
                      "bframes=2:b-adapt=0:keyint=48", "-c:a", "ac3"),
    "avi-h264-pyramid": ("avi", *frames(30, 4), *X264, "-x264-params", f"{_PYRAMID}60"),
    "avi-h264-open": ("avi", *frames(25, 5), *beeps(5), *X264, "-x264-params",
                      "open-gop=1:keyint=40:bframes=3:b-adapt=0", "-c:a", "ac3"),
    "avi-h264-slow": ("avi", *frames(12.5, 6), *beeps(6), *_B, "-c:a", "pcm_s16le"),
    "avi-h264-gaps": ("avi", *frames(25, 5, then="select='not(eq(mod(n,6),3)+eq(mod(n,6),4))'"), *_B, "-fps_mode",
                      "vfr"),
    "mxf-h264": ("mxf", *frames(25, 4), *beeps(4), *_B, "-c:a", "pcm_s16le", "-ar", "48000"),
    "mxf-h264-ntsc": ("mxf", *frames(30000 / 1001, 4), *X264, "-x264-params", f"{_PYRAMID}15"),
    "ps-dvd": ("vob", *frames(30000 / 1001, 5), *beeps(5), *MPEG2, "-g", "18", "-c:a", "ac3", "-f", "dvd"),
    "ps-mpeg1": ("mpg", *frames(30, 5), *beeps(5, rate=44_100), "-c:v", "mpeg1video", "-g", "45", "-bf", "2", "-q:v",
                 "2", "-c:a", "mp2", "-f", "mpeg"),
    "ps-wraps": ("mpg", *frames(25, 6), *beeps(6), *MPEG2, "-c:a", "mp2", "-f", "vob", "-output_ts_offset", "95440.5"),
    "ps-picture-late": ("mpg", *beeps(5), "-itsoffset", "1.5", *frames(25, 3), "-map", "1", "-map", "0", *MPEG2,
                        "-c:a", "mp2", "-f", "vob"),
    "ts-wraps": ("ts", *frames(25, 6), *beeps(6), *X264, *AAC, "-output_ts_offset", "95440.5", "-muxdelay", "0"),
    "ts-open": ("ts", *frames(25, 6), *beeps(6), *X264, "-x264-params", "open-gop=1:keyint=60:bframes=3", *AAC),
    "ts-film": ("ts", *frames(24000 / 1001, 8), *beeps(8), *_LONG_GOP, "-c:a", "ac3"),
    "ts-refresh": ("ts", *frames(25, 6), *beeps(6), *_refresh(25, 0), *AAC),
    "ts-refresh-midway": ("ts", *frames(25, 8), *beeps(8), *_refresh(50, 2), *AAC),
    "mp4-refresh": ("mp4", *frames(25, 6), *beeps(6), *_refresh(25, 2), *AAC),
    "mkv-refresh": ("mkv", *frames(30000 / 1001, 6), *beeps(6), *_refresh(40, 1), *AAC),
    "flv-refresh": ("flv", *frames(25, 6), *beeps(6, rate=44_100), *_refresh(30, 0), *AAC),
    "ts-open-midway": ("ts", *frames(25, 8), *beeps(8), *X264, "-x264-params", "open-gop=1:keyint=60:bframes=3", *AAC),
    "ts-two-pictures": ("ts", *frames(25, 5), *beeps(5), *frames(25, 5, then="negate"), "-map", "0", "-map", "1",
                        "-map", "2", *X264, *MP2),
    "m2ts-fast": ("m2ts", *frames(50, 4), *beeps(4), *X264, "-g", "120", "-c:a", "ac3", "-f", "mpegts",
                  "-mpegts_m2ts_mode", "1"),
    "mkv-picture-late": ("mkv", *beeps(5), *_LATE, *X264, *AAC),
    "mkv-sound-first": ("mkv", *beeps(5), *frames(30, 5), "-map", "0", "-map", "1", *X264, "-g", "90", "-c:a", "flac"),
    "mov-picture-late": ("mov", *beeps(5), *_LATE, *X264, "-c:a", "pcm_s16le"),
    "flv-picture-late-2": ("flv", *beeps(5, rate=44_100), *_LATE, *X264, *AAC),
    "mov-alac-hole": ("mov", *frames(25, 6), *_HOLED, *X264, "-c:a", "alac"),
    "webm-hole-2": ("webm", *frames(25, 6), *_HOLED, *VP9, *OPUS),
    "m4a-hole": ("m4a", *frames(25, 6), *_HOLED, "-map", "1", *AAC),
    "mka-hole": ("mka", *frames(25, 6), *_HOLED, "-map", "1", "-c:a", "flac"),
    "mp4-frame-fragments": ("mp4", *frames(25, 3), *beeps(3), *PLAIN, *AAC, "-movflags",
                            "+frag_every_frame+empty_moov"),
    "mp4-frame-fragments-cmaf": ("mp4", *frames(30, 4), *beeps(4, rate=44_100), *PLAIN, *AAC, "-movflags", "+cmaf",
                                 "-frag_duration", "1"),
    "mp4-one-key": ("mp4", *frames(30, 8), *beeps(8), *_LONG_GOP, *AAC),
    "webm-altref": ("webm", *frames(30, 5), *beeps(5), "-c:v", "libvpx-vp9", "-g", "60", "-auto-alt-ref", "1",
                    "-lag-in-frames", "25", "-deadline", "good", "-cpu-used", "8", "-b:v", "300k", "-c:a", "libvorbis"),
    "webm-av1": ("webm", *frames(30, 5), *beeps(5), *AV1, "-g", "60", *OPUS),
    "ivf-av1": ("ivf", *frames(30, 5), *AV1, "-g", "40"),
    "ivf-slow-part": ("ivf", *frames(3, 4), *VP9),
    "ogv-film": ("ogv", *frames(24000 / 1001, 5), *beeps(5), "-c:v", "libtheora", "-g", "64", "-q:v", "8", "-c:a",
                 "libvorbis"),
    "ogv-flac": ("ogv", *frames(25, 5), *beeps(5), "-c:v", "libtheora", "-g", "50", "-q:v", "8", "-c:a", "flac"),
    "wmv-wma1": ("wmv", *frames(30, 4), *beeps(4, rate=44_100), "-c:v", "wmv1", "-q:v", "2", "-c:a", "wmav1"),
    "ts-latm": ("ts", *frames(50, 4), *beeps(4), *X264, *AAC, "-mpegts_flags", "+latm"),
    "mkv-truehd": ("mkv", *frames(24, 4), *beeps(4), *X265, "-c:a", "truehd", "-strict", "-2"),
    "mkv-dts": ("mkv", *frames(24, 4), *beeps(4), *X264, "-c:a", "dca", "-strict", "-2"),
    "avi-adpcm": ("avi", *frames(15, 4), *beeps(4, rate=22_050), "-c:v", "mjpeg", "-c:a", "adpcm_ima_wav"),
    "mov-adpcm": ("mov", *frames(12, 4), *beeps(4, rate=44_100), "-c:v", "mjpeg", "-c:a", "adpcm_ima_qt"),
    "mov-alaw": ("mov", *frames(25, 4), *beeps(4, rate=8000), *X264, "-c:a", "pcm_alaw"),
    "mxf-xdcam": ("mxf", *frames(30000 / 1001, 5), *beeps(5), "-c:v", "mpeg2video", "-g", "15", "-bf", "2", "-q:v", "2",
                  "-pix_fmt", "yuv422p", "-c:a", "pcm_s16le"),
    "wmv": ("wmv", *frames(30, 5), *beeps(5), "-c:v", "wmv2", "-g", "60", "-q:v", "2", "-c:a", "wmav2"),
    "3gp": ("3gp", *frames(15, 4, then="scale=176:144"), *beeps(4, rate=8000), "-c:v", "h263", "-q:v", "2", *AAC,
            "-ac", "1"),
    "rm": ("rm", *frames(25, 4, then="scale=176:144"), *beeps(4, rate=44_100), "-c:v", "rv20", "-g", "50", "-q:v", "2",
           "-c:a", "ac3"),
    "dv": ("dv", *frames(25, 3, then="scale=720:576"), *beeps(3), "-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-c:a",
           "pcm_s16le", "-ac", "2"),
    "webp-uneven": ("webp", *frames(10, 3, then=_UNEVEN), "-fps_mode", "vfr", "-c:v", "libwebp_anim", "-lossless", "1"),
    "gif-lazy": ("gif", *frames(0.5, 6)),
    "gif-uneven": ("gif", *frames(10, 3, then=_UNEVEN), "-fps_mode", "vfr"),
    "screen-mp4": ("mp4", *frames(0.5, 10), *X264, "-fps_mode", "vfr", "-g", "250"),
    "screen-webm": ("webm", *frames(1 / 3, 12), *beeps(12), *VP9, "-fps_mode", "vfr", *OPUS),
    "screen-flv": ("flv", *frames(0.25, 12), *beeps(12, rate=44_100), *X264, "-fps_mode", "vfr", "-bf", "0", *AAC),
    "screen-ts": ("ts", *frames(0.5, 10), *beeps(10), *X264, "-fps_mode", "vfr", *AAC),
    "webm-recorded": ("webm", *frames(30, 4), *beeps(4), *VP9, "-g", "100", *OPUS, "-f", "webm", "-live", "1"),
    "hevc-film": ("hevc", *frames(24, 4), *X265),
    "m1v": ("m1v", *frames(24, 3), "-c:v", "mpeg1video", "-g", "12", "-bf", "2", "-q:v", "2"),
    "m4v": ("m4v", *frames(30, 3), "-c:v", "mpeg4", "-g", "30", "-bf", "0", "-q:v", "2", "-f", "m4v"),
    "mono-pair-late": ("mov", *frames(25, 4), *beeps(4), "-itsoffset", "1", *beeps(3), "-map", "0", "-map", "1", "-map",
                       "2", *X264, "-c:a", "pcm_s16le", "-ac", "1"),
}  # fmt: skip
"""Kinds beside those above: a file's ending, and how it is made."""
EDITS: dict[str, Sequence[Edit]] = {
    "mp4-edits-skip": [(2, 0), (2, 3)],
    "mov-edits-skip": [(1.34, 0.42), (1.7, 2.9)],
    "mp4-edits-swap": [(2, 3), (2, 0)],
    "mov-edits-swap": [(2, 3), (2, 0)],
    "mp4-edits-empty": [(1.5, None), (3, 1.37)],
    "mov-edits-empty": [(1.5, None), (3, 1.37)],
    "mp4-edits-again": [(2, 1), (2, 1)],
    "mov-edits-gap": [(1.5, 0), (1, None), (2, 1.5)],
    "mov-edits-tail": [(2, 3.5)],
}
"""What edit lists show: so many seconds, from which second on."""
FIELDS: dict[str, tuple[str, bool, *tuple[str, ...]]] = {
    "fields-h264": ("h264", False, "-an"),
    "fields-ts": ("ts", True, *AAC),
    "fields-ts-apart": ("ts", False, "-c:a", "ac3"),
    "fields-m2ts": ("m2ts", True, "-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
    "fields-ps": ("mpg", True, *MP2, "-f", "vob"),
    "fields-mp4": ("mp4", True, *AAC),
    "fields-mp4-apart": ("mp4", False, *AAC),
    "fields-mkv": ("mkv", False, "-c:a", "flac"),
    "fields-flv": ("flv", True, *AAC, "-ar", "44100"),
    "fields-avi": ("avi", True, "-c:a", "pcm_s16le"),
    "fields-avi-apart": ("avi", False, "-c:a", "pcm_s16le"),
    "fields-mxf": ("mxf", True, "-c:a", "pcm_s16le", "-ar", "48000"),
}
"""A file's ending, whether both fields of a picture are one packet, and how it is made."""
COUNTED = {
    "fields-avi": 25,
    "fields-avi-apart": 25,
    "avi-b": 30,
    "avi-mpeg2-b": 25,
    "avi-h264": 25,
    "avi-h264-film": 24000 / 1001,
    "avi-h264-pyramid": 30,
    "avi-h264-open": 25,
    "avi-h264-slow": 12.5,
    "avi-h264-gaps": 25,
    "mxf-h264": 25,
    "mxf-h264-ntsc": 30000 / 1001,
}
"""Rates of those of them that tell when frames are decoded alone: each is shown at its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What is in a file by a full decode: frames' times from the file's beginning and numbers, and lengths."""

    seen: tuple[tuple[float, int], ...]
    seconds: float
    """Of the whole."""
    picture_seconds: float
    """When its picture ends."""
    sound_seconds: float
    """When its first sound ends."""
    beeps: tuple[float, ...] = ()
    """When that begins to beep."""

    def counted(self, rate: float) -> "Truth":
        """The same frames, each shown at its number by a rate."""
        numbers = sorted(which for _, which in self.seen)
        end = (numbers[-1] + 1) / rate
        return replace(
            self,
            seen=tuple((which / rate, which) for which in numbers),
            seconds=max(end, self.sound_seconds),
            picture_seconds=end,
        )

    def at(self, time: float, *, near: float = 0.003) -> set[int]:
        """The numbers on the screen at a time, or `near` it: two where it lies on a border."""
        inside = {which for begin, which in self.seen if time - near < begin < time + near}
        return {self._at(time - near), *inside, self._at(time + near)}

    def is_sure(self, time: float) -> bool:
        """Whether pictures count up around a time: no decoder knows what was on one that is damaged, or behind it."""
        steps = sorted(b - a for (_, a), (_, b) in pairwise(self.seen))
        near = [which for begin, which in self.seen if abs(begin - time) < _AROUND_SECONDS]
        counts = all(b - a == steps[len(steps) // 2] for a, b in pairwise(near))
        return counts and self.seen[0][0] + _AROUND_SECONDS < time < self.seen[-1][0] - _AROUND_SECONDS

    def _at(self, time: float) -> int:
        return next((which for begin, which in reversed(self.seen) if begin <= time), self.seen[0][1])


_AROUND_SECONDS = 0.5
_RAW = frozenset({"h264", "hevc", "m4v", "mpegvideo", "obu"})


def truth(path: Path) -> Truth:
    """Decode all. Times are of a clock that does not jump; raw streams have none, and count frames by their rate."""
    if path.suffix == ".webp":  # PyAV's library does not read those that move
        path = make(path.with_suffix(".mkv"), "-i", str(path), "-c:v", "ffv1")
    times: list[float | None] = []
    numbers: list[int] = []
    ends: list[float] = []
    total = sounds = rate = 0.0
    with av.open(str(path)) as container:
        begin = container.start_time / 1e6 if container.start_time is not None else None
        raw = container.format.name in _RAW
        for packet in _readable(container):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and begin is None:
                begin = float(stamp * packet.time_base)
            if stamp is not None and packet.size and packet.stream.type == "video" and not packet.is_discard:
                length = float((packet.duration or 0) * packet.time_base)
                ends.append(float(stamp * packet.time_base) - (begin or 0.0) + length)
                total += length
            for frame in _decoded(packet):
                time = float(frame.pts * frame.time_base) - (begin or 0.0) if frame.pts is not None else None
                if isinstance(frame, av.VideoFrame):
                    rate = float(packet.stream.codec_context.framerate or packet.stream.average_rate or 25)
                    times.append(time)
                    numbers.append(number(frame))
                elif time is not None:
                    sounds = max(sounds, time + frame.samples / frame.sample_rate)
    counted = raw or None in times
    seen = sorted((i / rate if counted or time is None else time, which) for i, (time, which) in
                  enumerate(zip(times, numbers, strict=True)))  # fmt: skip
    shown = 0.0
    if seen:
        lengths = sorted(b - a for (a, _), (b, _) in pairwise(seen))
        usual = lengths[len(lengths) // 2] if lengths else 1 / rate
        # A packet of MP4 lasts until the next is decoded: only all together say how long pictures are shown.
        shown = max(ends, default=0.0)
        shown = min(shown, seen[0][0] + total) if path.suffix in (".mp4", ".mov") else shown
        if counted or shown <= seen[-1][0]:
            shown = seen[-1][0] + usual
    return Truth(
        seen=tuple(seen),
        seconds=max(shown, sounds),
        picture_seconds=shown,
        sound_seconds=sounds,
        beeps=tuple(heard(path, begin=begin)) if sounds else (),
    )


def _decoded(packet: av.Packet) -> list[av.VideoFrame | av.AudioFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:  # the next one may be sound
        return []


def _readable(container: av.container.InputContainer) -> Iterator[av.Packet]:
    """Packets until reading ends, well or not."""
    try:
        yield from container.demux(*container.streams.video[:1], *container.streams.audio[:1])
    except av.error.FFmpegError:
        return
