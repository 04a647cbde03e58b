"""Nothing private leaves: no output has an input's place, author, camera or notes, or more than picture and sound."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from media import private_files as private
from media.kit import FFMPEG, Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import pictures, profiles
from reelmill.media.leftovers import leftovers

pytestmark = pytest.mark.asyncio(loop_scope="session")
INPUTS: dict[str, Callable[[Path], Path]] = {
    "big.jpg": private.jpeg,
    "little.jpg": lambda path: private.jpeg(path, "<"),
    "picture.png": private.png,
    "picture.tiff": private.tiff,
    "picture.webp": private.webp,
    "film.mp4": private.mp4,
    "film.mov": private.mov,
    "film.mkv": private.mkv,
    "sound.mp3": private.mp3,
    "sound.flac": private.flac,
}
CONTAINERS = {"MP4": ("H264", "H265", "AV1", "VP9"), "WEBM": ("VP9", "AV1"), "MKV": ("H264", "H265")}
STILLS = ("JPEG", "PNG", "WEBP")
PICTURES = [
    *({"thumbnail": {"format": format}} for format in STILLS),
    *(
        {"transcode": {"container": container, "video": {"codec": codec}}}
        for container, codecs in CONTAINERS.items()
        for codec in codecs
    ),
]
SOUNDS = [{"audio": {"format": format}} for format in ("MP3", "M4A", "OPUS", "FLAC", "WAV")]


def outputs_of(name: str) -> list[dict]:
    """All that can be made of an input."""
    found = [] if name.startswith("sound") else list(PICTURES)
    found += SOUNDS if name.startswith(("film", "sound")) else []
    return [{"name": f"out{i}", **output} for i, output in enumerate(found)]


@pytest.mark.parametrize("name", INPUTS)
async def test_nothing_private_of_an_input_is_in_any_output(studio: Studio, tmp_path: Path, name: str) -> None:
    given = INPUTS[name](tmp_path / name)
    assert len(private.leaks(given)) >= 4, "the input itself is to be private"
    made = await studio.make(given, *outputs_of(name))
    assert len(made) == len(outputs_of(name))
    told = {path.name: found for path in made if (found := private.leaks(path) or leftovers(path))}
    assert told == {}


async def test_a_film_leaves_nothing_private_to_its_encoder(tmp_path: Path) -> None:
    given = private.jpeg(tmp_path / "in.jpg")
    kinds = {}
    for name, graph in {"bare": "null", "film": pictures.FILM, "still": pictures.ALONE}.items():
        argv = [str(FFMPEG), "-i", str(given), "-vf", f"{graph},showinfo", "-f", "null", "-"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
        parts = [line.partition("side data - ")[2].partition(":")[0] for line in said.splitlines()]
        kinds[name] = [kind for kind in parts if kind]
    assert (sorted(kinds["bare"]), kinds["film"], kinds["still"]) == (["EXIF metadata", "ICC profile"], [], [])


async def test_a_picture_is_turned_as_its_camera_says_and_only_once(studio: Studio, tmp_path: Path) -> None:
    plain = make(tmp_path / "turned.jpg", "-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1", "-update", "1")
    data = plain.read_bytes()
    exif = b"Exif\0\0" + private.exif(extra={0x0112: (3, b"\0\6")})
    plain.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    for format in ("JPEG", "PNG", "WEBP"):
        made = await studio.one(plain, thumbnail={"format": format})
        assert (decode(made).width, decode(made).height) == (48, 64)
        assert private.leaks(made) == []


async def test_an_output_with_more_than_picture_and_sound_does_not_go_out(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = private.jpeg(tmp_path / "in.jpg")
    monkeypatch.setattr(pictures, "ALONE", "null")  # as if a newer ffmpeg carried over what this one does not
    monkeypatch.setattr(pictures, "FILM", "null")
    for output in ({"thumbnail": {"format": "PNG"}}, {"thumbnail": {"format": "JPEG"}}, {"transcode": {}}):
        with pytest.raises(AttemptFailed, match="which may be private: ") as caught:
            await studio.one(given, **output)
        assert caught.value.failure.code == "OUTPUT_INVALID"
        assert private.NEEDLE not in caught.value.failure.message


async def test_every_container_is_read_to_its_private_parts(tmp_path: Path) -> None:
    film = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-f", "lavfi", "-i", "sine=duration=1")
    for name, codecs, words in (
        ("a.mp4", ("-c:v", "libx264", "-c:a", "aac"), ["©nam", "©ART"]),
        ("a.m4a", ("-vn", "-c:a", "aac", "-f", "ipod"), ["©nam", "©ART"]),
        ("a.mkv", ("-c:v", "libx264", "-c:a", "aac"), ["element 7BA9", "tag"]),
        ("a.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"), ["element 7BA9", "tag"]),
        ("a.mp3", ("-vn",), ["TIT2", "TPE1"]),
        ("a.flac", ("-vn",), ["comment"]),
        ("a.opus", ("-vn", "-c:a", "libopus"), ["comment"]),
        ("a.wav", ("-vn",), ["INAM", "IART"]),
    ):
        clean = make(tmp_path / name, *film, *codecs, "-shortest")
        assert leftovers(clean) == [], name
        told = make(tmp_path / name, *film, *codecs, "-shortest", "-metadata", "title=x", "-metadata", "artist=y")
        assert sorted(leftovers(told)) == sorted(words), name
        cut = tmp_path / f"cut{told.suffix}"
        cut.write_bytes(told.read_bytes()[: told.stat().st_size // 3])  # read to its end, and no further
        assert isinstance(leftovers(cut), list)
    assert leftovers(private.jpeg(tmp_path / "a.jpg")) == ["APP1", "APP2", "APP13", "comment"]
    assert leftovers(private.png(tmp_path / "a.png")) == ["iCCP", "eXIf", "tEXt", "zTXt", "iTXt", "tIME"]
    assert leftovers(private.webp(tmp_path / "a.webp")) == ["ICCP", "EXIF", "XMP"]


COLORANTS = {  # of profiles, X Y Z of red, green and blue
    "Display P3": ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "sRGB": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)),
}
# 200, 120, 80 of each as sRGB, by ICC's own arithmetic (colorants of the one, inverse of the other's).
MEANT = {"Display P3": (213, 115, 70), "Adobe RGB": (224, 121, 77), "sRGB": (200, 120, 80)}


@pytest.mark.parametrize("name", COLORANTS)
async def test_colours_are_meant_as_before_without_their_profile(studio: Studio, tmp_path: Path, name: str) -> None:
    for kind in ("jpg", "png", "webp", "tiff"):
        given = private.coloured(tmp_path / f"in.{kind}", (200, 120, 80), private.icc(COLORANTS[name]))
        outputs = [{"name": f.lower(), "thumbnail": {"format": f, "quality": 0 if f == "PNG" else 100}} for f in STILLS]
        for path in await studio.make(given, *outputs, {"name": "film", "transcode": {"video": {"crf": 5}}}):
            seen = rgb(path, 32, 24)
            assert max(abs(a - b) for a, b in zip(seen, MEANT[name], strict=True)) <= 4, (kind, path.name, seen)
            assert private.leaks(path) == []


async def test_a_profile_that_is_cut_or_forged_means_nothing(tmp_path: Path) -> None:
    for kind, demuxer in (("jpg", "jpeg"), ("png", "png"), ("webp", "webp"), ("tiff", "tiff")):
        given = private.coloured(tmp_path / f"in.{kind}", (1, 2, 3), private.icc(COLORANTS["Display P3"]))
        assert profiles.primaries(given.read_bytes(), f"{demuxer}_pipe") == "smpte432"
        whole = given.read_bytes()
        told = set()
        for length in range(0, 600, 7):
            given.write_bytes(whole[:length])
            told.add(profiles.primaries(given.read_bytes(), f"{demuxer}_pipe"))
            given.write_bytes(whole[:length] + b"\xff" * 64 + whole[length + 64 :])
            told.add(profiles.primaries(given.read_bytes(), f"{demuxer}_pipe"))
        assert told <= {"", "smpte432"}
