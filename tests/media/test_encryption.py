"""Packages that are encrypted: each player's way to the key is told, and with it comes out what was never encrypted."""

import base64
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import m3u8
import pytest
from effort import some_or_all
from media import coded, kit
from media.kit import Studio
from waiting import patient

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import keys, sets
from reelmill.media.ciphers import decrypted, opened
from reelmill.media.encrypted import AES_128
from reelmill.media.keys import Keys
from reelmill.media.promises import FileSet
from reelmill.media.streams import Stream, bytes_of, measured
from reelmill.v1.encryption_pb2 import Encryption

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE, FRAMES = 25, 75
KEY, KEY_ID = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff"
SOUND_KEY, SOUND_ID = "fedcba9876543210fedcba9876543210", "ffeeddccbbaa99887766554433221100"
URI = "https://keys.example/{key_id}"
ONE = [{"key_id": KEY_ID, "key": KEY}]
TWO = [{"key_id": KEY_ID, "key": KEY, "tracks": "VIDEO"}, {"key_id": SOUND_ID, "key": SOUND_KEY, "tracks": "AUDIO"}]
RUNGS = [{"height": 90, "crf": 30}, {"height": 64, "crf": 32}]
STREAMS = ("h264-90", "h264-64", "audio-en")
SPEC = {"segment_seconds": 1, "rungs": RUNGS, "protocols": ["HLS"]}
WIDEVINE = keys.boxes(
    [base64.b64encode(bytes.fromhex("000000227073736800000000edef8ba979d64acea3c827dcd51d21ed000000020801")).decode()]
)[0]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds."""
    return kit.make(
        tmp_path_factory.mktemp("talk") / "talk.mkv", "-f", "lavfi", "-i",
        f"testsrc2=size=160x90:rate={RATE}:duration={FRAMES / RATE}", *coded.beeps(FRAMES / RATE),
        "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
        "-metadata:s:a:0", "language=eng",
    )  # fmt: skip


async def packed(studio: Studio, talk: Path, encryption: dict | None, **spec: object) -> tuple[Path, FileSet, Keys]:
    """A package that was made and checked: its folder, what was promised of it, and its keys."""
    told = {"package": SPEC | spec | ({"encryption": encryption} if encryption else {})}
    planned = await studio.plan(talk, told)
    [files] = [thing for thing in planned.graph.promised if isinstance(thing, FileSet)]
    ring = keys.given(Encryption(**encryption)) if encryption else Keys(keys=())
    ring = Keys(keys=ring.keys, pssh=keys.boxes((encryption or {}).get("pssh", [])))
    await studio.made(talk, planned, {"out": ring})
    return studio.folder / "out", files, ring


def media(stream: Stream, folder: Path, ring: Keys, kind: str) -> list[bytes]:
    """What the samples of its segments are, in the clear."""
    found = []
    for segment in stream.segments:
        data = bytes_of(folder, segment)
        if stream.track.protection:
            data = decrypted(data, ring.of(kind).key, stream.track.protection)
        found.append(data[data.index(b"mdat") :])
    return found


@pytest.fixture(scope="module")
def clear() -> dict[str, list[bytes]]:
    """Samples of packages that were not encrypted, once somebody made them."""
    return {}


@pytest.fixture(scope="module")
def clearly() -> dict[str, list[str]]:
    """What ffmpeg sees of them, once it looked."""
    return {}


async def samples(studio: Studio, talk: Path, clear: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    if not clear:
        root, _, ring = await packed(studio, talk, None)
        clear |= {name: media(measured(root / name), root / name, ring, "video") for name in STREAMS}
    return clear


def kind_of(name: str) -> str:
    return "audio" if name.startswith("audio") else "video"


SHAPES = [(scheme, ranges) for scheme in ("SAMPLE_AES", "CENC", "CBCS") for ranges in ("segments", "ranges")]


@pytest.mark.parametrize(
    ("scheme", "shape"), some_or_all(SHAPES, ("SAMPLE_AES", "segments"), ("CENC", "ranges"), ("CBCS", "segments"))
)
async def test_samples_come_out_as_they_were(
    studio: Studio, talk: Path, clear: dict[str, list[bytes]], scheme: str, shape: str
) -> None:
    wanted = await samples(studio, talk, clear)
    told = {"scheme": scheme, "keys": TWO, "pssh": [base64.b64encode(WIDEVINE).decode()]}
    told |= {"key_uri": URI} if scheme != "CENC" else {}
    dash = [] if scheme == "SAMPLE_AES" else ["DASH"]
    root, _, ring = await packed(studio, talk, told, protocols=["HLS", *dash], byte_ranges=shape == "ranges")
    vectors = set()
    for name in STREAMS:
        stream, key = measured(root / name), ring.of(kind_of(name))
        assert stream.track.protection and stream.clear == 0
        assert stream.track.protection.scheme == ("cenc" if scheme == "CENC" else "cbcs")
        assert (stream.track.protection.key_id, stream.track.protection.pssh) == (key.key_id, (WIDEVINE,))
        assert media(stream, root / name, ring, kind_of(name)) == wanted[name]
        hidden = [bytes_of(root / name, segment) for segment in stream.segments]
        assert [one[one.index(b"mdat") :] for one in hidden] != wanted[name]
        senc = hidden[0].find(b"senc")
        vectors.add(stream.track.protection.vector or hidden[0][senc + 12 : senc + 20])
        _check_tags(root / name, scheme, key.key_id.hex(), stream)
    assert len(vectors) == len(STREAMS), "no two streams share a vector"
    if dash:
        text = (root / "manifest.mpd").read_text()
        for key in ring.keys:
            assert f'cenc:default_KID="{UUID(bytes=key.key_id)}"' in text
        assert text.count(f"<cenc:pssh>{base64.b64encode(WIDEVINE).decode()}</cenc:pssh>") == 2


def _check_tags(folder: Path, scheme: str, key_id: str, stream: Stream) -> None:
    method = "SAMPLE-AES-CTR" if scheme == "CENC" else "SAMPLE-AES"
    lists = ["index.m3u8"] + (["iframes.m3u8"] if folder.name.startswith("h264") else [])
    for name in lists:
        playlist = m3u8.load(str(folder / name))
        assert playlist.version == (5 if name == "iframes.m3u8" else 6)
        tags = [line for line in (folder / name).read_text().splitlines() if line.startswith("#EXT-X-KEY")]
        system = f'KEYID=0x{key_id.upper()},KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"'
        assert tags[-1].startswith(f'#EXT-X-KEY:METHOD={method},URI="data:text/plain;base64,') and system in tags[-1]
        if scheme != "CENC":
            assert stream.track.protection
            vector = stream.track.protection.vector.hex().upper()
            uri = URI.replace("{key_id}", key_id)
            assert tags[0] == f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{uri}",IV=0x{vector}'
        assert len(tags) == (1 if scheme == "CENC" else 2)


@pytest.mark.parametrize("iv", ["", "000102030405060708090a0b0c0d0e0f"], ids=["numbers", "given"])
async def test_whole_segments_come_out_as_they_were(
    studio: Studio, talk: Path, clear: dict[str, list[bytes]], iv: str
) -> None:
    wanted = await samples(studio, talk, clear)
    told = {"scheme": "AES_128", "keys": TWO, "key_uri": "{key_id}.key", "iv": iv, "clear_lead_seconds": 0.5}
    root, _, ring = await packed(studio, talk, told)
    for name in STREAMS:
        key = ring.of(kind_of(name))
        playlist = m3u8.load(str(root / name / "index.m3u8"))
        assert (playlist.version, len(playlist.segments)) == (6, 3)
        found = []
        for i, segment in enumerate(playlist.segments):
            data = (root / name / segment.uri).read_bytes()
            if i == 0:
                assert segment.key is None
            else:
                assert (segment.key.method, segment.key.uri) == ("AES-128", f"{key.key_id.hex()}.key")
                assert segment.key.iv == (f"0x{iv.upper()}" if iv else None)
                assert b"mdat" not in data
                data = opened(key.key, bytes.fromhex(iv) if iv else i.to_bytes(16, "big"), data)
            found.append(data[data.index(b"mdat") :])
        assert found == wanted[name]
        (root / name / f"{key.key_id.hex()}.key").write_bytes(key.key)
    assert not list(root.glob("*/iframes.m3u8"))
    # As ffmpeg's player of HLS reads it, with the keys beside the playlists.
    argv = [str(kit.FFMPEG), "-nostdin", "-v", "error", "-allowed_extensions", "ALL", "-i", str(root / "master.m3u8")]
    done = subprocess.run([*argv, "-map", "0:v:0", "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    assert sum(not line.startswith("#") for line in done.stdout.splitlines()) == FRAMES and not done.stderr


@pytest.mark.parametrize("scheme", ["CENC", "CBCS"])
async def test_another_program_sees_the_same_frames_with_the_key(
    studio: Studio, talk: Path, clearly: dict[str, list[str]], tmp_path: Path, scheme: str
) -> None:
    """FFmpeg, which decrypts samples by itself; without the key it sees others."""
    told = {"scheme": scheme, "keys": ONE, "pssh": [base64.b64encode(WIDEVINE).decode()]}
    for how in (told,) if clearly else (None, told):
        root, _, _ = await packed(studio, talk, how)
        for name in STREAMS:
            stream, path = measured(root / name), tmp_path / f"{name}-{bool(how)}.mp4"
            assert stream.beginning
            path.write_bytes(b"".join(bytes_of(root / name, one) for one in (stream.beginning, *stream.segments)))
            if not how:
                clearly[name] = decoded(path)
                continue
            seen = decoded(path, "-decryption_key", KEY)
            assert seen == clearly[name] and (len(seen) == FRAMES or name == "audio-en")
            assert decoded(path) != clearly[name]


def decoded(path: Path, *how: str) -> list[str]:
    """What ffmpeg sees of a file: each frame's time and checksum."""
    argv = [str(kit.FFMPEG), "-nostdin", "-v", "quiet", *how, "-i", str(path), "-f", "framecrc", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("scheme", ["AES_128", "CBCS"])
async def test_no_program_is_told_a_key_by_its_command_line_or_environment(
    studio: Studio, talk: Path, scheme: str
) -> None:
    """All that runs is looked at while a package is made, until one that reads keys was seen."""
    told = {"scheme": scheme, "keys": TWO, "key_uri": URI, "clear_lead_seconds": 0.4375}
    ours = b'"clear_seconds": 0.4375' if scheme == "AES_128" else b"--clear_lead\x000.4375"  # and no other test's
    forms = [form for key in (KEY, SOUND_KEY) for form in (key.encode(), base64.b64encode(bytes.fromhex(key)))]
    seen = set[bytes]()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for what in ("cmdline", "environ"):
                    with suppress(OSError):  # it has ended, or is another's
                        seen.add((process / what).read_bytes())
            ended.wait(0.01)  # what is looked for lasts longer

    looking = threading.Thread(target=look)
    looking.start()
    try:
        async with patient():
            while not any(ours in one for one in seen):
                await packed(studio, talk, told)
    finally:
        ended.set()
        looking.join()
    assert not [one for one in seen if any(form in one.lower() or form in one for form in forms)]


async def test_the_same_comes_out_each_time_and_other_content_has_other_vectors(
    studio: Studio, talk: Path, tmp_path: Path
) -> None:
    told = {"scheme": "CENC", "keys": ONE}
    found = []
    for trim in ({}, {}, {"trim": {"start_seconds": 0.2}}):
        root, _, _ = await packed(studio, talk, told, protocols=["DASH"], **trim)
        files = {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for path in root.rglob("*.m4s"):
            path.unlink()
        found.append(files)
    assert found[0] == found[1]
    first, other = (files["h264-90/00001.m4s"] for files in found[1:])
    at, there = first.find(b"senc"), other.find(b"senc")
    assert first[at + 12 : at + 20] != other[there + 12 : there + 20]


async def test_a_beginning_in_the_clear_is_whole_segments(studio: Studio, talk: Path) -> None:
    told = {"scheme": "CBCS", "keys": ONE, "key_uri": URI, "clear_lead_seconds": 0.5}
    root, _, _ = await packed(studio, talk, told)
    for name in STREAMS:
        playlist = m3u8.load(str(root / name / "index.m3u8"))
        assert [segment.key is None for segment in playlist.segments] == [True, False, False]
    with pytest.raises(AttemptFailed) as caught:
        await packed(studio, talk, {**told, "clear_lead_seconds": 30})
    assert caught.value.code == "OUTPUT_INVALID" and "clear_lead_seconds" in caught.value.failure.message


async def test_what_no_key_opens_is_refused(studio: Studio, talk: Path) -> None:
    """Checks find another key, another vector, another method, and keys that are not there."""
    whole = {"scheme": "AES_128", "keys": ONE, "key_uri": "a.key"}
    root, files, ring = await packed(studio, talk, whole)
    assert files.renditions[0].encrypted and files.renditions[0].encrypted.scheme == AES_128
    assert sets.read(files, studio.folder, ring).problems == []
    other = keys.given(Encryption(keys=[{"key_id": KEY_ID, "key": SOUND_KEY}]))
    assert sets.read(files, studio.folder, other).problems
    assert any("its keys are not here" in one for one in sets.read(files, studio.folder, None).problems)
    playlist = root / "h264-90" / "index.m3u8"
    text = playlist.read_text()
    for old, new, said in (
        ("METHOD=AES-128", "METHOD=NONE", "HLS tells of NONE"),
        ('a.key"', 'a.key",IV=0x00112233445566778899AABBCCDDEEFF', "another initialization vector"),
    ):
        playlist.write_text(text.replace(old, new))
        assert any(said in one for one in sets.read(files, studio.folder, ring).problems), said
    common = {"scheme": "CBCS", "keys": ONE, "key_uri": "a.key"}
    root, files, ring = await packed(studio, talk, common, protocols=["HLS", "DASH"])
    assert sets.read(files, studio.folder, ring).problems == []
    other = keys.given(Encryption(keys=[{"key_id": SOUND_ID, "key": KEY}]))
    problems = sets.read(files, studio.folder, other).problems
    assert any("encrypted with another key" in one for one in problems)
    assert any("DASH names another key" in one for one in problems)
    playlist = root / "audio-en" / "index.m3u8"
    head, _, rest = playlist.read_text().partition("#EXT-X-KEY")
    tag, _, rest = rest.partition("\n")
    first, url, rest = rest.partition(".m4s\n")
    playlist.write_text(f"{head}{first}{url}#EXT-X-KEY{tag}\n{rest}")
    assert any("1 segments in the clear, and there are 0" in p for p in sets.read(files, studio.folder, ring).problems)
