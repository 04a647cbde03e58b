"""Options of transcodes through real workers: several inputs, two passes, texts, and chunks that have them."""

import json
import subprocess
from pathlib import Path

from store.kit import TENANT
from worker import test_worker_media
from worker.test_worker_media import SPREAD, Media

from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.storage.uris import file_uri
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Output
from reelmill.v1.operations_pb2 import Transcode, VideoSettings
from reelmill.v1.overlays_pb2 import Overlay

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
WORDS = Overlay(text=Overlay.Text(text="it's %{n}: 100%"), position=Overlay.TOP)
MARK = Overlay(image=Overlay.Image(input="second"), position=Overlay.BOTTOM_RIGHT)
TWICE = Output(
    name="twice",
    optional=True,
    transcode=Transcode(video=VideoSettings(height=90, bitrate_bps=200_000, two_pass=True), overlays=[WORDS]),
)
MARKED = Output(name="marked", transcode=Transcode(video=VideoSettings(height=90), overlays=[MARK, WORDS]))


def logo(media: Media) -> Path:
    made = media.folder / "logo.png"
    argv = [str(find_ffmpeg()), "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:size=32x16", "-frames:v", "1"]
    subprocess.run([*argv, str(made)], check=True)
    return made


async def test_marks_words_and_two_passes_go_through_a_worker_that_spreads_them(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True, worth=SPREAD)
    new = await media.submit(TWICE, MARKED, source=[file_uri(source), file_uri(logo(media))])
    job = await media.rig.until(new, "COMPLETED", "FAILED")
    assert {o.name: (len(o.files), o.error.code) for o in job.outputs} == {"twice": (1, ""), "marked": (1, "")}, job
    lines = await media.rig.store.jobs.logs(TENANT, new.id, after=0, limit=99)
    commands = [line.command for line in lines if line.command]
    assert sum("-pass 1" in one for one in commands) == sum("-pass 2" in one for one in commands) == 1
    assert media.left() == []


async def test_chunks_have_fades_and_words_where_the_film_has_them(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True)
    spec = Transcode(chunk_seconds=2, fade_in_seconds=3, overlays=[WORDS], container=Transcode.TS)
    job = await media.rig.until(await media.submit(Output(name="film", transcode=spec), source=source), "COMPLETED")
    assert [file.path for file in job.outputs[0].files] == ["film.ts"]
    rows = await media.rig.store.rows("SELECT kind, convert_from(spec, 'utf8') spec FROM tasks ORDER BY id")
    pieces = [json.loads(row["spec"] or "{}") for row in rows if row["kind"] == "make_piece"]
    assert sum("chunk" in piece for piece in pieces) == 2 and sum("sound" in piece for piece in pieces) == 1
