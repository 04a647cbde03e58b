"""Checks what ffmpeg wrote: an exit code of 0 is no success."""

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain
from pathlib import Path, PurePosixPath

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import languages, sets
from reelmill.media.encrypted import Opening
from reelmill.media.keys import Keys
from reelmill.media.leftovers import leftovers, leftovers_in
from reelmill.media.playlists import Segment
from reelmill.media.probe import Probed, TenantProber
from reelmill.media.promises import Data, Expected, ExpectedStream, FileSet, Mastered, PlannedFile, Times, allowance
from reelmill.media.readers.findings import HEAD_BYTES, MOST_BYTES, are_peaks, is_object, result_of
from reelmill.media.sets import Listed
from reelmill.media.showing import shown
from reelmill.media.stills import Still
from reelmill.media.streams import bytes_of
from reelmill.media.timeline import SECOND
from reelmill.v1.analysis_pb2 import OutputResult
from reelmill.v1.media_pb2 import MediaInfo

FILES_AT_ONCE = 3
"""Files of one attempt that are looked at together: one less than there are probers, so that another's has its turn."""
_KINDS = ((MediaInfo.Stream.VIDEO, "picture"), (MediaInfo.Stream.AUDIO, "sound"))
_OF_NOTHING = frozenset({"OUTPUT_INVALID", "INPUT_CORRUPT"})
_SAMPLES = 3  # segments of a set that are looked into: the first, the middle and the last
_SEGMENT_SECONDS = 0.5  # by which one may differ from what its manifest says: sound ends with its last packet
_DAMAGED_SECONDS = 0.1
_WHOLE = (0.0, 1e9)  # seconds: of a file whose frames are all looked at
_TEXT_BYTES = 2**26
_ENCRYPTED = b"tenc"  # ISO/IEC 23001-7, 8.2: what is opened here is to be read as in the clear
# How files of captions begin; SRT begins with a number, or is empty.
_BEGINNINGS = {".vtt": "WEBVTT\n", ".ttml": "<?xml", ".ass": "[Script Info]"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A file that is as it was promised."""

    output: str
    path: PurePosixPath
    """Relative to the working directory."""
    content_type: str
    info: MediaInfo | None
    """What it contains; None for one of a set, which is known as a whole."""
    times: Sequence[int] = ()
    """When its frames are shown, in microseconds from the first one on, where they were promised (Expected.times)."""
    still: Still | None = None
    """It, where it does not lie in the working directory."""
    data: Data | None = None
    """As of PlannedFile."""
    stored: bool = True
    """Whether it is one of its output's files."""
    found: OutputResult | None = None
    """What it says, where that is its output's result."""
    mastered: Mastered | None = None
    """As of PlannedFile."""


async def verify(
    promised: Sequence[PlannedFile | FileSet],
    folder: Path,
    prober: TenantProber,
    *,
    input_damaged: bool = False,
    keys: Mapping[str, Keys] | None = None,
) -> list[Verified]:
    """All files that were promised, in order, each looked into; of a set its manifest and samples. Several together.

    `keys`: of outputs that are encrypted.

    Raises AttemptFailed OUTPUT_INVALID where a file is missing, unreadable or not what was planned,
    and INPUT_CORRUPT where ffmpeg had complained of the input.
    """
    found = await verified(promised, lambda: folder, prober, {}, input_damaged=input_damaged, keys=keys)
    return list(chain.from_iterable(found))


async def verified(
    promised: Sequence[PlannedFile | FileSet],
    folder: Callable[[], Path],
    prober: TenantProber,
    kept: Mapping[PurePosixPath, Still],
    *,
    input_damaged: bool,
    keys: Mapping[str, Keys] | None = None,
) -> list[list[Verified]]:
    """As `verify`, the files of each promise by themselves; `kept` are those that lie in memory.

    `folder` is asked for where one does not.
    """
    code = "INPUT_CORRUPT" if input_damaged else "OUTPUT_INVALID"

    def is_left_out(thing: PlannedFile | FileSet) -> bool:
        """Whether it is not there, and need not be."""
        may = isinstance(thing, PlannedFile) and thing.optional and thing.path not in kept
        return may and isinstance(thing, PlannedFile) and not (folder() / thing.path).exists()

    for thing in promised:
        path, missing = (
            (thing.path, thing.if_missing) if isinstance(thing, PlannedFile) else (thing.manifest, "OUTPUT_INVALID")
        )
        if path not in kept and not is_left_out(thing) and not (folder() / path).exists():
            message = f"{path}: ffmpeg ended well without writing it; the input has no picture or sound there"
            code = "INPUT_CORRUPT" if input_damaged else missing
            kind = "nothing_decoded" if code in _OF_NOTHING else ""
            cause = "nothing of the input could be decoded: ffmpeg ended well, and wrote nothing" if kind else ""
            raise AttemptFailed(code, message, output=thing.output, kind=kind, cause=cause)

    async def one(thing: PlannedFile | FileSet) -> list[Verified]:
        if isinstance(thing, FileSet):
            return await _set(thing, folder(), prober, code, (keys or {}).get(thing.output))
        if is_left_out(thing):
            return []
        if (still := kept.get(thing.path)) is not None:
            return [_still(thing, still, code)]
        return [await _file(thing, folder(), prober, code)]

    if all(isinstance(thing, PlannedFile) and thing.path in kept for thing in promised):
        return [await one(thing) for thing in promised]  # nothing is waited for
    return await abreast(one, promised, at_once=FILES_AT_ONCE)


async def _file(file: PlannedFile, folder: Path, prober: TenantProber, code: str) -> Verified:
    if file.data is not None:
        found = await asyncio.to_thread(_read_data, file, folder / file.path)
        return Verified(
            output=file.output,
            path=file.path,
            content_type=file.content_type,
            info=None,
            data=file.data,
            stored=file.stored,
            found=found,
        )
    probed = await _looked_into(file.path, file.output, file.expected, folder, prober, code)
    times, _ = shown_times(probed) if file.expected.times is not None else ((), True)
    return Verified(
        output=file.output,
        path=file.path,
        content_type=file.content_type,
        info=probed.info,
        times=times,
        stored=file.stored,
        mastered=file.mastered,
    )


def _read_data(file: PlannedFile, path: Path) -> OutputResult | None:
    """What a file says that is no media. Raises AttemptFailed OUTPUT_INVALID where it says nothing that is known."""
    size = path.stat().st_size
    try:
        if file.data in (Data.ANALYSIS, Data.COMPARISON, Data.MEASURED, Data.TRANSCRIPT):
            if size > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES} bytes")
            text = path.read_text()
            return result_of(file.data, text) if file.data is not Data.MEASURED else None
        if file.data is Data.CAPTIONS:
            if size > _TEXT_BYTES:
                raise ValueError(f"it has more than {_TEXT_BYTES} bytes")
            if not path.read_bytes().decode().startswith(_BEGINNINGS.get(path.suffix, "")):
                raise ValueError("it begins otherwise")
        if file.data in (Data.PEAKS, Data.JSON):
            with path.open("rb") as opened:
                head = opened.read(HEAD_BYTES)
                opened.seek(max(0, size - HEAD_BYTES))
                ends = head.decode(errors="replace"), opened.read().decode(errors="replace")
            if not (are_peaks(*ends) if file.data is Data.PEAKS else is_object(*ends)):
                raise ValueError(f"it is no {file.data.value}")
    except ValueError as error:
        message = f"{file.path}: it is not as its program should have written it: {error}"
        raise AttemptFailed("OUTPUT_INVALID", message, output=file.output) from error
    return None


