"""Stills by a warm child and by ffmpeg, side by side: the same files, whose pixels are equal."""

import os
import signal
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partialmethod
from pathlib import Path, PurePosixPath
from typing import Any

import av
import pytest
from media import heif
from media import private_files as private
from media.kit import Studio, make
from waiting import patient

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import still_child, warm_child
from reelmill.media.engines import DEMUXERS, ENCODERS, FILTERS, Engine, engine_of
from reelmill.media.openings import Shelf
from reelmill.media.render.still import ordered
from reelmill.media.stills import Still, Stills, write
from reelmill.media.verify import Verified, verified
from reelmill.media.warm import Answer, WarmChildren, _WarmChild

pytestmark = pytest.mark.asyncio(loop_scope="session")
TURNS = {f"turned {turn}": ("-display_rotation", str(turn)) for turn in (90, 180, 270)} | {
    "mirrored": ("-display_hflip",),
    "upside down": ("-display_vflip",),
    "turned and mirrored": ("-display_rotation", "90", "-display_hflip"),
    "turned back and mirrored": ("-display_rotation", "270", "-display_hflip"),
}
COLOURS = {
    "bt601": ("smpte170m", "smpte170m", "smpte170m", "tv"),
    "bt709, full range": ("bt709", "bt709", "bt709", "pc"),
    "bt2020": ("bt2020nc", "bt709", "bt709", "tv"),
}
SIZED = {
    "mpeg2video": ("-g", "15", "-bf", "2"),
    "libx264": ("-preset", "veryfast", "-g", "25"),
    "libx265": ("-preset", "ultrafast", "-x265-params", "log-level=error"),
    "libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8", "-g", "25"),
}


def film(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *options: str,
    size: str = "176x144",
    filters: str = "",
    seconds: float = 2,
) -> Path:
    """A moving picture with fine detail."""
    fine = f"noise=alls=12:allf=t+u:all_seed=7{filters and ','}{filters}"
    moving = f"testsrc2=size={size}:rate=25:duration={seconds},{fine}"
    return make(path, "-f", "lavfi", "-i", moving, "-pix_fmt", pixels, "-c:v", codec, *SIZED.get(codec, ()), *options)


def films(folder: Path) -> dict[str, Path]:
    """Of each kind one, by what is particular about it."""
    flat = film(folder / "flat.mp4")
    found = {"flat": flat}
    for name, options in TURNS.items():
        found[name] = make(folder / f"{name}.mp4", *options, "-i", str(flat), "-c", "copy")
    for name, (space, transfer, primaries, spread) in COLOURS.items():
        told = f"setparams=colorspace={space}:color_trc={transfer}:color_primaries={primaries}:range={spread}"
        found[name] = film(folder / f"{name}.mp4", filters=told)
    found |= {
        "odd size": film(folder / "odd.mp4", "libx264", "yuv444p", size="131x77"),
        "wide pixels": film(folder / "wide.mp4", filters="setsar=16/11"),
        "wide pixels in Matroska": film(folder / "wide.mkv", filters="setsar=16/11"),
        "ten bits": film(folder / "ten.mkv", "libx265", "yuv420p10le"),
        "HD": film(folder / "hd.mp4", "libx264", "yuv420p", "-preset", "ultrafast", size="1280x720", seconds=1.5),
        "VP9": film(folder / "a.webm", "libvpx-vp9"),
        "MPEG-TS": film(folder / "a.ts"),
        "MPEG-2": film(folder / "b.ts", "mpeg2video"),
        "FLV": film(folder / "a.flv"),
        "starts late": make(folder / "late.mkv", "-itsoffset", "0.7", "-i", str(flat), "-c", "copy"),
        "begins amid": make(folder / "amid.mp4", "-ss", "0.5", "-i", str(flat), "-c", "copy"),
    }
    return found


