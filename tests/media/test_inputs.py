"""Inputs of every kind on the real ffmpeg: rotated, odd, late, wide, deep, still."""

import struct
from pathlib import Path

import av
import pytest
from effort import some_or_all
from media.kit import Studio, decode, first_sound, make, rgb

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import shapes

pytestmark = pytest.mark.asyncio(loop_scope="session")

FFV1 = ("-c:v", "ffv1")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
SINE = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")


def picture(size: str = "64x64", source: str = "testsrc2", more: str = "") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"{source}{':' if '=' in source else '='}size={size}:rate=10:duration=1{more}")


@pytest.mark.parametrize(("degrees", "size"), [(90, (32, 64)), (180, (64, 32)), (270, (32, 64))])
async def test_a_rotated_video_comes_out_upright(
    studio: Studio, tmp_path: Path, degrees: int, size: tuple[int, int]
) -> None:
    flat = make(tmp_path / "flat.mp4", *picture("64x32"), *X264)
    turned = tmp_path / "turned.mp4"
    make(turned, "-display_rotation", str(-degrees), "-i", str(flat), "-c", "copy")
    assert (await studio.probe_made(turned)).streams[0].rotation_degrees == degrees
    video, still = await studio.make(turned, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {}})
    assert (decode(video).width, decode(video).height) == size == (decode(still).width, decode(still).height)
    assert (await studio.probe_made(video)).streams[0].rotation_degrees == 0


QUARTERS = (
    "color=red:size=64x32:rate=10:duration=1,drawbox=x=32:y=0:w=32:h=16:color=lime:t=fill,"
    "drawbox=x=0:y=16:w=32:h=16:color=blue:t=fill,drawbox=x=32:y=16:w=32:h=16:color=white:t=fill"
)
TURNS = {
    ("-display_rotation", "-90"): "BRWG",
    ("-display_rotation", "-180"): "WBGR",
    ("-display_rotation", "-270"): "GWRB",
    ("-display_hflip",): "GRWB",
    ("-display_vflip",): "BWRG",
}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
async def test_each_corner_is_where_a_turned_or_mirrored_film_shows_it(
    studio: Studio, tmp_path: Path, suffix: str
) -> None:
    flat = make(tmp_path / "flat.mp4", "-f", "lavfi", "-i", QUARTERS, *X264, "-g", "5")
    for i, (turn, right) in enumerate(TURNS.items()):
        path = make(tmp_path / f"turned-{i}.{suffix}", *turn, "-i", str(flat), "-c", "copy")
        trim = {"trim": {"start_seconds": 0.25, "end_seconds": 0.75}}
        outputs = [{"transcode": {}}, {"transcode": trim}, {"thumbnail": {"format": "PNG", "times_seconds": [0.55]}}]
        made = await studio.make(path, *({"name": f"{i}-{j}"} | output for j, output in enumerate(outputs)))
        assert [corners(one) for one in made] == [right] * 3, (turn, suffix)


def corners(path: Path) -> str:
    """The colours of a picture's corners: red, green, blue or white, from the left above to the right below."""
    width, height = decode(path).width, decode(path).height
    seen = ""
    for x, y in ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5)):
        bright = tuple(value > 128 for value in rgb(path, x, y))
        seen += {(True, False, False): "R", (False, True, False): "G", (False, False, True): "B"}.get(bright, "W")
    return seen


async def test_a_photo_taken_upright_comes_out_upright(studio: Studio, tmp_path: Path) -> None:
    halves = "color=c=red:size=64x32,drawbox=x=32:w=32:h=32:color=blue:t=fill"
    data = make(tmp_path / "flat.jpg", "-f", "lavfi", "-i", halves, "-frames:v", "1", "-q:v", "1").read_bytes()
    orientation = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)  # 6: turn clockwise by 90°
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(orientation) + 2) + orientation + data[2:])
    made = await studio.one(photo, thumbnail={"format": "PNG"})
    assert (decode(made).width, decode(made).height) == (32, 64)
    assert rgb(made, 16, 3)[0] > 200 and rgb(made, 16, 60)[2] > 200