def _still(file: PlannedFile, still: Still, code: str) -> Verified:
    try:
        probed = still.look()
    except AttemptFailed as error:
        raise _unreadable(file.path, file.output, code, error) from error
    _check(file.path, file.output, probed, file.expected, code)
    _check_private(file.path, file.output, leftovers_in(BytesIO(still.picture), file.path.suffix))
    return Verified(output=file.output, path=file.path, content_type=file.content_type, info=probed.info, still=still)


async def _looked_into(
    path: PurePosixPath, output: str, expected: Expected, folder: Path, prober: TenantProber, code: str
) -> Probed:
    try:
        probed = await prober.probe(folder / path, span=_WHOLE if expected.times is not None else None)
    except AttemptFailed as error:
        raise _unreadable(path, output, code, error) from error
    _check(path, output, probed, expected, code)
    private = await asyncio.to_thread(leftovers, folder / path)
    _check_private(path, output, [name for name in private if name not in expected.kept])
    return probed


def _unreadable(path: PurePosixPath, output: str, code: str, error: AttemptFailed) -> AttemptFailed:
    return AttemptFailed(code, f"{path}: {error.failure.message}", output=output)


def _check(path: PurePosixPath, output: str, probed: Probed, expected: Expected, code: str) -> None:
    claimed = probed.timeline.claimed / SECOND if probed.timeline is not None else 0.0
    found = problems(probed.info, expected, damaged=code == "INPUT_CORRUPT", claimed_seconds=claimed)
    if expected.times is not None:
        shown, whole = shown_times(probed)
        found += mistimed(shown, expected.times, whole=whole)
    if found and expected.refilled and probed.info.duration_seconds > (expected.duration_seconds or 0.0):
        why = "the sound begins late, and changes its rate or channels on the way; ask for another format, such as WAV"
        raise AttemptFailed("INPUT_UNSUPPORTED", f"{path}: {'; '.join(found)}: {why}", output=output)
    if found:
        raise AttemptFailed(code, f"{path}: {'; '.join(found)}", output=output)


