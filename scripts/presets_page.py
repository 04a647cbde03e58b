"""Write docs/presets.md: what comes along under a name, from the presets themselves and from plans of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from reelmill.media.contract import Graph, Measurement, Needs, PlanContext, Source
from reelmill.media.describing import operations
from reelmill.media.mastering import TYPICAL
from reelmill.media.plan import plan, probes
from reelmill.media.presets import PRESETS
from reelmill.media.programs import shown
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.media_pb2 import MediaInfo, Parameter, Preset

PAGE = Path(__file__).resolve().parents[1] / "docs/presets.md"
_HEAD = """# Presets

Operations with good settings under a name: `{"name": "web", "preset": "web-mp4"}` as an output of a job. This page
is made from the presets themselves by `make generate`; `GET /v1/presets` tells the same of the server that you
have. Of each it has what the preset sets (all else has the default that [operations.md](operations.md) tells), and
what then runs for a film of a minute, 1920 × 1080 at 25 frames a second with AAC, or for a photo or captions: the
commands change with what an input is.
"""
_MINUTE = 60
_VIDEO: dict[str, Any] = {
    "index": 0,
    "kind": "VIDEO",
    "codec": "h264",
    "duration_seconds": _MINUTE,
    "width": 1920,
    "height": 1080,
    "frame_rate": 25,
    "pixel_format": "yuv420p",
}
_SOUND = {"index": 1, "kind": "AUDIO", "codec": "aac", "duration_seconds": 60, "sample_rate_hz": 48000, "channels": 2}
_PHOTO = {**_VIDEO, "codec": "mjpeg", "duration_seconds": 0, "width": 4000, "height": 3000}
_WORDS = {"index": 0, "kind": "SUBTITLE", "codec": "subrip", "duration_seconds": _MINUTE}
_ALIKE = 6  # commands that are shown of one preset


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(name, preset) for name, preset in PRESETS.items())])


def _section(name: str, preset: Preset) -> str:
    what = MessageToDict(preset, preserving_proto_field_name=True)
    what = {key: value for key, value in what.items() if key not in ("name", "description")}
    film = {"photo-web": "photo.jpg", "captions": "talk.srt"}.get(name, "talk.mov")
    job = Job(inputs=[Input(uri=f"file:///media/{film}")], outputs=[Output(name="out", preset=name)])
    return f"""## {name}

{preset.description}

```
reelmill run {film} --preset {name} -o out/
```

```json
{json.dumps(what, ensure_ascii=False)}
```

{_table(preset)}
```
{commands(job)}
```
"""


def _table(preset: Preset) -> str:
    rows = ["| option | here | range | default |", "|---|---|---|---|"]
    known = {one.name: {p.path: p for p in one.parameters} for one in operations()}
    parts: list[tuple[str, Any]] = [(part.part, part) for part in preset.outputs] or [("", preset)]
    for part, message in parts:
        for field, value in message.ListFields():
            if field.name in known:
                label = f"{part}: " if part else ""
                for path, text in _leaves(MessageToDict(value, preserving_proto_field_name=True), ""):
                    rows.append(_row(f"{label}{field.name}.{path}", text, known[field.name].get(path)))
    return "\n".join((*rows, ""))


def _leaves(value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", json.dumps(item, ensure_ascii=False)


def _row(path: str, text: str, parameter: Parameter | None) -> str:
    span = default = ""
    if parameter is not None:
        least = f"{parameter.min:.15g}" if parameter.HasField("min") else ""
        most = f"{parameter.max:.15g}" if parameter.HasField("max") else ""
        span = f"{least} to {most}" if least or most else ", ".join(value.name for value in parameter.values)
        default = f"`{parameter.default}`" if parameter.default else ""
    return f"| `{path}` | `{text}` | {span} | {default} |"


def commands(job: Job) -> str:
    """What runs for a job whose inputs are photo.jpg, talk.srt or talk.mov, wherever they lie."""
    films = {one.name: one.uri.rpartition("/")[2] for one in job.inputs}
    steps = _planned(with_defaults(job), {name: _source(film, name) for name, film in films.items()}).steps
    lines = [shown(rendered(step, Placed(inputs=films, threads=2)), Path("ffmpeg")) for step in steps]
    more = [f"# and {len(lines) - _ALIKE} more"] if len(lines) > _ALIKE else []
    return "\n".join(lines[:_ALIKE] + more)


def _source(film: str, name: str) -> Source:
    streams: list[dict[str, Any]]
    demuxer, seconds, streams = {
        "photo.jpg": ("jpeg_pipe", 0, [_PHOTO]),
        "talk.srt": ("srt", _MINUTE, [_WORDS]),
        "talk.mov": ("mov", _MINUTE, [_VIDEO, _SOUND]),
    }[film]
    told = {"format": demuxer, "duration_seconds": seconds, "size_bytes": 10_000_000, "streams": streams}
    return Source(name=name, info=ParseDict(told, MediaInfo()), demuxer=demuxer)


def _planned(job: Job, sources: dict[str, Source]) -> Graph:
    facts: dict[Measurement, Any] = {probe: sources[probe.input] for probe in probes(job)}
    made = plan(job, PlanContext(threads=2, memory_bytes=0, facts=facts))
    if isinstance(made, Needs):  # how loud a sound is
        facts |= dict.fromkeys(made.measurements, TYPICAL)
        made = plan(job, PlanContext(threads=2, memory_bytes=0, facts=facts))
    assert isinstance(made, Graph), made
    return made


if __name__ == "__main__":
    PAGE.write_text(page())