async def test_pixels_become_square(studio: Studio, tmp_path: Path) -> None:
    anamorphic = make(tmp_path / "wide.mp4", *picture(more=",setsar=4/3"), *X264)
    made = await studio.one(anamorphic, transcode={})
    assert (decode(made).width, decode(made).height) == (86, 64)
    assert (await studio.probe_made(made)).streams[0].pixel_aspect_ratio == 1.0


async def test_odd_sizes_become_even_for_video_and_stay_for_stills(studio: Studio, tmp_path: Path) -> None:
    odd = make(tmp_path / "odd.mkv", *picture("65x33", "testsrc"), *FFV1)
    video, still = await studio.make(odd, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {}})
    assert (decode(video).width, decode(video).height) == (64, 32)
    assert (decode(still).width, decode(still).height) == (65, 33)


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "yuv444p12le", "gbrp", "rgba", "gray", "yuvj420p"])
async def test_every_pixel_format_becomes_one_that_players_show(
    studio: Studio, tmp_path: Path, pixel_format: str
) -> None:
    white = make(tmp_path / "deep.mkv", *picture(source="color=c=white"), *FFV1, "-pix_fmt", pixel_format)
    made = await studio.one(white, transcode={})
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.color_range == 1  # limited
        assert stream.codec_context.colorspace == 1  # BT.709
    assert min(rgb(made, 16, 16)) > 250


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
async def test_hdr_is_mapped_to_standard_range(studio: Studio, tmp_path: Path, transfer: str) -> None:
    tags = f",format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv"
    hdr = make(tmp_path / "hdr.mkv", *picture(more=tags), *FFV1)
    assert (await studio.probe_made(hdr)).streams[0].color_transfer == transfer
    video, still = await studio.make(hdr, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {}})
    stream = (await studio.probe_made(video)).streams[0]
    assert (stream.color_transfer, stream.color_space, stream.pixel_format) == ("bt709", "bt709", "yuv420p")
    assert decode(still).width == 64


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
async def test_what_was_white_in_standard_range_is_so_again(studio: Studio, tmp_path: Path, transfer: str) -> None:
    """Greys of 20, 50 and 75 % on a white of 203 nits; brighter ones bend, and stay apart up to 1,000 nits."""
    wide = f"transfer={transfer}:primaries=2020:matrix=2020_ncl:range=limited:npl=203,format=yuv420p10le"
    for grey in (51, 128, 191, 255):
        source = f"color=0x{grey:02x}{grey:02x}{grey:02x}:size=64x64:rate=10:duration=0.1,format=gbrp"
        chain = f"zscale=transferin=709:primariesin=709:matrixin=gbr:{wide}"
        hdr = make(tmp_path / f"{grey}.mkv", "-f", "lavfi", "-i", source, "-vf", chain, *FFV1)
        for made in await studio.make(
            hdr, {"name": "v", "transcode": {"video": {"crf": 1}}}, {"name": "s", "thumbnail": {}}
        ):
            seen = rgb(made, 9, 9, matrix=5 if made.suffix == ".jpg" else None)
            assert seen == pytest.approx([227 if grey == 255 else grey] * 3, abs=4), made.name


async def test_hdr_that_tells_little_of_itself_is_mapped_too_at_any_size(studio: Studio, tmp_path: Path) -> None:
    """No primaries, no matrix; and stills of odd sizes, whose pixels can't share their colours."""
    tags = ",format=yuv420p10le,setparams=color_primaries=unknown:color_trc=smpte2084:colorspace=unknown:range=tv"
    hdr = make(tmp_path / "hdr.mkv", *picture("64x64", "color=gray", tags), *FFV1)
    film, still = await studio.make(
        hdr, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {"width": 33, "format": "PNG"}}
    )
    assert (decode(film).frames, decode(still).width, decode(still).height) == (10, 33, 33)
    assert rgb(film, 9, 9) == pytest.approx(rgb(still, 9, 9), abs=6)


