"""How much a picture is like the one that it was made of, frame by frame: the filters that measure. Pure.

Both pictures are brought to the size of the reference, as VMAF's authors do (Netflix/vmaf, docs/faq.md), and to full
frames of standard range, as an encode of it would see them. A frame is held against the one that is next to it in time.
The models and XPSNR are those of the static ffmpeg (libvmaf, ITU-T and Fraunhofer HHI).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.media import seeing
from reelmill.media.mastering import WORK
from reelmill.media.steps import Encoded, Kind, Reading, Taken, Writing
from reelmill.v1.analysis_pb2 import Compare

FILTERS = frozenset({"psnr", "ssim", "xpsnr", "libvmaf", "split", "metadata", "format", "setpts", "settb", "null"})
"""FFmpeg's filters that may stand in what is made here."""
RARE = frozenset({"libvmaf", "xpsnr"})
"""Those that an ffmpeg of one's own may lack: a worker starts without them, and what needs them fails there."""
ENCODERS = frozenset({"wrapped_avframe"})
DEFAULT = (Compare.VMAF, Compare.PSNR, Compare.SSIM)
CPU_A_PIXEL = {Compare.VMAF: 60.0, Compare.VMAF_NEG: 60.0, Compare.PSNR: 1.0, Compare.SSIM: 4.0, Compare.XPSNR: 6.0}
"""Nanoseconds of a core for each pixel of the reference."""
_ALWAYS = 0.25  # of VMAF, that is taken of each frame, whether it is measured or not: what moved since the last one
SCORES = ".vmaf.csv"
"""The end of the name of what libvmaf writes."""
BYTES_A_PIXEL = 160
"""Of memory: frames of both, and what libvmaf keeps."""
_MODELS = {
    Compare.VMAF: "version=vmaf_v0.6.1\\\\:name=vmaf",
    Compare.VMAF_NEG: "version=vmaf_v0.6.1neg\\\\:name=vmaf_neg",
}
_PIXELS = "format=yuv420p"
_PAIRED = "ts_sync_mode=nearest:shortest=1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two pictures."""

    reading: Reading
    stream: int
    filters: tuple[str, ...]
    """That bring it to the common size, and its times to the common beginning."""


def writings(
    name: str,
    output: str,
    made: Side,
    reference: Side,
    metrics: Sequence[Compare.Metric],
    threads: int,
    *,
    each: int = 1,
) -> tuple[tuple[Writing, ...], tuple[tuple[str, PurePosixPath], ...]]:
    """What a step with the two readings writes, and what of it the tool reads, by its names for that.

    `each`: VMAF is of one frame of so many.
    """
    printed, scores = PurePosixPath(WORK, f"{name}.compared.txt"), PurePosixPath(WORK, f"{name}{SCORES}")
    # psnr goes always: it tells when each frame is shown.
    metering = [f"psnr={_PAIRED}"]
    metering += [f"ssim={_PAIRED}"] if Compare.SSIM in metrics else []
    metering += [f"xpsnr={_PAIRED}"] if Compare.XPSNR in metrics else []
    models = [model for metric, model in _MODELS.items() if metric in metrics]
    if models:
        some = f":n_subsample={each}" if each > 1 else ""
        told = f"log_fmt=csv:log_path={scores}:n_threads={max(1, threads)}{some}"
        metering.append(f"libvmaf=model={'|'.join(models)}:{told}:{_PAIRED}")
    copies = "".join(f"[ref{i}]" for i in range(len(metering)))
    many = f"split={len(metering)}" if len(metering) > 1 else "null"
    chains = [
        f"[s0]{','.join((*made.filters, _PIXELS))}[main0]",
        f"[s1]{','.join((*reference.filters, _PIXELS, many))}{copies}",
        *(f"[main{i}][ref{i}]{one}[main{i + 1}]" for i, one in enumerate(metering)),
        f"[main{len(metering)}]metadata=mode=print:file={printed}",
    ]
    taken = Taken(streams=(made.stream, reference.stream), filters=";".join(chains), reading=(0, 1))
    writing = Writing(
        path=printed,
        streams=(Encoded(kind=Kind.VIDEO, taken=taken, encoder="wrapped_avframe"),),
        options=("-f", "null"),
        promised=(seeing.text(printed, output), *([seeing.text(scores, output)] if models else [])),
    )
    read = (("compared", printed), *((("vmaf", scores),) if models else ()))
    return (writing,), read


def cpu_seconds(width: int, height: int, frames: float, metrics: Sequence[Compare.Metric], *, each: int = 1) -> float:
    """Core-seconds of the measuring itself; `each` as in `writings`."""
    some = 1.0 if each == 1 else _ALWAYS + (1 - _ALWAYS) / each
    return some * sum(CPU_A_PIXEL[metric] for metric in metrics) * width * height * frames / 1e9
