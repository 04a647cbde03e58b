"""Files that name others, in every disguise: none of those is opened, and nobody is called.

What is opened is told by the kernel (inotify), and calls by who listens. The same files without the sandbox open and
call a lot, given to an ffmpeg that trusts them: else a test that passes would show nothing.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from media import kit
from media.kit import FFMPEG

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.confinement import Confinement
from reelmill.media.launcher import Launcher, running
from reelmill.media.probe import Prober
from reelmill.media.sandbox.walls import standing
from reelmill.media.warm import WarmChildren

IN_OPEN = 0x20
LIBC = ctypes.CDLL(None, use_errno=True)
SUFFIXES = ("", ".mp4", ".mkv", ".png", ".wav", ".m3u8", ".txt")
TRUSTING = (
    *(
        "-nostdin",
        "-y",
        "-loglevel",
        "quiet",
        "-protocol_whitelist",
        "file,http,tcp,udp,rtp,crypto,data,concat,subfile",
    ),
    *("-rw_timeout", "200000", "-t", "0.1"),
)


@dataclass(slots=True)
class Bait:
    """What hostile files name, and who notices."""

    film: Path
    picture: Path
    port: int
    watch: int
    calls: int = 0

    def taken(self) -> bool:
        """Whether any was opened or called since the last question."""
        found, self.calls = bool(self.calls), 0
        with suppress(BlockingIOError):
            found |= bool(os.read(self.watch, 65536))
        return found


@pytest.fixture
async def bait(tmp_path: Path) -> AsyncIterator[Bait]:
    folder = tmp_path / "secret"
    folder.mkdir()
    film = kit.make(folder / "film.ts", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.5")
    picture = kit.make(folder / "img001.png", "-f", "lavfi", "-i", "color=red:s=16x16", "-frames:v", "1")
    watch = LIBC.inotify_init1(os.O_NONBLOCK)
    assert LIBC.inotify_add_watch(watch, os.fsencode(folder), IN_OPEN) > 0
    made = Bait(film, picture, 0, watch)

    def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.calls += 1
        writer.close()

    async with await asyncio.start_server(called, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
    os.close(watch)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def quicktime(reference: bytes) -> bytes:
    """A film whose data lie in another file, as its dref says."""
    dref = box(b"dref", bytes(4), struct.pack(">I", 1), reference)
    stbl = box(b"stbl", *(box(kind, bytes(8)) for kind in (b"stsd", b"stts", b"stsc", b"stsz", b"stco")))
    mdia = box(b"mdia", box(b"mdhd", bytes(24)), box(b"minf", box(b"dinf", dref), stbl))
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"mvhd", bytes(100)), box(b"trak", mdia))


def hostile(bait: Bait) -> dict[str, bytes]:
    """Files by what they try."""
    film, picture, url = str(bait.film), str(bait.picture), f"http://127.0.0.1:{bait.port}/a"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
        'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )
    texts = {
        "hls of a path": hls.format("", film),
        "hls of a file": hls.format("", f"file:{film}"),
        "hls of a relative path": hls.format("", "../secret/film.ts"),
        "hls of an address": hls.format("", url),
        "hls by concat": hls.format("", f"concat:{film}|{film}"),
        "hls by subfile": hls.format("", f"subfile,,start,0,end,9999,,:{film}"),
        "hls with a key": hls.format(f'#EXT-X-KEY:METHOD=AES-128,URI="{film}"\n', film),
        "hls with a key of an address": hls.format(f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n', "data:,a"),
        "hls with a map": hls.format(f'#EXT-X-MAP:URI="{film}"\n', film),
        "hls of variants": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{film}\n#EXT-X-STREAM-INF:BANDWIDTH=2\n{url}\n",
        "hls after spaces": "\n \n" + hls.format("", film),
        "hls after a mark": "\ufeff" + hls.format("", film),
        "concat": f"ffconcat version 1.0\nfile '{film}'\n",
        "concat of an address": f"ffconcat version 1.0\nfile '{url}'\n",
        "concat by a relative path": "ffconcat version 1.0\nfile ../secret/film.ts\n",
        "dash of a path": mpd.format(film),
        "dash of an address": mpd.format(url),
        "sdp": f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video {bait.port} RTP/AVP 33\r\n",
        "pls": f"[playlist]\nFile1={film}\nNumberOfEntries=1\n",
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{picture}" width="9" height="9"/></svg>',
        "xml entity": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{film}">]><MPD>&b;</MPD>',
        "asx": f'<asx version="3.0"><entry><ref href="{film}"/></entry></asx>',
        "vobsub": f"# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n# {film}\n",
    }
    alias = box(b"alis", bytes(4), struct.pack(">HH", 142, 2), os.fsencode(film).ljust(142, b"\0"))
    address = box(b"url ", bytes(4), url.encode() + b"\0")
    return {
        **{name: text.encode() for name, text in texts.items()},
        "quicktime by alias": quicktime(alias),
        "quicktime by address": quicktime(address),
        "a playlist in a film's clothes": box(b"ftyp", b"isom", bytes(4)) + texts["hls of a path"].encode(),
    }


def written(folder: Path, bait: Bait) -> list[Path]:
    """Every hostile file under every name."""
    folder.mkdir()
    made = []
    for i, content in enumerate(hostile(bait).values()):
        for suffix in SUFFIXES:
            path = folder / f"{i}{suffix}"
            path.write_bytes(content)
            made.append(path)
    return made


async def believed(launcher: Launcher, path: Path, bait: Bait, folder: Path) -> bool:
    """Whether an ffmpeg that trusts a file opens or calls what it names."""
    limits = Confinement(memory_bytes=2**30, file_bytes=2**20, reads=(path,))
    lists = {b"#EXTM3U": "hls", b"ffconcat": "concat", b"<?xml": "dash", b"v=0": "sdp"}
    head = path.read_bytes()[:200]
    kind = next((("-f", name) for mark, name in lists.items() if mark in head), ())
    loose = {"hls": ("-allowed_extensions", "ALL", "-extension_picky", "0"), "concat": ("-safe", "0")}
    options = loose.get(kind[1], ()) if kind else ()
    bait.taken()
    argv = (str(FFMPEG), *TRUSTING, *kind, *options, "-i", str(path), "-f", "null", "-")
    child = await launcher.launch(argv, limits, folder=folder)
    ending = asyncio.ensure_future(child.communicate())
    await asyncio.wait([ending], timeout=2)
    child.kill_group()
    await ending
    return bait.taken()


async def test_no_file_makes_the_prober_open_or_call_another(launcher: Launcher, tmp_path: Path, bait: Bait) -> None:
    files = written(tmp_path / "files", bait)
    assert len(files) >= 150
    prober = Prober(WarmChildren(launcher))
    bait.taken()
    refused = 0
    try:
        for path in files:
            try:
                await prober.of("").probe(path)
            except AttemptFailed:
                refused += 1
            assert not bait.taken(), path.read_bytes()[:200]
    finally:
        await prober.children.close()
    assert refused == len(files)


@pytest.mark.skipif(bool(standing("try").lacking), reason="; ".join(standing("try").lacking))
async def test_the_sandbox_alone_holds_where_ffmpeg_trusts_them(launcher: Launcher, tmp_path: Path, bait: Bait) -> None:
    files = [path for path in written(tmp_path / "files", bait) if path.suffix in ("", ".m3u8")]
    files = [path for path in files if not path.read_bytes().startswith(b"v=0")]  # it would wait for what never comes
    (tmp_path / "own").mkdir()
    (tmp_path / "open").mkdir()
    assert [path for path in files if await believed(launcher, path, bait, tmp_path / "own")] == []
    async with running("off") as without:
        found = [path for path in files if await believed(without, path, bait, tmp_path / "open")]
    assert len(found) >= 20