def _check_private(path: PurePosixPath, output: str, private: Sequence[str]) -> None:
    if private:
        message = f"{path}: it has more than picture and sound, which may be private: {', '.join(private)}"
        raise AttemptFailed("OUTPUT_INVALID", message, output=output)


async def _set(
    files: FileSet, folder: Path, prober: TenantProber, code: str, keys: Keys | None = None
) -> list[Verified]:
    found = await asyncio.to_thread(sets.read, files, folder, keys)
    if found.problems:
        raise AttemptFailed(code, "; ".join(found.problems), output=files.output)
    for stream in found.streams:
        await _samples(files, stream, folder, prober, code)
    return [Verified(output=files.output, path=path, content_type=kind, info=None) for path, kind in found.files]


async def _samples(files: FileSet, stream: Listed, folder: Path, prober: TenantProber, code: str) -> None:
    """Look into some of a stream's segments."""
    segments = stream.playlist.segments
    for at in sorted({0, len(segments) // 2, len(segments) - 1})[:_SAMPLES]:
        # A fragment is read behind the beginning of its file, which has what all have in common.
        sample = stream.folder / f".sample-{at}{PurePosixPath(segments[at].name).suffix}"
        parts = (stream.playlist.beginning, segments[at])
        await asyncio.to_thread(_joined, folder / stream.folder, parts, folder / sample, at, stream.opening)
        try:
            # Of a single packet a reader knows no length of its own.
            seconds = segments[at].seconds if segments[at].seconds > _SEGMENT_SECONDS else None
            expected = replace(stream.expected, duration_seconds=seconds, duration_tolerance_seconds=_SEGMENT_SECONDS)
            await _looked_into(sample, files.output, expected, folder, prober, code)
        finally:
            await asyncio.to_thread((folder / sample).unlink)


def _joined(
    folder: Path, parts: tuple[Segment | None, Segment], target: Path, number: int, opening: Opening | None
) -> None:
    beginning, segment = parts
    data = bytes_of(folder, segment)
    with target.open("wb") as file:
        head = bytes_of(folder, beginning) if beginning else b""
        file.write(head.replace(_ENCRYPTED, b"free") if opening else head)
        file.write(opening(number, data) if opening else data)


def problems(info: MediaInfo, expected: Expected, *, damaged: bool = False, claimed_seconds: float = 0.0) -> list[str]:
    """How a file differs from what was planned; of a `damaged` input, what is shorter lacks something. Pure.

    `claimed_seconds`: how long it says itself that it is, if it does: what can't be decoded may leave a hole that a
    muxer counts otherwise.
    """
    found: list[str] = []
    for kind, what in _KINDS:
        streams = [s for s in info.streams if s.kind == kind]
        wanted = [s for s in expected.streams if s.kind == kind]
        found += _of_kind(what, streams, wanted)
    length = expected.duration_seconds
    tolerance = expected.duration_tolerance_seconds
    if damaged and length is not None:
        tolerance = max(0.0, tolerance - allowance(length)) + _DAMAGED_SECONDS
    if length is not None and abs(info.duration_seconds - length) > tolerance:
        found.append(f"it lasts {info.duration_seconds:.3f} s instead of {length:.3f} s")
    if damaged and claimed_seconds and abs(info.duration_seconds - claimed_seconds) > _DAMAGED_SECONDS:
        found.append(f"it says {claimed_seconds:.3f} s and holds {info.duration_seconds:.3f} s")
    return found


def shown_times(probed: Probed) -> tuple[Sequence[int], bool]:
    """When the frames of a file's picture are shown, in microseconds from the first one on, and whether these are all.

    A file that is read for too long is known from its beginning on.
    """
    picture = shown(probed.info)
    track = probed.timeline.track(picture.index) if picture is not None and probed.timeline is not None else None
    if track is None or not track.frames:
        return (), False
    first = track.frames[0]
    until = max((high for low, high in track.windows if low <= first), default=first)
    whole = until > track.frames[-1] and until >= track.end
    return array("q", (time - first for time in track.frames if time < until or whole)), whole


def mistimed(found: Sequence[int], promised: Times, *, whole: bool = True) -> list[str]:
    """How the times of a file's frames differ from what was promised; `whole`: those are all that it has. Pure."""
    wanted = promised.shown
    if (whole and len(found) < len(wanted)) or (len(found) > len(wanted) and not promised.more):
        return [f"it has {len(found)} frames instead of {len(wanted)}"]
    for i, (is_at, should) in enumerate(zip(found, wanted, strict=False)):
        if abs(is_at - should) > promised.tolerance:
            return [f"its frame {i} is shown at {is_at / SECOND:.6f} s instead of {should / SECOND:.6f} s"]
    return []


def _of_kind(what: str, streams: Sequence[MediaInfo.Stream], wanted: Sequence[ExpectedStream]) -> list[str]:
    if wanted and not streams:
        return [f"its {what} is missing instead of {wanted[0].codec}"]
    found = []
    if len(streams) != len(wanted):
        found.append(f"it has {len(streams)} {what}s instead of {len(wanted)}")
    for stream, one in zip(streams, wanted, strict=False):
        if stream.codec != one.codec:
            found.append(f"its {what} is {stream.codec or 'unknown'} instead of {one.codec}")
        if one.width and (stream.width, stream.height) != (one.width, one.height):
            found.append(f"it has {stream.width} × {stream.height} pixels instead of {one.width} × {one.height}")
    heard = tuple(languages.code(stream.language) for stream in streams)
    meant = tuple(one.language for one in wanted)
    if what == "sound" and heard != meant:
        found.append(f"its sounds are {_listed(heard)} instead of {_listed(meant)}")
    return found


def _listed(sounds: tuple[str, ...]) -> str:
    return ", ".join(language or "of no language" for language in sounds) or "none"