def photo(path: Path, flat: Path, orientation: int) -> Path:
    """A JPEG with EXIF that says how its camera was held."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    data = flat.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def pictures(folder: Path) -> dict[str, Path]:
    """Stills of each kind."""
    flat = film(folder / "flat.jpg", "mjpeg", "yuvj420p", "-frames:v", "1", "-update", "1", size="61x41")
    photos = {f"a photo {way}": photo(folder / f"photo-{way}.jpg", flat, way) for way in range(1, 9)}
    return photos | {
        "a JPEG": film(folder / "a.jpg", "mjpeg", "yuvj420p", "-frames:v", "1", "-update", "1", size="301x201"),
        "a JPEG of full colours": film(folder / "b.jpg", "mjpeg", "yuvj444p", "-frames:v", "1", "-update", "1"),
        "a PNG": film(folder / "a.png", "png", "rgb24", "-frames:v", "1", "-update", "1", size="301x201"),
        "a deep PNG": film(folder / "b.png", "png", "rgb48be", "-frames:v", "1", "-update", "1"),
        "a TIFF": film(folder / "a.tiff", "tiff", "rgb24", "-frames:v", "1", "-update", "1"),
        "a WebP": film(folder / "a.webp", "libwebp", "yuv420p", "-frames:v", "1", "-update", "1"),
        "a BMP": film(folder / "a.bmp", "bmp", "bgr24", "-frames:v", "1", "-update", "1"),
    }


def others(folder: Path) -> dict[str, Path]:
    """What is left to ffmpeg."""
    hdr = "setparams=colorspace=bt2020nc:color_trc=smpte2084:color_primaries=bt2020"
    return {
        "HDR": film(folder / "hdr.mkv", "libx265", "yuv420p10le", filters=hdr),
        "interlaced": film(folder / "b.ts", "mpeg2video", "yuv420p", "-flags", "+ilme+ildct"),
        "grey": film(folder / "grey.png", "png", "gray", "-frames:v", "1", "-update", "1"),
        "transparent": film(folder / "clear.png", "png", "rgba", "-frames:v", "1", "-update", "1"),
        "a palette": film(folder / "a.gif", "gif", "pal8"),
    }


def pixels(path: Path) -> tuple[str, int, int, tuple[bytes, ...]]:
    """A picture's format, its size, and its rows without what fills them up."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    each = frame.format.padded_bits_per_pixel // 8 if len(frame.planes) == 1 else 1
    rows = []
    for plane in frame.planes:
        data = bytes(plane)
        rows += [data[y * plane.line_size :][: plane.width * each] for y in range(plane.height)]
    return frame.format.name, frame.width, frame.height, tuple(rows)


@dataclass(slots=True)
class Compared:
    """What came of one file."""

    engines: list[Engine] = field(default_factory=list)
    made: int = 0
    held: int = 0
    undone: int = 0
    unequal: list[str] = field(default_factory=list)


async def compared(studio: Studio, path: Path, *outputs: dict[str, Any]) -> Compared:
    """Have both engines make the steps of outputs that a warm child is given."""
    planned = await studio.plan(path, *outputs)
    found = Compared()
    for step, command in zip(planned.graph.steps, planned.commands, strict=True):
        found.engines.append(engine_of(step))
        if found.engines[-1] is Engine.PROCESS:
            continue
        other = studio.folder / "warm"
        for folder in (studio.folder, other):
            for writing in step.writes:
                (folder / writing.path).parent.mkdir(parents=True, exist_ok=True)
        await studio.run(command)
        if await studio.still(step, path, other) is None:
            found.undone += 1
            continue
        found.held += held(path, ordered(step))
        for file in step.promised:
            one, two = studio.folder / file.path, other / file.path
            if one.exists() != two.exists() or (one.exists() and pixels(one) != pixels(two)):
                found.unequal.append(str(file.path))
            found.made += one.exists()
            for made in (one, two):
                made.unlink(missing_ok=True)
    return found


def held(path: Path, order: dict[str, Any]) -> bool:
    """Whether a child that looked into a file makes stills of what it opened for that: then they are the same."""
    shelf, look = Shelf(), {"looks": [], "span": [], "partial": False, "holder": "mine"}
    answers = []
    for question in (order, look, {**order, "holder": "mine"}):
        file = os.open(path, os.O_RDONLY)
        try:
            answers.append(warm_child.answer(file, question, shelf))
        finally:
            os.close(file)
    (told, made), _, (again, alike) = answers
    assert alike == made and {**again, "held": False} == told, path
    return bool(again["held"])


