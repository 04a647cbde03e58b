"""How it is shown what outputs found out, and what was measured of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from reelmill.v1.analysis_pb2 import Analysis, Measured
    from reelmill.v1.jobs_pb2 import Job, Output


def findings_view(job: "Job") -> Table | None:
    """A line for each thing that is known of an output beside its files; None where there are none."""
    table = Table(box=None, pad_edge=False)
    for heading in ("OUTPUT", "FOUND", ""):
        table.add_column(heading)
    for output in job.outputs:
        for what, value in _lines(output):
            table.add_row(Text(output.name), Text(what), Text(value))
    return table if table.row_count else None


def _lines(output: "Output") -> Iterator[tuple[str, str]]:
    from reelmill.v1.analysis_pb2 import Compare

    if output.result.HasField("analysis"):
        yield from _analysis(output.result.analysis)
    for score in output.result.comparison.scores:
        name = Compare.Metric.Name(score.metric)
        yield name, f"{score.mean:.4g}, at least {score.lowest:.4g} (at {score.lowest_seconds:.2f} s)"
    if output.HasField("measured"):
        yield from _measured(output.measured)


def _analysis(found: "Analysis") -> Iterator[tuple[str, str]]:
    for what, count in (
        ("black", found.black_count),
        ("standing pictures", found.freeze_count),
        ("silences", found.silence_count),
        ("cuts", found.scene_count),
    ):
        if count:
            yield what, str(count)
    if found.HasField("loudness"):
        yield "loudness", f"{found.loudness.integrated_lufs:.1f} LUFS, {found.loudness.true_peak_dbtp:.1f} dBTP"
    if found.HasField("crop"):
        yield "picture", f"{found.crop.width} × {found.crop.height} at {found.crop.left}, {found.crop.top}"
    if found.HasField("interlacing"):
        yield "fields", "interlaced" if found.interlacing.interlaced else "none"


def _measured(found: "Measured") -> Iterator[tuple[str, str]]:
    if found.HasField("input_loudness"):
        yield "loudness before", f"{found.input_loudness.integrated_lufs:.1f} LUFS, changed by {found.gain_db:+.1f} dB"
    if found.HasField("vmaf"):
        yield "VMAF against the input", f"{found.vmaf:.1f}"
    for miss in found.misses:
        yield f"misses {miss.field}", f"{miss.found} instead of {miss.wanted}"