@pytest.mark.parametrize("range_", ["tv", "pc"])
@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
async def test_greys_keep_their_values_whatever_their_range(
    studio: Studio, tmp_path: Path, pixels: str, range_: str
) -> None:
    deep = "yuv420p10le" if "10" in pixels else "yuv420p"
    tags = f",scale=out_range={range_},format={deep},extractplanes=y,setparams=range={range_}"
    grey = make(tmp_path / "grey.mkv", *picture("64x64", "color=0x404040", tags), *FFV1)
    for made in await studio.make(grey, {"transcode": {"video": {"crf": 1}}}, {"thumbnail": {"format": "PNG"}}):
        assert rgb(made, 9, 9) == pytest.approx([0x40] * 3, abs=5), made.name


@pytest.mark.parametrize(("suffix", "transfer"), [("mp4", "bt2020-10"), ("mkv", "bt709"), ("mov", "bt2020-10")])
async def test_wide_colours_of_standard_range_become_what_screens_show(
    studio: Studio, tmp_path: Path, suffix: str, transfer: str
) -> None:
    wide = (
        "zscale=primariesin=709:matrixin=gbr:transferin=709:primaries=2020:matrix=2020_ncl:transfer=709:range=limited"
    )
    tags = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv"
    source = f"color=0xC08040:size=64x64:rate=10:duration=0.3,format=gbrp,{wide},format=yuv420p10le,{tags}"
    encoder = ("-c:v", "libx265", "-x265-params", "log-level=error:lossless=1")
    path = make(tmp_path / f"wide.{suffix}", "-f", "lavfi", "-i", source, *encoder)
    assert (await studio.probe_made(path)).streams[0].color_primaries == "bt2020"
    stills = [{"name": f, "thumbnail": {"format": f, "quality": 100}} for f in ("JPEG", "WEBP")]
    png = {"name": "p", "thumbnail": {"format": "PNG"}}
    film, *made = await studio.make(path, {"name": "v", "transcode": {"video": {"crf": 1}}}, *stills, png)
    for one in (film, *made):
        seen = rgb(one, 9, 9, matrix=5 if one.suffix in (".jpg", ".webp") else None)
        assert seen == pytest.approx([0xC0, 0x80, 0x40], abs=6), one.name
    for one in (film, made[-1]):
        stream = (await studio.probe_made(one)).streams[0]
        assert (stream.color_primaries, stream.color_transfer) == ("bt709", "bt709"), one.name


@pytest.mark.parametrize("size", ["1280x720", "64x64"])
async def test_colours_stay_the_same_in_video_and_in_stills(studio: Studio, tmp_path: Path, size: str) -> None:
    """An untagged HD picture is BT.709, an untagged small one BT.601: so players take them."""
    matrix = "bt709" if size == "1280x720" else "bt601"
    colour = f",scale=out_color_matrix={matrix},format=yuv420p,setparams=colorspace=unknown"
    green = make(tmp_path / "green.mkv", *picture(size, "color=c=0x20C020", colour), *FFV1)
    stills = [{"name": f.lower(), "thumbnail": {"format": f, "quality": 100}} for f in ("JPEG", "WEBP")]
    made = await studio.make(
        green, {"name": "v", "transcode": {"video": {"crf": 1}}}, *stills, {"name": "p", "thumbnail": {"format": "PNG"}}
    )
    for path in made:
        fixed = 5 if path.suffix in (".jpg", ".webp") else None  # always BT.601, which decoders don't say
        seen = rgb(path, 16, 16, matrix=fixed)
        assert seen == pytest.approx([0x20, 0xC0, 0x20], abs=8), path.name


async def test_interlaced_video_is_made_progressive(studio: Studio, tmp_path: Path) -> None:
    fields = picture("64x64", "testsrc2", ",tinterlace=mode=interleave_top,fieldorder=tff")
    combed = make(tmp_path / "combed.mpg", *fields, "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-q:v", "2")
    assert (await studio.probe_made(combed)).streams[0].interlaced
    plan = await studio.plan(combed, {"transcode": {}})
    assert "bwdif" in " ".join(plan.commands[0].argv)
    made = await studio.one(combed, transcode={})
    assert not (await studio.probe_made(made)).streams[0].interlaced
    assert decode(made).frames == decode(combed).frames