TIMES = {"name": "times", "thumbnail": {"times_seconds": [0, 0.99, 1.0, 1.4], "width": 97, "format": "PNG"}}
PNG = {"name": "png", "thumbnail": {"count": 1, "format": "PNG"}}
JPEG = {"name": "jpeg", "thumbnail": {"count": 2, "width": 120, "height": 120, "quality": 35}}
SMALL = {"name": "small", "image": {"width": 7, "format": "PNG"}}
MANY = {"name": "many", "thumbnail": {"count": 20}}


@pytest.mark.parametrize("kind", [films, pictures])
async def test_a_warm_child_makes_what_ffmpeg_makes(
    studio: Studio, tmp_path: Path, kind: Callable[[Path], dict[str, Path]]
) -> None:
    faults = {}
    for name, path in kind(tmp_path).items():
        whole = (TIMES, PNG, JPEG, MANY) if name == "flat" else (TIMES,) if kind is films else (PNG, JPEG, SMALL)
        found = await compared(studio, path, *whole)
        if found.unequal or found.undone or not found.made or Engine.PROCESS in found.engines:
            faults[name] = found
        if (found.held > 0) is not (path.suffix == ".mp4" and name != "begins amid"):
            faults[name] = found
    assert not faults, repr(faults)


async def test_what_may_come_out_otherwise_is_left_to_ffmpeg(studio: Studio, tmp_path: Path) -> None:
    for name, path in others(tmp_path).items():
        assert (await compared(studio, path, PNG, JPEG)).engines == [Engine.PROCESS] * 2, name
    webp = {"thumbnail": {"count": 1, "format": "WEBP"}}
    flat = film(tmp_path / "flat.mp4")
    assert (await compared(studio, flat, webp)).engines == [Engine.PROCESS]


async def test_the_library_has_all_that_a_warm_child_may_need() -> None:
    assert set(av.codecs_available) | set(av.filter.filters_available) >= ENCODERS | FILTERS
    assert {name for known in av.formats_available for name in known.split(",")} >= DEMUXERS


def _clap(path: Path, film: Path) -> Path:
    """A film whose container says that less of its picture is to be shown."""
    data = film.read_bytes()
    box = heif.clap(100, 100, 0, 0)
    at = data.index(b"avc1", data.index(b"stsd")) - 4
    end = at + struct.unpack_from(">I", data, at)[0]
    whole = bytearray(data[:end] + box + data[end:])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        size = data.rindex(name, 0, at + 8) - 4
        struct.pack_into(">I", whole, size, struct.unpack_from(">I", whole, size)[0] + len(box))
    path.write_bytes(whole)
    return path


