"""sprite: sheets of small pictures, and a WebVTT file that tells when each is shown."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, cutting, memory, pictures, tracks
from reelmill.media.checks import background_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.still import MAX_SIDE, STILLS
from reelmill.media.geometry import Scaling, Size, aspects, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import NOTHING, Data, Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import is_still, may_change, reading
from reelmill.media.steps import Cost, Encoded, Kind, Program, Reading, Step, Writing
from reelmill.media.timeline import SECOND, micros
from reelmill.media.tools.sheets import Layout
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings
from reelmill.v1.sprite_pb2 import Sprite

MOST_CELLS = 10_000
MOST_SHEETS = 1000
_SIDE, _GRID, _QUALITY = 160, 10, 75
_INTERVAL_SECONDS, _CELLS = 10.0, 100
_LESS = 500  # microseconds: a key frame that is at a cell's time by two clocks is not after it
# A codec has a key frame in some seconds; one of whole frames has nothing else.
_KEY_SECONDS = 2.0
_WHOLE = frozenset({"mjpeg", "prores", "dnxhd", "dvvideo", "ffv1", "huffyuv", "rawvideo", "gif", "png", "webp"})
_BESIDE = frozenset({"metadata", "tile", "fps", "tpad", "trim", "settb", "setpts", "format"})


class SpriteOperation:
    """See Sprite in sprite.proto."""

    name = "sprite"
    description = "Make sheets of small pictures, and a WebVTT file that tells when each is shown."
    extensions = (*(still.extension for still in STILLS.values()), "vtt")
    encoders = frozenset(still.encoder for still in STILLS.values())
    filters = pictures.FILTERS | composing.FILTERS | _BESIDE
    example = '{"name": "storyboard", "sprite": {"interval_seconds": 2, "columns": 5, "rows": 5, "width": 160}}'

    def violations(self, spec: Sprite, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = []
        if spec.count and spec.interval_seconds:
            found.append(Violation(f"{path}.count", "contradicts interval_seconds: leave one of the two out"))
        if spec.quality and not STILLS[spec.format or Thumbnail.JPEG].quality:
            name = Thumbnail.Format.Name(spec.format)
            found.append(Violation(f"{path}.quality", f"{name} is lossless and has no quality: leave it out"))
        for many, side in (("columns", "width"), ("rows", "height")):
            if (getattr(spec, many) or _GRID) * getattr(spec, side) > MAX_SIDE:
                found.append(Violation(f"{path}.{many}", f"makes sheets of more than {MAX_SIDE} pixels: give fewer"))
        return found + background_violations(spec.background, path, keeps=False, kept_by="no sheet")

    def with_defaults(self, spec: Sprite) -> Sprite:
        """Fills in all but what follows from the film's length."""
        made = Sprite()
        made.CopyFrom(spec)
        made.format = spec.format or Thumbnail.JPEG
        if STILLS[made.format].quality:
            made.quality = spec.quality or _QUALITY
        made.columns, made.rows = spec.columns or _GRID, spec.rows or _GRID
        if not (spec.width or spec.height):
            made.width = _SIDE
        return made

    def inputs(self, spec: Sprite) -> tuple[str, ...]:
        """No others."""
        return ()

    def looks(self, spec: Sprite) -> tuple[float, ...]:
        """None: which key frames there are is seen when they are decoded."""
        return ()

    def plan(self, output: str, spec: Sprite, source: Source, context: PlanContext) -> Planned:
        """Two steps: key frames become sheets, and when they are shown becomes the WebVTT file."""
        picture = tracks.picture(source, output)
        track = source.timeline.track(picture.index)
        length = track.end - track.start
        if is_still(source) or not length:
            what = "is a still picture" if is_still(source) else "does not say how long it is"
            raise AttemptFailed("INPUT_UNSUPPORTED", f"the input {what}; use the operation thumbnail", output=output)
        sheets = _sheets(output, spec, picture, length)
        times = PurePosixPath(output, f".{output}.times")
        first = track.start + (track.late or 0) - cutting.origin(source, 0, (picture.index,))
        graph = _graph(spec, source, picture, sheets, first, times)
        made = Step(
            reads=(_keys_of(source, picture),),
            writes=(_writing(output, spec, source, picture, sheets, graph, times),),
            cost=_cost(source, picture, sheets, length, context),
            shares=False,
        )
        layout = Layout(
            cells=sheets.cells,
            columns=spec.columns,
            rows=spec.rows,
            width=sheets.cell.final.width,
            height=sheets.cell.final.height,
            interval=sheets.interval,
            first=first,
            begin=track.start,
            end=track.end,
            sheet=f"{output}-{{}}.{STILLS[spec.format].extension}",
        )
        return (made, _told(output, times, layout))

    def division(self, output: str, spec: Sprite, source: Source) -> Division | None:
        """None."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheets:
    """How cells lie on sheets."""

    cells: int
    interval: float
    """Microseconds from the time of a cell to that of the next."""
    cell: Scaling
    sheet: Size
    count: int
    """Of sheets."""


def _sheets(output: str, spec: Sprite, picture: MediaInfo.Stream, length: int) -> _Sheets:
    """Of `length` microseconds of film. Raises AttemptFailed where they are too many, or too large."""
    cells, interval = _cells(spec, length, output)
    cell = fit(display_size(picture), spec.width, spec.height, VideoSettings.CONTAIN, least=16)
    sheet = Size(cell.final.width * spec.columns, cell.final.height * spec.rows)
    count = math.ceil(cells / (spec.columns * spec.rows))
    if max(sheet.width, sheet.height) > MAX_SIDE or count > MOST_SHEETS:
        message = (
            f"these are {count} sheets of {sheet.width} × {sheet.height} pixels, and {MOST_SHEETS} of {MAX_SIDE} ×"
            f" {MAX_SIDE} are the most; give another width, or other columns and rows"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return _Sheets(cells=cells, interval=interval, cell=cell, sheet=sheet, count=count)


def _graph(
    spec: Sprite, source: Source, picture: MediaInfo.Stream, sheets: _Sheets, first: int, times: PurePosixPath
) -> str:
    """From key frames to sheets; `first`: when the first cell is shown, `times`: where it is told when frames are."""
    still = STILLS[spec.format]
    shown = Shown(
        scaling=sheets.cell,
        matrix=still.matrix,
        full=still.full,
        background=spec.background,
        changing=may_change(source),
        aspects=aspects(picture, 0.0),
    )
    return ",".join(
        (
            f"settb=AVTB,metadata=mode=add:key=shown:value=1,metadata=mode=print:key=shown:file={times}",
            # The last key frame stands for at least one cell's time: else none might show it.
            f"tpad=stop_mode=clone:stop_duration={seconds(sheets.interval / SECOND)}",
            # By a fine clock, from the first cell's time on.
            f"setpts=PTS-{seconds((first + _LESS) / SECOND)}/TB,fps=fps={_rate(sheets.interval)}:start_time=0:round=up",
            f"tpad=stop_mode=clone:stop={sheets.cells},trim=end_frame={sheets.cells}",
            *pictures.filters(picture, shown),
            f"format={still.pixels}",
            f"tile={spec.columns}x{spec.rows}",
            pictures.ALONE,
        )
    )


def _writing(
    output: str,
    spec: Sprite,
    source: Source,
    picture: MediaInfo.Stream,
    sheets: _Sheets,
    graph: str,
    times: PurePosixPath,
) -> Writing:
    still, info = STILLS[spec.format], source.info
    path = PurePosixPath(output, f"{output}-%04d.{still.extension}")
    composition = info.composition if info.HasField("composition") else None
    stream = ExpectedStream(
        kind=MediaInfo.Stream.VIDEO, codec=still.codec, width=sheets.sheet.width, height=sheets.sheet.height
    )
    promised = tuple(
        PlannedFile(
            output=output,
            path=path.with_name(path.name % (i + 1)),
            content_type=CONTENT_TYPES[still.extension],
            expected=Expected(streams=(stream,)),
            position=i + 1,
        )
        for i in range(sheets.count)
    )
    lines = PlannedFile(
        output=output, path=times, content_type="text/plain", expected=NOTHING, data=Data.LINES, stored=False
    )
    return Writing(
        path=path,
        streams=(
            Encoded(
                kind=Kind.VIDEO,
                taken=composing.taken(composition, picture.index, graph),
                encoder=still.encoder,
                options=still.quality(spec.quality) if still.quality else (),
                timing=("-fps_mode", "passthrough"),
                threads=1,
                frames=sheets.count,
            ),
        ),
        options=("-map_metadata", "-1", "-f", "image2", "-start_number", "1"),
        promised=(*promised, lines),
    )


def _keys_of(source: Source, picture: MediaInfo.Stream) -> Reading:
    """The input, of whose picture key frames alone are decoded."""
    opened = reading(source)
    options = (*opened.options, f"-skip_frame:{picture.index}", "nokey")
    return Reading(of=opened.of, demuxer=opened.demuxer, options=options)


def _cost(source: Source, picture: MediaInfo.Stream, sheets: _Sheets, length: int, context: PlanContext) -> Cost:
    decoded = length / SECOND * (1 if picture.codec in _WHOLE else _part_of_keys(picture))
    return Cost(
        seconds=length / SECOND,
        reading_cpu=costs.decoding(picture, decoded),
        reading_bytes=memory.decoding(picture, source.demuxer, context.threads),
        writing_bytes=memory.still(sheets.sheet, picture) * 2,
    )


def _cells(spec: Sprite, length: int, output: str) -> tuple[int, float]:
    """How many cells, and microseconds from the time of one to that of the next; `length`: microseconds of film."""
    if spec.interval_seconds:
        interval = float(micros(spec.interval_seconds))
        cells = max(1, math.ceil(length / interval))
        if cells > MOST_CELLS:
            message = f"these are {cells} pictures, and {MOST_CELLS} is the most; give a greater interval_seconds"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        return cells, interval
    cells = spec.count or max(_CELLS, min(MOST_CELLS, math.ceil(length / (_INTERVAL_SECONDS * SECOND))))
    return cells, length / cells


def _rate(interval: float) -> str:
    """Cells a second, as a fraction."""
    return f"{SECOND}/{interval:.6f}".rstrip("0").rstrip(".")


def _part_of_keys(picture: MediaInfo.Stream) -> float:
    """The part of the frames that is decoded; a key frame costs some two of the others."""
    return min(1.0, 2 / (_KEY_SECONDS * (picture.frame_rate or 25.0)))


def _told(output: str, times: PurePosixPath, layout: Layout) -> Step:
    path = PurePosixPath(output, f"{output}.vtt")
    file = PlannedFile(
        output=output, path=path, content_type=CONTENT_TYPES["vtt"], expected=NOTHING, data=Data.CAPTIONS
    )
    return Step(
        program=Program.TOOL,
        arguments=("sheets", str(times), str(path), json.dumps(asdict(layout))),
        reads=(Reading(of=times, demuxer=""),),
        writes=(Writing(path=path, streams=(), options=(), promised=(file,)),),
    )
