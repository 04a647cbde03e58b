"""The filters of any transcode that is accepted are read by ffmpeg, and give a frame or a sound."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import planning
import pytest
from hypothesis import HealthCheck, assume, given, settings
from jobs import job
from media.kit import FFMPEG
from unit.test_media_golden import CASES, OTHERS, with_others
from unit.test_media_planning import INPUT, accepted, transcodes

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.contract import Source
from reelmill.media.fonts import FONT
from reelmill.media.render.escaping import escaped
from reelmill.media.steps import FONT as PLACE
from reelmill.media.steps import Encoded, Kind, Step

PICTURE = "testsrc2=size=192x108:rate=25:duration=0.2,format=yuv420p,setparams=colorspace=bt709:color_trc={curve}"
SOUND = "sine=duration=0.2,aformat=channel_layouts=stereo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


def run(step: Step, stream: Encoded, source: Source, folder: Path) -> str:
    """Put a stream's filters to ffmpeg; what it says against them."""
    for path, text in step.texts:
        (folder / path).write_text(text, encoding="utf-8")
    taken, video = stream.taken, stream.kind is Kind.VIDEO
    graph = taken.filters.replace(PLACE, escaped(str(FONT)))
    curve = next((s.color_transfer for s in source.info.streams if s.color_transfer), "bt709")
    made = PICTURE.format(curve=curve) if video else SOUND
    inputs = [argument for _ in taken.streams for argument in ("-f", "lavfi", "-i", made)]
    if taken.is_chain:
        graph = f"[0:0]{graph}"
    for i in range(len(taken.streams)):
        graph = graph.replace(f"[s{i}]", f"[{i}:0]")
    argv = [str(FFMPEG), "-nostdin", "-v", "error", *inputs, "-filter_complex", f"{graph}[out]", "-map", "[out]"]
    done = subprocess.run([*argv, "-t", "0.1", "-f", "null", "-"], capture_output=True, text=True, cwd=folder)
    return f"{graph}: {done.stderr}" if done.returncode else ""


def filtered(steps: tuple[Step, ...]) -> Iterator[tuple[Step, Encoded]]:
    return ((step, s) for step in steps for w in step.writes for s in w.streams if s.taken.filters and s.taken.streams)


@pytest.mark.parametrize(
    "name", [name for name in CASES if re.match("transcode-(?!mono|transparent|rot|subtitles)", name)]
)
def test_the_filters_of_golden_steps_are_read(name: str, folder: Path) -> None:
    source, outputs = CASES[name]
    made = with_others(job(INPUT, *({"name": f"o{i}"} | output for i, output in enumerate(outputs))))
    steps = planning.graph(made, source, others=OTHERS).steps
    assert [told for step, stream in filtered(steps) if (told := run(step, stream, source, folder))] == []


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(transcodes)
def test_the_filters_of_any_transcode_are_read(folder: Path, spec: dict[str, Any]) -> None:
    for large in ("width", "height"):  # for time's sake
        if spec.get("video", {}).get(large, 0) > 640:
            spec["video"][large] = 640
    source = CASES["transcode-hdr"][0]
    made = job(INPUT, {"name": "out", "transcode": spec})
    assume(accepted(made))
    try:
        steps = planning.graph(made, source).steps
    except AttemptFailed:
        assume(False)
    assert [told for step, stream in filtered(steps) if (told := run(step, stream, source, folder))] == []