@pytest.mark.parametrize("suffix", some_or_all(["dv", "avi", "mov"], "dv", "mov"))
async def test_fields_are_seen_in_frames_where_the_stream_does_not_tell_of_them(
    studio: Studio, tmp_path: Path, suffix: str
) -> None:
    """A bar moves by 8 pixels each fiftieth of a second: lines of two fields show it at two places."""
    moving = "color=black:size=720x576:rate=50:duration=0.4,drawbox=x=100:w=200:h=576:color=white:t=fill"
    source = f"{moving},scroll=h=-0.02,tinterlace=mode=interleave_bottom,fieldorder=bff,setdar=4/3"
    combed = make(tmp_path / f"fields.{suffix}", "-f", "lavfi", "-i", source, "-c:v", "dvvideo", "-pix_fmt", "yuv420p")
    assert (await studio.probe_made(combed)).streams[0].interlaced

    def combs(path: Path) -> int:
        with av.open(str(path)) as container:
            frame = list(container.decode(video=0))[3].reformat(format="gray")
        plane = frame.planes[0]
        rows = [bytes(plane)[y * plane.line_size :][: frame.width] for y in (200, 201)]
        return sum((a > 128) != (b > 128) for a, b in zip(*rows, strict=True))

    assert combs(combed) > 16
    assert combs(await studio.one(combed, transcode={"video": {"crf": 10}})) <= 4


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
async def test_fields_after_a_part_without_any_are_seen(studio: Studio, tmp_path: Path, codec: str) -> None:
    plain = ("-f", "lavfi", "-i", "testsrc2=size=160x128:rate=25:duration=1,format=yuv420p")
    fields = ("-f", "lavfi", "-i", "testsrc2=size=160x128:rate=50:duration=1,format=yuv420p,tinterlace=interleave_top")
    combed = ("-vf", "setfield=tff", *(("-x264-params", "tff=1") if codec == "libx264" else ("-flags", "+ildct+ilme")))
    parts = [
        make(tmp_path / "0.ts", *plain, "-c:v", codec).read_bytes(),
        make(tmp_path / "1.ts", *fields, *combed, "-c:v", codec, "-output_ts_offset", "1").read_bytes(),
    ]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    (tmp_path / "plain.ts").write_bytes(parts[0])
    for name, expected in (("joined.ts", True), ("plain.ts", False)):
        assert (await studio.probe_made(tmp_path / name)).streams[0].interlaced == expected, name


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
async def test_a_picture_that_comes_after_thousands_of_sounds_is_turned(
    studio: Studio, tmp_path: Path, suffix: str
) -> None:
    flat = make(tmp_path / "flat.mp4", *picture("64x32"), *X264)
    turned = make(tmp_path / "turned.mp4", "-display_rotation", "-90", "-i", str(flat), "-c", "copy")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=25")
    late = tmp_path / f"late.{suffix}"
    make(late, *sound, "-itsoffset", "24", "-i", str(turned), "-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "copy")
    assert (await studio.probe_made(late)).streams[1].rotation_degrees == 90
    made = await studio.one(late, transcode={})
    assert (decode(made).width, decode(made).height) == (32, 64)


JOINED = {
    "h264.ts": ("ts", ("-c:v", "libx264", "-g", "5", "-pix_fmt", "yuv420p")),
    "mpeg2.ts": ("ts", ("-c:v", "mpeg2video", "-q:v", "2")),
    "hevc.ts": ("ts", ("-c:v", "libx265", "-x265-params", "log-level=error")),
    "mpeg2.mpg": ("mpg", ("-c:v", "mpeg2video", "-q:v", "2")),
    "h264.h264": ("h264", ("-c:v", "libx264", "-g", "5", "-pix_fmt", "yuv420p")),
    "dv.dv": ("dv", ("-c:v", "dvvideo", "-pix_fmt", "yuv420p")),
}


CHANGES = [(name, change) for name in JOINED for change in ("aspect", "size") if (name, change) != ("dv.dv", "size")]
SOME_CHANGES = [("h264.ts", "aspect"), ("mpeg2.ts", "size"), ("hevc.ts", "size"), ("mpeg2.mpg", "aspect"),
                ("h264.h264", "size"), ("dv.dv", "aspect")]  # fmt: skip


@pytest.mark.parametrize(("name", "change"), some_or_all(CHANGES, *SOME_CHANGES))
async def test_parts_of_other_sizes_and_aspects_are_not_stretched(
    studio: Studio, tmp_path: Path, name: str, change: str
) -> None:
    """White of 4:3, then of 16:9, which gets bars above and below: a black corner, and white in the middle."""
    suffix, encoder = JOINED[name]
    first, second = (
        ("720x576", "720x576") if suffix == "dv" else ("160x120", "160x120" if change == "aspect" else "160x90")
    )
    shapes = ("16/15", "64/45") if suffix == "dv" else ("1", "4/3" if change == "aspect" else "1")
    parts = []
    for i, (size, shape) in enumerate(zip((first, second), shapes, strict=True)):
        source = f"color=white:size={size}:rate=25:duration=0.4,setsar={shape}"
        offset = ("-output_ts_offset", str(0.4 * i)) if suffix in ("ts", "mpg") else ()
        kind = "ts" if suffix == "mpg" else suffix
        parts.append(make(tmp_path / f"{i}.{kind}", "-f", "lavfi", "-i", source, *encoder, *offset).read_bytes())
    path = tmp_path / f"joined.{kind}"
    path.write_bytes(b"".join(parts))
    if suffix == "mpg":
        path = make(tmp_path / "joined.mpg", "-i", str(path), "-c", "copy")
    made = await studio.one(path, transcode={"video": {"crf": 10}})
    seen = decode(made)
    assert seen.width / seen.height == pytest.approx(4 / 3, abs=0.02)
    middle = (seen.width // 2, seen.height // 2)
    assert min(rgb(made, 4, 4, index=4)) > 200
    assert max(rgb(made, 4, 4, index=seen.frames - 4)) < 60
    assert min(rgb(made, *middle, index=seen.frames - 4)) > 200
    bars = [max(rgb(made, 4, y, index=seen.frames - 4)) < 60 for y in range(0, seen.height, 4)]
    assert sum(bars) / len(bars) == pytest.approx(0.25, abs=0.1)


async def test_a_recording_whose_window_was_resized_is_not_stretched(studio: Studio, tmp_path: Path) -> None:
    for i, size in enumerate(("128x96", "128x32")):
        make(
            tmp_path / f"{i}.ivf", "-f", "lavfi", "-i", f"color=white:size={size}:rate=10:duration=1", "-c:v", "libvpx"
        )
    (tmp_path / "list").write_text("file 0.ivf\nfile 1.ivf\n")
    path = make(tmp_path / "resized.webm", "-f", "concat", "-i", str(tmp_path / "list"), "-c", "copy")
    made = await studio.one(path, transcode={})
    assert [min(rgb(made, 64, 4, index=i)) > 200 for i in (5, 15)] == [True, False]
    assert [min(rgb(made, 64, 48, index=i)) > 200 for i in (5, 15)] == [True, True]


async def test_a_large_file_is_looked_into_here_and_there(studio: Studio, tmp_path: Path) -> None:
    encoder = ("-c:v", "mpeg2video", "-g", "10", "-q:v", "2")
    data = b""
    for i, shape in enumerate(("1", "4/3")):
        source = f"testsrc2=size=160x120:rate=25:duration=8,setsar={shape}"
        part = tmp_path / f"{i}.ts"
        data += make(part, "-f", "lavfi", "-i", source, *encoder, "-output_ts_offset", str(8 * i)).read_bytes()
    (tmp_path / "large.ts").write_bytes(data)
    found = []
    path = tmp_path / "large.ts"
    for in_places in (False, True):
        with av.open(str(path)) as container, path.open("rb") as file:
            stream = container.streams.video[0]
            look = (lambda *film: shapes.sought(*film, file, len(data))) if in_places else shapes.read
            made, interlaced = look(container, stream)
            assert not interlaced
            assert shapes.is_large(container, 2**25) and not shapes.is_large(container, 2**20)
        found.append([(s.start_seconds, round(s.pixel_aspect_ratio, 2)) for s in made])
    assert found[0] == [(0.0, 1.0), (pytest.approx(8.0, abs=0.05), 1.33)]
    assert found[1] == [(0.0, 1.0), (pytest.approx(8.0, abs=0.6), 1.33)]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
async def test_a_sound_track_that_holds_nothing_is_no_sound(studio: Studio, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty.{suffix}"
    # Sound that begins after the end is announced, and never comes.
    late = ("-itsoffset", "100", "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")
    fragments = ("-movflags", "+frag_keyframe+empty_moov") if suffix == "mp4" else ()
    make(path, *picture(), *late, "-map", "0", "-map", "1", *X264, "-c:a", "aac", "-t", "1", *fragments)
    streams = (await studio.probe_made(path)).streams
    assert [s.empty for s in streams] == [False, True]
    seen = decode(await studio.one(path, transcode={}))
    assert (seen.frames, seen.audio_codec) == (10, "")
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO"):
        await studio.one(path, audio={})


async def test_a_video_without_sound_stays_silent(studio: Studio, tmp_path: Path) -> None:
    silent = make(tmp_path / "silent.mp4", *picture(), *X264)
    assert decode(await studio.one(silent, transcode={"audio": {"codec": "AAC"}})).audio_codec == ""
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO: the input has no sound; leave this output out"):
        await studio.one(silent, audio={})


async def test_sound_alone_has_no_picture_to_work_on(studio: Studio, tone: Path) -> None:
    for operation in ("transcode", "thumbnail"):
        with pytest.raises(AttemptFailed, match=r"INPUT_NO_VIDEO: .* use the operation audio"):
            await studio.one(tone, **{operation: {}})


async def test_cover_art_is_no_video(studio: Studio, tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", *picture(), "-frames:v", "1")
    song = tmp_path / "song.mp3"
    make(song, *SINE, "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(song, transcode={})
    seen = decode(await studio.one(song, audio={"format": "M4A"}))
    assert (seen.audio_codec, seen.video_codec) == ("aac", "")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
async def test_a_still_picture_makes_a_thumbnail_and_a_video(studio: Studio, tmp_path: Path, suffix: str) -> None:
    still = make(tmp_path / f"still.{suffix}", *picture(), "-frames:v", "1")
    video, small = await studio.make(
        still, {"name": "v", "transcode": {}}, {"name": "s", "thumbnail": {"width": 32, "format": "PNG"}}
    )
    assert decode(video).frames == 1
    assert (decode(small).width, decode(small).height) == (32, 32)


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
async def test_sound_that_starts_late_stays_in_step_with_the_picture(
    studio: Studio, tmp_path: Path, suffix: str
) -> None:
    late = tmp_path / f"late.{suffix}"
    make(late, *picture(), "-itsoffset", "0.4", *SINE, "-map", "0", "-map", "1", *X264, "-c:a", "aac", "-ac", "1")
    made = await studio.one(late, transcode={"container": "MKV" if suffix == "mkv" else "MP4"})
    assert first_sound(made) == pytest.approx(0.4, abs=0.06)


async def test_a_stream_that_starts_late_makes_no_output_invalid(studio: Studio, tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    make(late, *picture(), "-itsoffset", "3", *SINE, "-map", "0", "-map", "1", *X264, "-c:a", "aac")
    assert decode(await studio.one(late, transcode={})).duration_seconds == pytest.approx(4.0, abs=0.1)


async def test_times_that_start_above_zero_start_at_zero(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    shifted = make(tmp_path / "shifted.ts", "-i", str(tiny), "-c", "copy", "-output_ts_offset", "1000")
    seen = decode(await studio.one(shifted, transcode={}))
    assert seen.times[0] == pytest.approx(0.0, abs=0.05)
    assert seen.duration_seconds == pytest.approx(1.0, abs=0.1)


async def test_titles_places_and_chapters_stay_at_home(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    tagged = make(tmp_path / "tagged.mp4", "-i", str(tiny), "-c", "copy", "-metadata", "title=secret")
    for made in await studio.make(tagged, {"name": "v", "transcode": {}}, {"name": "a", "audio": {"format": "M4A"}}):
        assert b"secret" not in made.read_bytes()


async def test_a_picture_far_from_square_is_refused_with_what_to_do(studio: Studio, tmp_path: Path) -> None:
    strip = make(tmp_path / "strip.mkv", *picture("4096x16"), *FFV1)
    with pytest.raises(AttemptFailed, match=r"INPUT_UNSUPPORTED: .* give width and height"):
        await studio.one(strip, transcode={"video": {"width": 64}})
