"""Small pictures on sheets, which players show above their bar of time: what goes with a package. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import memory, pictures
from reelmill.media.film import Film
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.still import MAX_SIDE, STILLS
from reelmill.media.geometry import Scaling, Size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.rates import keeps_hdr
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.renditions import SHEET, Tiles
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Step, Taken, Writing
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings
from reelmill.v1.package_pb2 import Package

FOLDER = "thumbnails"
MOST_CELLS = 10_000
FILTERS = pictures.FILTERS | {"settb", "tpad", "setpts", "fps", "trim", "tile", "format"}
_STILL = STILLS[Thumbnail.JPEG]
ENCODER = _STILL.encoder
_SIDE, _GRID, _QUALITY, _INTERVAL_SECONDS = 160, 5, 75, 10.0
_CPU = 0.002  # core-seconds for each second of film: a key frame in some seconds
_HAIR = 0.0005  # seconds: by which a key frame may be behind its time


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A thumbnail track."""

    tiles: Tiles
    step: Step
    """Which makes its sheets."""


def violations(spec: Package, path: str) -> list[Violation]:
    """What contradicts itself."""
    found, one = [], spec.thumbnails
    for many, side in (("columns", "width"), ("rows", "height")):
        if (getattr(one, many) or _GRID) * getattr(one, side) > MAX_SIDE:
            found.append(Violation(f"{path}.thumbnails.{many}", f"makes sheets of more than {MAX_SIDE} pixels"))
    return found


def fill(spec: Package) -> None:
    """Fills in the defaults of thumbnails that are asked for, but what follows from the film's length."""
    if not spec.HasField("thumbnails"):
        return
    one = spec.thumbnails
    one.columns, one.rows, one.quality = one.columns or _GRID, one.rows or _GRID, one.quality or _QUALITY
    if not (one.width or one.height):
        one.width = _SIDE


def planned(spec: Package, films: Sequence[Film], segment_seconds: float) -> Planned:
    """The thumbnail track of a package's pictures, the best first: out of key frames of the least that is large enough.

    So it has their part, size and colours, and all is decoded once. Raises AttemptFailed.
    """
    wanted = spec.thumbnails
    least = _size(wanted, films[0])
    film = next((one for one in reversed(films) if one.scaling.final.width >= least.final.width), films[0])
    cell = _size(wanted, film)
    sheet = Size(cell.final.width * wanted.columns, cell.final.height * wanted.rows)
    if max(sheet.width, sheet.height) > MAX_SIDE:
        message = (
            f"sheets of thumbnails would have {sheet.width} × {sheet.height} pixels, and {MAX_SIDE} is the most for a"
            " side; give another width, or other columns and rows"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=film.output)
    if not film.seconds:
        message = "the input does not say how long it is, so nobody knows how many thumbnails it has; leave them out"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=film.output)
    tiles = Tiles(
        folder=FOLDER,
        columns=wanted.columns,
        rows=wanted.rows,
        width=cell.final.width,
        height=cell.final.height,
        interval_seconds=_interval(wanted, film.seconds, segment_seconds),
    )
    return Planned(tiles=tiles, step=_step(wanted, film, cell, sheet, tiles))


def _size(wanted: Package.Thumbnails, film: Film) -> Scaling:
    final = film.scaling.final
    return fit((final.width, final.height), wanted.width, wanted.height, VideoSettings.CONTAIN, least=16)


def _interval(wanted: Package.Thumbnails, length: float, segment_seconds: float) -> float:
    """Seconds from one picture to the next, whole segments: then each shows what begins with it."""
    asked = max(wanted.interval_seconds or _INTERVAL_SECONDS, length / MOST_CELLS)
    return round(math.ceil(asked / segment_seconds - 1e-6) * segment_seconds, 6)


def _step(wanted: Package.Thumbnails, film: Film, cell: Scaling, sheet: Size, tiles: Tiles) -> Step:
    duration, tolerance = film.seconds, max(1.0, 0.02 * film.seconds)
    # Some more than it lasts as planned: what is behind its end in truth is removed by the tool that counts them.
    cells = math.ceil((duration + tolerance) / tiles.interval_seconds)
    count = math.ceil(cells / (tiles.columns * tiles.rows))
    sure = max(1, math.ceil((duration - tolerance) / tiles.sheet_seconds))
    path = PurePosixPath(film.output, tiles.folder, SHEET)
    stream = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=_STILL.codec, width=sheet.width, height=sheet.height)
    promised = tuple(
        PlannedFile(
            output=film.output,
            path=path.with_name(SHEET % (i + 1)),
            content_type=CONTENT_TYPES[_STILL.extension],
            expected=Expected(streams=(stream,)),
            stored=False,
            optional=i >= sure,
        )
        for i in range(count)
    )
    encoded = Encoded(
        kind=Kind.VIDEO,
        taken=Taken(streams=(0,), filters=_filters(film, cell, tiles, cells)),
        encoder=_STILL.encoder,
        options=_STILL.quality(wanted.quality) if _STILL.quality else (),
        timing=("-fps_mode", "passthrough"),
        threads=1,
        frames=count,
    )
    writing = Writing(
        path=path,
        streams=(encoded,),
        options=("-map_metadata", "-1", "-f", "image2", "-start_number", "1"),
        promised=promised,
    )
    return Step(
        reads=(Reading(of=film.path, demuxer="mov", options=("-copyts", "-skip_frame:v", "nokey"), alone=True),),
        writes=(writing,),
        cost=Cost(
            seconds=duration,
            reading_cpu=_CPU * duration,
            reading_bytes=memory.decoding(_made(film), "mov", 1),
            writing_bytes=memory.still(sheet, _made(film)) * 2,
        ),
        shares=False,
    )


def _filters(film: Film, cell: Scaling, tiles: Tiles, cells: int) -> str:
    shown = Shown(scaling=cell, matrix=_STILL.matrix, full=_STILL.full)
    interval = seconds(tiles.interval_seconds)
    return ",".join(
        (
            f"settb=AVTB,tpad=stop_mode=clone:stop_duration={interval}",
            f"setpts=PTS-{seconds(_HAIR)}/TB,fps=fps=1/{interval}:start_time=0:round=up",
            f"tpad=stop_mode=clone:stop={cells},trim=end_frame={cells}",
            *pictures.filters(_made(film), shown),
            f"format={_STILL.pixels}",
            f"tile={tiles.columns}x{tiles.rows}",
            pictures.ALONE,
        )
    )


def _made(film: Film) -> MediaInfo.Stream:
    """The picture as it was encoded: upright, of square pixels, and in high dynamic range where that was kept."""
    size, taken = film.scaling.final, film.picture
    made = MediaInfo.Stream(width=size.width, height=size.height, color_space="bt709", frame_rate=taken.frame_rate)
    if keeps_hdr(taken, film.spec.video):
        made.color_space, made.color_transfer = "bt2020nc", taken.color_transfer
        made.color_primaries = taken.color_primaries
    return made