async def test_what_a_warm_child_leaves_or_breaks_off_is_ffmpegs(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cropped film, a damaged one, a child that ends, and one that takes too long; nothing is written."""
    flat = film(tmp_path / "flat.mp4")
    planned = await studio.plan(flat, {"thumbnail": {"times_seconds": [1.4]}})
    (step,) = planned.graph.steps
    studio.make_folders(planned.graph)
    damaged = bytearray(flat.read_bytes())
    middle = damaged.index(b"mdat") + 15_000
    damaged[middle : middle + 9_000] = bytes(9_000)
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    for path in (_clap(tmp_path / "cropped.mp4", flat), tmp_path / "damaged.mp4"):
        assert await studio.still(step, path) is None, path
    ask = _WarmChild.ask

    async def hurt(child: _WarmChild, file: int, question: bytes, how: int) -> Answer:
        os.kill(child.child.pid, how)
        return await ask(child, file, question)

    children = WarmChildren(studio.launcher, timeout_seconds=0.5)
    try:
        for how in (signal.SIGSEGV, signal.SIGSTOP):
            with monkeypatch.context() as patching:
                patching.setattr(_WarmChild, "ask", partialmethod(hurt, how=how))
                async with patient():
                    assert await Stills(children).make(step, path=flat, tenant="", max_bytes=10**6) is None
        assert children._idle == []
        assert [path for path in studio.folder.rglob("*") if path.is_file()] == []
        assert await studio.still(step, flat) == ()
    finally:
        await children.close()


async def test_what_libav_says_decides() -> None:
    """A warning goes along; an error, or a warning of damage, leaves the still to ffmpeg."""
    deprecated = [(av.logging.WARNING, "swscaler", "deprecated\n")]
    assert still_child._told(deprecated, pictures=True) == ["[swscaler] [warning] deprecated"]
    for level, text in ((av.logging.ERROR, "cabac"), (av.logging.WARNING, "corrupt input packet")):
        with pytest.raises(still_child.Undone):
            still_child._told([(level, "h264", text)], pictures=False)
    missing = [(av.logging.WARNING, "mjpeg", "EOI missing, emulating")]
    assert still_child._told(missing, pictures=False)
    with pytest.raises(still_child.Undone):
        still_child._told(missing, pictures=True)


async def test_a_wrong_answer_and_a_full_disk_write_nothing_that_is_kept(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = film(tmp_path / "flat.mp4")
    planned = await studio.plan(flat, {"thumbnail": {"count": 1}})
    (step,) = planned.graph.steps
    studio.make_folders(planned.graph)
    wrong: list[object] = [[], [[1, 1]], [[2]], None, [None], [1], [["1"]], [[-1, 2]], [[True]], {"0": [1]}]
    for told in (
        *({"sizes": sizes} for sizes in wrong),
        {},
        {"sizes": [[1]], "warnings": None},
        {"sizes": [[1]], "looks": []},
    ):
        monkeypatch.setattr(
            _WarmChild, "ask", _answering(Answer(told={"warnings": [], "looks": [{}], **told}, made=b"x"))
        )
        assert await studio.still(step, flat) is None, told
    monkeypatch.undo()

    def full() -> None:
        raise AttemptFailed("DISK_FULL", "")

    stills, out = Stills(studio.prober.children), studio.folder / step.writes[0].path
    made = await stills.make(step, path=flat, tenant="", max_bytes=10**6)
    assert made is not None
    with pytest.raises(AttemptFailed, match="DISK_FULL"):
        write(studio.folder, made[0], full)
    assert await stills.make(step, path=flat, tenant="", max_bytes=10) is None
    assert not out.exists()
    out.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        await studio.still(step, flat)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_picture_in_memory_is_held_to_what_was_planned(studio: Studio, tmp_path: Path) -> None:
    flat = film(tmp_path / "flat.mp4")
    planned = await studio.plan(flat, {"thumbnail": {"count": 2}}, {"name": "png", "thumbnail": {"format": "PNG"}})
    stills: dict[PurePosixPath, Still] = {}
    for step in planned.graph.steps:
        made = await Stills(studio.prober.children).make(step, path=flat, tenant="", max_bytes=10**6)
        assert made is not None
        stills |= {still.path: still for still in made[0]}

    async def look(kept: dict[PurePosixPath, Still], *, damaged: bool = False) -> list[list[Verified]]:
        prober = studio.prober.of("")
        return await verified(planned.graph.promised, lambda: tmp_path, prober, kept, input_damaged=damaged)

    for file in (file for files in await look(stills) for file in files):
        (tmp_path / file.path.name).write_bytes(stills[file.path].picture)
        assert file.still is stills[file.path] and file.info is not None
        looked = await studio.probe_made(tmp_path / file.path.name)
        assert looked == file.info, "as of the same file, by its descriptor"
    first = next(iter(stills))
    other = {**dict(stills[first].told), "info": (await _told(studio, flat))["info"]}
    exif = private.jpeg(tmp_path / "private.jpg").read_bytes()
    for changed, words in (
        (replace(stills[first], told={"code": "INPUT_CORRUPT", "message": "cut off"}), "cut off"),
        (replace(stills[first], told=other), "its picture is h264 instead of mjpeg"),
        (replace(stills[first], picture=exif), "it has more than picture and sound, which may be private"),
    ):
        with pytest.raises(AttemptFailed, match=f"OUTPUT_INVALID: .*{words}"):
            await look(stills | {first: changed})
    with pytest.raises(AttemptFailed, match=r"INPUT_CORRUPT: .*cut off"):
        unreadable = replace(stills[first], told={"code": "INPUT_CORRUPT", "message": "cut off"})
        await look(stills | {first: unreadable}, damaged=True)
    with pytest.raises(AttemptFailed, match="ended well without writing it"):
        await look({path: still for path, still in stills.items() if path != first})


async def _told(studio: Studio, path: Path) -> Mapping[str, Any]:
    return (await studio.prober.children.ask("", path, {"looks": [], "span": [], "partial": False})).told


def _answering(answer: Answer) -> Callable[..., Awaitable[Answer]]:
    async def ask(*_: object) -> Answer:
        return answer

    return ask
