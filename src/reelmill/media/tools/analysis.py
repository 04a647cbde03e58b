"""Reads what ffmpeg's filters printed of each frame (metadata=print), and writes what that means as JSON.

A program: `analysis.py SPEC SUMMARY WHOLE [NAME=PATH …]`, with SPEC as in `Spec`; SUMMARY has no more than SHOWN items
of a list, and WHOLE, unless it is NONE, has all. NAME is what a file tells: video (black,
freeze, scenes), blur, samples (crop, interlacing, signal range), sound (silence, loudness), packets (a framecrc of all
streams), compared (a film beside its reference) and vmaf (libvmaf's CSV of the same frames). The JSON has the names
of analysis.proto; see there for units. Lines are read one by one, however many there are, and lists end at MOST.
"""

import json
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from reelmill.media.tools.kit import run

NONE = "-"
"""In the place of WHOLE: there is to be none."""
MOST = 100_000
"""Stretches, or cuts, of a kind."""
SHOWN = 100
"""Of each kind in the summary."""
MOST_SECONDS = 1_000_000
"""Of packets' times that are looked at."""
_BINS = 100  # of a second, in which packets are counted
SILENT_LUFS, SILENT_DBTP = -70.0, -120.0
_FRAME, _LAVFI = "frame:", "lavfi."
_BEYOND = 0.01  # of the pixels, as EBU R 103 allows
_BLURRED = 0.9
_MOVES = 0.1  # of 100: a frame that differs more from the one before shows something else
_LINE_CHARACTERS = 10_000
_HAIR = 1e-6
Found = dict[str, Any]
Told = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What is asked for."""

    seconds: float = 0.0
    """How long the picture lasts: what has not ended by then ends with it."""
    sound_seconds: float = 0.0
    """As `seconds`, of the sound."""
    black_seconds: float = 0.5
    """The shortest black that counts."""
    freeze_seconds: float = 2.0
    """The shortest standing picture that counts."""
    bits: int = 8
    """Of each value of brightness."""
    looks: Sequence[str] = ()
    """What is told; see Analyze.Look."""
    missing: Sequence[str] = ()
    """What was asked for too, and could not be looked for."""


def frames(lines: Iterable[str]) -> Iterator[tuple[float, dict[str, str]]]:
    """Time and values of each frame, as `metadata=print` writes them, without the prefix lavfi."""
    time: float | None = None
    values: dict[str, str] = {}
    for line in lines:
        if line.startswith(_FRAME):
            if time is not None:
                yield time, values
            time, values = _number(line.rpartition("pts_time:")[2], 0.0), {}
        elif line.startswith(_LAVFI):
            name, _, value = line.rstrip().partition("=")
            values[name[len(_LAVFI) :]] = value
    if time is not None:
        yield time, values


def of_video(lines: Iterable[str], spec: Spec) -> Found:
    """Black, freeze and scenes.

    A picture stands still where no frame differs from the one before, and the last not from the first but for what an
    encoder betters in it: freezedetect sees to the latter, and alone it would begin anew with each bettering.
    """
    black, freeze, moves = Stretches(spec.black_seconds), Stretches(0.0), array("d")
    scenes: list[Found] = []
    cuts = 0
    for time, told in frames(lines):
        black.frame(told, "black_start", "black_end")
        freeze.frame(told, "freezedetect.freeze_start", "freezedetect.freeze_end")
        if _number(told.get("scd.mafd", ""), 0.0) >= _MOVES:
            moves.append(time)
        if "scd.time" in told:
            cuts += 1
            if cuts <= MOST:
                scenes.append({"time_seconds": _number(told["scd.time"], time), "score": _number(told["scd.score"], 0)})
    return {
        **_stretches("black", black, spec.seconds),
        **_stretches("freeze", freeze.cut_at(moves, spec.freeze_seconds, spec.seconds), spec.seconds),
        **{"scenes": scenes, "scene_count": cuts},
    }


def of_blur(lines: Iterable[str], spec: Spec) -> Found:
    """How blurred frames are; what has no edges does not count."""
    blurs = array("d")
    for _, told in frames(lines):
        blur = _number(told.get("blur", ""), math.nan)
        if math.isfinite(blur):
            blurs.append(blur)
    if not blurs:
        return {}
    ordered = sorted(blurs)
    return {"blur": {"mean": math.fsum(blurs) / len(blurs), "most": ordered[int(_BLURRED * (len(ordered) - 1))]}}


def of_samples(lines: Iterable[str], spec: Spec) -> Found:
    """Crop, interlacing and signal range; filters count on from frame to frame, so that the last one tells all."""
    crop: Found | None = None
    fields: Told = {}
    lowest, highest, beyond, count = math.inf, -math.inf, 0.0, 0
    for _, told in frames(lines):
        if "cropdetect.w" in told:
            crop = {key: int(_number(told[f"cropdetect.{key}"], 0)) for key in ("x", "y", "w", "h")}
        if "idet.multiple.progressive" in told:
            fields = told
        if "signalstats.YMIN" in told:
            count += 1
            lowest = min(lowest, _number(told["signalstats.YMIN"], math.inf))
            highest = max(highest, _number(told["signalstats.YMAX"], -math.inf))
            beyond += _number(told.get("signalstats.BRNG", ""), 0.0)
    found: Found = {}
    if crop and crop["w"] > 0 and crop["h"] > 0:
        found["crop"] = {"left": crop["x"], "top": crop["y"], "width": crop["w"], "height": crop["h"]}
    if fields:
        names = {
            "progressive": "progressive",
            "top_first": "tff",
            "bottom_first": "bff",
            "undetermined": "undetermined",
        }
        counts = {name: int(_number(fields.get(f"idet.multiple.{key}", ""), 0)) for name, key in names.items()}
        interlaced = counts["top_first"] + counts["bottom_first"] > counts["progressive"]
        found["interlacing"] = {**{name: str(n) for name, n in counts.items()}, "interlaced": interlaced}
    if count and math.isfinite(lowest) and math.isfinite(highest):
        found["signal_range"] = {
            "lowest": lowest,
            "highest": highest,
            "bits": spec.bits,
            "beyond_limits": beyond / count > _BEYOND,
        }
    return found


def of_sound(lines: Iterable[str], spec: Spec) -> Found:
    """Silence and loudness."""
    silence, last = Stretches(0.0), {}
    for _, told in frames(lines):
        silence.frame(told, "silence_start", "silence_end")
        if "r128.I" in told:
            last = told
    return {**_stretches("silence", silence, spec.sound_seconds), "loudness": levels(last)}


def levels(told: Told) -> dict[str, float]:
    """What ebur128 said with its last frame; nothing: of what is silent."""
    peak = _number(told.get("r128.true_peak", ""), 0.0)
    return {
        "integrated_lufs": max(SILENT_LUFS, _number(told.get("r128.I", ""), SILENT_LUFS)),
        "range_lu": _number(told.get("r128.LRA", ""), 0.0),
        "true_peak_dbtp": max(SILENT_DBTP, 20 * math.log10(peak)) if peak > 0 else SILENT_DBTP,
    }


def of_packets(lines: Iterable[str], spec: Spec) -> Found:
    """The most bits of any second that begins at a hundredth of one: of packets by their times, of all streams."""
    clocks: dict[int, float] = {}
    sizes = array("q")
    for line in lines:
        if line.startswith("#tb "):  # "#tb 0: 1/12800"
            number, _, clock = line[4:].partition(":")
            numerator, _, denominator = clock.partition("/")
            clocks[int(_number(number, 0.0))] = _number(numerator, 0.0) / max(1.0, _number(denominator, 1.0))
        parts = line.split(",")
        if line.startswith("#") or len(parts) < 5:
            continue
        with suppress(ValueError, KeyError, OverflowError):
            time, size = int(parts[1]) * clocks[int(parts[0])], int(parts[4])
            at = math.floor(max(0.0, min(time, MOST_SECONDS)) * _BINS + 1e-6)
            if at >= len(sizes):
                sizes.frombytes(bytes(8 * (at + 1 - len(sizes))))
            sizes[at] += size
    most = total = 0
    for at, size in enumerate(sizes):
        total += size - (sizes[at - _BINS] if at >= _BINS else 0)
        most = max(most, total)
    return {"peak_bitrate_bps": str(most * 8)}


_SCORES = {"PSNR": ("psnr.psnr.y", 100.0), "SSIM": ("ssim.Y", 1.0), "XPSNR": ("xpsnr.xpsnr.y", 100.0)}
_COLUMNS = {"VMAF": "vmaf", "VMAF_NEG": "vmaf_neg"}
_DIGITS = 9


def of_compared(lines: Iterable[str], vmaf: Iterable[str], spec: Spec) -> Found:
    """Scores pooled over all frames, and those of each frame."""
    times = array("d")
    columns: dict[str, array[float]] = {name: array("d") for name in spec.looks}
    for time, told in frames(lines):
        times.append(time)
        for name in spec.looks:
            if name in _SCORES:
                key, most = _SCORES[name]
                columns[name].append(min(most, _number(told.get(key, ""), most)))
    rows = iter(vmaf)
    heading = next(rows, "").rstrip().split(",")
    places = {name: heading.index(_COLUMNS[name]) for name in spec.looks if _COLUMNS.get(name) in heading}
    for row in rows:
        values = row.split(",")
        for name, at in places.items():
            if at < len(values):
                columns[name].append(_number(values[at], 0.0))
    return {
        "scores": [pooled(name, columns[name], times) for name in spec.looks if columns[name]],
        "frames": str(len(times)),
        "each": {"time_seconds": times, **{name.lower(): columns[name] for name in spec.looks}},
    }


def pooled(name: str, values: Sequence[float], times: Sequence[float]) -> Found:
    """One score of all frames. The harmonic mean is that of value + 1, as libvmaf pools, for a value may be 0."""
    ordered = sorted(values)
    lowest = min(range(len(values)), key=values.__getitem__)
    return {
        "metric": name,
        "mean": math.fsum(values) / len(values),
        "harmonic_mean": len(values) / math.fsum(1 / (max(0.0, value) + 1) for value in values) - 1,
        "percentile_1": ordered[int(0.01 * len(ordered))],
        "percentile_5": ordered[int(0.05 * len(ordered))],
        "lowest": ordered[0],
        "lowest_seconds": times[lowest] if lowest < len(times) else 0.0,
    }


class Stretches:
    """Stretches that a filter tells by their beginnings and ends."""

    def __init__(self, least_seconds: float) -> None:
        self._least = least_seconds
        self._began: float | None = None
        self.found: list[dict[str, float]] = []
        self.count = 0

    def frame(self, told: Told, start: str, end: str) -> None:
        """A frame may end one and begin another."""
        if end in told:
            self._end(_number(told[end], 0.0))
        if start in told:
            self._began = _number(told[start], 0.0)

    def cut_at(self, times: Sequence[float], least_seconds: float, seconds: float) -> "Stretches":
        """Those that are left where each ends, and another begins, at `times`, which ascend."""
        made = Stretches(least_seconds)
        for one in self.all(seconds):
            start, end = one["start_seconds"], one["end_seconds"]
            inside = times[bisect_right(times, start + _HAIR) : bisect_left(times, end - _HAIR)]
            for a, b in pairwise((start, *inside, end)):
                made.add(a, b)
        return made

    def add(self, start: float, end: float) -> None:
        """One more."""
        self._began = start
        self._end(end)

    def all(self, seconds: float) -> list[dict[str, float]]:
        """All of them; what has not ended does so after `seconds`, where the file ends."""
        if self._began is not None and seconds > self._began:
            self._end(seconds)
        return self.found

    def _end(self, time: float) -> None:
        began, self._began = self._began, None
        # Ends are those of frames, and lengths are asked for in seconds: half a millisecond is none.
        if began is None or time - began < self._least - 0.0005:
            return
        self.count += 1
        if self.count <= MOST:
            self.found.append({"start_seconds": max(0.0, began), "end_seconds": time})


def _stretches(name: str, found: Stretches, seconds: float) -> Found:
    return {name: found.all(seconds), f"{name}_count": found.count}


def _number(text: str, otherwise: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return otherwise if math.isnan(value) else value


_LOOKS = {
    "black": "BLACK",
    "freeze": "FREEZE",
    "scenes": "SCENES",
    "blur": "BLUR",
    "crop": "CROP",
    "interlacing": "INTERLACING",
    "signal_range": "SIGNAL_RANGE",
    "silence": "SILENCE",
    "loudness": "LOUDNESS",
}
_COUNTS = {"black_count": "BLACK", "freeze_count": "FREEZE", "silence_count": "SILENCE", "scene_count": "SCENES"}
_READERS: dict[str, Callable[[Iterable[str], Spec], Found]] = {
    "video": of_video,
    "blur": of_blur,
    "samples": of_samples,
    "sound": of_sound,
    "packets": of_packets,
}


def wanted(found: Found, spec: Spec) -> Found:
    """What of it is asked for."""
    looks = _LOOKS | _COUNTS
    return {name: value for name, value in found.items() if name not in looks or looks[name] in spec.looks}


def main() -> None:
    """Read the files, write the JSON."""
    run(work)


def work(arguments: Sequence[str]) -> None:
    """As main() does with those of the command line."""
    spec, summary, whole = Spec(**json.loads(arguments[0])), *arguments[1:3]
    paths = {name: Path(path) for name, path in (argument.split("=", 1) for argument in arguments[3:])}
    found: Found = {}
    for name, read in _READERS.items():
        if name in paths:
            found |= read(_lines(paths[name]), spec)
    if "compared" in paths:
        scores = _lines(paths["vmaf"]) if "vmaf" in paths else iter(())
        found |= of_compared(_lines(paths["compared"]), scores, spec)
    told = wanted(found, spec) | ({"missing": spec.missing} if spec.missing else {})
    short = {name: value[:SHOWN] if isinstance(value, list) else value for name, value in told.items()}
    short.pop("each", None)
    Path(summary).write_text(_json(short))
    if whole != NONE:
        with Path(whole).open("w") as file:
            file.writelines(written(told))


def written(found: Found) -> Iterator[str]:
    """Pieces of the whole's JSON: numbers of all frames one after the other, and not as objects all at once."""
    each: dict[str, array[float]] = found.get("each", {})
    head = _json({name: value for name, value in found.items() if name != "each"})
    if not each:
        yield head
        return
    yield f'{head[:-1]},"each":{{'
    for i, (name, values) in enumerate(each.items()):
        yield f'{"," if i else ""}"{name}":['
        for at in range(0, len(values), 4096):
            part = values[at : at + 4096]
            yield ("," if at else "") + ",".join(f"{value:.{_DIGITS}g}" for value in part)
        yield "]"
    yield "}}"


def _json(told: Found) -> str:
    return json.dumps(told, allow_nan=False, separators=(",", ":"))


def _lines(path: Path) -> Iterator[str]:
    """None is longer than some."""
    with path.open(errors="replace") as file:
        while line := file.readline(_LINE_CHARACTERS):
            yield line
